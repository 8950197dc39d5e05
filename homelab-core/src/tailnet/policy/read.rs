//! Takes the values of a policy out of its JSON, each with its place, or says what is wrong there.

use std::sync::Arc;

use super::{Alias, At, DomainUse, Inner, Note, Refused};
use crate::error::{Error, ErrorKind};
use crate::span::{Source, Span};
use crate::tailnet::hujson::{Member, Node, Value};

/// A message of the service, and where in the file the value at fault is.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(at: (usize, usize), message: impl Into<String>) -> Self {
        Refusal {
            message: message.into(),
            start: at.0,
            end: at.1,
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes the error of it.
    pub(crate) fn at(self, source: &Source) -> Error {
        let error = Error::new(
            ErrorKind::Invalid,
            format!("accept the policy `{}`", source.name()),
        )
        .with_place(Span::new(source, self.start, self.end))
        .with_source(Refused(self.message));
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error.with_hint("change the value at this place: the service refuses the whole file"),
        }
    }
}

pub(super) type Read<T> = Result<T, Refusal>;

impl Node {
    pub(super) fn place(&self) -> (usize, usize) {
        (self.start, self.end)
    }
}

impl<T> At<T> {
    pub(in crate::tailnet) fn place(&self) -> (usize, usize) {
        (self.start, self.end)
    }
}

/// What is collected while a file is read.
pub(super) struct Reader {
    pub(super) notes: Vec<(usize, usize, String)>,
    pub(super) domains: Vec<DomainUse>,
    /// How the file spells `autogroup:member`, once it does.
    member: Option<bool>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Reader {
            notes: Vec::new(),
            domains: Vec::new(),
            member: None,
        }
    }

    pub(super) fn note(&mut self, at: (usize, usize), message: impl Into<String>) {
        self.notes.push((at.0, at.1, message.into()));
    }

    /// Reads the whole file.
    pub(super) fn policy(&mut self, source: &Source, root: &Node) -> Read<Inner> {
        const SECTIONS: [&str; 19] = [
            "groups",
            "hosts",
            "ipsets",
            "tagOwners",
            "autoApprovers",
            "acls",
            "grants",
            "ssh",
            "nodeAttrs",
            "postures",
            "defaultSrcPosture",
            "attrConfig",
            "tests",
            "sshTests",
            "derpMap",
            "disableIPv4",
            "OneCGNATRoute",
            "randomizeClientPort",
            "$schema",
        ];
        let sections = self.fields(root, "the policy", &SECTIONS)?;
        let section = |name: &str| sections.get(name);
        let definitions = self.definitions(&sections)?;
        let acls = section("acls")
            .map(|node| self.acls(node, &definitions))
            .transpose()?;
        let grants = section("grants")
            .map(|node| self.grants(node, &definitions))
            .transpose()?;
        let rules = match (grants, acls) {
            (None, None) => None,
            (grants, acls) => Some(grants.into_iter().chain(acls).flatten().collect()),
        };
        let ssh = section("ssh")
            .map(|node| self.ssh(node, &definitions))
            .transpose()?;
        let node_attributes = section("nodeAttrs")
            .map(|node| self.node_attributes(node, &definitions))
            .transpose()?;
        let tests = section("tests").map(|node| self.tests(node)).transpose()?;
        let ssh_tests = section("sshTests")
            .map(|node| self.ssh_tests(node, &definitions))
            .transpose()?;
        let randomize = section("randomizeClientPort")
            .map(|node| self.truth(node))
            .transpose()?;
        let note = |(start, end, message)| Note {
            place: Span::new(source, start, end),
            message,
        };
        Ok(Inner {
            source: source.clone(),
            definitions,
            rules,
            ssh: ssh.unwrap_or_default(),
            node_attributes: node_attributes.unwrap_or_default(),
            randomize_client_port: randomize.unwrap_or(false),
            tests: tests.unwrap_or_default(),
            ssh_tests: ssh_tests.unwrap_or_default(),
            domains: std::mem::take(&mut self.domains),
            notes: std::mem::take(&mut self.notes).into_iter().map(note).collect(),
        })
    }

    /// Returns the members of an object that has only these, whatever the case of their letters. One that is null is
    /// as one that is absent.
    pub(super) fn fields<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
        known: &[&'static str],
    ) -> Read<Fields<'a>> {
        let mut fields = Fields(Vec::new());
        for member in self.members(node, what)? {
            let Some(&name) = known.iter().find(|name| name.eq_ignore_ascii_case(&member.name)) else {
                let problem = format!("unknown field \"{}\"", member.name);
                let hint = format!("{what} may have {}", known.join(", "));
                return Err(Refusal::new((member.start, member.end), problem).with_hint(hint));
            };
            if fields.0.iter().any(|(other, _)| *other == name) {
                self.note(
                    (member.start, member.end),
                    format!("`{name}` is written twice: the later one counts here, where the service may join both"),
                );
                fields.0.retain(|(other, _)| *other != name);
            }
            if !matches!(member.value.value, Value::Null) {
                fields.0.push((name, &member.value));
            }
        }
        Ok(fields)
    }

    /// Returns the members of an object, of names that may be any.
    pub(super) fn members<'a>(&mut self, node: &'a Node, what: &str) -> Read<&'a [Member]> {
        match &node.value {
            Value::Object(members) => Ok(members),
            other => Err(unlike(node, what, "an object", other)),
        }
    }

    /// Returns the members by name; the last one counts of a name that is written twice.
    pub(super) fn named<'a>(&mut self, node: &'a Node, what: &str) -> Read<Vec<&'a Member>> {
        let members = self.members(node, what)?;
        let mut last: Vec<&Member> = Vec::with_capacity(members.len());
        let mut seen: std::collections::HashMap<&str, usize, foldhash::fast::RandomState> =
            Default::default();
        for member in members {
            match seen.get(member.name.as_str()) {
                Some(&at) => {
                    self.note(
                        (member.start, member.end),
                        format!(
                            "`{}` is written twice in {what}: the later one counts here",
                            member.name
                        ),
                    );
                    last[at] = member;
                }
                None => {
                    seen.insert(&member.name, last.len());
                    last.push(member);
                }
            }
        }
        Ok(last)
    }

    pub(super) fn list<'a>(&mut self, node: &'a Node, what: &str) -> Read<&'a [Node]> {
        match &node.value {
            Value::List(list) => Ok(list),
            Value::Null => Ok(&[]),
            other => Err(unlike(node, what, "a list", other)),
        }
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Read<At<String>> {
        match &node.value {
            Value::String(text) => Ok(At {
                value: text.clone(),
                start: node.start,
                end: node.end,
            }),
            other => Err(unlike(node, what, "a string", other)),
        }
    }

    pub(super) fn truth(&mut self, node: &Node) -> Read<bool> {
        match &node.value {
            Value::Bool(value) => Ok(*value),
            other => Err(unlike(node, "this setting", "true or false", other)),
        }
    }

    /// Returns a list of strings; of an absent one, none.
    pub(super) fn texts(&mut self, node: Option<&Node>, what: &str) -> Read<Vec<At<String>>> {
        let Some(node) = node else {
            return Ok(Vec::new());
        };
        let list = self.list(node, what)?;
        list.iter()
            .map(|node| self.text(node, &format!("an entry of {what}")))
            .collect()
    }

    /// Reads an alias, and notes the domain that it may name.
    pub(super) fn alias(&mut self, text: &At<String>, prefix: &'static str) -> Read<At<Alias>> {
        let alias = Alias::parse(&text.value).map_err(|message| Refusal::new(text.place(), message))?;
        if alias == Alias::Member {
            let is_plural = text.value.trim() == "autogroup:members";
            if *self.member.get_or_insert(is_plural) != is_plural {
                let message = "\"autogroup:member\" and \"autogroup:members\" cannot be used in one file";
                return Err(Refusal::new(text.place(), message)
                    .with_hint("write it the same everywhere: `autogroup:member`"));
            }
        }
        if let Alias::Domain(domain) = &alias {
            self.domain(domain.clone(), text.place(), prefix);
        }
        Ok(At {
            value: alias,
            start: text.start,
            end: text.end,
        })
    }

    pub(super) fn domain(&mut self, domain: Arc<str>, at: (usize, usize), prefix: &'static str) {
        self.domains.push(DomainUse {
            domain: At {
                value: domain,
                start: at.0,
                end: at.1,
            },
            prefix,
        });
    }
}

/// The members of an object, by the names that were asked for.
pub(super) struct Fields<'a>(Vec<(&'static str, &'a Node)>);

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, node)| *node)
    }
}

fn unlike(node: &Node, what: &str, wanted: &str, found: &Value) -> Refusal {
    Refusal::new(
        node.place(),
        format!("{what} is {}, and should be {wanted}", found.kind()),
    )
    .with_hint(format!("write {wanted} here"))
}
