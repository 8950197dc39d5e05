//! A lab parted in two: a [`Template`] that can be shared, and the [`Values`] that make it this lab again.
//!
//! [`Lab::split`](crate::Lab::split) lifts every value that identifies the lab out of the files of strata 1 to 4. In Compose
//! files `${SLOT}` stands in its place, with the value in the `.env` beside the file; in other files, and in comments,
//! `@{SLOT}`. lab.toml declares the slots, and `.env.example` has a value for each that is nobody's. All else stays as it
//! is, byte for byte. What may leave the lab is what [`Split::prove`] returns: it computes the [`Proof`] and refuses
//! unless all of it holds.
//!
//! ```
//! use homelab_core::{Lab, Observed};
//!
//! let compose = "services:\n  web:\n    image: nginx:1.29\n    ports: ['192.168.7.10:80:80'] # zephyr\n";
//! let lab = Lab::from_texts(
//!     "home",
//!     [("web/compose.yaml", compose), ("instance.toml", "[hosts.zephyr]\naddresses = ['192.168.7.10']")],
//! );
//! let split = lab.split(&Observed::none("2026-12-01T00:00:00Z".parse()?))?;
//! let values = split.values().clone();
//! let template = split.prove()?;
//!
//! let shared = std::str::from_utf8(template.value().file("web/compose.yaml").unwrap_or_default())?;
//! assert!(shared.contains("ports: ['${HOST_1_ADDRESS}:80:80'] # @{HOST_1_NAME}"));
//! let joined = values.value().join(template.value())?;
//! assert_eq!(joined["web/compose.yaml"], compose.as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Compose replaces nothing in keys: a mapping that has a value in one, such as `extra_hosts` or `labels`, is written as the
//! list that means the same.
//!
//! What it does not do: a value in the name of a file, or in a key that no list can stand for, is refused, not rewritten; so
//! is a shareable file that was not read.

mod place;
mod proof;
mod slots;
mod template;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use self::place::Places;
use self::proof::{Case, names_in};
pub use self::proof::{Claim, Proof};
use self::slots::{Lifted, Slots, folder_of, in_folder};
pub use self::template::Template;
pub use self::values::Values;
use self::values::{Changed, Kept, Rewrite, add_variables};
use crate::audit::Selection;
use crate::compose::{Listed, listed};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Report;
use crate::lab::{FileKind, Lab, LabFile, in_words};
use crate::leak::{Leak, Scanner, What, text_of};
use crate::observed::Observed;
use crate::plan::ContentHash;
use crate::span::Source;
use crate::stratum::{Private, Shareable};

/// A lab parted into what can be shared and what cannot, with the proof. Its Debug shows no value.
#[derive(Clone, Debug)]
#[must_use = "nothing of it can be shared until it is proven: `prove()`"]
pub struct Split {
    template: Template,
    values: Private<Values>,
    proof: Proof,
}

impl Split {
    /// Returns the template, which is not known to be shareable yet.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Returns what was taken out.
    pub fn values(&self) -> &Private<Values> {
        &self.values
    }

    /// Returns the proof: each claim, and where it fails.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Returns the template as one that can be shared: the only way to something that can be exported.
    ///
    /// # Errors
    /// `Refused` when a claim of the proof does not hold, with the first place where it fails.
    pub fn prove(self) -> Result<Shareable<Template>> {
        if self.proof.holds() {
            return Ok(Shareable::proven(self.template));
        }
        let failures: Vec<String> = self
            .proof
            .claims()
            .iter()
            .flat_map(Claim::failures)
            .cloned()
            .collect();
        let message = format!(
            "prove that the template can be shared: {}",
            in_words(&failures, "and", 3)
        );
        Err(Error::new(ErrorKind::Refused, message).with_hint("change what is named there, and split again"))
    }
}

impl Lab {
    /// Returns the lab parted into a template and its values, with the proof. Pure: the lab itself is not changed.
    ///
    /// What a comment accepts as a leak (see [`Lab::leaks`]) stays in the template.
    ///
    /// # Errors
    /// `Refused` when a value stands where no slot can: in the name of a file, in a file that was not read or is no text.
    pub fn split(&self, seen: &Observed) -> Result<Split> {
        let vocabulary = self.vocabulary(seen);
        let scanner = self.scanner(&vocabulary)?;
        let report = self.leaks_of(&vocabulary, seen, &every_leak())?;
        refuse(&report)?;
        let mut splitter = Splitter {
            lab: self,
            scanner: &scanner,
            accepted: accepted(&report),
            slots: Slots::new(self, &vocabulary, &scanner),
            uses: BTreeMap::new(),
            reused: BTreeSet::new(),
            lifted: BTreeMap::new(),
            template: BTreeMap::new(),
            values: Values {
                changed: BTreeMap::new(),
                files: BTreeMap::new(),
                variables: BTreeMap::new(),
            },
        };
        splitter.run()?;
        let template = Template {
            files: splitter.template,
        };
        let case = Case {
            lab: self,
            vocabulary: &vocabulary,
            seen,
            template: &template,
            values: &splitter.values,
            uses: &splitter.uses,
        };
        let proof = case.prove()?;
        Ok(Split {
            proof,
            values: Private::new(splitter.values),
            template,
        })
    }
}

/// Returns the selection in which every rule of leaks speaks, whatever lab.toml switches off: what is shared is looked
/// through in whole.
fn every_leak() -> Selection {
    #[expect(
        clippy::expect_used,
        reason = "the names are those of rules, which a test splits with"
    )]
    "leak,lab.limit,lab.unreadable-file"
        .parse()
        .expect("names of rules")
}

/// Refuses what no slot can stand for.
fn refuse(report: &Report) -> Result<()> {
    let hopeless = |id: &str| {
        matches!(
            id,
            "leak.file-name" | "leak.not-scanned" | "lab.limit" | "lab.unreadable-file"
        )
    };
    let findings = report.findings().iter();
    let named: Vec<String> = findings
        .filter(|finding| hopeless(finding.rule().id))
        .map(|finding| match finding.place() {
            Some(place) => format!("`{}`: {}", place.source().name(), finding.message()),
            None => finding.message().to_owned(),
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let error = Error::new(
        ErrorKind::Refused,
        format!("split the lab: {}", in_words(&named, "and", 3)),
    );
    Err(error.with_hint(
        "rename the file, make it smaller, or say in lab.toml that it is private: `[strata]`, `\"PATH\" = 5`",
    ))
}

/// Returns the places that comments accept.
fn accepted(report: &Report) -> HashSet<(String, usize)> {
    let places = report.suppressed().iter().filter_map(|one| one.finding.place());
    places
        .map(|place| (place.source().name().to_owned(), place.start()))
        .collect()
}

struct Splitter<'a> {
    lab: &'a Lab,
    scanner: &'a Scanner,
    accepted: HashSet<(String, usize)>,
    slots: Slots<'a>,
    /// Each slot with the files that it stands in.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// Variables that had a value already, and stand for it now where it was written out.
    reused: BTreeSet<String>,
    /// What was lifted, by the slot's name, and whether a Compose file has it.
    lifted: BTreeMap<String, (Lifted, bool)>,
    template: BTreeMap<String, Vec<u8>>,
    values: Values,
}

impl Splitter<'_> {
    fn run(&mut self) -> Result<()> {
        for file in self.lab.manifest().files() {
            let Some(bytes) = file.bytes() else { continue };
            if !file.stratum().is_shareable() {
                self.values.files.insert(file.path().to_owned(), Kept::of(bytes));
                continue;
            }
            let (text, rewrites) = match file.text() {
                Some(text) => self.rewritten(file, text),
                None => (self.binary(file, bytes)?, Vec::new()),
            };
            self.put(file.path(), text, rewrites, false);
        }
        self.examples();
        self.declare();
        Ok(())
    }

    /// A file that is no text has no place for a slot.
    fn binary(&self, file: &LabFile, bytes: &[u8]) -> Result<Vec<u8>> {
        if self.scanner.scan(&text_of(bytes)).is_empty() {
            return Ok(bytes.to_vec());
        }
        let error = Error::new(
            ErrorKind::Refused,
            format!(
                "split `{}`: it is no text, and holds a value of the lab",
                file.path()
            ),
        );
        Err(error
            .with_hint("save it as UTF-8, or say in lab.toml that it is private: `[strata]`, `\"PATH\" = 5`"))
    }

    fn put(&mut self, path: &str, text: Vec<u8>, rewrites: Vec<Rewrite>, is_added: bool) {
        if !rewrites.is_empty() || is_added {
            let changed = Changed {
                sha256: ContentHash::of(&text).to_string(),
                is_added,
                rewrites,
            };
            self.values.changed.insert(path.to_owned(), changed);
        }
        self.template.insert(path.to_owned(), text);
    }

    /// Returns a file's text with slots in it, and what stood in their places.
    fn rewritten(&mut self, file: &LabFile, text: &str) -> (Vec<u8>, Vec<Rewrite>) {
        let leaks = self.scanner.scan(text).into_iter();
        let leaks = leaks.filter(|leak| {
            !self
                .accepted
                .contains(&(file.path().to_owned(), leak.range.start))
        });
        let leaks: Vec<Leak> = leaks.collect();
        let places = match file.kind() {
            FileKind::Compose if !leaks.is_empty() => Places::of(text),
            _ => Places::default(),
        };
        // What is put in, in the order of the text: where, for how many bytes of it, and what.
        let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
        let lists = match file.kind() {
            FileKind::Compose if !leaks.is_empty() => listed(&Source::new(file.path(), text)),
            _ => Vec::new(),
        };
        let is_in_key = |list: &&Listed| {
            list.pairs
                .iter()
                .any(|pair| leaks.iter().any(|leak| pair.key.contains(&leak.range.start)))
        };
        for list in lists.iter().filter(is_in_key) {
            self.as_list(file, list, &mut edits);
        }
        let listed: Vec<std::ops::Range<usize>> = edits.iter().map(|(range, _)| range.clone()).collect();
        let mut quoted = 0;
        // A value may go on in the next line, where the scalar that it begins in has ended.
        let ranges: Vec<std::ops::Range<usize>> = leaks.iter().map(|leak| leak.range.clone()).collect();
        let is_within = |at: usize| ranges.iter().any(|range| range.start < at && at < range.end);
        for leak in leaks {
            if listed
                .iter()
                .any(|range| range.start <= leak.range.start && leak.range.start < range.end)
            {
                continue;
            }
            // A brace would end a bare scalar within brackets, so that the whole of it gets quotes.
            if let Some(scalar) = places.bare(leak.range.start)
                && scalar.start >= quoted
                && !text[scalar.clone()].contains('\'')
                && !is_within(scalar.start)
                && !is_within(scalar.end)
            {
                quoted = scalar.end;
                edits.push((scalar.start..scalar.start, "'".to_owned()));
                edits.push((scalar.end..scalar.end, "'".to_owned()));
            }
            let slot = self.slot(file, text, &leak, &places);
            edits.push((leak.range, slot));
        }
        // A quote that opens stands before a slot that begins at the same place, and one that closes behind it.
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.len());
        let (mut rewrites, mut at) = (Vec::new(), 0);
        for (range, slot) in edits {
            // What overlaps stays as it is, and the proof finds it.
            if range.start < at {
                continue;
            }
            out.push_str(&text[at..range.start]);
            rewrites.push(Rewrite {
                at: out.len(),
                original: text[range.clone()].to_owned(),
                slot: slot.clone(),
            });
            out.push_str(&slot);
            at = range.end;
        }
        out.push_str(&text[at..]);
        (out.into_bytes(), rewrites)
    }

    /// Writes a mapping as a list, with slots in the place of the values in it, keys included.
    fn as_list(&mut self, file: &LabFile, list: &Listed, edits: &mut Vec<(std::ops::Range<usize>, String)>) {
        if let Some(flow) = &list.flow {
            edits.push((flow.start..flow.start + 1, "[".to_owned()));
            edits.push((flow.end - 1..flow.end, "]".to_owned()));
        }
        for pair in &list.pairs {
            let mut item = String::with_capacity(pair.item.len());
            let mut at = 0;
            for leak in self.scanner.scan(&pair.item) {
                item.push_str(&pair.item[at..leak.range.start]);
                at = leak.range.end;
                let value = pair.item[leak.range].replace("$$", "$");
                item.push_str(&self.slot_of(file, value, leak.what, true));
            }
            item.push_str(&pair.item[at..]);
            let dash = if list.flow.is_some() { "" } else { "- " };
            edits.push((
                pair.whole.clone(),
                format!("{dash}'{}'", item.replace('\'', "''")),
            ));
        }
    }

    /// Returns what to write in the place of a value.
    fn slot(&mut self, file: &LabFile, text: &str, leak: &Leak, places: &Places) -> String {
        let written = &text[leak.range.clone()];
        let is_compose = file.kind() == FileKind::Compose && !places.is_comment(leak.range.start);
        // Compose takes two dollars for one, and block texts without their indentation.
        let value = if is_compose {
            meant(
                text,
                leak.range.start,
                places.quote(text, leak.range.start),
                written,
            )
        } else {
            written.to_owned()
        };
        self.slot_of(file, value, leak.what, is_compose)
    }

    /// Returns what to write in the place of a value, as Compose or whoever else reads the file means it.
    fn slot_of(&mut self, file: &LabFile, value: String, what: What, is_compose: bool) -> String {
        let is_variable = is_compose || file.kind() == FileKind::Pattern;
        let folder = folder_of(file.path()).to_owned();
        let existing = is_compose.then(|| self.slots.existing(&folder, &value)).flatten();
        let name = match existing {
            Some(name) => {
                let name = name.to_owned();
                self.reused.insert(name.clone());
                name
            }
            None => {
                let lifted = self.slots.lift(&value, what);
                let name = lifted.name.clone();
                if is_compose {
                    let variables = self.values.variables.entry(folder).or_default();
                    variables.insert(name.clone(), value);
                }
                let entry = self.lifted.entry(name.clone()).or_insert((lifted, false));
                entry.1 |= is_compose;
                self.uses
                    .entry(name.clone())
                    .or_default()
                    .insert(file.path().to_owned());
                name
            }
        };
        if is_variable {
            format!("${{{name}}}")
        } else {
            format!("@{{{name}}}")
        }
    }

    /// Writes a file of examples for each private file of variables, and for each folder that needs one now.
    fn examples(&mut self) {
        let mut wanted: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for file in self.lab.manifest().files() {
            let is_private = file.kind() == FileKind::Environment && !file.stratum().is_shareable();
            if let (true, Some(text)) = (is_private, file.text()) {
                wanted.insert(file.path().to_owned(), names_in(file.path(), text));
            }
        }
        for folder in self.values.variables.keys() {
            wanted.entry(in_folder(folder, ".env")).or_default();
        }
        for (path, variables) in wanted {
            let example = format!("{path}.example");
            let old = self.template.get(&example).cloned();
            let there = old.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let there: HashSet<String> = names_in(&example, &there)
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            let mut lines: Vec<(String, String)> = Vec::new();
            for (name, value) in &variables {
                lines.push((name.clone(), self.slots.example_of(name, value)));
            }
            let is_env = path.rsplit('/').next() == Some(".env");
            let added = self.values.variables.get(folder_of(&path)).filter(|_| is_env);
            for name in added.into_iter().flat_map(BTreeMap::keys) {
                if let Some((lifted, _)) = self.lifted.get(name) {
                    lines.push((name.clone(), lifted.example.clone()));
                }
            }
            lines.retain(|(name, _)| !there.contains(name));
            if lines.is_empty() && old.is_some() {
                continue;
            }
            let mut text = Vec::new();
            if old.is_none() {
                text.extend_from_slice(b"# What this lab gives itself: copy it, without `.example`, and put your own values in.\n");
            }
            add_variables(&mut text, lines.iter().map(|(name, value)| (name, value)));
            self.append(&example, old, &text);
        }
    }

    /// Declares every slot in lab.toml: those of Compose files as slots, the others in a comment.
    fn declare(&mut self) {
        let is_quiet = self.lab.pattern().slots().is_empty();
        let is_declared = |name: &String| {
            let mut slots = self.lab.pattern().slots().keys();
            slots.any(|slot| slot.as_str() == name)
        };
        // A lab that declares one slot is asked for all.
        let mut others: BTreeSet<String> = BTreeSet::new();
        if !is_quiet || self.lifted.values().any(|(_, in_compose)| *in_compose) {
            others.extend(self.reused.iter().filter(|name| !is_declared(name)).cloned());
        }
        if self.lifted.is_empty() && others.is_empty() {
            return;
        }
        let mut text = String::from("# Slots that a split made.\n");
        if is_quiet && self.lifted.values().any(|(_, in_compose)| *in_compose) {
            for project in self.lab.projects() {
                let own = project.variables().map(|(name, ..)| name.to_owned());
                others.extend(own.filter(|name| name != "PWD" && !name.starts_with("COMPOSE_")));
            }
        }
        for (name, (lifted, in_compose)) in &self.lifted {
            let words = lifted.kind.words();
            let _ = if *in_compose {
                others.remove(name);
                let secret = if lifted.kind == crate::leak::ValueKind::Secret {
                    "secret = true\n"
                } else {
                    ""
                };
                write!(
                    text,
                    "\n[slots.{name}]\ndescription = \"{words} of this lab, such as {}\"\n{secret}",
                    lifted.example
                )
            } else {
                writeln!(
                    text,
                    "# @{{{name}}}: {words} of this lab, such as {}",
                    lifted.example
                )
            };
        }
        for name in others {
            let _ = write!(text, "\n[slots.{name}]\ndescription = \"a value of this lab\"\n");
        }
        let old = self.template.get("lab.toml").cloned();
        self.append("lab.toml", old, text.as_bytes());
    }

    /// Adds a text to the end of a template's file, or makes the file of it.
    fn append(&mut self, path: &str, old: Option<Vec<u8>>, text: &[u8]) {
        let is_added = old.is_none();
        let mut all = old.unwrap_or_default();
        let mut addition = String::from_utf8_lossy(text).into_owned();
        if !all.is_empty() {
            addition.insert_str(0, if all.ends_with(b"\n") { "\n" } else { "\n\n" });
        }
        let at = all.len();
        all.extend_from_slice(addition.as_bytes());
        let mut rewrites = self
            .values
            .changed
            .remove(path)
            .map(|changed| changed.rewrites)
            .unwrap_or_default();
        if !is_added {
            rewrites.push(Rewrite {
                at,
                slot: addition,
                original: String::new(),
            });
        }
        self.put(path, all, rewrites, is_added);
    }
}

/// Returns what Compose takes a written text for: one dollar for two, quotes undone, and of several lines none with the
/// indentation of the first.
fn meant(text: &str, at: usize, quote: Option<u8>, written: &str) -> String {
    let mut value = match quote {
        Some(b'\'') => written.replace("''", "'"),
        Some(_) => written.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => written.to_owned(),
    };
    if value.contains('\n') {
        let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
        let line = &text[start..at];
        let indent = line.len() - line.trim_start().len();
        let lines = value.lines().map(|line| {
            let blanks = line.len() - line.trim_start().len();
            &line[blanks.min(indent)..]
        });
        value = lines.collect::<Vec<_>>().join("\n");
    }
    value.replace("$$", "$")
}
