//! What a split takes out of a lab: [`Values`], and how they are put back.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::plan::{Content, ContentHash, FileMode, LabPath, Plan, Step};
use crate::stored::Form;

const FORM: Form = Form {
    format: "homelab.values",
    version: 1,
    what: "the values",
    has: "they have",
    instead: "pass the values that a split wrote",
    outdated: "update homelab here",
};

/// A stretch of a template that stands for something else.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Rewrite {
    /// Where it begins in the template's file, in bytes, and what stands there.
    pub(super) at: usize,
    pub(super) slot: String,
    /// What the original has there, to the byte.
    pub(super) original: String,
}

/// How one file of the template differs from the original.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Changed {
    /// The SHA-256 of the template's file: another one would not give the original back.
    pub(super) sha256: String,
    /// Whether the original has no such file.
    pub(super) is_added: bool,
    pub(super) rewrites: Vec<Rewrite>,
}

/// A private file of the lab.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    Text(String),
    /// What is no text, byte by byte.
    Bytes(Vec<u8>),
}

impl Kept {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Kept::Text(text.to_owned()),
            Err(_) => Kept::Bytes(bytes.to_vec()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Kept::Text(text) => text.as_bytes(),
            Kept::Bytes(bytes) => bytes,
        }
    }
}

/// What a split took out of a lab: the original of each rewrite, the private files, and the variables that the template's
/// Compose files need in the `.env` beside them.
///
/// All of it is private, secrets included. Its Debug says how much there is; [`to_private_json`](Values::to_private_json)
/// is the one stored form.
#[derive(Clone)]
pub struct Values {
    pub(super) changed: BTreeMap<String, Changed>,
    pub(super) files: BTreeMap<String, Kept>,
    /// By folder, the variables to add to its `.env`.
    pub(super) variables: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    version: u64,
    changed: BTreeMap<String, Changed>,
    files: BTreeMap<String, Kept>,
    variables: BTreeMap<String, BTreeMap<String, String>>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("changed", &self.changed.len())
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl Values {
    /// Returns the values as a JSON text, to be kept where nobody else reads: it has the lab's secrets in it.
    pub fn to_private_json(&self) -> String {
        let stored = Stored {
            format: FORM.format.to_owned(),
            version: FORM.version,
            changed: self.changed.clone(),
            files: self.files.clone(),
            variables: self.variables.clone(),
        };
        #[expect(clippy::expect_used, reason = "texts and numbers have no form JSON lacks")]
        serde_json::to_string(&stored).expect("texts and numbers become JSON")
    }

    /// Returns the values that [`to_private_json`](Values::to_private_json) wrote.
    ///
    /// # Errors
    /// `Invalid` when the text is something else, `Unsupported` when a later version of this library wrote it.
    pub fn from_private_json(text: &str) -> Result<Self> {
        let stored: Stored = FORM.read(text)?;
        Ok(Values {
            changed: stored.changed,
            files: stored.files,
            variables: stored.variables,
        })
    }

    /// Returns the original lab's files, to the byte, by their paths: those of the template, with each slot replaced by
    /// what stood there, and the private ones.
    ///
    /// # Errors
    /// `Conflict` when a file of the template that was rewritten is missing or has changed since.
    pub fn join(&self, template: &Template) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut joined: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (path, bytes) in template.files() {
            match self.changed.get(path) {
                None => {
                    joined.insert(path.to_owned(), bytes.to_vec());
                }
                Some(changed) => {
                    let original = changed.original(path, bytes)?;
                    if !changed.is_added {
                        joined.insert(path.to_owned(), original);
                    }
                }
            }
        }
        if let Some(path) = self.changed.keys().find(|path| template.file(path).is_none()) {
            let error = Error::new(
                ErrorKind::Conflict,
                format!("join `{path}`: the template has no such file"),
            );
            return Err(error.with_hint("join the template that the values were split from"));
        }
        for (path, kept) in &self.files {
            joined.insert(path.clone(), kept.bytes().to_vec());
        }
        Ok(joined)
    }

    /// Returns the files of a lab that works like the original: Compose files keep their slots, with the values in the
    /// `.env` beside them; every other file is as it was.
    pub(super) fn filled(
        &self,
        template: &Template,
        is_compose: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut filled = self.join(template)?;
        for (path, bytes) in template.files().filter(|(path, _)| is_compose(path)) {
            filled.insert(path.to_owned(), bytes.to_vec());
        }
        for (folder, variables) in &self.variables {
            let text = filled.entry(super::slots::in_folder(folder, ".env")).or_default();
            add_variables(text, variables);
        }
        Ok(filled)
    }

    /// Returns the plan that writes the values into a file of a folder that is the lab given: readable by its owner only,
    /// and in no output. A file that has them already is left alone.
    ///
    /// # Errors
    /// `Conflict` when another file is there.
    pub fn plan_keep(&self, to: &Lab, path: &LabPath) -> Result<Plan> {
        let text = Content::hidden(self.to_private_json());
        let step = match to.manifest().file(path.as_str()).map(crate::lab::LabFile::bytes) {
            None => Some(Step::write_new(path.clone(), text).with_mode(FileMode::Private)),
            Some(Some(there)) if there == text.bytes() => None,
            Some(_) => {
                let error = Error::new(
                    ErrorKind::Conflict,
                    format!("keep the values in `{path}`: it holds something else"),
                );
                return Err(error.with_hint("move it away, or name another folder"));
            }
        };
        Plan::new("keep the lab's values", step)
    }
}

impl Values {
    /// Returns the plan that writes the original lab into the folder of another one, which was loaded: private files
    /// readable by their owner only. What is there and the same is left alone.
    ///
    /// # Errors
    /// As [`join`](Values::join), `Invalid` for a path that no plan writes, `Conflict` when a file of that folder could not
    /// be read.
    pub fn plan_join(&self, template: &Template, to: &Lab) -> Result<Plan> {
        let joined = self.join(template)?;
        let files = joined
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        let is_private = |path: &str| self.files.contains_key(path) || self.changed.contains_key(path);
        super::template::plan_files("join the template with its values", files, to, is_private)
    }
}

impl Changed {
    /// Returns the original of a template's file.
    fn original(&self, path: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        let conflict = || {
            Error::new(
                ErrorKind::Conflict,
                format!("join `{path}`: the file has changed since the lab was split"),
            )
            .with_hint("join the template as it was split, then change the lab and split it again")
        };
        if ContentHash::of(bytes).to_string() != self.sha256 {
            return Err(conflict());
        }
        let mut original = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for rewrite in &self.rewrites {
            let end = rewrite.at.checked_add(rewrite.slot.len()).ok_or_else(conflict)?;
            let is_there = bytes.get(rewrite.at..end) == Some(rewrite.slot.as_bytes());
            let before = bytes
                .get(at..rewrite.at)
                .filter(|_| is_there)
                .ok_or_else(conflict)?;
            original.extend_from_slice(before);
            original.extend_from_slice(rewrite.original.as_bytes());
            at = end;
        }
        original.extend_from_slice(bytes.get(at..).ok_or_else(conflict)?);
        Ok(original)
    }
}

/// Adds variables to the text of a `.env`.
pub(super) fn add_variables<'a>(
    text: &mut Vec<u8>,
    variables: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for (name, value) in variables {
        text.extend_from_slice(format!("{name}={}\n", quoted(value)).as_bytes());
    }
}

/// Returns a value as a `.env` writes it, so that it is read again as it is.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/@-+,".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n', '\r', '\\']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '"' | '\\' | '$' => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::variables_of;
    use crate::span::Source;

    #[test]
    fn a_value_is_read_again_as_it_was_written() {
        for value in [
            "plain",
            "a b",
            "it's",
            "a\"b",
            "$x",
            "${y}",
            "a\\b",
            "line\nnext",
            "#no",
            " x ",
            "a'b\"c$d\\e\nf",
            "",
        ] {
            let mut text = b"FIRST=1".to_vec();
            add_variables(&mut text, [(&"NAME".to_owned(), &value.to_owned())]);
            let text = String::from_utf8(text).expect("text");
            let read = variables_of(&Source::new(".env", text.clone()));
            assert_eq!(read.len(), 2, "{text}");
            assert_eq!(read[1].1, value, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "",
            "{}",
            "hunter2",
            "{\"format\":\"hunter2\",\"version\":1}",
            "{\"format\":\"homelab.values\",\"version\":9}",
        ] {
            let error = Values::from_private_json(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
