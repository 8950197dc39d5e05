//! What a network means for those on it: its driver, its options, and who made it.

use super::*;

#[test]
fn an_address_of_its_own_is_on_the_local_network() {
    let lab = of("services:
  a: { image: a, networks: { lan: { ipv4_address: 192.168.1.50 } }, ports: ['127.0.0.1:80:80'] }
  b: { image: b, network_mode: 'service:a' }
  c: { image: c, networks: [br0] }
  d: { image: d, networks: [elsewhere] }
  e: { image: e, network_mode: bridge }
networks:
  lan: { driver: macvlan }
  br0: { external: true }
  elsewhere: { external: true }
");
    check(
        "macvlan",
        &lab,
        &[
            ("a", Lan, Internet),
            ("b", Lan, Internet),
            ("c", Host, Internet),
            ("d", Host, Internet),
            ("e", Host, Host),
        ],
    );
}

#[test]
fn a_network_that_nobody_declares_may_be_anything_but_what_the_lab_shows() {
    let with = |web: &str, more: &str| {
        of(&format!(
            "services:
  web: {{ {web}, networks: [shared] }}
  a: {{ image: a, networks: [shared] }}
networks: {{ shared: {{ external: true, name: proxy }} }}
{more}"
        ))
    };
    for (web, at_most) in [
        ("image: a", Internet),
        ("image: a, ports: ['127.0.0.1:80:80']", Internet),
        ("image: traefik:v3", Lan),
        (
            "image: traefik:v3, ports: ['100.64.0.1:80:80'], command: [--providers.docker.exposedbydefault=false]",
            Host,
        ),
        (
            "image: 'cloudflare/cloudflared:1', command: 'tunnel --url http://web:80'",
            Lan,
        ),
    ] {
        check(web, &with(web, ""), &[("a", Host, at_most)]);
    }
    let declared =
        "services: { b: { image: b, networks: [other] } }\nnetworks: { proxy: { name: proxy }, other: {} }";
    let lab = lab(&[
        (
            "p/compose.yaml",
            "services: { a: { image: a, networks: [s] } }\nnetworks: { s: { external: true, name: proxy } }",
        ),
        ("q/compose.yaml", declared),
    ]);
    check("another project declares it", &lab, &[("a", Host, Host)]);
}

#[test]
fn a_network_may_say_where_ports_are_published() {
    let option = "com.docker.network.bridge.host_binding_ipv4";
    let with = |service: &str, address: &str| {
        of(&format!(
            "services:
  a: {{ image: a, {service} }}
networks:
  n: {{ driver_opts: {{ {option}: {address} }} }}
  m: {{ driver_opts: {{ {option}: {address} }} }}
  inside: {{ internal: true }}
  other: {{}}
"
        ))
    };
    for (service, address, reach, at_most) in [
        ("networks: [n], ports: ['80:80']", "127.0.0.1", Host, Host),
        (
            "networks: [n, m, inside], ports: ['80:80']",
            "127.0.0.1",
            Host,
            Host,
        ),
        ("networks: [n], ports: ['80:80']", "100.64.0.1", Tailnet, Tailnet),
        ("networks: [n], ports: ['80:80']", "nonsense", Lan, Internet),
        (
            "networks: [n], ports: ['0.0.0.0:80:80']",
            "127.0.0.1",
            Lan,
            Internet,
        ),
        (
            "networks: [n, other], ports: ['80:80']",
            "127.0.0.1",
            Lan,
            Internet,
        ),
        ("networks: [other], ports: ['80:80']", "127.0.0.1", Lan, Internet),
    ] {
        check(
            &format!("{service} {address}"),
            &with(service, address),
            &[("a", reach, at_most)],
        );
    }
    let bound = exposure(&with("networks: [n], ports: ['80:80']", "127.0.0.1"), "a");
    assert_eq!(bound.paths()[0].label(), "127.0.0.1:80 -> 80/tcp");
    let said: Vec<&str> = bound.paths()[0].evidence().iter().map(|one| one.text()).collect();
    assert!(said.iter().any(|text| text.contains(option)), "{said:?}");
}

#[test]
fn an_engine_may_let_others_address_a_container_itself() {
    let option = "com.docker.network.bridge";
    for (network, closed, published) in [
        (
            format!("driver_opts: {{ {option}.gateway_mode_ipv4: nat-unprotected }}"),
            Lan,
            Lan,
        ),
        (
            format!("driver_opts: {{ {option}.gateway_mode_ipv6: nat-unprotected }}"),
            Lan,
            Lan,
        ),
        (
            format!("driver_opts: {{ {option}.gateway_mode_ipv4: routed }}"),
            Host,
            Lan,
        ),
        (
            format!("driver_opts: {{ {option}.trusted_host_interfaces: eth0 }}"),
            Host,
            Lan,
        ),
        (
            format!("driver_opts: {{ {option}.gateway_mode_ipv4: isolated }}"),
            Host,
            Host,
        ),
        (
            format!("driver_opts: {{ {option}.gateway_mode_ipv4: nat }}"),
            Host,
            Host,
        ),
        ("driver: weave".to_owned(), Lan, Lan),
        ("driver: bridge".to_owned(), Host, Host),
        ("driver: overlay".to_owned(), Host, Host),
    ] {
        let compose = format!(
            "services:
  a: {{ image: a, networks: [x] }}
  b: {{ image: b, networks: [x], ports: ['127.0.0.1:80:80'] }}
networks: {{ x: {{ {network} }} }}
"
        );
        let lab = lab(&[("p/compose.yaml", &compose), ("instance.toml", BEHIND_NAT)]);
        check(&network, &lab, &[("a", Host, closed), ("b", Host, published)]);
    }
}
