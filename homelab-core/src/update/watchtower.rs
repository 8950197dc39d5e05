//! Watchtower and its like: what they would update, by their own rules.

use crate::finding::{Evidence, Finding, Principle, Rule, Severity};
use crate::lab::Tier;
use crate::service::image::ImageReference;
use crate::service::rules::Declared;

pub(super) static AUTOMATIC_UPDATES: Rule = Rule {
    id: "update.automatic-in-production",
    principle: Principle::ManualUpdates,
    severity: Severity::Warning,
    title: "a production service is updated without anybody looking",
    why: "An update that changes its database or drops a setting then happens at night, on data that people rely on, \
          and with no copy made just before.",
    fix: "Label the service `com.centurylinklabs.watchtower.enable: \"false\"`, or have Watchtower take only what asks \
          for it (`--label-enable`); it can still tell you (`monitor-only`).",
    opt_in: false,
};

pub(super) static ARCHIVED_UPDATER: Rule = Rule {
    id: "update.archived-updater",
    principle: Principle::ManualUpdates,
    severity: Severity::Warning,
    title: "the updater itself is no longer maintained",
    why: "containrrr/watchtower was archived in December 2025, and asks for a version of the engine's interface that \
          Docker 29 refuses: after an update of the engine it updates nothing, and says so only in its log.",
    fix: "Change to a maintained fork such as `nicholas-fedor/watchtower`, which understands the same labels, or take \
          it away.",
    opt_in: false,
};

const ENABLE: &str = "com.centurylinklabs.watchtower.enable";
const MONITOR_ONLY: &str = "com.centurylinklabs.watchtower.monitor-only";
const SCOPE: &str = "com.centurylinklabs.watchtower.scope";

pub(super) fn judge(services: &[Declared<'_>], findings: &mut Vec<Finding>) {
    let updaters: Vec<Updater<'_>> = services.iter().filter_map(Updater::of).collect();
    for updater in &updaters {
        archived(updater, findings);
    }
    for service in services.iter().filter(|service| service.tier == Tier::Production) {
        let by = updaters.iter().find(|updater| updater.updates(service));
        if let Some(updater) = by {
            findings.push(by_watchtower(service, updater));
        } else if let Some(label) = service.service.labels.get("io.containers.autoupdate")
            && matches!(label.value.as_str(), "registry" | "image")
        {
            let message = format!("Podman updates `{}` by itself", service.called());
            findings.push(
                service
                    .finding(&AUTOMATIC_UPDATES, message, &label.span)
                    .with_fix(
                        "Delete the label `io.containers.autoupdate`, or `AutoUpdate=` in the quadlet file.",
                    ),
            );
        }
    }
}

fn by_watchtower(service: &Declared<'_>, updater: &Updater<'_>) -> Finding {
    let labels = &service.service.labels;
    let place = labels
        .get(ENABLE)
        .map_or(&service.service.span, |label| &label.span);
    let message = format!("`{}` is updated by `{}`", service.called(), updater.declared.id);
    service
        .finding(&AUTOMATIC_UPDATES, message, place)
        .with_evidence(Evidence::at(updater.reason(), &updater.declared.service.span))
}

fn archived(updater: &Updater<'_>, findings: &mut Vec<Finding>) {
    let is_archived = matches!(
        updater.image.repository(),
        "containrrr/watchtower" | "v2tec/watchtower"
    );
    if is_archived && let Some(image) = &updater.declared.service.image {
        let message = format!(
            "`{}` is archived, and fails on Docker 29",
            updater.image.repository()
        );
        findings.push(updater.declared.finding(&ARCHIVED_UPDATER, message, &image.span));
    }
}

/// A Watchtower, and what it was told.
struct Updater<'a> {
    declared: &'a Declared<'a>,
    image: &'a ImageReference,
    /// Whether it only says what could be updated.
    monitor_only: bool,
    /// Whether a label on a container counts before that.
    labels_first: bool,
    /// Whether it takes only what asks for it.
    label_enable: bool,
    /// Which containers it takes, by the label of this name.
    scope: Option<String>,
    /// Container names that it never takes.
    disabled: Vec<String>,
    /// Container names that it takes and no others; all where there are none.
    names: Vec<String>,
}

impl<'a> Updater<'a> {
    fn of(declared: &'a Declared<'a>) -> Option<Self> {
        let image = declared.image.as_ref()?;
        if !matches!(image.base_name(), "watchtower" | "ouroboros") {
            return None;
        }
        let service = declared.service;
        let words: Vec<&str> = service
            .entrypoint
            .iter()
            .chain(&service.command)
            .map(|field| field.value.as_str())
            .collect();
        let variable = |name: &str| service.environment.get(name)?.value.clone();
        let list = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split([',', ' '])
                .filter(|name| !name.is_empty())
                .map(bare)
                .collect()
        };
        let switch = |flag: &str, name: &str| {
            switch(&words, flag).unwrap_or_else(|| variable(name).is_some_and(|value| is_true(&value)))
        };
        Some(Updater {
            declared,
            image,
            monitor_only: switch("--monitor-only", "WATCHTOWER_MONITOR_ONLY"),
            labels_first: switch("--label-take-precedence", "WATCHTOWER_LABEL_TAKE_PRECEDENCE"),
            label_enable: switch("--label-enable", "WATCHTOWER_LABEL_ENABLE"),
            scope: option(&words, "--scope")
                .or_else(|| variable("WATCHTOWER_SCOPE"))
                .filter(|scope| !scope.is_empty()),
            disabled: list(
                option(&words, "--disable-containers").or_else(|| variable("WATCHTOWER_DISABLE_CONTAINERS")),
            ),
            names: arguments(&words),
        })
    }

    /// Returns whether it would replace the containers of a service.
    fn updates(&self, other: &Declared<'_>) -> bool {
        let label = |name: &str| other.service.labels.get(name).map(|label| label.value.as_str());
        let enabled = label(ENABLE).map(is_true);
        let monitor_only = match label(MONITOR_ONLY).map(is_true) {
            Some(own) if self.labels_first => own,
            own => self.monitor_only || own == Some(true),
        };
        let in_scope = match self.scope.as_deref() {
            None => true,
            Some("none") => label(SCOPE).is_none_or(|scope| scope == "none"),
            Some(scope) => label(SCOPE) == Some(scope),
        };
        let name = container_name(other);
        self.same_machine(other)
            && !monitor_only
            && in_scope
            && enabled.unwrap_or(!self.label_enable)
            && !self.disabled.contains(&name)
            && (self.names.is_empty() || self.names.contains(&name))
    }

    /// Returns whether both run on one machine: as the lab says, else those that it says nothing of are taken to be on
    /// the same one only where both are unknown.
    fn same_machine(&self, other: &Declared<'_>) -> bool {
        let own = &self.declared.hosts;
        (own.is_empty() && other.hosts.is_empty()) || own.iter().any(|host| other.hosts.contains(host))
    }

    fn reason(&self) -> String {
        match (&self.scope, self.label_enable) {
            (Some(scope), _) => format!("takes every container of the scope `{scope}`"),
            (None, true) => "takes every container that has the label".to_owned(),
            (None, false) => "takes every container of the machine".to_owned(),
        }
    }
}

/// Returns the name that the engine gives a service's first container.
fn container_name(declared: &Declared<'_>) -> String {
    match &declared.service.container_name {
        Some(name) => bare(&name.value),
        None => format!("{}-{}-1", declared.id.project(), declared.service.name),
    }
}

fn bare(name: &str) -> String {
    name.trim_start_matches('/').to_owned()
}

fn is_true(text: &str) -> bool {
    matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "true" | "1" | "t" | "yes"
    )
}

/// Returns what a flag of a command says, if it is there: `--flag`, `--flag=false`.
fn switch(words: &[&str], flag: &str) -> Option<bool> {
    words.iter().find_map(|word| match word.strip_prefix(flag)? {
        "" => Some(true),
        value => value.strip_prefix('=').map(is_true),
    })
}

/// Returns the value of a command's option: `--option=value`, `--option value`.
fn option(words: &[&str], name: &str) -> Option<String> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => words.get(at + 1).map(|value| (*value).to_owned()),
            value => value.strip_prefix('=').map(str::to_owned),
        })
}

/// Returns the words of a command that are neither options nor their values: the containers to take.
fn arguments(words: &[&str]) -> Vec<String> {
    // The options that take a value as the next word.
    const VALUED: [&str; 11] = [
        "--interval",
        "-i",
        "--schedule",
        "-s",
        "--scope",
        "--stop-timeout",
        "-t",
        "--host",
        "-H",
        "--disable-containers",
        "-x",
    ];
    let mut names = Vec::new();
    let mut is_value = false;
    for word in words {
        let was_value = std::mem::replace(&mut is_value, VALUED.contains(word));
        // The program itself may be written too.
        if !was_value && !word.starts_with('-') && !word.ends_with("watchtower") && !word.starts_with('/') {
            names.push(bare(word));
        }
    }
    names
}
