//! What was seen, and when.

use homelab_core::{Error, ErrorKind};
use jiff::Timestamp;

use crate::error::HomelabError;

/// Everything that was seen of a lab, and when.
#[derive(Debug, uniffi::Object)]
pub struct Observed(pub(crate) homelab_core::Observed);

#[uniffi::export]
impl Observed {
    /// Returns the observation of somebody who saw nothing at this moment (RFC 3339): the clock's where none is given.
    #[uniffi::constructor(default(at = None))]
    pub fn none(at: Option<String>) -> Result<Self, HomelabError> {
        let at = match at {
            None => Timestamp::now(),
            Some(text) => text.parse().map_err(|error: jiff::Error| {
                Error::new(ErrorKind::Invalid, format!("read the time `{text}`"))
                    .with_hint("write a time such as 2027-01-31T12:00:00Z")
                    .with_source(error)
            })?,
        };
        Ok(Observed(homelab_core::Observed::none(at)))
    }

    /// Returns the moment that judges take for now, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }
}

/// What was seen, or nothing at this moment.
pub(crate) fn or_now(seen: Option<&Observed>) -> homelab_core::Observed {
    seen.map_or_else(
        || homelab_core::Observed::none(Timestamp::now()),
        |seen| seen.0.clone(),
    )
}
