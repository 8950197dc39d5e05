//! Asks git for the version control state of the lab's folder.
//!
//! The folder may be anybody's, and a repository's own configuration can name programs for git to run. So every setting
//! that does is overridden, no transport is allowed, nothing is written, and git's own guard against the repositories of
//! other users stays on.

#![expect(clippy::disallowed_methods, reason = "looking for repositories reads folders")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::observed::{Checkout, FileState, Remote, Worktree};
use crate::process::Command;

/// Looking for repositories inside the lab stops at so many folders, so deep, and so many repositories.
const FOLDERS: usize = 20_000;
const DEPTH: usize = 8;
const NESTED: usize = 64;

/// Returns what git says, or why it cannot.
pub(super) fn read(root: &Path, cancel: &Cancel) -> Worktree {
    let mut checkouts = Vec::new();
    match checkout(root, "", cancel) {
        Ok(outer) => checkouts.extend(outer),
        Err(error) if error.kind() == ErrorKind::ToolFailed => {
            checkouts.push(Checkout::new("").with_unreadable(why(&error)));
        }
        // Git is missing, or nobody waits any more: then nothing is known of any folder.
        Err(error) => return Worktree::unknown(why(&error)),
    }
    for folder in nested(root) {
        if cancel.is_cancelled() {
            return Worktree::unknown("it was asked to stop");
        }
        match checkout(&root.join(&folder), &folder, cancel) {
            Ok(inner) => checkouts.extend(inner),
            Err(error) => checkouts.push(Checkout::new(folder).with_unreadable(why(&error))),
        }
    }
    Worktree::new(checkouts)
}

fn why(error: &Error) -> String {
    let hint = error.hint().and_then(|hint| hint.lines().next());
    match hint {
        Some(hint) => format!("failed to {error}: {hint}"),
        None => format!("failed to {error}"),
    }
}

/// Returns the state of the repository that a folder is in, or nothing when it is in none.
fn checkout(place: &Path, folder: &str, cancel: &Cancel) -> Result<Option<Checkout>> {
    // Two questions at a time: most of what git takes is its start.
    let (settings, place_in) = both(
        || git(place, &[], &["config", "--list", "-z"], cancel),
        || {
            git(
                place,
                &[],
                &["rev-parse", "--is-inside-work-tree", "--show-prefix"],
                cancel,
            )
        },
    );
    let (settings, place_in) = match settings.and_then(|settings| Ok((settings, place_in?))) {
        Ok((settings, place_in)) => (settings, text(&place_in)),
        Err(error) if is_no_repository(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (remotes, filters) = read_settings(&settings);
    let overrides = without_filters(&filters)?;
    let ask = |arguments: &[&str]| git(place, &overrides, arguments, cancel);
    // A `core.worktree` that points elsewhere makes git speak of other files than these.
    let Some(prefix) = place_in.strip_prefix("true\n") else {
        return Err(Error::new(
            ErrorKind::ToolFailed,
            "read the repository: its files lie elsewhere",
        ));
    };
    let prefix = prefix.strip_suffix('\n').unwrap_or(prefix);
    // A repository inside the lab starts at its folder; if it does not, its `.git` is not git's.
    if !folder.is_empty() && !prefix.is_empty() {
        return Ok(None);
    }

    let mut checkout = Checkout::new(folder);
    if !prefix.is_empty() {
        checkout = checkout.from_above();
    }
    for (name, address) in remotes {
        checkout = checkout.with_remote(Remote::new(name, &address));
    }
    let paths = Paths { prefix, folder };
    let (files, status) = both(
        || ask(&["ls-files", "-z", "--full-name", "--", "."]),
        || {
            ask(&[
                "status",
                "--porcelain=v2",
                "-z",
                "--branch",
                "--no-renames",
                "--untracked-files=all",
                "--ignored=matching",
                "--ignore-submodules=all",
                "--",
                ".",
            ])
        },
    );
    for path in text(&files?).split_terminator('\0') {
        if let Some(path) = paths.of_lab(path) {
            checkout = checkout.with_file(path, FileState::Tracked);
        }
    }
    let status = status?;
    Ok(Some(read_status(checkout, &text(&status), &paths)))
}

/// Does two things at once.
fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        match first.join() {
            Ok(first) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Turns git's paths, from the repository's folder, into the lab's.
struct Paths<'a> {
    prefix: &'a str,
    folder: &'a str,
}

impl Paths<'_> {
    fn of_lab(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(self.prefix)?;
        Some(match self.folder {
            "" => inside.to_owned(),
            folder => format!("{folder}/{inside}"),
        })
    }
}

fn read_status(mut checkout: Checkout, status: &str, paths: &Paths<'_>) -> Checkout {
    let (mut upstream, mut counts) = (None, None);
    let mut records = status.split_terminator('\0');
    while let Some(record) = records.next() {
        let (kind, rest) = record.split_once(' ').unwrap_or((record, ""));
        let (path, state) = match kind {
            "#" => {
                match rest.split_once(' ') {
                    Some(("branch.oid", commit)) if commit != "(initial)" => {
                        checkout = checkout.with_commit(commit);
                    }
                    Some(("branch.head", branch)) if branch != "(detached)" => {
                        checkout = checkout.with_branch(branch);
                    }
                    Some(("branch.upstream", branch)) => upstream = Some(branch),
                    Some(("branch.ab", both)) => counts = ahead_behind(both),
                    _ => {}
                }
                continue;
            }
            // XY sub mH mI mW hH hI path, and for a rename one more field and one more record.
            "1" => (rest.splitn(8, ' ').nth(7), changed(rest)),
            "2" => {
                records.next();
                (rest.splitn(9, ' ').nth(8), changed(rest))
            }
            "u" => (rest.splitn(10, ' ').nth(9), FileState::Conflicted),
            "?" => (Some(rest), FileState::Untracked),
            "!" => (Some(rest), FileState::Ignored),
            _ => continue,
        };
        let Some(path) = path else { continue };
        match (path.strip_suffix('/'), state) {
            (Some(path), FileState::Ignored) => {
                let whole = paths.prefix.starts_with(&format!("{path}/"));
                match paths.of_lab(path) {
                    _ if whole => checkout = checkout.with_ignored_folder(""),
                    Some(path) => checkout = checkout.with_ignored_folder(path),
                    None => {}
                }
            }
            // A repository inside this one: it speaks for itself.
            (Some(_), _) => {}
            (None, state) => {
                if let Some(path) = paths.of_lab(path) {
                    checkout = checkout.with_file(path, state);
                }
            }
        }
    }
    match upstream {
        Some(branch) => checkout.with_upstream(branch, counts),
        None => checkout,
    }
}

fn changed(rest: &str) -> FileState {
    let mut letters = rest.chars();
    match (letters.next(), letters.next()) {
        (_, Some('D')) => FileState::Deleted,
        (Some('A'), _) => FileState::Added,
        (Some('D'), _) => FileState::Untracked,
        _ => FileState::Modified,
    }
}

fn ahead_behind(both: &str) -> Option<(u64, u64)> {
    let (ahead, behind) = both.split_once(' ')?;
    Some((
        ahead.strip_prefix('+')?.parse().ok()?,
        behind.strip_prefix('-')?.parse().ok()?,
    ))
}

/// Returns the remotes with their addresses, and the names of the filters: programs that git would run on files.
fn read_settings(settings: &[u8]) -> (Vec<(String, String)>, BTreeSet<String>) {
    let mut remotes: Vec<(String, String)> = Vec::new();
    let mut filters = BTreeSet::new();
    for setting in text(settings).split_terminator('\0') {
        let (key, value) = setting.split_once('\n').unwrap_or((setting, ""));
        if let Some(name) = key
            .strip_prefix("remote.")
            .and_then(|rest| rest.strip_suffix(".url"))
        {
            if !remotes.iter().any(|(known, _)| known == name) {
                remotes.push((name.to_owned(), value.to_owned()));
            }
        } else if let Some((name, _)) = key.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')) {
            filters.insert(name.to_owned());
        }
    }
    (remotes, filters)
}

/// Returns the settings that switch the filters off. Files that one would change (git-lfs, git-crypt) may then be told
/// as modified when only their time is: running what a repository names is worse.
fn without_filters(filters: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut overrides = Vec::new();
    for name in filters {
        // `-c` ends the key at the first `=`, so such a name could not be overridden.
        if name.contains(['=', '\n', '\u{fffd}']) {
            return Err(Error::new(
                ErrorKind::ToolFailed,
                "read the repository: it has a filter that cannot be switched off",
            ));
        }
        for (part, value) in [
            ("clean", ""),
            ("smudge", ""),
            ("process", ""),
            ("required", "false"),
        ] {
            overrides.push(format!("filter.{name}.{part}={value}"));
        }
    }
    Ok(overrides)
}

fn is_no_repository(error: &Error) -> bool {
    error.hint().is_some_and(|hint| {
        hint.contains("not a git repository") || hint.contains("must be run in a work tree")
    })
}

/// Settings with which git runs nothing but itself.
const SAFE: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=false",
    "submodule.recurse=false",
    "status.submoduleSummary=false",
    "protocol.allow=never",
];

fn git(place: &Path, overrides: &[String], arguments: &[&str], cancel: &Cancel) -> Result<Vec<u8>> {
    let settings = SAFE.iter().copied().chain(overrides.iter().map(String::as_str));
    let output = Command::new("git")
        .with_arguments(["--no-pager"])
        .with_arguments(settings.flat_map(|setting| ["-c", setting]))
        .with_arguments(arguments.iter().copied())
        .with_folder(place)
        // The user's own settings count: what they ignore everywhere, which folders they trust.
        .with_inherited(["PATH", "HOME", "XDG_CONFIG_HOME"])
        .with_variable("LC_ALL", "C")
        .with_variable("GIT_OPTIONAL_LOCKS", "0")
        .with_variable("GIT_TERMINAL_PROMPT", "0")
        .with_variable("GIT_NO_LAZY_FETCH", "1")
        .with_variable("GIT_ALLOW_PROTOCOL", "none")
        .with_time_limit(Duration::from_secs(30))
        .run_blocking(cancel)?;
    Ok(output.stdout().to_vec())
}

/// Returns the folders inside the lab that are repositories of their own, outermost first.
fn nested(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut todo = vec![(String::new(), 0)];
    while let Some((folder, depth)) = todo.pop() {
        seen += 1;
        if seen > FOLDERS || found.len() >= NESTED {
            break;
        }
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // A name that is no text cannot be told further.
            let Some(name) = name.to_str() else { continue };
            if name == ".git" {
                if !folder.is_empty() {
                    found.push(folder.clone());
                }
            } else if depth < DEPTH
                && name != "node_modules"
                // Links are not followed: this is the entry's own type.
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
            {
                let path = if folder.is_empty() {
                    name.to_owned()
                } else {
                    format!("{folder}/{name}")
                };
                todo.push((path, depth + 1));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests;
