//! `extends`: a service laid over another one, of the same file or of another.

use std::path::{Path as FilePath, PathBuf};

use super::{Flow, Loader, MAX_CHAIN, Place, is_remote};
use crate::compose::canonical::{canonical, unique};
use crate::compose::check::Problem;
use crate::compose::files::{join, without_user};
use crate::compose::merge::{merge, merge_service, reset, reset_service};
use crate::compose::node::{Map, Node, Value};
use crate::compose::normalize::{Places, service_paths};
use crate::compose::path::Path;
use crate::compose::rules;

impl Loader {
    /// Lays every service that extends another one over it.
    pub(super) fn extends(&mut self, root: &mut Map, place: Place<'_>, resets: &[Path]) -> Flow<()> {
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
        if !self.spend(base.weight(), &at)? {
            return Ok(());
        }
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
            let message = format!(
                "the extended file `{}` is remote, and is never fetched",
                without_user(text, "://")
            );
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
}
