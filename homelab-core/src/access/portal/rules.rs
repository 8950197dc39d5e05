//! What instance.toml says that people should and should not see, held against their portals.

use super::{Portals, Whom};
use crate::access::Exposure;
use crate::error::ErrorKind;
use crate::finding::{Evidence, Finding, Principle, Rule, Severity, Subject};
use crate::lab::{AccessTest, Lab, in_words};
use crate::observed::Observed;
use crate::span::Spanned;
use crate::tailnet::meeting::Party;
use crate::view::{Reach, ServiceExplanationView};

/// Every rule about portals.
pub(crate) static RULES: &[&Rule] = &[&FAILED_TEST];

static FAILED_TEST: Rule = Rule {
    id: "access.failed-test",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Error,
    title: "somebody does not see what they should, or sees what they should not",
    why: "Somebody wrote down in `[[access.tests]]` who is to reach what, and who is not. The tailnet's policy, a published \
          port or a way that was added since says something else. What only the local network lets in counts for neither: \
          it is no access of one's own, and no protection.",
    fix: "Correct the policy or the way that is named, or the test where it asks for what nobody wants any more.",
    opt_in: false,
};

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
                let message = format!("the tests of `[[access.tests]]` cannot be run: failed to {error}");
                let finding = Finding::new(&FAILED_TEST, Subject::Lab, message).at(first.span());
                return vec![match error.hint() {
                    Some(hint) => finding.with_fix(hint),
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

impl Portals<'_> {
    fn failures(&self, lab: &Lab, test: &AccessTest) -> Vec<Finding> {
        let who = test.who();
        let at_who = |message: String| vec![Finding::new(&FAILED_TEST, Subject::Lab, message).at(who.span())];
        let party = match self.party(Whom::Named(who.value())) {
            Ok(party) if party.names.is_empty() => {
                return at_who(format!(
                    "no device of `{}` is known, so that nothing can be told of what they see",
                    who.value()
                ));
            }
            Ok(party) => party,
            Err(error) => return at_who(format!("failed to {error}")),
        };
        let mut findings = Vec::new();
        for (names, wanted) in [(test.sees(), true), (test.not(), false)] {
            for name in names {
                let problem = match self.meant(lab, name.value()) {
                    Ok(services) if wanted => self.unseen(&party, name.value(), &services),
                    Ok(services) => services
                        .into_iter()
                        .find_map(|service| self.shown(&party, service)),
                    Err(problem) => Some((problem, None)),
                };
                if let Some((message, why)) = problem {
                    findings.push(finding(message, name, test, why));
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
    fn unseen(
        &self,
        party: &Party,
        name: &str,
        services: &[usize],
    ) -> Option<(String, Option<ServiceExplanationView>)> {
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
        Some((
            format!("`{}` should see `{name}`, and does not: {reason}", party.who()),
            Some(why),
        ))
    }

    /// Returns why somebody sees a service, or why it cannot be told that they do not: they should not.
    fn shown(&self, party: &Party, index: usize) -> Option<(String, Option<ServiceExplanationView>)> {
        let why = self.explain(party, index);
        let (who, service) = (party.who(), &why.service);
        let let_in = why.ways.iter().find(|way| way.allowed == Some(true));
        if let Some(way) = let_in {
            let message = format!(
                "`{who}` should not see `{service}`, and does: {} by {}",
                way.reason, way.label
            );
            return Some((message, Some(why)));
        }
        let unknown = why.ways.iter().find(|way| way.allowed.is_none())?;
        let message = format!(
            "`{who}` should not see `{service}`, which cannot be told: {} by {}",
            unknown.reason, unknown.label
        );
        Some((message, Some(why)))
    }
}

fn finding(
    message: String,
    name: &Spanned<String>,
    test: &AccessTest,
    why: Option<ServiceExplanationView>,
) -> Finding {
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
