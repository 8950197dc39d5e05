//! What recognises an entry of the catalog, read without reading the whole entry.
//!
//! Parsing all TOML of the catalog takes several milliseconds, of which a program that looks at one small lab needs
//! almost nothing. So each file is cut into its entries, only what recognises them is picked out, and an entry is
//! parsed when somebody asks for it. A test holds that both ways of reading agree on every entry.

use super::System;
use super::pattern::ImagePattern;

/// What recognises a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) images: Vec<ImagePattern>,
    pub(super) names: Vec<String>,
    pub(super) words: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) host_kinds: Vec<String>,
    pub(super) repository_schemes: Vec<String>,
    pub(super) folders: Vec<String>,
    /// The ports that few other applications use.
    pub(super) ports: Vec<u16>,
}

impl Outline {
    /// Returns the outline of a parsed system.
    pub(super) fn of(system: &System) -> Outline {
        let well_known = system.ports.iter().filter(|port| port.well_known);
        Outline {
            images: system.images.clone(),
            names: system.names.clone(),
            words: system.words.clone(),
            labels: system.labels.clone(),
            host_kinds: system.host_kinds.clone(),
            repository_schemes: system.repository_schemes.clone(),
            folders: system.folders.clone(),
            ports: well_known.map(|port| port.number).collect(),
        }
    }

    /// Picks the outline out of an entry's text, which is that of the catalog: keys at the beginning of lines, lists
    /// of plain strings, ports as inline tables.
    pub(super) fn scan(text: &str) -> Outline {
        let mut outline = Outline::default();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let value = &text[at..];
            at += line.len();
            let Some((key, _)) = line.split_once(" = ") else {
                continue;
            };
            let list = match key {
                "images" => {
                    let patterns = strings(value).filter_map(|text| ImagePattern::new(text).ok());
                    outline.images = patterns.collect();
                    continue;
                }
                "ports" => {
                    outline.ports = well_known_ports(value);
                    continue;
                }
                "names" => &mut outline.names,
                "words" => &mut outline.words,
                "labels" => &mut outline.labels,
                "host_kinds" => &mut outline.host_kinds,
                "repository_schemes" => &mut outline.repository_schemes,
                "folders" => &mut outline.folders,
                _ => continue,
            };
            list.extend(strings(value).map(str::to_owned));
        }
        outline
    }
}

/// Cuts a file of the catalog into its entries: the key of each table, and its text.
pub(super) fn entries(file: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = file.find("\n[").map_or("", |at| &file[at + 1..]);
    std::iter::from_fn(move || {
        let (id, after) = rest.strip_prefix('[')?.split_once("]\n")?;
        let end = after.find("\n[").map_or(after.len(), |at| at + 1);
        let (text, next) = after.split_at(end);
        rest = next;
        Some((id, text))
    })
}

/// Returns the strings of the list that begins in this text.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    let list = text.split_once(']').map_or(text, |(list, _)| list);
    list.split('"').skip(1).step_by(2)
}

fn well_known_ports(text: &str) -> Vec<u16> {
    let list = text.split_once(']').map_or(text, |(list, _)| list);
    list.split('{')
        .filter(|port| port.contains("well_known = true"))
        .filter_map(|port| {
            let (_, number) = port.split_once("number = ")?;
            number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::super::catalog::FILES;
    use super::*;

    #[test]
    fn both_ways_of_reading_agree_on_every_entry() {
        for (name, text) in FILES {
            let parsed: IndexMap<String, System> = toml::from_str(text).expect(name);
            let scanned: Vec<_> = entries(text).collect();
            let mut ids: Vec<_> = scanned.iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            let mut keys: Vec<_> = parsed.keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(ids, keys, "{name}");
            for (id, text) in scanned {
                assert_eq!(Outline::scan(text), Outline::of(&parsed[id]), "{name}: {id}");
                toml::from_str::<System>(text).unwrap_or_else(|error| panic!("{name}: {id}: {error}"));
            }
        }
    }
}
