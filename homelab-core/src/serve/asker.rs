//! Who is asking: the one place that says so.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};

use super::{Settings, canonical};
use crate::access::portal::Whom;
#[cfg(unix)]
use crate::tailnet::local::LocalApi;

/// The header in which Tailscale Serve says who is asking.
const LOGIN: &str = "tailscale-user-login";

/// Every header that begins so is Serve's.
const OF_SERVE: &str = "tailscale-";

/// Who is asking, as the tailnet says. Neither is ever looked up as anything else, whatever has the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody, by login.
    Login(String),
    /// A device that belongs to tags and to nobody, by one of its addresses.
    Device(IpAddr),
}

impl Asker {
    pub(super) fn whom(&self) -> Whom<'_> {
        match self {
            Asker::Login(login) => Whom::Login(login),
            Asker::Device(address) => Whom::Device(*address),
        }
    }
}

/// Why it is not known who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// They say who they are, and are nobody who may.
    Forged(String),
    /// Nobody says who they are.
    Unknown(String),
}

/// Finds out who is asking.
#[derive(Clone, Debug)]
pub(super) struct Askers {
    trusted_proxy: bool,
    #[cfg(unix)]
    daemon: Option<LocalApi>,
}

impl Askers {
    pub(super) fn new(settings: &Settings) -> Self {
        Askers {
            trusted_proxy: settings.trusted_proxy,
            #[cfg(unix)]
            daemon: settings.daemon.clone(),
        }
    }

    /// Returns who is asking, by where the connection comes from and what its request says.
    ///
    /// A header counts only from a trusted proxy on loopback; from anybody else it is a forgery, whatever it says. Where
    /// the proxy is trusted nothing else counts on loopback: the daemon would say who the proxy is.
    pub(super) async fn ask(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<Asker, Refusal> {
        let (ip, peer) = canonical(peer);
        let said = headers.keys().any(|name| name.as_str().starts_with(OF_SERVE));
        match (ip.is_loopback() && self.trusted_proxy, said) {
            (true, _) => login(headers),
            (false, true) => Err(Refusal::Forged(format!(
                "the request says by a header of Tailscale Serve who is asking; that is believed of a proxy on this \
                 machine only, and only where the server is started with `--behind-serve`: not of {ip}"
            ))),
            (false, false) => self.ask_daemon(peer).await,
        }
    }

    #[cfg(unix)]
    async fn ask_daemon(&self, peer: SocketAddr) -> Result<Asker, Refusal> {
        let unknown = |why: String| Err(Refusal::Unknown(why));
        let Some(daemon) = &self.daemon else {
            return unknown("this server has no tailnet daemon to ask".to_owned());
        };
        match daemon.who_is_peer(peer).await {
            Ok(Some(who)) => {
                let device = who.device();
                // A device with tags is nobody's, whoever registered it.
                if let (Some(login), true) = (who.login(), device.tags().is_empty()) {
                    return Ok(Asker::Login(login.to_owned()));
                }
                match device.addresses().first() {
                    Some(address) => Ok(Asker::Device(*address)),
                    None => unknown("the tailnet's daemon knows no address of this device".to_owned()),
                }
            }
            Ok(None) => unknown(format!("{} is nobody of the tailnet", peer.ip())),
            Err(error) => unknown(format!("failed to {error}")),
        }
    }

    #[cfg(not(unix))]
    async fn ask_daemon(&self, _: SocketAddr) -> Result<Asker, Refusal> {
        Err(Refusal::Unknown(
            "this machine has no tailnet daemon that can be asked".to_owned(),
        ))
    }
}

/// Returns whom the proxy names: exactly one.
fn login(headers: &HeaderMap) -> Result<Asker, Refusal> {
    let mut values = headers.get_all(LOGIN).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => match read_login(value) {
            Some(login) => Ok(Asker::Login(login)),
            None => Err(Refusal::Unknown(
                "the proxy's header of who is asking cannot be read".to_owned(),
            )),
        },
        (Some(_), Some(_)) => Err(Refusal::Forged("the request says twice who is asking".to_owned())),
        (None, _) => Err(Refusal::Unknown(
            "the proxy does not say who is asking: devices of tags and the public have no login".to_owned(),
        )),
    }
}

/// A login has no blanks and stands alone; what a proxy encodes, since it is not ASCII, is none that is known here.
fn read_login(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let plain = !text.is_empty() && text.len() <= 320 && !text.contains([' ', ',', ';', '<', '>', '"']);
    (plain && text.contains('@')).then(|| text.to_owned())
}
