//! Why somebody can reach a target, or why not, and what comes near.

use std::net::IpAddr;

use super::alias::Alias;
use super::carrier::{Carrier, Match, Way};
use super::compile::Compiled;
use super::directory::Devices;
use super::policy::Truth;
use super::ports::{DEFAULT_PROTOCOLS, Ports};
use super::query::accepts;
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
        self.explain_of(from, self.principals(from)?, target)
    }

    /// Returns the same of devices that are known already, under this name.
    pub(super) fn explain_of(
        &self,
        from: &str,
        devices: Devices,
        target: &Target,
    ) -> Result<ExplanationView> {
        let addresses = self.addresses(target)?;
        let carriers = self.carriers(&addresses);
        let question = Question {
            from,
            devices,
            target,
            carriers,
        };
        let mut rules: Vec<TailnetRuleView> = Vec::new();
        let mut by: Vec<ByView> = Vec::new();
        let mut known: Vec<(u32, u32)> = Vec::new();
        let mut misses = Vec::new();
        for carrier in question
            .carriers
            .iter()
            .filter(|carrier| carrier.problem.is_none())
        {
            for one in self.matches(carrier, |ports| accepts(ports, target)) {
                if !self.lets_any(&one, &question.devices) || known.contains(&(one.rule, one.destination)) {
                    continue;
                }
                known.push((one.rule, one.destination));
                for source in &self.rule(one.rule).sources {
                    if self.means_any(&source.value, &question.devices) {
                        let (through, _) = self.meant(&source.value);
                        by.push(ByView {
                            rule: rules.len() as u32,
                            through,
                        });
                    }
                }
                rules.push(self.rule_view(one.rule, one.destination, |ports| accepts(ports, target)));
            }
        }
        let allowed = !rules.is_empty();
        if !allowed {
            self.misses(&question, &addresses, &mut misses);
        }
        Ok(ExplanationView {
            from: from.to_owned(),
            devices: self.names(&question.devices),
            to: target.to_string(),
            allowed,
            rules,
            by,
            conditions: self.conditions(target, &question.carriers),
            misses,
        })
    }

    /// Returns whether a match lets one of these devices through, its posture as asked and its key not expired.
    fn lets_any(&self, one: &Match, devices: &Devices) -> bool {
        devices
            .iter()
            .any(|device| self.lets(one, device) == Some(true) && self.expired(device).is_none())
    }

    /// Returns whether an alias means one of these devices, or an address of theirs.
    fn means_any(&self, alias: &Alias, devices: &Devices) -> bool {
        match alias {
            Alias::Any | Alias::DangerAll => true,
            alias if alias.names_devices() => {
                let meant = self.devices(alias);
                devices.iter().any(|device| meant.has(device))
            }
            alias => {
                let written = self.written(alias);
                devices.iter().any(|device| {
                    self.own(device)
                        .any(|own| written.iter().any(|range| range.covers(own)))
                })
            }
        }
    }

    fn misses(&self, question: &Question<'_>, addresses: &[IpAddr], into: &mut Vec<NearMissView>) {
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

    fn route_misses(&self, addresses: &[IpAddr], into: &mut Vec<NearMissView>) {
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
                    let is_way = |address: &&IpAddr| route.prefix_len() > 0 || internet.contains(**address);
                    addresses
                        .iter()
                        .filter(is_way)
                        .any(|address| route.contains(address))
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
        for one in self.matches(carrier, |_| true) {
            let ports = &self.destination(one.rule, one.destination).ports;
            let fits = ports.iter().any(|ports| accepts(ports, question.target));
            if fits {
                let unknown = question
                    .devices
                    .iter()
                    .find(|device| self.lets(&one, *device) == Some(false));
                let refused = question
                    .devices
                    .iter()
                    .find(|device| self.is_out_of_posture(&one, *device));
                let rule = || Some(self.rule_view(one.rule, one.destination, |_| true));
                if let Some(device) = unknown {
                    let message = format!("the posture of `{}` is not known", self.directory.name(device));
                    into.push(miss(
                        "posture",
                        message,
                        "give the device's posture attributes",
                        rule(),
                    ));
                } else if let Some(device) = refused {
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
            if !self.lets_any(&one, &question.devices) {
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
        let own = self.directory.device(device).addresses();
        let behind: Vec<IpAddr> = self
            .directory
            .subnets(device)
            .iter()
            .map(|route| route.first())
            .collect();
        let (way, addresses, kind, message, fix) = match carrier.way {
            Way::Subnet => (
                Way::Itself,
                own.to_vec(),
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
            Way::Exit => return,
        };
        let other = Carrier {
            device,
            way,
            addresses,
            primary: None,
            problem: None,
        };
        let matches = self.matches(&other, |ports| accepts(ports, question.target));
        if let Some(one) = matches.iter().find(|one| self.lets_any(one, &question.devices)) {
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
        let matches = self.matches(carrier, |ports| accepts(ports, question.target));
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
                if meant && to.ports.iter().any(|ports| accepts(ports, question.target)) {
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
    fn sees(&self, one: u32, other: u32) -> bool {
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
