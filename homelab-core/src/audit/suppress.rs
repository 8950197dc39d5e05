//! Comments that accept a finding: `# homelab: allow RULE until 2027-01-01 because REASON`.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::rules::{BAD_SUPPRESSION, UNUSED_SUPPRESSION};
use super::select::{Switches, group, suggestion};
use super::{group_is_audit, rule};
use crate::backup::rules::is_about_irreplaceable;
use crate::finding::{Evidence, Finding, Rule, Subject, Suppressed};
use crate::lab::{FileKind, Lab};
use crate::span::{Source, Span};

/// What every such comment begins with, after its `#`.
const MARK: &str = "homelab:";

/// A whole comment.
struct Suppression {
    rules: Vec<&'static Rule>,
    until: Timestamp,
    reason: String,
    /// The comment itself.
    span: Span,
    /// The line that it speaks of, from 1.
    line: u32,
    /// The last line that it speaks of: the same, unless that is where a service begins.
    last: u32,
    used: bool,
}

/// Whose findings there are: a comment about others cannot be said to be without use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// Those of every rule but the leaks'.
    All,
    /// Those of the leaks' rules. What is wrong with comments is the audit's to say.
    Leaks,
}

impl Judged {
    fn has(self, rule: &Rule) -> bool {
        (group(rule) == "leak") == (self == Judged::Leaks)
    }
}

/// Returns the findings that stay and those that were accepted; what is wrong with comments is among the first.
pub(super) fn suppress(
    lab: &Lab,
    now: Timestamp,
    switches: &Switches<'_>,
    findings: Vec<Finding>,
    judged: Judged,
) -> (Vec<Finding>, Vec<Suppressed>) {
    let (mut kept, mut suppressed) = (Vec::with_capacity(findings.len()), Vec::new());
    let mut files = comments(lab, &mut kept);
    if judged == Judged::Leaks {
        kept.clear();
    }
    reach_over_services(lab, &mut files);
    for mut finding in findings {
        let accepted_by = finding.place().and_then(|place| {
            let (_, comments) = files.get_key_value(place.source().name())?;
            let line = place.line();
            let accepts = |comment: &&Suppression| {
                comment.line <= line && line <= comment.last && comment.rules.contains(&finding.rule())
            };
            // The nearest one speaks: of a line before that of its whole service.
            let nearest = comments
                .iter()
                .filter(accepts)
                .min_by_key(|comment| comment.last - comment.line)?;
            comments.iter().position(|comment| std::ptr::eq(comment, nearest))
        });
        let comment = match (accepted_by, finding.place()) {
            (Some(at), Some(place)) => files
                .get_mut(place.source().name())
                .and_then(|comments| comments.get_mut(at)),
            _ => None,
        };
        let Some(comment) = comment else {
            kept.push(finding);
            continue;
        };
        comment.used = true;
        if is_about_irreplaceable(&finding) {
            let text = "a comment accepts it, which irreplaceable data is not allowed";
            kept.push(finding.with_evidence(Evidence::at(text, &comment.span)));
        } else if comment.until < now {
            let date = comment.until.to_zoned(TimeZone::UTC).date();
            finding = finding.with_evidence(Evidence::at(
                format!("was accepted until {date}, which is over"),
                &comment.span,
            ));
            kept.push(finding);
        } else {
            suppressed.push(Suppressed {
                finding,
                reason: comment.reason.clone(),
                until: comment.until,
            });
        }
    }
    for comment in files.into_values().flatten().filter(|comment| !comment.used) {
        // A rule that is off says nothing, so that nobody can know whether the comment is needed.
        let on: Vec<&Rule> = comment
            .rules
            .into_iter()
            .filter(|rule| switches.is_on(rule) && judged.has(rule))
            .collect();
        if let Some(rule) = on.first() {
            let message = if comment.last > comment.line {
                format!(
                    "nothing of `{}` is found on lines {} to {}",
                    rule.id, comment.line, comment.last
                )
            } else {
                format!("nothing of `{}` is found on line {}", rule.id, comment.line)
            };
            kept.push(Finding::new(&UNUSED_SUPPRESSION, Subject::Lab, message).at(&comment.span));
        }
    }
    (kept, suppressed)
}

/// Lets a comment that speaks of the line on which a service begins speak of the whole service.
fn reach_over_services(lab: &Lab, files: &mut HashMap<String, Vec<Suppression>>) {
    for service in lab.services().map(|reference| reference.service()) {
        let (name, body) = (&service.span, &service.body);
        let Some(comments) = files.get_mut(name.source().name()) else {
            continue;
        };
        if body.source().name() != name.source().name() {
            continue;
        }
        let (first, last) = (name.line(), name.source().line_column(body.end()).0);
        for comment in comments.iter_mut().filter(|comment| comment.line == first) {
            comment.last = comment.last.max(last);
        }
    }
}

/// Returns the whole comments of each file; what is wrong with the others becomes findings.
fn comments(lab: &Lab, findings: &mut Vec<Finding>) -> HashMap<String, Vec<Suppression>> {
    let mut files = HashMap::new();
    let kinds = [
        FileKind::Compose,
        FileKind::Quadlet,
        FileKind::Pattern,
        FileKind::Instance,
    ];
    for file in lab.manifest().files() {
        let is_marked = |bytes| memchr::memmem::find(bytes, MARK.as_bytes()).is_some();
        if !kinds.contains(&file.kind()) || !file.bytes().is_some_and(is_marked) {
            continue;
        }
        let Some(text) = file.text() else { continue };
        let scalars = file.kind() == FileKind::Compose;
        let comments = read(&Source::new(file.path(), text), scalars, findings);
        files.insert(file.path().to_owned(), comments);
    }
    files
}

/// Reads the comments of one file. YAML, TOML and quadlet files all have comments that begin with `#` at the start of
/// a line or after a blank; such a text inside a quoted string is taken for a comment too, which nobody writes by
/// accident. In a block scalar of YAML (`scalars`) it is a line of somebody's script, so it is none.
fn read(source: &Source, scalars: bool, findings: &mut Vec<Finding>) -> Vec<Suppression> {
    let mut whole = Vec::new();
    let mut offset = 0;
    let lines: Vec<&str> = source.text().split_inclusive('\n').collect();
    let inside = if scalars {
        block_scalars(&lines)
    } else {
        vec![false; lines.len()]
    };
    for (index, line) in lines.iter().enumerate() {
        let start = offset;
        offset += line.len();
        if inside[index] {
            continue;
        }
        let Some((at, text)) = comment(line) else {
            continue;
        };
        let span = Span::new(source, start + at, start + line.trim_end().len());
        match parse(text) {
            Ok((rules, until, reason)) => whole.push(Suppression {
                rules,
                until,
                reason,
                span,
                line: target(&lines, index),
                last: target(&lines, index),
                used: false,
            }),
            Err((message, fix)) => {
                let finding = Finding::new(&BAD_SUPPRESSION, Subject::Lab, message).at(&span);
                findings.push(match fix {
                    Some(fix) => finding.with_fix(fix),
                    None => finding,
                });
            }
        }
    }
    whole
}

/// Returns of each line whether it is inside a block scalar: what follows `key: |` or `- >` and is indented deeper.
///
/// A comment that ends a scalar but is indented like a part of it counts as a part: a finding is rather seen.
fn block_scalars(lines: &[&str]) -> Vec<bool> {
    let mut open: Option<usize> = None;
    let mut inside = Vec::with_capacity(lines.len());
    for line in lines {
        let text = line.trim();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_part = open.is_some_and(|parent| text.is_empty() || indent > parent);
        inside.push(is_part);
        if !is_part {
            open = opens_scalar(line);
        }
    }
    inside
}

/// Returns the indentation of the entry that a block scalar is the value of, where this line opens one.
fn opens_scalar(line: &str) -> Option<usize> {
    let line = line.trim_end();
    if line.trim_start().starts_with('#') {
        return None;
    }
    let code = line.split(" #").next().unwrap_or_default().trim_end();
    let (mut before, header) = code.rsplit_once(' ')?;
    let is_header = header.starts_with(['|', '>'])
        && header[1..].chars().all(|c| matches!(c, '+' | '-' | '1'..='9'))
        && header.len() <= 3;
    if !is_header {
        return None;
    }
    // A tag or an anchor may stand before it.
    while let Some((rest, word)) = before.trim_end().rsplit_once(' ')
        && word.starts_with(['!', '&'])
    {
        before = rest;
    }
    let before = before.trim_end();
    let indent = |text: &str| text.len() - text.trim_start_matches(' ').len();
    if before.ends_with(':') {
        // The key of an item's first entry is indented by the item's dashes too.
        let mut column = indent(before);
        while let Some(rest) = before[column..].strip_prefix("- ") {
            column += 2 + indent(rest);
        }
        return Some(column);
    }
    let dash = before.len().checked_sub(1)?;
    let only_dashes = before.ends_with('-') && before.chars().all(|c| c == ' ' || c == '-');
    only_dashes.then_some(dash)
}

/// Returns where a line's comment begins, and its text after the mark, if it is one of ours.
fn comment(line: &str) -> Option<(usize, &str)> {
    line.match_indices('#').find_map(|(at, _)| {
        let before = line[..at].chars().next_back();
        let text = line[at + 1..].trim_start().strip_prefix(MARK)?;
        before.is_none_or(char::is_whitespace).then(|| (at, text.trim()))
    })
}

/// Returns the number of the line that a comment on this line speaks of: its own, or where nothing else is on it the
/// next one that is neither empty nor a comment.
fn target(lines: &[&str], index: usize) -> u32 {
    let is_bare = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let found = (index..lines.len())
        .find(|&at| !is_bare(lines[at]))
        .unwrap_or(index);
    u32::try_from(found + 1).unwrap_or(u32::MAX)
}

type Parsed = (Vec<&'static Rule>, Timestamp, String);
type Refusal = (String, Option<String>);

/// Reads `allow RULE[, RULE] until DATE because REASON`.
fn parse(text: &str) -> Result<Parsed, Refusal> {
    let plain = |message: &str| (message.to_owned(), None);
    let rest = text
        .strip_prefix("allow ")
        .ok_or_else(|| plain("the comment does not say `allow`, the only thing that can be said"))?;
    let (head, reason) = split_word(rest, "because");
    let (names, date) = split_word(head, "until");
    let names: Vec<&str> = names.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(plain("the comment names no rule"));
    }
    let mut rules = Vec::new();
    for name in names {
        let Some(rule) = rule(name) else {
            let fix = suggestion(name).map(|near| format!("Write `{near}`, if that is what was meant."));
            return Err((format!("there is no rule `{name}`"), fix));
        };
        if group_is_audit(rule) {
            return Err(plain(
                "findings about comments and switches cannot be accepted by a comment",
            ));
        }
        rules.push(rule);
    }
    let date = date.ok_or_else(|| plain("the comment has no end: `until` and a date"))?;
    let date: Date = date
        .parse()
        .map_err(|_| (format!("`{date}` is not a date such as 2027-01-01"), None))?;
    let reason = reason
        .filter(|reason| !reason.is_empty())
        .ok_or_else(|| plain("the comment has no reason: `because` and why"))?;
    // The whole last day counts, in UTC, so that the verdict does not depend on where it is made.
    let until = date
        .at(23, 59, 59, 0)
        .to_zoned(TimeZone::UTC)
        .map_err(|_| (format!("`{date}` is too far away"), None))?;
    Ok((rules, until.timestamp(), reason.to_owned()))
}

/// Splits a text at the first place where this stands as a word of its own.
fn split_word<'a>(text: &'a str, word: &str) -> (&'a str, Option<&'a str>) {
    let found = text.match_indices(word).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        before.is_none_or(char::is_whitespace) && after.is_none_or(char::is_whitespace)
    });
    match found {
        Some((at, _)) => (text[..at].trim(), Some(text[at + word.len()..].trim())),
        None => (text.trim(), None),
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::Lab;
    use crate::observed::Observed;

    const ALLOW: &str = "# homelab: allow service.privileged until 2026-12-31 because the driver needs it";

    #[track_caller]
    fn check(before: &str, indent: &str, accepted: bool) {
        let compose = format!(
            "services:\n  a:\n    image: my/own:1\n    {before}\n{indent}{ALLOW}\n    privileged: true\n"
        );
        let seen = Observed::none("2026-12-01T12:00:00Z".parse().expect("a time"));
        let report = Lab::from_texts("home", [("app/compose.yaml", compose.as_str())]).audit(&seen);
        let is_found = |id: &str| report.findings().iter().any(|finding| finding.rule().id == id);
        assert_eq!(is_found("service.privileged"), !accepted, "{compose}");
        assert_eq!(report.suppressed().len(), usize::from(accepted), "{compose}");
        assert!(!is_found("audit.unused-suppression"), "{compose}");
    }

    #[test]
    fn a_line_of_a_script_is_no_comment() {
        for opens in [
            "command: |",
            "command: >-",
            "command: !!str |2+ # a script",
            "command:\n      - |",
            "command: |\n      ls\n",
        ] {
            check(opens, "         ", false);
        }
    }

    #[test]
    fn what_ends_a_script_or_opens_none_is_followed_by_comments() {
        for opens in [
            "command: |\n      ls",
            "command:\n      - |\n       ls",
            "command: ls >",
            "command: 'a: |'",
            "# command: |",
        ] {
            check(opens, "    ", true);
        }
        check("command: ls >", "      ", true);
        for opens in [
            "cpu_shares: 5",
            "tty: no",
            "command: 'a: |x'",
            "tty: true\n# command: |",
        ] {
            check(opens, "      ", true);
        }
        check("command: ls - |", "                    ", true);
    }

    #[test]
    fn the_key_of_an_item_is_where_its_script_begins() {
        for (item, indent) in [
            ("- a: |", "        "),
            ("-   a: |", "          "),
            ("- - a: |", "          "),
        ] {
            let opens = format!("x-list:\n      {item}\n            ls");
            check(&opens, indent, true);
            check(&opens, &format!("{indent} "), false);
        }
    }

    #[test]
    fn only_yaml_has_scripts() {
        let text = format!("Description=a: |\n  {ALLOW}\nImage=a\n");
        let read = |scalars| {
            super::read(
                &crate::span::Source::new("a", text.as_str()),
                scalars,
                &mut Vec::new(),
            )
            .len()
        };
        assert_eq!((read(false), read(true)), (1, 0));
    }
}
