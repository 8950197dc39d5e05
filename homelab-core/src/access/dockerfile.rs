//! What a Dockerfile of the lab makes of an image: the one that it begins with, and the lab's files that it copies in.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::Files;
use crate::compose::{Build, Field, Mount, MountKind};

/// What is known of an image of one's own.
#[derive(Default)]
pub(super) struct Built {
    /// The image that its last stage begins with.
    pub(super) image: Option<String>,
    /// The files of its context that it has, where a mount would put them.
    pub(super) copied: Vec<Field<Mount>>,
}

/// Returns what the lab knows of an image that a service is built as; nothing where its Dockerfile is not in the lab.
///
/// Source: the Dockerfile reference, <https://docs.docker.com/reference/dockerfile/>.
pub(super) fn built(build: &Field<Build>, files: &Files<'_>) -> Option<Built> {
    let settings = &build.value;
    let context = Path::new(settings.context.as_deref()?);
    let text = match (&settings.inline, &settings.dockerfile) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => files.text(context.join(path).to_str()?)?.text().to_owned(),
        (None, None) => return None,
    };
    let stages = stages(&text);
    let wanted = match &settings.target {
        Some(target) => stages
            .iter()
            .position(|stage| stage.name.as_deref() == Some(target.as_str()))?,
        None => stages.len().checked_sub(1)?,
    };
    let mut built = Built::default();
    let mut next = Some(wanted);
    // A stage that begins with an earlier one has its files too.
    while let Some(at) = next {
        let stage = &stages[at];
        let copied = stage.copies.iter().map(|copy| {
            let source = context.join(&copy.source).to_string_lossy().into_owned();
            // A folder's files are put in, not the folder.
            let name = copy
                .source
                .rsplit('/')
                .next()
                .filter(|_| copy.into && files.has(&source));
            let mount = Mount {
                kind: MountKind::Bind,
                target: match name {
                    Some(name) => format!("{}/{name}", copy.target.trim_end_matches('/')),
                    None => copy.target.clone(),
                },
                source: Some(source),
                read_only: true,
            };
            Field {
                value: mount,
                span: build.span.clone(),
                interpolation: None,
            }
        });
        built.copied.extend(copied);
        next = stages[..at]
            .iter()
            .position(|earlier| earlier.name.as_deref() == Some(stage.base.as_str()));
        if next.is_none() {
            built.image = Some(stage.base.clone());
        }
    }
    Some(built)
}

#[derive(Default)]
struct Stage {
    name: Option<String>,
    base: String,
    folder: String,
    copies: Vec<Copy>,
}

/// What is copied from the context.
struct Copy {
    source: String,
    target: String,
    /// Whether the target is a folder to put it into.
    into: bool,
}

fn stages(text: &str) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for line in lines(text) {
        let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let words = words(rest, &variables);
        match (instruction.to_ascii_uppercase().as_str(), stages.last_mut()) {
            ("ARG", None) => {
                if let Some((name, value)) = words.first().and_then(|word| word.split_once('=')) {
                    variables.insert(name.to_owned(), value.trim_matches(['"', '\'']).to_owned());
                }
            }
            ("FROM", _) => {
                let mut words = words.iter().filter(|word| !word.starts_with("--"));
                let base = words.next().cloned().unwrap_or_default();
                let name = words.next().filter(|word| word.eq_ignore_ascii_case("as"));
                let name = name.and_then(|_| words.next()).cloned();
                stages.push(Stage {
                    name,
                    base,
                    folder: "/".to_owned(),
                    copies: Vec::new(),
                });
            }
            ("WORKDIR", Some(stage)) => {
                if let Some(folder) = words.first() {
                    stage.folder = joined(&stage.folder, folder);
                }
            }
            ("COPY" | "ADD", Some(stage)) => stage.copy(&words),
            _ => {}
        }
    }
    stages
}

impl Stage {
    fn copy(&mut self, words: &[String]) {
        // What comes from another stage or image is not of the context.
        if words.iter().any(|word| word.starts_with("--from")) {
            return;
        }
        let paths: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|word| !word.starts_with("--"))
            .collect();
        let Some((target, sources)) = paths.split_last() else {
            return;
        };
        let into = target.ends_with(['/', '.']) || sources.len() > 1;
        let target = joined(&self.folder, target);
        for source in sources.iter().filter(|source| !source.contains("://")) {
            let source = source.trim_start_matches("./").trim_matches('/');
            // A pattern stands for some of a folder: all of it is one file too many, none too few.
            let source = match source.find(['*', '?', '[']) {
                Some(at) => source[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
                None => source,
            };
            self.copies.push(Copy {
                source: if source.is_empty() { "." } else { source }.to_owned(),
                target: target.clone(),
                into,
            });
        }
    }
}

/// Returns a path of the image: one that is relative is below the folder.
fn joined(folder: &str, path: &str) -> String {
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!(
            "{}/{}",
            folder.trim_end_matches('/'),
            path.trim_start_matches("./")
        ),
    };
    let bare = path.trim_end_matches(['/', '.']);
    if path.ends_with("/.") || path.ends_with('/') {
        bare.to_owned()
    } else {
        path
    }
}

/// Returns the instructions, each on one line: a line that ends with a backslash goes on, and comments are left out.
fn lines(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (bare, goes_on) = match line.strip_suffix('\\') {
            Some(bare) => (bare, true),
            None => (line, false),
        };
        match found.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(' ');
                last.push_str(bare);
            }
            None => found.push(bare.to_owned()),
        }
        open = goes_on;
    }
    found
}

/// Returns the words of an instruction, written one after the other or as a list in brackets, variables replaced.
fn words(text: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let list = serde_json::from_str::<Vec<String>>(text.trim());
    let words = list.unwrap_or_else(|_| text.split_whitespace().map(str::to_owned).collect());
    let replaced = |word: String| {
        // Backwards, so that a name comes before one that it begins with.
        variables.iter().rev().fold(word, |word, (name, value)| {
            word.replace(&format!("${{{name}}}"), value)
                .replace(&format!("${name}"), value)
        })
    };
    words.into_iter().map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_says_what_it_begins_with_and_what_it_copies() {
        let text = "# one\nARG V=2\nARG VERSION=2.9\nFROM caddy:${VERSION}-builder AS builder\nRUN xcaddy build \\\n  --with x\n\
                    FROM --platform=linux/amd64 caddy:$VERSION\nCOPY --from=builder /usr/bin/caddy /usr/bin/caddy\nWORKDIR /etc\n\
                    COPY --chown=1:1 ./Caddyfile caddy/\nCOPY [\"sites/*.caddy\", \"/etc/caddy/sites\"]\nADD https://x/y /z\n";
        let stages = stages(text);
        assert_eq!(stages.len(), 2);
        assert_eq!(
            (stages[0].name.as_deref(), stages[0].base.as_str()),
            (Some("builder"), "caddy:2.9-builder")
        );
        assert_eq!(stages[1].base, "caddy:2.9");
        let copies: Vec<_> = stages[1]
            .copies
            .iter()
            .map(|one| (one.source.as_str(), one.target.as_str(), one.into))
            .collect();
        assert_eq!(
            copies,
            [
                ("Caddyfile", "/etc/caddy", true),
                ("sites", "/etc/caddy/sites", false)
            ]
        );
    }
}
