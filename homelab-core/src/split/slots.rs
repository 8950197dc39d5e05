//! Which slot stands for which value, and what to write where it is declared.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::compose::variables_of;
use crate::lab::{FileKind, Lab};
use crate::leak::{Scanner, Shape, Term, ValueKind, Vocabulary, What};
use crate::span::Source;
use crate::system::names_secret;

/// A value that was lifted out of files, and what stands for it.
#[derive(Clone)]
pub(super) struct Lifted {
    pub(super) name: String,
    pub(super) kind: ValueKind,
    pub(super) example: String,
}

/// The slots of one split.
pub(super) struct Slots<'a> {
    vocabulary: &'a Vocabulary,
    scanner: &'a Scanner,
    /// What each folder's `.env` says.
    environments: BTreeMap<String, HashMap<String, String>>,
    /// Names that mean something already, with the one value that they have wherever they have one.
    taken: HashSet<String>,
    by_value: HashMap<String, Lifted>,
    count: usize,
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the path of a file in a folder.
pub(super) fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

impl<'a> Slots<'a> {
    pub(super) fn new(lab: &Lab, vocabulary: &'a Vocabulary, scanner: &'a Scanner) -> Self {
        let mut taken: HashSet<String> = HashSet::new();
        let mut environments = BTreeMap::new();
        for file in lab.manifest().files() {
            let (FileKind::Environment, Some(text)) = (file.kind(), file.text()) else {
                continue;
            };
            let variables = variables_of(&Source::new(file.path(), text));
            taken.extend(variables.iter().map(|(name, ..)| name.clone()));
            if file.path().rsplit('/').next() == Some(".env") {
                let own = variables.into_iter().map(|(name, value, _)| (name, value));
                environments.insert(folder_of(file.path()).to_owned(), own.collect());
            }
        }
        for project in lab.projects() {
            taken.extend(project.variables().map(|(name, ..)| name.to_owned()));
        }
        taken.extend(lab.pattern().slots().keys().map(ToString::to_string));
        Slots {
            vocabulary,
            scanner,
            environments,
            taken,
            by_value: HashMap::new(),
            count: 0,
        }
    }

    /// Returns the variable of a folder's `.env` that has a value already.
    pub(super) fn existing(&self, folder: &str, value: &str) -> Option<&str> {
        let variables = self.environments.get(folder)?;
        let mut names = variables
            .iter()
            .filter(|(_, own)| *own == value)
            .map(|(name, _)| name.as_str());
        // Of several the first by name, so that splitting again says the same.
        names.by_ref().min()
    }

    /// Returns the slot of a value, and makes one where there is none yet.
    pub(super) fn lift(&mut self, value: &str, what: What) -> Lifted {
        if let Some(lifted) = self.by_value.get(value) {
            return lifted.clone();
        }
        let (wanted, kind) = match what {
            What::Term(index) => {
                let term: &Term = &self.vocabulary.terms()[index];
                (self.neutral(term), term.kind())
            }
            What::Shape(shape) => (shape.slot().to_owned(), kind_of(shape)),
        };
        let name = self.free(&wanted);
        self.taken.insert(name.clone());
        self.count += 1;
        let lifted = Lifted {
            name,
            kind,
            example: example(kind, value, self.count),
        };
        self.by_value.insert(value.to_owned(), lifted.clone());
        lifted
    }

    /// Returns a term's slot, unless the name itself has something of the lab in it: a machine's, a person's.
    fn neutral(&self, term: &Term) -> String {
        let name = term.slot().as_str();
        if self.scanner.known(name).is_empty() {
            return name.to_owned();
        }
        let after = self.scanner.known(name).last().map_or(0, |leak| leak.range.end);
        let rest = name[after..].trim_start_matches('_');
        let is_plain = !rest.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit());
        let role = match term.kind() {
            ValueKind::Person | ValueKind::Login => "PERSON",
            _ => "HOST",
        };
        match (is_plain, term.kind()) {
            (true, _) => format!("{role}_{rest}"),
            (false, ValueKind::Secret) => "SECRET".to_owned(),
            (false, _) => format!("{role}_VALUE"),
        }
    }

    fn free(&self, wanted: &str) -> String {
        let is_free = |name: &String| !self.taken.contains(name);
        std::iter::once(wanted.to_owned())
            .chain((2..).map(|number| format!("{wanted}_{number}")))
            .find(is_free)
            .unwrap_or_default()
    }

    /// Returns the value that stands for that of a variable which a folder's `.env` has: the same where it tells nothing
    /// and another would mean something else, and one of the ranges kept for examples otherwise.
    pub(super) fn example_of(&mut self, name: &str, value: &str) -> String {
        self.count += 1;
        let lower = value.to_ascii_lowercase();
        let is_switch = matches!(
            lower.as_str(),
            "" | "true" | "false" | "yes" | "no" | "on" | "off"
        );
        let is_small = value.len() <= 6
            && value.starts_with(|c: char| c.is_ascii_digit())
            && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        if is_switch || is_small && !names_secret(name) {
            return value.to_owned();
        }
        let leaks = self.scanner.scan(value);
        let whole = leaks.iter().find(|leak| leak.range == (0..value.len()));
        let kind = match whole.map(|leak| leak.what) {
            Some(What::Term(index)) => self.vocabulary.terms()[index].kind(),
            Some(What::Shape(shape)) => kind_of(shape),
            None if names_secret(name) => ValueKind::Secret,
            None if value.starts_with('/') => ValueKind::Path,
            None if value.parse::<std::net::IpAddr>().is_ok() => ValueKind::Address,
            // A folder beside the file: anything else would be the name of a volume.
            None if value.starts_with(['.', '~']) && value.contains('/') => {
                return format!("./example-{}", self.count);
            }
            None if value.contains("://") => return format!("https://service-{}.example.com", self.count),
            None if value.contains('@') => ValueKind::Login,
            None if value.contains('/') && value.chars().next().is_some_and(char::is_uppercase) => {
                return "Etc/UTC".to_owned();
            }
            None if value.contains('.') && value.chars().any(char::is_alphabetic) => ValueKind::Domain,
            None => ValueKind::Other,
        };
        example(kind, value, self.count)
    }
}

fn kind_of(shape: Shape) -> ValueKind {
    match shape {
        Shape::Address => ValueKind::Address,
        Shape::Hardware => ValueKind::Hardware,
        Shape::Name => ValueKind::Domain,
        Shape::Login => ValueKind::Login,
        Shape::Repository => ValueKind::Repository,
        Shape::PublicKey => ValueKind::Other,
        Shape::Token(_) | Shape::PrivateKey | Shape::UrlPassword | Shape::Assigned => ValueKind::Secret,
    }
}

/// Returns a value of the kind that is nobody's.
fn example(kind: ValueKind, value: &str, count: usize) -> String {
    let small = count % 250 + 1;
    match kind {
        ValueKind::Address if value.contains(':') => format!("2001:db8::{count:x}"),
        ValueKind::Address if value.parse::<std::net::IpAddr>().is_ok() => format!("192.0.2.{small}"),
        ValueKind::Network if value.contains(':') => "2001:db8::/64".to_owned(),
        ValueKind::Network => "198.51.100.0/24".to_owned(),
        ValueKind::Hardware => format!("00:00:5e:00:53:{small:02x}"),
        ValueKind::HostName => format!("host-{count}"),
        ValueKind::Domain => format!("lab-{count}.example.com"),
        ValueKind::Person => format!("person-{count}"),
        ValueKind::Login => format!("person-{count}@example.com"),
        ValueKind::Path => format!("/srv/example/{count}"),
        ValueKind::Storage => format!("pool-{count}"),
        ValueKind::Repository => format!("rest:https://copies.example.com/{count}"),
        ValueKind::Secret => format!("change-me-{count}"),
        ValueKind::Address | ValueKind::Other => format!("value-{count}"),
    }
}
