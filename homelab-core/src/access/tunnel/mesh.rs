//! Private networks of others than the lab: whoever is in one of them comes as far as its own rules say, which are kept
//! elsewhere.

use super::image;
use crate::access::path::PathKind;
use crate::access::spread::{Source, Spreads};
use crate::access::topology::{Namespace, NodeIndex, Topology};
use crate::view::Reach;

/// Lets the members of a private network come to whoever is around its member in the lab: as wide as a tailnet.
pub(super) fn paths(topology: &Topology<'_>, index: NodeIndex, spreads: &mut Spreads) {
    let node = &topology.nodes[index];
    let is_of = |owner: &str| node.image.contains(owner);
    let what = match node.image_base() {
        "connector" if is_of("twingate") => {
            "whom the Twingate connector leads here, by the rules kept elsewhere,"
        }
        "netbird" | "zerotier" | "zerotier-docker" | "zerotier-synology" => {
            "whom the private network leads here, by the routes kept elsewhere,"
        }
        "ziti-router" | "ziti-edge-tunnel" | "ziti-host" | "ziti-tunnel" => {
            "whom the private network leads here, by the services kept elsewhere,"
        }
        "gateway" if is_of("firezone") => {
            "whom the Firezone gateway leads here, by the rules kept elsewhere,"
        }
        "nebula" | "netclient" | "tinc" | "husarnet" | "pritunl" | "pritunl-link" => {
            "whom the private network leads here, by rules that are not read,"
        }
        // One that listens nowhere is a client.
        "wg-easy" | "wireguard" | "wireguard-go" | "wg-access-server" | "openvpn" | "openvpn-as"
            if !node.service.ports.is_empty() || node.namespace == Namespace::Host =>
        {
            "whom the VPN lets in, and what they reach behind it,"
        }
        _ => return,
    };
    let source = Source {
        from: index,
        kind: PathKind::Tunnel,
        at_most: Reach::Tailnet,
        what: what.to_owned(),
        evidence: image(node),
    };
    spreads.add(topology, &source);
}
