//! The embedded repository and restic: each checks and restores what the other wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use homelab_core::observed::{Completeness, Snapshot};
use homelab_core::plan::Depth;
use homelab_core::repository::rustic::RusticRepository;
use homelab_core::repository::{Repository, Source, Watch, contract};
use homelab_core::{Lab, Observed, Plan, Result as Answer, Secret, World};
use homelab_tests::needs::Need;
use jiff::Timestamp;

use crate::{Test, test};

const PASSWORD: &str = "correct horse";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "backups::the_embedded_repository_keeps_the_contract",
            &[],
            keeps_the_contract,
        ),
        test(
            "backups::restic_checks_and_restores_what_we_wrote_and_we_what_it_did",
            &[Need::Restic],
            interoperates,
        ),
        test(
            "backups::a_lab_is_backed_up_checked_drilled_restored_and_pruned",
            &[],
            cycle,
        ),
        test(
            "backups::a_run_that_is_killed_harms_nothing_and_the_next_one_succeeds",
            &[Need::Restic],
            killed,
        ),
    ]
}

fn wait<T>(work: impl Future<Output = Answer<T>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let answer = runtime.map_err(text)?.block_on(work);
    answer.map_err(|error| format!("failed to {error} ({error:?})"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn repository(path: PathBuf) -> Result<RusticRepository, String> {
    Ok(RusticRepository::new(
        "local".parse().map_err(text)?,
        path,
        Secret::new(PASSWORD),
    ))
}

fn keeps_the_contract() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let repository = repository(folder.path().join("repository"))?;
    let work = folder.path().join("work");
    fs::create_dir(&work).map_err(text)?;
    match wait(async { Ok(contract::check(&repository, &work).await) })?.as_slice() {
        [] => Ok(()),
        problems => Err(problems.join("\n")),
    }
}

fn restic(repository: &Path, words: &[&str]) -> Result<String, String> {
    let output = Command::new("restic")
        .arg("--no-cache")
        .arg("--repo")
        .arg(repository)
        .args(words)
        .env("RESTIC_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .map_err(text)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "restic {words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn expect(what: &str, holds: bool) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| what.to_owned())
}

/// Returns the content of a file that was restored below a folder.
fn back(folder: &Path, file: &Path) -> Result<Vec<u8>, String> {
    fs::read(folder.join(file.strip_prefix("/").map_err(text)?)).map_err(text)
}

fn interoperates() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let at = |name: &str| folder.path().join(name);
    let (data, file) = (at("data"), at("data/file"));
    fs::create_dir(&data).map_err(text)?;
    let content: Vec<u8> = (0..400_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    fs::write(&file, &content).map_err(text)?;
    std::os::unix::fs::symlink("file", data.join("link")).map_err(text)?;
    let watch = Watch::new();
    let source = |second: i64| -> Result<Source, String> {
        let moment = Timestamp::from_second(second).map_err(text)?;
        Ok(Source::new("nas".parse().map_err(text)?, moment, [data.clone()]))
    };
    let words = data.display().to_string();

    // What we wrote.
    let ours = repository(at("ours"))?;
    wait(ours.init(&watch))?;
    wait(ours.run(&source(1_000_000)?, &watch))?;
    restic(&at("ours"), &["check", "--read-data"])?;
    let target = at("by-restic").display().to_string();
    restic(&at("ours"), &["restore", "latest", "--target", &target])?;
    expect(
        "restic restores what we wrote",
        back(&at("by-restic"), &file)? == content,
    )?;
    let listed = restic(&at("ours"), &["snapshots", "--json"])?;
    expect(
        "restic lists it, of the right machine",
        listed.contains("\"hostname\":\"nas\""),
    )?;

    // What restic wrote into the same one.
    fs::write(&file, "changed").map_err(text)?;
    restic(&at("ours"), &["backup", "--host", "nas", &words])?;
    let all = wait(ours.snapshots(&watch))?;
    let states: Vec<Completeness> = all.iter().map(|one| one.completeness).collect();
    expect(
        "ours is complete, of restic's that is not recorded",
        states == [Completeness::Complete, Completeness::NotRecorded],
    )?;
    expect("restic's says what it holds", all[1].holds(&words))?;
    let checked = wait(ours.check(Depth::All, &watch))?;
    expect(
        &format!("it is whole: {:?}", checked.faults),
        checked.faults.is_empty(),
    )?;
    wait(ours.restore(&all[1].id, &at("by-us"), &watch))?;
    expect(
        "we restore what restic wrote",
        back(&at("by-us"), &file)? == b"changed",
    )?;

    // A repository that restic made, and what both do to it.
    restic(&at("theirs"), &["init"])?;
    restic(&at("theirs"), &["backup", "--host", "nas", &words])?;
    let theirs = repository(at("theirs"))?;
    wait(theirs.run(&source(2_000_000)?, &watch))?;
    let all = wait(theirs.snapshots(&watch))?;
    wait(theirs.forget(std::slice::from_ref(&all[0].id), &watch))?;
    wait(theirs.prune(&watch))?;
    restic(&at("theirs"), &["check", "--read-data"])?;
    let checked = wait(theirs.check(Depth::All, &watch))?;
    expect(
        &format!("it is whole: {:?}", checked.faults),
        checked.faults.is_empty(),
    )
}

/// Set to a folder, this program backs up the lab in it, to be killed meanwhile.
pub(crate) const VICTIM: &str = "HOMELAB_BACKUP_VICTIM";

/// A lab in a folder of its own: its data, its repository and its state beside it.
struct Whole(PathBuf);

impl Whole {
    fn new(folder: &Path, files: u32) -> Result<Whole, String> {
        let whole = Whole(folder.to_owned());
        for name in ["lab", "data"] {
            fs::create_dir(whole.at(name)).map_err(text)?;
        }
        for number in 0..files {
            // So different that nothing of it is stored once only.
            let content: Vec<u8> = (0..20_000_u32)
                .flat_map(|n| {
                    (n ^ number.wrapping_mul(0x9E37_79B9))
                        .wrapping_mul(2_654_435_761)
                        .to_le_bytes()
                })
                .collect();
            fs::write(whole.at(&format!("data/{number}")), content).map_err(text)?;
        }
        let root = whole.0.display();
        fs::write(whole.at("key"), PASSWORD).map_err(text)?;
        let pattern = format!("[datasets.photos]\nclass = \"irreplaceable\"\npaths = [\"{root}/data\"]\n");
        let instance = format!(
            "[repositories.here]\nkind = \"restic\"\nlocation = \"{root}/copies\"\npassword = \"file:{root}/key\"\n"
        );
        fs::write(whole.at("lab/lab.toml"), pattern).map_err(text)?;
        fs::write(whole.at("lab/instance.toml"), instance).map_err(text)?;
        Ok(whole)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Opens it once: the format makes a password costly to try.
    fn open(self) -> Result<Open, String> {
        let lab = Lab::load(self.at("lab")).map_err(text)?;
        let world = wait(async { Ok(World::connect(&lab).await) })?;
        let world = world.with_state(self.at("state")).without_engines();
        Ok(Open {
            whole: self,
            lab,
            world,
        })
    }
}

/// Such a lab, and its world.
struct Open {
    whole: Whole,
    lab: Lab,
    world: World,
}

impl Open {
    fn see(&self) -> Result<Observed, String> {
        wait(async { Ok(self.world.observe(&self.lab).await) })
    }

    fn apply(&self, plan: impl FnOnce(&Lab, &Observed) -> Answer<Plan>) -> Result<(), String> {
        let seen = self.see()?;
        wait(async {
            plan(&self.lab, &seen)?
                .apply(&self.world)
                .await?
                .complete()
                .map(drop)
        })
    }

    fn snapshots(&self) -> Result<Vec<Snapshot>, String> {
        let repository = self.world.repositories().repository("here").map_err(text)?;
        wait(repository.snapshots(&Watch::new()))
    }
}

/// Backs up the lab of a folder.
pub(crate) fn victim(folder: &Path) -> ExitCode {
    let open = Whole(folder.to_owned()).open();
    match open.and_then(|open| open.apply(|lab, seen| lab.plan_backup("photos", seen))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn cycle() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let open = Whole::new(folder.path(), 20)?.open()?;
    let whole = &open.whole;
    let early = open.apply(|lab, seen| lab.plan_backup("photos", seen));
    expect(
        &format!("nothing is made by itself: {early:?}"),
        early.is_err_and(|error| error.contains("NotInitialised")) && !whole.at("copies").exists(),
    )?;
    open.apply(|lab, seen| lab.plan_make_repository("here", seen))?;
    open.apply(|lab, seen| lab.plan_backup("photos", seen))?;
    open.apply(|lab, seen| lab.plan_check("here", Some(Depth::All), seen))?;
    open.apply(|lab, seen| lab.plan_drill("photos", None, seen))?;
    let target = whole.at("back");
    open.apply(|lab, seen| lab.plan_restore("photos", &target.display().to_string(), None, seen))?;
    let file = whole.at("data/7");
    expect(
        "it is restored",
        back(&target, &file)? == fs::read(&file).map_err(text)?,
    )?;
    open.apply(|lab, seen| lab.plan_backup("photos", seen))?;
    open.apply(|lab, seen| lab.plan_prune("photos", Some(&"last=1".parse()?), seen))?;
    let survival = open.lab.survival(&open.see()?);
    let copy = &survival.verdicts()[0].held()[0];
    let held = copy.held().ok_or("it is held")?;
    expect(
        "the run is known to be whole",
        held.completeness == Completeness::Complete,
    )?;
    expect(
        "the check is remembered",
        copy.check()
            .is_some_and(|check| check.passed && check.depth == Depth::All),
    )?;
    let drill = copy.drill().ok_or("the drill is remembered")?;
    expect(
        &drill.proof,
        drill.passed && drill.proof.starts_with("20 files with") && drill.proof.contains("20 the same"),
    )?;
    let left = open.snapshots()?;
    // The one that the drill has proven stays beside the newest.
    expect("two snapshots are left", left.len() == 2)?;
    // A password is in no file of the state, and a wrong one is said to be.
    let journal = fs::read_to_string(whole.at("state/backups.jsonl")).map_err(text)?;
    expect("no password is written down", !journal.contains(PASSWORD))?;
    fs::write(whole.at("key"), "another").map_err(text)?;
    let wrong = Whole(folder.path().to_owned()).open()?;
    let wrong = wrong.apply(|lab, seen| lab.plan_backup("photos", seen));
    expect(
        &format!("a wrong password is said: {wrong:?}"),
        wrong.is_err_and(|error| error.contains("WrongKey") && !error.contains("another")),
    )
}

fn killed() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let open = Whole::new(folder.path(), 200)?.open()?;
    let whole = &open.whole;
    open.apply(|lab, seen| lab.plan_make_repository("here", seen))?;
    let rounds: u32 = match std::env::var("HOMELAB_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().map_err(text)?,
        Err(_) => 5,
    };
    let spawn = || {
        Command::new(std::env::current_exe()?)
            .env(VICTIM, &whole.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    };
    let copies = whole.at("copies");
    let packs = || -> usize {
        let folders = fs::read_dir(copies.join("data")).into_iter().flatten().flatten();
        folders
            .map(|one| fs::read_dir(one.path()).into_iter().flatten().count())
            .sum()
    };
    let mut midway = 0;
    for round in 0..rounds {
        let before = packs();
        let mut child = spawn().map_err(text)?;
        let start = Instant::now();
        // Until it writes, which a password that is costly to try delays, and then a little longer in each round.
        while packs() == before && child.try_wait().map_err(text)?.is_none() {
            if start.elapsed() > Duration::from_secs(300) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(u64::from(round) * 40));
        let alive = child.try_wait().map_err(text)?.is_none();
        child.kill().map_err(text)?;
        child.wait().map_err(text)?;
        midway += usize::from(alive);
        for snapshot in open.snapshots()? {
            expect(
                "a snapshot is there only of a run that was whole",
                snapshot.completeness == Completeness::Complete,
            )?;
        }
        open.apply(|lab, seen| lab.plan_check("here", Some(Depth::Structure), seen))
            .map_err(|error| format!("round {round}: {error}"))?;
    }
    expect("some were killed midway", midway > 0)?;
    open.apply(|lab, seen| lab.plan_backup("photos", seen))?;
    open.apply(|lab, seen| lab.plan_drill("photos", None, seen))?;
    restic(&copies, &["check", "--read-data"])?;
    let target = whole.at("by-restic");
    restic(
        &copies,
        &["restore", "latest", "--target", &target.display().to_string()],
    )?;
    for number in [0, 99, 199] {
        let file = whole.at(&format!("data/{number}"));
        expect(
            "restic restores it",
            back(&target, &file)? == fs::read(&file).map_err(text)?,
        )?;
    }
    Ok(())
}
