//! An engine that is reached by ssh: a server of this test's own, with keys of its own, on a port of this machine only.

use std::env;
use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use homelab_core::engine::{EngineExt as _, Engines, ExecOptions, LogOptions};
use homelab_core::{ErrorKind, Lab};
use homelab_tests::needs::{Need, engine};

use super::{LIMIT, Real, ensure, text};

const NAME: &str = "engines::an_engine_is_reached_by_ssh";

/// Which server the other process is to ask, and what is to come of it: `HOST WORD CONTAINER`.
const ASKED: &str = "HOMELAB_BY_SSH";

fn said(error: std::io::Error) -> String {
    error.to_string()
}

/// A server, its keys, and a folder with an `ssh` that knows only those.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Server {
    fn start(engine: &str) -> Result<Server, String> {
        let folder = tempfile::tempdir().map_err(said)?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        for key in ["host", "other-host", "user", "other-user"] {
            let words = ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", &at(key)];
            let made = Command::new("ssh-keygen").args(words).status().map_err(said)?;
            ensure(made.success(), || format!("no key `{key}` is made"))?;
        }
        // They are free a moment later too, unless somebody is quick: then the server says so.
        let listen = || TcpListener::bind("127.0.0.1:0").map_err(said);
        let (first, second) = (listen()?, listen()?);
        let port = first.local_addr().map_err(said)?.port();
        let free = second.local_addr().map_err(said)?.port();
        drop((first, second));
        let settings = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             MaxSessions 100\nMaxStartups 100\nSetEnv DOCKER_HOST={engine}\n",
            at("host"),
            at("authorized")
        );
        fs::write(at("settings"), settings).map_err(said)?;
        fs::create_dir(at("bin")).map_err(said)?;
        // What people write in ~/.ssh/config, without touching theirs.
        let config = format!(
            "Host reached\n  Port {port}\nHost nobody\n  Port {free}\nHost *\n  HostName 127.0.0.1\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            at("user"),
            at("known")
        );
        fs::write(at("config"), config).map_err(said)?;
        let ssh = at("bin/ssh");
        fs::write(
            &ssh,
            format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", at("config")),
        )
        .map_err(said)?;
        fs::set_permissions(&ssh, Permissions::from_mode(0o755)).map_err(said)?;
        // Its own folder in /run, which is this server's alone. It ends with the shell.
        let inside = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f \"$1\"";
        let process = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", inside, "sh"])
            .arg(at("settings"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("log")).map_err(said)?)
            .spawn()
            .map_err(said)?;
        let mut server = Server {
            folder,
            port,
            process,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.process.try_wait().map_err(said)?.is_some();
            ensure(!ended && began.elapsed() < LIMIT, || {
                let log = fs::read_to_string(server.at("log")).unwrap_or_default();
                format!("the server does not start: {log}")
            })?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Says which host key is known, and whose key is let in.
    fn set(&self, host: &str, user: &str) -> Result<(), String> {
        let key = |name: &str| fs::read_to_string(self.at(&format!("{name}.pub"))).map_err(said);
        fs::write(
            self.at("known"),
            format!("[127.0.0.1]:{} {}", self.port, key(host)?),
        )
        .map_err(said)?;
        fs::write(self.at("authorized"), key(user)?).map_err(said)
    }

    /// Asks in a process of its own, whose `ssh` is the folder's.
    fn ask(&self, host: &str, word: &str, container: &str) -> Result<(), String> {
        let path = env::var("PATH").unwrap_or_default();
        let output = Command::new(env::current_exe().map_err(said)?)
            .args(["--exact", NAME])
            .env(ASKED, format!("{host} {word} {container}"))
            .env("PATH", format!("{}:{path}", self.at("bin").display()))
            .env_remove("HOMELAB_PRESENT")
            .stdin(Stdio::null())
            .output()
            .map_err(said)?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure(output.status.success() && told.contains("1 passed"), || {
            let log = fs::read_to_string(self.at("log")).unwrap_or_default();
            format!("{word}: {told}{}\n{log}", String::from_utf8_lossy(&output.stderr))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn an_engine_is_reached_by_ssh() -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(said)?;
    if let Ok(asked) = env::var(ASKED) {
        let words: Vec<&str> = asked.split(' ').collect();
        let [host, word, container] = words[..] else {
            return Err(format!("it is asked `{asked}`"));
        };
        return runtime.block_on(asked_by_ssh(host, word, container));
    }
    let address = engine(Need::Docker20)?;
    let real = runtime.block_on(Real::connect(address.clone(), "ssh"))?;
    let name = real.start("reached", &[], &["sh", "-c", "echo ready; exec sleep 600"])?;
    ensure(Path::new("/usr/bin/ssh").exists(), || {
        "there is no ssh".to_owned()
    })?;
    let server = Server::start(&address)?;
    server.set("host", "user")?;
    server.ask("reached", "reached", &name)?;
    server.set("other-host", "user")?;
    server.ask("reached", "changed", &name)?;
    server.set("host", "other-user")?;
    server.ask("reached", "refused", &name)?;
    server.ask("nobody", "nobody", &name)
}

/// What that process does.
async fn asked_by_ssh(host: &str, word: &str, container: &str) -> Result<(), String> {
    let instance = format!("[hosts.nas]\nengine = 'ssh://{host}'\n");
    let lab = Lab::from_texts("home", [("instance.toml", instance)]);
    let engines = Engines::of_lab(&lab, None).with_limit(LIMIT);
    if word == "reached" {
        return reached(&engines, container).await;
    }
    let error = engines.engine("nas").await.err().ok_or("it is reached")?;
    let (kind, part) = match word {
        "changed" => (ErrorKind::Unauthorised, "known_hosts"),
        "refused" => (ErrorKind::Unauthorised, "key"),
        _ => (ErrorKind::Unreachable, "nobody listens"),
    };
    let hint = error.hint().unwrap_or_default().to_owned();
    ensure(error.kind() == kind && hint.contains(part), || text(error))
}

async fn reached(engines: &Engines, container: &str) -> Result<(), String> {
    let inventory = engines.inventory().await;
    let nas = inventory.host("nas").ok_or("it is asked")?;
    ensure(nas.gaps.is_empty(), || format!("{:?}", nas.gaps))?;
    let seen = nas.containers.iter().flatten().any(|one| one.name == container);
    ensure(seen, || format!("it is not seen: {inventory}"))?;
    let nas = engines.engine("nas").await.map_err(text)?;
    // Bytes of all kinds, both ways.
    let bytes: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
    nas.write_file(container, "/tmp/bytes", 0o600, &bytes)
        .await
        .map_err(text)?;
    let ran = nas.run(container, ExecOptions::new(["cat", "/tmp/bytes"])).await;
    let ran = ran.map_err(text)?;
    ensure(ran.code == 0 && ran.stdout == bytes, || {
        format!("{} bytes came back", ran.stdout.len())
    })?;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let line = nas.logs(container, follow).next().await.map_err(text)?;
    ensure(line.as_ref().is_some_and(|line| line.text == "ready"), || {
        format!("{line:?}")
    })?;
    let mut changes = engines.watch();
    changes.next().await.ok_or("it is watched")?;
    nas.stop(container, Some(Duration::from_secs(1)))
        .await
        .map_err(text)?;
    let change = tokio::time::timeout(LIMIT, changes.next()).await;
    let change = change
        .map_err(|_| "no change is told")?
        .ok_or("the changes end")?;
    ensure(change.to_string().contains(container), || change.to_string())
}
