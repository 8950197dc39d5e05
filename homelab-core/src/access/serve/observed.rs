//! What this machine's own device of the tailnet was seen to serve: `tailscale serve` and `tailscale funnel` on the machine
//! itself, which no file of a lab says.

use crate::access::path::{Door, DoorOf, Page, Path, PathKind};
use crate::access::topology::Topology;
use crate::access::upstream::upstream;
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::lab::Lab;
use crate::observed::Observed;
use crate::tailnet::{Node, ServeTarget, Served};
use crate::view::Reach;

/// Adds the paths by which the machine that was looked at serves services of the lab, and opens them by Funnel.
pub(in crate::access) fn paths(lab: &Lab, topology: &Topology<'_>, seen: &Observed, paths: &mut [Vec<Path>]) {
    let Some(part) = seen.tailnet() else { return };
    let node = part.value();
    let Some(machine) = machine(lab, topology, node) else {
        return;
    };
    let entries = node.serve().map_or(&[][..], |serve| serve.entries());
    for served in entries {
        let target = match served.target() {
            ServeTarget::Proxy(target) | ServeTarget::Forward(target) => upstream(target),
            ServeTarget::Files(_) | ServeTarget::Text | ServeTarget::Redirect(_) | ServeTarget::Unknown => {
                None
            }
        };
        let Some((host, port)) = target else { continue };
        let evidence = Evidence::said(format!(
            "`{}` says what it serves, at {:.0}",
            part.source(),
            part.at()
        ));
        for target in topology.on_machine(machine, &host, port) {
            let way = |kind, zone| {
                let mount = served.path().unwrap_or_default();
                let label = format!(
                    "{}{mount} on the machine's own device -> {}",
                    served.port(),
                    target.port
                );
                Path::new(kind, zone, label)
                    .on(Some(target.port), Protocol::Tcp)
                    .by([door(served)])
                    .with(evidence.clone())
            };
            paths[target.node].push(target.path(way(PathKind::Serve, Reach::Tailnet)));
            if served.is_funnel() {
                paths[target.node].push(target.path(way(PathKind::Funnel, Reach::Internet)));
            }
        }
    }
}

/// Returns which machine of the lab was looked at: the one that has an address of the device, or its name; of a lab that
/// names none, the only one.
fn machine(lab: &Lab, topology: &Topology<'_>, node: &Node) -> Option<usize> {
    let own = node.status().own()?;
    let hosts = lab.instance().hosts();
    if hosts.len() == 0 {
        return topology.nodes.first().map(|node| node.machine);
    }
    let has_address = |host: &&crate::lab::Host| {
        let mut addresses = host.every_address();
        addresses.any(|address| own.addresses().contains(&address))
    };
    let mut named = lab.instance().hosts();
    let host = lab
        .instance()
        .hosts()
        .find(has_address)
        .or_else(|| named.find(|host| host.name().as_str().eq_ignore_ascii_case(own.name())))?;
    let mut nodes = topology.nodes.iter();
    nodes
        .find(|node| node.id.host() == Some(host.name()))
        .map(|node| node.machine)
}

/// A service of the tailnet has addresses of its own.
fn door(served: &Served) -> Door {
    Door {
        of: served
            .service()
            .map_or(DoorOf::Machine, |name| DoorOf::Service(name.to_owned())),
        ports: Some((served.port(), served.port())),
        protocol: Protocol::Tcp,
        page: served.path().map(|mount| Page {
            tls: served.port() != 80,
            mount: mount.to_owned(),
        }),
    }
}
