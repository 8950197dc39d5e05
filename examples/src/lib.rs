//! What the examples share: their arguments, the clock, and how they end.

pub mod tailnet;
pub mod terminal;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Event, Lab, Observed, Plan, Result, World};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Reading a lab makes many small values for a short time, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The words after a program's name, taken out one after the other until none is left over.
///
/// ```
/// use homelab_examples::Arguments;
///
/// let mut arguments = Arguments::of(["--format=json", "lab", "--strict", "--profile", "a"]);
/// assert!(arguments.has("--format") && !arguments.has("--form"));
/// assert!(arguments.flag("--strict"));
/// assert_eq!(arguments.value("--format")?.as_deref(), Some("json"));
/// assert_eq!(arguments.values("--profile")?, ["a"]);
/// assert_eq!(arguments.rest()?, ["lab"]);
/// assert!(Arguments::of(["--strit"]).rest().is_err());
/// assert!(Arguments::of(["--format"]).value("--format").is_err());
/// # Ok::<(), homelab_core::Error>(())
/// ```
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Returns the program's own. Prints this usage and ends it when asked for help.
    pub fn from_environment(usage: &str) -> Self {
        let words: Vec<String> = std::env::args_os()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        if words.iter().any(|word| word == "--help" || word == "-h") {
            println!("{usage}");
            std::process::exit(0);
        }
        Arguments(words)
    }

    /// Returns these.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Arguments(words.into_iter().map(str::to_owned).collect())
    }

    /// Takes out a flag, and returns whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Returns whether an option is there, and leaves it.
    pub fn has(&self, name: &str) -> bool {
        let is = |word: &String| {
            word.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        self.0.iter().any(is)
    }

    /// Takes out every `NAME VALUE` and `NAME=VALUE`, and returns the values.
    ///
    /// # Errors
    /// When a value is missing.
    pub fn values(&mut self, name: &str) -> Result<Vec<String>> {
        let mut values = Vec::new();
        let mut rest = Vec::new();
        let mut words = std::mem::take(&mut self.0).into_iter();
        while let Some(word) = words.next() {
            match word.strip_prefix(name) {
                Some("") => values.push(words.next().ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, format!("read `{name}`")).with_hint("it needs a value")
                })?),
                Some(value) if value.starts_with('=') => values.push(value[1..].to_owned()),
                _ => rest.push(word),
            }
        }
        self.0 = rest;
        Ok(values)
    }

    /// Takes out an option, and returns the last value that it was given.
    ///
    /// # Errors
    /// When its value is missing.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        Ok(self.values(name)?.pop())
    }

    /// Returns what is left.
    ///
    /// # Errors
    /// When it is an option that nobody took.
    pub fn rest(self) -> Result<Vec<String>> {
        match self.0.iter().find(|word| word.starts_with('-') && word.len() > 1) {
            Some(word) => Err(Error::new(ErrorKind::Invalid, format!("read `{word}`"))
                .with_hint("`--help` lists the options")),
            None => Ok(self.0),
        }
    }
}

/// Returns the moment that `--now` means: a timestamp, or a date at noon in UTC; the clock's where there is none.
///
/// # Errors
/// When it is neither.
pub fn moment(now: Option<&str>) -> Result<Timestamp> {
    let Some(text) = now else {
        return Ok(Timestamp::now());
    };
    let at_noon = |date: Date| date.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).ok();
    text.parse().or_else(|_| {
        let date = text.parse().ok().and_then(at_noon);
        date.map(|zoned| zoned.timestamp()).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("read the time `{text}`"))
                .with_hint("write a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")
        })
    })
}

/// Returns the address and port that a text means, or this one where there is none.
///
/// # Errors
/// When it is none.
pub fn socket(text: Option<String>, usual: &str) -> Result<SocketAddr> {
    homelab_core::serve::read_address(text.as_deref().unwrap_or(usual))
}

/// Returns the folder that is named, or the working one.
///
/// # Errors
/// When there are several.
pub fn one(folders: Vec<String>) -> Result<String> {
    match folders.as_slice() {
        [] => Ok(".".to_owned()),
        [folder] => Ok(folder.clone()),
        [_, second, ..] => {
            Err(Error::new(ErrorKind::Invalid, format!("read `{second}`")).with_hint("name one folder"))
        }
    }
}

/// Prints a plan, and unless it is a dry run applies it, telling what happens. Returns how the program should end: with 0.
///
/// # Errors
/// As the plan's steps have, and when not all of it was done.
pub async fn carry_out(plan: Plan, world: &World, dry: bool) -> Result<u8> {
    say(&format!("{plan:#}"))?;
    if dry || plan.is_empty() {
        return Ok(0);
    }
    let operation = plan.apply(world);
    let mut events = operation.events();
    while let Some(event) = events.next().await {
        if !matches!(event, Event::Failed { .. }) {
            say(&format!("{event}\n"))?;
        }
    }
    operation.await?.complete().map(|_| 0)
}

/// Prints what is known of the copies of a lab's data, and returns how the program should end.
///
/// # Errors
/// When there is no such format.
pub fn survival(lab: &Lab, seen: &Observed, format: Option<&str>) -> Result<u8> {
    let survival = lab.survival(seen);
    match format.unwrap_or("text") {
        "text" => say(&survival.to_string())?,
        "json" => say(&survival.to_json())?,
        other => {
            return Err(
                Error::new(ErrorKind::Invalid, format!("write the format `{other}`"))
                    .with_hint("text or json"),
            );
        }
    }
    Ok(survival.exit_code())
}

/// Prints what is due of what the lab schedules, by this machine's clock, and returns how the program should end.
///
/// # Errors
/// As `Lab::due`.
pub fn due(lab: &Lab, seen: &Observed) -> Result<u8> {
    let due = lab.due(seen, &TimeZone::system())?;
    if due.is_empty() {
        return say("nothing is scheduled: lab.toml says when, under `[backups]`\n").map(|()| 3);
    }
    let lines: String = due.iter().map(|one| format!("{one}\n")).collect();
    say(&lines)?;
    Ok(u8::from(due.iter().any(|one| one.is_overdue())))
}

/// Prints the timers that have done what the lab schedules, by this program or where it usually is.
///
/// # Errors
/// As `Lab::timers`.
pub fn timers(lab: &Lab, kind: &str, program: Option<String>, folder: &str) -> Result<u8> {
    let program = program.as_deref().unwrap_or("/usr/local/bin/homelab");
    let files = lab.timers(kind.parse()?, program, &whole_path(folder)?)?;
    let texts = files.iter().map(|file| format!("# {}\n{}", file.name, file.text));
    say(&texts.collect::<Vec<_>>().join("\n")).map(|()| 0)
}

/// Returns a path as an absolute one, from the working folder.
///
/// # Errors
/// When it is empty, or no text.
pub fn whole_path(path: &str) -> Result<String> {
    let invalid = || Error::new(ErrorKind::Invalid, format!("read the path `{path}`"));
    let whole = std::path::absolute(path).map_err(|error| invalid().with_source(error))?;
    whole.into_os_string().into_string().map_err(|_| invalid())
}

/// What makes a plan for a target.
pub type Planner = fn(&Lab, &str, &Observed) -> Result<Plan>;

/// What can be done with what runs.
const VERBS: [(&str, Planner); 7] = [
    ("start", Lab::plan_start),
    ("stop", Lab::plan_stop),
    ("restart", Lab::plan_restart),
    ("recreate", Lab::plan_recreate),
    ("update", Lab::plan_update),
    ("up", Lab::plan_up),
    ("down", Lab::plan_down),
];

/// Returns what makes the plan of this verb.
///
/// # Errors
/// When there is no such verb.
pub fn planner(verb: &str) -> Result<Planner> {
    let found = VERBS.iter().find(|(name, _)| *name == verb);
    found.map(|(_, planner)| *planner).ok_or_else(|| {
        let names: Vec<&str> = VERBS.iter().map(|(name, _)| *name).collect();
        let error = Error::new(ErrorKind::Invalid, format!("find the verb `{verb}`"));
        error.with_hint(format!("there is {}", names.join(", ")))
    })
}

/// Makes a folder unless it is there, plans what to write into it, and does that.
///
/// # Errors
/// When the folder cannot be made, or nothing of it can be read; as planning and applying do.
pub fn into_folder(folder: &str, plan: impl FnOnce(&Lab) -> Result<Plan>) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("make the folder `{folder}`")).with_source(error)
    })?;
    let lab = Lab::load(folder)?;
    let plan = plan(&lab)?;
    if plan.is_empty() {
        return say(&format!("{folder} has it all already\n"));
    }
    let outcome = wait(async {
        let world = World::connect(&lab).await.without_engines();
        plan.apply(&world).await
    })?;
    say(&format!("{folder}: {outcome}\n"))?;
    outcome.complete().map(|_| ())
}

/// Returns the lab of a folder, or one that has nothing but this instance.toml.
///
/// # Errors
/// As `Lab::load` and `Lab::of_instance`, and when the file cannot be read.
pub fn instance(path: &str) -> Result<Lab> {
    if !std::path::Path::new(path).is_file() {
        return Lab::load(path);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::NotFound, format!("read `{path}`")).with_source(error))?;
    Lab::of_instance(&text)
}

/// Returns what this machine shows of a lab, its engines and repositories not asked.
pub fn of_this_machine(lab: &Lab) -> Observed {
    wait(async {
        let world = World::connect(lab).await.without_engines();
        world.without_repositories().observe(lab).await
    })
}

/// Waits for what is asynchronous, on a runtime of this thread's own.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .expect("a runtime of one thread needs one descriptor more than a program has anyway")
        .block_on(work)
}

/// Prints a text. That nobody reads to the end of it, as with `| head`, is no failure.
///
/// # Errors
/// When it cannot be written: a full disk must not leave half a report that looks like a whole one.
pub fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Internal, "write the output").with_source(error))
        }
        _ => Ok(()),
    }
}

/// Says what could not be done, with every reason below it and what to do, and returns this exit code.
pub fn fail(error: &Error, code: u8) -> ExitCode {
    eprintln!("error: failed to {error:#}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_day() {
        assert_eq!(
            moment(Some("2027-01-31")).expect("a day").to_string(),
            "2027-01-31T12:00:00Z"
        );
        assert_eq!(
            moment(Some("2027-01-31T01:02:03Z")).expect("a time").to_string(),
            "2027-01-31T01:02:03Z"
        );
        assert!(moment(Some("tomorrow")).is_err());
    }

    #[test]
    fn the_last_of_several_values_counts() {
        let mut arguments = Arguments::of(["--a", "1", "x", "--a=2", "--ab=3"]);
        assert_eq!(arguments.value("--a").expect("values").as_deref(), Some("2"));
        assert_eq!(arguments.value("--ab").expect("a value").as_deref(), Some("3"));
        assert_eq!(arguments.rest().expect("words"), ["x"]);
    }
}
