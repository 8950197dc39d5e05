//! Comments that accept a finding: `# homelab: allow RULE until 2027-01-01 because REASON`.

mod comments;

use std::collections::{BTreeMap, HashMap, VecDeque};

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
use comments::Syntax;

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
    /// Those of the leaks' rules, which are accepted in every file that can be shared.
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
    let mut files = comments(lab, judged, &mut kept);
    reach_over_services(lab, &mut files);
    let spoken: HashMap<String, Spoken> = files
        .iter()
        .map(|(name, comments)| (name.clone(), Spoken::new(comments)))
        .collect();
    let mut waiting = VecDeque::from(findings);
    while let Some(mut finding) = waiting.pop_front() {
        let parts = finding.take_parts();
        let Some(comment) = comment_on(&finding, &mut files, &spoken) else {
            kept.push(finding);
            // That a place of it is accepted is no use now, and will be one as soon as the others are gone.
            for part in &parts {
                if let Some(comment) = comment_on(part, &mut files, &spoken) {
                    comment.used = true;
                }
            }
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
            // A place was accepted, not what is said of the others.
            let on = parts.into_iter().filter(|part| switches.is_on(part.rule()));
            on.rev().for_each(|part| waiting.push_front(part));
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

/// Returns the comment that accepts a finding where it stands.
fn comment_on<'a>(
    finding: &Finding,
    files: &'a mut HashMap<String, Vec<Suppression>>,
    spoken: &HashMap<String, Spoken>,
) -> Option<&'a mut Suppression> {
    let place = finding.place()?;
    let name = place.source().name();
    let comments = files.get_mut(name)?;
    let at = spoken.get(name)?.of(comments, place.line(), finding.rule())?;
    comments.get_mut(at)
}

/// The comments of a file by what they speak of, so that many of them on many lines are found at once.
struct Spoken {
    lines: HashMap<u32, Vec<usize>>,
    /// By the line on which a service begins: services do not overlap.
    services: BTreeMap<u32, Vec<usize>>,
}

impl Spoken {
    fn new(comments: &[Suppression]) -> Self {
        let mut spoken = Spoken {
            lines: HashMap::new(),
            services: BTreeMap::new(),
        };
        for (at, comment) in comments.iter().enumerate() {
            let list = match comment.last > comment.line {
                true => spoken.services.entry(comment.line).or_default(),
                false => spoken.lines.entry(comment.line).or_default(),
            };
            // Of several that say the same, the first one counts.
            let is_said = |other: &usize| comments[*other].rules == comment.rules;
            if !list.iter().rev().take(8).any(is_said) {
                list.push(at);
            }
        }
        spoken
    }

    /// Returns the comment that accepts this rule on a line: the nearest one, of the line before that of its service.
    fn of(&self, comments: &[Suppression], line: u32, rule: &'static Rule) -> Option<usize> {
        let service = self.services.range(..=line).next_back();
        let lines = self.lines.get(&line).into_iter().flatten();
        let mut all = lines.chain(service.into_iter().flat_map(|(_, list)| list));
        let accepts = |&&at: &&usize| comments[at].last >= line && comments[at].rules.contains(&rule);
        all.find(accepts).copied()
    }
}

/// Lets a comment that speaks of the line on which a service begins speak of the whole service.
fn reach_over_services(lab: &Lab, files: &mut HashMap<String, Vec<Suppression>>) {
    // The last line of each service, by file and by the line on which it begins.
    let mut services: HashMap<&str, HashMap<u32, u32>> = HashMap::new();
    for service in lab.services().map(|reference| reference.service()) {
        let (name, body) = (&service.span, &service.body);
        let source = name.source();
        if !files.contains_key(source.name()) || body.source().name() != source.name() {
            continue;
        }
        let last = services
            .entry(source.name())
            .or_default()
            .entry(name.line())
            .or_default();
        *last = source.line_column(body.end()).0.max(*last);
    }
    for (name, comments) in files {
        let Some(services) = services.get(name.as_str()) else {
            continue;
        };
        for comment in comments {
            if let Some(&last) = services.get(&comment.line) {
                comment.last = comment.last.max(last);
            }
        }
    }
}

/// Returns the whole comments of each file; what is wrong with the others becomes findings.
fn comments(lab: &Lab, judged: Judged, findings: &mut Vec<Finding>) -> HashMap<String, Vec<Suppression>> {
    let mut files = HashMap::new();
    let kinds = [
        FileKind::Compose,
        FileKind::Quadlet,
        FileKind::Pattern,
        FileKind::Instance,
    ];
    for file in lab.manifest().files() {
        let is_shared = judged == Judged::Leaks && file.stratum().is_shareable();
        if !kinds.contains(&file.kind()) && !is_shared {
            continue;
        }
        let syntax = match file.kind() {
            FileKind::Compose => Syntax::Yaml,
            FileKind::Quadlet => Syntax::Unit,
            FileKind::Pattern | FileKind::Instance => Syntax::Toml,
            FileKind::Markdown => Syntax::Markdown,
            _ => Syntax::Text,
        };
        if !file.bytes().is_some_and(|bytes| is_marked(bytes, syntax)) {
            continue;
        }
        let Some(text) = file.text() else { continue };
        let comments = read(&Source::new(file.path(), text), syntax, findings);
        files.insert(file.path().to_owned(), comments);
    }
    files
}

/// Whether a file may have such a comment, in capitals or not.
fn is_marked(bytes: &[u8], syntax: Syntax) -> bool {
    if let Syntax::Markdown | Syntax::Text = syntax {
        // Comments begin with many signs there, and all end in the mark's colon.
        return memchr::memchr_iter(b':', bytes).any(|at| {
            let start = (at + 1).checked_sub(MARK.len());
            start.is_some_and(|start| bytes[start..=at].eq_ignore_ascii_case(MARK.as_bytes()))
        });
    }
    memchr::memchr_iter(b'#', bytes).any(|at| {
        let text = bytes[at + 1..].trim_ascii_start();
        // What is no ASCII may be a space too.
        let mark = text.get(..MARK.len());
        mark.is_some_and(|mark| !mark[0].is_ascii() || mark.eq_ignore_ascii_case(MARK.as_bytes()))
    })
}

/// Reads the comments of one file: they begin with `#` at the start of a line or after a blank. In a text of many lines it
/// is a line of somebody's script, so it is none.
fn read(source: &Source, syntax: Syntax, findings: &mut Vec<Finding>) -> Vec<Suppression> {
    let mut whole = Vec::new();
    let mut offset = 0;
    let lines: Vec<&str> = source.text().split_inclusive('\n').collect();
    let targets = targets(&lines, syntax);
    for (index, (line, at)) in lines.iter().zip(comments::starts(&lines, syntax)).enumerate() {
        let start = offset;
        offset += line.len();
        let Some((at, text)) = at.and_then(|at| comment(line, at, syntax)) else {
            continue;
        };
        let span = Span::new(source, start + at, start + line.trim_end().len());
        match parse(text) {
            Ok((rules, until, reason)) => whole.push(Suppression {
                rules,
                until,
                reason,
                span,
                line: targets[index],
                last: targets[index],
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

/// Returns where the mark of a comment of ours is, and its text, in a line whose comment begins here.
fn comment(line: &str, start: usize, syntax: Syntax) -> Option<(usize, &str)> {
    syntax.marks().iter().find_map(|opens| {
        line[start..].match_indices(opens).find_map(|(at, _)| {
            let at = start + at;
            let before = line[..at].chars().next_back();
            let text = line[at + opens.len()..].trim_start();
            let mark = text.get(..MARK.len())?;
            let is_ours = mark.eq_ignore_ascii_case(MARK) && before.is_none_or(char::is_whitespace);
            let said = text[MARK.len()..].trim();
            is_ours.then(|| (at, said.strip_suffix("-->").unwrap_or(said).trim_end()))
        })
    })
}

/// Returns for each line the number of the line that a comment on it speaks of: its own, or where nothing else is on it the
/// next one that is neither empty nor a comment.
fn targets(lines: &[&str], syntax: Syntax) -> Vec<u32> {
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    let mut targets: Vec<u32> = (0..lines.len()).map(number).collect();
    let mut next = None;
    for (index, line) in lines.iter().enumerate().rev() {
        // Elsewhere a `#` may be a heading, and a comment what is accepted: only ours stand for the next line.
        let is_comment = match syntax {
            Syntax::Text | Syntax::Markdown => {
                comment(line, 0, syntax).is_some_and(|(at, _)| line[..at].trim().is_empty())
            }
            _ => line.trim_start().starts_with('#'),
        };
        if line.trim().is_empty() || is_comment {
            targets[index] = next.unwrap_or(targets[index]);
        } else {
            next = Some(targets[index]);
        }
    }
    targets
}

type Parsed = (Vec<&'static Rule>, Timestamp, String);
type Refusal = (String, Option<String>);

/// Reads `allow RULE[, RULE] until DATE because REASON`.
fn parse(text: &str) -> Result<Parsed, Refusal> {
    let plain = |message: &str| (message.to_owned(), None);
    let rest = text
        .split_once(char::is_whitespace)
        .and_then(|(word, rest)| word.eq_ignore_ascii_case("allow").then_some(rest))
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
    // Words in small letters are as long as they were, where they are of ASCII.
    let small = text.to_ascii_lowercase();
    let found = small.match_indices(word).find(|(at, _)| {
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
    use super::Syntax;
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
        let read = |syntax| {
            super::read(
                &crate::span::Source::new("a", text.as_str()),
                syntax,
                &mut Vec::new(),
            )
            .len()
        };
        assert_eq!((read(Syntax::Unit), read(Syntax::Yaml)), (1, 0));
    }
}
