//! Kills real processes with SIGKILL while they apply a plan, at random moments, and looks at what is left.
//!
//! The test is its own victim: started with [`LAB`] set it applies the plan to that folder, and else it is the one who
//! starts and kills. `HOMELAB_CRASH_ROUNDS` sets how many rounds there are.

#![expect(
    clippy::disallowed_methods,
    reason = "a test that starts itself and looks at files"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use homelab_core::apply::{Status, World};
use homelab_core::plan::{LabPath, Plan, Step};
use homelab_core::{Lab, Observed};
use libtest_mimic::{Arguments, Failed, Trial};

const LAB: &str = "HOMELAB_CRASH_LAB";
const FILES: usize = 30;

fn main() {
    if let Some(folder) = std::env::var_os(LAB) {
        return victim(Path::new(&folder));
    }
    let arguments = Arguments::from_args();
    let trials = if cfg!(unix) {
        vec![Trial::test(
            "killed_midway_nothing_is_half_and_all_is_put_back",
            killed,
        )]
    } else {
        Vec::new()
    };
    libtest_mimic::run(&arguments, trials).exit();
}

/// Applies the plan, and says when it begins.
fn victim(folder: &Path) {
    let plan = plan();
    let lab = Lab::load(folder.join("lab")).expect("a folder");
    runtime().block_on(async {
        let world = World::connect(&lab).await.with_state(folder.join("state"));
        println!("ready");
        let operation = plan.apply(&world);
        operation
            .await
            .expect("nobody else is here")
            .complete()
            .expect("all of it");
    });
}

fn killed() -> Result<(), Failed> {
    let rounds: u64 = match std::env::var("HOMELAB_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => 24,
    };
    // How long a whole run takes here decides when to kill; the fastest, since a slow one may be somebody else's doing.
    let mut whole = Duration::MAX;
    for _ in 0..3 {
        let folder = lab()?;
        let start = std::time::Instant::now();
        run(folder.path(), None)?;
        whole = whole.min(start.elapsed());
        check_contents(folder.path(), true)?;
    }
    let (mut midway, mut recorded, mut temporaries) = (0, 0, 0);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..rounds {
        let folder = lab()?;
        let delay = whole.mul_f64(random.next_fraction() * 0.9);
        run(folder.path(), Some(delay))?;
        let written = check_contents(folder.path(), false)?;
        midway += usize::from(written > 0 && written < FILES);
        let left = temporary_files(folder.path())?;
        temporaries += left.len();

        let world = world(folder.path())?;
        let seen = observe(folder.path())?;
        let runs = seen
            .interrupted()
            .ok_or("recovery files were looked for")?
            .value();
        let named: Vec<PathBuf> = runs
            .iter()
            .flat_map(|run| run.leftovers())
            .map(|homelab_core::plan::Leftover::TemporaryFile { path }| {
                folder.path().join("lab").join(path.as_str())
            })
            .collect();
        if let Some(file) = left.iter().find(|file| !named.contains(file)) {
            return Err(format!("round {round}: `{}` is in no recovery file", file.display()).into());
        }
        if written > 0 && written < FILES && runs.len() != 1 {
            return Err(format!(
                "round {round}: killed midway, and {} runs are recorded",
                runs.len()
            )
            .into());
        }
        recorded += runs.len();

        // One way back by the plan for it, the other by simply going on.
        if round % 2 == 0 {
            let recover = seen.plan_recover();
            runtime()
                .block_on(async { recover.apply(&world).await })?
                .complete()?;
            nothing_left(folder.path(), round)?;
            check_contents(folder.path(), false)?;
        }
        let outcome = runtime().block_on(async { plan().apply(&world).await })?;
        let expected = if written == FILES {
            Status::Skipped
        } else {
            Status::Complete
        };
        if outcome.status() != expected {
            return Err(format!("round {round}: the rest is {}", outcome.status()).into());
        }
        check_contents(folder.path(), true)?;
        nothing_left(folder.path(), round)?;
    }
    println!(
        "{rounds} rounds of {:.0} ms: {midway} killed midway, {recorded} recorded, {temporaries} temporary files",
        whole.as_secs_f64() * 1000.0
    );
    // A test that never hits the middle would prove nothing.
    if rounds >= 24 && (midway < 4 || recorded < 4) {
        return Err(format!("only {midway} of {rounds} rounds were killed midway").into());
    }
    Ok(())
}

/// Starts the victim, and kills it so long after it began, if at all.
fn run(folder: &Path, kill_after: Option<Duration>) -> Result<(), Failed> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(LAB, folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("the output is ours")?;
    BufReader::new(stdout).read_line(&mut String::new())?;
    match kill_after {
        Some(delay) => {
            std::thread::sleep(delay);
            child.kill()?;
            child.wait()?;
        }
        None => {
            if !child.wait()?.success() {
                return Err("the victim fails by itself".into());
            }
        }
    }
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a thread can be had")
}

fn world(folder: &Path) -> Result<World, Failed> {
    let lab = Lab::load(folder.join("lab"))?;
    Ok(runtime()
        .block_on(World::connect(&lab))
        .with_state(folder.join("state")))
}

fn observe(folder: &Path) -> Result<Observed, Failed> {
    let lab = Lab::load(folder.join("lab"))?;
    Ok(runtime().block_on(world(folder)?.observe(&lab)))
}

/// A lab in which every second file is there already.
fn lab() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir_all(folder.path().join("lab/s"))?;
    for (name, (old, _)) in contents() {
        if let Some(old) = old {
            std::fs::write(folder.path().join("lab").join(name), old)?;
        }
    }
    Ok(folder)
}

/// Each file's content before, if it is there, and after; long enough that a half of it can be seen.
fn contents() -> BTreeMap<String, (Option<String>, String)> {
    (0..FILES)
        .map(|index| {
            let folder = if index % 3 == 0 { "s/" } else { "" };
            let old = (index % 2 == 0).then(|| format!("old {index}\n").repeat(1500));
            (
                format!("{folder}f{index}"),
                (old, format!("new {index}\n").repeat(2500)),
            )
        })
        .collect()
}

fn plan() -> Plan {
    let steps = contents().into_iter().map(|(name, (old, new))| {
        let path: LabPath = name.parse().expect("made above");
        match old {
            Some(old) => Step::replace(path, old, new),
            None => Step::write_new(path, new),
        }
    });
    Plan::new("write many files", steps).expect("each once")
}

/// Returns how many files are new; each is old or new, to the byte.
fn check_contents(folder: &Path, all_new: bool) -> Result<usize, Failed> {
    let mut written = 0;
    for (name, (old, new)) in contents() {
        let found = std::fs::read_to_string(folder.join("lab").join(&name)).ok();
        if found.as_deref() == Some(&new) {
            written += 1;
        } else if all_new || found != old {
            let length = found.map_or(0, |text| text.len());
            return Err(format!("`{name}` is neither old nor new: {length} bytes").into());
        }
    }
    Ok(written)
}

fn temporary_files(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut left = Vec::new();
    for part in ["lab", "lab/s"] {
        for entry in std::fs::read_dir(folder.join(part))? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'))
            {
                left.push(path);
            }
        }
    }
    Ok(left)
}

fn nothing_left(folder: &Path, round: u64) -> Result<(), Failed> {
    if let Some(file) = temporary_files(folder)?.first() {
        return Err(format!("round {round}: `{}` was left", file.display()).into());
    }
    let recovery = folder.join("state/recovery");
    let mut records: Vec<PathBuf> = Vec::new();
    if recovery.exists() {
        for entry in std::fs::read_dir(recovery)? {
            records.push(entry?.path());
        }
    }
    // A record that was killed before it had its name is empty of meaning, and goes after an hour.
    records.retain(|path| path.extension().is_none_or(|extension| extension != "new"));
    match records.first() {
        Some(file) => Err(format!("round {round}: `{}` was left", file.display()).into()),
        None => Ok(()),
    }
}

/// A xorshift generator: the same rounds each time, as far as the machine's speed allows.
struct Random(u64);

impl Random {
    fn next_fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
