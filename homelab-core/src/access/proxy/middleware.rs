//! Traefik's middlewares: what guards a route, by the labels that any container of the machine may carry.

use std::collections::HashMap;

use ipnet::IpNet;

use super::clients::{are_tailnet, let_all_in, only_private, read};
use crate::access::path::{Guard, GuardKind};
use crate::access::topology::Topology;
use crate::finding::Evidence;

/// Every middleware that a container's labels declare, by machine and name.
pub(super) struct Middlewares {
    declared: HashMap<(usize, String), Middleware>,
}

#[derive(Default)]
struct Middleware {
    kind: Option<GuardKind>,
    chain: Vec<String>,
    evidence: Option<Evidence>,
    /// Whether the addresses that it lets in are all of the tailnet.
    only_tailnet: bool,
    /// The addresses that it lets in, where all were read.
    clients: Option<Vec<IpNet>>,
    /// Whether they are all private.
    only_private: bool,
    /// Whether it takes the client's address from a header.
    by_header: bool,
    /// Whether it is a plugin that is switched off.
    off: bool,
}

impl Middlewares {
    pub(super) fn new(topology: &Topology<'_>) -> Self {
        let mut declared: HashMap<(usize, String), Middleware> = HashMap::new();
        for node in &topology.nodes {
            for (key, field) in node.service.labels.iter().chain(&node.service.deploy_labels) {
                let lower = key.to_ascii_lowercase();
                let Some(rest) = lower
                    .strip_prefix("traefik.http.middlewares.")
                    .or_else(|| lower.strip_prefix("traefik.tcp.middlewares."))
                else {
                    continue;
                };
                let Some((name, kind)) = rest.split_once('.') else {
                    continue;
                };
                let entry = declared.entry((node.machine, name.to_owned())).or_default();
                if kind == "chain.middlewares" {
                    entry.chain = field
                        .value
                        .split(',')
                        .map(|name| name.trim().to_ascii_lowercase())
                        .collect();
                }
                if matches!(kind, "ipallowlist.sourcerange" | "ipwhitelist.sourcerange") {
                    let facts = &topology.machines[node.machine].facts;
                    entry.clients = read(field.value.split(','));
                    entry.only_tailnet = entry
                        .clients
                        .as_deref()
                        .is_some_and(|clients| are_tailnet(clients, facts));
                    entry.only_private = only_private(field.value.split(','));
                }
                entry.by_header |= kind.contains("list.ipstrategy");
                entry.off |= switches_off(kind, &field.value);
                let found = guard_kind(kind, &field.value);
                // A forward to CrowdSec's bouncer is seen by its address, whichever label comes first.
                if found.is_some() && entry.kind != Some(GuardKind::Waf) {
                    entry.kind = found;
                }
                entry
                    .evidence
                    .get_or_insert_with(|| Evidence::at(format!("middleware `{name}`"), &field.span));
            }
        }
        Middlewares { declared }
    }

    /// Returns what a middleware guards, with all that it is a chain of. One that no label declares is not seen.
    pub(super) fn guards(&self, machine: usize, name: &str, used: &Evidence) -> Vec<Guard> {
        let mut guards = Vec::new();
        self.collect(machine, name.trim(), used, 0, &mut guards);
        guards
    }

    fn collect(&self, machine: usize, name: &str, used: &Evidence, depth: usize, guards: &mut Vec<Guard>) {
        if name.is_empty() || depth > 8 {
            return;
        }
        let lower = name.to_ascii_lowercase();
        let (bare, provider) = lower.split_once('@').unwrap_or((&lower, "docker"));
        let declared = match provider {
            "docker" | "swarm" => self.declared.get(&(machine, bare.to_owned())),
            _ => None,
        };
        let Some(middleware) = declared else {
            guards.push(Guard::new(GuardKind::Unseen, name, used.clone()));
            return;
        };
        let evidence = middleware.evidence.clone().unwrap_or_else(|| used.clone());
        if let Some(kind) = middleware.kind.filter(|_| !middleware.off) {
            let only_tailnet = middleware.only_tailnet && !middleware.by_header;
            let only_private = middleware.only_private && !middleware.by_header;
            let clients = middleware.clients.clone().filter(|_| !middleware.by_header);
            let guard = Guard::new(kind, name, evidence).only_tailnet(only_tailnet);
            guards.push(guard.only_private(only_private).with_clients(clients));
        }
        for next in &middleware.chain {
            self.collect(machine, next, used, depth + 1, guards);
        }
    }
}

/// Returns what a middleware's setting makes of it: `basicauth.users` asks for a password.
///
/// One that holds nobody back is none: a list of every address, a limit of zero (which is Traefik's word for none), users
/// that are not named. [`switches_off`] tells of plugins.
pub(super) fn guard_kind(setting: &str, value: &str) -> Option<GuardKind> {
    let (kind, rest) = setting.split_once('.').unwrap_or((setting, ""));
    let value = value.trim().to_ascii_lowercase();
    match (kind, rest) {
        ("basicauth" | "digestauth", "users" | "usersfile") => (!value.is_empty()).then_some(GuardKind::Auth),
        ("forwardauth", "address") if value.contains("crowdsec") => Some(GuardKind::Waf),
        ("forwardauth", "address") => (!value.is_empty()).then_some(GuardKind::Auth),
        ("ratelimit", "average") | ("inflightreq" | "inflightconn", "amount") => {
            (value.parse() != Ok(0_u64)).then_some(GuardKind::RateLimit)
        }
        ("ipallowlist" | "ipwhitelist", "sourcerange") => {
            let ranges = value.trim_matches(['[', ']']).split(',');
            (!let_all_in(ranges)).then_some(GuardKind::AllowList)
        }
        ("plugin", _) => {
            let plugin = rest.split('.').next().unwrap_or_default();
            let has = |words: &[&str]| words.iter().any(|word| plugin.contains(word));
            if has(&["crowdsec", "bouncer", "coraza", "modsecurity", "waf", "fail2ban"]) {
                Some(GuardKind::Waf)
            } else if has(&["geoblock", "geo-block", "allowlist", "whitelist"]) {
                Some(GuardKind::AllowList)
            } else if has(&["oidc", "auth", "jwt", "keycloak"]) {
                Some(GuardKind::Auth)
            } else {
                Some(GuardKind::Unseen)
            }
        }
        _ => None,
    }
}

/// Whether a setting switches the plugin off that it belongs to: `plugin.crowdsec.enabled=false`.
pub(super) fn switches_off(setting: &str, value: &str) -> bool {
    setting.starts_with("plugin.")
        && setting.ends_with(".enabled")
        && value.trim().eq_ignore_ascii_case("false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_middleware_is_known_by_its_settings() {
        for (setting, value, expected) in [
            ("basicauth.users", "x", Some(GuardKind::Auth)),
            (
                "forwardauth.address",
                "http://authelia:9091",
                Some(GuardKind::Auth),
            ),
            (
                "forwardauth.address",
                "http://crowdsec-bouncer:8080",
                Some(GuardKind::Waf),
            ),
            ("basicauth.users", "", None),
            ("basicauth.realm", "x", None),
            ("forwardauth.address", "", None),
            ("forwardauth.trustforwardheader", "true", None),
            ("ratelimit.average", "1", Some(GuardKind::RateLimit)),
            ("ratelimit.average", "0", None),
            ("ratelimit.burst", "50", None),
            ("ipallowlist.sourcerange", "0.0.0.0/0", None),
            ("ipallowlist.sourcerange", "0.0.0.0/1, 128.0.0.0/1", None),
            ("ipallowlist.ipstrategy.depth", "1", None),
            (
                "ipwhitelist.sourcerange",
                "10.0.0.0/8",
                Some(GuardKind::AllowList),
            ),
            (
                "plugin.crowdsec-bouncer-traefik-plugin.enabled",
                "true",
                Some(GuardKind::Waf),
            ),
            ("plugin.something.x", "", Some(GuardKind::Unseen)),
            ("headers.framedeny", "true", None),
            ("redirectscheme.scheme", "https", None),
        ] {
            assert_eq!(guard_kind(setting, value), expected, "{setting}");
        }
    }
}
