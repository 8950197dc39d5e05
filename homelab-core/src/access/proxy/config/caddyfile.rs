//! Caddyfiles: snippets and imports are put in their places, then every way that leads on is followed.

use std::collections::HashMap;

use super::Reader;
use super::guard::{Step, guards};
use super::tree::{self, Directive, Style};
use crate::access::container::{Found, Text};
use crate::finding::Evidence;
use crate::span::Span;

type Snippets = HashMap<String, Vec<Directive>>;

/// Imports within imports past this are nobody's.
const MAX_DEPTH: usize = 12;

/// Reads the Caddyfile that the service is started with; without one where it should be, all that look like one, of
/// which some may be hidden.
pub(super) fn read(reader: &mut Reader<'_>, texts: &[&Text], hidden: Option<Evidence>) {
    let node = reader.node();
    let is_caddy = node.image_base().contains("caddy");
    let words: Vec<&str> = node
        .words()
        .flat_map(|(text, _)| text.split_whitespace())
        .collect();
    let told = words.iter().enumerate().find_map(|(at, word)| {
        let rest = word
            .strip_prefix("--config")
            .or_else(|| word.strip_prefix("-config"))?;
        match rest.strip_prefix('=') {
            Some(path) => Some(path),
            None if rest.is_empty() => words.get(at + 1).copied(),
            None => None,
        }
    });
    if texts.is_empty() && hidden.is_none() && !(is_caddy && told.is_some()) {
        return;
    }
    let path = told.unwrap_or("/etc/caddy/Caddyfile");
    let roots: Vec<Text> = match reader.container.at(path) {
        Found::Text(text) => vec![text],
        Found::Hidden(place) => {
            reader.hide(Evidence::at(format!("`{path}` is not in the lab"), &place));
            Vec::new()
        }
        Found::Image => {
            if let Some(evidence) = hidden {
                reader.hide(evidence);
            }
            texts.iter().map(|&text| text.clone()).collect()
        }
    };
    for root in roots {
        if root.source().name().ends_with(".json") || root.source().text().trim_start().starts_with("{\"") {
            super::lines::caddy_json(reader, &root);
            continue;
        }
        let folder = folder(path);
        let mut snippets = Snippets::new();
        let mut expansion = Expansion {
            reader,
            snippets: &mut snippets,
        };
        let Some(tree) = expansion.tree(&root) else {
            continue;
        };
        let directives = expansion.expand(tree, folder, &[], 0);
        follow(reader, &directives, &mut Vec::new());
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts what is imported where it is imported.
struct Expansion<'e, 'r> {
    reader: &'e mut Reader<'r>,
    snippets: &'e mut Snippets,
}

impl Expansion<'_, '_> {
    fn tree(&mut self, text: &Text) -> Option<Vec<Directive>> {
        let tree = tree::read(text, Style::Caddy);
        if tree.broken {
            let place = text.shown(&Span::file(text.source()));
            self.reader
                .hide(Evidence::at("its braces and quotes do not fit", &place));
        }
        (!tree.directives.is_empty()).then_some(tree.directives)
    }

    /// Returns the directives with everything in its place; `arguments` are those of the import that they come by.
    fn expand(
        &mut self,
        directives: Vec<Directive>,
        folder: &str,
        arguments: &[String],
        depth: usize,
    ) -> Vec<Directive> {
        let mut all = Vec::with_capacity(directives.len());
        for mut directive in directives {
            if !self.reader.step(&directive.place) {
                break;
            }
            directive.words = directive
                .words
                .iter()
                .flat_map(|word| self.words(word, arguments))
                .collect();
            let name = directive.name();
            if let Some(snippet) = name.strip_prefix('(').and_then(|name| name.strip_suffix(')')) {
                let name = snippet.to_owned();
                self.snippets.insert(name, directive.block.unwrap_or_default());
                continue;
            }
            if name == "import" {
                all.extend(self.import(&directive, folder, depth));
                continue;
            }
            let block = directive.block.take();
            directive.block = block.map(|block| self.expand(block, folder, arguments, depth));
            all.push(directive);
        }
        all
    }

    fn import(&mut self, directive: &Directive, folder: &str, depth: usize) -> Vec<Directive> {
        let [what, arguments @ ..] = directive.arguments() else {
            return Vec::new();
        };
        if depth > MAX_DEPTH {
            let text = "imports within imports, more than are followed";
            self.reader.hide(Evidence::at(text, &directive.place));
            return Vec::new();
        }
        if let Some(snippet) = self.snippets.get(what).cloned() {
            return self.expand(snippet, folder, arguments, depth + 1);
        }
        if what.contains(['{', '$']) {
            self.reader.hide(Evidence::at(
                "what this imports is decided while it runs",
                &directive.place,
            ));
            return Vec::new();
        }
        let path = match what.starts_with('/') {
            true => what.clone(),
            false => format!("{folder}/{}", what.trim_start_matches("./")),
        };
        let mut all = Vec::new();
        for text in self.reader.included(&path, &directive.place) {
            if let Some(tree) = self.tree(&text) {
                all.extend(self.expand(tree, self::folder(&path), arguments, depth + 1));
            }
        }
        all
    }

    /// Returns a word with the values of its variables and of the import's arguments, as far as they are known.
    fn words(&self, word: &str, arguments: &[String]) -> Vec<String> {
        if !word.contains('{') {
            return vec![word.to_owned()];
        }
        if word == "{args[:]}" {
            return arguments.to_vec();
        }
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, behind)) = rest.split_once('{') {
            text.push_str(before);
            let Some((inside, behind)) = behind.split_once('}') else {
                text.push('{');
                rest = behind;
                continue;
            };
            match self.value(inside, arguments) {
                Some(value) => text.push_str(&value),
                None => text.push_str(&format!("{{{inside}}}")),
            }
            rest = behind;
        }
        text.push_str(rest);
        vec![text]
    }

    fn value(&self, inside: &str, arguments: &[String]) -> Option<String> {
        let number = inside
            .strip_prefix("args[")
            .and_then(|rest| rest.strip_suffix(']'))
            .or_else(|| inside.strip_prefix("args."));
        if let Some(number) = number {
            return arguments.get(number.parse::<usize>().ok()?).cloned();
        }
        let written = inside.strip_prefix('$').or_else(|| inside.strip_prefix("env."))?;
        let (name, otherwise) = match written.split_once(':') {
            Some((name, otherwise)) => (name, Some(otherwise)),
            None => (written, None),
        };
        let node = self.reader.node();
        match node.environment(name) {
            Some((value, _)) => Some(value.to_owned()),
            // One that is set to what nobody knows is not its default.
            None if node.sets(name).is_some() => None,
            None => otherwise.map(str::to_owned),
        }
    }
}

/// Follows what these directives, and all within them, pass requests on to.
fn follow<'a>(reader: &mut Reader<'_>, level: &'a [Directive], steps: &mut Vec<Step<'a>>) {
    for (at, directive) in level.iter().enumerate() {
        if !reader.step(&directive.place) {
            return;
        }
        steps.push((level, at));
        let inside = |name: &str| {
            let mut around = steps[..steps.len() - 1].iter();
            around.any(|&(level, at)| level[at].name() == name)
        };
        match directive.name() {
            "reverse_proxy" | "php_fastcgi" => {
                let mut addresses: Vec<&String> = directive.arguments().iter().collect();
                if addresses
                    .first()
                    .is_some_and(|word| word.starts_with(['@', '/']) || *word == "*")
                {
                    addresses.remove(0);
                }
                for inner in directive.inner() {
                    match inner.name() {
                        "to" => addresses.extend(inner.arguments()),
                        "dynamic" => dynamic(reader, inner, steps),
                        _ => {}
                    }
                }
                for address in addresses {
                    lead(reader, address, &directive.place, steps);
                }
            }
            // Layer 4 has words of its own for it.
            "proxy" | "upstream" if inside("layer4") => {
                for address in directive.arguments() {
                    lead(reader, address, &directive.place, steps);
                }
                follow(reader, directive.inner(), steps);
            }
            _ => follow(reader, directive.inner(), steps),
        }
        steps.pop();
    }
}

/// Leads to an upstream that is looked up while Caddy runs: `dynamic a app 80`, or the same in braces.
fn dynamic(reader: &mut Reader<'_>, directive: &Directive, steps: &[Step<'_>]) {
    let words = directive.arguments();
    let of = |name: &str| {
        let mut inner = directive.inner().iter().filter(|inner| inner.name() == name);
        inner
            .next()
            .and_then(|inner| inner.arguments().first())
            .map(String::as_str)
    };
    let plain = |at: usize| words.get(at).map(String::as_str);
    match (plain(0), of("name").or(plain(1)), of("port").or(plain(2))) {
        (Some("a"), Some(name), port) => {
            let address = format!("{name}:{}", port.unwrap_or("80"));
            lead(reader, &address, &directive.place, steps);
        }
        _ => reader.hide(Evidence::at(
            "where this leads is decided while it runs",
            &directive.place,
        )),
    }
}

fn lead(reader: &mut Reader<'_>, address: &str, place: &Span, steps: &[Step<'_>]) {
    // A socket in a file system is no network.
    if ["unix/", "unix+", "unix:"]
        .iter()
        .any(|start| address.starts_with(start))
    {
        return reader.hide(Evidence::at("it leads to a socket in a file", place));
    }
    let machine = reader.node().machine;
    let guards = guards(steps, &reader.topology.machines[machine].facts);
    let address = address.trim_start_matches("tcp/").trim_start_matches("udp/");
    // Caddy takes a name without a port for one on port 80.
    let has_port = crate::access::upstream::upstream(address).is_some();
    match has_port {
        true => reader.lead(address, place, &guards),
        false => reader.lead(&format!("http://{address}"), place, &guards),
    }
}
