//! What a test may need of the machine, and whether it is there.
//!
//! A test that cannot run says which need is absent and is reported as ignored; it never returns early, which would
//! count as passed.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version of Docker Compose that we are compared with.
pub const COMPOSE_VERSION: &str = "2.40.3";

/// Something of the machine that a test may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Headless Chromium, to look at the HTML report.
    Chromium,
    /// The docker-compose binary of [`COMPOSE_VERSION`].
    Compose,
    /// The folder of Compose files and what Docker Compose says of them: `HOMELAB_CORPUS`.
    Corpus,
    /// A Docker engine that answers.
    Docker,
    /// Debian's Docker Engine 20.10, started by `tests/engines.py`.
    Docker20,
    /// The newest Docker Engine, started by `tests/engines.py`.
    DockerNew,
    /// git, and that this folder is a working copy.
    Git,
    /// The Go toolchain.
    Go,
    /// The folder of golden files of other projects: `HOMELAB_GOLDEN`.
    Golden,
    /// To be allowed network and process namespaces of one's own, and the programs `unshare`, `nsenter` and `ip`.
    Namespaces,
    /// Podman, started by `tests/engines.py`.
    Podman,
    /// Python 3.
    Python,
    /// Debian's image registry.
    Registry,
    /// restic, whatever its version.
    Restic,
    /// To be the superuser.
    Root,
    /// OpenSSH: its server, and its client.
    Ssh,
}

impl Need {
    /// Every need that there is.
    pub const ALL: [Need; 16] = [
        Need::Chromium,
        Need::Compose,
        Need::Corpus,
        Need::Docker,
        Need::Docker20,
        Need::DockerNew,
        Need::Git,
        Need::Go,
        Need::Golden,
        Need::Namespaces,
        Need::Podman,
        Need::Python,
        Need::Registry,
        Need::Restic,
        Need::Root,
        Need::Ssh,
    ];

    /// Returns the need's word, as `./test` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Need::Chromium => "chromium",
            Need::Compose => "compose",
            Need::Corpus => "corpus",
            Need::Docker => "docker",
            Need::Docker20 => "docker-20",
            Need::DockerNew => "docker-new",
            Need::Git => "git",
            Need::Go => "go",
            Need::Golden => "golden",
            Need::Namespaces => "namespaces",
            Need::Podman => "podman",
            Need::Python => "python",
            Need::Registry => "registry",
            Need::Restic => "restic",
            Need::Root => "root",
            Need::Ssh => "ssh",
        }
    }

    /// Looks whether it is there, and returns why not.
    pub fn probe(self) -> Result<(), String> {
        match self {
            Need::Chromium => runs("chromium", &["--version"]),
            Need::Compose => compose().map(|_| ()),
            Need::Corpus => folder("HOMELAB_CORPUS", "truth.jsonl").map(|_| ()),
            Need::Docker => runs("docker", &["info"]),
            Need::Docker20 | Need::DockerNew | Need::Podman => engine(self).map(|_| ()),
            Need::Git => {
                runs("git", &["--version"])?;
                match repository().join(".git").exists() {
                    true => Ok(()),
                    false => Err("this folder is not a git working copy".to_owned()),
                }
            }
            Need::Go => runs("go", &["version"]),
            Need::Golden => folder("HOMELAB_GOLDEN", "").map(|_| ()),
            Need::Namespaces => {
                runs("nsenter", &["--version"])?;
                runs(
                    "unshare",
                    &[
                        "--net",
                        "--pid",
                        "--fork",
                        "--kill-child",
                        "--mount-proc",
                        "ip",
                        "link",
                    ],
                )
            }
            Need::Python => runs("python3", &["--version"]),
            Need::Registry => runs("docker-registry", &["--version"]),
            Need::Restic => runs("restic", &["version"]),
            Need::Root => match said("id", &["-u"])?.as_str() {
                "0" => Ok(()),
                other => Err(format!("runs as user {other}")),
            },
            Need::Ssh => {
                runs("ssh", &["-V"])?;
                match Path::new("/usr/sbin/sshd").is_file() {
                    true => Ok(()),
                    false => Err("openssh-server is not installed".to_owned()),
                }
            }
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the folder of the whole repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Returns the folder of the corpus.
pub fn corpus() -> Result<PathBuf, String> {
    folder("HOMELAB_CORPUS", "truth.jsonl")
}

/// Returns the address of a real engine that `tests/engines.py` has started.
pub fn engine(need: Need) -> Result<String, String> {
    let all = env::var("HOMELAB_ENGINES").map_err(|_| "`tests/engines.py` has started none".to_owned())?;
    let mut pairs = all.split(' ').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|pair| pair.0 == need.as_str())
        .map(|pair| pair.1.to_owned())
        .ok_or_else(|| "`tests/engines.py` could not start it here".to_owned())
}

/// Returns the folder of golden files.
pub fn golden() -> Result<PathBuf, String> {
    folder("HOMELAB_GOLDEN", "")
}

/// Returns the docker-compose binary: `$HOMELAB_COMPOSE`, else the one that `./test --install` fetched.
pub fn compose() -> Result<PathBuf, String> {
    let binary = match env::var_os("HOMELAB_COMPOSE") {
        Some(path) => PathBuf::from(path),
        None => repository().join(format!(".cache/compose-{COMPOSE_VERSION}/docker-compose")),
    };
    if !binary.is_file() {
        return Err(format!(
            "docker-compose {COMPOSE_VERSION} is not there (`./test --install` fetches it)"
        ));
    }
    match said(&binary.to_string_lossy(), &["version", "--short"])?.trim_start_matches('v') {
        COMPOSE_VERSION => Ok(binary),
        other => Err(format!("docker-compose is {other}, not {COMPOSE_VERSION}")),
    }
}

fn folder(variable: &str, holds: &str) -> Result<PathBuf, String> {
    let folder = env::var_os(variable)
        .map(PathBuf::from)
        .ok_or(format!("{variable} is not set"))?;
    match folder.join(holds).exists() {
        true => Ok(folder),
        false => Err(format!("{variable} names a folder without {holds}")),
    }
}

fn runs(program: &str, arguments: &[&str]) -> Result<(), String> {
    said(program, arguments).map(|_| ())
}

/// Runs a program, and returns the first line of what it said.
fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|_| format!("`{program}` is not installed"))?;
    if !output.status.success() {
        return Err(format!("`{program} {}` fails", arguments.join(" ")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_need_has_its_own_word() {
        let words: BTreeSet<&str> = Need::ALL.iter().map(|need| need.as_str()).collect();
        assert_eq!(words.len(), Need::ALL.len());
    }

    #[test]
    fn what_is_not_installed_is_absent() {
        assert!(runs("homelab-no-such-program", &[]).is_err());
        assert!(folder("HOMELAB_NO_SUCH_VARIABLE", "").is_err());
    }
}
