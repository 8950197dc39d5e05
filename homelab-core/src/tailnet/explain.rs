//! Why somebody can reach a target, or why not, and what comes near.

use super::alias::Alias;
use super::carrier::{Carrier, Fit, Match, Way, fit};
use super::compile::Compiled;
use super::directory::Devices;
use super::policy::Truth;
use super::ports::{DEFAULT_PROTOCOLS, Ports};
use super::query::only_if;
use super::ranges::Range;
use super::target::Target;
use crate::error::Result;
use crate::view::{ByView, ExplanationView, NearMissView, TailnetRuleView};

/// One side of a question, resolved.
struct Question<'a> {
    from: &'a str,
    devices: Devices,
    target: &'a Target,
    carriers: Vec<Carrier>,
}

impl Compiled {
    pub(super) fn explain(&self, from: &str, target: &Target) -> Result<ExplanationView> {
        let devices = self.principals(from)?;
        let Some(stranger) = self.stranger(from, &devices) else {
            return self.explain_of(from, devices, target);
        };
        let would = stranger.compiled.explain_of(from, stranger.devices, target)?;
        if would.allowed == Some(false) {
            return self.explain_of(from, devices, target);
        }
        let mut conditions = vec![stranger.condition];
        conditions.extend(would.conditions);
        Ok(ExplanationView {
            devices: Vec::new(),
            allowed: None,
            conditions,
            ..would
        })
    }

    /// Returns the same of devices that are known already, under this name.
    pub(super) fn explain_of(
        &self,
        from: &str,
        devices: Devices,
        target: &Target,
    ) -> Result<ExplanationView> {
        let addresses = self.addresses(target)?;
        let carriers = self.carriers(target, &addresses);
        let question = Question {
            from,
            devices,
            target,
            carriers,
        };
        let through = self.through(target, &question.carriers);
        let lets = |wanted: bool| -> Vec<&Match> {
            let matches = through.iter().map(|(_, one)| one);
            matches
                .filter(|one| self.lets_any(one, &question.devices) == Some(wanted))
                .collect()
        };
        let (sure, perhaps) = (lets(true), lets(false));
        let allowed = match (sure.is_empty(), perhaps.is_empty()) {
            (false, _) => Some(true),
            (true, false) => None,
            (true, true) => Some(false),
        };
        let mut rules: Vec<TailnetRuleView> = Vec::new();
        let mut by: Vec<ByView> = Vec::new();
        let mut known: Vec<(u32, u32)> = Vec::new();
        for one in if sure.is_empty() { &perhaps } else { &sure } {
            if known.contains(&(one.rule, one.destination)) {
                continue;
            }
            known.push((one.rule, one.destination));
            for source in &self.rule(one.rule).sources {
                let definitions = &self.inner().definitions;
                let may = self.directory.devices_perhaps(&source.value, definitions);
                let mut devices = question.devices.iter();
                if self.means_any(&source.value, &question.devices) || devices.any(|device| may.has(device)) {
                    let (through, _) = self.meant(&source.value);
                    by.push(ByView {
                        rule: rules.len() as u32,
                        through,
                    });
                }
            }
            let about = |ports: &Ports| fit(ports, target) != Fit::No;
            rules.push(self.rule_view(one.rule, one.destination, about));
        }
        let mut conditions = self.who_of(&question, &sure, &perhaps);
        let mut misses = Vec::new();
        if allowed == Some(false) {
            self.misses(&question, &addresses, &mut misses);
        }
        conditions.extend(self.conditions(target, &question.carriers));
        Ok(ExplanationView {
            from: from.to_owned(),
            devices: self.names(&question.devices),
            to: target.to_string(),
            allowed,
            rules,
            by,
            conditions,
            misses,
        })
    }

    /// Returns from which of the devices it is, where not from all; and on what it depends where it is sure of none.
    fn who_of(&self, question: &Question<'_>, sure: &[&Match], perhaps: &[&Match]) -> Vec<String> {
        let mut conditions = Vec::new();
        let of = |matches: &[&Match], device: u32, wanted: bool| -> Vec<Match> {
            let matches = matches.iter().copied().copied();
            matches
                .filter(|one| self.lets(one, device) == Some(wanted))
                .collect()
        };
        let active = || {
            question
                .devices
                .iter()
                .filter(|device| self.expired(*device).is_none())
        };
        let certain: Vec<u32> = active()
            .filter(|device| !of(sure, *device, true).is_empty())
            .collect();
        if certain.is_empty() {
            let mut left = 0;
            for device in active() {
                let matches = of(perhaps, device, false);
                let mut clauses: Vec<String> = matches.iter().map(|one| self.clause(one, device)).collect();
                clauses.dedup();
                match clauses.is_empty() {
                    true => {}
                    false if conditions.len() < 5 => {
                        conditions.push(only_if(&format!("`{}`", self.directory.name(device)), &clauses));
                    }
                    false => left += 1,
                }
            }
            if left > 0 {
                conditions.push(format!("{left} more devices likewise"));
            }
        } else if certain.len() < question.devices.iter().count() {
            let names: Vec<String> = certain
                .iter()
                .map(|device| format!("`{}`", self.directory.name(*device)))
                .collect();
            conditions.push(format!("only from {}", crate::lab::in_words(&names, "and", 5)));
        }
        let mut plain = Vec::new();
        for device in &certain {
            self.may_start(*device, true, false, Vec::new, &mut plain);
        }
        if plain.len() >= certain.len() {
            conditions.extend(plain);
        }
        if let Some(on) = self.ssh_gate(question.target, &question.carriers) {
            let asked = certain.iter().filter_map(|device| self.by_ssh(on, *device));
            conditions.extend(asked.take(5));
        }
        conditions
    }

    /// Returns whether a match lets one of these devices through whose key is not expired: for sure, or perhaps.
    fn lets_any(&self, one: &Match, devices: &Devices) -> Option<bool> {
        let active = devices.iter().filter(|device| self.expired(*device).is_none());
        active.filter_map(|device| self.lets(one, device)).max()
    }

    fn misses(&self, question: &Question<'_>, addresses: &[Range], into: &mut Vec<NearMissView>) {
        if question.devices.is_empty() {
            into.push(miss(
                "unknown_person",
                format!("`{}` has no device", question.from),
                "sign in on a device",
                None,
            ));
        }
        for device in question.devices.iter() {
            if let Some(problem) = self.expired(device) {
                let name = self.directory.name(device);
                into.push(miss(
                    "expired",
                    format!("`{name}` cannot connect: {problem}"),
                    "sign in on it again",
                    None,
                ));
            }
        }
        if question.target.service().is_some() {
            self.service_misses(question, into);
            return;
        }
        if question.carriers.is_empty() {
            self.route_misses(addresses, into);
        }
        for carrier in &question.carriers {
            let name = self.directory.name(carrier.device);
            if let Some(problem) = &carrier.problem {
                let message = format!("`{name}` lets nobody in: {problem}");
                into.push(miss("refuses", message, "change that on the device", None));
            }
            self.port_misses(question, carrier, into);
            self.neighbour_misses(question, carrier, into);
            self.tag_misses(question, carrier, into);
            let seen = question
                .devices
                .iter()
                .find(|device| *device != carrier.device && self.sees(carrier.device, *device));
            if let Some(device) = seen {
                let message = format!(
                    "`{}` and `{name}` see each other, which is no access",
                    self.directory.name(device)
                );
                into.push(miss("visible", message, "add a rule to let them connect", None));
            }
        }
    }

    /// Rules that let them reach other ports of a service.
    fn service_misses(&self, question: &Question<'_>, into: &mut Vec<NearMissView>) {
        for one in self.service_matches(question.target, |_| Fit::All) {
            let to = self.destination(one.rule, one.destination);
            if to.alias.value == Alias::Any || self.lets_any(&one, &question.devices).is_none() {
                continue;
            }
            let allowed: Vec<String> = to.ports.iter().map(ToString::to_string).collect();
            let message = format!("a rule lets them reach other ports of it: {}", allowed.join(", "));
            let rule = self.rule_view(one.rule, one.destination, |_| true);
            into.push(miss("port", message, "add the port to the rule", Some(rule)));
        }
    }

    fn route_misses(&self, addresses: &[Range], into: &mut Vec<NearMissView>) {
        let before = into.len();
        for device in 0..self.directory.count() {
            let offered = self.directory.device(device).advertised();
            let approved = self.directory.device(device).approved();
            let route = offered
                .iter()
                .filter(|route| !approved.contains(route))
                .find(|route| {
                    // An exit node is a way to public addresses only.
                    let internet = self.directory.internet();
                    let is_way =
                        |address: &&Range| route.prefix_len() > 0 || internet.contains(address.first());
                    addresses
                        .iter()
                        .filter(is_way)
                        .any(|address| Range::of_net(**route).covers(*address))
                });
            if let Some(route) = route {
                let message = format!(
                    "`{}` offers the route {route}, which is not approved",
                    self.directory.name(device)
                );
                into.push(miss(
                    "route_not_approved",
                    message,
                    "approve the route in the admin console, or by `autoApprovers`",
                    None,
                ));
            }
        }
        if into.len() == before {
            let message = "no device of the tailnet has this address or carries a route to it".to_owned();
            into.push(miss(
                "no_route",
                message,
                "offer a route to it on a device, and approve it",
                None,
            ));
        }
    }

    /// The right host and the wrong port, or only the posture is missing.
    fn port_misses(&self, question: &Question<'_>, carrier: &Carrier, into: &mut Vec<NearMissView>) {
        let mut pings = false;
        for one in self.matches(carrier, |_| Fit::All) {
            let ports = &self.destination(one.rule, one.destination).ports;
            let fits = ports.iter().any(|ports| fit(ports, question.target) != Fit::No);
            if fits {
                let refused = question
                    .devices
                    .iter()
                    .find(|device| self.is_out_of_posture(&one, *device));
                let rule = || Some(self.rule_view(one.rule, one.destination, |_| true));
                if let Some(device) = refused {
                    let message = format!(
                        "the posture of `{}` is not as the rule asks",
                        self.directory.name(device)
                    );
                    into.push(miss(
                        "posture",
                        message,
                        "bring the device into that posture",
                        rule(),
                    ));
                }
                continue;
            }
            if self.lets_any(&one, &question.devices).is_none() {
                continue;
            }
            pings = true;
            let about = |ports: &Ports| match ports.protocol {
                Some(own) => own == question.target.protocol(),
                None => DEFAULT_PROTOCOLS.contains(&question.target.protocol()),
            };
            let (kind, what) = match ports.iter().any(about) {
                true => ("port", "other ports of it"),
                false => ("protocol", "it by other protocols"),
            };
            let allowed: Vec<String> = ports.iter().map(ToString::to_string).collect();
            let message = format!("a rule lets them reach {what}: {}", allowed.join(", "));
            let rule = self.rule_view(one.rule, one.destination, |_| true);
            into.push(miss(kind, message, "add the port to the rule", Some(rule)));
        }
        if pings {
            let message = "they can ping it: any rule that joins the two lets pings through".to_owned();
            into.push(miss(
                "ping",
                message,
                "do not take an answer to a ping for access",
                None,
            ));
        }
    }

    fn is_out_of_posture(&self, one: &Match, device: u32) -> bool {
        let rule = self.rule(one.rule);
        let mut only = Devices::none(self.directory.count() as usize);
        only.insert(device);
        !rule.postures.is_empty()
            && self.posture(device, &rule.postures) == Truth::No
            && rule
                .sources
                .iter()
                .any(|source| self.means_any(&source.value, &only))
    }

    /// The router and not what is behind it, or the other way round.
    fn neighbour_misses(&self, question: &Question<'_>, carrier: &Carrier, into: &mut Vec<NearMissView>) {
        let device = carrier.device;
        let name = self.directory.name(device);
        let behind: Vec<Range> = self
            .directory
            .subnets(device)
            .iter()
            .map(|route| Range::of(route.first()))
            .collect();
        let (way, addresses, kind, message, fix) = match carrier.way {
            Way::Subnet => (
                Way::Itself,
                self.own(device).collect(),
                "router_not_lan",
                format!("a rule lets them reach the router `{name}` itself, not what is behind it"),
                "write the address or prefix behind the router into `dst`",
            ),
            Way::Itself => (
                Way::Subnet,
                behind,
                "lan_not_router",
                format!("a rule lets them reach what is behind `{name}`, not the device itself"),
                "write the device's tag or address into `dst`",
            ),
            Way::Exit | Way::Service => return,
        };
        let other = Carrier {
            device,
            way,
            addresses,
            primary: None,
            longer: None,
            problem: None,
        };
        let matches = self.matches(&other, |ports| fit(ports, question.target));
        let near = |one: &&Match| self.lets_any(one, &question.devices).is_some();
        if let Some(one) = matches.iter().find(near) {
            let rule = self.rule_view(one.rule, one.destination, |_| true);
            into.push(miss(kind, message, fix, Some(rule)));
        }
    }

    /// What a device lost when it was given a tag: its person's access, and that it was theirs to be reached.
    fn tag_misses(&self, question: &Question<'_>, carrier: &Carrier, into: &mut Vec<NearMissView>) {
        let creator = |device: u32| {
            let tagged = self.directory.owner(device).is_none();
            self.directory
                .device(device)
                .user()
                .filter(|_| tagged)
                .and_then(|login| self.directory.person(login))
        };
        let matches = self.matches(carrier, |ports| fit(ports, question.target));
        for device in question.devices.iter() {
            let Some(person) = creator(device) else { continue };
            let theirs = matches.iter().find(|one| {
                let sources = &self.rule(one.rule).sources;
                sources.iter().any(|source| {
                    source.value.names_people() && self.meant(&source.value).1.contains(&person)
                })
            });
            if let Some(one) = theirs {
                let login = &self.directory.people[person as usize].login;
                let message = format!(
                    "`{}` has tags, so what {login} may is not for it",
                    self.directory.name(device)
                );
                let rule = self.rule_view(one.rule, one.destination, |_| true);
                into.push(miss(
                    "tagged",
                    message,
                    "write one of its tags into `src`",
                    Some(rule),
                ));
            }
        }
        let Some(person) = creator(carrier.device).filter(|_| carrier.way == Way::Itself) else {
            return;
        };
        for (index, rule) in self.rules().iter().enumerate() {
            let index = index as u32;
            let from = |device: u32| self.sources(index).devices.has(device);
            for (at, to) in rule.destinations.iter().enumerate() {
                let own = |device: u32| self.directory.owner(device) == Some(person);
                let meant = match &to.alias.value {
                    Alias::Itself => question.devices.iter().any(|device| from(device) && own(device)),
                    alias if alias.names_people() => {
                        self.meant(alias).1.contains(&person) && question.devices.iter().any(from)
                    }
                    _ => false,
                };
                if meant
                    && to
                        .ports
                        .iter()
                        .any(|ports| fit(ports, question.target) != Fit::No)
                {
                    let login = &self.directory.people[person as usize].login;
                    let name = self.directory.name(carrier.device);
                    let message = format!("`{name}` has tags, so it is none of {login}'s devices");
                    let rule = self.rule_view(index, at as u32, |_| true);
                    into.push(miss(
                        "tagged",
                        message,
                        "write one of its tags into `dst`",
                        Some(rule),
                    ));
                    return;
                }
            }
        }
    }

    /// Returns whether two devices see each other: one lets the other in somewhere.
    pub(super) fn sees(&self, one: u32, other: u32) -> bool {
        self.admits_somewhere(one, other) || self.admits_somewhere(other, one)
    }

    fn admits_somewhere(&self, device: u32, from: u32) -> bool {
        let visible = |rule: u32| self.sources(rule).visible.has(from);
        self.attachments(device)
            .iter()
            .any(|attachment| visible(attachment.rule))
            || self.everywhere.iter().any(|(rule, _)| visible(*rule))
            || self
                .shown
                .iter()
                .any(|(shown, rule)| *shown == device && visible(*rule))
            || self.apps.iter().any(|rule| {
                self.grants(*rule, device)
                    .iter()
                    .any(|grant| grant.sources.visible.has(from))
            })
            || self.directory.owner(device).is_some_and(|person| {
                let same = self.directory.owner(from) == Some(person);
                same && self
                    .selves
                    .iter()
                    .any(|(rule, _)| self.sources(*rule).devices.has(from))
            })
    }
}

fn miss(kind: &str, message: String, fix: &str, rule: Option<TailnetRuleView>) -> NearMissView {
    NearMissView {
        kind: kind.to_owned(),
        message,
        fix: fix.to_owned(),
        rule,
    }
}
