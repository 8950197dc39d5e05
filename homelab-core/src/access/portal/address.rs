//! Where a browser finds a service by one of its ways, as far as that can be said.

use std::net::{IpAddr, SocketAddr};

use super::{Portals, has_web_names};
use crate::access::{Door, DoorOf, Page, Path, PathKind};
use crate::compose::Protocol;
use crate::system::{PortRole, Transport};
use crate::tailnet::meeting::Meeting;

/// Ports that are known for something else than pages, whatever listens there: mail, names, files, databases, queues.
const NO_PAGES: [u16; 31] = [
    21, 22, 23, 25, 53, 67, 69, 110, 111, 123, 139, 143, 161, 389, 445, 465, 514, 587, 636, 993, 995, 1433,
    1521, 1883, 3306, 3389, 5432, 5672, 6379, 11211, 27017,
];

/// Ports on which TLS is what one expects.
const TLS: [u16; 3] = [443, 8443, 9443];

impl Portals<'_> {
    /// Returns where a browser finds a service that begins at this port of the tailnet.
    pub(super) fn met_at(&self, index: usize, path: &Path, meeting: &Meeting) -> Option<String> {
        let port = meeting.target.port().filter(|_| meeting.target.is_tcp())?;
        if let Some(name) = web_name(path) {
            return Some(url(&plain(port), name, port));
        }
        // What Serve and Funnel pass on without looking may be anything.
        let is_passed_on = matches!(path.kind(), PathKind::Serve | PathKind::Funnel) && path.port().is_some();
        let guess = || self.page(index, path, port).filter(|_| !is_passed_on);
        let page = meeting.page.clone().or_else(guess)?;
        let address = meeting.address.map(|address| address.to_string());
        let host = match &meeting.name {
            // A certificate is for the name; without the tailnet's domain only an address is found for sure.
            Some(name) if page.tls || name.contains('.') => name.clone(),
            _ => address.or_else(|| meeting.name.clone())?,
        };
        Some(url(&page, &host, port))
    }

    /// Returns where a browser finds it on the local network.
    pub(super) fn at_home(&self, index: usize, path: &Path) -> Option<String> {
        let (address, port) = self.home_socket(index, path)?;
        if let Some(name) = web_name(path) {
            return Some(url(&plain(port), name, port));
        }
        let page = self.page(index, path, port)?;
        Some(url(&page, &address.to_string(), port))
    }

    /// Returns where a browser finds it on the internet.
    pub(super) fn in_public(&self, index: usize, path: &Path, meetings: &[Meeting]) -> Option<String> {
        if let Some(name) = web_name(path) {
            return Some(format!("https://{name}/"));
        }
        // Funnel answers on the same port of the same name as Serve.
        let meeting = meetings.first().filter(|_| path.kind() == PathKind::Funnel)?;
        meeting.name.as_ref().filter(|name| name.contains('.'))?;
        self.met_at(index, path, meeting)
    }

    /// Returns what a browser finds behind a port of a way, by what its application is known for. Of one that nobody
    /// knows it is taken that a TCP port has pages, unless its number is known for something else.
    fn page(&self, index: usize, path: &Path, outer: u16) -> Option<Page> {
        if path.protocol() != Protocol::Tcp {
            return None;
        }
        let inner = path
            .ports()
            .filter(|(first, last)| first == last)
            .map_or(outer, |(first, _)| first);
        let known = self
            .system(index)
            .and_then(|system| system.port(inner, Transport::Tcp));
        let page = |tls| Page {
            tls,
            mount: "/".to_owned(),
        };
        match known {
            Some(port) => {
                matches!(port.role, PortRole::Web | PortRole::Admin | PortRole::Api).then(|| page(port.tls))
            }
            None if NO_PAGES.contains(&inner) || NO_PAGES.contains(&outer) => None,
            None => Some(page(TLS.contains(&inner) || TLS.contains(&outer))),
        }
    }

    /// Returns the address and port on the local network at which a way begins.
    fn home_socket(&self, index: usize, path: &Path) -> Option<(IpAddr, u16)> {
        let instance = self.lab.instance();
        let bound = path.label().split(" -> ").next().unwrap_or_default();
        if let Ok(bound) = bound.parse::<SocketAddr>()
            && !bound.ip().is_unspecified()
        {
            return (!instance.is_tailnet_address(bound.ip())).then_some((bound.ip(), bound.port()));
        }
        let of_machine = |door: &&Door| door.of == DoorOf::Machine;
        let door = path.doors().iter().find(of_machine)?;
        let host = instance.host(self.services[index].id().host()?)?;
        let mut own = host.every_address().filter(|address| {
            !instance.is_tailnet_address(*address) && !address.is_loopback() && !address.is_unspecified()
        });
        Some((own.next()?, door.ports?.0))
    }
}

/// What is behind a port of a proxy.
fn plain(port: u16) -> Page {
    Page {
        tls: TLS.contains(&port),
        mount: "/".to_owned(),
    }
}

/// Returns the first name of a way that a browser can ask for: no pattern, and nothing that would be read as more than a
/// name.
fn web_name(path: &Path) -> Option<&str> {
    let is_name = |name: &&String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        !name.is_empty() && name.chars().all(plain) && !name.starts_with(['-', '.'])
    };
    let names = path.names().iter();
    names
        .filter(|_| has_web_names(path))
        .find(is_name)
        .map(String::as_str)
}

fn url(page: &Page, host: &str, port: u16) -> String {
    let (scheme, usual) = if page.tls { ("https", 443) } else { ("http", 80) };
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    let port = if port == usual {
        String::new()
    } else {
        format!(":{port}")
    };
    let mount = page.mount.trim_start_matches('/');
    format!("{scheme}://{host}{port}/{mount}")
}
