use super::*;
use crate::error::ErrorKind;
use crate::observed::Observed;
use crate::query::Query;

fn seen() -> Observed {
    Observed::none("2026-12-01T12:00:00Z".parse().expect("a moment"))
}

/// Stores and opens a lab, and holds every answer of the two against each other.
fn opened(lab: &Lab) -> (String, Lab) {
    let stored = lab.to_private_json();
    let again = Lab::from_json(&stored).expect("what was stored");
    assert_eq!((again.name(), again.root()), (lab.name(), lab.root()));
    for question in [
        "posture",
        "services",
        "report",
        "report rules=+hardening",
        "diagnostics",
        "systems",
        "projects",
        "files",
    ] {
        let query: Query = question.parse().expect(question);
        let answer = |lab: &Lab| query.answer(lab, &seen()).expect(question).to_json();
        assert_eq!(answer(&again), answer(lab), "{question}");
    }
    (stored, again)
}

const COMPOSE: &str = "\
services:
  app:
    image: ghcr.io/example/app:1.2
    ports: ['127.0.0.1:8080:80']
    environment:
      DATABASE_URL: postgres://app:tJ8wq0RkzP@db/app
      API_TOKEN: ${API_TOKEN}
      SIGNING_KEY: ${OTHER:-fallback-7hQx}
      WEBHOOK_SECRET_URL: https://hooks.example.org/in/Zk93kdlsmwW02kdmslq1
      GREETING: hello
    labels:
      - traefik.http.routers.app.rule=Host(`app.example.org`)
      - traefik.http.middlewares.guard.basicauth.users=admin:$$apr1$$mN3kq$$Yt6fPzLwQe
    command: [\"serve\", \"--password\", \"nq5Vd81kR\", '--level', info]
  db:
    image: postgres:18
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: tJ8wq0RkzP, TZ: UTC }
  old:
    image: mariadb:11
    environment:
      - MARIADB_ROOT_PASSWORD=changeme
      - \"MARIADB_PASSWORD=pu8Qw72mZ\"
      - MARIADB_USER=old
    secrets: [token]
secrets:
  token:
    file: ./token.txt
";

const ENVIRONMENT: &str = "\
# Made on Sunday.
API_TOKEN='wK4hT9vbn2Lq'
export SMTP_PASSWORD=\"r8Xc5 Jm2p\"  # of the provider
CODE_OF_THE_DOOR=4711-0815
TZ=Europe/Vienna
SESSION_KEY=/k9FdQw83LmPzX7aB2
";

const PATTERN: &str = "\
[slots.API_TOKEN]
secret = true
[slots.CODE_OF_THE_DOOR]
secret = true
";

fn lab() -> Lab {
    Lab::from_texts(
        "home",
        [
            ("app/compose.yaml", COMPOSE),
            ("app/.env", ENVIRONMENT),
            ("lab.toml", PATTERN),
            ("instance.toml", "[hosts.nas]\naddresses = ['192.0.2.10']\n"),
            (
                "app/settings.yaml",
                "smtp:\n  password: |\n    bW3nR7xq\n    second\n  port: 25\ntls_key: -----BEGIN PRIVATE KEY-----\n  MIIEvQIB\n  -----END PRIVATE KEY-----\n",
            ),
            (
                "app/config.json",
                "{\"apiKey\": \"Lm4Kq8Vw\", \"port\": 80, \"tokens\": 4096}",
            ),
        ],
    )
}

#[test]
fn a_stored_lab_answers_as_the_lab_itself_and_holds_no_secret() {
    let (stored, again) = opened(&lab());
    for secret in [
        "tJ8wq0RkzP",
        "fallback-7hQx",
        "Zk93kdlsmwW02kdmslq1",
        "mN3kq",
        "Yt6fPzLwQe",
        "nq5Vd81kR",
        "changeme",
        "pu8Qw72mZ",
        "wK4hT9vbn2Lq",
        "r8Xc5",
        "Jm2p",
        "4711",
        "0815",
        "k9FdQw83LmPzX7aB2",
        "bW3nR7xq",
        "second",
        "MIIEvQIB",
        "Lm4Kq8Vw",
    ] {
        assert!(!stored.contains(secret), "{secret} in {stored}");
    }
    for kept in [
        "192.0.2.10",
        "Europe/Vienna",
        "app.example.org",
        "hello",
        "4096",
        "./token.txt",
        "Made on Sunday.",
    ] {
        assert!(stored.contains(kept), "{kept} in {stored}");
    }
    opened(&again);
}

#[test]
fn places_are_the_same() {
    let (_, again) = opened(&lab());
    for (path, text) in [("app/compose.yaml", COMPOSE), ("app/.env", ENVIRONMENT)] {
        let own = again
            .manifest()
            .file(path)
            .and_then(|file| file.text())
            .expect(path);
        let lengths = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(lengths(own), lengths(text), "{own}");
    }
}

#[test]
fn what_is_on_the_disk_is_stored_too() {
    let folder = std::env::temp_dir().join(format!("homelab-stored-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("web")).expect("a folder");
    std::fs::write(
        folder.join("web/compose.yaml"),
        "services: { web: { image: nginx, env_file: [app.env] } }",
    )
    .expect("a file");
    std::fs::write(folder.join("web/app.env"), "TOKEN=xQ82mdkW\n").expect("a file");
    std::fs::write(folder.join("web/logo.png"), [0xff, 0xfe]).expect("a file");
    std::fs::write(folder.join("lab.toml"), [0xff, 0xfe]).expect("a file");
    std::fs::write(folder.join("large.yaml"), "services: {}\n".repeat(100_000)).expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc", folder.join("outside")).expect("a link");
    let lab = Lab::load(&folder).expect("a folder");
    std::fs::remove_dir_all(&folder).expect("to clean up");
    let (stored, _) = opened(&lab);
    assert!(!stored.contains("xQ82mdkW"));
    assert!(
        lab.diagnostics()
            .iter()
            .any(|finding| finding.rule().id == "lab.unreadable-file")
    );
}

#[test]
fn a_later_version_and_another_text_are_refused() {
    let stored = lab().to_private_json();
    let later = stored.replacen("\"version\":1", "\"version\":2,\"new\":[]", 1);
    let error = Lab::from_json(&later).expect_err("a later version");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("version 2"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("update")));
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"format\":\"homelab.lab\",\"version\":1}",
        "{\"format\":\"x\",\"version\":1}",
        &stored[..stored.len() / 2],
    ] {
        let error = Lab::from_json(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
    }
}

#[test]
fn a_later_field_is_passed_over() {
    let stored = lab()
        .to_private_json()
        .replacen("\"version\":1", "\"version\":1,\"new\":[1]", 1);
    assert_eq!(Lab::from_json(&stored).expect("known").services().len(), 3);
}

#[test]
fn passwords_of_addresses_are_left_out_wherever_they_stand() {
    let texts = [
        (
            "p/compose.yaml",
            "include: ['https://ann:zV81kRqnd5@git.example.org/x.git']\nservices:\n  proxy: {image: caddy:2, volumes: ['./Caddyfile:/etc/caddy/Caddyfile']}\n  made: {build: 'https://ann:zV81kRqnd5@git.example.org/y.git', env_file: 'https://ann:zV81kRqnd5@git.example.org/z.env'}\n",
        ),
        (
            "p/Caddyfile",
            "app.example.org {\n  reverse_proxy http://ann:zV81kRqnd5@app:80\n}\n",
        ),
        (
            "p/.env",
            "API_TOKEN zV81kRqnd5\n=zV81kRqnd5\n# a word about it\nPLAIN=as it is\n",
        ),
        (
            "q/compose.yaml",
            "services: {a: {image: nginx, labels: {homepage.widget.key: abc, homepage.widget.password: zV81kRqnd5}}}",
        ),
        ("instance.toml", "[hosts.nas]\nengine = 'tcp://:4711@nas:2375'\n"),
    ];
    let stored = Lab::from_texts(
        "home",
        texts.map(|(path, text)| (path.to_owned(), text.to_owned())),
    )
    .to_private_json();
    assert!(!stored.contains("zV81kRqnd5"), "{stored}");
    assert!(!stored.contains("4711"), "{stored}");
    assert!(stored.contains("@git.example.org"), "{stored}");
    assert!(stored.contains("http://ann:"), "{stored}");
    assert!(stored.contains("# a word about it\\nPLAIN=as it is"), "{stored}");
}

#[test]
fn where_a_secret_is_kept_is_none() {
    let places = ["env:BACKUP_KEY", "file:~/backup.key", "command:pass show backup"];
    for place in places {
        let text = format!(
            "[hosts.nas]\n[repositories.copies]\nkind = 'restic'\nlocation = '/srv/copies'\nhost = 'nas'\npassword = '{place}'\n"
        );
        let lab = Lab::from_texts(
            "home",
            [("instance.toml", text), ("p/compose.yaml", COMPOSE.to_owned())],
        );
        let (stored, _) = opened(&lab);
        assert!(stored.contains(place), "{stored}");
    }
}
