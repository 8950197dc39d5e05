//! Several applications that have nothing to do with each other in one Compose file.

use super::Declared;
use crate::compose::{MountKind, NetworkMode};
use crate::finding::{Evidence, Finding, Principle, Rule, Severity, Subject};
use crate::lab::in_words;
use crate::system::Category;

pub(super) static UNRELATED_APPLICATIONS: Rule = Rule {
    id: "service.unrelated-applications",
    principle: Principle::OneFilePerService,
    severity: Severity::Warning,
    title: "one Compose file holds applications that have nothing to do with each other",
    why: "They can then only be updated, stopped, moved and restored together, and a mistake in one keeps the others \
          from starting.",
    fix: "Give each application a folder with a Compose file of its own.",
    opt_in: false,
};

pub(super) fn judge(services: &[Declared<'_>], findings: &mut Vec<Finding>) {
    let mains: Vec<(usize, Purpose)> = services
        .iter()
        .enumerate()
        .filter_map(|(at, service)| Some((at, purpose(service.system?.category())?)))
        .collect();
    // Looking for what joins services is the expensive part, and most files have one application.
    if mains.len() < 2 {
        return;
    }
    let groups = groups(services);
    let mut apart: Vec<(usize, Purpose)> = Vec::new();
    for &(at, purpose) in &mains {
        if apart
            .iter()
            .all(|&(other, known)| known != purpose && groups[other] != groups[at])
        {
            apart.push((at, purpose));
        }
    }
    let [(first, _), rest @ ..] = apart.as_slice() else {
        return;
    };
    let Some((second, _)) = rest.first() else {
        return;
    };
    let names: Vec<String> = apart
        .iter()
        .map(|&(at, _)| format!("`{}`", services[at].called()))
        .collect();
    let message = format!(
        "{} share a Compose file and nothing else",
        in_words(&names, "and", 6)
    );
    let finding = Finding::new(
        &UNRELATED_APPLICATIONS,
        Subject::Project(services[*first].id.project().clone()),
        message,
    )
    .at(&services[*second].service.span);
    findings.push(apart.iter().fold(finding, |finding, &(at, _)| {
        finding.with_evidence(Evidence::at(
            format!("`{}` is {}", services[at].service.name, services[at].called()),
            &services[at].service.span,
        ))
    }));
}

/// What people run an application for, more coarsely than its category: those of one purpose belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Media,
    Office,
    One(Category),
}

/// Returns the purpose of a category that people run something for; nothing for what serves other applications.
fn purpose(category: Category) -> Option<Purpose> {
    match category {
        Category::Media | Category::Download => Some(Purpose::Media),
        Category::Files
        | Category::Documents
        | Category::Notes
        | Category::Productivity
        | Category::Bookmarks => Some(Purpose::Office),
        Category::Automation
        | Category::Chat
        | Category::Cms
        | Category::Finance
        | Category::Games
        | Category::Git
        | Category::Passwords
        | Category::Photos => Some(Purpose::One(category)),
        _ => None,
    }
}

/// Returns for each service the number of the group that it belongs to: those that anything joins are in one.
fn groups(services: &[Declared<'_>]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..services.len()).collect();
    let texts: Vec<String> = services.iter().map(spoken).collect();
    for left in 0..services.len() {
        for right in 0..left {
            if group[left] != group[right]
                && (joined(&services[left], &services[right])
                    || mentions(&texts[left], &services[right])
                    || mentions(&texts[right], &services[left]))
            {
                let (from, to) = (group[left], group[right]);
                group
                    .iter_mut()
                    .filter(|own| **own == from)
                    .for_each(|own| *own = to);
            }
        }
    }
    group
}

fn joined(left: &Declared<'_>, right: &Declared<'_>) -> bool {
    let waits = |a: &Declared<'_>, b: &Declared<'_>| {
        let name = b.service.name.as_str();
        let borrows = a
            .service
            .network_mode
            .as_ref()
            .is_some_and(|mode| matches!(&mode.value, NetworkMode::Service(service) if service == name));
        borrows
            || a.service
                .depends_on
                .iter()
                .any(|other| other.value.service == name)
    };
    waits(left, right) || waits(right, left) || same_maker(left, right) || same_storage(left, right)
}

/// Returns whether both images are of one maker, who makes few things.
fn same_maker(left: &Declared<'_>, right: &Declared<'_>) -> bool {
    // These pack other people's applications.
    const PACKERS: [&str; 6] = [
        "library",
        "linuxserver",
        "bitnami",
        "bitnamilegacy",
        "hotio",
        "home-operations",
    ];
    let (Some(left), Some(right)) = (&left.image, &right.image) else {
        return false;
    };
    let maker = |name: &str| name.rsplit_once('/').map(|(maker, _)| maker.to_owned());
    match (maker(left.name()), maker(right.name())) {
        (Some(left), Some(right)) => left == right && !PACKERS.iter().any(|packer| left.ends_with(packer)),
        _ => false,
    }
}

/// Returns whether both mount one volume, or folders of which one holds the other.
fn same_storage(left: &Declared<'_>, right: &Declared<'_>) -> bool {
    // Every second service has these.
    let is_common = |path: &str| {
        path == "/"
            || [
                "/etc/",
                "/dev",
                "/sys",
                "/proc",
                "/run",
                "/var/run",
                "/lib/modules",
            ]
            .iter()
            .any(|common| path.starts_with(common))
    };
    let inside = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let project = left.project.directory().to_string_lossy();
    left.service.mounts.iter().any(|a| {
        right.service.mounts.iter().any(|b| {
            let (Some(x), Some(y)) = (a.value.source.as_deref(), b.value.source.as_deref()) else {
                return false;
            };
            let same_kind = a.value.kind == b.value.kind;
            match a.value.kind {
                MountKind::Bind => {
                    same_kind
                        && !is_common(x)
                        && !is_common(y)
                        && x != project
                        && y != project
                        && (inside(x, y) || inside(y, x))
                }
                _ => same_kind && x == y,
            }
        })
    })
}

/// Returns what a service says to others: its environment, command and labels.
fn spoken(declared: &Declared<'_>) -> String {
    let service = declared.service;
    let environment = service
        .environment
        .values()
        .filter_map(|field| field.value.as_deref());
    let words = service
        .command
        .iter()
        .chain(&service.entrypoint)
        .map(|field| field.value.as_str());
    let labels = service.labels.values().map(|field| field.value.as_str());
    let mut text = String::new();
    for part in environment.chain(words).chain(labels) {
        text.push_str(part);
        text.push('\n');
    }
    text
}

/// Returns whether a text has the name of a service or of its container as a whole word.
fn mentions(text: &str, declared: &Declared<'_>) -> bool {
    let service = declared.service;
    let names = [
        Some(service.name.as_str()),
        service.container_name.as_ref().map(|name| name.value.as_str()),
    ];
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    names
        .into_iter()
        .flatten()
        .filter(|name| !name.is_empty())
        .any(|name| {
            text.match_indices(name).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + name.len()..].chars().next();
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            })
        })
}
