//! Writing what is restored: fresh folder, whole files, nothing outside of it.

#![cfg_attr(
    not(feature = "rustic"),
    allow(dead_code, reason = "a repository in memory keeps neither owners nor times")
)]

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// What is put before a file's name while it is written.
const UNFINISHED: &str = ".homelab-unfinished-";

/// A fresh folder that is written into.
pub(super) struct Target {
    root: PathBuf,
}

/// What a file or folder gets besides its content.
#[derive(Clone, Copy, Default)]
pub(super) struct Attributes {
    pub(super) mode: Option<u32>,
    pub(super) modified: Option<jiff::Timestamp>,
    pub(super) owner: Option<(u32, u32)>,
}

impl Target {
    /// Makes the folder where it is not there.
    pub(super) fn new(root: &Path) -> Result<Target> {
        match fs::read_dir(root) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!("restore into `{}`", root.display()),
                    )
                    .with_hint("it is not empty: name a folder that does not exist"));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(root).map_err(|error| failed("make folder", root, error))?;
            }
            Err(error) => return Err(failed("open folder", root, error)),
        }
        Ok(Target {
            root: root.to_owned(),
        })
    }

    /// Returns where a path of a snapshot lies below the folder. A name that would lead out of it is damage, or worse.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        let mut place = self.root.clone();
        for part in path.components() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::RootDir => {}
                Component::CurDir | Component::ParentDir | Component::Prefix(_) => {
                    return Err(
                        Error::new(ErrorKind::Damaged, format!("restore `{}`", path.display()))
                            .with_hint("its path would lead out of the folder"),
                    );
                }
            }
        }
        Ok(place)
    }

    /// Makes the folder above a place. Links are made last of all, so that nothing is written through one.
    fn parent(&self, place: &Path) -> Result<()> {
        let parent = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(|error| failed("make folder", parent, error))
    }

    /// Makes a folder.
    pub(super) fn folder(&self, path: &Path) -> Result<()> {
        let place = self.place(path)?;
        fs::create_dir_all(&place).map_err(|error| failed("make folder", &place, error))
    }

    /// Writes a file: under another name until it is whole, so that none is there with holes.
    pub(super) fn file(
        &self,
        path: &Path,
        size: u64,
        attributes: Attributes,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let place = self.place(path)?;
        self.parent(&place)?;
        let name = place.file_name().unwrap_or_default();
        let mut unfinished = std::ffi::OsString::from(UNFINISHED);
        unfinished.push(name);
        let unfinished = place.with_file_name(unfinished);
        let written = || -> Result<()> {
            let file = fs::File::create_new(&unfinished).map_err(|error| failed("write", &place, error))?;
            let mut counting = Counting {
                to: std::io::BufWriter::new(file),
                count: 0,
            };
            write(&mut counting)?;
            if counting.count != size {
                let (is, should) = (counting.count, size);
                return Err(
                    Error::new(ErrorKind::Damaged, format!("restore `{}`", path.display()))
                        .with_hint(format!("it has {is} bytes, and should have {should}")),
                );
            }
            let file = counting
                .to
                .into_inner()
                .map_err(|error| failed("write", &place, error.into_error()))?;
            file.sync_all().map_err(|error| failed("write", &place, error))?;
            Ok(())
        };
        let result = written()
            .and_then(|()| dress(&unfinished, attributes))
            .and_then(|()| fs::rename(&unfinished, &place).map_err(|error| failed("write", &place, error)));
        if result.is_err() {
            // What failed is said; that its rest could not be removed adds nothing.
            let _ = fs::remove_file(&unfinished);
        }
        result
    }

    /// Makes a symbolic link.
    #[cfg(unix)]
    pub(super) fn link(&self, path: &Path, to: &Path) -> Result<()> {
        let place = self.place(path)?;
        self.parent(&place)?;
        std::os::unix::fs::symlink(to, &place).map_err(|error| failed("make link", &place, error))
    }

    /// Gives a folder its attributes: after all that is in it was written.
    pub(super) fn finish(&self, path: &Path, attributes: Attributes) -> Result<()> {
        dress(&self.place(path)?, attributes)
    }
}

fn dress(place: &Path, attributes: Attributes) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The owner first: changing it takes away what the mode may give.
        if let Some((user, group)) = attributes.owner {
            std::os::unix::fs::chown(place, Some(user), Some(group))
                .map_err(|error| failed("give an owner to", place, error))?;
        }
        if let Some(mode) = attributes.mode {
            let permissions = fs::Permissions::from_mode(mode & 0o7777);
            fs::set_permissions(place, permissions)
                .map_err(|error| failed("set the mode of", place, error))?;
        }
    }
    if let Some(modified) = attributes.modified {
        let time = std::time::SystemTime::from(modified);
        let set = fs::File::open(place).and_then(|file| file.set_modified(time));
        match set {
            Ok(()) => {}
            // A mode that lets nobody read also keeps us out; the content is there, which counts for more.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(failed("set the time of", place, error)),
        }
    }
    Ok(())
}

/// Returns whether this process may give files to others.
pub(super) fn may_own() -> bool {
    #[cfg(unix)]
    {
        rustix::process::geteuid().is_root()
    }
    #[cfg(not(unix))]
    {
        false
    }
}

struct Counting<W> {
    to: W,
    count: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(data)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Returns the error of a file that could not be worked on.
pub(super) fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let kind = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => ErrorKind::NoSpace,
        Io::PermissionDenied => ErrorKind::Unauthorised,
        Io::NotFound => ErrorKind::NotFound,
        Io::AlreadyExists => ErrorKind::Conflict,
        _ => ErrorKind::Unreachable,
    };
    Error::new(kind, format!("{what} `{}`", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_does_not_lead_out_and_no_file_is_there_with_holes() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("new");
        let target = Target::new(&root).expect("a fresh one");
        for path in ["/../x", "a/../../x", "/a/./../b/../../../x"] {
            let error = target
                .file(Path::new(path), 0, Attributes::default(), |_| Ok(()))
                .expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Damaged, "{path}");
        }
        let write = |text: &'static [u8]| {
            move |to: &mut dyn Write| {
                to.write_all(text)
                    .map_err(|error| failed("write", Path::new("x"), error))
            }
        };
        target
            .file(Path::new("/srv/a"), 3, Attributes::default(), write(b"abc"))
            .expect("whole");
        assert_eq!(fs::read(root.join("srv/a")).expect("it"), b"abc");
        let short = target
            .file(Path::new("/srv/b"), 4, Attributes::default(), write(b"abc"))
            .expect_err("too short");
        assert_eq!(short.kind(), ErrorKind::Damaged);
        let names: Vec<_> = fs::read_dir(root.join("srv"))
            .expect("it")
            .map(|one| one.expect("one").file_name())
            .collect();
        assert_eq!(names, ["a"], "nothing of the broken one is left");
        assert_eq!(
            Target::new(&root).err().map(|error| error.kind()),
            Some(ErrorKind::Conflict)
        );
    }
}
