//! Steps that work on repositories, in a lab with one in memory.

use super::*;
use crate::backup::{Retention, State};
use crate::lab::Lab as RealLab;
use crate::observed::{Machine, Observed};
use crate::plan::Depth;
use crate::repository::memory::MemoryRepository;
use crate::repository::{Repositories, Repository};

/// A lab on disk whose photos and notes lie beside it, with two repositories in memory.
struct Backups {
    folder: tempfile::TempDir,
    lab: RealLab,
    world: World,
    memory: [Arc<MemoryRepository>; 2],
}

impl Backups {
    fn new() -> Backups {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for (name, content) in [
            ("photos/a.jpg", "a"),
            ("photos/2026/b.jpg", "bb"),
            ("notes/n.md", "n"),
        ] {
            std::fs::create_dir_all(path(name).parent().expect("one")).expect("a folder");
            std::fs::write(path(name), content).expect("written");
        }
        std::fs::create_dir(path("lab")).expect("a lab");
        let root = folder.path().display();
        let pattern = format!(
            "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['{root}/photos']\n[datasets.notes]\nclass = 'important'\n\
             paths = ['{root}/notes']\n"
        );
        let instance = "[hosts.nas]\n[repositories.one]\nkind = 'restic'\nlocation = '/mnt/one'\n\
                        [repositories.two]\nkind = 'restic'\nlocation = '/mnt/two'\n";
        std::fs::write(path("lab/lab.toml"), pattern).expect("written");
        std::fs::write(path("lab/instance.toml"), instance).expect("written");
        let lab = RealLab::load(path("lab")).expect("a lab");
        let memory =
            ["one", "two"].map(|name| Arc::new(MemoryRepository::new(name.parse().expect("a name"))));
        let all = memory.iter().map(|one| one.clone() as Arc<dyn Repository>);
        let world = World::files(lab.root())
            .with_state(path("state"))
            .with_repositories(Repositories::new(all));
        Backups {
            folder,
            lab,
            world,
            memory,
        }
    }

    /// Looks around, as on the machine that the lab means.
    fn see(&self) -> Observed {
        let seen = block(self.world.observe(&self.lab));
        seen.with_machine(Machine::new("nas".parse().expect("a name")))
    }

    fn apply(&self, plan: Plan) -> Result<Outcome> {
        block(async { plan.apply(&self.world).await })
    }

    fn do_all(&self, plan: Result<Plan>) -> Status {
        self.apply(plan.expect("a plan")).expect("applied").status()
    }

    fn made() -> Backups {
        let lab = Backups::new();
        for name in ["one", "two"] {
            assert_eq!(
                lab.do_all(lab.lab.plan_make_repository(name, &lab.see())),
                Status::Complete
            );
        }
        lab
    }

    /// Adds something to a file of the lab's settings.
    fn say(&mut self, file: &str, text: &str) {
        let path = self.path("lab").join(file);
        let old = std::fs::read_to_string(&path).expect("it is there");
        std::fs::write(&path, format!("{old}{text}")).expect("written");
        self.lab = RealLab::load(self.path("lab")).expect("a lab");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

#[test]
fn the_whole_cycle_of_a_dataset() {
    let all = Backups::made();
    let state = |all: &Backups| {
        let survival = all.lab.survival(&all.see());
        let photos = &survival.verdicts()[0];
        (
            photos.held().iter().filter(|copy| copy.held().is_some()).count(),
            photos.state(),
        )
    };
    assert_eq!(state(&all), (0, State::NoCopy));
    let plan = all.lab.plan_backup("*", &all.see()).expect("a plan");
    assert_eq!(plan.steps().len(), 4);
    assert_eq!(
        all.apply(plan.clone()).expect("applied").status(),
        Status::Complete
    );
    // Applied again it finds that all is done.
    assert_eq!(all.apply(plan).expect("applied").status(), Status::Skipped);
    assert_eq!(state(&all).0, 2);

    let back = all.path("back");
    let restore = |into: &Path| {
        let into = into.to_str().expect("text");
        all.lab.plan_restore("photos", into, Some("two"), &all.see())
    };
    assert_eq!(all.do_all(restore(&back)), Status::Complete);
    let original = all.path("photos/2026/b.jpg");
    let restored = back.join(original.strip_prefix("/").expect("absolute"));
    assert_eq!(std::fs::read(&restored).expect("it is there"), b"bb");
    let again = all
        .apply(restore(&back).expect("a plan"))
        .expect_err("it is not fresh");
    assert_eq!(again.kind(), ErrorKind::Conflict);

    assert_eq!(
        all.do_all(all.lab.plan_check("*", Some(Depth::All), &all.see())),
        Status::Complete
    );
    assert_eq!(
        all.do_all(all.lab.plan_drill("photos", None, &all.see())),
        Status::Complete
    );
    let seen = all.see();
    let survival = all.lab.survival(&seen);
    for copy in survival.verdicts()[0].held() {
        assert!(
            copy.check()
                .is_some_and(|check| check.passed && check.depth == Depth::All)
        );
        let drill = copy.drill().expect("it is recorded");
        assert!(
            drill.passed && drill.proof.starts_with("2 files with"),
            "{}",
            drill.proof
        );
    }
    let text = survival.to_string();
    assert!(text.contains("drill") || !text.contains("Damaged"), "{text}");
}

#[test]
fn damage_is_found_by_checks_and_drills_and_stays_said() {
    let all = Backups::made();
    all.do_all(all.lab.plan_backup("photos", &all.see()));
    all.memory[0].damage();
    for plan in [
        all.lab.plan_check("*", Some(Depth::All), &all.see()),
        all.lab.plan_drill("photos", None, &all.see()),
    ] {
        let error = all.apply(plan.expect("a plan")).expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        // The other repository had its turn.
        assert_eq!(error.done().len(), 1, "{error}");
    }
    let seen = all.see();
    let survival = all.lab.survival(&seen);
    let reasons = |index: usize| -> Vec<&str> {
        let copy = &survival.verdicts()[0].held()[index];
        copy.reasons().iter().map(crate::backup::Reason::as_str).collect()
    };
    assert!(reasons(0).contains(&"damaged") && !reasons(1).contains(&"damaged"));
}

#[test]
fn a_drill_sees_what_is_not_in_the_copy() {
    let all = Backups::made();
    let seen = all.see();
    all.do_all(all.lab.plan_backup("photos", &seen));
    // As if the run had passed it over: it was there before, and nothing has changed since.
    let drill = |at: jiff::Timestamp| {
        let (snapshot, paths) = {
            let seen = all.see();
            let holdings = seen
                .backups()
                .expect("asked")
                .value()
                .repository("one")
                .cloned()
                .expect("it");
            let one = holdings.snapshots.expect("seen").remove(0);
            (one.id, one.paths)
        };
        let watch = crate::repository::Watch::new();
        let scratch = all.path("scratch");
        std::fs::create_dir_all(scratch.join("homelab-drill-999999999-x")).expect("of a dead one");
        let run = super::super::drill::run(&*all.memory[0], &snapshot, at, &paths, &scratch, &watch);
        block(run).expect("it ran")
    };
    assert!(drill(seen.at()).passed);
    std::fs::write(all.path("photos/late.jpg"), "late").expect("written");
    assert!(drill(seen.at()).passed, "it came after the snapshot");
    let later = seen.at() + jiff::SignedDuration::from_hours(1);
    let drilled = drill(later);
    assert!(
        !drilled.passed && drilled.proof.contains("late.jpg"),
        "{}",
        drilled.proof
    );
    let left = std::fs::read_dir(all.path("scratch")).expect("a folder");
    assert_eq!(
        left.count(),
        0,
        "nothing of it is left, nor of one that was killed"
    );
}

#[test]
fn what_is_not_there_is_not_copied_as_nothing() {
    let all = Backups::made();
    std::fs::remove_dir_all(all.path("photos")).expect("removed");
    let run = || {
        all.apply(all.lab.plan_backup("*", &all.see()).expect("a plan"))
            .expect_err("photos fail")
    };
    let error = run();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.hint().is_some_and(|hint| hint.contains("mounted")),
        "{error}"
    );
    assert_eq!(error.done().len(), 2, "the notes are copied");
    std::fs::create_dir(all.path("photos")).expect("an empty one");
    assert_eq!(run().kind(), ErrorKind::Refused);
    std::fs::remove_dir(all.path("photos")).expect("removed");
    symlink(all.path("notes"), all.path("photos")).expect("a link");
    let error = run();
    assert!(
        error.kind() == ErrorKind::Refused && error.to_string().contains("a link to"),
        "{error}"
    );
    let survival = all.lab.survival(&all.see());
    assert_eq!(survival.verdicts()[0].state(), State::NoCopy);
}

#[test]
fn pruning_keeps_what_the_rules_say_and_touches_nobody_elses() {
    let all = Backups::made();
    let now = all.see().at();
    for days in [0, 1, 2, 40] {
        let seen = all
            .see()
            .with_at(now - jiff::SignedDuration::from_hours(24 * days));
        all.do_all(all.lab.plan_backup("*", &seen));
    }
    let count = |name: &str| -> usize {
        let seen = all.see();
        let holdings = seen.backups().expect("asked").value().repository(name).cloned();
        holdings.and_then(|one| one.snapshots).map_or(0, |all| all.len())
    };
    assert_eq!(count("one"), 8);
    let retention: Retention = "daily=2".parse().expect("rules");
    let plan = all
        .lab
        .plan_prune("photos", Some(&retention), &all.see())
        .expect("a plan");
    let text = format!("{plan:#}");
    assert!(
        text.contains("forget 2 of 4 snapshots of `photos`") && text.contains("daily 1 of 2"),
        "{text}"
    );
    assert_eq!(
        all.apply(plan.clone()).expect("applied").status(),
        Status::Complete
    );
    assert_eq!((count("one"), count("two")), (6, 6));
    // A plan whose snapshots that were to stay are gone is of another time.
    let watch = crate::repository::Watch::new();
    let one = &all.memory[0];
    for days in [3, 4] {
        let seen = all
            .see()
            .with_at(now - jiff::SignedDuration::from_hours(24 * days));
        all.do_all(all.lab.plan_backup("photos", &seen));
    }
    let late = all
        .lab
        .plan_prune("photos", Some(&retention), &all.see())
        .expect("a plan");
    let newest = block(one.snapshots(&watch))
        .expect("they are there")
        .pop()
        .expect("one");
    let ids: Vec<String> = block(one.snapshots(&watch))
        .expect("they are there")
        .into_iter()
        .filter(|one| one.at == newest.at)
        .map(|one| one.id)
        .collect();
    block(one.forget(&ids, &watch)).expect("forgotten");
    assert_eq!(
        all.apply(late).expect_err("it is too late").kind(),
        ErrorKind::Conflict
    );
    // Of another machine, or of other paths, nothing goes.
    let other = all
        .see()
        .with_machine(Machine::new("pi".parse().expect("a name")));
    assert!(
        all.lab
            .plan_prune("photos", Some(&retention), &other)
            .is_ok_and(|plan| plan.is_empty())
    );
}

#[test]
fn what_is_not_known_is_not_planned() {
    let all = Backups::made();
    let seen = all.see();
    let kind = |plan: Result<Plan>| plan.expect_err("no plan").kind();
    let lab = &all.lab;
    assert_eq!(kind(lab.plan_backup("photo", &seen)), ErrorKind::NotFound);
    assert_eq!(
        kind(lab.plan_make_repository("three", &seen)),
        ErrorKind::NotFound
    );
    assert_eq!(kind(lab.plan_make_repository("one", &seen)), ErrorKind::Conflict);
    assert_eq!(
        kind(lab.plan_restore("photos", "/back", None, &seen)),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(lab.plan_restore("photos", "back", None, &seen)),
        ErrorKind::Invalid
    );
    assert_eq!(kind(lab.plan_drill("*", None, &seen)), ErrorKind::NotFound);
    let part = Depth::Part { number: 8, of: 7 };
    assert_eq!(kind(lab.plan_check("*", Some(part), &seen)), ErrorKind::Invalid);
    // Data of another machine is not what lies under that path here.
    let elsewhere = seen
        .clone()
        .with_machine(Machine::new("laptop".parse().expect("a name")));
    let refused = lab.plan_backup("photos", &elsewhere).expect_err("refused");
    assert!(
        refused.kind() == ErrorKind::Refused && refused.hint().is_some_and(|hint| hint.contains("`laptop`"))
    );
    let unasked = Observed::none(seen.at());
    for plan in [
        lab.plan_backup("*", &unasked),
        lab.plan_check("*", Some(Depth::All), &unasked),
        lab.plan_drill("*", None, &unasked),
        lab.plan_prune("*", None, &unasked),
    ] {
        assert_eq!(kind(plan), ErrorKind::Unsupported);
    }
}

#[test]
fn what_the_settings_say_is_kept_checked_and_due() {
    let mut all = Backups::made();
    let zone = jiff::tz::TimeZone::UTC;
    let due = |all: &Backups, seen: &Observed| -> Vec<String> {
        let due = all.lab.due(seen, &jiff::tz::TimeZone::UTC).expect("asked");
        due.iter()
            .filter(|one| one.is_overdue())
            .map(ToString::to_string)
            .collect()
    };
    assert!(all.lab.due(&all.see(), &zone).is_ok_and(|due| due.is_empty()));
    all.say(
        "lab.toml",
        "[backups]\nkeep = 'last=2'\nrun = 'monthly 1 03:30'\ncheck = 'monthly 1 05:00'\ncheck_parts = 3\nprune = 'monthly 1 04:00'\n",
    );
    all.say("instance.toml", "keep = 'last=1'\n");
    let names = |due: &[String]| -> Vec<String> {
        due.iter()
            .map(|text| text.split(':').next().unwrap_or_default().to_owned())
            .collect()
    };
    // By the time, and each for itself: nothing was ever done.
    let mut first = names(&due(&all, &all.see()));
    first.sort();
    let each = |act: &str| [format!("{act} one"), format!("{act} two")];
    let mut expected: Vec<String> = ["notes", "photos"]
        .iter()
        .flat_map(|name| [format!("run {name} into one"), format!("run {name} into two")])
        .chain(each("check"))
        .chain(each("prune"))
        .collect();
    expected.sort();
    assert_eq!(first, expected);

    let start = all.see();
    for minutes in [3, 2, 1] {
        let seen = all
            .see()
            .with_at(start.at() - jiff::SignedDuration::from_mins(minutes));
        all.do_all(all.lab.plan_backup("*", &seen));
    }
    // The next part each time, and from the first again.
    let depth = |all: &Backups| {
        all.do_all(all.lab.plan_check("one", None, &all.see()));
        let seen = all.see();
        let held = seen.backups().expect("asked").value().repository("one").cloned();
        held.and_then(|one| one.check).expect("checked").depth.to_string()
    };
    let depths: Vec<String> = (0..4).map(|_| depth(&all)).collect();
    assert_eq!(
        depths,
        ["part 1 of 3", "part 2 of 3", "part 3 of 3", "part 1 of 3"]
    );

    // The dataset's own word comes first, then the repository's, then the lab's.
    let text = |all: &Backups, dataset: &str| {
        let plan = all.lab.plan_prune(dataset, None, &all.see()).expect("a plan");
        format!("{plan:#}")
    };
    let notes = text(&all, "notes");
    assert!(
        notes.contains("forget 1 of 3 snapshots of `notes` in repository `one`"),
        "{notes}"
    );
    assert!(
        notes.contains("forget 2 of 3 snapshots of `notes` in repository `two`"),
        "{notes}"
    );
    all.do_all(all.lab.plan_prune("*", None, &all.see()));
    let left = names(&due(&all, &all.see()));
    assert_eq!(left, ["check two"], "the rest is done");

    // What is not understood is not taken for the usual, which keeps less.
    all.say("lab.toml", "kep = 'daily=90'\n");
    let refused = all
        .lab
        .plan_prune("*", None, &all.see())
        .expect_err("a typing error");
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("`kep`"), "{refused}");
    assert!(
        all.lab
            .plan_prune("*", Some(&Retention::default()), &all.see())
            .is_ok()
    );
    let refused = all.lab.due(&all.see(), &zone).expect_err("a typing error");
    assert_eq!(refused.kind(), ErrorKind::Refused);
}
