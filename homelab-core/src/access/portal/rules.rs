//! What instance.toml says that people should and should not see, held against their portals.

use super::Portals;
use crate::access::Exposure;
use crate::error::ErrorKind;
use crate::finding::{Evidence, Finding, Subject, rules};
use crate::lab::{AccessTest, Lab, in_words};
use crate::observed::Observed;
use crate::span::Spanned;
use crate::tailnet::meeting::Party;
use crate::tailnet::rules::{in_full, sentence};
use crate::view::{Reach, ServiceExplanationView};

rules! {
    FAILED_TEST = "access.failed-test", IdentityFitsAudience, Error,
        "somebody does not see what they should, or sees what they should not",
        "Somebody wrote down in `[[access.tests]]` who is to reach what, and who is not. The tailnet's policy, a published \
         port or a way that was added since says something else, for one of those whom the test names at least. What only \
         the local network lets in is no access of one's own, so `sees` does not count it; it is no protection either, so \
         `not` does, but where the test says `away = true`: then it asks what they reach from elsewhere.",
        "Correct the policy or the way that is named, or the test where it asks for what nobody wants any more. To hold \
         the tailnet's policy against a service that is meant for whoever is at home, write `away = true` into the test.";
}

impl Lab {
    /// Returns a finding for each expectation of `[[access.tests]]` that does not hold, or of which it cannot be told.
    pub(crate) fn portal_findings(&self, exposures: &[Exposure], seen: &Observed) -> Vec<Finding> {
        let tests = self.instance().access_tests();
        let Some(first) = tests.first() else {
            return Vec::new();
        };
        let portals = match Portals::new(self, exposures, seen) {
            Ok(portals) => portals,
            Err(error) => {
                let message = format!(
                    "the tests of `[[access.tests]]` cannot be run: failed to {}",
                    in_full(&error)
                );
                let mut finding = Finding::new(&FAILED_TEST, Subject::Lab, message).at(first.span());
                if let Some(place) = error.place() {
                    finding = finding.with_evidence(Evidence::at("what is wrong", place));
                }
                return vec![match error.hint() {
                    Some(hint) => finding.with_fix(sentence(hint)),
                    None => finding,
                }];
            }
        };
        tests
            .iter()
            .flat_map(|test| portals.failures(self, test))
            .collect()
    }
}

/// Why an expectation does not hold of somebody.
struct Failure {
    message: String,
    why: Option<ServiceExplanationView>,
}

impl Portals<'_> {
    fn failures(&self, lab: &Lab, test: &AccessTest) -> Vec<Finding> {
        let who = test.who();
        let at = |message: String, place| vec![Finding::new(&FAILED_TEST, Subject::Lab, message).at(place)];
        if test.sees().is_empty() && test.not().is_empty() {
            let message = format!(
                "the test of `{}` asks nothing: it has neither `sees` nor `not`",
                who.value()
            );
            return at(message, test.span());
        }
        let parties = match self.parties(who.value()) {
            Ok(parties) => parties,
            Err(error) => return at(format!("failed to {}", in_full(&error)), who.span()),
        };
        if parties.is_empty() {
            let message = format!(
                "`{}` is nobody who is known, so that nothing can be told of what they see",
                who.value()
            );
            return at(message, who.span());
        }
        let (known, strangers): (Vec<Party>, Vec<Party>) =
            parties.into_iter().partition(|party| !party.names.is_empty());
        let mut findings = Vec::new();
        if let Some(stranger) = strangers.first() {
            let of = match stranger.who() == who.value() || known.is_empty() && strangers.len() == 1 {
                true => format!("`{}`", who.value()),
                false => in_words(
                    &strangers
                        .iter()
                        .map(|one| format!("`{}`", one.who()))
                        .collect::<Vec<_>>(),
                    "and",
                    3,
                ),
            };
            findings.extend(at(
                format!("no device of {of} is known, so that nothing can be told of what they see"),
                who.span(),
            ));
        }
        for (names, wanted) in [(test.sees(), true), (test.not(), false)] {
            for name in names {
                let services = match self.meant(lab, name.value()) {
                    Ok(services) => services,
                    Err(message) => {
                        findings.push(finding(Failure { message, why: None }, name, test));
                        continue;
                    }
                };
                let mut failures: Vec<(&Party, Failure)> = Vec::new();
                for party in &known {
                    let failure = match wanted {
                        true => self.unseen(party, name.value(), &services),
                        false => services
                            .iter()
                            .find_map(|service| self.shown(party, *service, test.is_away())),
                    };
                    failures.extend(failure.map(|failure| (party, failure)));
                }
                let others: Vec<String> = failures
                    .iter()
                    .skip(1)
                    .map(|(party, _)| format!("`{}`", party.who()))
                    .collect();
                if let Some((_, mut failure)) = failures.into_iter().next() {
                    if !others.is_empty() {
                        failure.message = format!(
                            "{}; it fails for {} too",
                            failure.message,
                            in_words(&others, "and", 5)
                        );
                    }
                    findings.push(finding(failure, name, test));
                }
            }
        }
        findings
    }

    /// Returns the services that a name means: one, those of a project, or one on several machines.
    fn meant(&self, lab: &Lab, name: &str) -> Result<Vec<usize>, String> {
        let (host, rest) = match name.split_once(':') {
            Some((host, rest)) => (Some(host), rest),
            None => (None, name),
        };
        let is_meant = |exposure: &Exposure| {
            let id = exposure.id();
            let on_host = host.is_none_or(|host| id.host().is_some_and(|own| own.as_str() == host));
            on_host
                && match rest.split_once('/') {
                    Some((project, service)) => {
                        id.project().as_str() == project && id.service().as_str() == service
                    }
                    None => id.project().as_str() == rest,
                }
        };
        let all: Vec<usize> = (0..self.exposures.len())
            .filter(|index| is_meant(&self.exposures[*index]))
            .collect();
        if !all.is_empty() {
            return Ok(all);
        }
        match lab.service(name) {
            Ok(service) => {
                let found = self.exposures.iter().position(|one| one.id() == service.id());
                Ok(found.into_iter().collect())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let hint = error.hint().map_or(String::new(), |hint| format!("; {hint}"));
                Err(format!("there is no service or project `{name}`{hint}"))
            }
            Err(error) => Err(match error.hint() {
                Some(hint) => format!("failed to {error}: {hint}"),
                None => format!("failed to {error}"),
            }),
        }
    }

    /// Returns why somebody sees none of these services: they should see one.
    fn unseen(&self, party: &Party, name: &str, services: &[usize]) -> Option<Failure> {
        let sees = |index: &usize| {
            self.ways(party, *index)
                .iter()
                .any(|way| way.sure && way.zone != Reach::Lan)
        };
        if services.iter().any(sees) {
            return None;
        }
        // Of several services that with most ways is what people mean by the name.
        let likely = services
            .iter()
            .max_by_key(|index| self.exposures[**index].reach())?;
        let why = self.explain(party, *likely);
        let reasons: Vec<String> = why
            .ways
            .iter()
            .map(|way| format!("{} by {}", way.reason, way.label))
            .collect();
        let reason = match reasons.as_slice() {
            [] => "nothing leads to it".to_owned(),
            reasons => in_words(reasons, "and", 3),
        };
        Some(Failure {
            message: format!("`{}` should see `{name}`, and does not: {reason}", party.who()),
            why: Some(why),
        })
    }

    /// Returns why somebody sees a service, or why it cannot be told that they do not: they should not.
    fn shown(&self, party: &Party, index: usize, away: bool) -> Option<Failure> {
        let why = self.explain_from(party, index, away);
        let (who, service) = (party.who(), &why.service);
        let let_in = why.ways.iter().find(|way| way.allowed == Some(true));
        let unknown = || why.ways.iter().find(|way| way.allowed.is_none());
        let (way, what) = match let_in {
            Some(way) => (way, "and does"),
            None => (unknown()?, "which cannot be told"),
        };
        let message = format!(
            "`{who}` should not see `{service}`, {what}: {} by {}",
            way.reason, way.label
        );
        Some(Failure {
            message,
            why: Some(why),
        })
    }
}

fn finding(failure: Failure, name: &Spanned<String>, test: &AccessTest) -> Finding {
    let Failure { message, why } = failure;
    let mut finding = Finding::new(&FAILED_TEST, Subject::Lab, message)
        .at(name.span())
        .with_evidence(Evidence::at("the test", test.span()));
    // By which rule they come in, or what comes near: the first of each way is what one looks at.
    for explanation in why
        .iter()
        .flat_map(|why| &why.ways)
        .flat_map(|way| &way.explanations)
    {
        let to = &explanation.to;
        for by in explanation.by.iter().take(1) {
            if let Some(place) = explanation
                .rules
                .get(by.rule as usize)
                .and_then(|rule| rule.place.as_ref())
            {
                let text = format!(
                    "to {to} as {} by {}:{}:{}",
                    by.through, place.file, place.line, place.column
                );
                finding = finding.with_evidence(Evidence::said(text));
            }
        }
        if let Some(miss) = explanation.misses.first() {
            finding = finding.with_evidence(Evidence::said(format!("to {to}: {}", miss.message)));
        }
    }
    finding
}
