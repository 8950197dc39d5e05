//! nginx's configuration, that of OpenResty and of nginx's `stream` among them.

use std::collections::HashMap;

use super::Reader;
use super::tree::{self, Directive, Style};
use crate::access::container::{Found, Text};
use crate::access::path::{Guard, GuardKind};
use crate::access::proxy::clients::{only_private, only_tailnet};
use crate::finding::Evidence;
use crate::span::Span;

/// Includes within includes past this are nobody's.
const MAX_DEPTH: usize = 12;

/// Where the images have their main file.
const MAIN: [&str; 5] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/opt/bitnami/nginx/conf/nginx.conf",
    "/config/nginx/nginx.conf",
];

/// What every image brings, and leads nowhere.
const HARMLESS: [&str; 6] = [
    "mime.types",
    "_params",
    "fastcgi.conf",
    "modules",
    "charset",
    "koi-",
];

/// Reads nginx's main file and all that it includes; without one that is mounted, whatever is mounted where the images'
/// own includes it from, of which some may be hidden.
pub(super) fn read(reader: &mut Reader<'_>, texts: &[&Text], hidden: Option<Evidence>) {
    if texts.is_empty() && hidden.is_none() {
        return;
    }
    let words: Vec<&str> = reader
        .node()
        .words()
        .flat_map(|(text, _)| text.split_whitespace())
        .collect();
    let told = words.windows(2).find(|pair| pair[0] == "-c").map(|pair| pair[1]);
    let main = told
        .into_iter()
        .chain(MAIN)
        .find_map(|path| match reader.container.at(path) {
            Found::Text(text) => Some((path, text)),
            Found::Hidden(_) | Found::Image => None,
        });
    let mut roots = Vec::new();
    let (folder, texts) = match &main {
        Some((path, text)) => {
            // What the image makes of templates is included from where it puts them.
            let templates = texts.iter().copied().filter(|text| is_template(text));
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            (folder, std::iter::once(text).chain(templates).collect())
        }
        None => {
            if let Some(evidence) = hidden {
                reader.hide(evidence);
            }
            ("/etc/nginx", texts.to_vec())
        }
    };
    for text in texts {
        let tree = tree(reader, text);
        roots.extend(expand(reader, tree, folder, 0));
    }
    let mut whole = Whole::default();
    whole.add(&roots);
    follow(reader, &roots, &Scope::default(), &whole);
}

fn is_template(text: &Text) -> bool {
    text.source().name().ends_with(".template")
}

fn tree(reader: &mut Reader<'_>, text: &Text) -> Vec<Directive> {
    let tree = tree::read(text, Style::Nginx);
    if tree.broken {
        let place = text.shown(&Span::file(text.source()));
        reader.hide(Evidence::at("its braces and quotes do not fit", &place));
    }
    let mut directives = tree.directives;
    // The image puts the environment's values into templates.
    if is_template(text) {
        let node = reader.node();
        put_values(&mut directives, &|name| {
            node.environment(name).map(|(value, _)| value.to_owned())
        });
    }
    directives
}

fn put_values(directives: &mut [Directive], value: &dyn Fn(&str) -> Option<String>) {
    for directive in directives {
        for word in &mut directive.words {
            *word = with_values(word, value);
        }
        if let Some(block) = &mut directive.block {
            put_values(block, value);
        }
    }
}

/// Returns a word with the values of its variables, `$name` and `${name}`, as far as they are known.
fn with_values(word: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once('$') {
        text.push_str(before);
        let (name, behind, written) = match behind.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, next)) => (name, next, &behind[..name.len() + 2]),
            None => {
                let end = behind
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(behind.len());
                (&behind[..end], &behind[end..], &behind[..end])
            }
        };
        match value(name) {
            Some(value) => text.push_str(&value),
            None => {
                text.push('$');
                text.push_str(written);
            }
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// Puts what is included where it is included.
fn expand(reader: &mut Reader<'_>, directives: Vec<Directive>, folder: &str, depth: usize) -> Vec<Directive> {
    let mut all = Vec::with_capacity(directives.len());
    for mut directive in directives {
        if !reader.step(&directive.place) {
            break;
        }
        if let ("include", [path]) = (directive.name(), directive.arguments()) {
            if HARMLESS.iter().any(|word| path.contains(word)) {
                continue;
            }
            if depth > MAX_DEPTH || path.contains('$') {
                reader.hide(Evidence::at("what this includes is not read", &directive.place));
                continue;
            }
            let path = match path.starts_with('/') {
                true => path.clone(),
                false => format!("{folder}/{path}"),
            };
            for text in reader.included(&path, &directive.place) {
                let tree = tree(reader, &text);
                all.extend(expand(reader, tree, folder, depth + 1));
            }
            continue;
        }
        let block = directive.block.take();
        directive.block = block.map(|block| expand(reader, block, folder, depth));
        all.push(directive);
    }
    all
}

/// What holds for all of the configuration.
#[derive(Default)]
struct Whole<'a> {
    /// The blocks of servers, by name: what leads to one of them leads to its servers.
    blocks: HashMap<&'a str, Vec<&'a Directive>>,
    /// Whether it takes a client's address from a header, which anybody may write.
    by_header: bool,
}

impl<'a> Whole<'a> {
    fn add(&mut self, directives: &'a [Directive]) {
        for directive in directives {
            match (directive.name(), directive.arguments()) {
                ("upstream", [name, ..]) => {
                    let servers = directive.inner().iter().filter(|inner| inner.name() == "server");
                    self.blocks.entry(name).or_default().extend(servers);
                }
                ("real_ip_header", _) => self.by_header = true,
                _ => self.add(directive.inner()),
            }
        }
    }
}

/// What holds in a block, and in those within it that do not say otherwise.
#[derive(Clone, Default)]
struct Scope {
    variables: HashMap<String, String>,
    clients: Option<Guard>,
    password: Option<Guard>,
}

impl Scope {
    fn enter(&self, reader: &Reader<'_>, level: &[Directive], whole: &Whole<'_>) -> Scope {
        let mut scope = self.clone();
        for directive in level {
            match (directive.name(), directive.arguments()) {
                ("set", [name, value]) => {
                    let value = scope.put(value);
                    scope
                        .variables
                        .insert(name.trim_start_matches('$').to_owned(), value);
                }
                ("auth_basic", [realm, ..]) => {
                    let evidence = Evidence::at("`auth_basic`", &directive.place);
                    scope.password =
                        (realm != "off").then(|| Guard::new(GuardKind::Auth, "auth_basic", evidence));
                }
                ("auth_request", [address, ..]) => {
                    let evidence = Evidence::at("`auth_request`", &directive.place);
                    scope.password =
                        (address != "off").then(|| Guard::new(GuardKind::Auth, "auth_request", evidence));
                }
                _ => {}
            }
        }
        let rules: Vec<&Directive> = level
            .iter()
            .filter(|directive| matches!(directive.name(), "allow" | "deny"))
            .collect();
        if let [first, ..] = rules.as_slice() {
            scope.clients = list(reader, &rules, first, whole.by_header);
        }
        // Then one of the two is enough.
        let any = |directive: &Directive| directive.words == ["satisfy", "any"];
        if level.iter().any(any) {
            (scope.clients, scope.password) = (None, None);
        }
        scope
    }

    fn put(&self, word: &str) -> String {
        with_values(word, &|name| self.variables.get(name).cloned())
    }

    fn guards(&self) -> Vec<Guard> {
        self.clients.iter().chain(&self.password).cloned().collect()
    }
}

/// Returns the guard that a list of clients is: it must end by sending all others away.
fn list(reader: &Reader<'_>, rules: &[&Directive], first: &Directive, by_header: bool) -> Option<Guard> {
    let all = rules.iter().position(|rule| rule.words == ["deny", "all"])?;
    let allowed: Vec<&str> = rules[..all]
        .iter()
        .filter(|rule| rule.name() == "allow")
        .filter_map(|rule| rule.arguments().first().map(String::as_str))
        .collect();
    let facts = &reader.topology.machines[reader.node().machine].facts;
    let evidence = Evidence::at("only these clients are passed on", &first.place);
    let guard = Guard::new(GuardKind::AllowList, "allow", evidence);
    if by_header {
        return Some(guard);
    }
    let (tailnet, private) = (
        only_tailnet(allowed.iter().copied(), facts),
        only_private(allowed.iter().copied()),
    );
    Some(guard.only_tailnet(tailnet).only_private(private))
}

/// Follows what these directives, and all within them, pass requests on to.
fn follow(reader: &mut Reader<'_>, level: &[Directive], outer: &Scope, whole: &Whole<'_>) {
    let scope = outer.enter(reader, level, whole);
    for directive in level {
        if !reader.step(&directive.place) {
            return;
        }
        let address = directive.arguments().first().map(|word| scope.put(word));
        match (directive.name(), address) {
            (
                "proxy_pass" | "grpc_pass" | "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "memcached_pass",
                Some(address),
            ) => {
                let block = authority(&address).and_then(|authority| whole.blocks.get(authority));
                match block {
                    Some(servers) => {
                        for server in servers {
                            if let Some(address) = server.arguments().first() {
                                lead(reader, address, &server.place, &scope);
                            }
                        }
                    }
                    None => {
                        // A variable may name any of the blocks.
                        let by_name = authority(&address).is_some_and(|host| host.contains('$'));
                        let servers = whole.blocks.values().flatten().filter(|_| by_name);
                        for server in servers {
                            if let Some(address) = server.arguments().first() {
                                lead(reader, address, &server.place, &scope);
                            }
                        }
                        lead(reader, &address, &directive.place, &scope);
                    }
                }
            }
            (name, _) if name.contains("_by_lua") || matches!(name, "js_content" | "js_access" | "perl") => {
                reader.hide(Evidence::at(
                    "what this program does is not read",
                    &directive.place,
                ));
            }
            ("upstream", _) => {}
            _ => follow(reader, directive.inner(), &scope, whole),
        }
    }
}

/// Returns the host and port of an address; variables of its path do not matter where the port is written before them.
fn authority(address: &str) -> Option<&str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next()?;
    let plain = authority.split('$').next()?;
    let has_port = plain
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { plain } else { authority })
}

fn lead(reader: &mut Reader<'_>, address: &str, place: &Span, scope: &Scope) {
    let authority = authority(address).unwrap_or_default();
    if authority.starts_with("unix:") || address.starts_with("unix:") {
        return reader.hide(Evidence::at("it leads to a socket in a file", place));
    }
    let scheme = match address.split_once("://").map(|(scheme, _)| scheme) {
        Some("grpcs" | "https") => "https://",
        // nginx takes 80 where a server of a block has no port.
        _ => "http://",
    };
    reader.lead(&format!("{scheme}{authority}"), place, &scope.guards());
}
