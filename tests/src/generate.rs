//! Random Compose projects: the files, and how the project is asked for.
//!
//! One seed gives one project. Projects are mostly valid, so that what is compared is what they mean; a part of them
//! is refused by Docker Compose, and then has to be refused by us.

mod project;
mod service;
mod yaml;

pub use yaml::{Node, Style};

/// A generated project.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The files, with their paths below the project's folder.
    pub files: Vec<File>,
    /// The Compose files that are named, in their order; none means that they are looked for.
    pub named: Vec<String>,
    /// The profiles that are switched on.
    pub profiles: Vec<String>,
    /// The environment files that are named instead of `.env`.
    pub env_files: Vec<String>,
    /// The environment beside HOME and PATH.
    pub environment: Vec<(String, String)>,
}

/// One file of a generated project.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path below the project's folder.
    pub path: String,
    /// What it says.
    pub content: Content,
}

/// What a generated file says.
#[derive(Clone, Debug)]
pub enum Content {
    /// YAML documents, and how their lines end.
    Yaml {
        /// The documents.
        documents: Vec<Node>,
        /// Whether lines end as on Windows.
        windows: bool,
    },
    /// Lines of text.
    Lines(Vec<String>),
}

impl Generated {
    /// Returns the project of a seed.
    pub fn of(seed: u64) -> Generated {
        Generator::new(seed).project()
    }

    /// Returns every project that is this one with a part taken away, the largest parts first.
    pub fn smaller(&self) -> Vec<Generated> {
        let mut all = Vec::new();
        for index in 0..self.files.len() {
            let mut less = self.clone();
            let file = less.files.remove(index);
            less.named.retain(|name| *name != file.path);
            less.env_files.retain(|name| *name != file.path);
            if !less.named.is_empty() || self.named.is_empty() {
                all.push(less);
            }
        }
        for index in 0..self.profiles.len() {
            let mut less = self.clone();
            less.profiles.remove(index);
            all.push(less);
        }
        for index in 0..self.environment.len() {
            let mut less = self.clone();
            less.environment.remove(index);
            all.push(less);
        }
        for (index, file) in self.files.iter().enumerate() {
            let mut put = |content: Content| {
                let mut less = self.clone();
                less.files[index].content = content;
                all.push(less);
            };
            match &file.content {
                Content::Lines(lines) => {
                    for line in 0..lines.len() {
                        let mut lines = lines.clone();
                        lines.remove(line);
                        put(Content::Lines(lines));
                    }
                }
                Content::Yaml { documents, windows } => {
                    if *windows {
                        put(Content::Yaml {
                            documents: documents.clone(),
                            windows: false,
                        });
                    }
                    for position in 0..documents.len() {
                        if documents.len() > 1 {
                            let mut documents = documents.clone();
                            documents.remove(position);
                            put(Content::Yaml {
                                documents,
                                windows: *windows,
                            });
                        }
                        for smaller in documents[position].smaller() {
                            let mut documents = documents.clone();
                            documents[position] = smaller;
                            put(Content::Yaml {
                                documents,
                                windows: *windows,
                            });
                        }
                    }
                }
            }
        }
        all.sort_by_key(Generated::size);
        all
    }

    /// Returns how much text it is.
    pub fn size(&self) -> usize {
        self.files
            .iter()
            .map(|file| file.text().len() + 20)
            .sum::<usize>()
            + 10 * (self.profiles.len() + self.environment.len() + self.env_files.len())
    }
}

impl File {
    /// Returns the file's text.
    pub fn text(&self) -> String {
        match &self.content {
            Content::Lines(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            Content::Yaml { documents, windows } => {
                let text = documents
                    .iter()
                    .map(Node::document)
                    .collect::<Vec<_>>()
                    .join("---\n");
                if *windows {
                    text.replace('\n', "\r\n")
                } else {
                    text
                }
            }
        }
    }
}

/// The source of all choices: splitmix64, whose whole state is its seed.
#[derive(Debug)]
struct Generator {
    state: u64,
    /// Variables of the process's environment.
    environment: Vec<(String, String)>,
    /// Lines of the `.env` file.
    env_lines: Vec<String>,
    /// Files that the project names, to be written beside it.
    beside: Vec<(String, Vec<String>)>,
    /// Named volumes, networks, configs, secrets and models that services use.
    volumes: Vec<String>,
    networks: Vec<String>,
    configs: Vec<String>,
    secrets: Vec<String>,
    models: Vec<String>,
    /// How many variables there are, for new names.
    variables: usize,
}

impl Generator {
    fn new(seed: u64) -> Generator {
        Generator {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678),
            environment: Vec::new(),
            env_lines: Vec::new(),
            beside: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
            configs: Vec::new(),
            secrets: Vec::new(),
            models: Vec::new(),
            variables: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Some of these, in their order, at least one.
    fn some<'a>(&mut self, from: &[&'a str]) -> Vec<&'a str> {
        let certain = self.below(from.len());
        let mut all = Vec::new();
        for (index, one) in from.iter().enumerate() {
            if index == certain || self.chance(30) {
                all.push(*one);
            }
        }
        all
    }

    /// Text that stands for a value: the value itself, or a variable that has it in one of the many ways.
    fn template(&mut self, value: &str) -> String {
        if value.contains(['}', '$', '{', '\n']) || !self.chance(22) {
            return value.replace('$', "$$");
        }
        self.variables += 1;
        let name = format!("VAR_{}", self.variables);
        let form = self.below(11);
        match form {
            0 => format!("${{{name}:-{value}}}"),
            1 => format!("${{{name}-{value}}}"),
            2 => {
                self.define(&name, "set");
                format!("${{{name}:+{value}}}")
            }
            3 => {
                self.define(&name, "");
                format!("${{{name}+{value}}}")
            }
            4 => {
                self.define(&name, "");
                format!("${{{name}:-{value}}}")
            }
            5 => format!("${{{name}:-${{{name}_B-{value}}}}}"),
            6 => {
                self.define(&name, value);
                format!("${{{name}:?{name} has to be set}}")
            }
            7 => {
                self.define(&name, value);
                format!("${{{name}?}}")
            }
            8 => {
                self.define(&name, value);
                format!("${{{name}:-not this}}")
            }
            9 if value.chars().next().is_none_or(|first| !first.is_alphanumeric()) => {
                self.define(&name, value);
                format!("${{{name}}}")
            }
            _ => {
                self.define(&name, value);
                format!("${name}")
            }
        }
    }

    /// Gives a variable its value, in the environment or in `.env`.
    fn define(&mut self, name: &str, value: &str) {
        if self.chance(35) {
            self.environment.push((name.to_owned(), value.to_owned()));
            if self.chance(20) {
                self.env_lines.push(format!("{name}=the environment goes first"));
            }
            return;
        }
        let line = self.env_line(name, value);
        self.env_lines.push(line);
    }

    /// A line of an environment file, quoted in one of the ways that leave the value as it is.
    fn env_line(&mut self, name: &str, value: &str) -> String {
        let plain = !value.contains([' ', '#', '\'', '"', '\\', '$', '`']);
        match self.below(6) {
            0 if !value.contains('\'') => format!("{name}='{value}'"),
            1 if !value.contains(['"', '\\', '$']) => format!("{name}=\"{value}\""),
            2 if plain => format!("export {name}={value}"),
            3 if plain => format!("{name}={value} # a comment"),
            4 if plain && !value.is_empty() => format!("{name}: {value}"),
            _ if plain => format!("{name}={value}"),
            _ => format!("{name}='{}'", value.replace('\'', "")),
        }
    }

    /// A string, written in one of the ways that YAML has.
    fn text(&mut self, value: &str) -> Node {
        let template = self.template(value);
        self.quoted(&template)
    }

    /// A string that is not interpolated further.
    fn quoted(&mut self, value: &str) -> Node {
        let style = match self.below(10) {
            0..=2 => Style::Single,
            3..=5 => Style::Double,
            6 => Style::Literal,
            _ => Style::Plain,
        };
        Node::text(value, style)
    }

    /// A number or a boolean: as it stands, as a string, or through a variable.
    fn bare(&mut self, value: &str) -> Node {
        match self.below(10) {
            0 => Node::text(value, Style::Double),
            1..=2 => {
                let template = self.template(value);
                Node::raw(&template)
            }
            _ => Node::raw(value),
        }
    }

    fn boolean(&mut self) -> Node {
        let value = self.pick(&["true", "false"]);
        self.bare(value)
    }

    fn texts(&mut self, from: &[&str]) -> Node {
        let some = self.some(from);
        let list: Vec<Node> = some.iter().map(|one| self.text(one)).collect();
        self.list(list)
    }

    fn list(&mut self, members: Vec<Node>) -> Node {
        Node::List {
            members,
            flow: self.chance(15),
        }
    }

    fn map(&mut self, members: Vec<(String, Node)>) -> Node {
        Node::Map {
            members,
            flow: self.chance(8),
        }
    }

    /// Some of these keys, each with its value.
    fn keys(&mut self, members: Vec<(&str, Node)>, percent: usize) -> Node {
        let mut kept = Vec::new();
        for (key, node) in members {
            if self.chance(percent) {
                kept.push((key.to_owned(), node));
            }
        }
        self.map(kept)
    }

    /// Pairs, as a map or as a list of `NAME=VALUE`.
    fn pairs(&mut self, from: &[(&str, &str)], bare_names: bool) -> Node {
        let mut pairs: Vec<(&str, &str)> = from.iter().filter(|_| self.chance(50)).copied().collect();
        if pairs.is_empty() {
            pairs.push(from[0]);
        }
        if self.chance(50) {
            let mut members = Vec::new();
            for (name, value) in pairs {
                let node = match self.below(12) {
                    0 if bare_names => Node::raw(""),
                    1 => Node::raw("12"),
                    2 => Node::raw("true"),
                    3 => Node::raw("0644"),
                    4 => Node::raw("1.50"),
                    5 => Node::raw("1_000"),
                    _ => self.text(value),
                };
                members.push((name.to_owned(), node));
            }
            self.map(members)
        } else {
            let mut members = Vec::new();
            for (name, value) in pairs {
                let node = if bare_names && self.chance(15) {
                    self.quoted(name)
                } else {
                    let value = self.template(value);
                    self.quoted(&format!("{name}={value}"))
                };
                members.push(node);
            }
            self.list(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_project() {
        for seed in 0..50 {
            let texts = |project: &Generated| project.files.iter().map(File::text).collect::<Vec<_>>();
            assert_eq!(texts(&Generated::of(seed)), texts(&Generated::of(seed)));
        }
        let first = Generated::of(1).files[0].text();
        assert!((2..20).any(|seed| Generated::of(seed).files[0].text() != first));
    }

    #[test]
    fn what_is_smaller_is_smaller() {
        for seed in 0..20 {
            let project = Generated::of(seed);
            assert!(!project.smaller().is_empty());
            assert!(project.smaller().iter().all(|less| less.size() < project.size()));
        }
    }
}
