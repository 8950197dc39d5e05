//! Plans for backups: which data goes where, what is restored from where, what is checked and drilled.

use std::collections::BTreeMap;

use super::dataset::Dataset;
use super::domain::{self, Original};
use super::retention::Why;
use super::{Copy, Storage, Verdict, copy};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::{Lab, RepositoryEntry, Retention, in_words, nearest};
use crate::name::{DatasetName, HostName, RepositoryName};
use crate::observed::{Completeness, Holdings, Machine, Observed, Snapshot};
use crate::plan::{BackupAction, BackupStep, Depth, Plan, Step};

/// What of a dataset is copied from this machine.
pub(super) struct Sources {
    host: HostName,
    paths: Vec<String>,
    volumes: Vec<String>,
    live: Vec<String>,
}

impl Lab {
    /// Returns the plan that makes a repository: nothing else ever does, since where a disk is not mounted it would be made
    /// on another one.
    ///
    /// # Errors
    /// `NotFound` where the lab has none of this name; `Unsupported` where this build or machine cannot work on it; `Conflict`
    /// where it is there already.
    pub fn plan_make_repository(&self, repository: &str, seen: &Observed) -> Result<Plan> {
        let title = format!("make repository {}", repository.escape_debug());
        let holdings = self.asked(repository, &title, seen)?;
        if holdings.is_seen() {
            let message = format!("plan to {title}: it is there already");
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if let Some((kind, why)) = holdings
            .gap
            .as_ref()
            .filter(|(kind, _)| *kind != ErrorKind::NotInitialised)
        {
            return Err(Error::new(*kind, format!("plan to {title}: failed to {why}")));
        }
        Plan::new(title, [step(&holdings.repository, BackupAction::Make)])
    }

    /// Returns the plan that copies data into every repository that can be worked on from here: a dataset by its name, or
    /// with `*` all that needs copies and lies on this machine. What is not copied from here the plan's title says.
    ///
    /// Files are read as they lie. Of a running database that is no copy, and the plan says so.
    ///
    /// ```
    /// use homelab_core::observed::{Backups, Holdings, Machine};
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts("home", [
    ///     ("lab.toml", "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['/srv/photos']"),
    ///     ("instance.toml", "[hosts.nas]\n[repositories.usb]\nkind = 'restic'\nlocation = '/mnt/usb/copies'"),
    /// ]);
    /// let at = "2027-01-01T00:00:00Z".parse()?;
    /// let mut usb = Holdings::new("usb".parse()?, at, "rustic");
    /// usb.snapshots = Some(Vec::new());
    /// let seen = Observed::none(at)
    ///     .with_machine(Machine::new("nas".parse()?))
    ///     .with_backups(Backups::new([usb]));
    /// assert_eq!(
    ///     lab.plan_backup("photos", &seen)?.to_string(),
    ///     "back up photos\n  1. copy `photos` from host `nas` into repository `usb`: `/srv/photos`\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a name of no dataset; `Refused` where its data is not on this machine, or where nothing can be planned;
    /// `Unsupported` where no repository was asked, or none can be worked on.
    pub fn plan_backup(&self, target: &str, seen: &Observed) -> Result<Plan> {
        let title = match target {
            "*" => "back up all that needs copies".to_owned(),
            target => format!("back up {}", target.escape_debug()),
        };
        let mut repositories = Vec::new();
        let mut why_not = Vec::new();
        for holdings in self.all_asked(&title, seen)? {
            match &holdings.gap {
                Some((ErrorKind::Unsupported, why)) => why_not.push(why.clone()),
                _ => repositories.push(&holdings.repository),
            }
        }
        if repositories.is_empty() {
            let message = format!("plan to {title}: no repository can be worked on from here");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(failed(&why_not)));
        }
        let datasets = self.meant_datasets(target, &title)?;
        let mut steps = Vec::new();
        let mut elsewhere = Vec::new();
        for dataset in &datasets {
            let sources = match self.sources(dataset, seen) {
                Ok(sources) => sources,
                Err(why) => {
                    elsewhere.push((dataset.name(), why));
                    continue;
                }
            };
            for repository in &repositories {
                self.is_apart(repository, &sources, &title)?;
                steps.push(step(
                    repository,
                    BackupAction::Run {
                        dataset: dataset.name().clone(),
                        host: sources.host.clone(),
                        at: seen.at(),
                        paths: sources.paths.clone(),
                        volumes: sources.volumes.clone(),
                        live: sources.live.clone(),
                    },
                ));
            }
        }
        let whys: Vec<String> = elsewhere
            .iter()
            .map(|(name, why)| format!("`{name}`: {why}"))
            .collect();
        if steps.is_empty() {
            let message = format!("plan to {title}: nothing of it can be copied from here");
            return Err(Error::new(ErrorKind::Refused, message).with_hint(whys.join("; ")));
        }
        let title = match whys.is_empty() {
            true => title,
            false => format!("{title}; not from here: {}", whys.join("; ")),
        };
        Plan::new(title, steps)
    }

    /// Returns the plan that reads a repository, or with `*` each that can be worked on, as deep as is asked: where that is not
    /// said the next part of its data, of as many as `check_parts` in lab.toml says, and without that its structure.
    ///
    /// # Errors
    /// `Invalid` for a part that there is not; as [`plan_make_repository`](Lab::plan_make_repository) else.
    pub fn plan_check(&self, repository: &str, depth: Option<Depth>, seen: &Observed) -> Result<Plan> {
        let asked = depth.map_or_else(String::new, |depth| format!("{depth} of "));
        let title = match repository {
            "*" => format!("check {asked}every repository"),
            name => format!("check {asked}{}", name.escape_debug()),
        };
        if let Some(Depth::Part { number, of }) = depth
            && (number == 0 || number > of)
        {
            let error = Error::new(ErrorKind::Invalid, format!("plan to {title}"));
            return Err(error.with_hint("parts are numbered from 1: `1/7` to `7/7`"));
        }
        let chosen = match repository {
            "*" => self.all_asked(&title, seen)?,
            name => vec![self.asked(name, &title, seen)?],
        };
        let can = |one: &&Holdings| !matches!(one.gap, Some((ErrorKind::Unsupported, _)));
        let steps: Vec<Step> = chosen
            .iter()
            .copied()
            .filter(can)
            .map(|one| {
                let depth = depth.unwrap_or_else(|| self.next_depth(one));
                step(&one.repository, BackupAction::Check { depth })
            })
            .collect();
        match steps.is_empty() {
            true => Err(none_works(&title, &chosen)),
            false => Plan::new(title, steps),
        }
    }

    /// Returns the plan that restores a dataset below a folder, absolute, that is not there or empty: from its newest whole
    /// copy, or from the newest of this repository. A path `/srv/a` becomes `FOLDER/srv/a`.
    ///
    /// # Errors
    /// `NotFound` for a name of no dataset, or where no repository holds it, with what each said; `Invalid` for a folder that
    /// is not absolute; `Unsupported` where no repository was asked.
    pub fn plan_restore(
        &self,
        dataset: &str,
        folder: &str,
        repository: Option<&str>,
        seen: &Observed,
    ) -> Result<Plan> {
        let title = format!("restore {}", dataset.escape_debug());
        if !folder.starts_with('/') {
            let error = Error::new(ErrorKind::Invalid, format!("plan to {title} into `{folder}`"));
            return Err(error.with_hint("name an absolute path"));
        }
        let verdict = self.judged(dataset, &title, seen)?;
        let copies = self.held(&verdict, repository, &title, seen)?;
        // Whole before partial, then the newest: damage and doubt come last.
        let best = copies.iter().min_by_key(|copy| {
            let doubt = copy
                .reasons()
                .iter()
                .any(|why| matches!(why.as_str(), "damaged" | "sync" | "future"));
            let partial = copy.held().map(|held| held.completeness == Completeness::Partial);
            (doubt, partial, copy.held().map(|held| held.age))
        });
        let snapshots: Vec<_> = best.into_iter().flat_map(|copy| copy.snapshots()).collect();
        let many = snapshots.len() > 1;
        let steps = best.into_iter().flat_map(|copy| {
            let steps = copy.snapshots().iter().map(|(snapshot, at)| {
                let below = || {
                    format!(
                        "{}/{}",
                        folder.trim_end_matches('/'),
                        snapshot.get(..8).unwrap_or(snapshot)
                    )
                };
                step(
                    copy.repository(),
                    BackupAction::Restore {
                        dataset: verdict.dataset().name().clone(),
                        snapshot: snapshot.clone(),
                        at: *at,
                        folder: if many { below() } else { folder.to_owned() },
                    },
                )
            });
            steps.collect::<Vec<_>>()
        });
        Plan::new(title, steps)
    }

    /// Returns the plan that proves that a dataset restores, from each repository that holds it, or from this one. With `*`
    /// every dataset that needs copies and has one.
    ///
    /// # Errors
    /// As [`plan_restore`](Lab::plan_restore).
    pub fn plan_drill(&self, target: &str, repository: Option<&str>, seen: &Observed) -> Result<Plan> {
        let title = match target {
            "*" => "drill all that has copies".to_owned(),
            target => format!("drill {}", target.escape_debug()),
        };
        self.all_asked(&title, seen)?;
        let mut steps = Vec::new();
        let mut missing = None;
        for dataset in self.meant_datasets(target, &title)? {
            let paths = self.sources(&dataset, seen).map(|sources| sources.paths);
            let paths = paths.unwrap_or_default();
            let verdict = copy::judge(self, dataset, seen);
            let copies = match self.held(&verdict, repository, &title, seen) {
                Ok(copies) => copies,
                Err(error) => {
                    missing = Some(error);
                    continue;
                }
            };
            for copy in copies {
                for (snapshot, at) in copy.snapshots() {
                    let action = BackupAction::Drill {
                        dataset: verdict.dataset().name().clone(),
                        snapshot: snapshot.clone(),
                        at: *at,
                        paths: paths.clone(),
                    };
                    steps.push(step(copy.repository(), action));
                }
            }
        }
        match missing {
            Some(error) if steps.is_empty() => Err(error),
            _ => Plan::new(title, steps),
        }
    }

    /// Returns the plan that forgets snapshots which these rules do not keep (where there are none, those that lab.toml has
    /// for the dataset, then instance.toml for the repository, then lab.toml for all, then the usual ones), and takes out what no snapshot has any more:
    /// of the snapshots of a dataset that are of exactly its paths, in each repository that can be worked on. Snapshots of
    /// anything else stay. `{plan:#}` says of each that is kept why.
    ///
    /// # Errors
    /// `Refused` where no rules are given and something of the settings was not understood; as
    /// [`plan_backup`](Lab::plan_backup) else.
    pub fn plan_prune(&self, target: &str, retention: Option<&Retention>, seen: &Observed) -> Result<Plan> {
        let title = match target {
            "*" => format!("prune, keeping {}", self.kept_in_words(retention)),
            target => format!(
                "prune {}, keeping {}",
                target.escape_debug(),
                self.kept_in_words(retention)
            ),
        };
        if retention.is_none() {
            self.understood(&format!("plan to {title}"))?;
        }
        let asked = self.all_asked(&title, seen)?;
        let works = |one: &&Holdings| one.is_seen();
        let seen_ones: Vec<&Holdings> = asked.iter().copied().filter(works).collect();
        if seen_ones.is_empty() {
            return Err(none_works(&title, &asked));
        }
        let datasets = self.meant_datasets(target, &title)?;
        let mut steps = Vec::new();
        for holdings in seen_ones {
            let before = steps.len();
            for dataset in &datasets {
                let Ok(sources) = self.sources(dataset, seen) else {
                    continue;
                };
                let own = own_snapshots(holdings, &sources);
                let drilled = holdings.drills.get(dataset.name()).filter(|drill| drill.passed);
                let mut gone = Vec::new();
                let mut kept = Vec::new();
                let rules = retention
                    .cloned()
                    .unwrap_or_else(|| self.keeps(dataset, &holdings.repository));
                for (snapshot, why) in rules.judge(&own, drilled.map(|drill| drill.snapshot.as_str())) {
                    match why {
                        Why::Forgotten => gone.push((snapshot.id.clone(), snapshot.at)),
                        Why::Kept(reasons) => kept.push((snapshot.at, reasons.join(", "))),
                    }
                }
                if !gone.is_empty() {
                    let action = BackupAction::Forget {
                        dataset: dataset.name().clone(),
                        snapshots: gone,
                        kept,
                    };
                    steps.push(step(&holdings.repository, action));
                }
            }
            if steps.len() > before || target == "*" {
                steps.push(step(&holdings.repository, BackupAction::Prune));
            }
        }
        Plan::new(title, steps)
    }

    /// Returns what a repository of the lab said.
    fn asked<'s>(&self, repository: &str, title: &str, seen: &'s Observed) -> Result<&'s Holdings> {
        let all = self.all_asked(title, seen)?;
        let found = all.iter().find(|one| one.repository.as_str() == repository);
        let holdings = found.copied().ok_or_else(|| {
            let names = all.iter().map(|one| one.repository.as_str());
            let error = Error::new(
                ErrorKind::NotFound,
                format!(
                    "plan to {title}: the lab has no repository `{}`",
                    repository.escape_debug()
                ),
            );
            match nearest(repository, names) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("instance.toml names them under `[repositories]`"),
            }
        })?;
        match &holdings.gap {
            Some((ErrorKind::Unsupported, why)) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("plan to {title}: failed to {why}"),
            )),
            _ => Ok(holdings),
        }
    }

    /// Returns what every repository said.
    pub(super) fn all_asked<'s>(&self, title: &str, seen: &'s Observed) -> Result<Vec<&'s Holdings>> {
        let Some(backups) = seen.backups() else {
            let message = format!("plan to {title}: no repository was asked");
            let hint = match self.instance().repositories().is_empty() {
                true => "name one under `[repositories]` in instance.toml",
                false => {
                    "observe the world first, in a build with the feature `rustic`; of the lab's repositories it works on \
                     those of kind `restic` in a folder of this machine"
                }
            };
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(hint));
        };
        Ok(backups.value().repositories().collect())
    }

    fn judged(&self, dataset: &str, title: &str, seen: &Observed) -> Result<Verdict> {
        self.all_asked(title, seen)?;
        let mut found = self.meant_datasets(dataset, title)?;
        match found.len() {
            1 => Ok(copy::judge(self, found.remove(0), seen)),
            _ => {
                let error = Error::new(ErrorKind::Invalid, format!("plan to {title}"));
                Err(error.with_hint("name one dataset: `backup status` lists them"))
            }
        }
    }

    /// Returns the copies of a dataset from which something can be restored here.
    fn held<'v>(
        &self,
        verdict: &'v Verdict,
        repository: Option<&str>,
        title: &str,
        seen: &Observed,
    ) -> Result<Vec<&'v Copy>> {
        if let Some(name) = repository {
            self.asked(name, title, seen)?;
        }
        let meant = |copy: &&Copy| repository.is_none_or(|name| copy.repository().as_str() == name);
        let copies: Vec<&Copy> = verdict.held().iter().filter(meant).collect();
        let held: Vec<&Copy> = copies
            .iter()
            .copied()
            .filter(|copy| copy.held().is_some())
            .collect();
        if held.is_empty() {
            let whys: Vec<String> = copies
                .iter()
                .filter_map(|copy| {
                    copy.reasons()
                        .first()
                        .map(|why| format!("`{}`: {why}", copy.repository()))
                })
                .collect();
            let message = format!(
                "plan to {title}: no repository is known to hold all of `{}`",
                verdict.dataset().name()
            );
            return Err(Error::new(ErrorKind::NotFound, message).with_hint(whys.join("; ")));
        }
        Ok(held)
    }

    fn meant_datasets(&self, target: &str, title: &str) -> Result<Vec<Dataset>> {
        let mut all = self.datasets();
        if target == "*" {
            all.retain(|one| one.needs_copies() || one.class().is_none());
            if all.is_empty() {
                let error = Error::new(
                    ErrorKind::NotFound,
                    format!("plan to {title}: no data is known that needs copies"),
                );
                return Err(error.with_hint("name it under `[datasets]` in lab.toml"));
            }
            return Ok(all);
        }
        let names: Vec<DatasetName> = all.iter().map(|one| one.name().clone()).collect();
        all.retain(|one| one.name().as_str() == target);
        if all.is_empty() {
            let message = format!(
                "plan to {title}: the lab has no dataset `{}`",
                target.escape_debug()
            );
            let error = Error::new(ErrorKind::NotFound, message);
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            return Err(match nearest(target, names.iter().map(DatasetName::as_str)) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None if quoted.is_empty() => error.with_hint("name it under `[datasets]` in lab.toml"),
                None => error.with_hint(format!("there is {}", in_words(&quoted, "and", 8))),
            });
        }
        Ok(all)
    }

    /// Returns what of a dataset is copied from here, or why it is not.
    pub(super) fn sources(&self, dataset: &Dataset, seen: &Observed) -> std::result::Result<Sources, String> {
        if let Some(problem) = dataset.problems().first() {
            return Err(problem.clone());
        }
        let machine = seen.machine().map(|seen| seen.value());
        let mut sources: Option<Sources> = None;
        for part in dataset.parts() {
            let original = domain::of_part(self, part, seen);
            let host = self
                .host_here(&original, part.storage(), machine)
                .map_err(|why| format!("`{part}` {why}"))?;
            let own = sources.get_or_insert_with(|| Sources {
                host: host.clone(),
                paths: Vec::new(),
                volumes: Vec::new(),
                live: Vec::new(),
            });
            let Some(path) = original.paths.first() else {
                return Err(format!("where `{part}` lies is not known"));
            };
            let path = std::path::Path::new(path);
            let plain = |part: &std::path::Component<'_>| {
                matches!(
                    part,
                    std::path::Component::Normal(_) | std::path::Component::RootDir
                )
            };
            if !path.components().all(|part| plain(&part)) {
                return Err(format!("`{}` has `..` in it", path.display()));
            }
            own.paths.push(path.display().to_string());
            own.volumes.extend(part.volumes.iter().cloned());
            if part.store().needs_care() {
                own.live.push(part.to_string());
            }
        }
        sources.ok_or_else(|| "it names no place".to_owned())
    }

    /// Returns what this machine is called, where the data lies on it.
    fn host_here(
        &self,
        original: &Original,
        storage: &Storage,
        machine: Option<&Machine>,
    ) -> std::result::Result<HostName, String> {
        if matches!(storage, Storage::Volume { remote: true, .. }) {
            return Err("lies on another machine, which shares it: back it up there".to_owned());
        }
        let Some(machine) = machine else {
            return Err("may not be here: which machine this is, is not known".to_owned());
        };
        let in_lab = |path: &String| std::path::Path::new(path).starts_with(self.root());
        match &original.used_on {
            Some(host) => match self.instance().host(host) {
                Some(entry) if machine.is(entry) => Ok(host.clone()),
                _ => Err(format!(
                    "is on host `{host}`, and this machine is `{}`: do it there (a machine is known by its name, or by \
                     `addresses` of its host in instance.toml)",
                    machine.name()
                )),
            },
            // What lies in the lab's own folder is here, wherever here is.
            None if original.paths.iter().all(in_lab) || self.instance().hosts().len() == 0 => {
                Ok(machine.name().clone())
            }
            None => {
                Err("is on a host that nobody has named: say which services use it, in lab.toml".to_owned())
            }
        }
    }

    /// Returns an error where a repository lies in what is copied into it.
    fn is_apart(&self, repository: &RepositoryName, sources: &Sources, title: &str) -> Result<()> {
        let entry = self.instance().repositories().get(repository);
        let location = entry
            .and_then(RepositoryEntry::location)
            .map(|one| one.value().as_str());
        let Some(own) = location.map(|text| text.strip_prefix("local:").unwrap_or(text)) else {
            return Ok(());
        };
        match sources
            .paths
            .iter()
            .find(|path| std::path::Path::new(own).starts_with(path))
        {
            None => Ok(()),
            Some(path) => {
                let message = format!(
                    "plan to {title}: repository `{repository}` lies in `{path}`, which it is to copy"
                );
                Err(Error::new(ErrorKind::Refused, message)
                    .with_hint("give it a place of its own, on another disk"))
            }
        }
    }
}

/// Returns the snapshots that are of exactly these paths of this machine: what else is in the repository is somebody else's.
pub(super) fn own_snapshots<'s>(holdings: &'s Holdings, sources: &Sources) -> Vec<&'s Snapshot> {
    let sorted = |paths: &[String]| {
        let mut paths: Vec<String> = paths
            .iter()
            .map(|path| path.trim_end_matches('/').to_owned())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    };
    let wanted = sorted(&sources.paths);
    let own =
        |one: &&Snapshot| one.host.as_deref() == Some(sources.host.as_str()) && sorted(&one.paths) == wanted;
    holdings.snapshots.iter().flatten().filter(own).collect()
}

fn step(repository: &RepositoryName, action: BackupAction) -> Step {
    Step::backup(BackupStep {
        repository: repository.clone(),
        action,
    })
}

fn failed(whys: &[String]) -> String {
    let whys: Vec<String> = whys.iter().map(|why| format!("failed to {why}")).collect();
    whys.join("; ")
}

/// Returns that no repository can be worked on, with why.
fn none_works(title: &str, asked: &[&Holdings]) -> Error {
    let whys: BTreeMap<_, _> = asked
        .iter()
        .filter_map(|one| one.gap.as_ref().map(|(_, why)| (&one.repository, why.clone())))
        .collect();
    let kind = asked
        .iter()
        .filter_map(|one| one.gap.as_ref().map(|(kind, _)| *kind))
        .find(|kind| *kind != ErrorKind::Unsupported);
    let whys: Vec<String> = whys.into_values().collect();
    Error::new(
        kind.unwrap_or(ErrorKind::Unsupported),
        format!("plan to {title}: no repository can be worked on"),
    )
    .with_hint(failed(&whys))
}
