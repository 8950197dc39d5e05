//! `acls` and `grants` in one form, and the `tests` about them.

use std::sync::Arc;

use serde_json::Value as Json;

use super::definitions::{define, posture_name};
use super::read::{Read, Reader, Refusal};
use super::{AccessTest, Alias, At, Definitions, Destination, Rule, Section};
use crate::tailnet::device::Attribute;
use crate::tailnet::hujson::Node;
use crate::tailnet::ports::{self, Ports};

const SELF_SOURCES: &str = "autogroup:self can only be used with users, groups, or supported autogroups";

impl Reader {
    pub(super) fn acls(&mut self, node: &Node, all: &Definitions) -> Read<Vec<Rule>> {
        let mut rules = Vec::new();
        for (index, entry) in self.list(node, "`acls`")?.iter().enumerate() {
            rules.push(self.acl(index, entry, all)?);
        }
        Ok(rules)
    }

    fn acl(&mut self, index: usize, entry: &Node, all: &Definitions) -> Read<Rule> {
        let known = ["action", "src", "users", "proto", "dst", "ports", "srcPosture"];
        let fields = self.fields(entry, "a rule of `acls`", &known)?;
        let action = fields
            .get("action")
            .map(|node| self.text(node, "`action`"))
            .transpose()?;
        let word = action.as_ref().map_or("", |action| action.value.trim());
        if word != "accept" {
            let at = action.as_ref().map_or(entry.place(), At::place);
            return Err(Refusal::new(at, format!("action=\"{word}\" is not supported"))
                .with_hint("write \"accept\": what no rule accepts is denied"));
        }
        let protocol = match fields.get("proto") {
            Some(node) => {
                let text = self.text(node, "`proto`")?;
                ports::protocol(text.value.trim()).map_err(|message| Refusal::new(text.place(), message))?
            }
            None => None,
        };
        let sources = self.texts(fields.get("src").or(fields.get("users")), "`src`")?;
        let sources = self.sources(&sources, all)?;
        let mut destinations = Vec::new();
        for text in self.texts(fields.get("dst").or(fields.get("ports")), "`dst`")? {
            destinations.push(self.acl_destination(&text, protocol, all)?);
        }
        let selves = destinations.iter().any(|to| to.alias.value == Alias::Itself);
        if selves {
            self_sources(&sources, true)?;
        }
        let postures = self.source_postures(fields.get("srcPosture"), all)?;
        Ok(Rule {
            section: Section::Acls,
            index,
            start: entry.start,
            end: entry.end,
            sources,
            destinations,
            app: None,
            via: Vec::new(),
            postures,
        })
    }

    fn acl_destination(
        &mut self,
        text: &At<String>,
        protocol: Option<u8>,
        all: &Definitions,
    ) -> Read<Destination> {
        let whole = text.value.trim();
        let Some((host, list)) = whole.rsplit_once(':') else {
            return Err(
                Refusal::new(text.place(), format!("dst=\"{whole}\": missing port"))
                    .with_hint("write `host:ports`, such as `tag:nas:443`, or `:*` for all ports"),
            );
        };
        let ports = ports::with_protocol(protocol, list, 0)
            .map_err(|message| Refusal::new(text.place(), format!("dst=\"{whole}\": {message}")))?;
        let host = At {
            value: host.to_owned(),
            start: text.start,
            end: text.end,
        };
        Ok(Destination {
            alias: self.destination(&host, all)?,
            ports: ports.into(),
        })
    }

    pub(super) fn grants(&mut self, node: &Node, all: &Definitions) -> Read<Vec<Rule>> {
        let mut rules = Vec::new();
        for (index, entry) in self.list(node, "`grants`")?.iter().enumerate() {
            rules.push(self.grant(index, entry, all)?);
        }
        Ok(rules)
    }

    fn grant(&mut self, index: usize, entry: &Node, all: &Definitions) -> Read<Rule> {
        let known = ["src", "dst", "ip", "app", "via", "srcPosture"];
        let fields = self.fields(entry, "a rule of `grants`", &known)?;
        let texts = self.texts(fields.get("src"), "`src`")?;
        let sources = self.sources(&texts, all)?;
        let mut ports: Vec<Ports> = Vec::new();
        for (index, text) in self.texts(fields.get("ip"), "`ip`")?.iter().enumerate() {
            let read = ports::grant_ip(text, u32::try_from(index).unwrap_or(u32::MAX));
            ports.extend(read.map_err(|message| {
                Refusal::new(text.place(), message)
                    .with_hint("write `*`, ports, or `proto:ports`, such as `tcp:443` or `icmp:*`")
            })?);
        }
        let app = fields
            .get("app")
            .map(|node| self.app(node))
            .transpose()?
            .flatten();
        if ports.is_empty() && app.is_none() {
            return Err(Refusal::new(entry.place(), "ip and app can not both be empty")
                .with_hint("write `\"ip\": [\"*\"]` for all ports"));
        }
        let ports: Arc<[Ports]> = ports.into();
        let mut destinations = Vec::new();
        for text in self.texts(fields.get("dst"), "`dst`")? {
            let alias = self.destination(&text, all)?;
            if matches!(alias.value, Alias::Address(range) if range.is_whole_family()) {
                let message = format!(
                    "dst \"{}\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"",
                    text.value.trim()
                );
                return Err(Refusal::new(text.place(), message));
            }
            if alias.value == Alias::Internet && app.is_some() {
                return Err(
                    Refusal::new(text.place(), "cannot use app grants with autogroup:internet")
                        .with_hint("give the capabilities in a grant of their own"),
                );
            }
            if alias.value == Alias::Itself {
                self_sources(&sources, false)?;
            }
            destinations.push(Destination {
                alias,
                ports: Arc::clone(&ports),
            });
        }
        let mut via = Vec::new();
        for text in self.texts(fields.get("via"), "`via`")? {
            match Alias::parse(&text.value) {
                Ok(Alias::Tag(tag)) => match all.tags.contains_key(&tag) {
                    true => via.push(tag),
                    false => {
                        let refusal = Refusal::new(text.place(), format!("tag \"{tag}\" not found"));
                        return Err(refusal.with_hint(define(&Alias::Tag(tag))));
                    }
                },
                _ => return Err(Refusal::new(text.place(), "via can only be a tag")),
            }
        }
        let postures = self.source_postures(fields.get("srcPosture"), all)?;
        Ok(Rule {
            section: Section::Grants,
            index,
            start: entry.start,
            end: entry.end,
            sources,
            destinations,
            app,
            via,
            postures,
        })
    }

    fn app(&mut self, node: &Node) -> Read<Option<Arc<serde_json::Map<String, Json>>>> {
        let mut app = serde_json::Map::new();
        for member in self.named(node, "`app`")? {
            if let Some(message) = capability_problem(&member.name) {
                return Err(Refusal::new((member.start, member.end), message));
            }
            self.list(&member.value, "what a capability holds")?;
            app.insert(member.name.clone(), member.value.to_json());
        }
        Ok((!app.is_empty()).then(|| Arc::new(app)))
    }

    fn sources(&mut self, texts: &[At<String>], all: &Definitions) -> Read<Vec<At<Alias>>> {
        let mut sources = Vec::with_capacity(texts.len());
        for text in texts {
            let alias = self.alias(text, "")?;
            if let Some(message) = all.missing(&alias.value) {
                return Err(
                    Refusal::new(text.place(), format!("src={message}")).with_hint(define(&alias.value))
                );
            }
            if matches!(alias.value, Alias::Itself | Alias::Internet | Alias::Service(_)) {
                let message = format!("\"{}\" not valid on the src side of a rule", text.value.trim());
                return Err(Refusal::new(text.place(), message));
            }
            sources.push(alias);
        }
        Ok(sources)
    }

    fn destination(&mut self, text: &At<String>, all: &Definitions) -> Read<At<Alias>> {
        let alias = self.alias(text, "")?;
        if let Some(message) = all.missing(&alias.value) {
            return Err(
                Refusal::new(text.place(), format!("dst=\"{}\": {message}", text.value.trim()))
                    .with_hint(define(&alias.value)),
            );
        }
        if matches!(alias.value, Alias::DangerAll | Alias::Shared) {
            return Err(Refusal::new(
                text.place(),
                format!("cannot use {} as a dst", alias.value),
            ));
        }
        Ok(alias)
    }

    fn source_postures(&mut self, node: Option<&Node>, all: &Definitions) -> Read<Vec<Arc<str>>> {
        let Some(node) = node else {
            return Ok(all.default_postures.clone());
        };
        let names = self.texts(Some(node), "`srcPosture`")?;
        names.iter().map(|name| posture_name(name, all)).collect()
    }

    pub(super) fn tests(&mut self, node: &Node) -> Read<Vec<AccessTest>> {
        let mut tests = Vec::new();
        for entry in self.list(node, "`tests`")? {
            let known = [
                "src",
                "user",
                "srcPostureAttrs",
                "proto",
                "accept",
                "allow",
                "deny",
            ];
            let fields = self.fields(entry, "an entry of `tests`", &known)?;
            let source = fields.get("src").or(fields.get("user"));
            let source = source.map(|node| self.text(node, "`src`")).transpose()?;
            let protocol = fields
                .get("proto")
                .map(|node| self.text(node, "`proto`"))
                .transpose()?;
            let mut attributes = Vec::new();
            if let Some(node) = fields.get("srcPostureAttrs") {
                for member in self.named(node, "`srcPostureAttrs`")? {
                    let value = match member.value.to_json() {
                        Json::Bool(value) => Attribute::Bool(value),
                        Json::Number(value) => Attribute::Number(value.as_f64().unwrap_or_default()),
                        Json::String(value) => Attribute::Text(value),
                        _ => continue,
                    };
                    attributes.push((member.name.clone(), value));
                }
            }
            tests.push(AccessTest {
                start: entry.start,
                attributes,
                source,
                protocol: protocol.map(|text| text.value),
                accept: self.texts(fields.get("accept").or(fields.get("allow")), "`accept`")?,
                deny: self.texts(fields.get("deny"), "`deny`")?,
            });
        }
        Ok(tests)
    }
}

fn self_sources(sources: &[At<Alias>], any_is_fine: bool) -> Read<()> {
    let wrong = sources
        .iter()
        .find(|source| !(source.value.names_people() || any_is_fine && source.value == Alias::Any));
    match wrong {
        Some(source) => Err(Refusal::new(source.place(), SELF_SOURCES)),
        None => Ok(()),
    }
}

/// Returns what is wrong with the name of a capability: it is a domain and a path, and Tailscale's own are few.
fn capability_problem(name: &str) -> Option<&'static str> {
    const OWN: [&str; 6] = ["drive", "relay", "webui", "kubernetes", "tsidp", "secrets"];
    let form = Some("capability name must have the form {domain}/{path}");
    let Some((domain, path)) = name.split_once('/') else {
        return form;
    };
    if domain.is_empty() || path.is_empty() || domain.contains(':') {
        return form;
    }
    let own = domain.eq_ignore_ascii_case("tailscale.com")
        || domain.to_ascii_lowercase().ends_with(".tailscale.com");
    if own && !path.strip_prefix("cap/").is_some_and(|cap| OWN.contains(&cap)) {
        return Some("capability name must not be in the tailscale.com domain");
    }
    None
}
