//! What is worth saying about a tailnet's policy.

use std::collections::BTreeSet;

use super::alias::Alias;
use super::compile::Compiled;
use super::policy::tailnet_ranges;
use super::policy::{Destination, Rule as Written, Section};
use super::ranges::Ranges;
use super::services::answers;
use super::{Policy, Tailnet};
use crate::access::{Exposure, Path, PathKind, UnknownKind};
use crate::error::{Error, ErrorKind};
use crate::finding::{Evidence, Finding, Subject, rules};
use crate::lab::{Lab, in_words};
use crate::observed::Observed;
use crate::span::Span;
use crate::view::{Reach, TailnetRuleView};

rules! {
    REFUSED = "tailnet.refused-policy", Valid, Error,
        "the tailnet's policy cannot be in force",
        "The service refuses such a file, so what holds is an older one, and nothing that is said of who reaches what \
         can be trusted.",
        "Correct the file at the place that is named, and save it where the tailnet takes it from.";
    FAILED_TEST = "tailnet.failed-test", Valid, Error,
        "a test of the tailnet's policy fails",
        "Somebody wrote down who must reach what, and who must not; the rules say something else. The service refuses \
         the file for it.",
        "Correct the rules, or the test where it asks for what nobody wants any more.";
    UNCLEAR = "tailnet.unclear-policy", Valid, Warning,
        "a part of the tailnet's policy may not mean what it says",
        "It is accepted, and still what counts is not what a reader takes it for.",
        "Write it once, in the way that the service documents.";
    ALLOW_ALL = "tailnet.allow-all", IdentityFitsAudience, Warning,
        "the tailnet's policy lets everybody reach everything",
        "One lost telephone, one guest or one broken container on the tailnet reaches every port of every device: the \
         policy takes nothing from anybody.",
        "Say who uses what: a rule for each audience with the tags and ports that it needs. `diff` shows who would lose what.";
    MEMBERS_EVERYTHING = "tailnet.members-to-everything", IdentityFitsAudience, Warning,
        "the tailnet's policy lets every member reach everything",
        "Whoever is invited, be it for one photo album, reaches every port of every device, the administration of each \
         service too.",
        "Keep it for those who administer, such as autogroup:admin, and give the others the services that they use.";
    TAG_WITHOUT_OWNER = "tailnet.tag-without-owner", IdentityFitsAudience, Warning,
        "a tag belongs to nobody",
        "A tag is the identity of a machine. One that is not in `tagOwners` can be in no rule, and one whose owners are \
         nobody is left to whoever administers the tailnet.",
        "Add the tag to `tagOwners` with those who may give it to a device, or take it off the device.";
    UNMATCHED = "tailnet.unmatched-rule", Valid, Note,
        "a rule of the tailnet's policy matches nothing",
        "It gives nothing to anybody today, and would to whoever gets the name, tag or address that it was written for. \
         Often it is a name that was mistyped or a device that is gone.",
        "Remove the rule, or correct whom and what it names.";
    WIDE_FUNNEL = "tailnet.wide-funnel", NoPublicPort, Warning,
        "more devices may open themselves to the internet than have a reason to",
        "With the attribute `funnel` one command on the device opens a port of it to everybody, past every rule of the policy.",
        "Give `funnel` to a tag that only the devices with a public service have, or remove it.";
    EXIT_FOR_EVERYONE = "tailnet.exit-node-for-everyone", IdentityFitsAudience, Note,
        "everybody may use the tailnet's exit nodes",
        "What they do on the internet is done from the home's address, and by its owner in the eyes of others.",
        "Give autogroup:internet to those who need a way out through the home.";
    BYPASS = "tailnet.published-past-policy", TailnetFirst, Warning,
        "a published port goes past the tailnet's policy",
        "The policy lets some people reach the service and others not. On the local network the same port asks nobody \
         who they are: whoever is on it gets in, with or without the tailnet.",
        "Publish the port on the machine's tailnet address, or say in lab.toml under `[policy.services]` that the local \
         network may come in.";
}

impl Lab {
    /// Returns what is worth saying about the tailnet's policy, where the lab has one: findings of the rules `tailnet.*`.
    pub(crate) fn tailnet_findings(&self, exposures: &[Exposure], seen: &Observed) -> Vec<Finding> {
        let tailnet = match self.tailnet(seen) {
            Ok(tailnet) => tailnet,
            // A lab without a policy is a lab without a tailnet, or one whose policy is kept elsewhere.
            Err(error) if error.kind() == ErrorKind::NotFound && error.place().is_none() => {
                return Vec::new();
            }
            Err(error) => return vec![refused(&error)],
        };
        let net = &*tailnet.compiled;
        let mut findings = Vec::new();
        findings.extend(notes(tailnet.policy()));
        findings.extend(failed_tests(&tailnet));
        findings.extend(everything(net));
        findings.extend(exit_for_everyone(net));
        findings.extend(unmatched(net));
        findings.extend(unowned_tags(net));
        findings.extend(self.unknown_tags(net));
        findings.extend(wide_funnel(net, exposures, seen));
        findings.extend(self.past_policy(&tailnet, exposures, seen));
        findings
    }

    /// Devices that instance.toml gives a tag of which the policy knows nothing.
    fn unknown_tags(&self, net: &Compiled) -> Vec<Finding> {
        let tags = &net.inner().definitions.tags;
        let devices = self
            .instance()
            .tailnet()
            .map_or(&[][..], |tailnet| tailnet.devices());
        let mut findings = Vec::new();
        for device in devices {
            for tag in device.value().tags() {
                if !tags.contains_key(tag.as_str()) {
                    let message = format!("`{tag}` is on a device, and not in `tagOwners`");
                    findings.push(Finding::new(&TAG_WITHOUT_OWNER, Subject::Lab, message).at(device.span()));
                }
            }
        }
        findings
    }

    /// Services that only some may reach by the tailnet, and everybody by the local network, where nobody has said that
    /// this is meant.
    fn past_policy(&self, tailnet: &Tailnet, exposures: &[Exposure], seen: &Observed) -> Vec<Finding> {
        let net = &*tailnet.compiled;
        let members = || net.directory.people.iter().filter(|person| !person.external);
        let mut findings = Vec::new();
        for exposure in exposures {
            if self.pattern().policy().allowed(exposure.id()).span.is_some() {
                continue;
            }
            let published =
                |path: &&Path| path.kind() == PathKind::PublishedPort && path.zone() >= Reach::Lan;
            for path in exposure.paths().iter().filter(published) {
                let answers = answers(self, tailnet, exposure, path, seen);
                let Some((target, _)) = answers.first() else {
                    continue;
                };
                let people = answers.iter().flat_map(|(_, answer)| &answer.people);
                let let_in: BTreeSet<&str> = people.map(|person| &*person.login).collect();
                let rules: Vec<&TailnetRuleView> =
                    answers.iter().flat_map(|(_, answer)| &answer.rules).collect();
                let left_out: Vec<String> = members()
                    .filter(|person| !let_in.contains(&*person.login))
                    .map(|person| format!("`{}`", person.login))
                    .collect();
                // Where no rule speaks of it, the policy has not chosen who may reach it.
                let named = rules.iter().any(|rule| rule.destination != "*");
                if left_out.is_empty() || !named {
                    continue;
                }
                let message = format!(
                    "by the tailnet {} cannot reach `{target}`, and the local network reaches it by {}",
                    in_words(&left_out, "and", 3),
                    path.label()
                );
                let place = path.evidence().iter().find_map(Evidence::place);
                let mut finding = Finding::new(&BYPASS, Subject::Service(exposure.id().clone()), message)
                    .at(place.unwrap_or(exposure.place()));
                let places: BTreeSet<(usize, usize)> = rules
                    .iter()
                    .filter_map(|rule| {
                        let written = net.rules().iter().find(|one| {
                            (section(one.section), one.index as u64) == (rule.section.as_str(), rule.index)
                        })?;
                        Some((written.start, written.end))
                    })
                    .collect();
                for (start, end) in places {
                    finding = finding
                        .with_evidence(Evidence::at("lets some people in", &net.policy.span(start, end)));
                }
                findings.push(finding);
                break;
            }
        }
        findings
    }
}

fn section(section: Section) -> &'static str {
    match section {
        Section::Acls => "acls",
        Section::Grants => "grants",
        Section::Default => "default",
    }
}

fn refused(error: &Error) -> Finding {
    let words = std::error::Error::source(error).map(ToString::to_string);
    let message = words.unwrap_or_else(|| without_place(error));
    let finding = Finding::new(&REFUSED, Subject::Lab, message).at_maybe(error.place());
    match error.hint() {
        Some(hint) => finding.with_fix(sentence(hint)),
        None => finding,
    }
}

/// Returns what an error says, where its place is said apart.
fn without_place(error: &Error) -> String {
    let text = error.to_string();
    match error.place() {
        Some(place) => text.trim_start_matches(&format!("{place}: ")).to_owned(),
        None => text,
    }
}

/// Returns what an error says and the reasons below it, where its place is said apart.
pub(crate) fn in_full(error: &Error) -> String {
    let mut text = without_place(error);
    let mut below = std::error::Error::source(error);
    while let Some(reason) = below {
        text.push_str(&format!(": {reason}"));
        below = reason.source();
    }
    text
}

/// Makes a sentence of a hint.
pub(crate) fn sentence(hint: &str) -> String {
    let mut letters = hint.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

fn notes(policy: &Policy) -> impl Iterator<Item = Finding> {
    let notes = policy.notes().iter();
    notes.map(|note| Finding::new(&UNCLEAR, Subject::Lab, note.message()).at(note.place()))
}

/// Where not all devices are known, a test may fail because of one that is not.
fn failed_tests(tailnet: &Tailnet) -> Vec<Finding> {
    let net = &*tailnet.compiled;
    if !net.directory.roster().is_whole() {
        return Vec::new();
    }
    let failures = net.failures().into_iter();
    failures
        .map(|failure| {
            let message = format!(
                "entry {} of `{}`: {}",
                failure.index + 1,
                failure.section,
                failure.reason
            );
            let place = net.policy.span(failure.at.0, failure.at.1);
            Finding::new(&FAILED_TEST, Subject::Lab, message).at(&place)
        })
        .collect()
}

fn place(net: &Compiled, rule: &Written) -> Span {
    net.policy.span(rule.start, rule.end)
}

/// Returns whether destinations are every port, of TCP at least, of every device.
fn is_everything(net: &Compiled, destinations: &[Destination]) -> bool {
    let whole = |ports: &super::ports::Ports| {
        (ports.first <= 1 && ports.last == u16::MAX)
            && matches!(ports.protocol, None | Some(super::ports::TCP))
    };
    let wide = destinations.iter().filter(|to| to.ports.iter().any(whole));
    is_everybody(net, &wide.map(|to| &to.alias.value).collect::<Vec<_>>())
}

/// Returns whether aliases mean every device, whichever there are, however that is written.
fn is_everybody(net: &Compiled, aliases: &[&Alias]) -> bool {
    let has = |alias: &Alias| aliases.contains(&alias);
    let written: Ranges = aliases.iter().flat_map(|alias| net.written(alias)).collect();
    let v4: Ranges = tailnet_ranges()
        .iter()
        .filter(|range| range.first().is_ipv4())
        .collect();
    has(&Alias::Any)
        || has(&Alias::DangerAll)
        || has(&Alias::Member) && has(&Alias::Tagged)
        // Every device has an address of IPv4.
        || v4.without(&written).is_empty()
}

/// Rules that ask nothing of whom they let in but to be there, and leave nothing out.
fn everything(net: &Compiled) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in net.rules() {
        if !rule.postures.is_empty() || !rule.via.is_empty() || !is_everything(net, &rule.destinations) {
            continue;
        }
        let sources: Vec<&Alias> = rule.sources.iter().map(|source| &source.value).collect();
        let message = match rule.section {
            Section::Default => {
                "there is neither `acls` nor `grants`, which means that all is allowed".to_owned()
            }
            _ => "every port of every device is open to".to_owned(),
        };
        if is_everybody(net, &sources) {
            let any = sources
                .iter()
                .find(|alias| matches!(alias, Alias::Any | Alias::DangerAll));
            let names: Vec<String> = match any {
                Some(any) => vec![format!("`{any}`")],
                None => sources.iter().map(|source| format!("`{source}`")).collect(),
            };
            let message = match rule.section {
                Section::Default => message,
                _ => format!("{message} {}", in_words(&names, "and", 3)),
            };
            findings.push(Finding::new(&ALLOW_ALL, Subject::Lab, message).at(&place(net, rule)));
        } else if sources.contains(&&Alias::Member) {
            let message = format!("{message} `{}`", Alias::Member);
            findings.push(Finding::new(&MEMBERS_EVERYTHING, Subject::Lab, message).at(&place(net, rule)));
        }
    }
    findings
}

/// Where it is known that there is no exit node, nobody uses one.
fn exit_for_everyone(net: &Compiled) -> Vec<Finding> {
    if net.directory.roster().is_whole() && net.directory.exits().is_empty() {
        return Vec::new();
    }
    let everyone = |alias: &Alias| matches!(alias, Alias::Any | Alias::DangerAll | Alias::Member);
    let mut findings = Vec::new();
    for rule in net.rules().iter().filter(|rule| rule.postures.is_empty()) {
        let internet = |to: &&Destination| to.alias.value == Alias::Internet && !to.ports.is_empty();
        let Some(to) = rule.destinations.iter().find(internet) else {
            continue;
        };
        if let Some(source) = rule.sources.iter().find(|source| everyone(&source.value)) {
            let message = format!("`{}` is given to `{}`", to.alias.value, source.value);
            findings.push(Finding::new(&EXIT_FOR_EVERYONE, Subject::Lab, message).at(&place(net, rule)));
        }
    }
    findings
}

/// Rules that no device enforces, or that are for nobody. It takes all devices to say so; without them, only what names
/// nobody by its own words is said.
fn unmatched(net: &Compiled) -> Vec<Finding> {
    let definitions = &net.inner().definitions;
    let whole = net.directory.roster().is_whole();
    let roles = net.directory.people.iter().any(|person| person.role.is_some());
    let empty = |alias: &Alias| match alias {
        Alias::Group(group) => definitions
            .groups
            .get(group)
            .is_some_and(|group| group.value.is_empty()),
        _ => false,
    };
    // People and devices that no list of the lab has.
    let elsewhere = |alias: &Alias| match alias {
        Alias::Group(group) => !definitions.groups.contains_key(group),
        Alias::Shared | Alias::DangerAll | Alias::Service(_) => true,
        Alias::Role(_) => !roles,
        _ => false,
    };
    let mut enforced = BTreeSet::new();
    for device in 0..net.directory.count() {
        enforced.extend(
            net.attachments(device)
                .iter()
                .map(|one| (one.rule, one.destination)),
        );
    }
    enforced.extend(net.everywhere.iter().copied());
    let people = 0..net.directory.people.len() as u32;
    let own = |rule: &u32| {
        people
            .clone()
            .any(|person| !net.own_sources(person, *rule).is_empty())
    };
    enforced.extend(net.selves.iter().filter(|(rule, _)| own(rule)).copied());
    let mut findings = Vec::new();
    for (index, rule) in (0u32..).zip(net.rules()) {
        let sources = net.sources(index);
        let nobody = rule.sources.iter().all(|source| empty(&source.value))
            || whole
                && sources.is_empty()
                && sources.perhaps.is_empty()
                && !rule.sources.iter().any(|source| elsewhere(&source.value));
        // What applications are told is on no device's list of ports.
        let nothing = rule.destinations.iter().all(|to| empty(&to.alias.value))
            || whole
                && rule.app.is_none()
                && (0u32..)
                    .zip(&rule.destinations)
                    .all(|(at, to)| !enforced.contains(&(index, at)) && !elsewhere(&to.alias.value));
        let message = match (nobody, nothing) {
            (true, _) => "it is for nobody: no person and no device is meant by its `src`",
            (false, true) => "it leads nowhere: no device and no route is meant by its `dst`",
            (false, false) => continue,
        };
        findings.push(Finding::new(&UNMATCHED, Subject::Lab, message).at(&place(net, rule)));
    }
    findings
}

/// Tags whose owners are groups without anybody. No owner at all means those who administer the tailnet, which is a choice.
fn unowned_tags(net: &Compiled) -> Vec<Finding> {
    let definitions = &net.inner().definitions;
    let nobody = |alias: &Alias| {
        matches!(alias, Alias::Group(group)
            if definitions.groups.get(group).is_some_and(|group| group.value.is_empty()))
    };
    let mut findings = Vec::new();
    for (tag, owners) in &definitions.tags {
        if !owners.value.is_empty() && owners.value.iter().all(|owner| nobody(&owner.value)) {
            let names: Vec<String> = owners
                .value
                .iter()
                .map(|owner| format!("`{}`", owner.value))
                .collect();
            let message = format!(
                "`{tag}` belongs to {}, where nobody is",
                in_words(&names, "and", 3)
            );
            let place = net.policy.span(owners.start, owners.end);
            findings.push(Finding::new(&TAG_WITHOUT_OWNER, Subject::Lab, message).at(&place));
        }
    }
    findings
}

fn wide_funnel(net: &Compiled, exposures: &[Exposure], seen: &Observed) -> Vec<Finding> {
    let uses: Vec<String> = exposures
        .iter()
        .filter(|exposure| {
            exposure
                .paths()
                .iter()
                .any(|path| path.kind() == PathKind::Funnel)
        })
        .map(|exposure| format!("`{}`", exposure.id()))
        .collect();
    // A Serve configuration that cannot be read may have Funnel on.
    let perhaps = exposures.iter().flat_map(Exposure::paths).any(|path| {
        let unseen = path.unknowns().iter();
        path.kind() == PathKind::Serve
            && path.at_most() == Reach::Internet
            && unseen
                .into_iter()
                .any(|unknown| unknown.kind() == UnknownKind::Routes)
    });
    let observed = seen.tailnet().is_some_and(|node| {
        node.value()
            .serve()
            .iter()
            .any(|serve| serve.entries().iter().any(|one| one.is_funnel()))
    });
    let mut findings = Vec::new();
    for entry in &net.inner().node_attributes {
        let Some(attribute) = entry
            .attributes
            .iter()
            .find(|attribute| attribute.value == "funnel")
        else {
            continue;
        };
        let wide = entry
            .targets
            .iter()
            .find(|target| matches!(target.value, Alias::Any | Alias::Member | Alias::Tagged));
        let message = match (wide, &uses[..]) {
            (Some(target), []) if !perhaps && !observed => {
                format!(
                    "`{}` may open ports to the internet, and no service of the lab uses Funnel",
                    target.value
                )
            }
            (None, []) if !perhaps && !observed && !entry.targets.is_empty() => {
                "no service of the lab uses Funnel".to_owned()
            }
            (Some(target), []) => format!("`{}` may open ports to the internet", target.value),
            (Some(target), uses) => format!(
                "`{}` may open ports to the internet, and what uses Funnel is {}",
                target.value,
                in_words(uses, "and", 3)
            ),
            (None, _) => continue,
        };
        let place = net.policy.span(attribute.start, attribute.end);
        findings.push(Finding::new(&WIDE_FUNNEL, Subject::Lab, message).at(&place));
    }
    findings
}

#[cfg(test)]
mod tests;
