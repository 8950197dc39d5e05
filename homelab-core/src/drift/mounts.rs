//! What is mounted into a container, held against what is written.

use std::path::Path;

use super::{Difference, DifferenceKind};
use crate::compose::{Field, Mount, MountKind, Project};
use crate::inventory::{Mounted, Placement};
use crate::lab::{ServiceRef, in_words};

/// Returns the names that a project's volumes have on its engine.
pub(super) fn volume_names(project: &Project) -> impl Iterator<Item = String> {
    project
        .volumes()
        .keys()
        .map(|key| volume_name(project, project.name().as_str(), key))
}

/// Returns what a volume's key means on the engine, in a project that is called so there.
pub(crate) fn volume_name(project: &Project, called: &str, key: &str) -> String {
    let declared = project.volumes().get(key);
    match declared.and_then(|volume| volume.name.as_ref()) {
        Some(name) => name.value.clone(),
        None if declared.is_some_and(|volume| volume.external) => key.to_owned(),
        None => format!("{called}_{key}"),
    }
}

/// Whether an engine made the name of a volume, for one container.
pub(super) fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit())
}

/// Finds what is mounted otherwise than written. What an image brings by itself, and Compose for secrets and configs, is
/// as it should be.
pub(super) fn compared(placement: &Placement<'_>, service: ServiceRef<'_>) -> Option<Difference> {
    let (declared, container) = (service.service(), placement.container());
    let target = |text: &str| text.trim_end_matches('/').to_owned();
    let mut left: Vec<&Mounted> = container.mounts.iter().collect();
    let mut wrong = Vec::new();
    let mut place = None;
    for field in &declared.mounts {
        let mount = &field.value;
        if mount.kind == MountKind::Other {
            left.retain(|seen| target(&seen.target) != target(&mount.target));
            continue;
        }
        let at = left
            .iter()
            .position(|seen| target(&seen.target) == target(&mount.target));
        let seen = at.map(|at| left.remove(at));
        if let Some(why) = differs(field, seen, placement, service) {
            wrong.push(format!("`{}` {why}", mount.target));
            place.get_or_insert(&field.span);
        }
    }
    for seen in left {
        if is_unwritten(seen, service) {
            let source = seen.source.as_deref().unwrap_or_default();
            wrong.push(format!(
                "`{}` is mounted from `{source}`, and not written",
                seen.target
            ));
        }
    }
    if wrong.is_empty() {
        return None;
    }
    let difference = Difference::new(DifferenceKind::Mounts, in_words(&wrong, "and", 6));
    Some(match place {
        Some(place) => difference.at(place),
        None => difference,
    })
}

/// Returns how a mount differs from what is written, if it does.
fn differs(
    field: &Field<Mount>,
    seen: Option<&Mounted>,
    placement: &Placement<'_>,
    service: ServiceRef<'_>,
) -> Option<String> {
    let mount = &field.value;
    let Some(seen) = seen else {
        return Some("is written, and not mounted".to_owned());
    };
    if seen.kind != mount.kind {
        return Some(format!(
            "is mounted from {}, and not from {}",
            kind(seen.kind),
            kind(mount.kind)
        ));
    }
    let (wanted, found) = (mount.source.as_deref(), seen.source.as_deref());
    let same = match (mount.kind, wanted, found) {
        _ if field.is_unset() => true,
        (MountKind::Bind, Some(wanted), Some(found)) => is_path(wanted, found, placement, service.project()),
        (MountKind::Volume, Some(key), Some(found)) => {
            let project = service.project();
            let called = placement
                .container()
                .compose_project()
                .unwrap_or(project.name().as_str());
            volume_name(project, called, key) == found
                || volume_name(project, project.name().as_str(), key) == found
        }
        // Which volume an anonymous one is, nobody has written.
        _ => true,
    };
    if !same {
        let (wanted, found) = (wanted.unwrap_or_default(), found.unwrap_or_default());
        return Some(format!("is mounted from `{found}`, and not from `{wanted}`"));
    }
    (seen.read_only != mount.read_only).then(|| match mount.read_only {
        true => "can be written, though it is to be read only".to_owned(),
        false => "can only be read, though it is to be written".to_owned(),
    })
}

fn kind(kind: MountKind) -> &'static str {
    match kind {
        MountKind::Bind => "the host",
        MountKind::Volume => "a volume",
        MountKind::Tmpfs => "memory",
        MountKind::Other => "elsewhere",
    }
}

/// Whether two paths are one. The lab may lie in another folder here than where Compose ran.
fn is_path(wanted: &str, found: &str, placement: &Placement<'_>, project: &Project) -> bool {
    let plain = |path: &str| {
        let path = path.trim_end_matches('/');
        // One is a link to the other wherever engines run.
        path.strip_prefix("/var/run/")
            .map_or_else(|| path.to_owned(), |rest| format!("/run/{rest}"))
    };
    if plain(wanted) == plain(found) {
        return true;
    }
    let Ok(inner) = Path::new(wanted).strip_prefix(project.directory()) else {
        return false;
    };
    match placement.container().compose_folder() {
        Some(folder) => Path::new(folder).join(inner) == Path::new(found),
        None => Path::new(found).ends_with(inner),
    }
}

/// Whether a mount that is not written should be.
fn is_unwritten(seen: &Mounted, service: ServiceRef<'_>) -> bool {
    let Some(source) = &seen.source else { return false };
    match seen.kind {
        MountKind::Volume => !is_anonymous(source),
        MountKind::Bind => {
            let (declared, project) = (service.service(), service.project());
            let given = seen.target.starts_with("/run/secrets/") && !declared.secrets.is_empty();
            let material = project.configs().values().chain(project.secrets().values());
            let files = material.filter_map(|one| one.file.as_ref());
            let base = |path: &str| path.rsplit('/').next().map(str::to_owned);
            let has_any = !declared.configs.is_empty() || !declared.secrets.is_empty();
            let is_file = has_any && files.into_iter().any(|file| base(&file.value) == base(source));
            !given && !is_file
        }
        MountKind::Tmpfs | MountKind::Other => false,
    }
}
