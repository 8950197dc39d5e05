//! The one stored form of a lab: a JSON text for a device of one's own, which is opened there without the lab's folder.
//!
//! It holds the lab's files as they were when it was loaded, so that whoever opens it judges as if they were there. In
//! the place of each secret stands a word of the same length: the verdicts are the same, the secret is not in it.

mod form;
mod scrub;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::form::Form;
use self::scrub::Scrubber;
use crate::error::Result;
use crate::lab::Lab;

const FORM: Form = Form {
    format: "homelab.lab",
    version: 1,
    what: "the stored lab",
    has: "it has",
    instead: "pass the text that `to_private_json` returned, whole",
    outdated: "update homelab here, or store the lab again with the version that is here",
};

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    version: u64,
    name: String,
    root: String,
    /// The lab's manifest.
    files: Vec<File>,
    /// What its projects read beside that.
    beside: Vec<Text>,
    /// What loading found on the disk, and no text shows.
    unread: Vec<Unread>,
}

#[derive(Serialize, Deserialize)]
struct File {
    path: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether it was kept and is no text: its content is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    binary: bool,
}

#[derive(Serialize, Deserialize)]
struct Text {
    path: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Unread {
    rule: String,
    message: String,
}

impl Lab {
    /// Returns the lab as a JSON text to keep on a device of one's own, for [`Lab::from_json`]. Pure.
    ///
    /// It holds private values: addresses, names, paths. It holds no secret: values of slots that are declared secret, of
    /// variables whose names or recipes say so, and what looks like a password, token or key anywhere in a text, are
    /// replaced by words of the same length. A password that everybody knows is replaced by one that is known not to be
    /// chosen with care either, so that it is found again. Files that are no UTF-8 text are named without their content.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts(
    ///     "home",
    ///     [
    ///         ("db/compose.yaml", "services: { db: { image: 'postgres:18', environment: { POSTGRES_PASSWORD: '${PASSWORD}' } } }"),
    ///         ("db/.env", "PASSWORD=correct-horse-battery"),
    ///     ],
    /// );
    /// let stored = lab.to_private_json();
    /// assert!(!stored.contains("correct-horse-battery"));
    ///
    /// let seen = Observed::none("2026-12-01T00:00:00Z".parse()?);
    /// assert_eq!(Lab::from_json(&stored)?.audit(&seen).view(), lab.audit(&seen).view());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_private_json(&self) -> String {
        let scrubber = Scrubber::new(self);
        let files: Vec<File> = self
            .manifest()
            .files()
            .iter()
            .map(|file| File {
                path: file.path().to_owned(),
                size: file.size(),
                text: file.text().map(|text| scrubber.scrub(file.path(), text)),
                binary: file.bytes().is_some() && file.text().is_none(),
            })
            .collect();
        let mut beside: Vec<Text> = Vec::new();
        for source in self.projects().flat_map(|project| project.files()) {
            let is_there = self
                .manifest()
                .file(source.name())
                .is_some_and(|file| file.text().is_some())
                || beside.iter().any(|text| text.path == source.name());
            if !is_there {
                beside.push(Text {
                    path: source.name().to_owned(),
                    text: scrubber.scrub(source.name(), source.text()),
                });
            }
        }
        let unread = self.unread().iter().map(|finding| Unread {
            rule: finding.rule().id.to_owned(),
            message: finding.message().to_owned(),
        });
        let stored = Stored {
            format: FORM.format.to_owned(),
            version: FORM.version,
            name: self.name().to_owned(),
            root: self.root().to_string_lossy().into_owned(),
            files,
            beside,
            unread: unread.collect(),
        };
        #[expect(clippy::expect_used, reason = "texts and numbers have no form JSON lacks")]
        serde_json::to_string(&stored).expect("texts and numbers become JSON")
    }

    /// Returns the lab that was kept by [`Lab::to_private_json`]: the same services, reach, posture and findings, with
    /// nothing read but the text. Pure.
    ///
    /// # Errors
    /// `Invalid` when the text is no stored lab, `Unsupported` when a later version of this library wrote it in a form
    /// that this one does not know.
    pub fn from_json(text: &str) -> Result<Self> {
        let stored: Stored = FORM.read(text)?;
        let files = stored.files.into_iter().map(|file| {
            let bytes = match file.text {
                Some(text) => Some(text.into_bytes()),
                // No text begins like this.
                None => file.binary.then(|| vec![0xff]),
            };
            (file.path, file.size, bytes)
        });
        Ok(Lab::restored(
            stored.name,
            PathBuf::from(stored.root),
            files.collect(),
            stored
                .beside
                .into_iter()
                .map(|text| (text.path, text.text))
                .collect(),
            stored
                .unread
                .into_iter()
                .map(|one| (one.rule, one.message))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests;
