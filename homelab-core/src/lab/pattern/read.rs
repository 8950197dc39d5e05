//! Reads lab.toml into a [`Pattern`].

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::super::private;
use super::super::read::{Reader, Section, Value};
use super::super::slot::Slot;
use super::{
    Audience, BackupPolicy, DatasetEntry, Exception, MitigationKind, Pattern, Policy, Retention, Schedule,
    Selector, Tier,
};
use crate::finding::{Finding, Subject};
use crate::lab::rules;
use crate::name::ProjectName;
use crate::span::{Source, Span, Spanned};
use crate::stratum::Stratum;
use crate::system::Class;
use crate::view::Reach;

impl Pattern {
    /// Reads a lab.toml: what of it means something, and findings for the rest.
    pub(in crate::lab) fn read(source: &Source) -> (Self, Vec<Finding>) {
        let (mut pattern, mut findings) = Reader::read(source, read_pattern);
        pattern.source = Some(source.clone());
        findings.extend(private::findings(source));
        (pattern, findings)
    }
}

fn read_pattern(mut root: Section<'_>) -> Pattern {
    let mut pattern = Pattern {
        audience: root
            .get("audience")
            .and_then(|value| value.word(Audience::WORDS, Audience::from_word)),
        ..Pattern::default()
    };
    if let Some(policy) = root.get("policy").and_then(Value::section) {
        pattern.policy = read_policy(policy);
    }
    if let Some(tiers) = root.get("tiers").and_then(Value::section) {
        pattern.tiers = read_tiers(tiers);
    }
    for (key, value) in root.entries("datasets") {
        if let (Some(name), Some(section)) = (value.key(&key), value.section()) {
            let entry = read_dataset(name, key.span().clone(), section);
            pattern.datasets.insert(entry.name.clone(), entry);
        }
    }
    if let Some(backups) = root.get("backups").and_then(Value::section) {
        pattern.backups = read_backups(backups);
    }
    if let Some(items) = root
        .get("exceptions")
        .and_then(|value| value.list("a list of tables, `[[exceptions]]`"))
    {
        let sections = items.into_iter().filter_map(Value::section);
        pattern.exceptions = sections.filter_map(read_exception).collect();
    }
    for (key, value) in root.entries("slots") {
        if let (Some(name), Some(section)) = (value.key(&key), value.section()) {
            let slot = read_slot(name, key.span().clone(), section);
            pattern.slots.insert(slot.name.clone(), slot);
        }
    }
    for (key, value) in root.entries("systems") {
        if let Some(system) = value.record() {
            let span = key.span().clone();
            pattern
                .systems
                .insert(key.into_value(), Spanned::new(system, span));
        }
    }
    for (key, value) in root.entries("rules") {
        for (id, on) in read_rules(key, value) {
            pattern.rules.insert(id, on);
        }
    }
    for (glob, value) in root.entries("strata") {
        let number = value.number("a stratum from 1 to 5", 1..6);
        if let Some(stratum) =
            number.and_then(|number| Stratum::from_number(u8::try_from(*number.value()).ok()?))
        {
            pattern.strata.push((glob, stratum));
        }
    }
    root.finish();
    pattern
}

fn read_policy(mut section: Section<'_>) -> Policy {
    let reach = section.get("reach").and_then(reach);
    let mut services = Vec::new();
    for (key, value) in section.entries("services") {
        if let (Some(selector), Some(reach)) = (value.key::<Selector>(&key), reach_of(value)) {
            services.push((key.map(|_| selector), reach));
        }
    }
    section.finish();
    Policy { reach, services }
}

fn reach_of(value: Value<'_>) -> Option<Spanned<Reach>> {
    reach(value)
}

/// The words of [`Class`], the most valuable first.
const CLASSES: [&str; 3] = ["irreplaceable", "important", "reproducible"];

fn class_of(word: &str) -> Option<Class> {
    Class::ALL.iter().copied().find(|class| class.as_str() == word)
}

/// The words of [`Reach`], narrowest first.
const REACHES: [&str; 5] = ["none", "host", "tailnet", "lan", "internet"];

pub(in crate::lab) fn reach(value: Value<'_>) -> Option<Spanned<Reach>> {
    value.word(&REACHES, |word| {
        Reach::ALL.into_iter().find(|reach| reach.as_str() == word)
    })
}

fn read_tiers(mut section: Section<'_>) -> IndexMap<ProjectName, Spanned<Tier>> {
    let mut tiers: IndexMap<ProjectName, Spanned<Tier>> = IndexMap::new();
    for (key, tier) in [("production", Tier::Production), ("sandbox", Tier::Sandbox)] {
        let names = items(section.get(key), "a list of projects", Value::name::<ProjectName>);
        for name in names {
            let span = name.span().clone();
            match tiers.get(name.value()) {
                // Production comes first and stays: who relies on a project is to be believed.
                Some(other) if *other.value() != tier => {
                    let message = format!("`{}` is in both tiers, and is taken for production", name.value());
                    section.report(Finding::new(&rules::CONTRADICTION, Subject::Lab, message).at(&span));
                }
                Some(_) => {}
                None => {
                    tiers.insert(name.into_value(), Spanned::new(tier, span));
                }
            }
        }
    }
    section.finish();
    tiers
}

fn read_dataset(name: crate::DatasetName, span: Span, mut section: Section<'_>) -> DatasetEntry {
    let entry = DatasetEntry {
        name,
        span,
        class: section
            .get("class")
            .and_then(|value| value.word(&CLASSES, class_of)),
        volumes: items(section.get("volumes"), "a list of `PROJECT/VOLUME`", |value| {
            value.parse("a volume of a project, `PROJECT/VOLUME`", |text| {
                let (project, volume) = text.split_once('/')?;
                let volume = crate::VolumeName::new(volume).ok()?;
                Some((ProjectName::new(project).ok()?, volume.as_str().to_owned()))
            })
        }),
        paths: items(section.get("paths"), "a list of paths", Value::text),
        services: items(section.get("services"), "a list of services", Value::name),
        recovery_point: section
            .get("recovery_point")
            .and_then(|value| value.parse("a duration such as `36h` or `7d`", duration)),
        keep: section.get("keep").and_then(retention),
    };
    section.finish();
    entry
}

/// Reads which snapshots stay.
pub(in crate::lab) fn retention(value: Value<'_>) -> Option<Spanned<Retention>> {
    let expected = "what is kept, such as `daily=7 weekly=5 monthly=12 yearly=10`, `last=3` or `within=14d`";
    value.parse(expected, |text| text.parse().ok())
}

fn read_backups(mut section: Section<'_>) -> BackupPolicy {
    let when = |value: Value<'_>| {
        let expected =
            "a time such as `hourly 15`, `daily 03:30`, `weekly sunday 05:00` or `monthly 1 06:00`";
        value.parse(expected, |text| text.parse::<Schedule>().ok())
    };
    let policy = BackupPolicy {
        keep: section.get("keep").and_then(retention),
        run: section.get("run").and_then(when),
        check: section.get("check").and_then(when),
        check_parts: section
            .get("check_parts")
            .and_then(|value| value.number("a number of parts from 1 to 1000", 1..1001)),
        drill: section.get("drill").and_then(when),
        prune: section.get("prune").and_then(when),
    };
    section.finish();
    policy
}

fn read_exception(mut section: Section<'_>) -> Option<Exception> {
    section.require_all(&["service", "reach", "reason", "owner", "expires", "mitigations"]);
    let service = section.get("service").map(Value::name);
    let reach = section.get("reach").map(reach);
    let reason = section.get("reason").map(|value| {
        value.parse("a reason, in words", |text| {
            (!text.trim().is_empty()).then(|| text.to_owned())
        })
    });
    let owner = section.get("owner").map(Value::name);
    let expires = section.get("expires").map(Value::date);
    let mitigations = section.get("mitigations").map(|value| {
        let value = value.not_empty("at least one mitigation: what it is that makes this safe enough");
        items(value, "a list of mitigations", |value| {
            value.word(MitigationKind::WORDS, MitigationKind::from_word)
        })
    });
    let span = section.span();
    section.finish();
    Some(Exception {
        span,
        service: service??,
        reach: reach??,
        reason: reason??,
        owner: owner??,
        expires: expires??,
        mitigations: mitigations.filter(|list| !list.is_empty())?,
    })
}

fn read_slot(name: crate::SlotName, span: Span, mut section: Section<'_>) -> Slot {
    let slot = Slot {
        name,
        span,
        description: section.get("description").and_then(Value::text),
        secret: section
            .get("secret")
            .and_then(Value::flag)
            .is_some_and(Spanned::into_value),
        default: section.get("default").and_then(Value::text),
    };
    section.finish();
    slot
}

/// Reads a switch. A rule's id has a dot: unless it is in quotes TOML reads it as a table in a table, which means the
/// same here.
fn read_rules(key: Spanned<String>, value: Value<'_>) -> Vec<(String, Spanned<bool>)> {
    if !value.is_table() {
        return value
            .flag()
            .map(|on| (key.into_value(), on))
            .into_iter()
            .collect();
    }
    let inner = value.entries().into_iter();
    inner
        .filter_map(|(rest, value)| Some((format!("{}.{}", key.value(), rest.value()), value.flag()?)))
        .collect()
}

/// Returns the items of a list that are understood; the others are findings.
pub(in crate::lab) fn items<'a, T>(
    value: Option<Value<'a>>,
    expected: &str,
    read: impl FnMut(Value<'a>) -> Option<Spanned<T>>,
) -> Vec<Spanned<T>> {
    let items = value.and_then(|value| value.list(expected));
    items.into_iter().flatten().filter_map(read).collect()
}

/// Reads a duration in words: `36h`, `7d`, `1d12h`; the units are seconds, minutes, hours, days and weeks.
pub(in crate::lab) fn duration(text: &str) -> Option<SignedDuration> {
    let mut total = SignedDuration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u32 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        let part = SignedDuration::from_secs(seconds.checked_mul(i64::from(count))?);
        total = total.checked_add(part)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    (total > SignedDuration::ZERO).then_some(total)
}
