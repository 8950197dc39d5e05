//! Which clients a proxy lets in, by their addresses: whether a list or a rule admits the tailnet only.
//!
//! Ranges of the tailnet narrow a way in. Private ranges narrow what is known of it, and not what it could be: behind a
//! tunnel, another proxy or the engine's own address translation, everybody comes from a private address.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::access::address::HostFacts;

/// Returns whether every address of a list is one of the tailnet; a list without any admits everybody.
pub(super) fn only_tailnet<'a>(ranges: impl IntoIterator<Item = &'a str>, facts: &HostFacts) -> bool {
    let mut any = false;
    for range in ranges {
        let range = range.trim().trim_matches(['`', '"', '\'']);
        let net = match range.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => match range.parse::<IpAddr>() {
                Ok(address) => IpNet::from(address),
                Err(_) => return false,
            },
        };
        // The tailnet's ranges are whole: one that begins and ends in them has nothing between that is outside.
        if !(facts.is_tailnet(net.network()) && facts.is_tailnet(net.broadcast())) {
            return false;
        }
        any = true;
    }
    any
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

/// Returns whether a router's rule matches requests from the tailnet only: ``Host(`a`) && ClientIP(`100.64.0.0/10`)``.
pub(super) fn rule_is_only_tailnet(rule: &str, facts: &HostFacts) -> bool {
    let mut parser = Rule {
        rest: rule,
        facts,
        depth: 0,
    };
    let narrow = parser.any_of();
    // What cannot be read to its end may say anything.
    narrow == Some(true) && parser.rest.trim().is_empty()
}

/// Reads a rule from left to right; each step says whether what it read admits the tailnet only.
struct Rule<'a> {
    rest: &'a str,
    facts: &'a HostFacts,
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

    fn any_of(&mut self) -> Option<bool> {
        let mut narrow = self.all_of()?;
        while self.takes("||") {
            narrow &= self.all_of()?;
        }
        Some(narrow)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut narrow = self.one()?;
        while self.takes("&&") {
            narrow |= self.one()?;
        }
        Some(narrow)
    }

    fn one(&mut self) -> Option<bool> {
        let mut negated = false;
        while self.takes("!") {
            negated = true;
        }
        if self.takes("(") {
            self.depth += 1;
            if self.depth > 32 {
                return None;
            }
            let narrow = self.any_of()?;
            self.depth -= 1;
            return self.takes(")").then_some(narrow && !negated);
        }
        let (name, rest) = self.rest.split_once('(')?;
        let (arguments, rest) = split_arguments(rest)?;
        self.rest = rest;
        let by_address = name.trim().eq_ignore_ascii_case("ClientIP");
        Some(by_address && !negated && only_tailnet(arguments.split(','), self.facts))
    }
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
            assert_eq!(rule_is_only_tailnet(rule, &facts), expected, "{rule}");
        }
        assert!(!rule_is_only_tailnet(&"(".repeat(100_000), &facts));
    }
}
