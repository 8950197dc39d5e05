//! Which clients a proxy lets in, by their addresses: whether a list or a rule admits the tailnet only.
//!
//! Ranges of the tailnet narrow a way in. Private ranges narrow what is known of it, and not what it could be: behind a
//! tunnel, another proxy or the engine's own address translation, everybody comes from a private address.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::access::address::HostFacts;

/// Returns the ranges of a list of addresses; nothing where one of them cannot be read, or there is none.
pub(super) fn read<'a>(ranges: impl IntoIterator<Item = &'a str>) -> Option<Vec<IpNet>> {
    let read_one = |range: &str| {
        let range = range.trim().trim_matches(['`', '"', '\'']);
        let address = || range.parse::<IpAddr>().map(IpNet::from);
        range.parse::<IpNet>().or_else(|_| address()).ok()
    };
    let all: Vec<IpNet> = ranges.into_iter().map(read_one).collect::<Option<_>>()?;
    (!all.is_empty()).then_some(all)
}

/// Returns whether these ranges together let in every address there is, of IPv4 or of IPv6: a list that holds nobody back.
pub(super) fn are_all(ranges: &[IpNet]) -> bool {
    IpNet::aggregate(&ranges.to_vec())
        .iter()
        .any(|net| net.prefix_len() == 0)
}

/// Returns whether a list lets in every address there is, whatever else stands in it.
pub(super) fn let_all_in<'a>(ranges: impl IntoIterator<Item = &'a str>) -> bool {
    let ranges = ranges.into_iter().filter_map(|range| read([range]));
    are_all(&ranges.flatten().collect::<Vec<_>>())
}

/// Returns whether every address of these ranges is one of the tailnet.
pub(super) fn are_tailnet(ranges: &[IpNet], facts: &HostFacts) -> bool {
    // The tailnet's ranges are whole: one that begins and ends in them has nothing between that is outside.
    let is_tailnet = |net: &IpNet| facts.is_tailnet(net.network()) && facts.is_tailnet(net.broadcast());
    ranges.iter().all(is_tailnet)
}

/// Returns whether every address of a list is one of the tailnet; a list without any admits everybody.
pub(super) fn only_tailnet<'a>(ranges: impl IntoIterator<Item = &'a str>, facts: &HostFacts) -> bool {
    read(ranges).is_some_and(|ranges| are_tailnet(&ranges, facts))
}

/// Returns whether every address of a list is a private one, or one of the tailnet; a list without any admits everybody.
pub(super) fn only_private<'a>(ranges: impl IntoIterator<Item = &'a str>) -> bool {
    const PRIVATE: [&str; 10] = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
        "fd00::/8",
    ];
    let mut any = false;
    for range in ranges {
        let range = range.trim().trim_matches(['`', '"', '\'']);
        any = true;
        if range == "private_ranges" {
            continue;
        }
        let net = range
            .parse::<IpNet>()
            .ok()
            .or_else(|| range.parse::<IpAddr>().ok().map(IpNet::from));
        let is_private = |net: IpNet| {
            let mut blocks = PRIVATE.iter().filter_map(|block| block.parse::<IpNet>().ok());
            blocks.any(|block| block.contains(&net))
        };
        if !net.is_some_and(is_private) {
            return false;
        }
    }
    any
}

/// Returns the addresses from which a router's rule matches requests: ``Host(`a`) && ClientIP(`100.64.0.0/10`)``; nothing
/// where it matches from anywhere, or cannot be read.
pub(super) fn rule_clients(rule: &str) -> Option<Vec<IpNet>> {
    let mut parser = Rule { rest: rule, depth: 0 };
    let clients = parser.any_of()?;
    // What cannot be read to its end may say anything.
    clients.filter(|_| parser.rest.trim().is_empty())
}

/// The addresses from which a part of a rule matches; nothing where that is anywhere.
type Clients = Option<Vec<IpNet>>;

/// Reads a rule from left to right; each step says from which addresses what it read matches.
struct Rule<'a> {
    rest: &'a str,
    depth: u8,
}

impl Rule<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(sign);
        if let Some(rest) = found {
            self.rest = rest;
        }
        found.is_some()
    }

    fn any_of(&mut self) -> Option<Clients> {
        let mut clients = self.all_of()?;
        while self.takes("||") {
            let other = self.all_of()?;
            clients = clients.zip(other).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        Some(clients)
    }

    fn all_of(&mut self) -> Option<Clients> {
        let mut clients = self.one()?;
        while self.takes("&&") {
            let other = self.one()?;
            clients = match (clients, other) {
                (Some(all), Some(more)) => Some(both(&all, &more)),
                (one, other) => one.or(other),
            };
        }
        Some(clients)
    }

    fn one(&mut self) -> Option<Clients> {
        let mut negated = false;
        while self.takes("!") {
            negated = true;
        }
        if self.takes("(") {
            self.depth += 1;
            if self.depth > 32 {
                return None;
            }
            let clients = self.any_of()?;
            self.depth -= 1;
            return self.takes(")").then_some(clients.filter(|_| !negated));
        }
        let (name, rest) = self.rest.split_once('(')?;
        let (arguments, rest) = split_arguments(rest)?;
        self.rest = rest;
        let by_address = name.trim().eq_ignore_ascii_case("ClientIP") && !negated;
        Some(by_address.then(|| read(arguments.split(','))).flatten())
    }
}

/// Returns the ranges that are in both lists.
fn both(one: &[IpNet], other: &[IpNet]) -> Vec<IpNet> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
    let narrower = |(a, b): (IpNet, IpNet)| match (a.contains(&b), b.contains(&a)) {
        (true, _) => Some(b),
        (_, true) => Some(a),
        (false, false) => None,
    };
    pairs.filter_map(narrower).collect()
}

/// Splits behind the bracket that closes a matcher: one inside of quotes is part of its argument.
fn split_arguments(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '`' | '"' | '\'') => quote = Some(c),
            None if c == ')' => return Some((&text[..at], &text[at + 1..])),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_the_tailnet_where_every_way_through_it_is() {
        let facts = HostFacts::default();
        for (rule, expected) in [
            ("ClientIP(`100.64.0.0/10`)", true),
            ("Host(`a`) && ClientIP(`100.64.0.0/10`)", true),
            (
                "Host(`a`) && (ClientIP(`100.64.0.0/10`) || ClientIP(`fd7a:115c:a1e0::/48`))",
                true,
            ),
            ("ClientIP(`100.64.0.0/10`, `100.100.1.1`)", true),
            ("PathRegexp(`^/(a|b)$`) && ClientIP(`100.64.0.0/10`)", true),
            ("Host(`a`) || ClientIP(`100.64.0.0/10`)", false),
            ("!ClientIP(`100.64.0.0/10`)", false),
            ("!(Host(`a`) && ClientIP(`100.64.0.0/10`))", false),
            ("ClientIP(`100.64.0.0/10`, `192.168.0.0/16`)", false),
            ("ClientIP(`100.0.0.0/8`)", false),
            ("ClientIP(`100.64.0.0/10`) && (", false),
            ("ClientIP(``)", false),
            ("ClientIP()", false),
            ("Host(`a`)", false),
            ("", false),
        ] {
            let only = rule_clients(rule).is_some_and(|clients| are_tailnet(&clients, &facts));
            assert_eq!(only, expected, "{rule}");
        }
        assert!(rule_clients(&"(".repeat(100_000)).is_none());
        let clients = rule_clients(
            "(Host(`a`) || Path(`/`)) && ClientIP(`100.64.0.3`, `192.168.0.0/16`) && ClientIP(`100.64.0.0/10`)",
        );
        assert_eq!(clients, Some(vec!["100.64.0.3/32".parse().expect("a range")]));
    }
}
