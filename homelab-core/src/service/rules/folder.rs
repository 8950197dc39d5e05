//! Folders of the machine itself in a container.

use super::Declared;
use crate::compose::{Field, Mount, MountKind};
use crate::finding::{Evidence, Finding, Principle, Rule, Severity};
use crate::lab::in_words;
use crate::system::Category;

pub(super) static HOST_FOLDER: Rule = Rule {
    id: "service.host-folder",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "a container has a folder that the machine itself runs on",
    why: "Who can write to the machine's settings, programs or devices is root on it as soon as the machine reads them; \
          who can read them has its passwords and keys.",
    fix: "Mount only the folder or file that the application needs, read-only where it does not write.",
    opt_in: false,
};

/// By writing to these a container becomes root on the machine.
const WRITTEN: [&str; 19] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin",
    "/sys", "/usr", "/usr/bin", "/usr/lib", "/var", "/var/lib", "/var/run",
];
/// What is everybody's and the engine's, and is a secret to read too.
const READ: [&str; 6] = ["/", "/etc", "/root", "/var", "/var/lib", "/var/lib/docker"];
/// Folders with what lets others in.
const KEYS: [&str; 6] = [
    "/etc/ssh",
    "/etc/sudoers.d",
    "/etc/systemd",
    "/etc/cron.d",
    "/root/.ssh",
    "/var/lib/docker",
];

pub(super) fn judge(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let privileged = declared.service.privileged.as_ref();
    if privileged.is_some_and(|field| field.value) {
        // It is part of that.
        return;
    }
    given(declared, findings);
}

/// As `judge`, whatever privileges it has.
pub(super) fn given(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    // Reading the whole machine is what these are for.
    let reads = declared.is_one_of(&[Category::Monitoring, Category::Backup]);
    let given: Vec<(&str, &Field<Mount>)> = declared
        .service
        .mounts
        .iter()
        .filter(|mount| !mount.is_unset())
        .filter_map(|mount| Some((folder(&mount.value, reads)?, mount)))
        .collect();
    let Some((_, first)) = given.first() else { return };
    let names: Vec<String> = given
        .iter()
        .map(|(path, mount)| {
            let read_only = if mount.value.read_only { ", read-only" } else { "" };
            format!("`{path}`{read_only}")
        })
        .collect();
    let finding = |names: &[String], mount: &Field<Mount>| {
        let message = format!(
            "`{}` has the machine's {}",
            declared.called(),
            in_words(names, "and", 5)
        );
        declared.finding(&HOST_FOLDER, message, &mount.span)
    };
    let others = given.iter().zip(names.chunks(1)).skip(1);
    findings.push(
        others.fold(finding(&names, first), |whole, ((path, mount), name)| {
            whole
                .with_evidence(Evidence::at(format!("`{path}` is mounted"), &mount.span))
                .with_part(finding(name, mount))
        }),
    );
}

/// Returns the folder that a mount brings in, if it is one of the machine's own that this container should not have.
fn folder(mount: &Mount, reads: bool) -> Option<&str> {
    let source = mount
        .source
        .as_deref()
        .filter(|_| mount.kind == MountKind::Bind)?;
    let path = match source.trim_end_matches('/') {
        "" => source.get(..1)?,
        path => path,
    };
    // The engine's socket is in these two, and has a rule of its own.
    let sockets = matches!(path, "/run" | "/var/run");
    let bad = if mount.read_only {
        !reads && (READ.contains(&path) || KEYS.contains(&path))
    } else {
        !sockets && (WRITTEN.contains(&path) || KEYS.contains(&path))
    };
    bad.then_some(path)
}
