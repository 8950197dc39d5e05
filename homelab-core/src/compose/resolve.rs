//! The way from files to a [`Project`].

mod unset;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::check::Problem;
use super::consistency::consistency;
use super::dotenv::{self, Entries};
use super::files::{Files, shown};
use super::json;
use super::load::{Flow, Loader, Refused, Variables};
use super::model::{Inner, Project, VariableState};
use super::node::{Map, Node, Value};
use super::normalize::normalize;
use super::options::{ResolveOptions, absolute};
use super::rules;
use super::typed;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Subject};
use crate::name::{ProjectName, ServiceId, ServiceName};
use crate::secret::Secret;
use crate::span::{Source, Span};
use unset::{unread_ports, unset_variables};

impl Project {
    /// Reads and resolves a project.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no file is named and the directory has none under Compose's names, or when none of those
    /// that are named is there; [`ErrorKind::Invalid`] when it is a folder that is named in place of one, or an empty path
    /// that is given anywhere. A strict
    /// resolution also fails, with the kind [`ErrorKind::Invalid`] (or [`ErrorKind::Unsupported`] for remote files),
    /// on everything that Docker Compose refuses; a lenient one does on nothing else.
    pub fn resolve(options: &ResolveOptions) -> Result<Project> {
        options.refuse_empty_paths()?;
        let start = absolute(&options.first_directory());
        // Without a name for it the file is in the folder or in the nearest one above.
        let home = options.home_of_files(&start);
        let directory = if options.directory.is_some() {
            start.clone()
        } else {
            home.clone()
        };
        let files = match &options.memory {
            Some(memory) => Files::Memory {
                files: memory.clone(),
                root: options.root.clone().unwrap_or_else(|| home.clone()),
            },
            None if options.strict => Files::on_disk(None),
            None => Files::on_disk(Some(&absolute(options.root.as_deref().unwrap_or(&home)))),
        };
        let base = files.root().map_or_else(|| directory.clone(), Path::to_owned);
        let user = options.home().map(str::to_owned);
        let mut loader = Loader::new(options.strict, files, base, user);
        let paths = options.compose_files(&home, &loader.files)?;
        match resolve(&mut loader, options, &paths, &directory, &start) {
            Ok(project) => Ok(project),
            Err(Refused(problem)) => {
                let kind = if std::ptr::eq(problem.rule, &rules::REMOTE) {
                    ErrorKind::Unsupported
                } else {
                    ErrorKind::Invalid
                };
                let hint = problem.fix.unwrap_or_else(|| problem.rule.fix.to_owned());
                Err(
                    Error::new(kind, format!("resolve the project: {}", problem.message))
                        .with_place(problem.span)
                        .with_hint(hint),
                )
            }
        }
    }

    /// Resolves one Compose file from memory, leniently: the project `name` in the folder `/lab/name`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the name is none.
    pub fn from_text(name: &str, text: &str) -> Result<Project> {
        ProjectName::new(name).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("name a project `{name}`")).with_source(error)
        })?;
        let path = PathBuf::from(format!("/lab/{name}/compose.yaml"));
        let memory = HashMap::from([(path.clone(), Arc::from(text))]);
        Project::resolve(
            &ResolveOptions::lenient()
                .with_files([path])
                .with_name(name)
                .with_memory(Arc::new(memory)),
        )
    }

    /// Returns the project in the shape of `docker compose config --format json`, with the services whose profiles
    /// are active.
    ///
    /// It holds what the files hold, secrets among it. With `redact`, values of environments, build arguments,
    /// labels, inline configs, extensions and of commands' arguments are `***`, and a text with variables is shown as
    /// it was written.
    pub fn to_json(&self, redact: bool) -> serde_json::Value {
        let active = |name: &str| self.0.active.iter().any(|service| service.as_ref() == name);
        json::project(&self.0.root, self.name().as_str(), &active, redact)
    }

    /// Returns every variable that the files name: its name, what became of it, and where it stands.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &VariableState, &Span)> {
        self.0
            .uses
            .iter()
            .map(|used| (used.name.as_str(), &used.state, &used.span))
    }

    /// Returns the variables that have no value where they are used, so that Compose takes an empty text: a project that
    /// requires one is refused, which is another matter. One may come more than once.
    pub(crate) fn empty_variables(&self) -> impl Iterator<Item = &str> {
        let refused = |span: &Span| {
            let mut required = self.diagnostics().iter();
            required.any(|finding| {
                std::ptr::eq(finding.rule(), &rules::REQUIRED_VARIABLE) && finding.place() == Some(span)
            })
        };
        self.variables()
            .filter(move |(_, state, span)| **state == VariableState::Unset && !refused(span))
            .map(|(name, ..)| name)
    }

    /// Returns each variable that the files name and that has a value, once for each of its values.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let mut seen: Vec<(&str, &Secret)> = Vec::new();
        for used in &self.0.uses {
            if let Some(value) = &used.value
                && !seen.contains(&(used.name.as_str(), value))
            {
                seen.push((used.name.as_str(), value));
            }
        }
        seen.into_iter()
    }
}

fn resolve(
    loader: &mut Loader,
    options: &ResolveOptions,
    files: &[PathBuf],
    directory: &Path,
    start: &Path,
) -> Flow<Project> {
    // Compose itself sets the folder it runs in.
    let folder = ("PWD".to_owned(), start.to_string_lossy().into_owned());
    let mut outside = Variables::new(options.environment.clone()).with([folder]);
    let nowhere = Span::file(&Source::new(".env", ""));
    let mut entries = Entries::new();
    if options.env_files.is_empty() {
        // Where the project was found further up, the folder that it was looked for in has the first word.
        let path = start.join(".env");
        if start != directory && loader.files.is_file(&path) {
            let own = loader.variables_of(&path, &outside, Entries::new(), &nowhere)?;
            outside = outside.with(own.into_iter().map(|(name, entry)| (name, entry.value)));
        }
        let path = directory.join(".env");
        if loader.files.is_file(&path) {
            entries = loader.variables_of(&path, &outside, entries, &nowhere)?;
        }
    } else {
        for file in &options.env_files {
            entries = loader.variables_of(&absolute(file), &outside, entries, &nowhere)?;
        }
    }
    let variables = outside.with(entries.into_iter().map(|(name, entry)| (name, entry.value)));
    let (name, name_span) = project_name(loader, options, files, directory, &variables)?;
    let variables = variables.with([("COMPOSE_PROJECT_NAME".to_owned(), name.to_string())]);

    let mut root = loader.model(files, directory, &variables, &[], None)?;
    if root.is_empty() && loader.problems.is_empty() {
        let first = files
            .first()
            .map_or_else(String::new, |file| shown(file, &loader.base));
        let place = Span::file(&Source::new(first, ""));
        loader.report(Problem::new(&rules::INVALID_VALUE, &place, "the file is empty"))?;
    }
    normalize(&mut root, name.as_str(), &|name| variables.value(name));
    amounts(loader, &mut root)?;
    replicas(&mut root);

    let active = active_services(&root, options, &variables);
    let mut problems = Vec::new();
    consistency(
        &root,
        &|name| active.iter().any(|service| service.as_ref() == name),
        &mut problems,
    );
    // A required variable without a value was said to be missing; an image made of it is not a second problem.
    problems.retain(|problem| {
        let made_of_it = |earlier: &Problem| {
            std::ptr::eq(earlier.rule, &rules::REQUIRED_VARIABLE) && earlier.span == problem.span
        };
        !(std::ptr::eq(problem.rule, &rules::NO_IMAGE) && loader.problems.iter().any(made_of_it))
    });
    loader.report_all(problems)?;
    environments(loader, &mut root, &active, &variables)?;

    let mut typed = typed::project(&root);
    unread_ports(loader, &root, &mut typed.services);
    let mut findings: Vec<Finding> = Vec::new();
    let services = (!loader.problems.is_empty()).then_some(&typed.services);
    let definitions = services.map(Definitions::new).unwrap_or_default();
    for problem in &loader.problems {
        let subject = match definitions.at(&problem.span) {
            Some(service) => Subject::Service(ServiceId::new(None, name.clone(), service.clone())),
            None => Subject::Project(name.clone()),
        };
        let mut finding = Finding::new(problem.rule, subject, &problem.message).at(&problem.span);
        if let Some(fix) = &problem.fix {
            finding = finding.with_fix(fix);
        }
        if !problem.shows_line {
            finding = finding.without_snippet();
        }
        findings.push(finding);
    }
    findings.extend(unset_variables(loader, &name));
    Ok(Project(Arc::new(Inner {
        name,
        name_span,
        directory: directory.to_owned(),
        files: loader.sources.clone(),
        services: typed.services,
        networks: typed.networks,
        volumes: typed.volumes,
        configs: typed.configs,
        secrets: typed.secrets,
        diagnostics: findings,
        root,
        active,
        uses: std::mem::take(&mut loader.uses),
    })))
}

/// Where the services are defined, to find the one that a place lies in.
#[derive(Default)]
struct Definitions<'a> {
    /// By where they begin: the source, the first byte and the last, the last byte of any so far, and the service.
    all: Vec<(&'a Source, usize, usize, usize, &'a ServiceName)>,
}

impl<'a> Definitions<'a> {
    fn new(services: &'a IndexMap<ServiceName, super::model::Service>) -> Self {
        let defined = |service: &&'a super::model::Service| service.body.source() == service.span.source();
        let mut all: Vec<_> = services
            .values()
            .filter(defined)
            .map(|service| {
                let begin = service.body.start().min(service.span.start());
                (service.span.source(), begin, service.body.end(), 0, &service.name)
            })
            .collect();
        // Stable: of two that begin at one place, the later service stays the later one.
        all.sort_by(|a, b| (a.0.name(), a.1).cmp(&(b.0.name(), b.1)));
        let mut last: (&str, usize) = ("", 0);
        for (source, _, end, so_far, _) in &mut all {
            let before = if last.0 == source.name() { last.1 } else { 0 };
            *so_far = before.max(*end);
            last = (source.name(), *so_far);
        }
        Definitions { all }
    }

    /// Returns the service in whose definition a place lies: the one that begins last, since a definition may reach up
    /// to the next one's name.
    fn at(&self, span: &Span) -> Option<&'a ServiceName> {
        let key = (span.source().name(), span.start());
        let behind = self
            .all
            .partition_point(|(source, begin, ..)| (source.name(), *begin) <= key);
        self.all[..behind]
            .iter()
            .rev()
            .take_while(|(source, _, _, so_far, _)| *source == span.source() && span.start() <= *so_far)
            .find(|(_, _, end, ..)| span.start() <= *end)
            .map(|(.., name)| *name)
    }
}

fn project_name(
    loader: &mut Loader,
    options: &ResolveOptions,
    files: &[PathBuf],
    directory: &Path,
    variables: &Variables,
) -> Flow<(ProjectName, Option<Span>)> {
    let given = options.name.clone().or_else(|| {
        variables
            .value("COMPOSE_PROJECT_NAME")
            .filter(|name| !name.is_empty())
    });
    let written = if given.is_some() {
        None
    } else {
        loader.project_name(files, variables)?
    };
    let folder = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (text, span) = match (given, written) {
        (Some(name), _) => (name, None),
        (None, Some((name, span))) => (normal_name(&name), Some(span)),
        (None, None) => (normal_name(&folder), None),
    };
    match ProjectName::new(&text) {
        Ok(name) => Ok((name, span)),
        Err(error) => {
            let place = span.clone().unwrap_or_else(|| {
                loader
                    .sources
                    .first()
                    .map_or_else(|| Span::file(&Source::new("", "")), Span::file)
            });
            loader.report(Problem::new(&rules::INVALID_VALUE, &place, error.to_string()))?;
            let name = [normal_name(&text), normal_name(&folder), "_".into()]
                .iter()
                .find_map(|text| ProjectName::new(text).ok())
                .expect("`_` is a project name");
            Ok((name, span))
        }
    }
}

/// A folder's name as Compose makes a project's name of it.
fn normal_name(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

/// The services that have no profile, or an active one.
fn active_services(root: &Map, options: &ResolveOptions, variables: &Variables) -> Vec<Box<str>> {
    let mut profiles = options.profiles.clone();
    if profiles.is_empty()
        && let Some(listed) = variables.value("COMPOSE_PROFILES")
    {
        profiles.extend(
            listed
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
        );
    }
    let active = |service: &Map| {
        let own = service
            .get("profiles")
            .and_then(Node::as_list)
            .unwrap_or_default();
        own.is_empty()
            || own
                .iter()
                .filter_map(Node::as_text)
                .any(|name| profiles.iter().any(|active| active == "*" || active == name))
    };
    root.get("services")
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
        .filter(|(_, node)| node.as_map().is_none_or(active))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Where a service has `scale` and `deploy`, the second says it too.
fn replicas(root: &mut Map) {
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut().filter_map(Node::as_map_mut) {
        let Some(scale) = service.get("scale").cloned() else {
            continue;
        };
        if let Some(deploy) = service.get_mut("deploy").and_then(Node::as_map_mut) {
            deploy.get_or_insert_with("replicas", || scale);
        }
    }
}

/// Checks the amounts and commands that the table of attributes leaves as texts.
fn amounts(loader: &mut Loader, root: &mut Map) -> Flow<()> {
    let mut problems = Vec::new();
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for service in services.values_mut().filter_map(Node::as_map_mut) {
            super::amounts::check(service, &mut problems);
        }
    }
    loader.report_all(problems)
}

/// Brings the files of variables and labels into each service.
fn environments(loader: &mut Loader, root: &mut Map, active: &[Box<str>], variables: &Variables) -> Flow<()> {
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
        return Ok(());
    };
    for (name, node) in services.iter_mut() {
        let Some(service) = node.as_map_mut() else {
            continue;
        };
        let running = active.contains(name);
        listed(service, "environment");
        listed(service, "labels");
        let files = service
            .get("env_file")
            .and_then(Node::as_list)
            .map(<[Node]>::to_vec)
            .unwrap_or_default();
        let mut entries = Entries::new();
        for file in files {
            if !running && loader.strict {
                continue;
            }
            entries = env_file(loader, &file, service, variables, entries)?;
        }
        lay_below(service, "environment", entries);
        let files = service
            .get("label_file")
            .and_then(Node::as_list)
            .map(<[Node]>::to_vec)
            .unwrap_or_default();
        let mut entries = Entries::new();
        for file in files {
            let Some(path) = file.as_text().filter(|_| running || !loader.strict) else {
                continue;
            };
            entries = loader.variables_of(Path::new(path), variables, entries, &file.span)?;
        }
        lay_below(service, "labels", entries);
    }
    Ok(())
}

fn env_file(
    loader: &mut Loader,
    file: &Node,
    service: &Map,
    variables: &Variables,
    before: Entries,
) -> Flow<Entries> {
    let Some(map) = file.as_map() else {
        return Ok(before);
    };
    let Some(path) = map.get("path").and_then(Node::as_text) else {
        return Ok(before);
    };
    let path = Path::new(path);
    let required = map.get("required").and_then(Node::as_bool) != Some(false);
    if !required && !loader.files.is_file(path) {
        return Ok(before);
    }
    let source = match loader.read(path) {
        Ok(source) => source,
        Err(why) => {
            let name = match map.get("path").and_then(|path| path.text.as_ref()) {
                Some(written) => written.raw.clone(),
                None => shown(path, &loader.base),
            };
            loader.unread(&name, why, "env_file", &file.span)?;
            return Ok(before);
        }
    };
    if !loader.spend(source.text().len() / 64, &file.span)? {
        return Ok(before);
    }
    let own = service.get("environment").and_then(Node::as_map);
    let lookup = |name: &str| {
        variables
            .value(name)
            .or_else(|| own.and_then(|map| map.get(name)).and_then(Node::scalar_text))
    };
    let mut all = before;
    let (entries, broken) = match map.get("format").and_then(Node::as_text) {
        Some("raw") => dotenv::read_raw(&source, &lookup),
        Some(format) if !format.is_empty() => {
            let message =
                format!("`{format}` is no format of an env_file; `raw` is the only one that has a name");
            loader.report(Problem::new(&rules::INVALID_VALUE, &file.span, message))?;
            return Ok(all);
        }
        _ => dotenv::read(&source, &lookup, &all),
    };
    if let Some(broken) = broken {
        let message = format!("the env_file is broken here: {}", broken.message);
        loader.report(Problem::new(&rules::UNREADABLE_FILE, &broken.span, message).without_line())?;
    }
    all.extend(entries);
    Ok(all)
}

/// Makes a mapping of a list of `KEY=VALUE`.
fn listed(service: &mut Map, attribute: &str) {
    let Some(node) = service.get_mut(attribute) else {
        return;
    };
    let Some(items) = node.as_list() else { return };
    let mut map = Map::default();
    for item in items {
        let Some(text) = item.as_text() else { continue };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Value::Text(value.into())),
            None => (text, Value::Null),
        };
        map.insert(
            key.into(),
            Node {
                value,
                span: item.span.clone(),
                key: None,
                text: item.text.clone(),
            },
        );
    }
    node.value = Value::Map(map);
}

/// Puts the entries of files below what the service itself says.
fn lay_below(service: &mut Map, attribute: &str, entries: Entries) {
    let Some(first) = entries.values().next() else {
        return;
    };
    let span = first.span.clone();
    let node = service.get_or_insert_with(attribute, || Node::new(Value::Map(Map::default()), span));
    let Some(own) = node.as_map_mut() else { return };
    let mut map = Map::default();
    for (name, entry) in entries {
        map.insert(name.into(), Node::text(entry.value, entry.span));
    }
    for (name, value) in std::mem::take(own) {
        map.insert(name, value);
    }
    *own = map;
}
