//! From files to one merged tree: reading, variables, extends, include, merging, checking.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::canonical::{canonical, unique};
use super::check::{Problem, check};
use super::dotenv::{self, Entries};
use super::files::{Files, Unread, join, shown};
use super::interpolate::{Fault, substitute};
use super::merge::{merge, merge_service, reset, reset_service};
use super::model::VariableState;
use super::node::{Map, Node, Value};
use super::normalize::{Places, defaults, paths, service_paths, validate};
use super::path::Path;
use super::rules;
use super::yaml;
use crate::secret::Secret;
use crate::span::{Source, Span};

/// The most files that one project may bring together.
const MAX_FILES: usize = 500;
/// The longest chain of includes or extends.
const MAX_CHAIN: usize = 40;

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
        }
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
        if let Some(documents) = self.parsed.get(path) {
            return Ok(documents.clone());
        }
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
            && !self.says("extends")
        {
            self.parsed.remove(place.file);
        }
        let documents = Arc::try_unwrap(documents).unwrap_or_else(|shared| (*shared).clone());
        for (mut document, resets) in documents {
            let place_span = document.span.clone();
            let Value::Map(map) = &mut document.value else {
                let message = if document.is_null() {
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

    /// Whether one of the files has this text anywhere.
    fn says(&self, text: &str) -> bool {
        let finder = memchr::memmem::Finder::new(text);
        self.sources
            .iter()
            .any(|source| finder.find(source.text().as_bytes()).is_some())
    }

    /// Puts the values of variables into a whole document.
    fn interpolate_all(&mut self, root: &mut Map, variables: &Variables) -> Flow<()> {
        // Half of all files name no variable. A dollar may also be written as an escape.
        if self.says("$") || self.says("\\") {
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
                node.text = done.interpolation(text).map(Arc::new);
                for (name, state) in &done.variables {
                    self.uses.push(Use {
                        name: name.clone(),
                        state: state.clone(),
                        span: node.span.clone(),
                        value: variables.value(name).map(Secret::new),
                    });
                }
                node.value = Value::Text(done.text.into());
                for fault in done.faults {
                    let problem = match fault {
                        Fault::Invalid(_) => {
                            let message = "a `$` begins no variable: the braces or the name are not right";
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

    fn extends(&mut self, root: &mut Map, place: Place<'_>, resets: &[Path]) -> Flow<()> {
        let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
            return Ok(());
        };
        let names: Vec<Box<str>> = services
            .iter()
            .filter(|(_, node)| node.as_map().is_some_and(|map| map.contains_key("extends")))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let mut trail = Vec::new();
            self.extend(&name, services, place, resets, &mut trail)?;
        }
        Ok(())
    }

    /// Lays a service over the one that it extends.
    fn extend(
        &mut self,
        name: &str,
        services: &mut Map,
        place: Place<'_>,
        resets: &[Path],
        trail: &mut Vec<(PathBuf, Box<str>)>,
    ) -> Flow<()> {
        let Some(service) = services.get_mut(name).and_then(Node::as_map_mut) else {
            return Ok(());
        };
        let Some(extends) = service.get("extends").cloned() else {
            return Ok(());
        };
        let at = extends.place().clone();
        let (target, file) = match &extends.value {
            Value::Text(target) => (target.clone(), None),
            Value::Map(map) => {
                let Some(target) = map.get("service").and_then(Node::as_text) else {
                    // The check of the whole file says what is wrong with it; a strict one ends there.
                    service.remove("extends");
                    return self.report(Problem::new(
                        &rules::MISSING_KEY,
                        &at,
                        "`extends` needs the key `service`",
                    ));
                };
                (target.into(), map.get("file").cloned())
            }
            _ => return Ok(()),
        };
        service.remove("extends");
        trail.push((place.file.to_owned(), Box::from(name)));
        let next = match file.as_ref().and_then(Node::as_text) {
            Some(file) => join(place.directory, file),
            None => place.file.to_owned(),
        };
        if trail.contains(&(next, target.clone())) || trail.len() > MAX_CHAIN {
            trail.pop();
            let message = format!("`{name}` extends itself in a circle");
            return self.report(Problem::new(&rules::CYCLE, &at, message));
        }
        let base = match file {
            None => {
                self.extend(&target, services, place, resets, trail)?;
                services.get(&target).cloned()
            }
            Some(file) => self.extended(&target, &file, place, trail)?,
        };
        trail.pop();
        let Some(base) = base else {
            let message = format!("`{name}` extends the service `{target}`, which is not there");
            return self.report(Problem::new(&rules::UNDEFINED, &at, message));
        };
        let Value::Map(mut merged) = base.value else {
            return Ok(());
        };
        reset_service(&mut merged, name, resets);
        let Some(node) = services.get_mut(name) else {
            return Ok(());
        };
        let Value::Map(over) = std::mem::replace(&mut node.value, Value::Null) else {
            return Ok(());
        };
        let mut problems = Vec::new();
        merge_service(&mut merged, over, &mut problems);
        node.value = Value::Map(merged);
        self.report_all(problems)
    }

    /// A service of another file, with everything that it extends, its paths relative to that file.
    fn extended(
        &mut self,
        target: &str,
        file: &Node,
        place: Place<'_>,
        trail: &mut Vec<(PathBuf, Box<str>)>,
    ) -> Flow<Option<Node>> {
        let Some(text) = file.as_text() else {
            return Ok(None);
        };
        if is_remote(text) {
            let message = format!("the extended file `{text}` is remote, and is never fetched");
            self.report(Problem::new(&rules::REMOTE, &file.span, message))?;
            return Ok(Some(Node::new(Value::Map(Map::default()), file.span.clone())));
        }
        let path = join(place.directory, text);
        let before = self.problems.len();
        let documents = self.parse(&path, "extended file", Some(&file.span))?;
        if documents.is_empty() && self.problems.len() > before {
            // It was said already why.
            return Ok(Some(Node::new(Value::Map(Map::default()), file.span.clone())));
        }
        let mut root = Map::default();
        let mut last_resets = Vec::new();
        for (document, resets) in documents.iter() {
            let mut document = document.clone();
            let Value::Map(map) = &mut document.value else {
                continue;
            };
            self.interpolate_all(map, place.variables)?;
            let mut problems = Vec::new();
            reset(&mut root, resets);
            merge(&mut root, std::mem::take(map), &mut problems);
            unique(&mut root);
            // What is wrong with it is said once it is part of the service that extends it.
            canonical(&mut root, &mut problems);
            last_resets.clone_from(resets);
            self.report_all(problems)?;
        }
        let directory = path.parent().unwrap_or(FilePath::new("/")).to_owned();
        let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
            return Ok(None);
        };
        let home = self.home.clone();
        let text = directory.to_string_lossy();
        for service in services.values_mut().filter_map(Node::as_map_mut) {
            service_paths(
                service,
                &Places {
                    directory: &text,
                    home: home.as_deref(),
                },
            );
        }
        let inner = Place {
            file: &path,
            directory: &directory,
            ..place
        };
        self.extend(target, services, inner, &last_resets, trail)?;
        Ok(services.remove(target))
    }

    fn include(&mut self, root: &mut Map, place: Place<'_>) -> Flow<()> {
        let Some(include) = root.remove("include") else {
            return Ok(());
        };
        let Value::List(items) = include.value else {
            if include.is_null() {
                return Ok(());
            }
            let message = "`include` must be a list";
            return self.report(Problem::new(&rules::INVALID_VALUE, &include.span, message));
        };
        for item in items {
            self.include_one(root, &item, place)?;
        }
        Ok(())
    }

    fn include_one(&mut self, root: &mut Map, item: &Node, place: Place<'_>) -> Flow<()> {
        let texts = |node: Option<&Node>| -> Vec<(String, Span)> {
            match node.map(|node| (&node.value, &node.span)) {
                Some((Value::Text(text), span)) => vec![(text.to_string(), span.clone())],
                Some((Value::List(items), _)) => items
                    .iter()
                    .filter_map(|item| Some((item.as_text()?.to_owned(), item.span.clone())))
                    .collect(),
                _ => Vec::new(),
            }
        };
        let (listed, env_files, project_directory) = match &item.value {
            Value::Text(_) => (texts(Some(item)), Vec::new(), None),
            Value::Map(map) => {
                for (key, node) in map {
                    if !matches!(key.as_ref(), "path" | "env_file" | "project_directory") {
                        let message = format!("`{key}` is not a key of `include`");
                        self.report(Problem::new(&rules::UNKNOWN_KEY, node.place(), message))?;
                    }
                }
                let directory = map
                    .get("project_directory")
                    .and_then(Node::as_text)
                    .map(str::to_owned);
                (texts(map.get("path")), texts(map.get("env_file")), directory)
            }
            _ => {
                let message = format!("an `include` must be a text or a mapping, and is {}", item.kind());
                return self.report(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            }
        };
        if listed.is_empty() {
            return Ok(());
        }
        let mut files = Vec::new();
        for (text, span) in &listed {
            if is_remote(text) {
                let message = format!("the included file `{text}` is remote, and is never fetched");
                return self.report(Problem::new(&rules::REMOTE, span, message));
            }
            files.push(join(place.directory, text));
        }
        let at = &listed[0].1;
        let mut chain = place.chain.to_vec();
        chain.push(place.file.to_owned());
        if chain.contains(&files[0]) || chain.len() > MAX_CHAIN {
            let message = format!("`{}` is included in a circle", listed[0].0);
            return self.report(Problem::new(&rules::CYCLE, at, message));
        }
        // Variables are looked for in the folder as it is named, paths are relative to one that is there.
        let named = match project_directory {
            Some(directory) => join(place.directory, &directory),
            None => files[0].parent().unwrap_or(FilePath::new("/")).to_owned(),
        };
        let directory = match named.parent() {
            Some(parent) if !self.files.is_folder(&named) => parent.to_owned(),
            _ => named.clone(),
        };
        let mut entries = Entries::new();
        if env_files.is_empty() {
            let path = join(&named, ".env");
            if self.files.is_file(&path) {
                entries = self.variables_of(&path, place.variables, Entries::new(), at)?;
            }
        } else {
            for (text, span) in &env_files {
                let path = join(place.directory, text);
                entries = self.variables_of(&path, place.variables, entries, span)?;
            }
        }
        let variables = place
            .variables
            .with(entries.into_iter().map(|(name, entry)| (name, entry.value)));
        let imported = self.model(&files, &directory, &variables, &chain, Some(at))?;
        let mut problems = Vec::new();
        import(root, imported, item, &mut problems);
        self.report_all(problems)
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
        let (entries, broken) = dotenv::read(&source, &|name: &str| variables.value(name), &before);
        if let Some(broken) = broken {
            let message = format!("the file of variables is broken here: {}", broken.message);
            self.report(Problem::new(&rules::UNREADABLE_FILE, &broken.span, message))?;
        }
        let mut all = before;
        all.extend(entries);
        Ok(all)
    }
}

/// Puts what was included beside what the file itself declares.
fn import(root: &mut Map, imported: Map, item: &Node, problems: &mut Vec<Problem>) {
    for (section, node) in imported {
        if !matches!(
            section.as_ref(),
            "services" | "volumes" | "networks" | "secrets" | "configs" | "models"
        ) {
            continue;
        }
        let Value::Map(resources) = node.value else {
            continue;
        };
        let own = root.get_or_insert_with(&section, || Node {
            value: Value::Map(Map::default()),
            span: node.span,
            key: node.key,
            text: None,
        });
        if own.is_null() {
            own.value = Value::Map(Map::default());
        }
        let Some(own) = own.as_map_mut() else { continue };
        for (name, resource) in resources {
            match own.get(&name) {
                None => {
                    own.insert(name, resource);
                }
                Some(before) if before.same(&resource) => {}
                Some(_) => {
                    let message = format!("`{section}.{name}` is declared here and in what is included");
                    problems.push(Problem::new(&rules::CONFLICT, &item.span, message));
                }
            }
        }
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
