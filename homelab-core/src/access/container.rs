//! What a container finds at a path: a file of the lab, a config that a Compose file holds, or what nobody sees.

use super::files::Files;
use super::topology::Node;
use crate::compose::{Field, Mount, MountKind};
use crate::lab::matches_glob;
use crate::span::{Source, Span};

/// What a container finds at one path.
pub(super) enum Found {
    /// A text that the lab has.
    Text(Text),
    /// Something that is mounted there and that the lab does not have; where that is written.
    Hidden(Span),
    /// What the image has there, or nothing.
    Image,
}

/// A file's text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text {
    source: Source,
    /// Where a Compose file holds it, with its variables: what has their values is never shown.
    held: Option<Span>,
}

impl Text {
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the place of these bytes, or of all of it where a Compose file holds it.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        match &self.held {
            Some(held) => held.clone(),
            None => Span::new(&self.source, start, end),
        }
    }

    /// Returns the place that may be shown for one within it.
    pub(super) fn shown(&self, place: &Span) -> Span {
        self.held.as_ref().unwrap_or(place).clone()
    }
}

impl From<Source> for Text {
    fn from(source: Source) -> Self {
        Text { source, held: None }
    }
}

/// What a container finds at the paths that match a pattern.
#[derive(Default)]
pub(super) struct Matches {
    pub(super) texts: Vec<Text>,
    /// Shows that there may be more.
    pub(super) hidden: Option<Span>,
    /// Whether anything is mounted there: else it is what the image has.
    pub(super) is_mounted: bool,
}

/// Something that is mounted into a container.
pub(super) struct Mounted<'a> {
    pub(super) target: &'a str,
    pub(super) place: &'a Span,
    /// The files that it brings, where the lab has them.
    pub(super) texts: Option<Vec<Text>>,
}

/// The files of one container.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    node: &'a Node<'a>,
    files: &'a Files<'a>,
}

impl<'a> Container<'a> {
    pub(super) fn new(node: &'a Node<'a>, files: &'a Files<'a>) -> Self {
        Container { node, files }
    }

    fn mounts(self) -> impl Iterator<Item = &'a Field<Mount>> {
        let service = self.node.service;
        let mounts = || service.mounts.iter().chain(&service.configs);
        // A mount hides what the image has there.
        let is_hidden =
            move |copied: &Field<Mount>| mounts().any(|mount| is_below(target(copied), target(mount)));
        let copied = self.node.copied.iter().filter(move |copied| !is_hidden(copied));
        copied.chain(mounts())
    }

    /// Returns what it finds at a path.
    pub(super) fn at(self, path: &str) -> Found {
        let path = path.trim_end_matches('/');
        let below = |mount: &&Field<Mount>| is_below(path, target(mount));
        let Some(mount) = self
            .mounts()
            .filter(below)
            .max_by_key(|mount| target(mount).len())
        else {
            return Found::Image;
        };
        let rest = &path[target(mount).len()..];
        match mount.value.kind {
            MountKind::Tmpfs => Found::Image,
            MountKind::Bind => {
                let Some(source) = mount.value.source.as_deref() else {
                    return Found::Hidden(mount.span.clone());
                };
                let path = format!("{}{rest}", source.trim_end_matches('/'));
                match self.files.text(&path) {
                    Some(source) => Found::Text(source.into()),
                    // A folder that is seen has all its files.
                    None if !rest.is_empty() && !self.files.has(&path) && self.files.has_below(source) => {
                        Found::Image
                    }
                    None => Found::Hidden(mount.span.clone()),
                }
            }
            MountKind::Other if rest.is_empty() => match self.config(mount) {
                Some(text) => Found::Text(text),
                None => Found::Hidden(mount.span.clone()),
            },
            MountKind::Volume | MountKind::Other => Found::Hidden(mount.span.clone()),
        }
    }

    /// Returns what it finds at the paths that match a pattern, in which `*` and `?` stand within one name.
    pub(super) fn matching(self, pattern: &str) -> Matches {
        let mut all = Matches::default();
        let plain = pattern.find(['*', '?', '[', '{']);
        let Some(first) = plain else {
            match self.at(pattern) {
                Found::Text(text) => all.texts.push(text),
                Found::Hidden(place) => all.hidden = Some(place),
                Found::Image => return all,
            }
            all.is_mounted = true;
            return all;
        };
        // Classes and choices are read as anything: what is there may be one file too many, none too few.
        let pattern: String = match pattern.contains(['[', '{']) {
            true => any_of(pattern),
            false => pattern.to_owned(),
        };
        let folder = &pattern[..pattern[..first].rfind('/').unwrap_or(0)];
        // What is mounted above the folder, the nearest of them; and all that is mounted in it.
        let above = self.mounts().filter(|mount| is_below(folder, target(mount)));
        let nearest = above.max_by_key(|mount| target(mount).len());
        let inside = self.mounts().filter(|mount| {
            let target = target(mount);
            target.len() > folder.len() && is_below(target, folder)
        });
        for mount in nearest.into_iter().chain(inside) {
            match self.brings(mount) {
                Some(files) => {
                    all.is_mounted = true;
                    let fitting = files.into_iter().filter(|(path, _)| matches_glob(&pattern, path));
                    for (path, text) in fitting {
                        match text {
                            Some(text) if !all.texts.contains(&text) => all.texts.push(text),
                            Some(_) => {}
                            None if is_binary(&path) => {}
                            None => {
                                all.hidden.get_or_insert_with(|| mount.span.clone());
                            }
                        }
                    }
                }
                None if mount.value.kind == MountKind::Tmpfs => {}
                None => {
                    all.is_mounted = true;
                    all.hidden.get_or_insert_with(|| mount.span.clone());
                }
            }
        }
        all
    }

    /// Returns everything that is mounted at a target that satisfies a test.
    pub(super) fn mounted(self, wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = Mounted<'a>> {
        self.mounts()
            .filter(move |mount| mount.value.kind != MountKind::Tmpfs && wanted(target(mount)))
            .map(move |mount| Mounted {
                target: &mount.value.target,
                place: &mount.span,
                texts: self.brings(mount).and_then(|files| {
                    let texts = files
                        .into_iter()
                        .filter(|(path, text)| text.is_some() || !is_binary(path));
                    texts.map(|(_, text)| text).collect()
                }),
            })
    }

    /// Returns the files that a mount brings, with their paths in the container; nothing where the lab has none of them.
    fn brings(self, mount: &Field<Mount>) -> Option<Vec<(String, Option<Text>)>> {
        match mount.value.kind {
            MountKind::Bind => {
                let source = mount.value.source.as_deref()?;
                let files = self.files.below(source)?;
                let path = |rest: String| format!("{}{rest}", target(mount));
                let files = files.into_iter();
                Some(
                    files
                        .map(|(rest, source)| (path(rest), source.map(Text::from)))
                        .collect(),
                )
            }
            MountKind::Other => Some(vec![(target(mount).to_owned(), Some(self.config(mount)?))]),
            MountKind::Volume | MountKind::Tmpfs => None,
        }
    }

    /// Returns the text of a config of the project.
    fn config(self, mount: &Field<Mount>) -> Option<Text> {
        let config = self.node.project.configs().get(mount.value.source.as_deref()?)?;
        if let Some(file) = &config.file {
            return self.files.text(&file.value).map(Text::from);
        }
        let content = config.content.as_ref()?;
        Some(Text {
            source: Source::new(content.span.source().name(), content.value.as_str()),
            held: Some(content.span.clone()),
        })
    }
}

/// Whether a file's name says that it is no text.
fn is_binary(path: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        ".mmdb", ".png", ".ico", ".jpg", ".jpeg", ".webp", ".gif", ".gz", ".zip", ".p12", ".pfx", ".der",
        ".db", ".sqlite", ".woff2", ".ttf",
    ];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

fn target(mount: &Field<Mount>) -> &str {
    mount.value.target.trim_end_matches('/')
}

/// Whether a path is this folder or below it.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns a pattern with `*` for every class and choice.
fn any_of(pattern: &str) -> String {
    let mut text = String::new();
    let mut until = None;
    for c in pattern.chars() {
        match (until, c) {
            (Some(end), c) if c == end => {
                until = None;
                text.push('*');
            }
            (Some(_), _) => {}
            (None, '[') => until = Some(']'),
            (None, '{') => until = Some('}'),
            (None, c) => text.push(c),
        }
    }
    if until.is_some() {
        text.push('*');
    }
    text
}

/// Returns the text that a container finds at a path, where a file of the lab has it.
pub(super) fn file_in_container(node: &Node<'_>, files: &Files<'_>, path: &str) -> Option<Source> {
    match Container::new(node, files).at(path) {
        Found::Text(Text { source, held: None }) => Some(source),
        Found::Text(_) | Found::Hidden(_) | Found::Image => None,
    }
}
