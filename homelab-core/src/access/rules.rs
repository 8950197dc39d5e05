//! What is worth saying about reach.

mod alternative;
mod names;

use std::collections::BTreeSet;

use super::Exposure;
use super::exception::{Measured, MitigationState, unneeded};
use super::path::{GuardKind, Path, PathKind, UnknownKind};
use super::tunnel::TunnelKind;
use crate::compose::Protocol;
use crate::finding::{Evidence, Finding, Rule, Severity, Subject, rules};
use crate::lab::{Lab, in_words};
use crate::observed::Observed;
use crate::view::Reach;
use alternative::{Alternative, alternative};

rules! {
    PUBLIC_WITHOUT_EXCEPTION = "access.public-without-exception", NoPublicPort, Error,
        "a service can be reached from the internet, and no exception says why",
        "Everybody may try every flaw that it has or will have. A public port is right for few services, for a reason \
         and with something that softens the risk; nobody has written either down.",
        "Take it back to the tailnet: publish on the machine's tailnet address or serve it with Tailscale Serve. If it \
         must be public, write an exception in lab.toml: reason, owner, end, mitigations.";
    BEYOND_POLICY = "access.beyond-policy", TailnetFirst, Warning,
        "a service can be reached from farther than the policy allows",
        "The lab's policy says who may come in, and this service lets in more: guests of the local network, television \
         sets and whatever else is connected to it.",
        "Publish it on the machine's tailnet address or on 127.0.0.1, or allow it in lab.toml under `[policy.services]`.";
    EXCEPTION_EXPIRED = "access.exception-expired", NoPublicPort, Error,
        "an exception has ended, and the service is still as open",
        "The exception was for a time. Since it ended nothing allows this reach, and nobody has looked at it again.",
        "Close the way in, or decide anew: a later `expires`, with a reason that still holds.";
    EXCEPTION_UNNEEDED = "access.exception-unneeded", NoPublicPort, Note,
        "an exception allows what is not there",
        "An exception that nobody needs lets the service be opened one day without anybody being told.",
        "Remove the exception.";
    MITIGATION_CONTRADICTED = "access.mitigation-contradicted", NoPublicPort, Error,
        "a mitigation that an exception claims can be passed by",
        "The exception was accepted because of it. A way in that goes past it is as open as if there were none.",
        "Put the guard on every way in, close the ways that go past it, or take the claim out of the exception.";
    MITIGATION_UNVERIFIED = "access.mitigation-unverified", NoPublicPort, Note,
        "a mitigation that an exception claims cannot be seen in the files",
        "It may be there: in the application itself, in a file outside of the lab, at the tunnel's provider. Nothing \
         in the lab would show if it were gone.",
        "Configure it where the lab can see it, such as labels of the proxy, or check it by hand and keep the note.";
    PROXIED_AND_PUBLISHED = "access.proxied-and-published", TailnetFirst, Warning,
        "a service behind a proxy publishes its port as well",
        "Whoever uses the published port goes past the proxy and all that it asks: passwords, limits, encryption. \
         Engines open published ports before the machine's own firewall is asked.",
        "Remove the port from `ports`, or bind it to 127.0.0.1; the proxy reaches the container by their network.";
    ADMIN_SURFACE = "access.admin-surface-reachable", TailnetFirst, Warning,
        "an administration or a database that asks for no password can be reached from beyond the tailnet",
        "Who opens it controls the service, or sees everything that it knows, without having to break anything.",
        "Publish it on 127.0.0.1 or the machine's tailnet address, or put a proxy with authentication before it.";
    QUICK_TUNNEL = "access.quick-tunnel", NoPublicPort, Error,
        "a quick tunnel puts a service on the internet",
        "It has a public name that changes with every start, no account, no password and no record: meant for a trial, \
         and forgotten.",
        "Stop the container. For people of the lab, the tailnet; for a public service, a named tunnel with an exception.";
    TUNNEL_UNSEEN_ROUTES = "access.tunnel-unseen-routes", NoPublicPort, Note,
        "where a tunnel leads cannot be seen",
        "Its routes are kept at its provider. It may lead from the internet to every service that shares a network with \
         it, and a change there changes nothing in the lab's files.",
        "Give the tunnel a network with only the services that it is for, or keep its routes in a configuration file in \
         the lab.";
    UNKNOWN_ROUTES = "access.unknown-routes", NoPublicPort, Note,
        "services may be reached from farther than can be seen",
        "Where a proxy leads, or who reaches it, is written outside of the lab. Until it can be seen, the services around \
         it may be as open as it is.",
        "Keep the proxy's configuration in the lab, as a file that it mounts or as labels; add the project that has the \
         proxy where it is missing, and declare a network that several projects share in one of them.";
    ALL_INTERFACES = "access.all-interfaces-unknown-host", NoPublicPort, Note,
        "nobody has said whether the internet reaches this machine",
        "A port without an address is open on every interface. Behind a home router that is the local network; on a \
         machine with a public address, or behind a forward, it is the internet, and the machine's own firewall does \
         not close what an engine publishes.",
        "Say it in instance.toml: `public_addresses` and `forwards` of the machine, both `[]` where there is none.";
    PUBLIC_NAMES = "access.public-names", NoPublicDns, Note,
        "routes have names in public DNS",
        "A public name tells everybody that the service exists: in DNS, and in the public logs of every certificate.",
        "Use names of the tailnet, or of a domain that only the lab resolves; one wildcard certificate by DNS challenge \
         keeps single names out of the logs.";
    PUBLIC_CHALLENGE = "access.public-challenge", NoPublicPort, Warning,
        "certificates are proved by a port that the whole internet must reach",
        "An HTTP or TLS challenge works only while port 80 or 443 is open to everybody, so the port stays open.",
        "Use the DNS challenge, or the tailnet's own certificates: neither needs an open port.";
    DYNAMIC_DNS = "access.dynamic-dns", NoPublicDns, Warning,
        "a program publishes the home's address in public DNS",
        "The name leads everybody to the router. It is needed only where something is open to the internet.",
        "Remove it once nothing public is left: devices of the tailnet find each other without it.";
}

impl Lab {
    /// Returns what is worth saying about who can reach what: findings of the rules `access.*`.
    ///
    /// `exposures` are those of [`Lab::exposures`], so that they are made once.
    pub(crate) fn access_findings(&self, exposures: &[Exposure], seen: &Observed) -> Vec<Finding> {
        let mut findings = Vec::new();
        for exposure in exposures {
            let measured = Measured::new(exposure, self.pattern(), seen.at());
            policy(&measured, &mut findings);
            quick_tunnel(exposure, &mut findings);
            proxied_and_published(exposure, &mut findings);
            admin_surface(exposure, &mut findings);
            public_challenge(exposure, &mut findings);
            dynamic_dns(exposure, &mut findings);
        }
        for (exception, reach) in unneeded(self.pattern(), exposures) {
            let message = format!(
                "`{}` can be reached from {} anyway",
                exception.service().value(),
                zone_words(reach)
            );
            findings.push(Finding::new(&EXCEPTION_UNNEEDED, Subject::Lab, message).at(exception.span()));
        }
        findings.extend(unseen_routes(exposures));
        findings.extend(self.unknown_routes(exposures));
        findings.extend(unknown_host(exposures));
        findings.extend(names::public_names(exposures));
        findings
    }

    /// The one question about everything else that is not known, where the answer could be more than is allowed.
    fn unknown_routes(&self, exposures: &[Exposure]) -> Option<Finding> {
        let asked: Vec<(&Exposure, &Path)> = exposures
            .iter()
            .filter_map(|exposure| {
                let allowed = self
                    .pattern()
                    .policy()
                    .allowed(exposure.id())
                    .reach
                    .max(exposure.reach());
                let asks = |path: &&Path| {
                    path.at_most() > allowed
                        && (path.zone() <= Reach::Host || path.kind() == PathKind::Funnel)
                        && path.kind() != PathKind::Tunnel
                        && path
                            .unknowns()
                            .iter()
                            .any(|unknown| unknown.kind() != UnknownKind::Host)
                };
                Some((exposure, exposure.paths().iter().find(asks)?))
            })
            .collect();
        // Each reason with those whom it is true of: services that have nothing in common but being asked about.
        let mut reasons: Vec<(String, Vec<String>, &Exposure, &Path)> = Vec::new();
        for (exposure, path) in &asked {
            let unknowns = path.unknowns().iter();
            let why: Vec<String> = unknowns
                .filter(|unknown| unknown.kind() != UnknownKind::Host)
                .map(ToString::to_string)
                .collect();
            let why = in_words(&why, "and", 3);
            let name = format!("`{}`", exposure.id());
            match reasons.iter_mut().find(|(other, ..)| *other == why) {
                Some((_, names, ..)) => names.push(name),
                None => reasons.push((why, vec![name], exposure, path)),
            }
        }
        reasons.sort_by_key(|(_, names, ..)| std::cmp::Reverse(names.len()));
        let ((why, names, exposure, path), rest) = reasons.split_first()?;
        let mut message = format!("not known of {}: {why}", in_words(names, "and", 4));
        if !rest.is_empty() {
            let things = if rest.len() == 1 { "thing" } else { "things" };
            message.push_str(&format!("; {} more {things} below", rest.len()));
        }
        let place_of = |exposure: &Exposure, path: &Path| place(path).unwrap_or(exposure.place()).clone();
        let mut finding = Finding::new(&UNKNOWN_ROUTES, Subject::Lab, message).at(&place_of(exposure, path));
        // What the headline says comes first; then each of the others by itself, with its own place.
        finding = with_paths(finding, std::iter::once(*path));
        for (why, names, exposure, path) in rest {
            let text = format!("not known of {}: {why}", in_words(names, "and", 4));
            finding = finding.with_evidence(Evidence::at(text, &place_of(exposure, path)));
        }
        Some(finding)
    }
}

fn about(rule: &'static Rule, exposure: &Exposure, message: String) -> Finding {
    Finding::new(rule, Subject::Service(exposure.id().clone()), message)
}

fn zone_words(reach: Reach) -> &'static str {
    match reach {
        Reach::None => "nowhere",
        Reach::Host => "its own machine only",
        Reach::Tailnet => "the tailnet only",
        Reach::Lan => "the local network only",
        Reach::Internet => "the internet",
    }
}

fn policy(measured: &Measured<'_>, findings: &mut Vec<Finding>) {
    let exposure = measured.exposure;
    let Some(path) = measured.beyond().next() else {
        return;
    };
    if let Some(exception) = measured.exception {
        for claimed in exception.mitigations() {
            let (state, path) = measured.state(*claimed.value());
            let (rule, what) = match state {
                MitigationState::Verified => continue,
                MitigationState::Unverified => (&MITIGATION_UNVERIFIED, "is not to be seen on"),
                MitigationState::Contradicted => (&MITIGATION_CONTRADICTED, "does not stand on"),
            };
            let way = path.map_or_else(String::new, |path| {
                format!("{}: {}", kind_words(path.kind()), path.label())
            });
            let message = format!("`{}` {what} one way in, {way}", claimed.value());
            let finding = about(rule, exposure, message).at(claimed.span());
            findings.push(with_paths(finding, path.into_iter()));
        }
        return;
    }
    if let Some(exception) = measured.expired {
        let message = format!(
            "the exception for reach `{}` ended on {}, and it can still be reached by {}",
            exception.reach(),
            exception.expires().value(),
            path.label()
        );
        let finding = about(&EXCEPTION_EXPIRED, exposure, message).at(exception.expires().span());
        findings.push(with_paths(finding, measured.beyond()));
        return;
    }
    if exposure.reach() < Reach::Internet {
        let paths: Vec<&Path> = measured.beyond().collect();
        findings.push(parted(&paths, |paths| beyond_policy(measured, paths)));
        return;
    }
    let public: Vec<&Path> = measured
        .beyond()
        .filter(|path| path.zone() == Reach::Internet)
        .collect();
    // A quick tunnel is a finding of its own, which says more.
    if public.iter().all(|path| path.kind() == PathKind::QuickTunnel) {
        return;
    }
    findings.push(parted(&public, |paths| without_exception(exposure, paths)));
}

/// Returns the finding of these paths, the first of which it is at, with one for each other way in that has a place of its
/// own: who accepts a place has not accepted those.
fn parted(paths: &[&Path], finding: impl Fn(&[&Path]) -> Finding) -> Finding {
    let mut whole = finding(paths);
    let mut places: Vec<Option<crate::span::Span>> = vec![whole.place().cloned()];
    for path in paths.iter().skip(1) {
        let stands_there = |evidence: &Evidence| {
            let place = evidence.place();
            place.is_some() && places.iter().any(|said| said.as_ref() == place)
        };
        // Many ports of one line are one way in, and there may be thousands.
        if path.evidence().iter().any(stands_there) {
            continue;
        }
        let part = finding(&[*path]);
        places.push(part.place().cloned());
        whole = whole.with_part(part);
    }
    whole
}

fn beyond_policy(measured: &Measured<'_>, paths: &[&Path]) -> Finding {
    let (exposure, allowed) = (measured.exposure, &measured.allowed);
    let reach = match paths {
        [only] => only.zone(),
        _ => exposure.reach(),
    };
    let label = paths.first().map_or("", |path| path.label());
    let message = format!(
        "reach is `{reach}` by {label}, and `{}` is allowed",
        allowed.reach
    );
    let mut finding =
        about(&BEYOND_POLICY, exposure, message).at_maybe(paths.first().and_then(|path| place(path)));
    if let Some(span) = &allowed.span {
        finding = finding.with_evidence(Evidence::at(format!("`{}` is allowed", allowed.reach), span));
    }
    with_paths(finding, paths.iter().copied())
}

fn without_exception(exposure: &Exposure, paths: &[&Path]) -> Finding {
    let words = paths.first().map_or_else(String::new, |path| {
        format!("{}: {}", kind_words(path.kind()), path.label())
    });
    let message = format!("the internet reaches it by {words}");
    let mut finding = about(&PUBLIC_WITHOUT_EXCEPTION, exposure, message)
        .at_maybe(paths.first().and_then(|path| place(path)));
    finding = with_paths(finding, paths.iter().copied());
    if paths.iter().any(|path| path.kind() == PathKind::PublishedPort) {
        finding = finding.with_evidence(Evidence::said(
            "an engine opens published ports before the machine's own firewall is asked: ufw and its like do not close them",
        ));
    }
    let alternatives: BTreeSet<Alternative> = paths
        .iter()
        .filter_map(|path| alternative(exposure, path))
        .collect();
    for alternative in alternatives {
        finding = finding.with_evidence(Evidence::said(alternative.why_not()));
    }
    finding
}

fn kind_words(kind: PathKind) -> &'static str {
    match kind {
        PathKind::ContainerNetwork => "other containers",
        PathKind::PublishedPort => "a published port",
        PathKind::HostNetwork => "the machine's own network",
        PathKind::OwnAddress => "an address of its own",
        PathKind::RouterForward => "a forward from the router",
        PathKind::TailnetNode | PathKind::Serve => "the tailnet",
        PathKind::Funnel => "Tailscale Funnel",
        PathKind::Proxy => "a proxy",
        PathKind::Tunnel => "a tunnel",
        PathKind::QuickTunnel => "a quick tunnel",
    }
}

fn place(path: &Path) -> Option<&crate::span::Span> {
    path.evidence().iter().find_map(Evidence::place)
}

/// Adds what a few paths stand on, each place once.
fn with_paths<'a>(mut finding: Finding, paths: impl Iterator<Item = &'a Path>) -> Finding {
    let mut said: Vec<Evidence> = finding.evidence().to_vec();
    for evidence in paths.flat_map(|path| path.evidence().iter()) {
        if said.len() >= 6 {
            break;
        }
        if !said.contains(evidence) {
            said.push(evidence.clone());
            finding = finding.with_evidence(evidence.clone());
        }
    }
    finding
}

fn quick_tunnel(exposure: &Exposure, findings: &mut Vec<Finding>) {
    if let Some((product, TunnelKind::Quick, evidence)) = &exposure.facts.tunnel {
        let message = format!(
            "`{}` opens a {product} under a random public name",
            exposure.id().service()
        );
        findings.push(
            about(&QUICK_TUNNEL, exposure, message)
                .at_maybe(evidence.place())
                .with_evidence(evidence.clone()),
        );
    }
}

fn proxied_and_published(exposure: &Exposure, findings: &mut Vec<Finding>) {
    if exposure.facts.gateway {
        return;
    }
    // What only may be a route guards nothing; what the service itself asks for does, wherever its proxy is. A proxy on
    // another machine has no other way than the published port.
    let by_proxy = |path: &&Path| {
        path.kind() == PathKind::Proxy
            && !path.admin
            && !path.from_afar
            && (path.zone() > Reach::None || exposure.facts.asks_for_route)
    };
    let Some(route) = exposure.paths().iter().find(by_proxy) else {
        return;
    };
    let published = || {
        exposure.paths().iter().filter(|path| {
            path.kind() == PathKind::PublishedPort
                && path.zone() >= Reach::Lan
                && path.protocol() == Protocol::Tcp
        })
    };
    let past = match route.port() {
        Some(port) => published().find(|path| path.leads_to(port)),
        // Which of its ports is proxied is not written: only where there is one is it surely this.
        None => {
            let mut web = published()
                .filter(|path| path.port() != Some(22) && !exposure.facts.is_other_port(path.port()));
            let first = web.next();
            first.filter(|first| web.all(|path| path.port() == first.port()))
        }
    };
    let Some(past) = past else {
        return;
    };
    let guards: BTreeSet<String> = route
        .guards()
        .iter()
        .map(|guard| format!("`{}`", guard.name()))
        .collect();
    let guards: Vec<String> = guards.into_iter().collect();
    let passed = match guards.as_slice() {
        [] => String::new(),
        guards => format!(", which goes past {}", in_words(guards, "and", 3)),
    };
    let message = format!(
        "it is behind {} and published as {}{passed}",
        route.label(),
        past.label()
    );
    let finding = about(&PROXIED_AND_PUBLISHED, exposure, message).at_maybe(place(past));
    findings.push(with_paths(finding, [past, route].into_iter()));
}

fn admin_surface(exposure: &Exposure, findings: &mut Vec<Finding>) {
    let guarded = |path: &Path| path.is_guarded_by(GuardKind::Auth) || path.is_guarded_by(GuardKind::Unseen);
    let found: Vec<(&Path, String, Option<Evidence>)> = exposure
        .paths()
        .iter()
        .filter(|path| path.zone() >= Reach::Lan && !guarded(path))
        .filter_map(|path| {
            if path.admin {
                return Some((path, "the proxy's own administration".to_owned(), None));
            }
            let public = path.zone() == Reach::Internet;
            let admin =
                exposure.facts.admin.iter().find(|admin| {
                    path.leads_to(admin.port) && (admin.open || (admin.never_public && public))
                })?;
            let port = admin.port;
            let what = if admin.open {
                format!("port {port}, which asks for no password,")
            } else {
                format!("port {port}, which is for administration,")
            };
            Some((path, what, admin.evidence.clone()))
        })
        .collect();
    let paths: Vec<&Path> = found.iter().map(|(path, ..)| *path).collect();
    if paths.is_empty() {
        return;
    }
    findings.push(parted(&paths, |paths| {
        let first = found
            .iter()
            .find(|(path, ..)| paths.first().is_some_and(|first| std::ptr::eq(*first, *path)));
        let (path, what, evidence) = first.expect("the paths are those that were found, and there is one");
        administration(exposure, path, what, evidence.as_ref())
    }));
}

fn administration(exposure: &Exposure, path: &Path, what: &str, evidence: Option<&Evidence>) -> Finding {
    let (from, severity) = match path.zone() {
        Reach::Internet => ("the internet", Severity::Error),
        _ => ("the local network", Severity::Warning),
    };
    let message = format!("{what} can be reached from {from} by {}", path.label());
    let mut finding = about(&ADMIN_SURFACE, exposure, message)
        .with_severity(severity)
        .at_maybe(place(path));
    if let Some(evidence) = evidence {
        finding = finding.with_evidence(evidence.clone());
    }
    with_paths(finding, std::iter::once(path))
}

fn public_challenge(exposure: &Exposure, findings: &mut Vec<Finding>) {
    if let Some((port, evidence)) = &exposure.facts.public_challenge {
        let message = format!("certificates need port {port} open to everybody");
        let finding = about(&PUBLIC_CHALLENGE, exposure, message).at_maybe(evidence.place());
        findings.push(finding.with_evidence(evidence.clone()));
    }
}

fn dynamic_dns(exposure: &Exposure, findings: &mut Vec<Finding>) {
    if let Some(evidence) = &exposure.facts.dynamic_dns {
        let message = format!(
            "`{}` keeps a public name on the home's address",
            exposure.id().service()
        );
        let finding = about(&DYNAMIC_DNS, exposure, message).at_maybe(evidence.place());
        findings.push(finding.with_evidence(evidence.clone()));
    }
}

fn unseen_routes(exposures: &[Exposure]) -> Option<Finding> {
    let tunnels: Vec<&Exposure> = exposures
        .iter()
        .filter(|exposure| matches!(exposure.facts.tunnel, Some((_, TunnelKind::Unseen, _))))
        .collect();
    let reached: BTreeSet<String> = exposures
        .iter()
        .filter(|exposure| {
            let perhaps = |path: &Path| path.kind() == PathKind::Tunnel && path.zone() == Reach::None;
            exposure.reach() < Reach::Internet && exposure.paths().iter().any(perhaps)
        })
        .map(|exposure| format!("`{}`", exposure.id()))
        .collect();
    let first = tunnels.first()?;
    if reached.is_empty() {
        return None;
    }
    let names: Vec<String> = tunnels
        .iter()
        .map(|exposure| format!("`{}`", exposure.id()))
        .collect();
    let reached: Vec<String> = reached.into_iter().collect();
    let message = format!(
        "{} may lead to {}",
        in_words(&names, "and", 3),
        in_words(&reached, "and", 8)
    );
    let mut finding = Finding::new(&TUNNEL_UNSEEN_ROUTES, Subject::Lab, message).at(first.place());
    for tunnel in tunnels.iter().take(6) {
        if let Some((_, _, evidence)) = &tunnel.facts.tunnel {
            finding = finding.with_evidence(evidence.clone());
        }
    }
    Some(finding)
}

fn unknown_host(exposures: &[Exposure]) -> Option<Finding> {
    let asked: Vec<(&Exposure, &Path)> = exposures
        .iter()
        .filter(|exposure| exposure.reach() < Reach::Internet)
        .filter_map(|exposure| {
            let asks = |path: &&Path| {
                path.is_direct()
                    && path
                        .unknowns()
                        .iter()
                        .any(|unknown| unknown.kind() == UnknownKind::Host)
            };
            Some((exposure, exposure.paths().iter().find(asks)?))
        })
        .collect();
    let (first, path) = asked.first()?;
    let hosts: BTreeSet<String> = asked
        .iter()
        .filter_map(|(exposure, _)| Some(format!("`{}`", exposure.id().host()?)))
        .collect();
    let hosts: Vec<String> = hosts.into_iter().collect();
    let machine = match hosts.as_slice() {
        [] => "their machine".to_owned(),
        hosts => in_words(hosts, "or", 4),
    };
    let names: Vec<String> = asked
        .iter()
        .map(|(exposure, _)| format!("`{}`", exposure.id()))
        .collect();
    let message = format!(
        "has {machine} a public address or a forward from the router? {} {} open on it: {}",
        asked.len(),
        if asked.len() == 1 {
            "service is"
        } else {
            "services are"
        },
        in_words(&names, "and", 4)
    );
    let place = place(path).unwrap_or(first.place());
    let mut finding = Finding::new(&ALL_INTERFACES, Subject::Lab, message).at(place);
    for (exposure, path) in asked.iter().take(20) {
        let text = format!("`{}`: {}", exposure.id(), path.label());
        finding = finding.with_evidence(match self::place(path) {
            Some(place) => Evidence::at(text, place),
            None => Evidence::said(text),
        });
    }
    Some(finding)
}
