//! The timers that do what lab.toml schedules, as text: for systemd, or for cron.

use std::fmt::Write as _;

use super::due::Act;
use crate::error::{Error, ErrorKind, Result};
use crate::lab::{Lab, Schedule};
use crate::view::TimerFileView;

/// What runs things at their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timers {
    /// systemd: a timer and a service for each, to be put into `/etc/systemd/system` or `~/.config/systemd/user`.
    Systemd,
    /// cron: lines for a crontab.
    Cron,
}

impl std::str::FromStr for Timers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "systemd" => Ok(Timers::Systemd),
            "cron" => Ok(Timers::Cron),
            _ => {
                let message = format!("write timers for `{}`", text.escape_debug());
                Err(Error::new(ErrorKind::Invalid, message).with_hint("there is `systemd` and `cron`"))
            }
        }
    }
}

impl Lab {
    /// Returns the files that have what lab.toml schedules done (`[backups]`), each with its name: by this program, absolute,
    /// which takes `backup run`. A run that was missed while the machine slept is made up for by systemd, and not by cron.
    /// Nothing is written, and nothing is installed.
    ///
    /// ```
    /// use homelab_core::Lab;
    /// use homelab_core::backup::Timers;
    ///
    /// let lab = Lab::from_texts("/srv/lab", [("lab.toml", "[backups]\nrun = 'daily 03:30'")]);
    /// let files = lab.timers(Timers::Cron, "/usr/bin/homelab", "/srv/lab")?;
    /// assert!(files[0].text.ends_with("30 3 * * * '/usr/bin/homelab' backup run --lab '/srv/lab'\n"));
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` where nothing is scheduled; `Refused` where something of the settings was not understood; `Invalid` for a program or folder that is not absolute, or has a line break.
    pub fn timers(&self, timers: Timers, program: &str, folder: &str) -> Result<Vec<TimerFileView>> {
        for path in [program, folder] {
            if !path.starts_with('/') || path.contains(char::is_control) {
                let message = format!("write timers with the path `{}`", path.escape_debug());
                return Err(Error::new(ErrorKind::Invalid, message)
                    .with_hint("name an absolute path of one line: timers run in no folder of yours"));
            }
        }
        self.understood("write timers")?;
        let policy = self.pattern().backups();
        let of = |act| match act {
            Act::Run => policy.run(),
            Act::Check => policy.check(),
            Act::Drill => policy.drill(),
            Act::Prune => policy.prune(),
        };
        let scheduled: Vec<(Act, Schedule)> = Act::ALL
            .into_iter()
            .filter_map(|act| Some((act, of(act)?)))
            .collect();
        if scheduled.is_empty() {
            let error = Error::new(ErrorKind::NotFound, "write timers: nothing is scheduled");
            return Err(error.with_hint("say when in lab.toml: `[backups]`, then `run = \"daily 03:30\"`"));
        }
        Ok(match timers {
            Timers::Systemd => scheduled
                .iter()
                .flat_map(|(act, schedule)| units(*act, schedule, program, folder))
                .collect(),
            Timers::Cron => {
                let mut text = "# Backups of a lab, as its lab.toml schedules them.\n".to_owned();
                for (act, schedule) in &scheduled {
                    let (program, folder) = (for_cron(program), for_cron(folder));
                    let when = schedule.to_cron();
                    let _ = writeln!(text, "{when} {program} backup {act} --lab {folder}");
                }
                vec![file("crontab".to_owned(), text)]
            }
        })
    }
}

/// Returns systemd's timer for an act, and the service that it starts.
fn units(act: Act, schedule: &Schedule, program: &str, folder: &str) -> [TimerFileView; 2] {
    let name = format!("homelab-backup-{act}");
    let what = match act {
        Act::Run => "copies its data",
        Act::Check => "checks its copies",
        Act::Drill => "proves that its copies restore",
        Act::Prune => "takes out what is not kept of its copies",
    };
    let timer = format!(
        "[Unit]\nDescription=When homelab {what}\n\n[Timer]\nOnCalendar={}\nPersistent=true\n\n[Install]\n\
         WantedBy=timers.target\n",
        schedule.to_calendar()
    );
    let (program, folder) = (for_systemd(program), for_systemd(folder));
    let service = format!(
        "[Unit]\nDescription=homelab {what}\n\n[Service]\nType=oneshot\nExecStart={program} backup {act} --lab {folder}\n"
    );
    [
        file(format!("{name}.timer"), timer),
        file(format!("{name}.service"), service),
    ]
}

fn file(name: String, text: String) -> TimerFileView {
    TimerFileView { name, text }
}

/// Returns a path as the shell of cron takes it; a `%` would be a line break there.
fn for_cron(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('%', r"\%"))
}

/// Returns a path as systemd takes it: quoted, and no `%` or `$` replaced.
fn for_systemd(path: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in path.chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            '%' | '$' => quoted.extend([sign, sign]),
            _ => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_has_its_timer_and_paths_are_quoted() {
        let text = "[backups]\nrun = 'daily 03:30'\ncheck = 'weekly sunday 05:00'\n";
        let lab = Lab::from_texts("home", [("lab.toml", text)]);
        let files = lab
            .timers(Timers::Systemd, "/opt/a b/homelab", "/srv/100%/$x/\"lab\"")
            .expect("timers");
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "homelab-backup-run.timer",
                "homelab-backup-run.service",
                "homelab-backup-check.timer",
                "homelab-backup-check.service"
            ]
        );
        assert!(
            files[0]
                .text
                .contains("\nOnCalendar=*-*-* 03:30:00\nPersistent=true\n")
        );
        let started = "\nExecStart=\"/opt/a b/homelab\" backup run --lab \"/srv/100%%/$$x/\\\"lab\\\"\"\n";
        assert!(files[1].text.contains(started), "{}", files[1].text);
        let cron = lab
            .timers(Timers::Cron, "/opt/homelab", "/srv/it's 100%")
            .expect("timers");
        assert_eq!(
            cron[0].text.lines().nth(1),
            Some("30 3 * * * '/opt/homelab' backup run --lab '/srv/it'\\''s 100\\%'")
        );
        for (program, folder) in [
            ("homelab", "/srv"),
            ("/opt/homelab", "."),
            ("/opt/homelab", "/srv/a\nb"),
        ] {
            let error = lab.timers(Timers::Cron, program, folder).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        let nothing = Lab::from_texts("home", [("lab.toml", "")]).timers(Timers::Cron, "/a", "/b");
        assert_eq!(
            nothing.expect_err("nothing is scheduled").kind(),
            ErrorKind::NotFound
        );
    }
}
