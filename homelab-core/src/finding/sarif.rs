//! A report as SARIF 2.1.0, the form that code hosts and editors read.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Evidence, Finding, Report, Rule, Severity, Suppressed};
use crate::span::Span;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The folder that places are relative to, by the name that readers of SARIF expect.
const ROOT: &str = "%SRCROOT%";
/// The fingerprint's name; its number is raised when the fingerprint is made of something else.
const FINGERPRINT: &str = "homelab/v1";

impl Report {
    /// Returns the report as SARIF 2.1.0: one run, the rules that spoke, the findings, and those that were accepted
    /// with their reasons.
    pub fn to_sarif(&self) -> String {
        let mut rules = Rules::default();
        let mut seen = HashMap::new();
        let found = self.findings().iter().map(|finding| (finding, None));
        let accepted = self
            .suppressed()
            .iter()
            .map(|accepted| (&accepted.finding, Some(accepted)));
        let results: Vec<Value> = found
            .chain(accepted)
            .map(|(finding, accepted)| result(finding, accepted, &mut rules, &mut seen))
            .collect();
        let log = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "homelab",
                    "version": env!("CARGO_PKG_VERSION"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.list.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
                }},
                "invocations": [{"executionSuccessful": true, "endTimeUtc": time(self.at())}],
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    ROOT: {"description": {"text": "the lab's folder"}},
                },
                "results": results,
            }],
        });
        format!("{log:#}\n")
    }
}

/// The rules that spoke, each once, in the order of their first finding.
#[derive(Default)]
struct Rules {
    list: Vec<&'static Rule>,
    index: HashMap<&'static str, usize>,
}

impl Rules {
    fn index(&mut self, rule: &'static Rule) -> usize {
        *self.index.entry(rule.id).or_insert_with(|| {
            self.list.push(rule);
            self.list.len() - 1
        })
    }
}

fn described(rule: &Rule) -> Value {
    let text = format!("Why: {}\n\nFix: {}", rule.why, rule.fix);
    let markdown = format!("**Why:** {}\n\n**Fix:** {}", rule.why, rule.fix);
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": level(rule.severity), "enabled": !rule.opt_in},
        "properties": {"tags": [rule.principle.as_str()]},
    })
}

fn result(
    finding: &Finding,
    accepted: Option<&Suppressed>,
    rules: &mut Rules,
    seen: &mut HashMap<String, usize>,
) -> Value {
    // Two equal findings of one file are told apart by their order, as readers expect of a fingerprint.
    let mut fingerprint = finding.fingerprint();
    let nth = seen.entry(fingerprint.clone()).or_insert(0);
    *nth += 1;
    if *nth > 1 {
        fingerprint = format!("{fingerprint}:{nth}");
    }

    let mut result = Map::new();
    result.insert("ruleId".into(), finding.rule().id.into());
    result.insert("ruleIndex".into(), rules.index(finding.rule()).into());
    result.insert("level".into(), level(finding.severity()).into());
    let text = format!("{}\nFix: {}", finding.message(), finding.fix());
    result.insert("message".into(), json!({ "text": text }));
    let location = location(finding);
    if !location.is_empty() {
        result.insert("locations".into(), json!([location]));
    }
    let related = related(finding.evidence());
    if !related.is_empty() {
        result.insert("relatedLocations".into(), related.into());
    }
    result.insert("partialFingerprints".into(), json!({ FINGERPRINT: fingerprint }));
    if let Some(accepted) = accepted {
        result.insert(
            "suppressions".into(),
            json!([{
                "kind": "inSource",
                "status": "accepted",
                "justification": accepted.reason,
                "properties": {"until": time(accepted.until)},
            }]),
        );
    }
    result.insert(
        "properties".into(),
        json!({
            "principle": finding.rule().principle.as_str(),
            "evidence": finding.evidence().iter().map(Evidence::text).collect::<Vec<_>>(),
        }),
    );
    Value::Object(result)
}

fn location(finding: &Finding) -> Map<String, Value> {
    let mut location = Map::new();
    if let Some(place) = finding.place() {
        location.insert("physicalLocation".into(), physical(place));
    }
    let logical = match (finding.service(), finding.project()) {
        (Some(id), _) => Some((id.service().to_string(), id.to_string(), "service")),
        (None, Some(project)) => Some((project.to_string(), project.to_string(), "project")),
        (None, None) => None,
    };
    if let Some((name, full, kind)) = logical {
        let logical = json!([{"name": name, "fullyQualifiedName": full, "kind": kind}]);
        location.insert("logicalLocations".into(), logical);
    }
    location
}

fn related(evidence: &[Evidence]) -> Vec<Value> {
    let placed = evidence
        .iter()
        .filter_map(|evidence| Some((evidence, evidence.place()?)));
    placed
        .enumerate()
        .map(|(id, (evidence, place))| {
            json!({
                "id": id,
                "message": {"text": evidence.text()},
                "physicalLocation": physical(place),
            })
        })
        .collect()
}

fn physical(place: &Span) -> Value {
    let source = place.source();
    let (line, column) = source.line_column(place.start());
    let (end_line, end_column) = source.line_column(place.end());
    let name = source.name();
    let artifact = if name.starts_with('/') {
        json!({"uri": format!("file://{}", encoded(name))})
    } else {
        json!({"uri": encoded(name), "uriBaseId": ROOT})
    };
    json!({
        "artifactLocation": artifact,
        "region": {
            "startLine": line,
            "startColumn": column,
            "endLine": end_line,
            "endColumn": end_column,
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Returns a moment with the milliseconds at most, as SARIF's dates are.
fn time(at: jiff::Timestamp) -> String {
    format!("{at:.0}")
}

/// Returns the path percent-encoded; `/` still parts folders.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded() {
        assert_eq!(encoded("a b/ü:c/%#?.yaml"), "a%20b/%C3%BC%3Ac/%25%23%3F.yaml");
    }
}
