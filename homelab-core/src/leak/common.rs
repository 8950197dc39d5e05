//! What is in many labs, and tells nothing of one: documentation ranges, loopback, engines' defaults, words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Returns whether an address is the same in every lab: kept for examples (RFC 5737, RFC 3849, RFC 9637), loopback,
/// multicast, a public resolver, Tailscale's own services, or of the range that Docker's first bridge has.
pub(super) fn is_common_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_common_v4(v4),
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_common_v4(v4);
            }
            let [first, second, third, ..] = v6.segments();
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (first, second) == (0x2001, 0xdb8)
                || (first == 0x3fff && second < 0x1000)
                || ((first, second, third) == (0xfd7a, 0x115c, 0xa1e0)
                    && v6.segments()[3..] == [0, 0, 0, 0, 0x53])
                || resolvers().contains(&address)
        }
    }
}

fn is_common_v4(v4: Ipv4Addr) -> bool {
    let [first, second, third, fourth] = v4.octets();
    v4.is_documentation()
        || v4.is_loopback()
        || v4.is_broadcast()
        || v4.is_multicast()
        || v4.is_link_local()
        || first == 0
        || first >= 240
        || (first, second) == (172, 17)
        || (first, second, third, fourth) == (100, 100, 100, 100)
        || resolvers().contains(&IpAddr::V4(v4))
}

/// The resolvers that anybody may ask, as their operators state them.
fn resolvers() -> [IpAddr; 12] {
    let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let v6 = |a, b, c, h| IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, h));
    [
        v4(1, 1, 1, 1),
        v4(1, 0, 0, 1),
        v4(8, 8, 8, 8),
        v4(8, 8, 4, 4),
        v4(9, 9, 9, 9),
        v4(149, 112, 112, 112),
        v4(208, 67, 222, 222),
        v6(0x2606, 0x4700, 0x4700, 0x1111),
        v6(0x2606, 0x4700, 0x4700, 0x1001),
        v6(0x2001, 0x4860, 0x4860, 0x8888),
        v6(0x2001, 0x4860, 0x4860, 0x8844),
        v6(0x2620, 0xfe, 0, 0xfe),
    ]
}

/// Returns whether a network is the same in every lab: a whole private range, or one of common addresses.
pub(super) fn is_common_network(network: IpNet) -> bool {
    // The last three are what WireGuard's usual containers give out.
    const WHOLE: [&str; 12] = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fd00::/8",
        "fe80::/10",
        "fd7a:115c:a1e0::/48",
        "::/0",
        "10.8.0.0/24",
        "10.13.13.0/24",
        "fd42:42:42::/64",
    ];
    network.prefix_len() == 0
        || WHOLE.iter().any(|whole| whole.parse() == Ok(network.trunc()))
        || (is_common_address(network.network()) && is_common_address(network.broadcast()))
}

/// Returns whether an address says by its range alone that it belongs to one lab: private (RFC 1918), shared address
/// space (RFC 6598), unique local (RFC 4193), or made of a network card's own number.
pub(super) fn is_private_range(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || first == 100 && (64..128).contains(&second)
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let of_card =
                segments[0] & 0xffc0 == 0xfe80 && segments[5] & 0xff == 0xff && segments[6] >> 8 == 0xfe;
            segments[0] & 0xfe00 == 0xfc00 || of_card
        }
    }
}

/// Returns whether a domain is nobody's: kept for examples (RFC 2606, RFC 6761), or one of a public service.
pub(super) fn is_common_domain(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let name = lower.trim_end_matches('.');
    is_public_domain(name) || name.split('.').any(is_stand_in)
}

/// Returns whether a domain that a lab gives itself is nobody's all the same: one kept for examples, one of a public
/// service, or one that nobody has filled in yet. `my-homelab.net` and `bar.smith.family` may be what a lab is called.
pub(super) fn is_common_declared_domain(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let name = lower.trim_end_matches('.');
    let is_unfilled = |label: &str| {
        label.starts_with("your")
            || label.contains("example")
            || label.contains("xxxx")
            || matches!(
                label,
                "mydomain" | "my-domain" | "domain" | "placeholder" | "changeme" | "fqdn"
            )
    };
    is_public_domain(name) || name.split('.').any(is_unfilled)
}

/// Returns whether a domain in small letters is kept for examples or one of a public service.
fn is_public_domain(name: &str) -> bool {
    const SERVICES: [&str; 34] = [
        "amazonaws.com",
        "apple.com",
        "backblazeb2.com",
        "b2.com",
        "cloudflare.com",
        "codeberg.org",
        "debian.org",
        "docker.com",
        "docker.internal",
        "docker.io",
        "gcr.io",
        "ghcr.io",
        "github.com",
        "githubusercontent.com",
        "gitlab.com",
        "gmail.com",
        "google.com",
        "googleapis.com",
        "googlemail.com",
        "letsencrypt.org",
        "lscr.io",
        "mailgun.org",
        "microsoft.com",
        "ntfy.sh",
        "office365.com",
        "openai.com",
        "outlook.com",
        "pool.ntp.org",
        "pushover.net",
        "quay.io",
        "sendgrid.net",
        "tailscale.com",
        "telegram.org",
        "ubuntu.com",
    ];
    let below =
        |domain: &str| name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(last, "example" | "test" | "invalid" | "localhost")
        || ["example.com", "example.org", "example.net", "example.ts.net"]
            .into_iter()
            .chain(SERVICES)
            .any(below)
        || matches!(
            name,
            "localhost.localdomain" | "cluster.local" | "svc.cluster.local" | "home.arpa"
        )
        || name.ends_with(".cluster.local")
}

/// Returns whether a label or a login says of itself that it stands for another: `yourdomain`, `my-server`.
pub(super) fn is_stand_in(word: &str) -> bool {
    const WORDS: [&str; 22] = [
        "example",
        "yourdomain",
        "mydomain",
        "yourhost",
        "myhost",
        "yourserver",
        "myserver",
        "yourname",
        "yourtailnet",
        "tailnet-name",
        "tailnet",
        "tailxxxx",
        "tailnetname",
        "placeholder",
        "changeme",
        "domain",
        "hostname",
        "localhost",
        "fqdn",
        "foo",
        "bar",
        "xxx",
    ];
    let word = word.to_ascii_lowercase();
    // A hoster of storage is called so.
    if matches!(word.as_str(), "your-box" | "your-storagebox") {
        return false;
    }
    WORDS.contains(&word.as_str())
        || word.starts_with("your-")
        || word.starts_with("your_")
        || word.starts_with("my-")
        || word.starts_with("example-")
        || word.ends_with("-example")
        || word.contains("xxxx")
}

/// Returns whether a word is what machines and people are called in every second lab, or a word of the language: where it
/// stands it tells nothing.
pub(super) fn is_common_word(word: &str) -> bool {
    const WORDS: [&str; 120] = [
        "access",
        "admin",
        "administrator",
        "alpha",
        "api",
        "app",
        "apps",
        "art",
        "auth",
        "backup",
        "backups",
        "beta",
        "bill",
        "bot",
        "box",
        "bridge",
        "build",
        "cache",
        "camera",
        "chase",
        "client",
        "cloud",
        "cluster",
        "container",
        "core",
        "data",
        "database",
        "db",
        "default",
        "demo",
        "desktop",
        "dev",
        "dns",
        "docker",
        "dockerhost",
        "domain",
        "drew",
        "edge",
        "files",
        "firewall",
        "frank",
        "gateway",
        "git",
        "grace",
        "group",
        "guest",
        "guests",
        "hass",
        "home",
        "homeassistant",
        "homelab",
        "homeserver",
        "host",
        "hostname",
        "house",
        "hypervisor",
        "info",
        "internal",
        "internet",
        "iot",
        "ipad",
        "iphone",
        "jack",
        "kids",
        "kube",
        "lab",
        "lan",
        "laptop",
        "local",
        "localhost",
        "machine",
        "mail",
        "main",
        "mark",
        "master",
        "max",
        "may",
        "media",
        "miles",
        "mini",
        "mobile",
        "monitor",
        "monitoring",
        "mysql",
        "nas",
        "network",
        "node",
        "office",
        "pc",
        "phone",
        "pi",
        "postgres",
        "prod",
        "production",
        "proxy",
        "public",
        "raspberrypi",
        "redis",
        "root",
        "rose",
        "router",
        "sandbox",
        "server",
        "service",
        "staging",
        "storage",
        "switch",
        "tablet",
        "test",
        "traefik",
        "truenas",
        "tv",
        "unraid",
        "user",
        "users",
        "vm",
        "vpn",
        "vps",
        "web",
        "will",
    ];
    let word = word.to_ascii_lowercase();
    let bare = word
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches(['-', '_']);
    word.len() < 3 || WORDS.contains(&word.as_str()) || WORDS.contains(&bare) || is_stand_in(&word)
}

/// Returns whether a word of the language is a person's name when it begins with a capital.
pub(super) fn is_name_and_word(word: &str) -> bool {
    const NAMES: [&str; 7] = ["bill", "drew", "frank", "grace", "jack", "miles", "rose"];
    NAMES.contains(&word.to_ascii_lowercase().as_str())
}

/// Returns whether a login's name is one that many have, so that an address with it is nobody's in particular.
pub(super) fn is_common_login(name: &str) -> bool {
    const NAMES: [&str; 26] = [
        "your",
        "you",
        "me",
        "user",
        "username",
        "admin",
        "name",
        "email",
        "mail",
        "example",
        "test",
        "noreply",
        "no-reply",
        "someone",
        "somebody",
        "john",
        "john.doe",
        "jane.doe",
        "johndoe",
        "your.email",
        "your.name",
        "youremail",
        "git",
        "root",
        "myemail",
        "my.email",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || is_stand_in(&name)
}

/// Returns whether mail at a domain is nobody's: one kept for examples, or one that stands for another. A provider's is
/// somebody's.
pub(super) fn is_common_domain_of_mail(name: &str) -> bool {
    const PROVIDERS: [&str; 8] = [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "apple.com",
        "google.com",
        "microsoft.com",
        "mail.com",
        "email.com",
    ];
    let lower = name.to_ascii_lowercase();
    let is_stand_in = matches!(
        lower.as_str(),
        "mail.com" | "email.com" | "domain.com" | "domain.tld" | "host.com"
    );
    is_stand_in || !PROVIDERS.contains(&lower.as_str()) && is_common_domain(&lower)
}

/// Returns whether a place says of itself that it stands for another: `rest:https://your-server/`.
pub(super) fn is_stand_in_path(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .any(|word| {
            is_stand_in(word)
                || matches!(
                    word.to_ascii_lowercase().as_str(),
                    "bucket" | "bucketname" | "user" | "host" | "repo" | "remote"
                )
        })
}

/// Returns whether a domain is a provider's, so that the one above it is not one lab's: `smith.duckdns.org`.
pub(super) fn is_shared_suffix(name: &str) -> bool {
    const SHARED: [&str; 30] = [
        "ac.uk",
        "co.at",
        "co.in",
        "co.jp",
        "co.nz",
        "co.uk",
        "co.za",
        "com.au",
        "com.br",
        "com.mx",
        "ddns.net",
        "ddnss.de",
        "dedyn.io",
        "duckdns.org",
        "dynu.net",
        "dyndns.org",
        "freeddns.org",
        "github.io",
        "gov.uk",
        "home.arpa",
        "hopto.org",
        "me.uk",
        "myds.me",
        "net.au",
        "no-ip.org",
        "nip.io",
        "org.uk",
        "sslip.io",
        "synology.me",
        "ts.net",
    ];
    SHARED.contains(&name) || !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn what_is_in_every_lab_is_common() {
        for text in [
            "192.0.2.7",
            "198.51.100.1",
            "203.0.113.9",
            "127.0.0.1",
            "0.0.0.0",
            "172.17.0.1",
            "8.8.8.8",
            "224.0.0.1",
            "255.255.255.255",
            "2001:db8::1",
            "3fff:1::1",
            "::1",
            "::",
            "100.100.100.100",
            "fd7a:115c:a1e0::53",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_common_address(address(text)), "{text}");
        }
        for text in [
            "192.168.1.10",
            "10.0.0.1",
            "172.18.0.1",
            "100.64.0.10",
            "fd00::1",
            "81.2.69.160",
            "4000::1",
        ] {
            assert!(!is_common_address(address(text)), "{text}");
        }
        for text in [
            "10.0.0.0/8",
            "192.168.0.0/16",
            "192.0.2.0/24",
            "172.17.0.0/16",
            "0.0.0.0/0",
        ] {
            assert!(is_common_network(text.parse().expect(text)), "{text}");
        }
        assert!(!is_common_network("192.168.1.0/24".parse().expect("a network")));
    }

    #[test]
    fn private_ranges_are_known_by_their_numbers() {
        for text in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.0.1",
            "fd12::1",
            "fe80::211:22ff:fe33:4455",
        ] {
            assert!(is_private_range(address(text)), "{text}");
        }
        for text in ["100.128.0.1", "172.32.0.1", "192.169.0.1", "2a00::1", "fe80::1"] {
            assert!(!is_private_range(address(text)), "{text}");
        }
    }

    #[test]
    fn domains_of_examples_and_services_are_nobodys() {
        for name in [
            "example.com",
            "nas.example.org",
            "x.test",
            "smtp.gmail.com",
            "host.docker.internal",
            "nas.yourdomain.net",
            "db.svc.cluster.local",
        ] {
            assert!(is_common_domain(name), "{name}");
        }
        for name in ["smith.family", "notexample.com", "nas.lan", "mygmail.com"] {
            assert!(!is_common_domain(name), "{name}");
        }
        assert!(is_common_word("NAS") && is_common_word("server2") && is_common_word("pi-4"));
        assert!(!is_common_word("zephyr"));
    }
}
