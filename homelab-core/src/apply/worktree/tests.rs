use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

/// A folder with git in it, and none of the settings of who runs the test.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Lab {
        Lab(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().expect("in a folder")).expect("a folder");
        std::fs::write(file, text).expect(path);
    }

    fn git(&self, folder: &str, arguments: &[&str]) {
        Command::new("git")
            .with_arguments([
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@example.org",
                "-c",
                "init.defaultBranch=main",
            ])
            .with_arguments(arguments.iter().copied())
            .with_folder(self.path(folder))
            .with_variable("HOME", self.0.path())
            .with_variable("GIT_CONFIG_NOSYSTEM", "1")
            .run_blocking(&Cancel::new())
            .unwrap_or_else(|error| panic!("git {arguments:?}: {error}: {:?}", error.hint()));
    }

    fn read(&self, folder: &str) -> Worktree {
        read(&self.path(folder), &Cancel::new())
    }
}

fn states(worktree: &Worktree, cases: &[(&str, FileState)]) {
    for (path, state) in cases {
        assert_eq!(worktree.file(path), *state, "{path}");
    }
}

#[test]
fn every_state_of_a_file_is_told() {
    let lab = Lab::new();
    lab.git("", &["init", "-q"]);
    for path in ["same", "edited", "gone", "ö ä\ttab", "s/.env", "unstaged"] {
        lab.write(path, "1");
    }
    lab.write(".gitignore", "data/\n*.log\n");
    lab.git("", &["add", "-A"]);
    lab.git("", &["commit", "-qm", "x"]);
    lab.git(
        "",
        &[
            "remote",
            "add",
            "origin",
            "https://alice:token@example.org/lab.git",
        ],
    );
    lab.write("edited", "22");
    std::fs::remove_file(lab.path("gone")).expect("ours");
    lab.write("new", "1");
    lab.write("staged", "1");
    lab.git("", &["add", "staged"]);
    lab.git("", &["rm", "-q", "--cached", "unstaged"]);
    lab.write("data/photos/1", "1");
    lab.write("x.log", "1");

    let worktree = lab.read("");
    states(
        &worktree,
        &[
            ("same", FileState::Tracked),
            ("ö ä\ttab", FileState::Tracked),
            ("s/.env", FileState::Tracked),
            ("edited", FileState::Modified),
            ("gone", FileState::Deleted),
            ("new", FileState::Untracked),
            ("staged", FileState::Added),
            ("unstaged", FileState::Untracked),
            ("data/photos/1", FileState::Ignored),
            ("x.log", FileState::Ignored),
            ("never there", FileState::Unknown),
        ],
    );
    let [checkout] = worktree.checkouts() else {
        panic!("one repository: {worktree:?}");
    };
    assert!(checkout.has_commits() && !checkout.is_above());
    assert_eq!(checkout.branch(), Some("main"));
    assert_eq!(
        checkout.remotes(),
        [Remote::new("origin", "https://example.org/lab.git")]
    );
    assert_eq!(checkout.upstream(), None);
}

#[test]
fn a_conflict_and_commits_that_were_not_pushed_are_told() {
    let lab = Lab::new();
    lab.git("", &["init", "-q"]);
    lab.write("a", "1");
    lab.git("", &["add", "a"]);
    lab.git("", &["commit", "-qm", "1"]);
    lab.git("", &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    lab.git("", &["remote", "add", "origin", "/nowhere"]);
    lab.git("", &["config", "branch.main.remote", "origin"]);
    lab.git("", &["config", "branch.main.merge", "refs/heads/main"]);
    lab.git("", &["checkout", "-qb", "other"]);
    lab.write("a", "2");
    lab.git("", &["commit", "-qam", "2"]);
    lab.git("", &["checkout", "-q", "main"]);
    lab.write("a", "3");
    lab.git("", &["commit", "-qam", "3"]);
    let merge = std::panic::catch_unwind(|| lab.git("", &["merge", "-q", "other"]));
    assert!(merge.is_err(), "the merge needs a person");
    let worktree = lab.read("");
    states(&worktree, &[("a", FileState::Conflicted)]);
    let checkout = &worktree.checkouts()[0];
    assert_eq!(checkout.upstream(), Some("origin/main"));
    assert_eq!(checkout.ahead_behind(), Some((1, 0)));
}

#[test]
fn without_a_repository_nothing_is_versioned_and_without_a_commit_files_are_new() {
    let lab = Lab::new();
    lab.write("a", "1");
    let worktree = lab.read("");
    assert_eq!(worktree, Worktree::new([]));
    states(&worktree, &[("a", FileState::NotVersioned)]);
    lab.git("", &["init", "-q"]);
    let worktree = lab.read("");
    states(&worktree, &[("a", FileState::Untracked)]);
    assert!(!worktree.checkouts()[0].has_commits());
    assert!(worktree.checkouts()[0].remotes().is_empty());
}

#[test]
fn a_lab_inside_a_repository_and_repositories_inside_a_lab_speak_for_themselves() {
    let lab = Lab::new();
    lab.git("", &["init", "-q"]);
    lab.write("lab/a", "1");
    lab.write("outside", "1");
    lab.write("lab/services/x/a", "1");
    lab.git("lab/services/x", &["init", "-q"]);
    lab.write("lab/services/x/b", "1");
    lab.git("lab/services/x", &["add", "b"]);
    lab.git("", &["add", "lab/a", "outside"]);
    let worktree = lab.read("lab");
    states(
        &worktree,
        &[
            ("a", FileState::Added),
            ("services/x/a", FileState::Untracked),
            ("services/x/b", FileState::Added),
            ("outside", FileState::Unknown),
        ],
    );
    let folders: Vec<_> = worktree
        .checkouts()
        .iter()
        .map(|checkout| (checkout.folder(), checkout.is_above()))
        .collect();
    assert_eq!(folders, [("", true), ("services/x", false)]);

    lab.write(".gitignore", "lab/\n");
    lab.git("", &["rm", "-q", "--cached", "-r", "lab"]);
    let worktree = lab.read("lab");
    states(
        &worktree,
        &[("a", FileState::Ignored), ("services/x/b", FileState::Added)],
    );
}

#[test]
fn a_repository_that_names_programs_gets_none_of_them_run() {
    let lab = Lab::new();
    lab.git("", &["init", "-q"]);
    let script = lab.path("evil.sh");
    std::fs::write(&script, "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\ncat\n").expect("a file");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("ours");
    let evil = script.to_str().expect("text").to_owned();
    lab.write("a.txt", "1");
    lab.write(
        ".gitattributes",
        "*.txt filter=evil diff=evil\n*.md filter=evil.two\n",
    );
    lab.write("b.md", "1");
    lab.git("", &["add", "a.txt", "b.md", ".gitattributes"]);
    lab.git("", &["commit", "-qm", "x"]);
    // A submodule, into which git would look with the submodule's own settings.
    lab.git("", &["clone", "-q", ".", "module"]);
    lab.git("", &["add", "module"]);
    lab.git("", &["commit", "-qm", "y"]);
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.askPass",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "filter.evil.two.clean",
        "credential.helper",
        "gpg.program",
    ] {
        lab.git("", &["config", key, &evil]);
        lab.git("module", &["config", key, &evil]);
    }
    lab.git("", &["config", "filter.evil.required", "true"]);
    // Known to the submodule alone, so not among what is switched off for the repository around it.
    lab.git("module", &["config", "filter.inner.clean", &evil]);
    lab.write("module/.git/info/attributes", "*.txt filter=inner\n");
    for hook in [
        "post-index-change",
        "pre-commit",
        "post-checkout",
        "fsmonitor-watchman",
    ] {
        std::fs::create_dir_all(lab.path(".git/hooks")).expect("a folder");
        std::fs::copy(&script, lab.path(".git/hooks").join(hook)).expect("a hook");
    }
    // A promisor remote: a missing object would be fetched, through a program that the address names.
    lab.git("", &["config", "extensions.partialClone", "evil"]);
    lab.git("", &["config", "core.repositoryFormatVersion", "1"]);
    lab.git("", &["config", "remote.evil.promisor", "true"]);
    lab.git("", &["config", "remote.evil.url", &format!("ext::{evil}")]);
    // Changed at the same size, so that git must read the contents and would filter them.
    lab.write("a.txt", "2");
    lab.write("b.md", "2");
    lab.write("module/a.txt", "2");
    let index = std::fs::read(lab.path(".git/index")).expect("an index");

    let worktree = lab.read("");
    states(
        &worktree,
        &[
            ("a.txt", FileState::Modified),
            ("b.md", FileState::Modified),
            ("module/a.txt", FileState::Modified),
        ],
    );
    for place in ["ran", ".git/ran", ".git/hooks/ran"] {
        assert!(!lab.path(place).exists(), "a program of the repository ran");
    }
    assert_eq!(
        std::fs::read(lab.path(".git/index")).expect("an index"),
        index,
        "nothing was written"
    );

    // The trap is a real one: asked without care, git runs it.
    let careless = std::panic::catch_unwind(|| lab.git("", &["status"]));
    assert!(lab.path("ran").exists(), "{careless:?}");

    // Even when the objects are gone.
    std::fs::remove_file(lab.path("ran")).expect("ours");
    std::fs::remove_dir_all(lab.path(".git/objects")).expect("ours");
    std::fs::create_dir(lab.path(".git/objects")).expect("ours");
    let worktree = lab.read("");
    assert!(!lab.path("ran").exists(), "a program of the repository ran");
    assert!(worktree.checkouts()[0].why_unreadable().is_some(), "{worktree:?}");
}

#[test]
fn a_filter_that_cannot_be_switched_off_makes_the_repository_unreadable() {
    let lab = Lab::new();
    lab.git("", &["init", "-q"]);
    lab.git("", &["config", "filter.a=b.clean", "cat"]);
    lab.write("a", "1");
    let worktree = lab.read("");
    assert_eq!(
        worktree.checkouts()[0].why_unreadable(),
        Some("failed to read the repository: it has a filter that cannot be switched off")
    );
    states(&worktree, &[("a", FileState::Unknown)]);
}

#[test]
fn files_that_lie_elsewhere_are_not_taken_for_the_labs() {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.path("lab")).expect("a folder");
    std::fs::create_dir_all(lab.path("elsewhere")).expect("a folder");
    lab.git("lab", &["init", "-q"]);
    lab.git(
        "lab",
        &[
            "config",
            "core.worktree",
            lab.path("elsewhere").to_str().expect("text"),
        ],
    );
    let worktree = lab.read("lab");
    assert!(worktree.checkouts()[0].why_unreadable().is_some(), "{worktree:?}");
}

#[test]
fn a_repository_that_is_none_is_passed_over() {
    let lab = Lab::new();
    lab.write("x/.git", "no repository");
    lab.write("x/a", "1");
    let worktree = lab.read("");
    states(&worktree, &[("x/a", FileState::Unknown)]);
    assert!(worktree.checkouts()[0].why_unreadable().is_some());
}
