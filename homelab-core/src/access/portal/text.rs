//! Portals and their reasons as people read them.

use std::fmt::{self, Display, Formatter};

use crate::view::{ExplanationView, PortalServiceView, PortalView, Reach, ServiceExplanationView};

/// A line for each service: its name, its address, and as whom they come in where that is not as themselves.
impl Display for PortalView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => writeln!(f, "{name} ({})", self.who)?,
            None => writeln!(f, "{}", self.who)?,
        }
        if self.devices.is_empty() {
            writeln!(f, "no device of theirs is known")?;
        }
        if self.services.is_empty() {
            writeln!(f, "no service is theirs to reach")?;
        }
        let mut category = None;
        for service in &self.services {
            if category != Some(&service.category) {
                writeln!(f, "\n{}", service.category.replace('_', " "))?;
                category = Some(&service.category);
            }
            writeln!(f, "  {service}")?;
        }
        for condition in &self.conditions {
            writeln!(f, "\nnote: {condition}")?;
        }
        Ok(())
    }
}

impl Display for PortalServiceView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.url, self.ways.first()) {
            (Some(url), _) => write!(f, "  {url}")?,
            (None, Some(way)) => write!(f, "  {}", way.target.as_ref().unwrap_or(&way.label))?,
            (None, None) => {}
        }
        match (self.by, self.sure) {
            (Reach::Lan, _) => f.write_str("  (on the local network only)")?,
            (Reach::Internet, _) => f.write_str("  (public)")?,
            (_, false) => f.write_str("  (perhaps)")?,
            (_, true) => {}
        }
        match &self.health {
            Some(health) => write!(f, "  {health}"),
            None => Ok(()),
        }
    }
}

impl Display for ServiceExplanationView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = match (self.allowed, self.by) {
            (None, _) => "may reach it, depending on what is not known",
            (Some(true), Some(Reach::Lan)) => "can reach it on the local network only",
            (Some(true), _) => "can reach it",
            (Some(false), _) => "cannot reach it",
        };
        writeln!(f, "{}: {} {verdict}", self.service, self.from)?;
        if self.ways.is_empty() {
            writeln!(f, "nothing leads to it")?;
        }
        for way in &self.ways {
            writeln!(f, "\nby {}: {}", way.kind.replace('_', " "), way.label)?;
            writeln!(f, "{}", way.reason)?;
            for explanation in grouped(&way.explanations) {
                write!(f, "{explanation}")?;
            }
        }
        Ok(())
    }
}

/// Returns explanations with those as one that say the same of several targets: a container whose every port is open has a
/// dozen, and one reason.
pub(crate) fn grouped(explanations: &[ExplanationView]) -> Vec<ExplanationView> {
    let mut groups: Vec<(ExplanationView, ExplanationView)> = Vec::new();
    for one in explanations {
        let mut bare = one.clone();
        bare.to.clear();
        match groups.iter_mut().find(|(known, _)| *known == bare) {
            Some((_, group)) => group.to = format!("{}, {}", group.to, one.to),
            None => groups.push((bare, one.clone())),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}
