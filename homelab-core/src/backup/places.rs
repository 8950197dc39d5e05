//! Mounts of which nobody knows whether they hold data.

use std::path::Path;

use super::part::{Part, Storage};
use crate::compose::{Field, Mount, MountKind};
use crate::lab::ServiceRef;
use crate::system::{Class, Data};

/// What files of settings, programs and certificates end with; what else a service writes may be data.
const SETTINGS: &[&str] = &[
    "conf",
    "cfg",
    "ini",
    "yml",
    "yaml",
    "toml",
    "json",
    "xml",
    "properties",
    "env",
    "sh",
    "py",
    "js",
    "html",
    "css",
    "template",
    "crt",
    "pem",
    "key",
    "pub",
    "sock",
    "pid",
    "d",
];

/// Folders of the system, which nobody keeps data in.
const SYSTEM: &[&str] = &[
    "/etc", "/dev", "/proc", "/sys", "/run", "/var/run", "/tmp", "/usr", "/lib", "/boot",
];

/// Returns whether a mount may hold data: one that the service writes, and that is neither settings nor the system's.
pub(super) fn may_hold_data(mount: &Mount, known: Option<&Data>) -> bool {
    if let Some(data) = known {
        return matches!(data.class, Class::Irreplaceable | Class::Important);
    }
    if mount.kind == MountKind::Volume {
        return true;
    }
    let is_settings = |path: &str| {
        let path = Path::new(path);
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let ending = path.extension().and_then(|ending| ending.to_str());
        name == ".env" || ending.is_some_and(|ending| SETTINGS.contains(&ending))
    };
    let of_system = |path: &str| {
        let inside = |folder: &&str| {
            path.strip_prefix(*folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        SYSTEM.iter().any(inside)
    };
    let source = mount.source.as_deref().unwrap_or_default();
    let either = |is: &dyn Fn(&str) -> bool| is(source) || is(&mount.target);
    mount.kind == MountKind::Bind && !mount.read_only && !either(&is_settings) && !either(&of_system)
}

/// Returns the place of a mount whose variable has no value, or that has no name, as the service sees it: `photos/server:/data`.
pub(super) fn unset(service: ServiceRef<'_>, field: &Field<Mount>) -> Part {
    let text = format!("{}:{}", service.id(), field.value.target);
    let mut part = Part::new(service.id().host().cloned(), Storage::Path(text));
    part.services.insert(service.id().clone());
    part.place = Some(field.span.clone());
    part
}
