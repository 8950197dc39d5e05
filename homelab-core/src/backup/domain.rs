//! What fails together: a disk, a machine, a house, an account.

use crate::lab::{Host, HostKind, Lab, RepositoryEntry, RepositoryKind};
use crate::name::HostName;

use super::part::{Part, Storage};
use crate::observed::Observed;

/// What people call the place of a machine that says nothing of it. It never makes two places of anything.
pub(super) const HOME: &str = "home";

/// The companies that store for others, by the domain of their addresses.
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
    /// Returns whether two things lie on one disk or pool; none where that is not known. What is on one machine is compared
    /// by its disks, whatever has been said of its place.
    pub fn same_medium(&self, other: &Domain) -> Option<bool> {
        match (&self.host, &other.host) {
            (Some(own), Some(host)) if own != host => return Some(false),
            (Some(_), Some(_)) => {}
            _ if self.same_site(other) == Some(false) => return Some(false),
            _ => {}
        }
        let (own, other) = (self.medium.as_ref()?, other.medium.as_ref()?);
        Some(own.trim().eq_ignore_ascii_case(other.trim()))
    }

    /// Returns whether two things are at one place; none where that is not known. One machine is at one place, and a company
    /// that stores for others is not where one's own machines are.
    pub fn same_site(&self, other: &Domain) -> Option<bool> {
        if self.host.is_some() && self.host == other.host {
            return Some(true);
        }
        let stored = |site: &str| PROVIDERS.iter().any(|(_, name)| site.eq_ignore_ascii_case(name));
        match (self.site.as_deref(), other.site.as_deref()) {
            (Some(own), Some(other)) => Some(own.eq_ignore_ascii_case(other)),
            (Some(site), None) | (None, Some(site)) if stored(site) => Some(false),
            _ => None,
        }
    }
}

/// Where a part of a dataset lies, and how snapshots may have it.
pub(super) struct Original {
    pub(super) domain: Domain,
    /// The machine that uses it, by which a snapshot may call it.
    pub(super) used_on: Option<HostName>,
    /// Its paths there, and where it lies.
    pub(super) paths: Vec<String>,
}

/// Returns where a part of a dataset lies, and the paths by which a snapshot may hold it.
pub(super) fn of_part(lab: &Lab, part: &Part, seen: &Observed) -> Original {
    // The lab's own folder is wherever somebody works on it.
    let in_lab =
        matches!(part.storage(), Storage::Path(path) if std::path::Path::new(path).starts_with(lab.root()));
    let only = only(lab).filter(|_| !in_lab);
    let host = part
        .host()
        .cloned()
        .or_else(|| only.map(|host| host.name().clone()));
    let paths = match part.storage() {
        Storage::Path(path) => vec![path.clone()],
        Storage::Volume { remote: true, .. } => return of_share(lab, part, host),
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
    let used_on = host.clone();
    // What is called by another machine's name may be mounted from there, until somebody says which disk it is.
    let mounted = medium.is_none() && paths.iter().any(|path| is_mounted(lab, host.as_ref(), path));
    let domain = match mounted {
        true => Domain::default(),
        false => Domain {
            medium: medium.map(str::to_owned),
            site: entry.and_then(site_of),
            account: None,
            host,
        },
    };
    Original {
        domain,
        used_on,
        paths,
    }
}

/// Returns where a volume of another machine lies, as its driver's options say: `addr=192.0.2.20` and `:/mnt/tank/photos`.
fn of_share(lab: &Lab, part: &Part, used_on: Option<HostName>) -> Original {
    let unknown = |used_on| Original {
        domain: Domain::default(),
        used_on,
        paths: Vec::new(),
    };
    let Storage::Volume { project, key, .. } = part.storage() else {
        return unknown(used_on);
    };
    let declared = lab.projects().find(|one| one.name() == project);
    let option = |name: &str| {
        let volume = declared.and_then(|project| project.volumes().get(key))?;
        volume.driver_opts.get(name).map(|field| field.value.as_str())
    };
    let device = option("device").unwrap_or_default();
    let address = option("o")
        .into_iter()
        .flat_map(|all| all.split(','))
        .find_map(|word| word.strip_prefix("addr="));
    // NFS names a path of the machine; what a share of SMB is called says nothing of where it lies.
    let (named, path) = match (device.strip_prefix("//"), device.split_once(":/")) {
        (Some(share), _) => (share.split('/').next().unwrap_or_default(), None),
        (None, Some((named, path))) => (named, Some(format!("/{path}"))),
        (None, None) => ("", None),
    };
    let name = address.filter(|name| !name.is_empty()).unwrap_or(named);
    let Some(host) = machine(lab, &name.to_ascii_lowercase()) else {
        return unknown(used_on);
    };
    let entry = lab.instance().host(&host);
    let medium = entry.and_then(|entry| entry.medium_of(path.as_deref()?));
    Original {
        domain: Domain {
            medium: medium.map(str::to_owned),
            site: entry.and_then(site_of),
            account: None,
            host: Some(host),
        },
        used_on,
        paths: path.into_iter().collect(),
    }
}

/// Returns whether a path is called as what another machine shares usually is: by its name, or by how it is shared.
fn is_mounted(lab: &Lab, own: Option<&HostName>, path: &str) -> bool {
    let others: Vec<&HostName> = lab.instance().hosts().map(Host::name).collect();
    let is_other = |part: &str| {
        let named = |host: &&HostName| Some(*host) != own && host.as_str().eq_ignore_ascii_case(part);
        others.iter().any(named)
    };
    let words = |part: &str| {
        let mut words = part.split(['-', '_', '.']);
        words.any(|word| ["nfs", "smb", "cifs", "sshfs"].contains(&&*word.to_ascii_lowercase()))
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.any(|part| words(part) || is_other(part))
}

/// Returns the lab's machine, where it has one only.
pub(super) fn only(lab: &Lab) -> Option<&Host> {
    let mut hosts = lab.instance().hosts();
    hosts.next().filter(|_| hosts.next().is_none())
}

/// Returns where a machine stands: as written; a rented one is at a place of its own; of any other it is not known.
pub(super) fn site_of(host: &Host) -> Option<String> {
    match (host.site(), host.kind()) {
        (Some(site), _) => Some(site.to_owned()),
        (None, Some(HostKind::Vps)) => Some(host.name().to_string()),
        _ => None,
    }
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
    // A machine is where its own table says.
    let site = described
        .and_then(site_of)
        .or_else(|| entry.site().map(str::to_owned))
        .or_else(|| provider.filter(|_| host.is_none()).map(str::to_owned));
    let by_address = match &address {
        Address::Local(path) => described.and_then(|host| host.medium_of(path)).map(str::to_owned),
        Address::Pool(pool) => match described {
            Some(host) => medium_of_pool(host, pool).map(str::to_owned),
            None => Some(pool.clone()),
        },
        Address::Remote(_) | Address::Unknown => None,
    };
    // A label says less than where it lies does, unless all that is known is that it is below `/`.
    let root = described.and_then(|host| host.medium_of("/"));
    let said = entry.medium().map(|medium| medium.trim().to_owned());
    let medium = match (by_address, said) {
        (Some(own), Some(said)) if Some(&*own) == root && !matches!(address, Address::Pool(_)) => Some(said),
        (own, said) => own.or(said),
    };
    Domain {
        host,
        medium,
        site,
        account: entry.account().map(str::to_owned),
    }
}

/// Returns the machine's own name for a pool: that of the same name, else that of where a pool is usually mounted. None
/// where neither is declared: it may be any of them.
fn medium_of_pool<'a>(host: &'a Host, pool: &str) -> Option<&'a str> {
    let mut names = host.media().keys();
    let named = names.find(|name| name.eq_ignore_ascii_case(pool));
    let declared = |path: &str| {
        let mut paths = host.media().iter();
        let holds = paths.find(|(_, paths)| {
            paths
                .iter()
                .any(|own| own.value().trim_end_matches('/').eq_ignore_ascii_case(path))
        });
        holds.map(|(name, _)| name.as_str())
    };
    named
        .map(String::as_str)
        .or_else(|| declared(&format!("/mnt/{pool}")))
        .or_else(|| declared(&format!("/{pool}")))
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
        assert_eq!(of("location = '/mnt/vault/r'").site, None, "nobody has said");
        let named = |media: &str| {
            let text = format!(
                "[hosts.nas]\nmedia = {{ {media} }}\n[repositories.r]\nkind = 'zfs'\nlocation = 'tank/copies'\nhost = 'nas'"
            );
            domain(&text).medium
        };
        assert_eq!(named("fast = ['/mnt/tank']").as_deref(), Some("fast"));
        assert_eq!(named("Tank = ['/srv']").as_deref(), Some("Tank"));
        assert_eq!(named("fast = ['/srv']"), None);
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
        // One machine is at one place, whatever a repository says.
        assert_eq!(with(&|one| one.site = Some("away".into())), Some(true));
        assert_eq!(with(&|one| one.medium = Some("Tank".into())), Some(true));
        let away = |host: Option<&str>, site: Option<&str>| {
            let other = Domain {
                host: host.and_then(|host| host.parse().ok()),
                site: site.map(str::to_owned),
                ..Domain::default()
            };
            home.same_site(&other)
        };
        assert_eq!(away(Some("nas"), Some("away")), Some(true));
        assert_eq!(away(Some("pi"), Some("Home")), Some(true));
        assert_eq!(away(Some("pi"), None), None);
        assert_eq!(away(Some("pi"), Some("office")), Some(false));
        assert_eq!(away(None, Some("backblaze")), Some(false));
    }
}
