//! What a policy gives beside its network rules: SSH, capabilities, attributes, tags, approvals, and services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{How, Who};
use crate::tailnet::alias::Alias;
use crate::tailnet::compile::Compiled;
use crate::tailnet::directory::Devices;
use crate::tailnet::filter::Capabilities;
use crate::tailnet::policy::At;
use crate::tailnet::ranges::Range;
use crate::view::AccessChangeView;

/// What is given, of which kind, and on which device or service where it is on one.
type Fact = (&'static str, String, Option<Arc<str>>);

/// Whom each thing is given to.
pub(super) type Facts = BTreeMap<Fact, Who>;

/// A user of a machine whom no rule names.
const ANYBODY: &str = "\0";

/// Returns all that a policy gives beside its network rules.
pub(super) fn of(compiled: &Compiled) -> Facts {
    let mut facts = Facts::new();
    ssh(compiled, &mut facts);
    capabilities(compiled, &mut facts);
    attributes(compiled, &mut facts);
    let definitions = &compiled.inner().definitions;
    for (tag, owners) in &definitions.tags {
        add(
            compiled,
            &mut facts,
            ("tag", tag.to_string(), None),
            &owners.value,
        );
    }
    for (route, who) in &definitions.approvers {
        let what = match route {
            Some(range) => format!("route {range}"),
            None => "exit node".to_owned(),
        };
        add(compiled, &mut facts, ("approval", what, None), who);
    }
    for (service, who) in &definitions.hosts_of {
        add(compiled, &mut facts, ("approval", service.to_string(), None), who);
    }
    services(compiled, &mut facts);
    facts
}

/// Returns what one side gives and the other does not.
pub(super) fn changes(
    older: &Compiled,
    newer: &Compiled,
    more: &Facts,
    less: &Facts,
    wins: bool,
) -> Vec<AccessChangeView> {
    // Those whom the same is given in several places, and those who are given several things in one.
    type Places = Vec<(&'static str, Who, How, Option<Arc<str>>, Vec<String>)>;
    let nobody = Who::default();
    let mut places: Places = Vec::new();
    for ((kind, what, to), who) in more {
        let other = less.get(&(*kind, what.clone(), to.clone())).unwrap_or(&nobody);
        for (who, how) in who.beyond(other) {
            let same = |known: &&mut (&'static str, Who, How, Option<Arc<str>>, Vec<String>)| {
                (known.0, &known.1, known.2, &known.3) == (*kind, &who, how, to)
            };
            match places.iter_mut().find(same) {
                Some(known) => known.4.push(what.clone()),
                None => places.push((kind, who, how, to.clone(), vec![what.clone()])),
            }
        }
    }
    let mut all: Vec<(Who, How, AccessChangeView)> = Vec::new();
    for (kind, who, how, to, whats) in places {
        let same = |known: &&mut (Who, How, AccessChangeView)| {
            known.0 == who && known.1 == how && known.2.kind == kind && known.2.ports == whats
        };
        match all.iter_mut().find(same) {
            Some(known) => known.2.to.extend(to),
            None => {
                let view = AccessChangeView {
                    kind: kind.to_owned(),
                    to: to.into_iter().collect(),
                    ports: whats,
                    ..older.change_view(newer, &who, how, wins)
                };
                all.push((who, how, view));
            }
        }
    }
    all.into_iter().map(|(.., view)| view).collect()
}

/// Returns what was not compared: addresses that rules name, to which nothing leads.
pub(super) fn notes(older: &Compiled, newer: &Compiled) -> Vec<String> {
    let (old, new) = (nowhere(older), nowhere(newer));
    let changed: Vec<String> = old
        .symmetric_difference(&new)
        .map(|range| format!("`{range}`"))
        .collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let names = crate::lab::in_words(&changed, "and", 5);
    vec![format!(
        "who may go to {names} is not compared: no device has it, and no approved route leads there"
    )]
}

/// Returns the addresses of rules that no device and no approved route of the tailnet has.
fn nowhere(compiled: &Compiled) -> BTreeSet<Range> {
    let directory = &compiled.directory;
    let mut ranges = BTreeSet::new();
    for rule in compiled.rules() {
        for to in &rule.destinations {
            if !matches!(
                to.alias.value,
                Alias::Address(_) | Alias::Host(_) | Alias::IpSet(_)
            ) {
                continue;
            }
            ranges.extend(compiled.written(&to.alias.value));
        }
    }
    ranges.retain(|range| {
        let mut routers = directory.routers().iter();
        directory.inside(*range).next().is_none()
            && !routers.any(|router| {
                let mut routes = directory.subnets(*router).iter();
                routes.any(|route| route.overlaps(*range))
            })
    });
    ranges
}

/// Adds those whom aliases mean, and may mean.
fn add(compiled: &Compiled, facts: &mut Facts, fact: Fact, aliases: &[At<Alias>]) {
    let sources = compiled.make_sources(aliases.iter().map(|alias| &alias.value), &[]);
    let who = Who {
        devices: sources.devices.clone(),
        perhaps: sources.perhaps.clone(),
        ..Who::default()
    };
    facts.entry(fact).or_default().add(&who);
}

/// Adds who may sign in by Tailscale SSH, as which user: the first rule that fits decides.
fn ssh(compiled: &Compiled, facts: &mut Facts) {
    let directory = &compiled.directory;
    let policy = compiled.inner();
    let mut users: BTreeSet<&str> = policy
        .ssh
        .iter()
        .flat_map(|rule| &rule.logins)
        .map(String::as_str)
        .collect();
    users.extend(["root", ANYBODY]);
    for device in 0..directory.count() {
        let rules = compiled.ssh_rules(device);
        let own: BTreeSet<&str> = rules
            .iter()
            .flat_map(|rule| rule.users.keys())
            .map(String::as_str)
            .filter(|user| *user != "*")
            .collect();
        for user in own.union(&users) {
            let mut decided = Devices::none(directory.count() as usize);
            for rule in rules.iter().filter(|rule| rule.admits(user)) {
                let mut who = Who {
                    devices: Devices::none(directory.count() as usize),
                    ..Who::default()
                };
                for principal in rule.principals.iter().filter(|one| !decided.has(**one)) {
                    who.devices.insert(*principal);
                }
                decided.add(&who.devices);
                if !who.devices.is_empty() {
                    let to = Some(Arc::clone(directory.name(device)));
                    facts
                        .entry(("ssh", signing_in(user, rule.is_check()), to))
                        .or_default()
                        .add(&who);
                }
            }
        }
        for rule in &policy.ssh {
            let mut sources = Devices::none(directory.count() as usize);
            for source in &rule.sources {
                sources.add(&directory.devices_perhaps(&source.value, &policy.definitions));
            }
            let mut means = rule.destinations.iter().map(|to| &to.value);
            let is_meant = means.any(|alias| compiled.devices(alias).has(device));
            if sources.is_empty() || !is_meant {
                continue;
            }
            let who = Who {
                perhaps: sources,
                ..Who::default()
            };
            let named = rule.logins.iter().map(String::as_str);
            let named = named
                .chain(rule.root.then_some("root"))
                .chain(rule.nonroot.then_some(ANYBODY));
            let is_check = matches!(rule.action, crate::tailnet::policy::SshAction::Check(_));
            for user in named {
                let to = Some(Arc::clone(directory.name(device)));
                facts
                    .entry(("ssh", signing_in(user, is_check), to))
                    .or_default()
                    .add(&who);
            }
        }
    }
}

fn signing_in(user: &str, is_check: bool) -> String {
    let user = if user == ANYBODY {
        "any user but root"
    } else {
        user
    };
    match is_check {
        true => format!("{user} after a check"),
        false => user.to_owned(),
    }
}

/// Adds what applications are told that others may do.
fn capabilities(compiled: &Compiled, facts: &mut Facts) {
    let directory = &compiled.directory;
    for rule in &compiled.apps {
        for device in 0..directory.count() {
            for grant in compiled.grants(*rule, device) {
                let Capabilities::App(app) = grant.capabilities else {
                    continue;
                };
                let mut who = Who {
                    devices: grant.sources.devices.clone(),
                    perhaps: grant.sources.perhaps.clone(),
                    ..Who::default()
                };
                who.devices.remove(device);
                who.perhaps.remove(device);
                for (name, value) in app {
                    let what = match value {
                        Value::Null => name.clone(),
                        Value::Array(list) if list.is_empty() => name.clone(),
                        value => format!("{name} {value}"),
                    };
                    let to = Some(Arc::clone(directory.name(device)));
                    facts.entry(("capability", what, to)).or_default().add(&who);
                }
            }
        }
    }
}

/// Adds what `nodeAttrs` give to devices: of a range or name, to those that have it.
fn attributes(compiled: &Compiled, facts: &mut Facts) {
    for entry in &compiled.inner().node_attributes {
        for attribute in &entry.attributes {
            let fact = ("attribute", attribute.value.clone(), None);
            add(compiled, facts, fact, &entry.targets);
        }
    }
}

/// Adds who may reach the tailnet's services.
fn services(compiled: &Compiled, facts: &mut Facts) {
    for &(rule, at) in &compiled.services {
        let to = compiled.destination(rule, at);
        let Alias::Service(name) = &to.alias.value else {
            continue;
        };
        let sources = compiled.sources(rule);
        let who = Who {
            devices: sources.devices.clone(),
            perhaps: sources.perhaps.clone(),
            everybody: sources.everybody,
            ..Who::default()
        };
        for ports in to.ports.iter() {
            let fact = ("network", ports.to_string(), Some(Arc::clone(name)));
            facts.entry(fact).or_default().add(&who);
        }
    }
}
