//! What fails together: a disk, a machine, a house, an account.

use crate::lab::{Host, HostKind, Lab, RepositoryEntry, RepositoryKind};
use crate::name::HostName;

use super::dataset::{Part, Storage};
use crate::observed::Observed;

/// The site of a machine that says nothing of it.
pub(super) const HOME: &str = "home";

/// Where something is kept, by all that could fail with it. What is absent is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// The machine.
    pub host: Option<HostName>,
    /// The physical disk or pool of it.
    pub medium: Option<String>,
    /// The place: `home`, `office`, `backblaze`.
    pub site: Option<String>,
    /// The account that pays for it.
    pub account: Option<String>,
}

impl Domain {
    /// Returns whether two things lie on one disk or pool; none where that is not known.
    pub fn same_medium(&self, other: &Domain) -> Option<bool> {
        let differs = |a: Option<&str>, b: Option<&str>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let host = |domain: &Domain| domain.host.as_ref().map(ToString::to_string);
        if differs(host(self).as_deref(), host(other).as_deref())
            || differs(self.site.as_deref(), other.site.as_deref())
        {
            return Some(false);
        }
        match (&self.medium, &other.medium) {
            (Some(own), Some(other)) => Some(own == other),
            _ => None,
        }
    }

    /// Returns whether two things are at one place; none where that is not known.
    pub fn same_site(&self, other: &Domain) -> Option<bool> {
        Some(self.site.as_ref()? == other.site.as_ref()?)
    }
}

/// Returns where a part of a dataset lies, and the paths by which a snapshot may hold it.
pub(super) fn of_part(lab: &Lab, part: &Part, seen: &Observed) -> (Domain, Vec<String>) {
    let host = part
        .host()
        .cloned()
        .or_else(|| only(lab).map(|host| host.name().clone()));
    let paths = match part.storage() {
        Storage::Path(path) => vec![path.clone()],
        Storage::Volume { remote: true, .. } => return (Domain::default(), Vec::new()),
        Storage::Volume { name, .. } => {
            let inventory = seen.inventory().map(|seen| seen.value());
            let engine = host.as_ref().and_then(|host| inventory?.host(host.as_str()));
            let volume =
                engine.and_then(|engine| engine.volumes.iter().flatten().find(|one| one.name == *name));
            // Where Docker keeps volumes unless it is told otherwise.
            let usual = || format!("/var/lib/docker/volumes/{name}/_data");
            vec![
                volume
                    .and_then(|volume| volume.path.clone())
                    .unwrap_or_else(usual),
            ]
        }
    };
    let entry = host.as_ref().and_then(|host| lab.instance().host(host));
    let medium = entry.and_then(|entry| entry.medium_of(paths.first()?));
    let domain = Domain {
        medium: medium.map(str::to_owned),
        site: Some(site_of(entry, host.as_ref())),
        account: None,
        host,
    };
    (domain, paths)
}

/// Returns the lab's machine, where it has one only.
fn only(lab: &Lab) -> Option<&Host> {
    let mut hosts = lab.instance().hosts();
    hosts.next().filter(|_| hosts.next().is_none())
}

/// Returns where a machine stands: as written; a rented one is at a place of its own, any other at home.
fn site_of(host: Option<&Host>, name: Option<&HostName>) -> String {
    let said = host.and_then(Host::site);
    match (said, host.and_then(Host::kind), name) {
        (Some(site), ..) => site.to_owned(),
        (None, Some(HostKind::Vps), Some(name)) => name.to_string(),
        _ => HOME.to_owned(),
    }
}

/// Returns where a machine of the lab stands.
pub(super) fn site_of_host(host: &Host) -> String {
    site_of(Some(host), Some(host.name()))
}

/// Returns where a repository is, as far as its table and its address say.
pub(super) fn of_repository(lab: &Lab, entry: &RepositoryEntry) -> Domain {
    let location = entry.location().map_or("", |location| location.value().as_str());
    let address = address_of(entry.kind(), location);
    let host = entry.host().cloned().or_else(|| match &address {
        Address::Local(_) => only(lab).map(|host| host.name().clone()),
        Address::Remote(name) => machine(lab, name),
        Address::Pool(_) | Address::Unknown => None,
    });
    let described = host.as_ref().and_then(|host| lab.instance().host(host));
    let provider = match &address {
        Address::Remote(name) => provider(name),
        _ => None,
    };
    let site = match (entry.site(), &host, provider) {
        (Some(site), ..) => Some(site.to_owned()),
        (None, Some(host), _) => Some(site_of(described, Some(host))),
        (None, None, Some(provider)) => Some(provider.to_owned()),
        (None, None, None) => match address {
            // A path of the machine that runs the backups, which is at home unless it says otherwise.
            Address::Local(_) if lab.instance().hosts().len() == 0 => Some(HOME.to_owned()),
            _ => None,
        },
    };
    let medium = entry.medium().map(str::to_owned).or_else(|| match &address {
        Address::Local(path) => described.and_then(|host| host.medium_of(path)).map(str::to_owned),
        Address::Pool(pool) => Some(pool.clone()),
        Address::Remote(_) | Address::Unknown => None,
    });
    Domain {
        host,
        medium,
        site,
        account: entry.account().map(str::to_owned),
    }
}

/// What a repository's address says.
enum Address {
    /// A path of the machine.
    Local(String),
    /// A pool of the machine.
    Pool(String),
    /// Another machine, by name.
    Remote(String),
    /// Nothing that could be read.
    Unknown,
}

fn address_of(kind: Option<RepositoryKind>, location: &str) -> Address {
    if location.starts_with('/') {
        return Address::Local(location.to_owned());
    }
    if kind == Some(RepositoryKind::Zfs) && !location.is_empty() && !location.contains([':', '@']) {
        let pool = location.split('/').next().unwrap_or_default();
        return Address::Pool(pool.to_owned());
    }
    let (scheme, rest) = match location.split_once(':') {
        Some((scheme, rest)) => (scheme, rest),
        None => return Address::Unknown,
    };
    let rest = rest
        .strip_prefix("https:")
        .or(rest.strip_prefix("http:"))
        .unwrap_or(rest);
    match scheme {
        "local" => Address::Local(rest.trim_start_matches("//").to_owned()),
        // These schemes name a bucket or container, and the provider is the scheme itself.
        "b2" | "azure" | "gs" => Address::Remote(scheme.to_owned()),
        "rclone" | "swift" | "opendal" => Address::Unknown,
        // borg's and scp's form: `USER@HOST:PATH`.
        _ if !matches!(scheme, "s3" | "rest" | "sftp" | "ssh" | "http" | "https") => {
            Address::Remote(host_of(scheme))
        }
        _ => match host_of(rest.trim_start_matches('/')) {
            host if host.is_empty() => Address::Unknown,
            host => Address::Remote(host),
        },
    }
}

/// Returns the machine of `USER:PASSWORD@HOST:PORT/PATH`.
fn host_of(text: &str) -> String {
    let authority = text.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

/// Returns the machine of the lab that an address means, where it is one: by name, with or without a domain, or by address.
fn machine(lab: &Lab, name: &str) -> Option<HostName> {
    let first = name.split('.').next().unwrap_or(name);
    let address: Option<std::net::IpAddr> = name.parse().ok();
    let is = |host: &&Host| match address {
        Some(address) => {
            host.addresses().iter().any(|own| *own.value() == address) || host.interface_of(address).is_some()
        }
        None => {
            host.name().as_str().eq_ignore_ascii_case(name)
                || host.name().as_str().eq_ignore_ascii_case(first)
        }
    };
    lab.instance().hosts().find(is).map(|host| host.name().clone())
}

/// Returns who keeps what is at an address that is surely nobody's home: companies that store for others.
fn provider(name: &str) -> Option<&'static str> {
    const PROVIDERS: &[(&str, &str)] = &[
        ("b2", "backblaze"),
        ("azure", "azure"),
        ("gs", "google"),
        ("amazonaws.com", "amazon"),
        ("backblazeb2.com", "backblaze"),
        ("wasabisys.com", "wasabi"),
        ("cloudflarestorage.com", "cloudflare"),
        ("digitaloceanspaces.com", "digitalocean"),
        ("your-storagebox.de", "hetzner"),
        ("your-objectstorage.com", "hetzner"),
        ("rsync.net", "rsync.net"),
        ("borgbase.com", "borgbase"),
    ];
    let is = |domain: &str| name == domain || domain.contains('.') && name.ends_with(&format!(".{domain}"));
    PROVIDERS
        .iter()
        .find(|(domain, _)| is(domain))
        .map(|(_, site)| *site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(instance: &str) -> Domain {
        let lab = Lab::from_texts("home", [("instance.toml", instance)]);
        assert!(
            lab.diagnostics()
                .iter()
                .all(|one| one.rule().id == "lab.nothing-declared"),
            "{:?}",
            lab.diagnostics()
        );
        let entry = lab
            .instance()
            .repositories()
            .values()
            .next()
            .expect("a repository");
        of_repository(&lab, entry)
    }

    #[test]
    fn an_address_says_where_it_is() {
        let of = |location: &str| {
            domain(&format!(
                "[hosts.nas]\nsite = 'house'\naddresses = ['192.0.2.20']\nmedia = {{ vault = ['/mnt/vault'], tank = ['/mnt'] }}\n[hosts.pi]\n\
                 [repositories.r]\nkind = 'restic'\nlocation = '{location}'"
            ))
        };
        let host = |domain: &Domain| domain.host.as_ref().map(ToString::to_string);
        assert_eq!(of("b2:bucket:path").site.as_deref(), Some("backblaze"));
        assert_eq!(
            of("s3:s3.eu-central-1.amazonaws.com/x").site.as_deref(),
            Some("amazon")
        );
        assert_eq!(
            of("s3:https://s3.example.com/x").site,
            None,
            "it may be a machine of one's own"
        );
        assert_eq!(of("s3:https://notamazonaws.com/x").site, None);
        for near in [
            "rest:http://nas:8000/",
            "rest:https://user:secret@nas.example.com/x",
            "sftp:me@192.0.2.20:/x",
            "ssh://me@nas:22/x",
            "me@nas:x",
        ] {
            assert_eq!(
                (host(&of(near)).as_deref(), of(near).site.as_deref()),
                (Some("nas"), Some("house")),
                "{near}"
            );
        }
        // Whose path it is nobody says where there are two machines.
        assert_eq!(of("/mnt/vault/r"), Domain::default());
        assert_eq!(of("garbage"), Domain::default());
        assert_eq!(of(""), Domain::default());
    }

    #[test]
    fn a_path_of_the_only_machine_lies_on_the_nearest_medium() {
        let of = |more: &str| {
            domain(&format!(
                "[hosts.nas]\nmedia = {{ vault = ['/mnt/vault'], system = ['/'] }}\n[repositories.r]\n{more}"
            ))
        };
        assert_eq!(of("location = '/mnt/vault/r'").medium.as_deref(), Some("vault"));
        assert_eq!(of("location = '/mnt/vaults/r'").medium.as_deref(), Some("system"));
        assert_eq!(of("location = '/mnt/vault/r'").site.as_deref(), Some(HOME));
        let pool = of("kind = 'zfs'\nlocation = 'vault/copies'\nhost = 'nas'");
        assert_eq!(pool.medium.as_deref(), Some("vault"));
    }

    #[test]
    fn what_is_not_known_is_no_other_disk() {
        let home = Domain {
            host: "nas".parse().ok(),
            medium: Some("tank".into()),
            site: Some("home".into()),
            account: None,
        };
        let with = |change: &dyn Fn(&mut Domain)| {
            let mut domain = home.clone();
            change(&mut domain);
            home.same_medium(&domain)
        };
        assert_eq!(with(&|_| {}), Some(true));
        assert_eq!(with(&|one| one.medium = None), None);
        assert_eq!(with(&|one| one.medium = Some("vault".into())), Some(false));
        assert_eq!(with(&|one| one.host = "pi".parse().ok()), Some(false));
        assert_eq!(
            with(&|one| {
                one.host = None;
                one.medium = None;
            }),
            None
        );
        assert_eq!(
            with(&|one| {
                one.medium = None;
                one.site = Some("away".into());
            }),
            Some(false)
        );
    }
}
