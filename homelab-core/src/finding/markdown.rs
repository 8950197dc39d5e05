//! A report as Markdown, for a comment on a change or a page of a wiki.

use std::fmt::Write as _;

use super::printable::{self, Piece};
use super::text::how;
use super::{Finding, Report, Severity, plural, service_title};
use crate::view::{Reach, ServiceView};

impl Report {
    /// Returns the report as Markdown: a table of who reaches what, then the findings of each rule together.
    ///
    /// No text of the lab's files becomes markup, a mention of a person or HTML.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        put(&mut out, format_args!("**{}**\n", self.summary()));
        services(&mut out, self);
        for group in groups(self.findings()) {
            rule(&mut out, &group);
        }
        accepted(&mut out, self);
        out
    }
}

/// Writing to a string cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn services(out: &mut String, report: &Report) {
    let (open, closed): (Vec<_>, Vec<_>) = report
        .services_by_reach()
        .into_iter()
        .partition(|service| service.at_most > Reach::Host);
    if !open.is_empty() {
        out.push_str(
            "\n| Service | Application | Reach | At most | How |\n| --- | --- | --- | --- | --- |\n",
        );
    }
    for service in open {
        let at_most = if service.at_most > service.reach {
            service.at_most.as_str()
        } else {
            ""
        };
        put(
            out,
            format_args!(
                "| {} | {} | {} {} | {at_most} | {} |\n",
                escaped(&service_title(service)),
                escaped(service.application.as_deref().unwrap_or("")),
                dot(service.reach),
                service.reach,
                escaped(&how(service)),
            ),
        );
    }
    for (reach, words) in [(Reach::Host, "their own machine only"), (Reach::None, "nobody")] {
        let names: Vec<String> = closed
            .iter()
            .filter(|service| service.reach == reach)
            .map(name)
            .collect();
        if !names.is_empty() {
            let count = names.len();
            put(
                out,
                format_args!("\n{count} reached by {words}: {}\n", names.join(", ")),
            );
        }
    }
}

fn name(service: &&ServiceView) -> String {
    escaped(&service_title(service))
}

fn dot(reach: Reach) -> &'static str {
    match reach {
        Reach::None => "⚪",
        Reach::Host => "🔵",
        Reach::Tailnet => "🟢",
        Reach::Lan => "🟡",
        Reach::Internet => "🔴",
    }
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "ℹ️",
        Severity::Warning => "⚠️",
        Severity::Error => "⛔",
    }
}

/// Returns the findings of one rule and severity together, in the order of the first of each.
fn groups(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for finding in findings {
        let at = *index
            .entry((finding.severity(), finding.rule().id))
            .or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(finding);
    }
    groups
}

fn rule(out: &mut String, findings: &[&Finding]) {
    let Some(first) = findings.first() else { return };
    let (rule, severity) = (first.rule(), first.severity());
    put(
        out,
        format_args!("\n### {} {severity}: {}\n\n", mark(severity), message(rule.title)),
    );
    for finding in findings {
        put(out, format_args!("- {}", message(finding.message())));
        if let Some(place) = finding.place() {
            put(out, format_args!(" — {}", code(&place.to_string())));
        }
        out.push('\n');
        for evidence in finding.evidence() {
            put(out, format_args!("  - {}", message(evidence.text())));
            match evidence.place() {
                Some(place) if finding.place() != Some(place) => {
                    put(out, format_args!(" — {}", code(&place.to_string())));
                }
                _ => {}
            }
            out.push('\n');
        }
        if finding.fix() != rule.fix {
            put(out, format_args!("  - **Fix:** {}\n", message(finding.fix())));
        }
    }
    put(out, format_args!("\n**Why:** {}", message(rule.why)));
    if findings.iter().any(|finding| finding.fix() == rule.fix) {
        put(out, format_args!("<br>\n**Fix:** {}", message(rule.fix)));
    }
    put(out, format_args!("<br>\n**Rule:** {}\n", code(rule.id)));
}

fn accepted(out: &mut String, report: &Report) {
    if report.suppressed().is_empty() {
        return;
    }
    let count = plural(report.suppressed().len(), "finding");
    put(
        out,
        format_args!("\n<details><summary>{count} accepted</summary>\n\n"),
    );
    for accepted in report.suppressed() {
        let finding = &accepted.finding;
        put(
            out,
            format_args!(
                "- {} ({}) — until {}, because {}\n",
                message(finding.message()),
                code(finding.rule().id),
                accepted.until.strftime("%Y-%m-%d"),
                message(&accepted.reason),
            ),
        );
    }
    out.push_str("\n</details>\n");
}

/// Returns a message whose words are escaped and whose backticks are kept.
fn message(text: &str) -> String {
    let mut out = String::new();
    for piece in printable::pieces(text) {
        match piece {
            Piece::Plain(words) => out.push_str(&escaped(words)),
            Piece::Code(value) => out.push_str(&code(value)),
        }
    }
    out
}

/// Returns a value as code, which nothing in it can end.
fn code(value: &str) -> String {
    let value = printable::line(value);
    if value.trim().is_empty() {
        return "(blank)".to_owned();
    }
    let longest = value.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if value.starts_with('`') || value.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{value}{pad}{fence}")
}

/// Returns words in which nothing is markup.
fn escaped(text: &str) -> String {
    let text = printable::line(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A comment between keeps `@name` from calling a person and `#1` from linking another thread.
            '@' | '#' if !before.is_alphanumeric() => {
                out.push('\\');
                out.push(c);
                out.push_str("<!-- -->");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '|' | '~' | '!' | '#' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(
            escaped("a|b *c* <img> [x](y)"),
            "a\\|b \\*c\\* &lt;img&gt; \\[x\\]\\(y\\)"
        );
        assert_eq!(
            escaped("ask @alice about #12"),
            "ask \\@<!-- -->alice about \\#<!-- -->12"
        );
        assert_eq!(escaped("x@sha256:ab\nnext"), "x@sha256:ab next");
        assert_eq!(message("port `80|81` is *open*"), "port `80|81` is \\*open\\*");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
    }
}
