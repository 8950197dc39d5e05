//! The version control state of the lab's folder: [`Worktree`], a plain value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which of the lab's files are under version control, and how. Immutable and cheap to clone.
///
/// A lab may lie in a repository (its own, or one above it), and repositories may lie in the lab; each is a [`Checkout`],
/// and a file belongs to the innermost. Paths are relative to the lab's folder, with `/` between folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    unknown: Option<String>,
    /// Outermost first.
    checkouts: Vec<Checkout>,
}

impl Worktree {
    /// Returns the state of a lab with these repositories; with none, nothing is under version control.
    pub fn new(checkouts: impl IntoIterator<Item = Checkout>) -> Worktree {
        let mut checkouts: Vec<Checkout> = checkouts.into_iter().collect();
        checkouts.sort_by(|a, b| a.folder.cmp(&b.folder));
        Worktree(Arc::new(Inner {
            unknown: None,
            checkouts,
        }))
    }

    /// Returns the state of a lab that could not be looked at, and why: git is not installed.
    pub fn unknown(why: impl Into<String>) -> Worktree {
        Worktree(Arc::new(Inner {
            unknown: Some(why.into()),
            checkouts: Vec::new(),
        }))
    }

    /// Returns why nothing is known, where that is so.
    pub fn why_unknown(&self) -> Option<&str> {
        self.0.unknown.as_deref()
    }

    /// Returns the repositories that the lab lies in or has, outermost first.
    pub fn checkouts(&self) -> &[Checkout] {
        &self.0.checkouts
    }

    /// Returns the repository that a file belongs to.
    pub fn checkout(&self, path: &str) -> Option<&Checkout> {
        let of = |checkout: &&Checkout| within(path, &checkout.folder);
        self.checkouts()
            .iter()
            .filter(of)
            .max_by_key(|checkout| checkout.folder.len())
    }

    /// Returns the state of a file.
    pub fn file(&self, path: &str) -> FileState {
        if self.why_unknown().is_some() {
            return FileState::Unknown;
        }
        self.checkout(path)
            .map_or(FileState::NotVersioned, |checkout| checkout.file(path))
    }
}

/// Returns whether the path is the folder or lies in it; the empty folder is the lab's.
fn within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What version control knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileState {
    /// It is not known: git is missing, the repository is not readable, or the file was not there when it was asked.
    Unknown,
    /// It lies in no repository.
    NotVersioned,
    /// It is tracked, and as committed.
    Tracked,
    /// It is tracked, and differs from what is committed.
    Modified,
    /// It is staged for the first time, and in no commit yet.
    Added,
    /// It is tracked, and gone from the folder.
    Deleted,
    /// It is tracked, and in the middle of a merge that needs a person.
    Conflicted,
    /// Git knows it not.
    Untracked,
    /// Git was told to leave it out.
    Ignored,
}

impl FileState {
    /// Returns whether the file is in the repository's index, and so in what is committed now or next.
    pub fn is_tracked(self) -> bool {
        match self {
            FileState::Tracked
            | FileState::Modified
            | FileState::Added
            | FileState::Deleted
            | FileState::Conflicted => true,
            FileState::Unknown | FileState::NotVersioned | FileState::Untracked | FileState::Ignored => false,
        }
    }
}

/// One repository, as far as the lab's folder shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    folder: String,
    above: bool,
    unreadable: Option<String>,
    commit: Option<String>,
    branch: Option<String>,
    upstream: Option<String>,
    ahead_behind: Option<(u64, u64)>,
    remotes: Vec<Remote>,
    files: BTreeMap<String, FileState>,
    ignored: BTreeSet<String>,
}

impl Checkout {
    /// Returns a repository in this folder of the lab, empty for the lab's own folder, without commits and remotes.
    pub fn new(folder: impl Into<String>) -> Checkout {
        Checkout {
            folder: folder.into(),
            ..Checkout::default()
        }
    }

    /// Returns it as a repository whose folder lies above the lab's.
    #[must_use]
    pub fn from_above(mut self) -> Checkout {
        self.above = true;
        self
    }

    /// Returns it as one that could not be read, and why.
    #[must_use]
    pub fn with_unreadable(mut self, why: impl Into<String>) -> Checkout {
        self.unreadable = Some(why.into());
        self
    }

    /// Returns it with this newest commit.
    #[must_use]
    pub fn with_commit(mut self, commit: impl Into<String>) -> Checkout {
        self.commit = Some(commit.into());
        self
    }

    /// Returns it with this branch checked out.
    #[must_use]
    pub fn with_branch(mut self, branch: impl Into<String>) -> Checkout {
        self.branch = Some(branch.into());
        self
    }

    /// Returns it with this branch of a remote to follow, and by how many commits each side is ahead, if that is known.
    #[must_use]
    pub fn with_upstream(
        mut self,
        upstream: impl Into<String>,
        ahead_behind: Option<(u64, u64)>,
    ) -> Checkout {
        self.upstream = Some(upstream.into());
        self.ahead_behind = ahead_behind;
        self
    }

    /// Returns it with one more remote.
    #[must_use]
    pub fn with_remote(mut self, remote: Remote) -> Checkout {
        self.remotes.push(remote);
        self
    }

    /// Returns it with the state of a file, its path relative to the lab's folder.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<String>, state: FileState) -> Checkout {
        self.files.insert(path.into(), state);
        self
    }

    /// Returns it with a folder that is ignored as a whole; the empty path is the lab's folder.
    #[must_use]
    pub fn with_ignored_folder(mut self, path: impl Into<String>) -> Checkout {
        self.ignored.insert(path.into());
        self
    }

    /// Returns the folder, relative to the lab's; empty when it is the lab's or lies above.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Returns whether its folder lies above the lab's.
    pub fn is_above(&self) -> bool {
        self.above
    }

    /// Returns why it could not be read, where that is so.
    pub fn why_unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Returns whether there is a commit.
    pub fn has_commits(&self) -> bool {
        self.commit.is_some()
    }

    /// Returns the newest commit's name.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Returns the branch, unless a commit is checked out by itself.
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// Returns the branch of a remote that it follows.
    pub fn upstream(&self) -> Option<&str> {
        self.upstream.as_deref()
    }

    /// Returns how many commits it has that its upstream has not, and the other way round, as of the last fetch.
    pub fn ahead_behind(&self) -> Option<(u64, u64)> {
        self.ahead_behind
    }

    /// Returns its remotes: where copies of it are.
    pub fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    /// Returns every file of it that is known, with its state, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, FileState)> {
        self.files.iter().map(|(path, state)| (path.as_str(), *state))
    }

    fn file(&self, path: &str) -> FileState {
        if self.unreadable.is_some() {
            return FileState::Unknown;
        }
        match self.files.get(path) {
            Some(state) => *state,
            None if self.ignored.iter().any(|folder| within(path, folder)) => FileState::Ignored,
            None => FileState::Unknown,
        }
    }
}

/// Where a copy of a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    name: String,
    address: String,
}

impl Remote {
    /// Returns the remote of this name and address; a login or token in the address is left out.
    pub fn new(name: impl Into<String>, address: &str) -> Remote {
        Remote {
            name: name.into(),
            address: without_login(address),
        }
    }

    /// Returns its name: `origin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its address, without login, query and fragment.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn without_login(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        // `git@host:path` has a login's name only; a path has none.
        return address.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_innermost_repository() {
        let worktree = Worktree::new([
            Checkout::new("services/x").with_file("services/x/a", FileState::Modified),
            Checkout::new("")
                .with_file("a", FileState::Tracked)
                .with_file("services/x/a", FileState::Ignored)
                .with_ignored_folder("data"),
            Checkout::new("broken").with_unreadable("somebody else's"),
        ]);
        let cases = [
            ("a", FileState::Tracked),
            ("services/x/a", FileState::Modified),
            ("services/xy", FileState::Unknown),
            ("data/photos/1.jpg", FileState::Ignored),
            ("database", FileState::Unknown),
            ("broken/a", FileState::Unknown),
        ];
        for (path, state) in cases {
            assert_eq!(worktree.file(path), state, "{path}");
        }
        assert_eq!(Worktree::new([]).file("a"), FileState::NotVersioned);
        assert_eq!(Worktree::unknown("git is missing").file("a"), FileState::Unknown);
    }

    #[test]
    fn an_address_keeps_no_login() {
        let cases = [
            (
                "https://alice:token@example.org/x.git",
                "https://example.org/x.git",
            ),
            ("https://to@ken@example.org/x?key=1", "https://example.org/x"),
            ("ssh://git@example.org:22/x", "ssh://example.org:22/x"),
            ("https://token@example.org", "https://example.org"),
            ("git@example.org:x.git", "git@example.org:x.git"),
            ("/srv/git/x.git", "/srv/git/x.git"),
        ];
        for (address, shown) in cases {
            assert_eq!(Remote::new("origin", address).address(), shown);
        }
    }
}
