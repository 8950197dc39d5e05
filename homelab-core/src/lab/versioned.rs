//! Whether the lab's configuration is under version control, judged by what was seen of its worktree.

use super::{FileKind, Lab, LabFile, in_words, rules};
use crate::finding::{Evidence, Finding, Rule, Severity, Subject};
use crate::observed::{Checkout, FileState, Observed, Worktree};
use crate::span::{Source, Span};
use crate::stratum::Stratum;
use crate::system::names_secret;

impl Lab {
    /// Returns what there is to say of the lab's version control: nothing where it was not looked at.
    pub(crate) fn versioned(&self, seen: &Observed) -> Vec<Finding> {
        // One of which nothing is known has no repositories, and the state of its files is unknown.
        seen.worktree()
            .map_or_else(Vec::new, |worktree| judge(self, worktree.value()))
    }
}

fn judge(lab: &Lab, worktree: &Worktree) -> Vec<Finding> {
    let files = lab.manifest().files();
    let state = |file: &&LabFile| worktree.file(file.path());
    let declared: Vec<&LabFile> = files
        .iter()
        .filter(|file| {
            matches!(
                file.kind(),
                FileKind::Compose | FileKind::Quadlet | FileKind::Pattern
            )
        })
        .collect();
    if declared.is_empty() {
        return Vec::new();
    }
    if declared.iter().all(|file| state(file) == FileState::NotVersioned) {
        return vec![Finding::new(
            &rules::NOT_VERSIONED,
            Subject::Lab,
            "the lab is in no repository",
        )];
    }
    let mut findings = Vec::new();
    let untracked: Vec<&LabFile> = declared
        .iter()
        .copied()
        .filter(|file| {
            matches!(
                state(file),
                FileState::Untracked | FileState::Ignored | FileState::NotVersioned
            )
        })
        .collect();
    findings.extend(list(
        &rules::UNTRACKED,
        "the repository does not have",
        &untracked,
    ));
    let private: Vec<&LabFile> = files
        .iter()
        .filter(|file| state(file).is_tracked() && is_private(file))
        .collect();
    let committed = list(&rules::COMMITTED_ENVIRONMENT, "the repository has", &private);
    // Settings name where secrets are kept, and hold none: addresses and people at most.
    let has_secrets = |file: &&LabFile| file.kind() != FileKind::Instance && has_secret(file);
    findings.extend(committed.map(|finding| {
        if !private.iter().any(has_secrets) {
            finding
                .with_severity(Severity::Warning)
                .with_fix("Run `git rm --cached` for it, and list it in `.gitignore`.")
        } else {
            finding
        }
    }));
    findings.extend(changed(worktree));
    findings.extend(
        worktree
            .checkouts()
            .iter()
            .filter_map(|checkout| no_remote(checkout, lab)),
    );
    findings
}

/// Returns whether a file holds values that no repository should have: instance.toml, every `.env`, and others like it where a name
/// says that a value is secret.
fn is_private(file: &LabFile) -> bool {
    if file.kind() == FileKind::Instance {
        return file.stratum() == Stratum::Instance;
    }
    if file.kind() != FileKind::Environment || file.stratum() != Stratum::Instance {
        return false;
    }
    let name = file.path().rsplit('/').next().unwrap_or_default();
    name == ".env" || has_secret(file)
}

/// Returns whether a file of variables gives one a value whose name says that it is secret.
fn has_secret(file: &LabFile) -> bool {
    file.text().unwrap_or_default().lines().any(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        !line.starts_with('#')
            && line.split_once('=').is_some_and(|(key, value)| {
                names_secret(key.trim()) && !value.trim().trim_matches(['"', '\'']).is_empty()
            })
    })
}

/// Returns one finding of the lab about some files, at the first of them.
fn list(rule: &'static Rule, what: &str, files: &[&LabFile]) -> Option<Finding> {
    let place = |file: &LabFile| Span::file(&Source::new(file.path(), file.text().unwrap_or_default()));
    let first = files.first()?;
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.path())).collect();
    let message = format!("{what} {}", in_words(&names, "and", 5));
    let finding = Finding::new(rule, Subject::Lab, message).at(&place(first));
    Some(match files {
        [_] => finding,
        several => several.iter().fold(finding, |finding, file| {
            finding.with_evidence(Evidence::at(format!("`{}`", file.path()), &place(file)))
        }),
    })
}

/// Returns what is said of changes that no commit has yet.
fn changed(worktree: &Worktree) -> Option<Finding> {
    let in_no_commit = |state: FileState| {
        matches!(
            state,
            FileState::Modified | FileState::Added | FileState::Deleted | FileState::Conflicted
        )
    };
    let changed: Vec<String> = worktree
        .checkouts()
        .iter()
        .flat_map(Checkout::files)
        .filter(|(_, state)| in_no_commit(*state))
        .map(|(path, _)| format!("`{path}`"))
        .collect();
    let message = match changed.len() {
        0 => return None,
        1 => format!("{} has a change that is not committed", changed[0]),
        count => format!(
            "{count} files have changes that are not committed: {}",
            in_words(&changed, "and", 5)
        ),
    };
    Some(Finding::new(&rules::UNCOMMITTED, Subject::Lab, message))
}

/// Returns what is said of a repository that lies on this disk alone. One that cannot be read is not judged, and one
/// that holds nothing of the lab is not the lab's.
fn no_remote(checkout: &Checkout, lab: &Lab) -> Option<Finding> {
    let holds = |(path, state): (&str, FileState)| state.is_tracked() && lab.manifest().file(path).is_some();
    let is_alone = checkout.why_unreadable().is_none() && checkout.remotes().is_empty();
    (is_alone && checkout.files().any(holds)).then(|| {
        let message = match checkout.folder() {
            "" => "the repository has no remote".to_owned(),
            folder => format!("the repository in `{folder}` has no remote"),
        };
        Finding::new(&rules::NO_REMOTE, Subject::Lab, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Remote;

    const COMPOSE: &str = "services: {a: {image: i}}";

    fn said(files: &[(&str, &str)], worktree: Option<Worktree>) -> Vec<String> {
        let lab = Lab::from_texts("home", files.iter().copied());
        let seen = Observed::none("2026-01-01T00:00:00Z".parse().expect("a time"));
        let seen = match worktree {
            Some(worktree) => seen.with_worktree(worktree),
            None => seen,
        };
        let findings = lab.versioned(&seen);
        findings
            .iter()
            .map(|finding| format!("{}: {}", finding.rule().id, finding.message()))
            .collect()
    }

    fn good() -> Checkout {
        Checkout::new("")
            .with_commit("abc")
            .with_remote(Remote::new("origin", "ssh://git@example.com/lab"))
            .with_file("a/compose.yaml", FileState::Tracked)
            .with_file("a/.env", FileState::Ignored)
    }

    const FILES: [(&str, &str); 3] = [
        ("a/compose.yaml", COMPOSE),
        ("a/.env", "X=1"),
        ("b/compose.yaml", COMPOSE),
    ];

    #[test]
    fn nothing_is_said_of_what_was_not_looked_at() {
        assert_eq!(said(&FILES, None), [""; 0]);
        assert_eq!(said(&FILES, Some(Worktree::unknown("git is missing"))), [""; 0]);
        assert_eq!(
            said(&[("notes.md", "")], Some(Worktree::new([]))),
            [""; 0],
            "no configuration, nothing to version"
        );
    }

    #[test]
    fn a_lab_in_no_repository_is_one_finding() {
        assert_eq!(
            said(&FILES, Some(Worktree::new([]))),
            ["lab.not-versioned: the lab is in no repository"]
        );
    }

    #[test]
    fn a_lab_that_is_all_committed_and_pushed_is_well() {
        let checkout = good().with_file("b/compose.yaml", FileState::Tracked);
        assert_eq!(said(&FILES, Some(Worktree::new([checkout]))), [""; 0]);
    }

    #[test]
    fn what_is_missing_from_the_repository_is_said() {
        let untracked = |state| {
            said(
                &FILES,
                Some(Worktree::new([good().with_file("b/compose.yaml", state)])),
            )
        };
        let one = ["lab.untracked-file: the repository does not have `b/compose.yaml`"];
        assert_eq!(untracked(FileState::Untracked), one);
        assert_eq!(untracked(FileState::Ignored), one);
        assert_eq!(
            untracked(FileState::Modified),
            ["lab.uncommitted-changes: `b/compose.yaml` has a change that is not committed"]
        );
        let deleted = good()
            .with_file("b/compose.yaml", FileState::Tracked)
            .with_file("gone", FileState::Deleted)
            .with_file("new", FileState::Added);
        assert_eq!(
            said(&FILES, Some(Worktree::new([deleted]))),
            ["lab.uncommitted-changes: 2 files have changes that are not committed: `gone` and `new`"]
        );
    }

    #[test]
    fn values_of_the_lab_do_not_belong_into_the_repository() {
        let files = [
            ("a/compose.yaml", COMPOSE),
            ("a/.env", "X=1"),
            ("a/app.env", "DB_PASSWORD=x"),
            ("a/plain.env", "MODE=live\n# PASSWORD=x\nPASSWORD=\"\""),
            ("a/.env.example", "PASSWORD=change"),
        ];
        let tracked = files.iter().fold(good(), |checkout, (path, _)| {
            checkout.with_file(*path, FileState::Tracked)
        });
        assert_eq!(
            said(&files, Some(Worktree::new([tracked]))),
            ["lab.committed-environment: the repository has `a/.env` and `a/app.env`"]
        );
    }

    #[test]
    fn a_committed_secret_weighs_more_than_other_values() {
        let severity = |text: &str| {
            let lab = Lab::from_texts("home", [("a/compose.yaml", COMPOSE), ("a/.env", text)]);
            let checkout = good().with_file("a/.env", FileState::Tracked);
            let seen = Observed::none("2026-01-01T00:00:00Z".parse().expect("a time"));
            let findings = lab.versioned(&seen.with_worktree(Worktree::new([checkout])));
            assert_eq!(findings[0].rule().id, "lab.committed-environment");
            findings[0].severity()
        };
        assert_eq!(severity("TZ=Europe/Vienna\nDB_PASSWORD=\n"), Severity::Warning);
        assert_eq!(severity("DB_PASSWORD=hqd82nfkw\n"), Severity::Error);
        assert_eq!(severity("export DB_PASSWORD='hqd82nfkw'\n"), Severity::Error);
    }

    #[test]
    fn the_settings_of_one_lab_do_not_belong_into_the_repository() {
        let files = [("a/compose.yaml", COMPOSE), ("instance.toml", "[hosts.nas]\n")];
        let with = |state| Some(Worktree::new([good().with_file("instance.toml", state)]));
        assert_eq!(
            said(&files, with(FileState::Tracked)),
            ["lab.committed-environment: the repository has `instance.toml`"]
        );
        assert_eq!(said(&files, with(FileState::Ignored)), [""; 0]);
    }

    #[test]
    fn a_repository_of_this_disk_alone_is_said() {
        let alone = Checkout::new("")
            .with_commit("abc")
            .with_file("a/compose.yaml", FileState::Tracked);
        let files = [("a/compose.yaml", COMPOSE)];
        assert_eq!(
            said(&files, Some(Worktree::new([alone.clone()]))),
            ["lab.no-remote: the repository has no remote"]
        );
        let others = Checkout::new("")
            .with_commit("abc")
            .with_file("elsewhere/notes.txt", FileState::Tracked);
        let said_of = said(&files, Some(Worktree::new([others])));
        assert!(
            said_of.iter().all(|line| !line.starts_with("lab.no-remote")),
            "{said_of:?}"
        );
        let broken = alone.with_unreadable("not ours");
        assert_eq!(said(&files, Some(Worktree::new([broken]))), [""; 0]);
    }
}
