//! What a device of the tailnet leads to beyond itself.

use super::*;

#[test]
fn a_subnet_router_may_lead_to_its_networks() {
    let lab = of("services:
  ts: { image: tailscale/tailscale, environment: { TS_ROUTES: 172.20.0.0/16 }, networks: [n] }
  a: { image: a, networks: [n] }
  b: { image: b }
networks: { n: {} }
");
    check("routes", &lab, &[("a", Host, Tailnet), ("b", Host, Host)]);
}

#[test]
fn a_written_route_leads_where_it_says() {
    let with = |mode: &str, environment: &str| {
        of(&format!(
            "services:
  ts: {{ image: tailscale/tailscale, environment: {{ {environment}, TS_USERSPACE: 'false' }}, {mode} }}
  written: {{ image: a, networks: [n] }}
  guest: {{ image: a, network_mode: 'service:written' }}
  other: {{ image: a, networks: [m] }}
  unwritten: {{ image: a }}
networks:
  n: {{ ipam: {{ config: [{{ subnet: 172.20.0.0/16 }}] }} }}
  m: {{ ipam: {{ config: [{{ subnet: 10.5.0.0/24 }}] }} }}
"
        ))
    };
    let own = "networks: [n, m, default]";
    for (mode, environment, written, other, unwritten) in [
        (
            own,
            "TS_ROUTES: 172.20.0.0/16",
            (Tailnet, Tailnet),
            (Host, Host),
            (Host, Tailnet),
        ),
        (
            own,
            "TS_ROUTES: '172.20.0.0/14,10.5.0.0/16'",
            (Tailnet, Tailnet),
            (Tailnet, Tailnet),
            (Host, Tailnet),
        ),
        (
            own,
            "TS_EXTRA_ARGS: '--ssh --advertise-routes=10.5.0.0/24'",
            (Host, Host),
            (Tailnet, Tailnet),
            (Host, Host),
        ),
        (
            own,
            "TS_EXTRA_ARGS: '--advertise-routes 10.5.0.0/24 --ssh'",
            (Host, Host),
            (Tailnet, Tailnet),
            (Host, Host),
        ),
        (
            own,
            "TS_EXTRA_ARGS: --ssh",
            (Host, Host),
            (Host, Host),
            (Host, Host),
        ),
        (
            own,
            "TS_ROUTES: 192.168.1.0/24",
            (Host, Host),
            (Host, Host),
            (Host, Host),
        ),
        (
            own,
            "TS_ROUTES: 192.168.0.0/16",
            (Host, Host),
            (Host, Host),
            (Host, Tailnet),
        ),
        (
            own,
            "TS_ROUTES: 10.90.0.0/24",
            (Host, Host),
            (Host, Host),
            (Host, Tailnet),
        ),
        (
            own,
            "TS_ROUTES: '${LAN}'",
            (Host, Host),
            (Host, Host),
            (Host, Host),
        ),
        (
            own,
            "TS_ROUTES: somewhere",
            (Host, Tailnet),
            (Host, Tailnet),
            (Host, Tailnet),
        ),
        (
            "network_mode: host",
            "TS_ROUTES: 172.20.0.0/16",
            (Tailnet, Tailnet),
            (Host, Host),
            (Host, Tailnet),
        ),
        (
            "network_mode: host",
            "TS_ROUTES: 192.168.1.0/24",
            (Host, Host),
            (Host, Host),
            (Host, Host),
        ),
        (
            "networks: [m]",
            "TS_ROUTES: 172.20.0.0/16",
            (Host, Host),
            (Host, Host),
            (Host, Host),
        ),
    ] {
        let lab = with(mode, environment);
        let rows = [
            ("written", written),
            ("guest", written),
            ("other", other),
            ("unwritten", unwritten),
        ];
        let rows = rows.map(|(name, (reach, at_most))| (name, reach, at_most));
        check(&format!("{mode} {environment}"), &lab, &rows);
    }
}

#[test]
fn what_comes_in_may_be_passed_on_to_one_address() {
    let with = |environment: &str| {
        of(&format!(
            "services:
  ts: {{ image: tailscale/tailscale, environment: {{ {environment} }}, networks: [n] }}
  web: {{ image: a, networks: {{ n: {{ ipv4_address: 172.21.0.5 }} }} }}
  guest: {{ image: a, network_mode: 'service:web' }}
  b: {{ image: b, networks: [n] }}
  c: {{ image: c }}
networks: {{ n: {{ ipam: {{ config: [{{ subnet: 172.21.0.0/16 }}] }} }} }}
"
        ))
    };
    for (environment, web, b) in [
        ("TS_DEST_IP: 172.21.0.5", (Tailnet, Tailnet), (Host, Host)),
        (
            "TS_EXPERIMENTAL_DEST_DNS_NAME: web",
            (Tailnet, Tailnet),
            (Host, Host),
        ),
        ("TS_DEST_IP: 172.21.0.9", (Host, Tailnet), (Host, Tailnet)),
        ("TS_DEST_IP: '${WHERE}'", (Host, Tailnet), (Host, Tailnet)),
        (
            "TS_DEST_IP: 172.21.0.5, TS_EXTRA_ARGS: --shields-up",
            (Host, Host),
            (Host, Host),
        ),
        ("TS_AUTHKEY: x", (Host, Host), (Host, Host)),
    ] {
        let rows = [("web", web), ("guest", web), ("b", b), ("c", (Host, Host))];
        let rows = rows.map(|(name, (reach, at_most))| (name, reach, at_most));
        check(environment, &with(environment), &rows);
    }
}
