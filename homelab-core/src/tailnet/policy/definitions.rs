//! What the rules of a policy name: groups, hosts, IP sets, tags with their owners, approvers and postures.

use std::sync::Arc;

use super::posture::Posture;
use super::read::{Fields, Read, Reader, Refusal};
use super::{Alias, At, Named, internet_ranges};
use crate::tailnet::hujson::Node;
use crate::tailnet::ranges::{Range, Ranges};

/// Everything that a policy gives a name to.
#[derive(Clone, Debug, Default)]
pub(in crate::tailnet) struct Definitions {
    /// Group, with its prefix, to the logins of its members.
    pub(in crate::tailnet) groups: Named<At<Vec<At<Arc<str>>>>>,
    pub(in crate::tailnet) hosts: Named<At<Range>>,
    pub(in crate::tailnet) ip_sets: Named<At<Ranges>>,
    /// The IP sets that have something of `autogroup:internet`.
    pub(in crate::tailnet) internet_sets: Vec<Arc<str>>,
    /// Tag, with its prefix, to its owners.
    pub(in crate::tailnet) tags: Named<At<Vec<At<Alias>>>>,
    pub(in crate::tailnet) postures: Named<At<Posture>>,
    /// What a rule without `srcPosture` asks for.
    pub(in crate::tailnet) default_postures: Vec<Arc<str>>,
    /// Prefix, or "exit nodes" where absent, and who has such a route approved by itself.
    pub(in crate::tailnet) approvers: Vec<(Option<Range>, Vec<At<Alias>>)>,
    /// Service, with its prefix, and who may host it without being asked about.
    pub(in crate::tailnet) hosts_of: Vec<(Arc<str>, Vec<At<Alias>>)>,
}

impl Definitions {
    /// Returns the service's message where what an alias names is not there.
    pub(in crate::tailnet) fn missing(&self, alias: &Alias) -> Option<String> {
        match alias {
            Alias::Tag(tag) if !self.tags.contains_key(tag) => Some(format!("tag not found: \"{tag}\"")),
            // A group of an identity provider is named like a login, and is in no file.
            Alias::Group(group) if !self.groups.contains_key(group) && !group.contains('@') => {
                Some(format!("group not found: \"{group}\""))
            }
            Alias::Host(host) if !self.hosts.contains_key(host) => {
                Some(format!("\"{host}\": invalid address"))
            }
            Alias::IpSet(set) if !self.ip_sets.contains_key(set) => {
                Some(format!("ipset not found: \"{set}\""))
            }
            _ => None,
        }
    }

    fn defined(&self, alias: &At<Alias>, around: impl Fn(String) -> String) -> Read<()> {
        match self.missing(&alias.value) {
            Some(message) => {
                Err(Refusal::new(alias.place(), around(message)).with_hint(define(&alias.value)))
            }
            None => Ok(()),
        }
    }
}

/// Says how a name comes into being.
pub(super) fn define(alias: &Alias) -> String {
    match alias {
        Alias::Tag(tag) => format!("add `\"{tag}\": []` to `tagOwners`, or correct the name"),
        Alias::Group(group) => format!("add `\"{group}\": [..]` to `groups`, or correct the name"),
        Alias::IpSet(set) => format!("add `\"{set}\": [..]` to `ipsets`, or correct the name"),
        _ => "write an address, a prefix, or a name that `hosts` has".to_owned(),
    }
}

impl Reader {
    pub(super) fn definitions(&mut self, sections: &Fields<'_>) -> Read<Definitions> {
        let mut all = Definitions::default();
        if let Some(node) = sections.get("groups") {
            self.groups(node, &mut all)?;
        }
        if let Some(node) = sections.get("hosts") {
            self.hosts(node, &mut all)?;
        }
        if let Some(node) = sections.get("ipsets") {
            self.ip_sets(node, &mut all)?;
        }
        if let Some(node) = sections.get("tagOwners") {
            self.tag_owners(node, &mut all)?;
        }
        if let Some(node) = sections.get("autoApprovers") {
            self.approvers(node, &mut all)?;
        }
        if let Some(node) = sections.get("postures") {
            self.postures(node, &mut all)?;
        }
        for name in self.texts(sections.get("defaultSrcPosture"), "`defaultSrcPosture`")? {
            all.default_postures.push(posture_name(&name, &all)?);
        }
        Ok(all)
    }

    fn groups(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        for member in self.named(node, "`groups`")? {
            let name = member.name.trim();
            let place = (member.start, member.end);
            let about = |message: String| format!("groups[\"{name}\"]: {message}");
            if name.strip_prefix("group:").is_none_or(str::is_empty) {
                return Err(Refusal::new(
                    place,
                    about("group names must start with 'group:'".to_owned()),
                ));
            }
            let mut logins = Vec::new();
            for text in self.texts(Some(&member.value), "a group")? {
                let refuse = |message: &str| {
                    Refusal::new(
                        text.place(),
                        about(format!("\"{}\": {message}", text.value.trim())),
                    )
                };
                match Alias::parse(&text.value) {
                    Ok(Alias::User(login)) => logins.push(At {
                        value: login,
                        start: text.start,
                        end: text.end,
                    }),
                    Ok(Alias::Group(_)) => {
                        return Err(refuse("group members cannot be recursive")
                            .with_hint("list the people themselves"));
                    }
                    _ => {
                        return Err(refuse("group members must be users")
                            .with_hint("list logins, such as alice@example.com"));
                    }
                }
            }
            let value = At {
                value: logins,
                start: member.start,
                end: member.value.end,
            };
            all.groups.insert(name.into(), value);
        }
        Ok(())
    }

    fn hosts(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        for member in self.named(node, "`hosts`")? {
            let text = self.text(&member.value, "a host")?;
            let name = member.name.trim();
            if name.contains(['@', ':']) {
                let message = format!("hosts[\"{name}\"]: host names cannot contain '@' or ':'");
                return Err(Refusal::new((member.start, member.end), message));
            }
            let range = Range::parse(text.value.trim()).ok_or_else(|| {
                Refusal::new(
                    text.place(),
                    format!("hosts[\"{name}\"]: \"{}\": invalid address", text.value),
                )
                .with_hint("write an address or a prefix")
            })?;
            let value = At {
                value: range,
                start: member.start,
                end: member.value.end,
            };
            all.hosts.insert(name.into(), value);
        }
        Ok(())
    }

    /// Reads sets in the order in which they use each other; what is left over then uses itself.
    fn ip_sets(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        let mut waiting = self.named(node, "`ipsets`")?;
        while !waiting.is_empty() {
            let before = waiting.len();
            let names: Vec<&str> = waiting.iter().map(|member| member.name.trim()).collect();
            let mut later = Vec::new();
            for member in &waiting {
                let entries = self.texts(Some(&member.value), "an IP set")?;
                let needs = entries.iter().any(|entry| {
                    let (_, target) = ip_set_entry(&entry.value);
                    names.contains(&target) && !all.ip_sets.contains_key(target)
                });
                if needs {
                    later.push(*member);
                    continue;
                }
                let name = member.name.trim();
                if !name.starts_with("ipset:") {
                    let message = format!("ipsets[\"{name}\"]: ipset names must start with 'ipset:'");
                    return Err(Refusal::new((member.start, member.end), message));
                }
                let value = At {
                    value: ip_set(name, &entries, all)?,
                    start: member.start,
                    end: member.value.end,
                };
                let is_public = |entry: &At<String>| {
                    let (add, target) = ip_set_entry(&entry.value);
                    let of_set = all.internet_sets.iter().any(|set| **set == *target);
                    add && (target == "autogroup:internet" || of_set)
                };
                if entries.iter().any(is_public) {
                    all.internet_sets.push(name.into());
                }
                all.ip_sets.insert(name.into(), value);
            }
            if later.len() == before {
                let member = later[0];
                let message = format!("ipsets[\"{}\"]: ipsets cannot be recursive", member.name);
                return Err(Refusal::new((member.start, member.end), message));
            }
            waiting = later;
        }
        Ok(())
    }

    fn tag_owners(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        let members = self.named(node, "`tagOwners`")?;
        for member in &members {
            let name = member.name.trim();
            let refuse = |message: &str| {
                Err(Refusal::new(
                    (member.start, member.end),
                    format!("tagOwners[\"{name}\"]: {message}"),
                ))
            };
            let Some(rest) = name.strip_prefix("tag:") else {
                return refuse("tag names must start with 'tag:'");
            };
            if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return refuse("tag names must start with a letter, after 'tag:'");
            }
            if !rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                return refuse("tag names can only contain numbers, letters, or dashes");
            }
            let value = At {
                value: Vec::new(),
                start: member.start,
                end: member.value.end,
            };
            all.tags.insert(name.into(), value);
        }
        for member in members {
            let name = member.name.trim();
            let mut owners = Vec::new();
            for text in self.texts(Some(&member.value), "the owners of a tag")? {
                let owner = self.alias(&text, "")?;
                let about = |message: String| format!("tagOwners[\"{name}\"]: {message}");
                all.defined(&owner, about)?;
                let fine = owner.value.names_people() || matches!(owner.value, Alias::Tag(_));
                if !fine {
                    let message = about(format!(
                        "\"{}\": tag owners must be users, groups, autogroups or tags",
                        text.value
                    ));
                    return Err(Refusal::new(text.place(), message));
                }
                owners.push(owner);
            }
            if let Some(tag) = all.tags.get_mut(name) {
                tag.value = owners;
            }
        }
        Ok(())
    }

    fn approvers(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        let fields = self.fields(node, "`autoApprovers`", &["routes", "exitNode", "services"])?;
        if let Some(routes) = fields.get("routes") {
            for member in self.named(routes, "`autoApprovers.routes`")? {
                let range = Range::parse(member.name.trim()).ok_or_else(|| {
                    let message = format!("autoApprovers.routes[\"{}\"]: invalid prefix", member.name);
                    Refusal::new((member.start, member.end), message)
                })?;
                let who = self.approver_list(&member.value, all)?;
                all.approvers.push((Some(range), who));
            }
        }
        if let Some(exit) = fields.get("exitNode") {
            let who = self.approver_list(exit, all)?;
            all.approvers.push((None, who));
        }
        if let Some(services) = fields.get("services") {
            for member in self.named(services, "`autoApprovers.services`")? {
                let who = self.approver_list(&member.value, all)?;
                all.hosts_of.push((member.name.trim().into(), who));
            }
        }
        Ok(())
    }

    fn approver_list(&mut self, node: &Node, all: &Definitions) -> Read<Vec<At<Alias>>> {
        let mut who = Vec::new();
        for text in self.texts(Some(node), "a list of approvers")? {
            let alias = self.alias(&text, "")?;
            all.defined(&alias, |message| message)?;
            who.push(alias);
        }
        Ok(who)
    }

    fn postures(&mut self, node: &Node, all: &mut Definitions) -> Read<()> {
        for member in self.named(node, "`postures`")? {
            let name = member.name.trim();
            if !name.starts_with("posture:") {
                let message = format!("postures[\"{name}\"]: posture names must start with 'posture:'");
                return Err(Refusal::new((member.start, member.end), message));
            }
            let mut posture = Posture::default();
            for text in self.texts(Some(&member.value), "a posture")? {
                let added = posture.add(&text.value);
                added.map_err(|message| {
                    Refusal::new(text.place(), format!("postures[\"{name}\"]: {message}"))
                })?;
            }
            let value = At {
                value: posture,
                start: member.start,
                end: member.value.end,
            };
            all.postures.insert(name.into(), value);
        }
        Ok(())
    }
}

/// Returns the name of a posture that is there.
pub(super) fn posture_name(name: &At<String>, all: &Definitions) -> Read<Arc<str>> {
    let text = name.value.trim();
    match all.postures.contains_key(text) {
        true => Ok(text.into()),
        false => Err(
            Refusal::new(name.place(), format!("posture not found: \"{text}\""))
                .with_hint("define it in `postures`, or correct the name"),
        ),
    }
}

/// Splits `add X`, `remove X`, or `X`; true is to add.
fn ip_set_entry(text: &str) -> (bool, &str) {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some(("add", target)) => (true, target.trim()),
        Some(("remove", target)) => (false, target.trim()),
        _ => (true, text),
    }
}

fn ip_set(name: &str, entries: &[At<String>], all: &Definitions) -> Read<Ranges> {
    let mut set = Ranges::default();
    for entry in entries {
        let (add, target) = ip_set_entry(&entry.value);
        let refuse = |message: String| Refusal::new(entry.place(), format!("ipsets[\"{name}\"]: {message}"));
        let alias = Alias::parse(target).map_err(refuse)?;
        let ranges: Ranges = match &alias {
            Alias::Address(range) => [*range].into_iter().collect(),
            Alias::Host(host) => match all.hosts.get(host) {
                Some(host) => [host.value].into_iter().collect(),
                None => return Err(refuse(format!("\"{host}\": invalid address"))),
            },
            Alias::IpSet(set) => match all.ip_sets.get(set) {
                Some(set) => set.value.clone(),
                None => return Err(refuse(format!("ipset not found: \"{set}\""))),
            },
            Alias::Internet => internet_ranges(),
            _ => {
                let message =
                    format!("\"{target}\": ipsets are made of addresses, prefixes, hosts and ipsets");
                return Err(refuse(message));
            }
        };
        set = match add {
            true => set.iter().chain(ranges.iter()).collect(),
            false => set.without(&ranges),
        };
    }
    Ok(set)
}
