//! Which form a stored JSON text has: read before anything else of it.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};

/// A form of JSON that is written here and read again, perhaps by an older or a newer library.
pub(crate) struct Form {
    /// What the text says that it is.
    pub(crate) format: &'static str,
    /// The version of the form; raised when an older library could not read it.
    pub(crate) version: u64,
    /// What it is, as in "read the stored lab".
    pub(crate) what: &'static str,
    /// How that goes on: "it has", "they have".
    pub(crate) has: &'static str,
    /// What to do with a text of another kind.
    pub(crate) instead: &'static str,
    /// What to do with a text of another version.
    pub(crate) outdated: &'static str,
}

/// What is read first: everything else may differ in another version.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl Form {
    /// Reads a text of this form.
    ///
    /// # Errors
    /// `Invalid` when the text is something else, `Unsupported` when it has another version.
    pub(crate) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T> {
        let what = self.what;
        let invalid = |error: serde_json::Error| {
            // What serde says may repeat a value of the text.
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::new(
                ErrorKind::Invalid,
                format!("read {what}: {place} is not as expected"),
            )
            .with_hint("pass the text that `to_private_json` returned, whole")
        };
        let header: Header = serde_json::from_str(text).map_err(invalid)?;
        if header.format != self.format {
            let message = format!("read {what}: it is another kind of JSON");
            return Err(Error::new(ErrorKind::Invalid, message).with_hint(self.instead));
        }
        if header.version != self.version {
            let (theirs, ours) = (header.version, self.version);
            let message = format!(
                "read {what}: {} version {theirs}, and this library knows version {ours}",
                self.has
            );
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(self.outdated));
        }
        serde_json::from_str(text).map_err(invalid)
    }
}
