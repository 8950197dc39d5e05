//! Podman's quadlet units read as a project: `.container`, `.pod`, `.kube`, `.volume`, `.network`, `.image`, `.build`.
//!
//! Podman knows no projects. The units of one folder are taken for one, named after the folder: they are installed,
//! versioned and moved together, and refer to each other by file name. Systemd's specifiers (`%h`) stay as written.

mod container;
mod option;
mod pod;
mod unit;

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::model::{Field, Inner, Material, Network, Project, Service, Volume};
use super::node::Map;
use crate::finding::{Finding, Principle, Rule, Severity, Subject};
use crate::name::{NetworkName, ProjectName, ServiceName, VolumeName};
use crate::span::{Source, Span};
use unit::{Line, Unit};

/// A unit holds a line that means nothing.
pub(crate) static INVALID_UNIT: Rule = Rule {
    id: "compose.invalid-quadlet",
    principle: Principle::Valid,
    severity: Severity::Warning,
    title: "a Podman unit holds a line that means nothing",
    why: "Podman's generator refuses or ignores it, so the container does not run as written.",
    fix: "Correct the line as podman-systemd.unit(5) describes it.",
    opt_in: false,
};

/// Reads the units of one folder. Drop-ins stand in the list behind their unit; `read` returns the text of a file of
/// variables, by its path.
pub(crate) fn project(
    name: ProjectName,
    directory: &Path,
    units: &[Source],
    read: impl Fn(&Path) -> Option<Source>,
) -> Project {
    let mut reading = Reading {
        directory,
        read: &read,
        units: Vec::new(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        secrets: IndexMap::new(),
        diagnostics: Vec::new(),
        name: name.clone(),
    };
    reading.take(units);
    reading.volumes_and_networks();
    reading.containers();
    let Reading {
        services,
        networks,
        volumes,
        secrets,
        diagnostics,
        ..
    } = reading;
    let active = services.keys().map(|service| service.as_str().into()).collect();
    Project(Arc::new(Inner {
        name,
        name_span: None,
        directory: directory.to_owned(),
        files: units.to_vec(),
        services,
        networks,
        volumes,
        configs: IndexMap::new(),
        secrets,
        diagnostics,
        // Compose cannot run units, so there is no tree in its shape to print.
        root: Map::default(),
        active,
        uses: Vec::new(),
    }))
}

/// One unit with what is dropped into it.
struct Named {
    /// The file's name without its folder: `web.container`.
    file: String,
    stem: String,
    kind: String,
    source: Source,
    unit: Unit,
}

impl Named {
    /// The section that this kind of unit is about.
    fn section(&self) -> &'static str {
        match self.kind.as_str() {
            "container" => "Container",
            "pod" => "Pod",
            "kube" => "Kube",
            "volume" => "Volume",
            "network" => "Network",
            "image" => "Image",
            _ => "Build",
        }
    }

    /// Returns the place of the section's header, where a person looks for the unit.
    fn span(&self) -> Span {
        let header = format!("[{}]", self.section());
        match self.source.text().find(&header) {
            Some(at) => Span::new(&self.source, at, at + header.len()),
            None => Span::file(&self.source),
        }
    }

    fn field(&self, key: &str) -> Option<Field<String>> {
        self.unit.last(self.section(), key).map(plain)
    }
}

struct Reading<'a> {
    directory: &'a Path,
    read: &'a dyn Fn(&Path) -> Option<Source>,
    units: Vec<Named>,
    services: IndexMap<ServiceName, Service>,
    networks: IndexMap<String, Network>,
    volumes: IndexMap<String, Volume>,
    secrets: IndexMap<String, Material>,
    diagnostics: Vec<Finding>,
    name: ProjectName,
}

fn field<T>(value: T, span: &Span) -> Field<T> {
    Field {
        value,
        span: span.clone(),
        interpolation: None,
    }
}

fn plain(line: &Line) -> Field<String> {
    field(line.value.clone(), &line.span)
}

impl Reading<'_> {
    fn wrong(&mut self, span: &Span, message: String) {
        let subject = Subject::Project(self.name.clone());
        self.diagnostics
            .push(Finding::new(&INVALID_UNIT, subject, message).at(span));
    }

    /// Parses the units, each with the drop-ins behind it.
    fn take(&mut self, sources: &[Source]) {
        let is_drop_in = |source: &Source| source.name().ends_with(".conf");
        let mut rest = sources;
        while let [first, more @ ..] = rest {
            let drop_ins = more.iter().take_while(|source| is_drop_in(source)).count();
            let (own, others) = rest.split_at(1 + drop_ins);
            rest = others;
            let file = first.name().rsplit('/').next().unwrap_or_default().to_owned();
            let Some((stem, kind)) = file.rsplit_once('.') else {
                continue;
            };
            let (unit, broken) = Unit::read(own);
            for (span, message) in broken {
                self.wrong(&span, message);
            }
            self.units.push(Named {
                stem: stem.trim_end_matches('@').to_owned(),
                kind: kind.to_owned(),
                source: first.clone(),
                unit,
                file,
            });
        }
    }

    fn volumes_and_networks(&mut self) {
        for named in &self.units {
            let unit = &named.unit;
            match named.kind.as_str() {
                "volume" => {
                    let Ok(key) = VolumeName::new(&named.stem) else {
                        continue;
                    };
                    let options = [("Type", "type"), ("Device", "device"), ("Options", "o")];
                    let driver_opts = options
                        .iter()
                        .filter_map(|(key, option)| Some(((*option).to_owned(), named.field(key)?)))
                        .collect();
                    let name = named
                        .field("VolumeName")
                        .unwrap_or_else(|| field(format!("systemd-{}", named.stem), &named.span()));
                    self.volumes.insert(
                        named.stem.clone(),
                        Volume {
                            key,
                            span: named.span(),
                            name: Some(name),
                            driver: named.field("Driver"),
                            driver_opts,
                            external: false,
                        },
                    );
                }
                "network" => {
                    let Ok(key) = NetworkName::new(&named.stem) else {
                        continue;
                    };
                    let name = named
                        .field("NetworkName")
                        .unwrap_or_else(|| field(format!("systemd-{}", named.stem), &named.span()));
                    let driver_opts = unit
                        .words("Network", "Options")
                        .into_iter()
                        .filter_map(|(word, span)| {
                            let (key, value) = word.split_once('=')?;
                            Some((key.to_owned(), field(value.to_owned(), span)))
                        })
                        .collect();
                    self.networks.insert(
                        named.stem.clone(),
                        Network {
                            key,
                            span: Some(named.span()),
                            name: Some(name),
                            driver: named.field("Driver"),
                            driver_opts,
                            subnets: named.field("Subnet").into_iter().collect(),
                            external: false,
                            internal: unit
                                .flag("Network", "Internal")
                                .is_some_and(|(internal, _)| internal),
                        },
                    );
                }
                _ => {}
            }
        }
    }

    fn containers(&mut self) {
        // Taken out for as long as services are made of them, which adds networks and findings.
        let units = std::mem::take(&mut self.units);
        for named in units
            .iter()
            .filter(|named| matches!(named.kind.as_str(), "container" | "kube"))
        {
            match ServiceName::new(&named.stem) {
                Ok(name) => {
                    let service = self.service(name, named, &units);
                    let pods = match named.kind.as_str() {
                        "kube" => self.pods(&service, named),
                        _ => None,
                    };
                    for service in pods.unwrap_or_else(|| vec![service]) {
                        self.services.insert(service.name.clone(), service);
                    }
                }
                Err(error) => self.wrong(&named.span(), error.to_string()),
            }
        }
        self.units = units;
    }
}

#[cfg(test)]
mod tests;
