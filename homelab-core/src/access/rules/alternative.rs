//! What people do instead of using a tailnet, and why it is not the default.

use crate::access::Exposure;
use crate::access::path::{Path, PathKind};
use crate::compose::Protocol;

/// What people do instead of using a tailnet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alternative {
    PublicProxy,
    Tunnel,
    WireGuard,
    PortForward,
}

impl Alternative {
    pub(super) fn why_not(self) -> &'static str {
        match self {
            Alternative::PublicProxy => {
                "a public proxy with certificates and passwords is not the default: every flaw of the proxy, and of each \
                 application behind it, is open to everybody, and every name is in the public logs of certificates"
            }
            Alternative::Tunnel => {
                "a tunnel such as Cloudflare's is not the default: its provider ends the encryption, can read what passes, \
                 and keeps the rules of who may come in outside of the lab"
            }
            Alternative::WireGuard => {
                "WireGuard by itself is not the default: an open port, keys copied to every device by hand, and whoever is \
                 in reaches everything; a tailnet is WireGuard with names, rules for each person, and no open port"
            }
            Alternative::PortForward => {
                "a forwarded port without authentication before it is not the default: nothing stands between everybody and \
                 the application but the application itself"
            }
        }
    }
}

pub(super) fn alternative(exposure: &Exposure, path: &Path) -> Option<Alternative> {
    match path.kind() {
        PathKind::Tunnel => Some(Alternative::Tunnel),
        PathKind::Proxy => Some(Alternative::PublicProxy),
        _ if !path.is_direct() => None,
        _ if exposure.facts.wireguard && path.protocol() == Protocol::Udp => Some(Alternative::WireGuard),
        _ if exposure.facts.proxy => Some(Alternative::PublicProxy),
        _ => Some(Alternative::PortForward),
    }
}
