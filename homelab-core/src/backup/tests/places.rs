//! What fails together: places, disks, addresses and keys.

use super::*;

const TWO: &str = "[hosts.nas]
NAS
media = { tank = ['/mnt/tank'] }
[hosts.pi]
PI
[repositories.r]
kind = 'restic'
key_kept = ['a safe']
";

/// Returns the reasons of one repository's copy of the photos on the NAS, which is there and whole.
fn of(nas: &str, pi: &str, repository: &str) -> Vec<String> {
    let instance = TWO.replace("NAS", nas).replace("PI", pi) + repository;
    let pattern = "[datasets.photos]\nclass = 'irreplaceable'\nservices = ['photos']\n";
    let compose = "services: { app: { image: 'example/app:1', volumes: ['/mnt/tank/photos:/photos'] } }";
    let texts = [
        ("lab.toml", pattern),
        (
            "instance.toml",
            &*format!("{instance}\n[projects.photos]\nhosts = ['nas']\n"),
        ),
        ("photos/compose.yaml", compose),
    ];
    let lab = Lab::from_texts("home", texts);
    let photos = &lab.survival(&Observed::none(now())).verdicts()[0].clone();
    assert_eq!(
        photos.originals()[0].host.as_ref().map(|host| host.as_str()),
        Some("nas"),
        "{:?}",
        lab.diagnostics()
    );
    reasons(
        &lab,
        &seen([holdings("r", [snapshot(1, "/mnt/tank/photos")])]),
        "r",
    )
}

#[test]
fn the_originals_own_disk_is_no_other_place_whatever_is_said_of_it() {
    for nas in ["", "site = 'Home'", "site = 'house'"] {
        assert_eq!(
            of(
                nas,
                "",
                "host = 'nas'\nlocation = '/mnt/tank/restic'\nsite = 'elsewhere'"
            ),
            ["same_medium", "near: same_site"],
            "{nas}"
        );
    }
    let contradicts = |nas: &str| {
        let instance = format!(
            "[hosts.nas]\n{nas}\n[repositories.r]\nhost = 'nas'\nlocation = '/mnt/tank/restic'\nsite = 'elsewhere'"
        );
        let lab = Lab::from_texts("home", [("instance.toml", &*instance)]);
        lab.diagnostics()
            .iter()
            .any(|one| one.rule().id == "lab.contradiction")
    };
    assert!(contradicts("site = 'house'"));
    assert!(!contradicts("") && !contradicts("site = 'Elsewhere'"));
}

#[test]
fn an_unsaid_place_is_never_another() {
    let to_pi = "location = 'sftp:me@pi:/copies'";
    assert_eq!(of("site = 'Home'", "", to_pi), ["near: site_unknown"]);
    assert_eq!(of("", "", to_pi), ["near: site_unknown"]);
    assert_eq!(of("site = 'Home'", "site = 'home'", to_pi), ["near: same_site"]);
    assert!(of("site = 'Home'", "site = 'office'", to_pi).is_empty());
    assert!(
        of("", "", "location = 'b2:copies'").is_empty(),
        "nobody lives at a company that stores for others"
    );
}

#[test]
fn two_repositories_at_one_address_are_one() {
    let instance =
        |second: &str| INSTANCE.replace("kind = 'zfs'\nlocation = 'vault/copies'\nhost = 'nas'", second);
    let same = "kind = 'restic'\nlocation = 'b2:copies/'\nmedium = 'x'\nsite = 'far'\nkey_kept = ['a safe']";
    assert_eq!(
        counts(&lab(PHOTOS, &instance(same)), &seen(both())),
        (2, 2, 1, State::FallsShort)
    );
    assert_eq!(
        counts(
            &lab(PHOTOS, &instance(&same.replace("copies/", "others"))),
            &seen(both())
        )
        .0,
        3
    );
}

#[test]
fn a_key_is_where_its_machine_is() {
    let compose = "services: { vaultwarden: { image: 'example/vault:1' } }";
    let all = |key: &str, instance: &str| {
        let instance = instance.replace("['a safe']", key);
        let lab = Lab::from_texts(
            "home",
            [
                ("lab.toml", PHOTOS),
                ("instance.toml", &*instance),
                ("keys/compose.yaml", compose),
            ],
        );
        let survival = lab.survival(&seen(both()));
        let fate = survival.if_lost(Loss::House)[0].fate();
        (reasons(&lab, &seen(both()), "offsite"), fate)
    };
    for place in [
        "NAS",
        "nas.lan",
        "nas:/root/key",
        "Vaultwarden",
        "keys",
        "keys/vaultwarden",
        "/root/.restic-key",
        "~/key",
    ] {
        let (reasons, fate) = all(&format!("['{place}']"), INSTANCE);
        assert_eq!(reasons, ["key_lost", "near: key_lost"], "{place}");
        assert_eq!(fate, Fate::Lost, "{place}");
    }
    assert_eq!(all("['a safe']", INSTANCE), (Vec::new(), Fate::Perhaps));
    // What has a form without encryption may need its key.
    let borg = INSTANCE.replace("kind = 'restic'", "kind = 'borg'");
    assert_eq!(
        all("[]", &borg).0,
        ["encryption_unknown", "near: encryption_unknown"]
    );
    assert_eq!(all("[]", &borg).1, Fate::Perhaps);
}

#[test]
fn a_label_makes_no_other_disk_of_the_one_below_the_path() {
    let on = "host = 'nas'\nlocation = '/mnt/tank/restic'\n";
    assert_eq!(
        of("site = 'home'", "", &format!("{on}medium = 'usb'")),
        ["same_medium", "near: same_site"]
    );
    assert_eq!(
        of(
            "site = 'home'",
            "",
            "host = 'nas'\nlocation = '/mnt/usb/restic'\nmedium = ' TANK '"
        ),
        ["same_medium", "near: same_site"]
    );
    assert_eq!(
        of(
            "site = 'home'",
            "",
            "host = 'nas'\nlocation = '/mnt/usb/restic'\nmedium = 'usb'"
        ),
        ["near: same_site"]
    );
    let instance =
        format!("[hosts.nas]\nmedia = {{ tank = ['/mnt/tank'] }}\n[repositories.r]\n{on}medium = 'usb'\n");
    let lab = Lab::from_texts("home", [("instance.toml", &*instance)]);
    let says = |one: &Finding| one.rule().id == "lab.contradiction" && one.message().contains("`usb`");
    assert!(lab.diagnostics().iter().any(says), "{:?}", lab.diagnostics());
}

/// What is mounted from the machine that has the repository lies beside it.
#[test]
fn a_share_lies_where_it_is_shared_from() {
    let judged = |volume: &str, volumes: &str, path: &str, hosts: &str| {
        let compose = format!(
            "services: {{ app: {{ image: 'example/app:1', volumes: ['{volume}:/photos'] }} }}\n{volumes}"
        );
        let instance = format!(
            "[hosts.nas]\naddresses = ['192.0.2.20']\nmedia = {{ tank = ['/mnt/tank'], vault = ['/mnt/vault'] }}\n\
             [hosts.pi]\n{hosts}[repositories.r]\nkind = 'restic'\nkey_kept = ['a safe']\nhost = 'nas'\n\
             location = '{path}'\n[projects.photos]\nhosts = ['pi']\n"
        );
        let texts = [
            (
                "lab.toml",
                "[datasets.photos]\nclass = 'irreplaceable'\nservices = ['photos']\n",
            ),
            ("instance.toml", &*instance),
            ("photos/compose.yaml", &*compose),
        ];
        let lab = Lab::from_texts("home", texts);
        let mut held = snapshot(1, "/mnt");
        held.host = Some("pi".to_owned());
        held.volumes.push("photos/data".to_owned());
        reasons(&lab, &seen([holdings("r", [held])]), "r")
    };
    let nfs = "volumes: { data: { driver_opts: { type: nfs, o: 'addr=192.0.2.20,rw', device: ':/mnt/tank/photos' } } }";
    assert_eq!(
        judged("data", nfs, "/mnt/tank/restic", ""),
        ["same_medium", "near: same_site"]
    );
    assert_eq!(judged("data", nfs, "/mnt/vault/restic", ""), ["near: same_site"]);
    let smb = "volumes: { data: { driver_opts: { type: cifs, device: '//NAS/photos' } } }";
    assert_eq!(
        judged("data", smb, "/mnt/tank/restic", ""),
        ["medium_unknown", "near: same_site"]
    );
    for mounted in ["/mnt/nas/photos", "/mnt/nfs-photos"] {
        assert_eq!(
            judged(mounted, "", "/mnt/tank/restic", "")[0],
            "medium_unknown",
            "{mounted}"
        );
    }
    let said = "media = { usb = ['/mnt/nas'] }\n";
    assert_eq!(
        judged("/mnt/nas/photos", "", "/mnt/tank/restic", said),
        ["near: site_unknown"]
    );
    assert_eq!(
        judged("/mnt/usb/photos", "", "/mnt/tank/restic", ""),
        ["near: site_unknown"]
    );
}
