//! Where databases keep their data.

use super::Declared;
use crate::compose::{Field, Mount, MountKind, rules};
use crate::finding::{Finding, Principle, Rule, Severity};
use crate::lab::Tier;
use crate::span::Span;
use crate::system::{Category, Store, System};

pub(super) static BIND_MOUNTED_DATABASE: Rule = Rule {
    id: "service.bind-mounted-database",
    principle: Principle::NamedVolumes,
    severity: Severity::Warning,
    title: "a production database keeps its data in a folder of the machine",
    why: "In a bind mount the data gets whatever owner, rights and file system the folder has, is easily copied or \
          synchronised while the database writes, and on a share it loses the locks that it relies on.",
    fix: "Dump the database, give it a named volume, and load the dump.",
    opt_in: false,
};

pub(super) static DATABASE_WITHOUT_VOLUME: Rule = Rule {
    id: "service.database-without-volume",
    principle: Principle::NamedVolumes,
    severity: Severity::Warning,
    title: "a database's data is in no volume that outlives its container",
    why: "Without a name a volume belongs to one container: `docker compose down` followed by `up` starts with an empty \
          database, and the old data lies in a volume that nothing names, until something prunes it.",
    fix: "Mount a named volume at the path where the database keeps its data.",
    opt_in: false,
};

pub(super) fn judge(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let Some(system) = declared
        .system
        .filter(|system| system.category() == Category::Database)
    else {
        return;
    };
    let paths = data_paths(declared, system);
    if paths.is_empty() || declared.tier == Tier::Sandbox {
        return;
    }
    let mounts = &declared.service.mounts;
    let holding: Vec<&Field<Mount>> = mounts
        .iter()
        .filter(|mount| paths.iter().any(|path| holds(&mount.value.target, path)))
        .collect();
    if let Some(finding) = missed(declared, system, &holding) {
        findings.push(finding);
        return;
    }
    match holding.as_slice() {
        [] => without_volume(declared, &paths, findings),
        several => {
            for mount in several {
                judge_mount(declared, mount, findings);
            }
        }
    }
}

/// Returns the paths at which the database may keep its data: as its environment says, else all that are known.
fn data_paths(declared: &Declared<'_>, system: &System) -> Vec<String> {
    let is_postgres = |store: Store| store == Store::Postgres;
    let known = || system.data().iter().filter(|data| data.store.needs_care());
    let own = declared
        .service
        .environment
        .get("PGDATA")
        .filter(|_| known().any(|data| is_postgres(data.store)))
        .and_then(|field| field.value.clone());
    match own {
        Some(path) => vec![path],
        None => known().map(|data| data.path.clone()).collect(),
    }
}

/// Returns whether a mount at one path takes in another: the same, or a folder above it.
fn holds(target: &str, path: &str) -> bool {
    let (target, path) = (target.trim_end_matches('/'), path.trim_end_matches('/'));
    path.strip_prefix(target)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns a finding for the trap of PostgreSQL's official image: up to version 17 it declares a volume at
/// `/var/lib/postgresql/data`, which an engine makes anew, without a name, inside whatever is mounted above.
fn missed(declared: &Declared<'_>, system: &System, holding: &[&Field<Mount>]) -> Option<Finding> {
    let [mount] = holding else {
        return None;
    };
    let image = declared.image.as_ref()?;
    let version: u32 = image.tag()?.split(['.', '-']).next()?.parse().ok()?;
    let caught = system.id() == "postgres"
        && image.repository() == "library/postgres"
        && version < 18
        && mount.value.target.trim_end_matches('/') == "/var/lib/postgresql"
        && !declared.service.environment.contains_key("PGDATA");
    caught.then(|| {
        let message = format!(
            "PostgreSQL {version} keeps its data in `/var/lib/postgresql/data`, which is an anonymous volume of its own \
             below `/var/lib/postgresql`"
        );
        declared
            .finding(&DATABASE_WITHOUT_VOLUME, message, &mount.span)
            .with_fix("Mount the volume at `/var/lib/postgresql/data`; dump the database first.")
    })
}

fn without_volume(declared: &Declared<'_>, paths: &[String], findings: &mut Vec<Finding>) {
    let mounts = &declared.service.mounts;
    // Something below the path is mounted by people who know what they do; memory is chosen on purpose.
    let below = |mount: &Field<Mount>| {
        paths
            .iter()
            .any(|path| holds(path, &mount.value.target) && is_data(mount))
    };
    if mounts.iter().any(below) || is_said_to_be_wrong(declared, paths) {
        return;
    }
    let message = format!("`{}` has no volume for its data", declared.called());
    let place = declared
        .service
        .image
        .as_ref()
        .map_or(&declared.service.span, |image| &image.span);
    findings.push(declared.finding(&DATABASE_WITHOUT_VOLUME, message, place));
}

/// Returns whether a mount for one of these paths is there, of which it was said already why it is none.
fn is_said_to_be_wrong(declared: &Declared<'_>, paths: &[String]) -> bool {
    declared.project.diagnostics().iter().any(|finding| {
        let is_own = finding
            .service()
            .is_some_and(|id| id.service() == declared.id.service());
        let is_wrong = std::ptr::eq(finding.rule(), &rules::INVALID_VALUE);
        let names = |place: &Span| paths.iter().any(|path| place.text().contains(path.as_str()));
        is_own && is_wrong && finding.place().is_some_and(names)
    })
}

/// Returns whether a mount may hold data, rather than a single file of configuration.
fn is_data(mount: &Field<Mount>) -> bool {
    let last = mount.value.target.rsplit('/').next().unwrap_or_default();
    !last.contains('.')
}

fn judge_mount(declared: &Declared<'_>, mount: &Field<Mount>, findings: &mut Vec<Finding>) {
    let name = declared.called();
    let production = declared.tier == Tier::Production;
    match (mount.value.kind, mount.value.source.as_deref()) {
        (MountKind::Volume, None) => {
            let message = format!("the data of `{name}` is in a volume without a name");
            findings.push(declared.finding(&DATABASE_WITHOUT_VOLUME, message, &mount.span));
        }
        (MountKind::Bind, _) if production => {
            let message = format!("the data of `{name}` is in a folder of the machine");
            findings.push(declared.finding(&BIND_MOUNTED_DATABASE, message, &mount.span));
        }
        (MountKind::Volume, Some(key)) if production => {
            if let Some(what) = disguise(declared, key) {
                let message = format!("the data of `{name}` is in volume `{key}`, which is {what}");
                findings.push(declared.finding(&BIND_MOUNTED_DATABASE, message, &mount.span));
            }
        }
        _ => {}
    }
}

/// Returns what a named volume is in truth, where its driver's options make it a folder or a share.
fn disguise(declared: &Declared<'_>, key: &str) -> Option<&'static str> {
    let volume = declared.project.volumes().get(key)?;
    let option = |name: &str| volume.driver_opts.get(name).map(|field| field.value.as_str());
    let is_bind =
        option("o").is_some_and(|options| options.split(',').any(|word| matches!(word, "bind" | "rbind")));
    match option("type") {
        Some("nfs" | "nfs4" | "cifs" | "smb3") => Some("a share of another machine"),
        _ if is_bind => Some("a folder of the machine"),
        _ => None,
    }
}
