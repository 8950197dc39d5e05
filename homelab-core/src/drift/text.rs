//! A drift as text.

use std::fmt;

use super::{Difference, Drift};

/// Hosts and what is different on each, project by project.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hosts.is_empty() {
            return writeln!(
                f,
                "No engine was asked: whether what runs is what is written is not known."
            );
        }
        for host in &self.hosts {
            let own = |one: &&Difference| one.host.as_ref() == Some(&host.host);
            let differences: Vec<&Difference> = self.differences.iter().filter(own).collect();
            write!(f, "{} ({}): ", host.host, host.source)?;
            match (host.seen, differences.len()) {
                (false, _) => writeln!(f, "not seen")?,
                (true, 0) => writeln!(f, "as written")?,
                (true, 1) => writeln!(f, "1 difference")?,
                (true, count) => writeln!(f, "{count} differences")?,
            }
            for gap in &host.gaps {
                writeln!(f, "  {gap}")?;
            }
            list(f, &differences)?;
        }
        let nowhere: Vec<&Difference> = self.differences.iter().filter(|one| one.host.is_none()).collect();
        if !nowhere.is_empty() {
            writeln!(f, "on no host:")?;
        }
        list(f, &nowhere)
    }
}

fn list(f: &mut fmt::Formatter<'_>, differences: &[&Difference]) -> fmt::Result {
    for difference in differences {
        let who = match &difference.id {
            Some(id) => format!("{}/{}: ", id.project(), id.service()),
            None => String::new(),
        };
        write!(f, "  {who}{}: {}", difference.kind, difference.message)?;
        match &difference.place {
            Some(place) => writeln!(f, " ({}:{})", place.source().name(), place.line())?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

/// Returns a size in IEC units.
pub(super) fn size(bytes: u64) -> String {
    crate::plan::size(bytes)
}
