//! What a machine's addresses make of a port.

use super::{check, lab};
use crate::view::Reach::{Internet, Lan};

#[test]
fn a_public_address_is_one_wherever_it_stands() {
    let ports = "services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['5.9.7.8:81:80']}}";
    for (said, expected) in [
        ("interfaces = { eth0 = ['5.9.7.8/24'] }", Internet),
        ("addresses = ['5.9.7.8']", Internet),
        (
            "interfaces = { eth0 = ['5.9.7.8/24'] }\npublic_addresses = []\nforwards = []",
            Internet,
        ),
        (
            "public_addresses = []\nforwards = []\ninterfaces = { eth0 = { addresses = ['5.9.7.8/24'], zone = 'lan' } }",
            Lan,
        ),
    ] {
        let instance = format!("[hosts.box]\n{said}\n");
        let lab = lab(&[("p/compose.yaml", ports), ("instance.toml", &instance)]);
        check(
            said,
            &lab,
            &[("a", expected, expected), ("b", expected, expected)],
        );
        let contradicts = lab
            .diagnostics()
            .iter()
            .any(|one| one.rule().id == "lab.contradiction");
        assert_eq!(contradicts, said.contains("[]") && expected == Internet, "{said}");
    }
    // Behind a router, machines have addresses of IPv6 that its firewall keeps the internet from.
    let instance = "[hosts.box]\ninterfaces = { eth0 = ['2a02:1::5/64', '192.168.1.5/24'] }\npublic_addresses = []\nforwards = []\n";
    check(
        "v6",
        &lab(&[("p/compose.yaml", ports), ("instance.toml", instance)]),
        &[("a", Lan, Lan)],
    );
}
