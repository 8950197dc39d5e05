//! What a repository of git holds of earlier versions: every file that was ever committed is looked through once, and so are
//! the paths, messages, authors, branches and tags.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice as _};
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;

use super::scan::{Leak, Scanner, What};
use super::vocabulary::Vocabulary;
use super::{masked_name, of_leaks, of_name, rules, text_of, value_words};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Evidence, Finding, Subject};
use crate::lab::Lab;
use crate::span::{Source, Span};

/// How large a version of a file may be to be looked through: one at a time is in memory.
const LARGEST: u64 = 16 << 20;

/// How deep folders may be nested.
const DEEPEST: usize = 64;

/// What to do about what is in a history, whatever it is.
const FIX: &str = "Write the history anew without it before anybody gets it (`git filter-repo --replace-text FILE`), or share a new \
                   repository that begins with today's files; a secret that others may have had is to be changed.";

/// Returns what stands in the history of the repository that a lab's folder is in.
///
/// # Errors
/// `NotFound` where the folder is in no repository, `Damaged` where its commits cannot be read.
#[expect(clippy::disallowed_methods, reason = "a repository's history is read here")]
pub(crate) fn findings(lab: &Lab, vocabulary: &Vocabulary) -> Result<Vec<Finding>> {
    let root = lab.root();
    let isolated = gix::open::Options::isolated;
    let trust = gix::sec::trust::Mapping {
        full: isolated(),
        reduced: isolated(),
    };
    let opened = gix::ThreadSafeRepository::discover_opts(root, Default::default(), trust);
    let repository = opened.map_err(|error| {
        let message = format!(
            "find the history of `{}`: it is in no repository of git",
            root.display()
        );
        Error::new(ErrorKind::NotFound, message)
            .with_hint("leave the history out, or begin one: `git init`")
            .with_source(error)
    })?;
    let repository = repository.to_thread_local();
    let below = repository.workdir().and_then(|work| {
        let (work, root) = (work.canonicalize().ok()?, root.canonicalize().ok()?);
        let below = root.strip_prefix(work).ok()?.to_string_lossy().replace('\\', "/");
        (!below.is_empty()).then(|| format!("{below}/"))
    });
    let scanner = lab.scanner(vocabulary)?;
    let mut search = Search {
        lab,
        vocabulary,
        scanner: &scanner,
        below: below.unwrap_or_default(),
        hasher: RandomState::new(),
        trees: HashSet::new(),
        blobs: HashSet::new(),
        paths: HashSet::new(),
        people: HashSet::new(),
        told: HashMap::new(),
        unread: BTreeMap::new(),
        private: BTreeMap::new(),
        findings: Vec::new(),
    };
    search.whole(&repository)?;
    Ok(search.done())
}

struct Search<'a> {
    lab: &'a Lab,
    vocabulary: &'a Vocabulary,
    scanner: &'a Scanner,
    /// The lab's folder in the repository, with a `/` behind it; empty where it is the repository's own.
    below: String,
    hasher: RandomState,
    /// Folders that were looked at, each with the hash of its path: what a file is for depends on it.
    trees: HashSet<(ObjectId, u64)>,
    /// Versions of files that were looked through.
    blobs: HashSet<ObjectId>,
    /// The hashes of paths that were looked at.
    paths: HashSet<u64>,
    /// The hashes of authors and committers.
    people: HashSet<u64>,
    told: HashMap<Key, Told>,
    /// What could not be looked through, by its path: why, and in which commit.
    unread: BTreeMap<String, (String, String)>,
    /// Files of the lab's own, by their path, with the first commit that has them.
    private: BTreeMap<String, String>,
    findings: Vec<Finding>,
}

/// What makes one finding of many versions: the path, and what was found there; of what has only a shape, its hash.
type Key = (String, std::result::Result<usize, u64>);

struct Told {
    first: String,
    versions: usize,
    last: String,
}

impl Search<'_> {
    fn whole(&mut self, repository: &gix::Repository) -> Result<()> {
        let mut tips = BTreeSet::new();
        tips.extend(repository.head_id().ok().map(gix::Id::detach));
        let references = repository.references().map_err(damaged)?;
        for reference in references.all().map_err(damaged)? {
            let mut reference = reference.map_err(damaged)?;
            let name = reference.name().shorten().to_str_lossy().into_owned();
            self.reference(&name);
            let direct = reference.try_id().map(gix::Id::detach);
            if let Some(tag) = direct.and_then(|id| repository.find_object(id).ok()?.try_into_tag().ok())
                && let Ok(said) = tag.decode()
            {
                self.message(&format!("tag {name}"), said.message);
                self.person(&format!("tag {name}"), said.tagger.unwrap_or_default());
            }
            match (reference.peel_to_commit(), direct) {
                (Ok(commit), _) => _ = tips.insert(commit.id),
                (Err(error), Some(id)) if !repository.has_object(id) => return Err(damaged(error)),
                // A tag of a single file, say.
                (Err(_), Some(_)) => self.skipped(&name, "is the name of no commit", &name),
                // It leads to a branch that is not there.
                (Err(_), None) => {}
            }
        }
        let order = Sorting::ByCommitTime(CommitTimeOrder::NewestFirst);
        let walk = repository.rev_walk(tips).sorting(order).all().map_err(damaged)?;
        let commits: Vec<ObjectId> = walk
            .map(|commit| commit.map(|commit| commit.id))
            .collect::<std::result::Result<_, _>>()
            .map_err(damaged)?;
        // The oldest first, so that what is told names the commit that brought it.
        for id in commits.into_iter().rev() {
            let commit = repository.find_commit(id).map_err(damaged)?;
            let name = short(&id);
            let said = commit.decode().map_err(damaged)?;
            self.message(&name, said.message);
            self.person(&name, said.author);
            self.person(&name, said.committer);
            let tree = commit.tree_id().map_err(damaged)?.detach();
            self.tree(repository, tree, &name);
        }
        if repository.is_shallow().unwrap_or(false) {
            let message = "the history goes on beyond what is here: the copy is a shallow one";
            let finding = Finding::new(&rules::NOT_SCANNED, Subject::Lab, message);
            self.findings
                .push(finding.with_fix("Fetch all of it: `git fetch --unshallow`."));
        }
        Ok(())
    }

    /// Looks at a commit's folders that are new, or were elsewhere.
    fn tree(&mut self, repository: &gix::Repository, root: ObjectId, commit: &str) {
        let mut open = vec![(root, String::new(), 0)];
        while let Some((id, path, depth)) = open.pop() {
            if !self.trees.insert((id, self.hasher.hash_one(&path))) {
                continue;
            }
            let found = repository.find_object(id).ok();
            let Some(tree) = found.and_then(|object| object.try_into_tree().ok()) else {
                self.skipped(&path, "is not in this copy of the repository", commit);
                continue;
            };
            for entry in tree.iter() {
                let Ok(entry) = entry else {
                    self.skipped(&path, "cannot be read to its end", commit);
                    break;
                };
                let name = entry.filename().to_str_lossy();
                let inner = match path.as_str() {
                    "" => name.into_owned(),
                    path => format!("{path}/{name}"),
                };
                let (id, mode) = (entry.object_id(), entry.mode());
                if mode.is_tree() && depth < DEEPEST {
                    open.push((id, inner, depth + 1));
                } else if mode.is_tree() {
                    self.skipped(&inner, "is nested too deep", commit);
                } else if mode.is_blob_or_symlink() {
                    self.file(repository, id, &inner, commit);
                }
            }
        }
    }

    fn file(&mut self, repository: &gix::Repository, id: ObjectId, path: &str, commit: &str) {
        let is_new = self.paths.insert(self.hasher.hash_one(path));
        if !is_new && self.blobs.contains(&id) {
            return;
        }
        let (name, leaks) = masked_name(self.scanner, path);
        if is_new {
            let name = format!("{commit}:{name}");
            let found = leaks.iter().map(|leak| of_name(&name, leak, self.vocabulary));
            self.findings.extend(found.map(|finding| finding.with_fix(FIX)));
        }
        match repository.find_header(id).map(|header| header.size()) {
            Ok(size) if size > LARGEST => {
                let (size, most) = (size >> 20, LARGEST >> 20);
                self.blobs.insert(id);
                let why = format!("has {size} MiB, and at most {most} are looked through");
                return self.skipped(&name, &why, commit);
            }
            Ok(_) => {}
            Err(_) => return self.skipped(&name, "is not in this copy of the repository", commit),
        }
        let Ok(blob) = repository.find_object(id) else {
            return self.skipped(&name, "cannot be read", commit);
        };
        let in_lab = path.strip_prefix(&self.below).unwrap_or(path);
        let file = self.lab.version(in_lab, &blob.data);
        if !file.stratum().is_shareable() && !file.is_own_by_default(self.lab.pattern()) {
            let first = self.private.entry(name.into_owned());
            first.or_insert_with(|| commit.to_owned());
            return;
        }
        if !self.blobs.insert(id) {
            return;
        }
        let text = text_of(&blob.data);
        // In what is no text, what looks private by its shape is chance.
        let leaks = match text.contains('\0') {
            true => self.scanner.known(&text),
            false => self.scanner.scan(&text),
        };
        let new: Vec<Leak> = leaks
            .into_iter()
            .filter(|leak| self.is_new(&name, leak, &text, commit))
            .collect();
        if new.is_empty() {
            return;
        }
        let source = Source::new(&*format!("{commit}:{name}"), &*text);
        for finding in of_leaks(self.scanner, &file, &source, self.vocabulary, &new) {
            self.findings.push(without_text(finding).with_fix(FIX));
        }
    }

    /// Returns whether nothing of the kind was told of this path; of what was, it is one more version.
    fn is_new(&mut self, path: &str, leak: &Leak, text: &str, commit: &str) -> bool {
        let what = match leak.what {
            What::Term(term) => Ok(term),
            What::Shape(_) => Err(self.hasher.hash_one(&text[leak.range.clone()])),
        };
        let told = self.told.entry((path.to_owned(), what));
        let is_new = matches!(told, Entry::Vacant(_));
        let told = told.or_insert_with(|| Told {
            first: commit.to_owned(),
            versions: 0,
            last: String::new(),
        });
        if told.last != commit {
            told.versions += 1;
            commit.clone_into(&mut told.last);
        }
        is_new
    }

    /// Looks through what somebody has said of a commit or a tag.
    fn message(&mut self, commit: &str, message: &BStr) {
        let text = text_of(message);
        let leaks = self.scanner.scan(&text).into_iter().filter(|leak| {
            // Whose work it is too is said by mail address, by custom.
            let start = text[..leak.range.start].rfind('\n').map_or(0, |at| at + 1);
            let key = text[start..leak.range.start]
                .split(':')
                .next()
                .unwrap_or_default();
            !(matches!(leak.what, What::Shape(_)) && key.ends_with("-by"))
        });
        self.said(
            commit,
            &text,
            leaks.collect(),
            "is in what is said of this commit or tag",
        );
    }

    /// Looks at who made a commit or tag: `NAME <ADDRESS> TIME`. That somebody has made it is no news, so only what is known
    /// counts.
    fn person(&mut self, commit: &str, signature: &BStr) {
        let end = signature.rfind_byte(b'>').map_or(0, |at| at + 1);
        if self.people.insert(self.hasher.hash_one(&signature[..end])) {
            let text = text_of(&signature[..end]);
            let leaks = self.scanner.known(&text);
            self.said(
                commit,
                &text,
                leaks,
                "is in the name or address of who made this commit or tag",
            );
        }
    }

    /// Looks at the name of a branch or tag.
    fn reference(&mut self, name: &str) {
        let (masked, leaks) = masked_name(self.scanner, name);
        self.said(&masked, name, leaks, "is in the name of this branch or tag");
    }

    fn said(&mut self, place: &str, text: &str, leaks: Vec<Leak>, where_it_is: &str) {
        for leak in leaks {
            if !self.is_new(where_it_is, &leak, text, place) {
                continue;
            }
            let message = format!(
                "{} {where_it_is}{}",
                value_words(&leak, self.vocabulary),
                leak.disguise.words()
            );
            let place = Span::file(&Source::new(place, ""));
            self.findings
                .push(Finding::new(&rules::COMMIT, Subject::Lab, message).at(&place));
        }
    }

    /// Remembers what could not be looked through, once for each path.
    fn skipped(&mut self, path: &str, why: &str, commit: &str) {
        let entry = self.unread.entry(path.to_owned());
        entry.or_insert_with(|| (why.to_owned(), commit.to_owned()));
    }

    /// Returns all findings, each with how far it reaches.
    fn done(self) -> Vec<Finding> {
        let mut reach: HashMap<(String, String), (usize, String)> = HashMap::new();
        for ((path, _), told) in self.told {
            let all = reach.entry((path, told.first)).or_default();
            if told.versions > all.0 {
                *all = (told.versions, told.last);
            }
        }
        let mut findings = self.findings;
        for finding in &mut findings {
            let Some(name) = finding.place().map(|place| place.source().name().to_owned()) else {
                continue;
            };
            let Some((commit, path)) = name.split_once(':') else {
                continue;
            };
            if let Some((versions, last)) = reach.get(&(path.to_owned(), commit.to_owned()))
                && *versions > 1
            {
                let text = format!("it is in up to {versions} versions, the last of commit {last}");
                *finding = finding.clone().with_evidence(Evidence::said(text));
            }
        }
        for (path, commit) in self.private {
            let message =
                format!("`{path}` is this lab's own and is in the history, from commit {commit} on");
            let place = Span::file(&Source::new(&*format!("{commit}:{path}"), ""));
            findings.push(Finding::new(&rules::OWN_IN_HISTORY, Subject::Lab, message).at(&place));
        }
        for (path, (why, commit)) in self.unread {
            let message = format!("`{path}` {why}, in commit {commit}");
            let place = Span::file(&Source::new(&*format!("{commit}:{path}"), ""));
            let finding = Finding::new(&rules::NOT_SCANNED, Subject::Lab, message).at(&place);
            findings.push(finding.with_fix("Look at that version yourself: `git show COMMIT:PATH`."));
        }
        findings
    }
}

/// Returns a finding that has its line and column without the text of its file, which would stay in memory.
fn without_text(finding: Finding) -> Finding {
    let Some(place) = finding.place() else {
        return finding;
    };
    let (line, column) = (place.line() as usize, place.column() as usize);
    let blank = format!("{}{}", "\n".repeat(line.saturating_sub(1)), " ".repeat(column));
    let source = Source::new(place.source().name(), &*blank);
    let place = Span::new(&source, blank.len().saturating_sub(1), blank.len());
    finding.at(&place).without_snippet()
}

fn short(id: &ObjectId) -> String {
    id.to_hex_with_len(12).to_string()
}

fn damaged(error: gix::Error) -> Error {
    Error::new(ErrorKind::Damaged, "read the history of the repository")
        .with_hint("see what is wrong with it: `git fsck`")
        .with_source(error)
}

#[cfg(test)]
mod tests;
