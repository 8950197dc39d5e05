//! What a snapshot says of itself, and an error of what is below it.

use rustic_core::repofile::SnapshotFile;

use crate::observed::{Completeness, Snapshot};

/// Tags by which a snapshot says of itself what no field of the format has.
pub(super) const WHOLE: &str = "homelab:complete";
pub(super) const PARTIAL: &str = "homelab:partial";
pub(super) const CONSISTENT: &str = "homelab:consistent";
pub(super) const VOLUME: &str = "homelab:volume=";

/// Returns a snapshot as evidence.
pub(super) fn told(file: &SnapshotFile) -> Snapshot {
    let mut snapshot = Snapshot::new(file.id.to_string(), file.time.timestamp());
    snapshot.host = Some(file.hostname.clone()).filter(|host| !host.is_empty());
    snapshot.paths = file.paths.iter().cloned().collect();
    snapshot.volumes = file
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(VOLUME))
        .map(str::to_owned)
        .collect();
    snapshot.completeness = match (file.tags.contains(PARTIAL), file.tags.contains(WHOLE)) {
        (true, _) => Completeness::Partial,
        (false, true) => Completeness::Complete,
        (false, false) => Completeness::NotRecorded,
    };
    snapshot.consistent = file.tags.contains(CONSISTENT);
    snapshot
}

/// Returns the kind of the system's error below the engine's, where there is one.
pub(super) fn io_below(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
