//! Copies a lab's data, says which copies there are, and proves that they restore: `backup VERB [--lab DIR] [NAME]`.

use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, carry_out, due, fail, moment, survival, timers, wait, whole_path};

const USAGE: &str = "backup VERB [--lab DIR] [NAME] [OPTIONS]

  status              lists the data and its copies by 3-2-1; exits with 1 when some lacks copies, 3 when that is not known
  due                 says what of lab.toml's schedules is due; exits with 1 when something is late, 3 when there are none
  timers systemd|cron prints what has it done, by --program PATH (/usr/local/bin/homelab)
  make REPOSITORY     makes a repository that instance.toml names
  run [DATASET]       copies data into every repository that can be worked on from here
  check [REPOSITORY]  reads repositories for damage: --depth structure, N/M (that part of the data) or all
  drill [DATASET]     restores it for a while, and compares it with what is here
  restore DATASET --into DIR   writes it below a folder that is new or empty
  prune [DATASET]     forgets what --keep, else lab.toml, else daily=7 weekly=5 monthly=12 yearly=10 does not keep

  --lab DIR           the lab's folder; --from REPOSITORY restores and drills from this one; --dry-run only shows the plan
  --format FORMAT     of status: text (default) or json; --now TIME is taken for now instead of the clock's";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<u8> {
    let mut option = |name: &str| arguments.value(name);
    let (format, now, folder) = (option("--format")?, option("--now")?, option("--lab")?);
    let (from, into, program) = (option("--from")?, option("--into")?, option("--program")?);
    let keep = option("--keep")?.map(|keep| keep.parse()).transpose()?;
    let depth = option("--depth")?.map(|depth| depth.parse()).transpose()?;
    let (dry, now) = (arguments.flag("--dry-run"), moment(now.as_deref())?);
    let words = arguments.rest()?;
    let every = matches!(words.as_slice(), [verb] if ["run", "check", "drill", "prune"].contains(&&**verb));
    let words = words.iter().map(String::as_str);
    let words: Vec<&str> = words.chain(every.then_some("*")).collect();
    let (from, folder) = (|| from.as_deref(), folder.unwrap_or_else(|| ".".to_owned()));
    let lab = Lab::load(&folder)?;
    wait(async {
        let world = World::connect(&lab).await;
        let seen = world.observe(&lab).await;
        let plan = match (words.as_slice(), &into) {
            (["status"], _) => return survival(&lab, &seen.with_at(now), format.as_deref()),
            (["timers", kind], _) => return timers(&lab, kind, program, &folder),
            (["due"], _) => return due(&lab, &seen.with_at(now)),
            (["make", name], _) => lab.plan_make_repository(name, &seen)?,
            (["restore", name], Some(into)) => lab.plan_restore(name, &whole_path(into)?, from(), &seen)?,
            (["run", name], _) => lab.plan_backup(name, &seen)?,
            (["check", name], _) => lab.plan_check(name, depth, &seen)?,
            (["drill", name], _) => lab.plan_drill(name, from(), &seen)?,
            (["prune", name], _) => lab.plan_prune(name, keep.as_ref(), &seen)?,
            _ => return Err(Error::new(ErrorKind::Invalid, "know what to do").with_hint("see `--help`")),
        };
        carry_out(plan, &world, dry).await
    })
}
