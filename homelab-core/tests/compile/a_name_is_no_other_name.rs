//! Names do not become each other: not by passing one for another, not by `into`, not by comparing.

use homelab_core::{HostName, ProjectName, ServiceName};

fn project(_: &ProjectName) {}

fn main() {
    let service: ServiceName = "immich".parse().unwrap();
    project(&service);
    let _: HostName = service.clone().into();
    let host: HostName = "nas".parse().unwrap();
    let _ = service == host;
}
