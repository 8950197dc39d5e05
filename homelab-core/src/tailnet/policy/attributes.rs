//! `nodeAttrs`: what devices are told they may do.

use super::definitions::define;
use super::read::{Read, Reader, Refusal};
use super::{Alias, Definitions, NodeAttribute};
use crate::tailnet::hujson::Node;
use crate::tailnet::ranges::Range;

/// What the service has for itself of the addresses that a pool may be cut from.
const RESERVED: [&str; 3] = ["100.100.0.0/24", "100.100.100.0/24", "100.115.92.0/23"];

impl Reader {
    pub(super) fn node_attributes(&mut self, node: &Node, all: &Definitions) -> Read<Vec<NodeAttribute>> {
        let mut entries = Vec::new();
        for entry in self.list(node, "`nodeAttrs`")? {
            let fields = self.fields(
                entry,
                "an entry of `nodeAttrs`",
                &["target", "attr", "app", "ipPool"],
            )?;
            let mut targets = Vec::new();
            for text in self.texts(fields.get("target"), "`target`")? {
                let alias = self.alias(&text, "")?;
                if let Some(message) = all.missing(&alias.value) {
                    return Err(Refusal::new(text.place(), message).with_hint(define(&alias.value)));
                }
                if matches!(
                    alias.value,
                    Alias::Itself | Alias::Internet | Alias::Service(_) | Alias::DangerAll
                ) {
                    let message = format!("\"{}\" is not valid as a target", text.value.trim());
                    return Err(Refusal::new(text.place(), message));
                }
                targets.push(alias);
            }
            for text in self.texts(fields.get("ipPool"), "`ipPool`")? {
                let pool = Range::parse(text.value.trim()).ok_or_else(|| {
                    Refusal::new(text.place(), format!("\"{}\": invalid prefix", text.value.trim()))
                })?;
                let reserved = RESERVED
                    .iter()
                    .filter_map(|own| Range::parse(own))
                    .any(|own| own.covers(pool));
                if reserved {
                    return Err(Refusal::new(text.place(), "network within reserved range"));
                }
            }
            if let Some(app) = fields.get("app") {
                self.members(app, "`app`")?;
            }
            entries.push(NodeAttribute {
                targets,
                attributes: self.texts(fields.get("attr"), "`attr`")?,
            });
        }
        Ok(entries)
    }
}
