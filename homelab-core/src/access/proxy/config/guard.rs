//! What stands before a route of a Caddyfile: passwords, and who may come by their address.

use super::tree::Directive;
use crate::access::address::HostFacts;
use crate::access::path::{Guard, GuardKind};
use crate::access::proxy::clients::{let_all_in, only_private, only_tailnet, read};
use crate::finding::Evidence;

/// One step from the outermost block to a directive: the directives of a block, and which of them is next.
pub(super) type Step<'a> = (&'a [Directive], usize);

/// What a named matcher asks of the client's address.
#[derive(Default)]
struct Clients<'a> {
    admits: Vec<Ranges<'a>>,
    denies: Vec<Ranges<'a>>,
    /// Whether it asks anything else.
    more: bool,
}

/// `remote_ip private_ranges`.
struct Ranges<'a> {
    kind: &'a str,
    ranges: &'a [String],
}

impl Ranges<'_> {
    /// Not `client_ip` for the tailnet, which may take the address from a header that anybody can write.
    /// None where they let everybody in.
    fn guard(&self, facts: &HostFacts, evidence: Evidence) -> Option<Guard> {
        let ranges = || self.ranges.iter().map(String::as_str);
        if let_all_in(ranges()) {
            return None;
        }
        let by_header = self.ranges.iter().any(|range| range == "forwarded");
        let clients = read(ranges()).filter(|_| self.kind == "remote_ip");
        let guard = Guard::new(GuardKind::AllowList, self.kind, evidence)
            .only_tailnet(self.kind == "remote_ip" && only_tailnet(ranges(), facts))
            .only_private(!by_header && only_private(ranges()))
            .with_clients(clients);
        Some(guard)
    }
}

/// Returns what guards the directive at the end of these steps.
pub(super) fn guards(steps: &[Step<'_>], facts: &HostFacts) -> Vec<Guard> {
    let mut found: Vec<Guard> = Vec::new();
    for (depth, &(level, at)) in steps.iter().enumerate() {
        let directive = &level[at];
        let is_last = depth + 1 == steps.len();
        // A route goes through its directives in their order; elsewhere Caddy puts them into its own.
        let in_order = depth
            .checked_sub(1)
            .is_some_and(|outer| steps[outer].0[steps[outer].1].name() == "route");
        let inner = &steps[..=depth];
        if matches!(
            directive.name(),
            "handle" | "handle_path" | "route" | "reverse_proxy" | "php_fastcgi"
        ) && let Some(clients) = matcher(inner, directive)
            && let [ranges] = clients.admits.as_slice()
        {
            let evidence = Evidence::at("only these clients are passed on", &directive.place);
            found.extend(ranges.guard(facts, evidence));
        }
        for (position, other) in level.iter().enumerate() {
            let is_before = position < at;
            if position == at || (in_order && !is_before) {
                continue;
            }
            if let Some(kind) = everywhere(other) {
                let evidence = Evidence::at(format!("`{}`", other.name()), &other.place);
                found.push(Guard::new(kind, other.name(), evidence));
            }
            let sends_away = match other.name() {
                // What stands in a block is done before strangers are sent away, unless the order says otherwise.
                "abort" | "error" | "respond" | "redir" => is_last || in_order,
                "handle" => {
                    let is_rest = directive.name() == "handle" && directive.arguments().is_empty();
                    let only_ends = |inner: &[Directive]| {
                        !inner.is_empty()
                            && inner
                                .iter()
                                .all(|inner| matches!(inner.name(), "abort" | "error" | "respond" | "redir"))
                    };
                    is_rest && is_before && only_ends(other.inner())
                }
                _ => false,
            };
            if sends_away
                && let Some(clients) = matcher(inner, other)
                && let (false, [], [ranges]) =
                    (clients.more, clients.admits.as_slice(), clients.denies.as_slice())
            {
                let evidence = Evidence::at("all other clients are sent away", &other.place);
                found.extend(ranges.guard(facts, evidence));
            }
        }
    }
    found
}

/// Returns what a directive asks of every request to its block.
fn everywhere(directive: &Directive) -> Option<GuardKind> {
    let is_matcher = |word: &String| word.starts_with(['@', '/']);
    if directive.arguments().first().is_some_and(is_matcher) {
        return None;
    }
    Some(match directive.name() {
        "basic_auth" | "basicauth" | "forward_auth" | "authenticate" | "authorize" | "jwtauth" => {
            GuardKind::Auth
        }
        "rate_limit" => GuardKind::RateLimit,
        "crowdsec" | "appsec" | "coraza_waf" => GuardKind::Waf,
        _ => return None,
    })
}

/// Returns what the matcher asks that a directive names, where one of the blocks around it declares it.
fn matcher<'a>(steps: &[Step<'a>], directive: &Directive) -> Option<Clients<'a>> {
    let name = directive
        .arguments()
        .first()
        .filter(|word| word.starts_with('@'))?;
    let levels = steps.iter().rev().map(|(level, _)| level);
    let declared = levels
        .flat_map(|level| level.iter())
        .filter(|other| other.name() == name.as_str());
    let mut clients = Clients::default();
    let mut any = false;
    for declaration in declared {
        any = true;
        let arguments = declaration.arguments();
        match (arguments, &declaration.block) {
            ([not], Some(inner)) if not == "not" => {
                inner.iter().for_each(|line| clients.add(&line.words, true))
            }
            ([], Some(inner)) => {
                for line in inner {
                    match (line.name(), &line.block) {
                        ("not", Some(inner)) => inner.iter().for_each(|line| clients.add(&line.words, true)),
                        _ => clients.add(&line.words, false),
                    }
                }
            }
            (words, _) => clients.add(words, false),
        }
    }
    any.then_some(clients)
}

impl<'a> Clients<'a> {
    fn add(&mut self, words: &'a [String], negated: bool) {
        match words {
            [not, rest @ ..] if not == "not" && !negated => self.add(rest, true),
            [kind, ranges @ ..] if matches!(kind.as_str(), "remote_ip" | "client_ip") => {
                let ranges = Ranges { kind, ranges };
                if negated {
                    self.denies.push(ranges);
                } else {
                    self.admits.push(ranges);
                }
            }
            _ => self.more = true,
        }
    }
}
