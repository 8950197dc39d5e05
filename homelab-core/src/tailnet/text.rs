//! Answers about a tailnet as people read them.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use crate::view::{
    AccessChangeView, ByView, ExplanationView, PlaceView, PolicyDiffView, Reach, ReachableServicesView,
    ReachableView, ServiceReachView, TailnetRuleView, WhoCanReachView,
};

impl Display for WhoCanReachView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.addresses.as_slice() {
            [] => writeln!(f, "{}, a service of the tailnet", self.target)?,
            addresses => writeln!(f, "{} ({})", self.target, addresses.join(", "))?,
        }
        for carrier in &self.carriers {
            let how = match carrier.kind.as_str() {
                "itself" => "is it",
                "subnet_router" if carrier.primary == Some(false) => {
                    "has a route to it that another router carries now"
                }
                "subnet_router" => "has a route to it",
                "service_host" => "hosts it",
                _ => "is an exit node for it",
            };
            write!(f, "`{}` {how}", carrier.device)?;
            match &carrier.problem {
                Some(problem) => writeln!(f, ", but lets nobody in: {problem}")?,
                None => writeln!(f)?,
            }
        }
        if self.carriers.is_empty() {
            match self.addresses.is_empty() {
                true => writeln!(f, "no device is known to host it")?,
                false => writeln!(f, "no device has it, or a route to it")?,
            }
        }
        if self.people.is_empty() && self.tagged.is_empty() && self.ranges.is_empty() {
            writeln!(f, "nobody can reach it")?;
        }
        for person in &self.people {
            match person.devices.as_slice() {
                [] => writeln!(f, "\n{}, who has no device", person.login)?,
                devices => writeln!(f, "\n{} from {}", person.login, list(devices))?,
            }
            reasons(f, &person.by, &self.rules)?;
            conditions(f, &person.conditions)?;
        }
        for device in &self.tagged {
            match device.tags.as_slice() {
                [] => writeln!(f, "\n`{}`, a device of nobody", device.device)?,
                tags => writeln!(f, "\n`{}` ({})", device.device, tags.join(", "))?,
            }
            reasons(f, &device.by, &self.rules)?;
            conditions(f, &device.conditions)?;
        }
        for range in &self.ranges {
            writeln!(f, "\n{}, of no device", range.range)?;
            reasons(f, &range.by, &self.rules)?;
        }
        if !self.funnel.is_empty() {
            writeln!(
                f,
                "\nthe public too, where Funnel is open on {}",
                list(&self.funnel)
            )?;
        }
        if !self.conditions.is_empty() {
            writeln!(f)?;
        }
        conditions(f, &self.conditions)
    }
}

impl Display for ServiceReachView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.service)?;
        match self.reach {
            Reach::Lan => writeln!(f, "the local network reaches it, past the tailnet's policy")?,
            Reach::Internet => writeln!(f, "the internet reaches it, past the tailnet's policy")?,
            _ => {}
        }
        if self.ways.is_empty() {
            writeln!(f, "no way of the tailnet leads to it")?;
        }
        for way in &self.ways {
            writeln!(f, "\nby {}: {}", way.kind.replace('_', " "), way.label)?;
            if let Some(problem) = &way.problem {
                writeln!(f, "who comes in by it cannot be said: {problem}")?;
            }
            for answer in &way.answers {
                write!(f, "{answer}")?;
            }
        }
        Ok(())
    }
}

impl Display for ReachableServicesView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        is(f, &self.from, &self.devices)?;
        if self.services.is_empty() {
            writeln!(f, "and can reach no service by the tailnet")?;
        }
        for one in &self.services {
            writeln!(f, "  {} on {}", one.service, one.targets.join(", "))?;
            for condition in &one.conditions {
                writeln!(f, "    {condition}")?;
            }
        }
        Ok(())
    }
}

impl Display for ReachableView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        is(f, &self.from, &self.devices)?;
        if self.reachable.is_empty() {
            writeln!(f, "and can reach nothing")?;
        }
        for one in &self.reachable {
            write!(f, "  {}", one.device)?;
            if !one.destinations.is_empty() {
                write!(f, " ({})", one.destinations.join(", "))?;
            }
            write!(f, " on {}", one.ports.join(", "))?;
            match &one.problem {
                Some(problem) => writeln!(f, ", but not now: {problem}")?,
                None => writeln!(f)?,
            }
            for condition in &one.conditions {
                writeln!(f, "    {condition}")?;
            }
        }
        Ok(())
    }
}

impl Display for ExplanationView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let can = match self.allowed {
            Some(true) => "can",
            None => "may",
            Some(false) => "cannot",
        };
        writeln!(
            f,
            "{} ({}) {can} reach {}",
            self.from,
            list(&self.devices),
            self.to
        )?;
        reasons(f, &self.by, &self.rules)?;
        for miss in &self.misses {
            write!(f, "  {}", miss.message)?;
            if let Some(rule) = &miss.rule {
                write!(f, " ({})", place(rule))?;
            }
            writeln!(f, "\n    to change that: {}", miss.fix)?;
        }
        conditions(f, &self.conditions)
    }
}

impl Display for PolicyDiffView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.gained.is_empty() && self.lost.is_empty() {
            writeln!(f, "nobody gains or loses anything")?;
        }
        for (changes, sign) in [(&self.gained, '+'), (&self.lost, '-')] {
            for change in changes {
                writeln!(f, "{sign} {change}")?;
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// On one line: whom it is about, and what.
impl Display for AccessChangeView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = [&self.groups, &self.people, &self.tags, &self.devices];
        let mut who: Vec<&str> = names.into_iter().flatten().map(|name| &**name).collect();
        who.extend(self.ranges.iter().map(String::as_str));
        let what = self.ports.join(", ");
        write!(f, "{}: ", who.join(", "))?;
        match self.kind.as_str() {
            "ssh" => write!(f, "{} by SSH as {what}", list(&self.to))?,
            "capability" => write!(f, "{} with the capability {what}", list(&self.to))?,
            "attribute" => write!(f, "the attribute {what}")?,
            "tag" => write!(f, "may give {what}")?,
            "approval" => write!(f, "approved by itself: {what}")?,
            _ => {
                f.write_str(&list(&self.to))?;
                if !self.destinations.is_empty() {
                    write!(f, " with {} behind", self.destinations.join(", "))?;
                }
                write!(f, " on {what}")?;
            }
        }
        match self.conditions.as_slice() {
            [] => Ok(()),
            conditions => write!(f, " ({})", conditions.join("; ")),
        }
    }
}

fn is(f: &mut Formatter<'_>, from: &str, devices: &[Arc<str>]) -> fmt::Result {
    match devices {
        [] => writeln!(f, "{from} has no device"),
        devices => writeln!(f, "{from} is {}", list(devices)),
    }
}

fn list(names: &[Arc<str>]) -> String {
    match names {
        [] => "no device".to_owned(),
        names => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn reasons(f: &mut Formatter<'_>, by: &[ByView], rules: &[TailnetRuleView]) -> fmt::Result {
    for one in by {
        let Some(rule) = rules.get(one.rule as usize) else {
            continue;
        };
        write!(
            f,
            "  as {} by {}, to {} on {}",
            one.through,
            place(rule),
            rule.destination,
            rule.ports.join(", ")
        )?;
        match rule.postures.as_slice() {
            [] => writeln!(f)?,
            postures => writeln!(f, ", in posture {}", postures.join(" or "))?,
        }
    }
    Ok(())
}

fn place(rule: &TailnetRuleView) -> String {
    match &rule.place {
        Some(PlaceView { file, line, column }) => format!("{file}:{line}:{column}"),
        None => "the default, which lets all in".to_owned(),
    }
}

fn conditions(f: &mut Formatter<'_>, conditions: &[String]) -> fmt::Result {
    for condition in conditions {
        writeln!(f, "  if: {condition}")?;
    }
    Ok(())
}
