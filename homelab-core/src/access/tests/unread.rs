//! What is written where nothing is read, or by a variable that nobody has set, may be anything.

use super::{BEHIND_NAT, Host, Internet, Lan, check, exposure, lab, of};

#[test]
fn what_stands_outside_of_the_lab_may_open_anything() {
    for attribute in [
        "extends: {file: ../../outside.yaml, service: x}",
        "env_file: ../../outside.env",
        "label_file: ../../outside.labels",
        "extends: {file: 'https://github.com/a/b.git', service: x}",
    ] {
        let lab = of(&format!(
            "services:\n  a: {{image: my/own, {attribute}}}\n  b: {{image: my/own}}\n"
        ));
        check(attribute, &lab, &[("a", Host, Internet), ("b", Host, Host)]);
        let exposure = exposure(&lab, "a");
        let mut unknowns = exposure.unknowns().iter();
        assert!(unknowns.any(|unknown| unknown.text().starts_with("what else it opens")));
    }
}

#[test]
fn a_port_or_network_by_a_variable_without_a_value_may_be_any() {
    for attribute in [
        "ports: ['${A:?x}']",
        "ports: ['${A}']",
        "ports: ['127.0.0.1:1:1', '${A:?x}']",
        "network_mode: '${A}'",
        "network_mode: '${A:?x}'",
    ] {
        let lab = of(&format!(
            "services:\n  a:\n    image: my/own\n    {attribute}\n  b: {{image: '${{B}}'}}\n"
        ));
        check(attribute, &lab, &[("a", Host, Internet), ("b", Host, Host)]);
    }
    let with_value = of(
        "services:\n  a:\n    image: my/own\n    network_mode: '${A:-none}'\n    environment: ['X=${B}']\n",
    );
    assert_eq!(exposure(&with_value, "a").at_most(), super::Nobody);
}

#[test]
fn a_bridge_that_is_the_machines_own_may_be_the_local_network() {
    let interfaces =
        format!("{BEHIND_NAT}[hosts.nas.interfaces]\nbr0 = ['192.168.1.10/24']\nbr1 = ['172.20.0.1/16']\n");
    let with = |options: &str| {
        lab(&[
            ("instance.toml", &interfaces),
            (
                "p/compose.yaml",
                &format!(
                    "services: {{a: {{image: my/own, networks: [n]}}}}\nnetworks:\n  n: {{driver_opts: {{{options}}}}}\n"
                ),
            ),
        ])
    };
    let name = "com.docker.network.bridge.name";
    check(
        "the machine's",
        &with(&format!("{name}: br0")),
        &[("a", Host, Lan)],
    );
    check(
        "an engine's",
        &with(&format!("{name}: br1")),
        &[("a", Host, Host)],
    );
    check(
        "only a name",
        &with(&format!("{name}: br-web")),
        &[("a", Host, Host)],
    );
    let inhibited = "com.docker.network.bridge.inhibit_ipv4";
    check(
        "no address",
        &with(&format!("{inhibited}: 'true'")),
        &[("a", Host, Lan)],
    );
    check(
        "an address",
        &with(&format!("{inhibited}: 'false'")),
        &[("a", Host, Host)],
    );
}

#[test]
fn podmans_own_modes_are_no_networks() {
    for mode in ["pasta", "slirp4netns:port_handler=slirp4netns", "private"] {
        let unit = format!("[Container]\nImage=my/own:1\nNetwork={mode}\n");
        let lab = lab(&[("p/a.container", &unit), ("instance.toml", BEHIND_NAT)]);
        check(mode, &lab, &[("a", Host, Host)]);
        let published = lab_of_port(&unit);
        check(mode, &published, &[("a", Lan, Lan)]);
    }
}

fn lab_of_port(unit: &str) -> crate::lab::Lab {
    let unit = format!("{unit}PublishPort=80:80\n");
    lab(&[("p/a.container", &unit), ("instance.toml", BEHIND_NAT)])
}
