//! What a differential run came to, in numbers, and the first difference of each kind.

use std::collections::BTreeMap;

use crate::corpus::{Judged, Verdict};

/// The numbers of a run over a corpus.
#[derive(Debug, Default)]
pub struct Summary {
    /// Files that Docker Compose accepts.
    pub accepted: usize,
    /// Of those, the ones that we read as it does.
    pub equal: usize,
    /// Of those, the ones that we accept and read differently.
    pub differ: usize,
    /// Of those, the ones that we refuse.
    pub only_we_refuse: usize,
    /// Files that Docker Compose refuses.
    pub refused: usize,
    /// Of those, the paths of the ones that we accept.
    pub only_they_refuse: Vec<String>,
    /// Files at which Docker Compose crashed.
    pub crashed: usize,
    /// Files at which strict or lenient panicked.
    pub panicked: usize,
    /// Files that are YAML.
    pub yaml: usize,
    /// Of those, the ones for which lenient yields a project.
    pub lenient: usize,
    kinds: BTreeMap<String, Kind>,
}

#[derive(Debug, Default)]
struct Kind {
    files: usize,
    path: String,
    first: String,
}

impl Summary {
    /// Returns the numbers of a run.
    pub fn of(all: &[Judged]) -> Summary {
        let mut summary = Summary::default();
        for one in all {
            summary.add(one);
        }
        summary
    }

    fn add(&mut self, one: &Judged) {
        match &one.strict {
            Verdict::Equal => {
                self.accepted += 1;
                self.equal += 1;
            }
            Verdict::Differ(_) => {
                self.accepted += 1;
                self.differ += 1;
            }
            Verdict::OnlyWeRefuse(_) => {
                self.accepted += 1;
                self.only_we_refuse += 1;
            }
            Verdict::OnlyTheyRefuse(_) => {
                self.refused += 1;
                self.only_they_refuse.push(one.path.clone());
            }
            Verdict::BothRefuse { .. } => self.refused += 1,
            Verdict::TheyCrashed(_) => self.crashed += 1,
            Verdict::Panicked(_) => self.panicked += 1,
        }
        for (kind, example) in one.strict.kinds() {
            self.count(kind, &one.path, &example);
        }
        if one.is_yaml {
            self.yaml += 1;
            match &one.lenient {
                Ok(()) => self.lenient += 1,
                Err(message) => {
                    self.count(
                        format!("lenient refuses: {}", without_names(message)),
                        &one.path,
                        message,
                    );
                }
            }
        }
    }

    fn count(&mut self, kind: String, path: &str, example: &str) {
        let kind = self.kinds.entry(kind).or_default();
        kind.files += 1;
        if kind.first.is_empty() {
            kind.path = path.to_owned();
            kind.first = format!("{path}: {example}");
        }
    }

    /// Returns the kinds of difference, the most frequent first, each with the path of its first file.
    pub fn kinds(&self) -> Vec<(&str, &str)> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.files));
        kinds
            .into_iter()
            .map(|(name, kind)| (name.as_str(), kind.path.as_str()))
            .collect()
    }

    /// Whether nothing at all is left to do.
    pub fn all_as_it_should_be(&self) -> bool {
        self.equal == self.accepted
            && self.only_they_refuse.is_empty()
            && self.panicked == 0
            && self.lenient == self.yaml
    }

    /// Prints the most frequent kinds of difference, each with its first file, and then the numbers.
    pub fn print(&self, show: usize) {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.files));
        for (name, kind) in kinds.iter().take(show) {
            println!("{:>5}  {name}\n       {}", kind.files, kind.first);
        }
        if kinds.len() > show {
            println!("       and {} kinds more", kinds.len() - show);
        }
        println!("{}", self.line());
    }

    /// Returns the numbers in one line.
    pub fn line(&self) -> String {
        format!(
            "accepted by docker compose: {} (equal {}, differ {}, refused by us {}); refused by it: {} (by us too {}, \
             accepted by us {}); crashes of it {}, of us {}; lenient yields a project for {} of {} that are YAML",
            self.accepted,
            self.equal,
            self.differ,
            self.only_we_refuse,
            self.refused,
            self.refused - self.only_they_refuse.len(),
            self.only_they_refuse.len(),
            self.crashed,
            self.panicked,
            self.lenient,
            self.yaml
        )
    }
}

impl Judged {
    /// Whether this file is as it should be in both modes.
    pub fn as_it_should_be(&self) -> bool {
        matches!(
            self.strict,
            Verdict::Equal | Verdict::BothRefuse { .. } | Verdict::TheyCrashed(_)
        ) && (self.lenient.is_ok() || !self.is_yaml)
    }
}

impl Verdict {
    /// Returns each kind of difference that there is, with its first example.
    pub fn kinds(&self) -> BTreeMap<String, String> {
        let mut kinds = BTreeMap::new();
        match self {
            Verdict::Equal | Verdict::BothRefuse { .. } | Verdict::TheyCrashed(_) => {}
            Verdict::Differ(differences) => {
                for difference in differences {
                    kinds
                        .entry(difference.kind())
                        .or_insert_with(|| difference.to_string());
                }
            }
            Verdict::OnlyWeRefuse(message) => {
                kinds.insert(format!("we refuse: {}", without_names(message)), message.clone());
            }
            Verdict::OnlyTheyRefuse(message) => {
                kinds.insert(
                    format!("they refuse: {}", without_names(message)),
                    message.clone(),
                );
            }
            Verdict::Panicked(message) => {
                kinds.insert(format!("panic: {}", without_names(message)), message.clone());
            }
        }
        kinds
    }

    /// Returns the verdict in one line.
    pub fn in_short(&self) -> String {
        match self {
            Verdict::Equal => "equal".to_owned(),
            Verdict::BothRefuse { .. } => "both refuse it".to_owned(),
            Verdict::TheyCrashed(message) => format!("docker compose crashes: {message}"),
            Verdict::Differ(all) => match all.as_slice() {
                [only] => only.to_string(),
                [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
                [] => "equal".to_owned(),
            },
            Verdict::OnlyWeRefuse(message) => format!("only we refuse: {message}"),
            Verdict::OnlyTheyRefuse(message) => format!("only docker compose refuses: {message}"),
            Verdict::Panicked(message) => format!("panicked: {message}"),
        }
    }
}

/// Returns a message without what stands in quotes or backticks, without paths and without numbers: what is left
/// tells the kind.
fn without_names(message: &str) -> String {
    let mut kind = String::new();
    let mut quote = None;
    for word in message.split_inclusive(' ') {
        if quote.is_none() && word.contains('/') && !word.starts_with(['"', '`', '\'']) {
            kind.push_str("_ ");
            continue;
        }
        for character in word.chars() {
            match quote {
                Some(open) if character == open => {
                    quote = None;
                    kind.push('_');
                }
                Some(_) => {}
                None if matches!(character, '"' | '`') => quote = Some(character),
                None if character.is_ascii_digit() => {}
                None => kind.push(character),
            }
        }
    }
    kind.chars().take(110).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_kind_come_together() {
        assert_eq!(
            without_names("service \"web\" refers to undefined volume \"a b\": at /x/y.yml:3"),
            without_names("service \"db\" refers to undefined volume \"c\": at /z.yml:12")
        );
    }
}
