//! Repositories of git that the tests make themselves, without git.

use std::path::Path;

use gix::objs::tree::{Entry as Item, EntryKind};

use super::*;
use crate::audit::Selection;
use crate::finding::Report;
use crate::observed::Observed;

const INSTANCE: &str =
    "[hosts.zephyr]\naddresses = ['192.168.7.10']\n[people.ann]\nlogin = 'ann@windy.family'\n";

struct Repository {
    folder: tempfile::TempDir,
    git: gix::Repository,
    seconds: i64,
}

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let git = gix::init(folder.path()).expect("a repository");
        std::fs::write(folder.path().join("instance.toml"), INSTANCE).expect("a file");
        std::fs::write(folder.path().join("compose.yaml"), "services: {}\n").expect("a file");
        Repository {
            folder,
            git,
            seconds: 1_700_000_000,
        }
    }

    /// Commits these files, and no other, on a branch.
    fn commit(&mut self, branch: &str, files: &[(&str, &[u8])], said: &str, by: (&str, &str)) -> String {
        let tree = self.tree(files);
        let name = format!("refs/heads/{branch}");
        let parent = self.git.find_reference(&*name).ok();
        let parents: Vec<ObjectId> = parent
            .map(|mut it| it.peel_to_id().expect("a commit").detach())
            .into_iter()
            .collect();
        self.seconds += 60;
        let time = format!("{} +0000", self.seconds);
        let by = gix::actor::SignatureRef {
            name: by.0.into(),
            email: by.1.into(),
            time: &time,
        };
        let id = self
            .git
            .commit_as(by, by, &*name, said, tree, parents)
            .expect("a commit");
        short(&id.detach())
    }

    fn tree(&self, files: &[(&str, &[u8])]) -> ObjectId {
        let mut items: Vec<Item> = Vec::new();
        let mut folders: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
        for (path, bytes) in files {
            match path.split_once('/') {
                Some((folder, rest)) => folders.entry(folder).or_default().push((rest, bytes)),
                None => items.push(Item {
                    mode: EntryKind::Blob.into(),
                    filename: (*path).into(),
                    oid: self.git.write_blob(bytes).expect("a blob").detach(),
                }),
            }
        }
        for (folder, files) in folders {
            items.push(Item {
                mode: EntryKind::Tree.into(),
                filename: folder.into(),
                oid: self.tree(&files),
            });
        }
        items.sort();
        let tree = gix::objs::Tree { entries: items };
        self.git.write_object(&tree).expect("a tree").detach()
    }

    fn report(&self) -> Report {
        report(self.folder.path()).expect("a history")
    }

    fn lines(&self) -> Vec<String> {
        let report = self.report();
        let text = format!("{report} {}", report.to_json());
        for value in ["192.168.7.10", "zephyr", "ann@windy"] {
            assert!(!text.contains(value), "{text}");
        }
        report.findings().iter().map(ToString::to_string).collect()
    }
}

fn report(folder: &Path) -> Result<Report> {
    let lab = Lab::load(folder)?;
    let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
    lab.leaks_with_history(&lab.vocabulary(&seen), &seen, &Selection::default())
}

const ME: (&str, &str) = ("Somebody", "somebody@example.com");

#[test]
fn what_was_taken_out_is_still_in_the_history() {
    let mut repository = Repository::new();
    let clean: &[u8] = b"services: { web: { image: nginx, ports: ['80:80'] } }\n";
    let telling: &[u8] = b"# web\nservices: { web: { image: nginx, ports: ['192.168.7.10:80:80'] } }\n";
    let more: &[u8] = b"# the web\nservices: { web: { image: nginx, ports: ['192.168.7.10:80:80'] } }\n";
    repository.commit("main", &[("compose.yaml", clean)], "begin", ME);
    let first = repository.commit("main", &[("a/compose.yaml", telling)], "more", ME);
    let last = repository.commit("main", &[("a/compose.yaml", more)], "again", ME);
    repository.commit("main", &[("a/compose.yaml", clean)], "less", ME);
    assert_eq!(
        repository.lines(),
        [format!(
            "{first}:a/compose.yaml:2:43: error[leak.known-value]: `HOST_1_ADDRESS` (an address) stands here"
        )]
    );
    let report = repository.report();
    let evidence: Vec<&str> = report.findings()[0]
        .evidence()
        .iter()
        .map(Evidence::text)
        .collect();
    let versions = format!("it is in up to 2 versions, the last of commit {last}");
    assert!(evidence.contains(&versions.as_str()), "{evidence:?}");
    assert!(report.findings()[0].fix().contains("git filter-repo"));
}

#[test]
fn other_branches_messages_authors_and_names_are_looked_at() {
    let mut repository = Repository::new();
    repository.commit(
        "main",
        &[("x.sh", b"true\n")],
        "begin\n\nSigned-off-by: Bo <bo@windy.family>",
        ME,
    );
    let side = repository.commit(
        "main",
        &[("zephyr.sh", b"true\n")],
        "zephyr has moved",
        ("Ann", "ann@windy.family"),
    );
    repository.commit(
        "about-zephyr",
        &[("y.sh", b"ping zephyr\n")],
        "aside",
        ("Ann", "ann@windy.family"),
    );
    let mut lines = repository.lines();
    lines.sort();
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count("in the name of this branch or tag"), 1, "{lines:#?}");
    assert_eq!(count("is in what is said of this commit or tag"), 1, "{lines:#?}");
    assert_eq!(
        count("is in the name or address of who made"),
        2,
        "name and login: {lines:#?}"
    );
    assert_eq!(count(":y.sh:1:6: error[leak.known-value]"), 1, "{lines:#?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{side}:z***.sh")) && line.contains("leak.file-name")),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{side}:1:1")) || line.starts_with(&format!("{side}: "))),
        "{lines:#?}"
    );
    assert_eq!(lines.len(), 6, "{lines:#?}");
}

#[test]
fn a_private_file_that_was_committed_is_one_finding() {
    let mut repository = Repository::new();
    let env: &[u8] = b"PASSWORD=Xk29vMq7Rt5Lw8Zp\nADDRESS=192.168.7.10\n";
    let first = repository.commit("main", &[("web/.env", env)], "begin", ME);
    repository.commit("main", &[("web/.env", b"ADDRESS=192.168.7.10\n")], "more", ME);
    let moved = repository.commit("main", &[("web/run.sh", env)], "moved", ME);
    let lines = repository.lines();
    assert!(
        lines.iter().any(|line| line.starts_with(&format!(
            "{first}:web/.env:1:1: warning[leak.own-in-history]: `web/.env` is this lab's own"
        ))),
        "{lines:#?}"
    );
    // The same content, where it may be read.
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{moved}:web/run.sh:2:9: error[leak.known-value]"))),
        "{lines:#?}"
    );
}

#[test]
fn what_is_too_large_is_said_and_what_is_no_text_is_searched_for_what_is_known() {
    let mut repository = Repository::new();
    let large = vec![b'a'; (LARGEST + 1) as usize];
    let binary = b"\x89PNG\0\0\x01tEXt zephyr \0 10.20.30.40 \0\0\0";
    let commit = repository.commit(
        "main",
        &[("large.txt", &large), ("logo.png", binary)],
        "begin",
        ME,
    );
    assert_eq!(
        repository.lines(),
        [
            format!(
                "{commit}:logo.png:1:13: error[leak.known-value]: `HOST_1_NAME` (the name of a machine) stands here"
            ),
            format!(
                "{commit}:large.txt:1:1: warning[leak.not-scanned]: `large.txt` has 16 MiB, and at most 16 are looked through, in commit {commit}"
            ),
        ]
    );
}

#[test]
fn the_lab_may_be_a_folder_of_the_repository_and_a_folder_may_have_none() {
    let mut repository = Repository::new();
    let lab = repository.folder.path().join("labs/home");
    std::fs::create_dir_all(&lab).expect("a folder");
    std::fs::write(lab.join("lab.toml"), "[strata]\n\"notes/*\" = 5\n").expect("a file");
    std::fs::write(lab.join("instance.toml"), INSTANCE).expect("a file");
    let files: &[(&str, &[u8])] = &[("labs/home/notes/a.txt", b"zephyr"), ("b.txt", b"zephyr")];
    repository.commit("main", files, "begin", ME);
    let report = report(&lab).expect("a history");
    let rules: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding.rule().id)
        .collect();
    assert!(
        rules.contains(&"leak.own-in-history") && rules.contains(&"leak.known-value"),
        "{report}"
    );

    let alone = tempfile::tempdir().expect("a folder");
    let error = super::tests::report(alone.path()).expect_err("no repository");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().is_some_and(|hint| hint.contains("git init")));
}

#[test]
fn a_commit_that_is_damaged_is_an_error() {
    let mut repository = Repository::new();
    repository.commit("main", &[("a.sh", b"true\n")], "begin", ME);
    let head = repository
        .git
        .find_reference("refs/heads/main")
        .expect("a branch")
        .id()
        .to_string();
    let object = repository
        .folder
        .path()
        .join(".git/objects")
        .join(&head[..2])
        .join(&head[2..]);
    std::fs::remove_file(object).expect("a loose object");
    // The branch leads nowhere then: its history is not here, and nothing of it is claimed to be clean.
    let result = report(repository.folder.path());
    assert!(
        result
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::Damaged),
        "{result:?}"
    );
}
