//! What is shown of each split before anything of it can be shared: [`Proof`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::slots::folder_of;
use super::template::Template;
use super::values::Values;
use crate::compose::variables_of;
use crate::error::Result;
use crate::finding::{Finding, Severity};
use crate::lab::{FileKind, Lab};
use crate::leak::Vocabulary;
use crate::observed::Observed;
use crate::span::Source;

/// One thing that was held against the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    text: String,
    failures: Vec<String>,
}

impl Claim {
    /// Returns what is claimed, with how much was looked at.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether it holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Returns where it does not hold, without any private value.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

/// What a split claims, each computed from its files: that joining gives the original back, that the projects mean the
/// same, that nothing of the lab is in the template, that each slot is declared, used and has an example, and that the
/// template loads with its examples.
///
/// Displays as a line for each claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    claims: Vec<Claim>,
}

impl Proof {
    /// Returns the claims.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Returns whether all of them hold.
    pub fn holds(&self) -> bool {
        self.claims.iter().all(Claim::holds)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for claim in &self.claims {
            let word = if claim.holds() { "holds" } else { "FAILS" };
            writeln!(f, "{word}: {}", claim.text)?;
            for failure in &claim.failures {
                writeln!(f, "    {failure}")?;
            }
        }
        Ok(())
    }
}

/// What a proof is about.
pub(super) struct Case<'a> {
    pub(super) lab: &'a Lab,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) seen: &'a Observed,
    pub(super) template: &'a Template,
    pub(super) values: &'a Values,
    /// Each slot with the files that it was written into.
    pub(super) uses: &'a BTreeMap<String, BTreeSet<String>>,
}

impl Case<'_> {
    pub(super) fn prove(&self) -> Result<Proof> {
        Ok(Proof {
            claims: vec![
                self.joined(),
                self.resolved(),
                self.clean()?,
                self.slots(),
                self.loads(),
            ],
        })
    }

    fn joined(&self) -> Claim {
        let mut failures = Vec::new();
        let mut count = 0;
        match self.values.join(self.template) {
            Ok(joined) => {
                let originals = self.lab.manifest().files().iter();
                let read = originals.filter_map(|file| Some((file.path(), file.bytes()?)));
                for (path, bytes) in read {
                    count += 1;
                    if joined.get(path).map(Vec::as_slice) != Some(bytes) {
                        failures.push(format!("`{path}` is not what it was"));
                    }
                }
                let known = |path: &&String| self.lab.manifest().file(path).is_none();
                failures.extend(
                    joined
                        .keys()
                        .filter(known)
                        .map(|path| format!("`{path}` was not there")),
                );
            }
            Err(error) => failures.push(error.to_string()),
        }
        Claim {
            text: format!("joined with its values the template gives {count} files back, byte for byte"),
            failures,
        }
    }

    /// Returns the lab of these files, at the place of the original, with the texts beside it that its projects name.
    fn lab_of(&self, files: BTreeMap<String, Vec<u8>>) -> Lab {
        let sizes = self.lab.manifest().files().iter();
        let unread = sizes.filter(|file| file.bytes().is_none() && !file.stratum().is_shareable());
        let mut all: Vec<(String, u64, Option<Vec<u8>>)> = unread
            .map(|file| (file.path().to_owned(), file.size(), None))
            .collect();
        all.extend(
            files
                .into_iter()
                .map(|(path, bytes)| (path, bytes.len() as u64, Some(bytes))),
        );
        let sources = self.lab.projects().flat_map(|project| project.files());
        let beside = sources.filter(|source| self.lab.manifest().file(source.name()).is_none());
        let beside = beside.map(|source| (source.name().to_owned(), source.text().to_owned()));
        Lab::restored(
            self.lab.name().to_owned(),
            self.lab.root().to_owned(),
            all,
            beside.collect(),
            Vec::new(),
        )
    }

    fn original(&self) -> Lab {
        let files = self.lab.manifest().files().iter();
        let read = files.filter_map(|file| Some((file.path().to_owned(), file.bytes()?.to_vec())));
        self.lab_of(read.collect())
    }

    fn resolved(&self) -> Claim {
        let is_compose = |path: &str| {
            let file = self.lab.manifest().file(path);
            file.is_some_and(|file| file.kind() == FileKind::Compose)
        };
        let count = self.lab.projects().len();
        let text = format!("with its values every Compose file means what it did: {count} projects");
        let filled = match self.values.filled(self.template, is_compose) {
            Ok(filled) => self.lab_of(filled),
            Err(error) => {
                let failures = vec![error.to_string()];
                return Claim { text, failures };
            }
        };
        let original = self.original();
        let mut failures = Vec::new();
        if original.projects().len() != filled.projects().len() {
            failures.push(format!("there are {} projects", filled.projects().len()));
        }
        for (before, after) in original.projects().zip(filled.projects()) {
            let is_same = before.name() == after.name() && before.to_json(false) == after.to_json(false);
            if !is_same {
                let mut files = before.files().iter().map(Source::name);
                let file = files.find(|path| is_compose(path)).unwrap_or_default();
                failures.push(format!(
                    "`{file}` means something else with slots{}",
                    self.where_in(file)
                ));
            }
        }
        Claim { text, failures }
    }

    /// Returns the lines of a Compose file on which a slot stands where Compose replaces none: those of which the value is
    /// not a part of a value.
    fn where_in(&self, path: &str) -> String {
        let Some(changed) = self.values.changed.get(path) else {
            return ": a variable that is added to the `.env` beside it is passed on by `env_file`"
                .to_owned();
        };
        let (Some(text), Some(file)) = (self.template.file(path), self.lab.manifest().file(path)) else {
            return String::new();
        };
        let text = String::from_utf8_lossy(text);
        let keys: Vec<String> = changed
            .rewrites
            .iter()
            .filter(|rewrite| {
                text.get(rewrite.at + rewrite.slot.len()..)
                    .is_some_and(is_key_end)
            })
            .map(|rewrite| text[..rewrite.at].matches('\n').count() + 1)
            .map(|line| format!("line {line}"))
            .collect();
        let _ = file;
        match keys.as_slice() {
            [] => String::new(),
            keys => format!(
                ": {} has a private value in a key, which Compose does not replace and no list can stand for; rename it",
                keys.join(", ")
            ),
        }
    }

    fn clean(&self) -> Result<Claim> {
        let template = self.lab_of_template();
        let report = template.leaks_of(self.vocabulary, self.seen, &super::every_leak())?;
        let worth = |finding: &&Finding| finding.severity() >= Severity::Warning;
        let failures = report
            .findings()
            .iter()
            .filter(worth)
            .map(ToString::to_string)
            .collect();
        let count = self.template.files().len();
        let accepted = match report.suppressed().len() {
            0 => String::new(),
            number => format!(", {number} accepted by comments"),
        };
        Ok(Claim {
            text: format!(
                "nothing of the lab is in {count} files: {} values in every disguise{accepted}",
                self.vocabulary.terms().len()
            ),
            failures,
        })
    }

    fn lab_of_template(&self) -> Lab {
        let files = self
            .template
            .files()
            .map(|(path, bytes)| (path.to_owned(), bytes.len() as u64, Some(bytes.to_vec())));
        let (name, root) = (self.lab.name().to_owned(), self.lab.root().to_owned());
        Lab::restored(name, root, files.collect(), Vec::new(), Vec::new())
    }

    fn slots(&self) -> Claim {
        let pattern = self
            .template
            .file("lab.toml")
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let mut failures = Vec::new();
        for (slot, files) in self.uses {
            let declared =
                pattern.contains(&format!("[slots.{slot}]")) || pattern.contains(&format!("@{{{slot}}}"));
            if !declared {
                failures.push(format!("`{slot}` is not declared in lab.toml"));
            }
            for path in files {
                let text = self
                    .template
                    .file(path)
                    .map(String::from_utf8_lossy)
                    .unwrap_or_default();
                if !text.contains(&format!("{{{slot}}}")) {
                    failures.push(format!("`{slot}` is not used in `{path}`"));
                }
                let is_compose = text.contains(&format!("${{{slot}}}")) && path != "lab.toml";
                let example = super::slots::in_folder(folder_of(path), ".env.example");
                let examples = self
                    .template
                    .file(&example)
                    .map(String::from_utf8_lossy)
                    .unwrap_or_default();
                if is_compose && !examples.contains(&format!("{slot}=")) {
                    failures.push(format!("`{slot}` has no example in `{example}`"));
                }
            }
        }
        Claim {
            text: format!(
                "each of {} slots is declared, described, used, and has an example",
                self.uses.len()
            ),
            failures,
        }
    }

    fn loads(&self) -> Claim {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (path, bytes) in self.template.files() {
            files.insert(path.to_owned(), bytes.to_vec());
            // What stands for a private file is put where that one is.
            if let Some(own) = path.strip_suffix(".example")
                && (own.ends_with(".env") || own.contains(".env."))
                && self.template.file(own).is_none()
            {
                files.insert(own.to_owned(), bytes.to_vec());
            }
        }
        let name_of = |finding: &Finding| {
            let file = finding.place().map(|place| place.source().name().to_owned());
            (finding.rule().id, file)
        };
        // About machines and people, of which the template has none.
        let of_instance = |finding: &&Finding| {
            matches!(
                finding.rule().id,
                "lab.unknown-name" | "lab.unplaced-project" | "lab.missing-slot"
            )
        };
        let before: BTreeSet<_> = self.original().diagnostics().iter().map(name_of).collect();
        let after = self.lab_of(files);
        let new = after.diagnostics().iter().filter(|finding| !of_instance(finding));
        let failures = new
            .filter(|finding| !before.contains(&name_of(finding)))
            .map(ToString::to_string)
            .collect();
        Claim {
            text: "with its example values the template loads without a new diagnostic".to_owned(),
            failures,
        }
    }
}

/// Returns whether what follows a slot makes it, or the word it is a part of, a key.
fn is_key_end(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let word = line.find(|c: char| c.is_whitespace()).unwrap_or(line.len());
    let (word, behind) = line.split_at(word);
    let ends =
        word.trim_end_matches(['"', '\'']).ends_with(':') || word.starts_with(':') && behind.is_empty();
    ends && !word.contains('/')
}

/// Returns the names of a file of variables.
pub(super) fn names_in(path: &str, text: &str) -> Vec<(String, String)> {
    let variables = variables_of(&Source::new(path, text)).into_iter();
    variables.map(|(name, value, _)| (name, value)).collect()
}
