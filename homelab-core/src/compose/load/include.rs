//! `include`: projects that are read for themselves and put beside what the file declares.

use std::path::Path as FilePath;

use super::{Flow, Loader, MAX_CHAIN, Place, is_remote};
use crate::compose::check::Problem;
use crate::compose::dotenv::Entries;
use crate::compose::files::{join, without_user};
use crate::compose::node::{Map, Node, Value};
use crate::compose::rules;
use crate::span::Span;

impl Loader {
    /// Brings in what a file includes.
    pub(super) fn include(&mut self, root: &mut Map, place: Place<'_>) -> Flow<()> {
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
                let message = format!(
                    "the included file `{}` is remote, and is never fetched",
                    without_user(text, "://")
                );
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
        if !self.spend(place.variables.count() + entries.len(), at)? {
            return Ok(());
        }
        let variables = place
            .variables
            .with(entries.into_iter().map(|(name, entry)| (name, entry.value)));
        let imported = self.model(&files, &directory, &variables, &chain, Some(at))?;
        let mut problems = Vec::new();
        import(root, imported, item, &mut problems);
        self.report_all(problems)
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
