//! What `init` writes: a commented lab.toml and instance.toml, made of what was found.
//!
//! Lines that begin with `# ` explain; those that begin with `#` and no blank are settings that a person may turn on.
//! What a person alone can know is only asked.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr as _;

use sha2::{Digest as _, Sha256};

use crate::adopt::adopted_projects;
use crate::compose::MountKind;
use crate::lab::{Lab, in_words};
use crate::name::{DatasetName, ServiceId, SlotName, VolumeName};
use crate::observed::{Machine, Observed};
use crate::plan::{Content, FileMode, LabPath, Plan, Step};
use crate::system::{Class, names_secret};
use crate::view::Reach;

impl Lab {
    /// Returns the plan that writes lab.toml and instance.toml where they are absent: a file that is there is never
    /// touched, so that the plan of a lab that has both is empty.
    ///
    /// Both are commented, and made of what the files hold and of the machine that was seen. lab.toml can be shared;
    /// instance.toml is for its owner's eyes only.
    ///
    /// Of a lab without services, whose engines were seen to run some (Portainer, Unraid, TrueNAS apps), it also writes
    /// the Compose files that would make them, as [`Lab::adopt`] reads them: each project in a folder of its own, by host
    /// where there are several, and the variables of each service in a file that nobody else may read and no output shows.
    ///
    /// ```
    /// use homelab_core::observed::Machine;
    /// use homelab_core::{Lab, Observed};
    ///
    /// let compose = "services: { server: { image: immich } }";
    /// let lab = Lab::from_texts("home", [("immich/compose.yaml", compose)]);
    /// let seen = Observed::none("2026-12-01T00:00:00Z".parse()?);
    /// let plan = lab.plan_init(&seen.with_machine(Machine::new("nas".parse()?)));
    /// assert_eq!(plan.steps().len(), 2);
    /// assert!(format!("{plan:#}").contains("[hosts.nas]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan_init(&self, seen: &Observed) -> Plan {
        let adopted = self.only_on_engines(seen);
        let texts = Texts::new(self, adopted.as_ref().map_or(self, |(lab, _)| lab), seen);
        let files = [
            ("lab.toml", texts.pattern, FileMode::Shared),
            ("instance.toml", texts.instance, FileMode::Private),
        ];
        let steps = files
            .into_iter()
            .filter(|(name, ..)| self.manifest().file(name).is_none())
            .map(|(name, text, mode)| {
                let path = LabPath::from_str(name).expect("both names are paths of the lab");
                Step::write_new(path, text).with_mode(mode)
            });
        let adopted = adopted.into_iter().flat_map(|(_, steps)| steps);
        Plan::new("write the lab's settings", steps.chain(adopted)).expect("the files have different names")
    }

    /// Returns what only engines have, as a lab, and the steps that write its files; nothing where there are files.
    fn only_on_engines(&self, seen: &Observed) -> Option<(Lab, Vec<Step>)> {
        let inventory = seen.inventory()?.value();
        if self.services().len() > 0 || inventory.containers().next().is_none() {
            return None;
        }
        let lab = Lab::adopt("adopted", inventory);
        let several = inventory.hosts().len() > 1;
        let (mut folders, mut files) = (BTreeSet::new(), Vec::new());
        for project in adopted_projects(inventory) {
            // A folder that is called after a host says that its projects run there.
            let above = if several {
                project.host.as_str()
            } else {
                "services"
            };
            let folder = format!("{above}/{}", project.called);
            for (name, text) in project.files {
                let mut shown = text.clone();
                lab.unsaid().clear(&mut shown);
                let content = match name.ends_with(".env") || shown != text {
                    true => Content::hidden(text),
                    false => Content::from(text),
                };
                let path = LabPath::from_str(&format!("{folder}/{name}"));
                let path = path.expect("names of hosts, projects and services are parts of a path");
                files.push(Step::write_new(path, content).with_mode(FileMode::Private));
            }
            folders.extend([above.to_owned(), folder]);
        }
        let folders = folders.iter().map(|folder| {
            let path = LabPath::from_str(folder);
            Step::create_folder(path.expect("names of hosts and projects are parts of a path"))
        });
        let steps = folders.chain(files).collect();
        Some((lab, steps))
    }
}

/// Both files, whether they exist already or not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts {
    pattern: String,
    instance: String,
}

impl Texts {
    /// The files are those of the lab, or what was found on its engines.
    fn new(own: &Lab, lab: &Lab, seen: &Observed) -> Texts {
        let exposures = lab.exposures(seen).into_iter();
        let init = Init {
            id: new_id(own, seen),
            machine: seen.machine().map(|machine| machine.value()),
            reaches: exposures
                .map(|exposure| (exposure.id().clone(), exposure.reach()))
                .collect(),
        };
        Texts {
            pattern: init.pattern(lab),
            instance: init.instance(lab),
        }
    }
}

/// Returns an id that no other lab has, in the form of a UUID that is a hash: of the lab's folder, the machine, and the
/// moment to its last digit. It need not be secret, only its own, and planning is the same each time.
fn new_id(lab: &Lab, seen: &Observed) -> String {
    let machine = seen
        .machine()
        .map_or("", |machine| machine.value().name().as_str());
    let mut hash = Sha256::new();
    for part in [lab.root().as_os_str().as_encoded_bytes(), machine.as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(seen.at().as_nanosecond().to_le_bytes());
    let digits: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Version 8, variant 2: a UUID of one's own making.
    format!(
        "{}-{}-8{}-a{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..]
    )
}

/// What is filled in, beside what the lab itself says.
struct Init<'a> {
    id: String,
    machine: Option<&'a Machine>,
    /// Who reaches each service today, so that the policy can begin with it.
    reaches: Vec<(ServiceId, Reach)>,
}

impl Init<'_> {
    fn pattern(&self, lab: &Lab) -> String {
        let mut out = String::from(
            "\
# lab.toml: the part of this lab that can be shared. It names roles and slots, never an address, a login or a path:
# those stand in instance.toml and in the `.env` beside each Compose file.
# A line that begins with `#` and no blank is a setting to turn on.

# For whom is the lab? solo, family, friends, team or public.
#audience = \"family\"
",
        );
        self.policy(lab, &mut out);
        tiers(lab, &mut out);
        datasets(lab, &mut out);
        slots(lab, &mut out);
        out.push_str(
            "
# A service that must be reached from further away than the policy allows needs a reason, somebody who answers for it,
# an end, and at least one mitigation: auth, rate-limit, waf or allow-list.
#[[exceptions]]
#service = \"PROJECT/SERVICE\"
#reach = \"internet\"
#reason = \"others post to it\"
#owner = \"admin\"
#expires = 2030-01-01
#mitigations = [\"auth\", \"rate-limit\"]
"
            .replace("PROJECT/SERVICE", &an_id(lab))
            .as_str(),
        );
        out
    }

    fn policy(&self, lab: &Lab, out: &mut String) {
        out.push_str(
            "
# The widest reach that a service may have: none, host, tailnet, lan or internet. Without it: anything but the internet.
[policy]
#reach = \"tailnet\"
",
        );
        let widest = |id: &ServiceId| {
            let own = self
                .reaches
                .iter()
                .filter(|(other, _)| other.project() == id.project() && other.service() == id.service());
            own.map(|(_, reach)| *reach).max()
        };
        let mut seen = BTreeSet::new();
        let mut lines = String::new();
        for service in lab.services() {
            let id = service.id();
            let name = format!("{}/{}", id.project(), id.service());
            // Nobody needs a line for what only its own machine reaches.
            let Some(reach) = widest(id).filter(|reach| *reach > Reach::Host) else {
                continue;
            };
            if seen.insert(name.clone()) {
                let _ = writeln!(lines, "#{} = {}", quoted(&name), quoted(reach.as_str()));
            }
        }
        if lines.is_empty() {
            let _ = writeln!(lines, "#{} = \"lan\"", quoted(&an_id(lab)));
        } else {
            out.push_str("\n# What reaches further than its own machine today. Keep the lines that are meant to be so.\n");
        }
        out.push_str("#[policy.services]\n");
        out.push_str(&lines);
    }

    fn instance(&self, lab: &Lab) -> String {
        let mut out = format!(
            "\
# instance.toml: the part of this lab that is private. What is true of this house alone stands here and in `.env` files.
# A line that begins with `#` and no blank is a setting to turn on.

# This lab's own, by which its state is kept. It says nothing about anything.
id = {}
",
            quoted(&self.id)
        );
        out.push_str("\n# Which machines are there? A folder named after one says that the projects below it run there.\n");
        match self.machine {
            None => {
                out.push_str("#[hosts.nas]\n");
                host_questions("nas", &mut out);
            }
            Some(machine) => {
                out.push_str(
                    "# As it was seen where this file was written: remove what runs nothing of this lab.\n",
                );
                host(machine, &mut out);
            }
        }
        let host = self.machine.map_or("nas", |machine| machine.name().as_str());
        out.push_str("\n# Where several machines are listed: which of them runs what?\n");
        let projects: BTreeSet<&str> = lab.projects().map(|project| project.name().as_str()).collect();
        for project in projects.iter().take(200) {
            let _ = writeln!(out, "#[projects.{}]\n#hosts = [{}]", key(project), quoted(host));
        }
        if projects.is_empty() {
            let _ = writeln!(out, "#[projects.NAME]\n#hosts = [{}]", quoted(host));
        }
        out.push_str(
            "
# The tailnet, as its admin console names it.
#[tailnet]
#suffix = \"tail1234.ts.net\"

# Who are the people, and which roles of lab.toml do they have?
#[people.me]
#login = \"me@example.com\"
#roles = [\"admin\"]

# Where are copies kept? A password is never written here, only where it is kept.
#[repositories.offsite]
#kind = \"restic\"
#location = \"s3:https://s3.example.com/BUCKET\"
#password = \"env:RESTIC_PASSWORD\"
#site = \"elsewhere\"
",
        );
        // `NAME` above is no project's name; where there is no project the line is an example only.
        out.replace("#[projects.NAME]", "#[projects.name]")
    }
}

fn host(machine: &Machine, out: &mut String) {
    let key = key(machine.name().as_str());
    let _ = writeln!(out, "[hosts.{key}]");
    match machine.kind() {
        Some(kind) => {
            let _ = writeln!(out, "kind = {}", quoted(kind.as_str()));
        }
        None => out.push_str("#kind = \"linux\"\n"),
    }
    host_questions(&key, out);
    if !machine.interfaces().is_empty() {
        let _ = writeln!(out, "[hosts.{key}.interfaces]");
    }
    for (interface, addresses) in machine.interfaces() {
        let addresses: Vec<String> = addresses
            .iter()
            .map(|address| quoted(&address.to_string()))
            .collect();
        let _ = writeln!(out, "{} = [{}]", self::key(interface), addresses.join(", "));
    }
}

fn host_questions(key: &str, out: &mut String) {
    if key == "nas" {
        out.push_str("#addresses = [\"192.0.2.10\"]\n");
    }
    out.push_str("# Has it an address of its own in the internet? `[]` says that it has none.\n#public_addresses = []\n");
    out.push_str("# Does a router forward ports to it? `[]` says that none does. Otherwise one table for each:\n#forwards = []\n");
}

/// Returns a service's name for an example.
fn an_id(lab: &Lab) -> String {
    lab.services().next().map_or_else(
        || "project/service".to_owned(),
        |service| format!("{}/{}", service.id().project(), service.id().service()),
    )
}

fn tiers(lab: &Lab, out: &mut String) {
    let projects: BTreeSet<String> = lab
        .projects()
        .map(|project| quoted(project.name().as_str()))
        .collect();
    let projects: Vec<String> = projects.into_iter().collect();
    out.push_str(
        "
# Which projects do others rely on? Those in production are updated by hand and their data is kept; those in a sandbox
# may break. Rules that are about production say nothing until it is named.
[tiers]
",
    );
    let _ = writeln!(out, "#production = [{}]\n#sandbox = []", projects.join(", "));
}

/// What of a project's data is known, by what losing it would mean.
type Data = BTreeMap<Class, (BTreeSet<String>, BTreeSet<String>)>;

/// Writes the datasets that are recognised, and asks for the volumes that are not.
fn datasets(lab: &Lab, out: &mut String) {
    let catalog = lab.catalog();
    let mut known: BTreeMap<&str, Data> = BTreeMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut settled: BTreeSet<String> = BTreeSet::new();
    for project in lab.projects() {
        for service in project.services().values() {
            let system = catalog.recognise(service);
            for mount in &service.mounts {
                let mount = &mount.value;
                let volume = mount.source.as_ref().filter(|key| {
                    // What is no volume's name cannot be said in lab.toml; the service that has it can.
                    mount.kind == MountKind::Volume && VolumeName::new(key).is_ok()
                });
                let volume = volume.map(|key| format!("{}/{key}", project.name()));
                match (system.and_then(|system| system.data_at(&mount.target)), volume) {
                    (Some(data), volume) if matches!(data.class, Class::Irreplaceable | Class::Important) => {
                        let entry = known
                            .entry(project.name().as_str())
                            .or_default()
                            .entry(data.class)
                            .or_default();
                        match volume {
                            Some(volume) => {
                                settled.insert(volume.clone());
                                entry.0.insert(volume)
                            }
                            // A path of the host is private; the service that has it is not.
                            None => entry.1.insert(format!("{}/{}", project.name(), service.name)),
                        };
                    }
                    (Some(_), Some(volume)) => {
                        settled.insert(volume);
                    }
                    (None, Some(volume)) => {
                        asked.insert(volume);
                    }
                    (_, None) => {}
                }
            }
        }
    }
    out.push_str(
        "
# Data worth a verdict. irreplaceable: exists nowhere else; important: could be made again with much work;
# reproducible: can be downloaded or computed again. What is known of the applications found here is filled in.
",
    );
    for (project, data) in &known {
        let several = data.len() > 1;
        for (class, (volumes, services)) in data {
            let name = if several {
                format!("{project}-{class}")
            } else {
                (*project).to_owned()
            };
            if DatasetName::new(&name).is_err() {
                continue;
            }
            let _ = writeln!(
                out,
                "[datasets.{}]\nclass = {}",
                key(&name),
                quoted(class.as_str())
            );
            for (word, list) in [("volumes", volumes), ("services", services)] {
                if !list.is_empty() {
                    let list: Vec<String> = list.iter().map(|item| quoted(item)).collect();
                    let _ = writeln!(out, "{word} = [{}]", list.join(", "));
                }
            }
        }
    }
    let asked: Vec<String> = asked.difference(&settled).map(|volume| quoted(volume)).collect();
    if !asked.is_empty() {
        let _ = writeln!(
            out,
            "# What would losing these mean?\n#[datasets.name]\n#class = \"important\"\n#volumes = [{}]",
            asked.join(", ")
        );
    }
}

/// Writes a slot for each variable that the files name.
fn slots(lab: &Lab, out: &mut String) {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut empty: BTreeSet<&str> = BTreeSet::new();
    for project in lab.projects() {
        for (name, _, _) in project.variables() {
            let is_own = name == "PWD" || name.starts_with("COMPOSE_");
            if !is_own && SlotName::new(name).is_ok() {
                uses.entry(name).or_default().insert(project.name().as_str());
            }
        }
        empty.extend(project.empty_variables());
    }
    out.push_str(
        "
# The variables of the Compose files. Their values stand in the `.env` beside each file, and nowhere else. What is each
# for? A secret one is never shown.
",
    );
    if uses.is_empty() {
        out.push_str("#[slots.TZ]\n#description = \"the time zone\"\n");
    }
    for (name, projects) in uses {
        let projects: Vec<String> = projects.into_iter().map(str::to_owned).collect();
        let description = format!("used by {}", in_words(&projects, "and", 5));
        let _ = writeln!(out, "[slots.{name}]\ndescription = {}", quoted(&description));
        if names_secret(name) {
            out.push_str("secret = true\n");
        }
        if empty.contains(name) {
            // That it may be empty is how the lab runs today. To say that it must not be is for a person.
            out.push_str("# It has no value today. Without this line one is missing.\ndefault = \"\"\n");
        }
    }
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    // The plain form with quotes and escapes, on one line whatever the text holds.
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns a text as a key: bare where TOML allows it.
fn key(text: &str) -> String {
    let bare = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if bare { text.to_owned() } else { quoted(text) }
}
