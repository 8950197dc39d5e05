//! Where an engine is to be reached: [`Endpoint`], from an address, the environment or a Docker context.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment and Docker's own files say where an engine is"
)]

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// Where Docker listens if it is not told otherwise.
const DOCKER: &str = "/var/run/docker.sock";

/// Where Podman listens when the superuser runs it.
const PODMAN: &str = "/run/podman/podman.sock";

/// Where an engine is to be reached, and as whom.
///
/// Written as in `DOCKER_HOST`: `unix:///var/run/docker.sock`, `tcp://192.0.2.10:2375`, `ssh://user@nas`,
/// `npipe:////./pipe/docker_engine`.
///
/// ```
/// use homelab_core::engine::docker::Endpoint;
///
/// let endpoint: Endpoint = "tcp://nas:2375".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://nas:2375");
/// assert!("nas:2375".parse::<Endpoint>().is_err(), "the scheme is missing");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: String,
    certificates: Option<PathBuf>,
}

impl Endpoint {
    /// Returns the endpoint with TLS, for which the folder has `ca.pem`, `cert.pem` and `key.pem`: who the engine is
    /// known by, and who asks.
    #[must_use]
    pub fn with_certificates(mut self, folder: impl Into<PathBuf>) -> Endpoint {
        self.certificates = Some(folder.into());
        self
    }

    /// Returns the folder of the certificates, if the connection is with TLS.
    pub fn certificates(&self) -> Option<&Path> {
        self.certificates.as_deref()
    }

    /// Returns the endpoint that Docker's own command would take: `DOCKER_HOST`, else the context that `DOCKER_CONTEXT`
    /// or `~/.docker/config.json` names, else Docker's socket on this machine, or where that is not there, Podman's.
    ///
    /// It reads the environment and files of Docker, and asks nobody.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where an address means nothing, or Docker's files cannot be read;
    /// [`ErrorKind::NotFound`] for a context that is not there.
    pub fn from_environment() -> Result<Endpoint> {
        Surroundings::of(|name| std::env::var_os(name)).endpoint()
    }

    /// Returns the endpoint of a Docker context, by its name.
    ///
    /// # Errors
    /// As for [`from_environment`](Endpoint::from_environment).
    pub fn of_context(name: &str) -> Result<Endpoint> {
        Surroundings::of(|name| std::env::var_os(name)).context(name)
    }

    /// Returns whether the engine is on this machine.
    #[cfg_attr(
        not(all(unix, feature = "tools")),
        expect(dead_code, reason = "asked by who runs programs")
    )]
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.parts().0, "unix" | "npipe")
    }

    /// Returns the scheme and what is behind it.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.address.split_once("://").unwrap_or(("", &self.address))
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Endpoint> {
        let known = ["unix", "npipe", "tcp", "http", "https", "ssh"];
        let valid = text
            .split_once("://")
            .is_some_and(|(scheme, rest)| known.contains(&scheme) && !rest.is_empty())
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if !valid {
            let message = format!("read the engine's address `{}`", text.escape_debug());
            return Err(Error::new(ErrorKind::Invalid, message).with_hint(
                "write `unix:///var/run/docker.sock`, `tcp://HOST:2375` or `ssh://USER@HOST`, as in `DOCKER_HOST`",
            ));
        }
        Ok(Endpoint {
            address: text.trim_end_matches('/').to_owned(),
            certificates: None,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// What of the environment says where an engine is.
#[derive(Debug, Default)]
struct Surroundings {
    host: Option<String>,
    context: Option<String>,
    /// Docker's own folder.
    config: Option<PathBuf>,
    /// The folder of certificates, where TLS is asked for.
    certificates: Option<PathBuf>,
    /// Sockets that may be there, best first.
    sockets: Vec<PathBuf>,
}

impl Surroundings {
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Surroundings {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let config = set("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker")));
        let certificates = set("DOCKER_TLS_VERIFY").and_then(|_| {
            set("DOCKER_CERT_PATH")
                .map(PathBuf::from)
                .or_else(|| config.clone())
        });
        let mut sockets = vec![PathBuf::from(DOCKER)];
        if let Some(runtime) = set("XDG_RUNTIME_DIR") {
            let runtime = Path::new(&runtime);
            sockets.extend([runtime.join("docker.sock"), runtime.join("podman/podman.sock")]);
        }
        sockets.push(PathBuf::from(PODMAN));
        Surroundings {
            host: text("DOCKER_HOST"),
            context: text("DOCKER_CONTEXT"),
            config,
            certificates,
            sockets,
        }
    }

    fn endpoint(&self) -> Result<Endpoint> {
        if let Some(host) = &self.host {
            let mut endpoint: Endpoint = host.parse()?;
            if matches!(endpoint.parts().0, "tcp" | "https") {
                endpoint.certificates.clone_from(&self.certificates);
            }
            return Ok(endpoint);
        }
        if let Some(name) = self.context.clone().or(self.chosen()?)
            && name != "default"
        {
            return self.context(&name);
        }
        if cfg!(windows) {
            return "npipe:////./pipe/docker_engine".parse();
        }
        let there = self.sockets.iter().find(|socket| socket.exists());
        // Where none is, the error says that Docker's own is missing.
        let socket = there.map_or(Path::new(DOCKER), PathBuf::as_path);
        format!("unix://{}", socket.display()).parse()
    }

    /// Returns the context that Docker's configuration names.
    fn chosen(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(rename = "currentContext")]
            current: Option<String>,
        }
        let Some(path) = self.config.as_deref().map(|folder| folder.join("config.json")) else {
            return Ok(None);
        };
        if !path.exists() {
            return Ok(None);
        }
        let config: Config = read(&path)?;
        Ok(config.current.filter(|name| !name.is_empty()))
    }

    /// Reads a context, which lies in a folder that is named by the SHA-256 of the context's name.
    fn context(&self, name: &str) -> Result<Endpoint> {
        #[derive(Deserialize)]
        struct Meta {
            #[serde(rename = "Endpoints")]
            endpoints: Endpoints,
        }
        #[derive(Deserialize)]
        struct Endpoints {
            docker: Docker,
        }
        #[derive(Deserialize)]
        struct Docker {
            #[serde(rename = "Host")]
            host: String,
        }
        let hash = Sha256::digest(name);
        let folder: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let contexts = self.config.as_deref().map(|config| config.join("contexts"));
        let meta = contexts
            .as_deref()
            .map(|contexts| contexts.join("meta").join(&folder).join("meta.json"));
        let Some(meta) = meta.filter(|meta| meta.exists()) else {
            let message = format!("find Docker's context `{}`", name.escape_debug());
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("`docker context ls` lists them; `DOCKER_HOST` needs none"));
        };
        let meta: Meta = read(&meta)?;
        let mut endpoint: Endpoint = meta.endpoints.docker.host.parse()?;
        endpoint.certificates = contexts
            .map(|contexts| contexts.join("tls").join(&folder).join("docker"))
            .filter(|folder| folder.is_dir());
        Ok(endpoint)
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let invalid = || Error::new(ErrorKind::Invalid, format!("read `{}`", path.display()));
    let text = std::fs::read(path).map_err(|error| invalid().with_source(error))?;
    serde_json::from_slice(&text).map_err(|error| {
        // Not the error itself: it may repeat what is in the file.
        invalid().with_hint(format!(
            "line {} is not as Docker writes it; `DOCKER_HOST` needs no such file",
            error.line()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(pairs: &[(&str, &Path)]) -> Surroundings {
        Surroundings::of(|name| {
            let pair = pairs.iter().find(|pair| pair.0 == name);
            pair.map(|pair| pair.1.as_os_str().to_owned())
        })
    }

    fn text(endpoint: Result<Endpoint>) -> String {
        endpoint.expect("an endpoint").to_string()
    }

    #[test]
    fn the_environment_comes_before_the_context_and_that_before_sockets() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        let docker = home.join(".docker");
        // `printf nas | sha256sum`.
        let sum = "047de0f543c7e3596bb6dbd0e65f2c30357720a63eca423f08c52fae314f6806";
        let meta = docker.join("contexts/meta").join(sum);
        let tls = docker.join("contexts/tls").join(sum).join("docker");
        std::fs::create_dir_all(&meta).expect("a folder");
        std::fs::create_dir_all(&tls).expect("a folder");
        let json = r#"{"Name":"nas","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://nas:2376","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), json).expect("a file");
        std::fs::write(
            docker.join("config.json"),
            r#"{"auths":{},"currentContext":"nas"}"#,
        )
        .expect("a file");

        let by_config = surroundings(&[("HOME", home)]).endpoint().expect("the context");
        assert_eq!(by_config.to_string(), "tcp://nas:2376");
        assert_eq!(by_config.certificates(), Some(tls.as_path()));
        let default = Path::new("default");
        let socket = home.join("podman/podman.sock");
        std::fs::create_dir_all(home.join("podman")).expect("a folder");
        std::fs::write(&socket, "").expect("a file");
        let local = surroundings(&[
            ("HOME", home),
            ("DOCKER_CONTEXT", default),
            ("XDG_RUNTIME_DIR", home),
        ]);
        let local = text(local.endpoint());
        // Whether this machine has Docker's own socket is not the test's to say.
        assert!(
            local == format!("unix://{}", socket.display()) || local == format!("unix://{DOCKER}"),
            "{local}"
        );
        let host = Path::new("tcp://192.0.2.1:2376");
        let by_host = surroundings(&[("HOME", home), ("DOCKER_HOST", host)]);
        assert_eq!(text(by_host.endpoint()), "tcp://192.0.2.1:2376");
        assert_eq!(by_host.endpoint().expect("an endpoint").certificates(), None);
        let with_tls = [
            ("HOME", home),
            ("DOCKER_HOST", host),
            ("DOCKER_TLS_VERIFY", Path::new("1")),
        ];
        let with_tls = surroundings(&with_tls).endpoint().expect("an endpoint");
        assert_eq!(with_tls.certificates(), Some(docker.as_path()));

        let missing = surroundings(&[("HOME", home), ("DOCKER_CONTEXT", Path::new("no"))]);
        let error = missing.endpoint().expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        std::fs::write(docker.join("config.json"), "{\"auths\": hunter2").expect("a file");
        let broken = surroundings(&[("HOME", home)]).endpoint().expect_err("broken");
        assert_eq!(broken.kind(), ErrorKind::Invalid);
        assert!(!format!("{broken:?}").contains("hunter2"));
    }

    #[test]
    fn an_address_without_a_scheme_is_refused_with_what_to_write() {
        for text in ["", "nas", "nas:2375", "ftp://nas", "unix://", "tcp://a b"] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.hint().is_some_and(|hint| hint.contains("tcp://")));
        }
    }
}
