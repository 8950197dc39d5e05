//! From files to one merged tree: reading, variables, extends, include, merging, checking.

mod extend;
mod include;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::canonical::{canonical, unique};
use super::check::{Problem, check};
use super::dotenv::{self, Entries};
use super::files::{Files, Unread, shown};
use super::interpolate::{Fault, substitute};
use super::merge::{merge, reset};
use super::model::VariableState;
use super::node::{Map, Node, Value};
use super::normalize::{Places, defaults, paths, validate};
use super::path::Path;
use super::rules;
use super::yaml;
use crate::finding::secret_looking;
use crate::secret::Secret;
use crate::span::{Source, Span};
use crate::system::names_secret;

/// The most files that one project may bring together.
const MAX_FILES: usize = 500;
/// The longest chain of includes or extends.
const MAX_CHAIN: usize = 40;

/// How much one project may bring together, in values, a long text being one for each 64 bytes. Files that are
/// included or extended again and again, or variables that are long, make far more of a file than it holds.
const MAX_WORK: usize = if cfg!(test) { 100_000 } else { 4_000_000 };
/// What including or extending a file takes besides its values.
const FILE_WORK: usize = 50;

/// The end of a strict resolution: what Compose refuses.
pub(super) struct Refused(pub(super) Problem);

pub(super) type Flow<T> = Result<T, Refused>;

/// The variables that texts may name. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Variables(Arc<BTreeMap<String, String>>);

impl Variables {
    pub(super) fn new(values: BTreeMap<String, String>) -> Self {
        Variables(Arc::new(values))
    }

    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn length(&self, name: &str) -> Option<usize> {
        self.0.get(name).map(String::len)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds what is not there yet.
    pub(super) fn with(&self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values = (*self.0).clone();
        for (name, value) in more {
            values.entry(name).or_insert(value);
        }
        Variables::new(values)
    }
}

/// A variable that a text names, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) name: String,
    pub(super) state: VariableState,
    pub(super) span: Span,
    /// What the environment has for it.
    pub(super) value: Option<Secret>,
}

type Documents = Arc<Vec<(Node, Vec<Path>)>>;

/// Reads files into one tree, and keeps what is wrong with them.
pub(super) struct Loader {
    pub(super) strict: bool,
    pub(super) files: Files,
    pub(super) home: Option<String>,
    /// What file names in messages are relative to.
    pub(super) base: PathBuf,
    pub(super) sources: Vec<Source>,
    pub(super) problems: Vec<Problem>,
    pub(super) uses: Vec<Use>,
    parsed: HashMap<PathBuf, Documents, foldhash::fast::RandomState>,
    loads: usize,
    work: usize,
    /// Whether one of the files may name a variable, and whether one may extend a service.
    says_variables: bool,
    says_extends: bool,
}

/// Which file of which project is being read.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a FilePath,
    directory: &'a FilePath,
    variables: &'a Variables,
    chain: &'a [PathBuf],
}

impl Loader {
    pub(super) fn new(strict: bool, files: Files, base: PathBuf, home: Option<String>) -> Self {
        Loader {
            strict,
            files,
            home,
            base,
            sources: Vec::new(),
            problems: Vec::new(),
            uses: Vec::new(),
            parsed: HashMap::default(),
            loads: 0,
            work: 0,
            says_variables: false,
            says_extends: false,
        }
    }

    /// Counts what is brought in at this place; false, which is said once, when it is too much.
    pub(super) fn spend(&mut self, work: usize, span: &Span) -> Flow<bool> {
        let before = self.work;
        self.work = before.saturating_add(work);
        if before <= MAX_WORK && self.work > MAX_WORK {
            let message = format!(
                "with what is brought in here, the project has more than {MAX_WORK} values, extended and \
                 included ones counted each time"
            );
            self.report(Problem::new(&rules::SYNTAX, span, message))?;
        }
        Ok(self.work <= MAX_WORK)
    }

    /// Takes note of what is wrong; ends a strict resolution.
    pub(super) fn report(&mut self, problem: Problem) -> Flow<()> {
        if self.strict {
            return Err(Refused(problem));
        }
        self.problems.push(problem);
        Ok(())
    }

    pub(super) fn report_all(&mut self, problems: Vec<Problem>) -> Flow<()> {
        problems.into_iter().try_for_each(|problem| self.report(problem))
    }

    /// Reads a file and keeps it as a source.
    pub(super) fn read(&mut self, path: &FilePath) -> Result<Source, Unread> {
        let name = shown(path, &self.base);
        if let Some(source) = self.sources.iter().find(|source| source.name() == name) {
            return Ok(source.clone());
        }
        self.loads += 1;
        if self.loads > MAX_FILES {
            return Err(Unread::Unfit(format!(
                "the project brings together more than {MAX_FILES} files"
            )));
        }
        let source = self.files.read(path, name)?;
        let says = |text: &str| memchr::memmem::find(source.text().as_bytes(), text.as_bytes()).is_some();
        // Half of all files name no variable. A dollar may also be written as an escape.
        self.says_variables |= says("$") || says("\\");
        self.says_extends |= says("extends");
        self.sources.push(source.clone());
        Ok(source)
    }

    /// Says why a file cannot be used that stands at this place.
    pub(super) fn unread(&mut self, name: &str, why: Unread, what: &str, span: &Span) -> Flow<()> {
        let problem = match why {
            Unread::Missing => Problem::new(
                &rules::MISSING_FILE,
                span,
                format!("the {what} `{name}` is not there"),
            ),
            Unread::Outside => {
                let message = format!("the {what} `{name}` is outside the lab's folder, and is not read");
                Problem::new(&rules::OUTSIDE_ROOT, span, message)
            }
            Unread::Folder => Problem::new(
                &rules::UNREADABLE_FILE,
                span,
                format!("the {what} `{name}` is a folder"),
            ),
            Unread::Unfit(why) => Problem::new(
                &rules::UNREADABLE_FILE,
                span,
                format!("the {what} `{name}` cannot be read: {why}"),
            ),
        };
        self.report(problem)
    }

    /// Parses a file; once, however often it is used.
    fn parse(&mut self, path: &FilePath, what: &str, span: Option<&Span>) -> Flow<Documents> {
        let documents = match self.parsed.get(path) {
            Some(documents) => documents.clone(),
            None => self.parse_new(path, what, span)?,
        };
        let weight = |documents: &Documents| documents.iter().map(|(root, _)| root.weight()).sum::<usize>();
        match span {
            Some(span) if !self.spend(FILE_WORK + weight(&documents), span)? => Ok(Documents::default()),
            _ => Ok(documents),
        }
    }

    fn parse_new(&mut self, path: &FilePath, what: &str, span: Option<&Span>) -> Flow<Documents> {
        let source = match self.read(path) {
            Ok(source) => source,
            Err(why) => {
                let nowhere = Span::file(&Source::new(shown(path, &self.base), ""));
                self.unread(&shown(path, &self.base), why, what, span.unwrap_or(&nowhere))?;
                return Ok(Documents::default());
            }
        };
        let reading = yaml::read(&source);
        if let Some(fault) = reading.broken {
            self.report(Problem::new(fault.rule, &fault.span, fault.message))?;
        }
        for fault in reading.faults {
            self.report(Problem::new(fault.rule, &fault.span, fault.message))?;
        }
        let documents: Documents = Arc::new(
            reading
                .documents
                .into_iter()
                .map(|document| (document.root, document.resets))
                .collect(),
        );
        self.parsed.insert(path.to_owned(), documents.clone());
        Ok(documents)
    }

    /// The `name:` of the files, variables substituted: the last one that is written.
    pub(super) fn project_name(
        &mut self,
        files: &[PathBuf],
        variables: &Variables,
    ) -> Flow<Option<(String, Span)>> {
        let mut found = None;
        for file in files {
            for (root, _) in self.parse(file, "Compose file", None)?.iter() {
                let Some(node) = root.as_map().and_then(|map| map.get("name")) else {
                    continue;
                };
                let Some(written) = node.as_text().filter(|text| !text.is_empty()) else {
                    continue;
                };
                let text = substitute(written, &|name: &str| variables.value(name))
                    .map_or_else(|| written.to_owned(), |done| done.text);
                found = Some((text, node.span.clone()));
            }
        }
        Ok(found)
    }

    /// Brings the files of one project together: merged, checked, in long form, with defaults and absolute paths.
    pub(super) fn model(
        &mut self,
        files: &[PathBuf],
        directory: &FilePath,
        variables: &Variables,
        chain: &[PathBuf],
        span: Option<&Span>,
    ) -> Flow<Map> {
        let mut root = Map::default();
        for file in files {
            let place = Place {
                file,
                directory,
                variables,
                chain,
            };
            self.file(&mut root, place, span)?;
        }
        defaults(&mut root);
        let mut problems = Vec::new();
        validate(&mut root, &mut problems);
        self.report_all(problems)?;
        let home = self.home.clone();
        let directory = directory.to_string_lossy();
        paths(
            &mut root,
            &Places {
                directory: &directory,
                home: home.as_deref(),
            },
        );
        resolve_environment(&mut root, variables);
        Ok(root)
    }

    fn file(&mut self, root: &mut Map, place: Place<'_>, span: Option<&Span>) -> Flow<()> {
        let documents = self.parse(place.file, "Compose file", span)?;
        // The tree is needed again only where a service extends one of the same file by name.
        if let Some((_, resets)) = documents.first()
            && resets.is_empty()
            && !self.says_extends
        {
            self.parsed.remove(place.file);
        }
        let several = documents.len() > 1;
        let documents = Arc::try_unwrap(documents).unwrap_or_else(|shared| (*shared).clone());
        for (mut document, resets) in documents {
            let place_span = document.span.clone();
            let Value::Map(map) = &mut document.value else {
                let message = if document.is_null() && several {
                    "a document of the file is empty: nothing stands behind its `---`"
                } else if document.is_null() {
                    "the file is empty"
                } else {
                    "the file must be a mapping"
                };
                self.report(Problem::new(&rules::INVALID_VALUE, &place_span, message))?;
                continue;
            };
            self.interpolate_all(map, place.variables)?;
            self.extends(map, place, &resets)?;
            reset(root, &resets);
            self.include(map, place)?;
            let mut problems = Vec::new();
            merge(root, std::mem::take(map), &mut problems);
            unique(root);
            check(root, &mut problems);
            root.remove("version");
            canonical(root, &mut problems);
            unique(root);
            self.report_all(problems)?;
        }
        Ok(())
    }

    /// Puts the values of variables into a whole document.
    fn interpolate_all(&mut self, root: &mut Map, variables: &Variables) -> Flow<()> {
        if self.says_variables {
            self.interpolate_map(root, variables)?;
        }
        Ok(())
    }

    fn interpolate_map(&mut self, map: &mut Map, variables: &Variables) -> Flow<()> {
        for node in map.values_mut() {
            self.interpolate(node, variables)?;
        }
        Ok(())
    }

    fn interpolate(&mut self, node: &mut Node, variables: &Variables) -> Flow<()> {
        match &mut node.value {
            Value::Text(text) => {
                let Some(done) = substitute(text, &|name: &str| variables.value(name)) else {
                    return Ok(());
                };
                let named = done
                    .variables
                    .iter()
                    .filter_map(|(name, _)| variables.length(name));
                let work = (done.text.len() + named.sum::<usize>()) / 64;
                if work > 0 && !self.spend(work, &node.span)? {
                    return Ok(());
                }
                node.text = done.interpolation(text).map(Arc::new);
                for (name, state) in &done.variables {
                    self.uses.push(Use {
                        name: name.clone(),
                        state: state.clone(),
                        span: node.span.clone(),
                        value: variables.value(name).map(Secret::new),
                    });
                }
                let written = done.faults.first().map(|_| text.clone()).unwrap_or_default();
                node.value = Value::Text(done.text.into());
                for fault in done.faults {
                    let problem = match fault {
                        Fault::Invalid(part) => {
                            let what = match beginning(&part, &written, node.key.as_ref()) {
                                Some(shown) => format!("`{shown}` is no variable"),
                                None => "a `$` begins no variable".to_owned(),
                            };
                            let message = format!("{what}: the braces or the name are not right");
                            Problem::new(&rules::INTERPOLATION, &node.span, message)
                        }
                        Fault::Long => {
                            let message = "the values of its variables make the text too long";
                            Problem::new(&rules::INTERPOLATION, &node.span, message)
                        }
                        Fault::Required { name, message } => {
                            let mut text = format!("the variable `{name}` is required and has no value");
                            if !message.is_empty() {
                                text = format!("{text}: {message}");
                            }
                            Problem::new(&rules::REQUIRED_VARIABLE, &node.span, text)
                        }
                    };
                    self.report(problem)?;
                }
                Ok(())
            }
            Value::List(items) => items
                .iter_mut()
                .try_for_each(|item| self.interpolate(item, variables)),
            Value::Map(map) => self.interpolate_map(map, variables),
            _ => Ok(()),
        }
    }

    /// Reads a file of variables; those of `before` may be named in it.
    pub(super) fn variables_of(
        &mut self,
        path: &FilePath,
        variables: &Variables,
        before: Entries,
        span: &Span,
    ) -> Flow<Entries> {
        let source = match self.read(path) {
            Ok(source) => source,
            Err(why) => {
                self.unread(&shown(path, &self.base), why, "file of variables", span)?;
                return Ok(before);
            }
        };
        if !self.spend(source.text().len() / 64, span)? {
            return Ok(before);
        }
        let (entries, broken) = dotenv::read(&source, &|name: &str| variables.value(name), &before);
        if let Some(broken) = broken {
            let message = format!("the file of variables is broken here: {}", broken.message);
            self.report(Problem::new(&rules::UNREADABLE_FILE, &broken.span, message).without_line())?;
        }
        let mut all = before;
        all.extend(entries);
        Ok(all)
    }
}

/// Whether Compose would fetch this file from git or a registry.
fn is_remote(text: &str) -> bool {
    [
        "oci://",
        "git://",
        "ssh://",
        "http://",
        "https://",
        "git@",
        "github.com/",
    ]
    .iter()
    .any(|prefix| text.starts_with(prefix))
}

/// Gives variables of services that are only named the value that the environment has.
fn resolve_environment(root: &mut Map, variables: &Variables) {
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for service in services.values_mut().filter_map(Node::as_map_mut) {
            let Some(items) = service.get_mut("environment").and_then(Node::as_list_mut) else {
                continue;
            };
            for item in items {
                let Some(name) = item.as_text().filter(|text| !text.contains('=')) else {
                    continue;
                };
                if let Some(value) = variables.value(name) {
                    item.value = Value::Text(format!("{name}={value}").into());
                }
            }
        }
    }
}

/// Returns how a variable that is none begins, up to where a value may begin; nothing where its text may be a secret.
fn beginning(written: &str, text: &str, key: Option<&Span>) -> Option<String> {
    let is_secret =
        key.is_some_and(|key| names_secret(key.text())) || !secret_looking::stretches(text).is_empty();
    let end = written.find([':', '-', '?', '+', '=']).unwrap_or(written.len());
    let shown: String = written[..end].chars().take(24).collect();
    let shown = if shown.len() < written.len() {
        format!("{shown}\u{2026}")
    } else {
        shown
    };
    (!is_secret).then_some(shown)
}
