//! From files to a [`Lab`]: settings read, projects found and resolved, names and machines given, all checked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::discover::{Because, Found, discover, unread};
use super::unsaid::Unsaid;
use super::{Entry, Inner, Instance, Lab, LabFile, Manifest, Pattern, check, in_words, rules, slot};
use crate::compose::{Project, ResolveOptions, quadlet};
use crate::error::Result;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::name::{HostName, ProjectName};
use crate::span::{Source, Span, Spanned};

/// Where the resolver finds the files that a project names.
pub(super) enum Disk {
    Real,
    Memory(Arc<HashMap<PathBuf, Arc<str>>>),
}

/// Builds the lab of these files, which are in the order of their paths.
pub(super) fn build(
    name: String,
    root: PathBuf,
    files: Vec<LabFile>,
    mut diagnostics: Vec<Finding>,
    disk: &Disk,
) -> Lab {
    let unread = diagnostics.clone();
    let mut settings =
        |path: &str| {
            let file = files.iter().find(|file| file.path() == path)?;
            match file.text() {
                Some(text) => Some(Source::new(path, text)),
                None => {
                    let message =
                        format!("`{path}` is no UTF-8 text, or too large: none of its settings is in force");
                    let finding = Finding::new(&rules::UNREADABLE, Subject::Lab, message);
                    diagnostics.push(finding.at(&Span::file(&Source::new(path, ""))).with_fix(
                        "Save it as UTF-8, below a megabyte: editors call UTF-16 `Unicode` as well.",
                    ));
                    None
                }
            }
        };
    let (pattern, instance) = (settings("lab.toml"), settings("instance.toml"));
    let (pattern, wrong) = pattern.as_ref().map(Pattern::read).unwrap_or_default();
    diagnostics.extend(wrong);
    let (instance, wrong) = instance.as_ref().map(Instance::read).unwrap_or_default();
    diagnostics.extend(wrong);

    let mut resolver = Resolver {
        lab: &name,
        root: &root,
        files: &files,
        disk,
        findings: Vec::new(),
        beside: Vec::new(),
    };
    let mut candidates = resolver.candidates();
    drop_included(&mut candidates);
    for candidate in &mut candidates {
        candidate.hosts = hosts(candidate, &instance);
    }
    resolver.tell_apart(&mut candidates);
    diagnostics.append(&mut resolver.findings);
    let beside = resolver.beside;

    let mut services = Vec::new();
    let mut projects = Vec::new();
    for candidate in candidates {
        let hosts: Vec<Option<HostName>> = match candidate.hosts.as_slice() {
            [] => vec![None],
            hosts => hosts.iter().cloned().map(Some).collect(),
        };
        let tier = pattern.tier(candidate.project.name());
        for host in hosts {
            services.extend(Entry::of(projects.len(), &candidate.project, host.as_ref(), tier));
        }
        projects.push(candidate.project);
    }
    let slots = slot::findings(&pattern, &projects);
    let own = projects.iter().flat_map(|project| project.diagnostics());
    diagnostics.extend(
        own.filter(|finding| !slot::says(&pattern, &slots, finding))
            .cloned(),
    );
    diagnostics.extend(check::names(&pattern, &instance, &projects, &services));
    diagnostics.extend(slots);
    let compose: BTreeSet<&str> = projects
        .iter()
        .flat_map(Project::files)
        .map(Source::name)
        .collect();
    diagnostics.extend(unread_files(&files, &beside, &compose));
    let manifest = Manifest::new(files, &pattern, |path| {
        compose.contains(path) && (path.ends_with(".yaml") || path.ends_with(".yml"))
    });
    diagnostics.extend(idle_globs(&pattern, &manifest));
    let unsaid = Unsaid::new(&pattern, &projects);
    diagnostics
        .iter_mut()
        .for_each(|finding| unsaid.clear_finding(finding));
    Lab(Arc::new(Inner {
        name,
        root,
        pattern,
        instance,
        projects,
        services,
        manifest,
        catalog: OnceLock::new(),
        diagnostics,
        unread,
        unsaid,
    }))
}

/// Returns what is said of strata that are given to no file by signs that mean nothing here: others may be ahead of time.
fn idle_globs<'a>(pattern: &'a Pattern, manifest: &'a Manifest) -> impl Iterator<Item = Finding> + 'a {
    let globs = pattern.strata().iter().map(|(glob, _)| glob);
    let odd = |glob: &&Spanned<String>| glob.value().contains(['[', ']', '{', '}', '!']);
    let idle = globs.filter(odd).filter(|glob| !manifest.has_match(glob.value()));
    idle.map(|glob| {
        let message = format!("`{}` of `[strata]` matches no file", glob.value());
        Finding::new(&rules::UNKNOWN_NAME, Subject::Lab, message)
            .at(glob.span())
            .with_fix(
                "Correct the pattern, or remove the line: `*` stands for a name, `**` for folders as well.",
            )
    })
}

/// Returns what is said of the files that may be Compose files and are part of no project.
fn unread_files(files: &[LabFile], beside: &[usize], read: &BTreeSet<&str>) -> Option<Finding> {
    let unread: Vec<&LabFile> = beside
        .iter()
        .filter_map(|at| files.get(*at))
        .filter(|file| !read.contains(file.path()))
        .collect();
    let first = unread.first()?;
    let names: Vec<String> = unread.iter().map(|file| format!("`{}`", file.path())).collect();
    let message = format!("not read: {}", in_words(&names, "and", 5));
    let place = |file: &LabFile| Span::file(&Source::new(file.path(), file.text().unwrap_or_default()));
    let finding = Finding::new(&rules::UNREAD_FILE, Subject::Lab, message).at(&place(first));
    if unread.len() <= 5 {
        return Some(finding);
    }
    Some(unread.iter().fold(finding, |finding, file| {
        finding.with_evidence(Evidence::said(format!("`{}`", file.path())))
    }))
}

/// A project that was found and read, not yet part of the lab.
struct Candidate {
    found: Found,
    project: Project,
    hosts: Vec<HostName>,
}

struct Resolver<'a> {
    lab: &'a str,
    root: &'a Path,
    files: &'a [LabFile],
    disk: &'a Disk,
    findings: Vec<Finding>,
    /// Files beside those of projects that may be Compose files as well, as places in `files`.
    beside: Vec<usize>,
}

impl Resolver<'_> {
    /// Finds and resolves every project.
    fn candidates(&mut self) -> Vec<Candidate> {
        let paths: Vec<&str> = self.files.iter().map(LabFile::path).collect();
        let found = discover(&paths, |path| self.text(path));
        let beside = unread(&paths, &found, |path| self.text(path));
        let place = |path: &str| self.files.binary_search_by(|file| file.path().cmp(path)).ok();
        self.beside = beside.into_iter().filter_map(place).collect();
        let mut candidates = Vec::new();
        for found in found {
            for shadowed in &found.shadowed {
                let message = format!(
                    "`{shadowed}` is not used: Compose takes `{}` beside it",
                    found.files[0]
                );
                self.findings
                    .push(Finding::new(&rules::SHADOWED, Subject::Lab, message));
            }
            match self.resolve(&found, None) {
                // What was only guessed to be a Compose file is none when nothing runs by it.
                Ok(project) if found.because == Because::Content && project.services().is_empty() => {}
                Ok(project) => {
                    let project = self.named(&found, project);
                    candidates.push(Candidate {
                        found,
                        project,
                        hosts: Vec::new(),
                    });
                }
                Err(_) if found.because == Because::Content => {}
                Err(error) => {
                    let finding =
                        Finding::new(&rules::UNREADABLE, Subject::Lab, format!("failed to {error}"));
                    self.findings.push(finding.at_maybe(error.place()));
                }
            }
        }
        candidates
    }

    fn text(&self, path: &str) -> Option<&str> {
        let at = self.files.binary_search_by(|file| file.path().cmp(path)).ok()?;
        self.files[at].text()
    }

    /// Returns the project under the name that discovery gives it, where neither file nor `.env` give one.
    fn named(&self, found: &Found, project: Project) -> Project {
        let Some(name) = found.name.as_deref().and_then(normalised) else {
            return project;
        };
        let by_folder =
            project.name_span().is_none() && Some(project.name()) == self.folder_name(found).as_ref();
        if !by_folder && found.because != Because::Quadlet {
            return project;
        }
        self.resolve(found, Some(&name)).unwrap_or(project)
    }

    /// Returns the name that Compose gives a project of this folder.
    fn folder_name(&self, found: &Found) -> Option<ProjectName> {
        normalised(
            found
                .folder
                .rsplit('/')
                .find(|part| !part.is_empty())
                .unwrap_or(self.lab),
        )
    }

    fn resolve(&self, found: &Found, name: Option<&ProjectName>) -> Result<Project> {
        let directory = self.root.join(&found.folder);
        if found.because == Because::Quadlet {
            let own = name.cloned().or_else(|| self.folder_name(found));
            let own = own.unwrap_or_else(|| ProjectName::new("_").expect("`_` is a project name"));
            let units: Vec<Source> = found
                .files
                .iter()
                .filter_map(|path| Some(Source::new(path.as_str(), self.text(path)?)))
                .collect();
            return Ok(quadlet::project(own, &directory, &units, |path| {
                let path = path.strip_prefix(self.root).ok()?.to_str()?;
                Some(Source::new(path, self.text(path)?))
            }));
        }
        let absolute = |paths: &[String]| paths.iter().map(|path| self.root.join(path)).collect::<Vec<_>>();
        let mut options = ResolveOptions::lenient()
            .with_files(absolute(&found.files))
            .with_directory(directory)
            .with_root(self.root)
            .with_env_files(absolute(&found.environment));
        if let Some(name) = name {
            options = options.with_name(name.as_str());
        }
        if let Disk::Memory(memory) = self.disk {
            options = options.with_memory(memory.clone());
        }
        Project::resolve(&options)
    }

    /// Gives projects that share a name on one machine those of their folders, and says so.
    fn tell_apart(&mut self, candidates: &mut [Candidate]) {
        let mut groups: BTreeMap<ProjectName, Vec<usize>> = BTreeMap::new();
        for (index, candidate) in candidates.iter().enumerate() {
            groups
                .entry(candidate.project.name().clone())
                .or_default()
                .push(index);
        }
        let mut taken: BTreeSet<ProjectName> = groups.keys().cloned().collect();
        let mut findings = Vec::new();
        for (name, group) in groups {
            let meets_another = |&one: &usize| {
                let others = group.iter().filter(|other| **other != one);
                others
                    .into_iter()
                    .any(|&other| share(&candidates[one], &candidates[other]))
            };
            let clash: Vec<usize> = group.iter().copied().filter(meets_another).collect();
            if clash.is_empty() {
                continue;
            }
            taken.remove(&name);
            let known = clash.iter().all(|&index| !candidates[index].hosts.is_empty());
            let mut finding = shared_name(&name, clash.iter().map(|&index| &candidates[index]), known);
            for &index in &clash {
                let candidate = &mut candidates[index];
                let new = unique_name(self.lab, &candidate.found, &taken);
                if let Some(place) = name_place(&candidate.project) {
                    finding = finding.with_evidence(Evidence::at(format!("called `{new}` here"), &place));
                }
                taken.insert(new.clone());
                if let Ok(project) = self.resolve(&candidate.found, Some(&new)) {
                    candidate.project = project;
                }
            }
            findings.push(finding);
        }
        self.findings.extend(few(findings));
    }
}

/// Returns the finding that several folders make one project.
fn shared_name<'a>(name: &ProjectName, clash: impl Iterator<Item = &'a Candidate>, known: bool) -> Finding {
    let clash: Vec<&Candidate> = clash.collect();
    let files: Vec<String> = clash
        .iter()
        .map(|one| format!("`{}`", one.found.files[0]))
        .collect();
    let files = in_words(&files, "and", 5);
    let of_compose = clash.iter().filter(|one| one.found.because != Because::Quadlet);
    // Podman's units bear names of their own: only the lab cannot tell them from a project.
    let meet = of_compose.count() > 1;
    let message = if meet {
        format!("{} folders make the project `{name}`: {files}", clash.len())
    } else {
        format!("a Compose project and units of Podman are both called `{name}` here: {files}")
    };
    let place = clash.first().and_then(|one| name_place(&one.project));
    let finding = Finding::new(&rules::SHARED_NAME, Subject::Project(name.clone()), message);
    // On different machines, which nobody has named, they would not meet.
    let severity = if known && meet {
        Severity::Warning
    } else {
        Severity::Note
    };
    let finding = finding.at_maybe(place.as_ref()).with_severity(severity);
    if meet {
        finding
    } else {
        finding.with_fix(
            "Nothing stops working; to choose how reports call them, give the Compose project a `name:`.",
        )
    }
}

/// Returns where a project's name is written, else its first file.
fn name_place(project: &Project) -> Option<Span> {
    let written = project.name_span().cloned();
    written.or_else(|| project.files().first().map(Span::file))
}

/// Returns the findings, or one with a list where the same is true of more than three projects.
fn few(findings: Vec<Finding>) -> Vec<Finding> {
    let (Some(worst), true) = (findings.iter().map(Finding::severity).max(), findings.len() > 3) else {
        return findings;
    };
    let names: Vec<String> = findings
        .iter()
        .filter_map(Finding::project)
        .map(|name| format!("`{name}`"))
        .collect();
    let message = format!(
        "{} names are those of several projects: {}",
        names.len(),
        in_words(&names, "and", 8)
    );
    let place = findings.first().and_then(Finding::place);
    let one = Finding::new(&rules::SHARED_NAME, Subject::Lab, message)
        .at_maybe(place)
        .with_severity(worst);
    let evidence = findings.iter().flat_map(Finding::evidence);
    vec![evidence.fold(one, |one, evidence| one.with_evidence(evidence.clone()))]
}

/// Returns whether two projects of one name are on one machine. Where nobody has said, they may be.
fn share(one: &Candidate, other: &Candidate) -> bool {
    one.hosts == other.hosts || one.hosts.iter().any(|host| other.hosts.contains(host))
}

/// Returns a free name made of as many folders as are needed, and a number where even they are not enough.
fn unique_name(lab: &str, found: &Found, taken: &BTreeSet<ProjectName>) -> ProjectName {
    let folders: Vec<&str> = found.folder.split('/').filter(|part| !part.is_empty()).collect();
    let own = found
        .name
        .as_deref()
        .filter(|_| found.because != Because::Quadlet);
    let mut parts: Vec<&str> = folders.iter().copied().chain(own).collect();
    if parts.is_empty() {
        parts.push(lab);
    }
    let by_folders = (1..=parts.len())
        .filter_map(|count| normalised(&parts[parts.len() - count..].join("-")))
        .find(|name| !taken.contains(name));
    by_folders.unwrap_or_else(|| {
        let base = normalised(&parts.join("-"));
        let base = base.as_ref().map_or("project", ProjectName::as_str);
        (2..)
            .filter_map(|number| ProjectName::new(&format!("{base}-{number}")).ok())
            .find(|name| !taken.contains(name))
            .expect("numbers do not end")
    })
}

/// Returns a text as Compose makes a project's name of it.
fn normalised(text: &str) -> Option<ProjectName> {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c))
        .collect();
    ProjectName::new(kept.trim_start_matches(['-', '_'])).ok()
}

/// Drops projects that others include: a file in the root that includes those of all folders is how many start
/// everything at once, and each service is to be there once.
fn drop_included(candidates: &mut Vec<Candidate>) {
    let is_part = |one: &Candidate, whole: &Candidate| {
        let main = &one.found.files[0];
        let read = whole.project.files().iter().any(|source| source.name() == main);
        // A file that is only extended gives single services; the project it belongs to stays.
        let all = one
            .project
            .services()
            .keys()
            .all(|name| whole.project.services().contains_key(name));
        read && (all || one.found.because > Because::Main) && one.found.files != whole.found.files
    };
    let keep: Vec<bool> = candidates
        .iter()
        .enumerate()
        .map(|(index, one)| {
            !candidates.iter().enumerate().any(|(other, whole)| {
                // Of two that read each other's files the first stays.
                index != other && is_part(one, whole) && !(index < other && is_part(whole, one))
            })
        })
        .collect();
    let mut keep = keep.into_iter();
    candidates.retain(|_| keep.next().unwrap_or(true));
}

/// Returns the machines that run a project: those that instance.toml says, else the one whose name a folder above it
/// has, else the only one there is.
fn hosts(candidate: &Candidate, instance: &Instance) -> Vec<HostName> {
    if let Some(entry) = instance.projects().get(candidate.project.name()) {
        let mut hosts: Vec<HostName> = Vec::new();
        for host in entry.hosts().iter().map(crate::Spanned::value) {
            if instance.host(host).is_some() && !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        if !hosts.is_empty() {
            return hosts;
        }
    }
    // Several hosts may have their folders of one project: the nearest folder counts.
    let by_folder = candidate.found.folder.rsplit('/').find_map(|part| {
        let name = HostName::new(part).ok()?;
        instance.host(&name).map(|host| host.name().clone())
    });
    let mut all = instance.hosts();
    match (by_folder, all.next(), all.next()) {
        (Some(host), ..) => vec![host],
        (None, Some(only), None) => vec![only.name().clone()],
        _ => Vec::new(),
    }
}
