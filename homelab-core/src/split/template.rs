//! The part of a lab that can be shared: [`Template`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::plan::{Content, FileMode, LabPath, Plan, Step};
use crate::stratum::Shareable;

/// The files of strata 1 to 4 of a lab, with slots in the place of its values.
///
/// Only what [`Split::prove`](super::Split::prove) returns is known to hold nothing of the lab: a
/// [`Shareable`]`<Template>`, which alone can be exported. Its Debug says how many files there are.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Template {
    /// Returns the files in a folder that was loaded as a lab and are of strata 1 to 4: a template that was exported, to be
    /// joined with its values again.
    ///
    /// # Errors
    /// `Incomplete` when one of them was not read.
    pub fn read(lab: &Lab) -> Result<Template> {
        let files = lab.manifest().files().iter();
        let shareable = files.filter(|file| file.stratum().is_shareable());
        let files = shareable.map(|file| {
            let bytes = file.bytes().map(<[u8]>::to_vec).ok_or_else(|| {
                let error = Error::new(
                    ErrorKind::Incomplete,
                    format!("read `{}` of the template", file.path()),
                );
                error.with_hint("files of up to 1 MiB are read, 64 MiB together")
            });
            Ok((file.path().to_owned(), bytes?))
        });
        Ok(Template {
            files: files.collect::<Result<_>>()?,
        })
    }

    /// Returns every file with its path, in the order of the paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Returns the content of the file at a path.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({} files)", self.files.len())
    }
}

impl Shareable<Template> {
    /// Returns the plan that writes the template into the folder of another lab, which was loaded: what is new is written,
    /// what differs is replaced, and what is the same is left alone, so that the plan made again is empty. Nothing is
    /// deleted, and no link is followed out of that folder.
    ///
    /// # Errors
    /// `Invalid` for a path that no plan writes, `Conflict` when a file of that folder could not be read.
    pub fn plan_export(&self, to: &Lab) -> Result<Plan> {
        plan_files("export the template", self.value().files(), to, |_| false)
    }
}

/// Returns the plan that writes files into the folder of a lab; private ones are for their owner, and in no output.
pub(super) fn plan_files<'a>(
    title: &str,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
    to: &Lab,
    is_private: impl Fn(&str) -> bool,
) -> Result<Plan> {
    let there: BTreeSet<&str> = to
        .manifest()
        .files()
        .iter()
        .map(crate::lab::LabFile::path)
        .collect();
    let mut folders: BTreeSet<String> = BTreeSet::new();
    let mut writes: Vec<Step> = Vec::new();
    for (path, bytes) in files {
        let place: LabPath = path.parse()?;
        let private = is_private(path);
        let content = |bytes: &[u8]| match private {
            true => Content::hidden(bytes.to_vec()),
            false => Content::from(bytes.to_vec()),
        };
        let step = match to.manifest().file(path).map(crate::lab::LabFile::bytes) {
            Some(Some(old)) if old == bytes => continue,
            Some(Some(old)) => Step::replace(place, content(old), content(bytes)),
            Some(None) => {
                let error = Error::new(
                    ErrorKind::Conflict,
                    format!("replace `{path}`: it could not be read"),
                );
                return Err(error.with_hint("name an empty folder, or one that holds an earlier export"));
            }
            None => Step::write_new(place, content(bytes)),
        };
        writes.push(if private {
            step.with_mode(FileMode::Private)
        } else {
            step
        });
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            let prefix = format!("{folder}/");
            if there
                .range(prefix.as_str()..)
                .next()
                .is_none_or(|path| !path.starts_with(&prefix))
            {
                folders.insert(folder.to_owned());
            }
            above = folder;
        }
    }
    // A folder is before what lies in it: their names begin alike.
    let folders = folders
        .into_iter()
        .map(|folder| Ok(Step::create_folder(folder.parse()?)));
    let steps = folders
        .chain(writes.into_iter().map(Ok))
        .collect::<Result<Vec<_>>>()?;
    Plan::new(title, steps)
}
