//! Loading: from a folder or from memory to a [`Lab`]. The only place of the lab's own that reads the disk.

#![expect(clippy::disallowed_methods, reason = "it loads the lab's files")]

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::build::{Disk, build};
use super::manifest::is_kept;
use super::{Lab, LabFile, discover, in_words, rules};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Finding, Subject};

/// How many folders deep the lab's folder is looked into.
const MAX_DEPTH: usize = 8;
/// How many files there may be.
const MAX_FILES: usize = 20_000;
/// How many folders are opened.
const MAX_FOLDERS: usize = 5_000;
/// Up to how many bytes a file is kept.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// How many bytes are kept together.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

impl Lab {
    /// Loads the lab of a folder; `~` is the home of whoever runs this.
    ///
    /// What it looks at is stated in docs/discovery.md: up to 8 folders deep, 20,000 files and 5,000 folders, of
    /// which text of up to 1 MiB each, 64 MiB together, is kept. What lies past a limit, or cannot be read, is a
    /// diagnostic.
    ///
    /// # Errors
    /// Only when the folder itself cannot be read, or the path is empty.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() {
            // It is what a script has whose variable is not set: the working folder is not what it meant.
            return Err(
                Error::new(ErrorKind::Invalid, "read the lab's folder ``: the path is empty")
                    .with_hint("name a folder; `.` is the working folder"),
            );
        }
        let unreadable = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::PermissionDenied => ErrorKind::Unauthorised,
                std::io::ErrorKind::NotADirectory => ErrorKind::Invalid,
                _ => ErrorKind::NotFound,
            };
            Error::new(kind, format!("read the lab's folder `{}`", path.display()))
                .with_hint("name a folder with Compose files in it")
                .with_source(error)
        };
        let root = folder(path).map_err(unreadable)?;
        std::fs::read_dir(&root).map_err(unreadable)?;
        let name = root
            .file_name()
            .map_or_else(|| "lab".to_owned(), |name| name.to_string_lossy().into_owned());
        let mut walk = Walk::new(&root);
        walk.run();
        let (findings, files) = (walk.findings(), walk.files);
        Ok(build(name, root, files, findings, &Disk::Real))
    }

    /// Returns the lab of these files, from memory: paths are relative to its folder, with `/` between folders.
    ///
    /// The same rules as in [`Lab::load`] say what makes a project; the lab's folder is `/lab/NAME`.
    pub fn from_texts<P, T>(name: &str, texts: impl IntoIterator<Item = (P, T)>) -> Self
    where
        P: Into<String>,
        T: Into<Arc<str>>,
    {
        let root = PathBuf::from("/lab").join(name.replace('/', "-"));
        let mut memory = HashMap::new();
        let mut files = Vec::new();
        for (path, text) in texts {
            let (path, text): (String, Arc<str>) = (path.into(), text.into());
            let bytes: Arc<[u8]> = text.clone().into();
            memory.insert(root.join(&path), text);
            if is_reached(&path) {
                files.push(LabFile::new(path, bytes.len() as u64, Some(bytes)));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        build(
            name.to_owned(),
            root,
            files,
            Vec::new(),
            &Disk::Memory(Arc::new(memory)),
        )
    }
}

impl Lab {
    /// Returns the lab of what was kept of one: each file's path, size and content, the texts beside them that its projects
    /// name, and what loading found on the disk, as a rule's id and a message.
    pub(crate) fn restored(
        name: String,
        root: PathBuf,
        files: Vec<(String, u64, Option<Vec<u8>>)>,
        beside: Vec<(String, String)>,
        unread: Vec<(String, String)>,
    ) -> Self {
        let mut memory: HashMap<PathBuf, Arc<str>> = beside
            .into_iter()
            .map(|(path, text)| (root.join(path), text.into()))
            .collect();
        let mut kept = Vec::with_capacity(files.len());
        for (path, size, bytes) in files {
            let file = LabFile::new(path, size, bytes.map(Arc::from));
            if let Some(text) = file.text() {
                memory.insert(root.join(file.path()), text.into());
            }
            kept.push(file);
        }
        kept.sort_by(|a, b| a.path.cmp(&b.path));
        kept.dedup_by(|a, b| a.path == b.path);
        let of_the_disk = [&rules::UNREADABLE, &rules::LINK_OUTSIDE, &rules::LIMIT];
        let unread = unread.into_iter().filter_map(|(rule, message)| {
            let rule = of_the_disk.into_iter().find(|known| known.id == rule)?;
            Some(Finding::new(rule, Subject::Lab, message))
        });
        build(
            name,
            root,
            kept,
            unread.collect(),
            &Disk::Memory(Arc::new(memory)),
        )
    }
}

/// Returns whether the walk over a disk would come to a path.
fn is_reached(path: &str) -> bool {
    let mut above = String::new();
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.len() <= MAX_DEPTH
        && parts.into_iter().all(|part| {
            let into = discover::is_looked_into(&above, part);
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(part);
            into
        })
}

/// Returns the folder that a person means, as an absolute path.
fn folder(path: &Path) -> std::io::Result<PathBuf> {
    let path = match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    };
    if path
        .components()
        .any(|part| part == std::path::Component::ParentDir)
    {
        // Only the disk knows where `..` leads when the folder before it is a link.
        return path.canonicalize();
    }
    std::path::absolute(path)
}

/// A walk over a folder, nearest files first, so that what is far down is what a limit leaves out.
struct Walk<'a> {
    root: &'a Path,
    /// The root with its links followed: what is outside of it is not the lab's.
    real: PathBuf,
    files: Vec<LabFile>,
    bytes: u64,
    /// Folders that were opened, links followed: each is opened once, whatever leads to it.
    opened: BTreeSet<PathBuf>,
    /// Links to folders, which are followed last: most lead to where the walk comes anyway.
    links: Vec<(String, usize)>,
    unreadable: Vec<String>,
    outside: Vec<String>,
    too_deep: Vec<String>,
    too_large: Vec<String>,
    too_many: bool,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path) -> Self {
        Walk {
            root,
            real: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            files: Vec::new(),
            bytes: 0,
            opened: BTreeSet::new(),
            links: Vec::new(),
            unreadable: Vec::new(),
            outside: Vec::new(),
            too_deep: Vec::new(),
            too_large: Vec::new(),
            too_many: false,
        }
    }

    fn run(&mut self) {
        self.walk(String::new(), 0);
        while let Some((link, depth)) = self.links.pop() {
            self.walk(link, depth);
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    fn walk(&mut self, from: String, depth: usize) {
        let mut folders = VecDeque::from([(from, depth)]);
        while let Some((folder, depth)) = folders.pop_front() {
            if self.too_many {
                return;
            }
            let path = self.root.join(&folder);
            match path.canonicalize() {
                Ok(real) if !real.starts_with(&self.real) => {
                    self.outside.push(folder);
                    continue;
                }
                Ok(real) if !self.opened.insert(real.clone()) => continue,
                Ok(_) => {}
                Err(_) => {
                    self.unreadable.push(folder);
                    continue;
                }
            }
            if self.opened.len() > MAX_FOLDERS {
                self.too_many = true;
                return;
            }
            let Ok(entries) = std::fs::read_dir(&path) else {
                self.unreadable.push(folder);
                continue;
            };
            let mut names: Vec<String> = Vec::new();
            for entry in entries {
                // A name that is no UTF-8 has no place in a report; what it holds is not known.
                match entry.map(|entry| entry.file_name().into_string()) {
                    Ok(Ok(name)) => names.push(name),
                    _ => self.unreadable.push(format!("{folder}/?")),
                }
            }
            names.sort_unstable();
            for name in names {
                if let Some(below) = self.entry(&folder, name, depth) {
                    folders.push_back((below, depth + 1));
                }
            }
        }
    }

    /// Takes one entry of a folder; returns it when it is a folder to look into.
    fn entry(&mut self, folder: &str, name: String, depth: usize) -> Option<String> {
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        let Ok(about) = std::fs::symlink_metadata(self.root.join(&path)) else {
            self.unreadable.push(path);
            return None;
        };
        let is_link = about.is_symlink();
        let about = if is_link {
            // A link that leads nowhere is nothing.
            std::fs::metadata(self.root.join(&path)).ok()?
        } else {
            about
        };
        if about.is_dir() {
            if !discover::is_looked_into(folder, &name) {
                return None;
            }
            if depth + 1 > MAX_DEPTH {
                self.too_deep.push(path);
            } else if is_link {
                self.links.push((path, depth + 1));
            } else {
                return Some(path);
            }
            return None;
        }
        if !about.is_file() {
            return None;
        }
        if is_link {
            let real = self.root.join(&path).canonicalize().ok()?;
            if !real.starts_with(&self.real) {
                self.outside.push(path);
                return None;
            }
        }
        if self.files.len() >= MAX_FILES {
            self.too_many = true;
            return None;
        }
        let bytes = self.bytes(&path, about.len());
        self.files.push(LabFile::new(path, about.len(), bytes));
        None
    }

    fn bytes(&mut self, path: &str, size: u64) -> Option<Arc<[u8]>> {
        if !is_kept(path) {
            return None;
        }
        if size > MAX_FILE_BYTES || self.bytes + size > MAX_BYTES {
            // Only of what is the lab's for certain is it worth saying: a large JSON file is mostly a service's.
            if LabFile::new(path.to_owned(), size, None).kind() != super::FileKind::Other {
                self.too_large.push(path.to_owned());
            }
            return None;
        }
        match std::fs::read(self.root.join(path)) {
            Ok(bytes) => {
                self.bytes += bytes.len() as u64;
                Some(bytes.into())
            }
            Err(_) => {
                self.unreadable.push(path.to_owned());
                None
            }
        }
    }

    /// Says once of each kind of trouble what it is about.
    fn findings(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut say = |rule, paths: &mut Vec<String>, what: &str| {
            if !paths.is_empty() {
                paths.sort_unstable();
                let quoted: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
                let message = format!("{what}: {}", in_words(&quoted, "and", 5));
                findings.push(Finding::new(rule, Subject::Lab, message));
            }
        };
        say(&rules::UNREADABLE, &mut self.unreadable, "these cannot be read");
        say(
            &rules::LINK_OUTSIDE,
            &mut self.outside,
            "these lead out of the lab's folder and are not read",
        );
        say(
            &rules::LIMIT,
            &mut self.too_large,
            "these are too large to be kept",
        );
        let deep = format!("these lie more than {MAX_DEPTH} folders deep and are not looked into");
        say(&rules::LIMIT, &mut self.too_deep, &deep);
        if self.too_many {
            let message = format!(
                "the folder has more than {MAX_FILES} files or {MAX_FOLDERS} folders: those furthest down are left out"
            );
            findings.push(Finding::new(&rules::LIMIT, Subject::Lab, message));
        }
        findings
    }
}

#[cfg(test)]
mod tests;
