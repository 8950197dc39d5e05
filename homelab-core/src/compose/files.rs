//! Where the files of a project come from: the disk, inside the lab's folder where one is set, or memory.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::yaml::MAX_BYTES;
use crate::span::Source;

/// Texts by absolute path.
pub(super) type Memory = Arc<HashMap<PathBuf, Arc<str>>>;

pub(super) enum Files {
    Disk { root: Option<Root> },
    Memory { files: Memory, root: PathBuf },
}

/// A folder outside of which nothing is read.
pub(super) struct Root {
    shown: PathBuf,
    real: PathBuf,
}

/// Why a file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Missing,
    Outside,
    Folder,
    Unfit(String),
}

impl Files {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this module that looks at the disk"
    )]
    pub(super) fn on_disk(root: Option<&Path>) -> Self {
        let root = root.map(|root| Root {
            shown: root.to_owned(),
            real: std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()),
        });
        Files::Disk { root }
    }

    pub(super) fn root(&self) -> Option<&Path> {
        match self {
            Files::Disk { root } => root.as_ref().map(|root| root.shown.as_path()),
            Files::Memory { root, .. } => Some(root),
        }
    }

    /// Reads a file; `name` is what messages call it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this module that looks at the disk"
    )]
    pub(super) fn read(&self, path: &Path, name: String) -> Result<Source, Unread> {
        match self {
            Files::Memory { files, root } => {
                if !path.starts_with(root) {
                    return Err(Unread::Outside);
                }
                let text = files.get(path).ok_or(Unread::Missing)?;
                Ok(Source::new(name, text.clone()))
            }
            Files::Disk { root } => {
                let unfit = |error: &std::io::Error| match error.kind() {
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Unread::Missing,
                    _ => Unread::Unfit(error.to_string()),
                };
                if let Some(root) = root {
                    // What leaves the folder as written is outside, whether it exists or not.
                    if !path.starts_with(&root.shown) && !path.starts_with(&root.real) {
                        return Err(Unread::Outside);
                    }
                    let link = std::fs::symlink_metadata(path)
                        .map_err(|error| unfit(&error))?
                        .is_symlink();
                    // A plain file straight in the root is inside it; all else is followed to where it really is.
                    if link || path.parent() != Some(&root.shown) {
                        let real = std::fs::canonicalize(path).map_err(|error| unfit(&error))?;
                        if !real.starts_with(&root.real) {
                            return Err(Unread::Outside);
                        }
                    }
                }
                let about = std::fs::metadata(path).map_err(|error| unfit(&error))?;
                if about.is_dir() {
                    return Err(Unread::Folder);
                }
                if !about.is_file() {
                    return Err(Unread::Unfit("it is no ordinary file".into()));
                }
                if about.len() > MAX_BYTES as u64 {
                    return Err(Unread::Unfit(format!(
                        "it is larger than {} MiB",
                        MAX_BYTES / 1024 / 1024
                    )));
                }
                let bytes = std::fs::read(path).map_err(|error| unfit(&error))?;
                let text = text_of(path, bytes).ok_or_else(|| Unread::Unfit("it is no UTF-8 text".into()))?;
                Ok(Source::new(name, text))
            }
        }
    }

    /// Whether there is such a file, which may be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this module that looks at the disk"
    )]
    pub(super) fn is_file(&self, path: &Path) -> bool {
        match self {
            Files::Memory { files, .. } => files.contains_key(path),
            Files::Disk { .. } => std::fs::metadata(path).is_ok_and(|about| about.is_file()),
        }
    }
}

impl Files {
    /// Whether there is such a folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this module that looks at the disk"
    )]
    pub(super) fn is_folder(&self, path: &Path) -> bool {
        match self {
            Files::Memory { files, .. } => files.keys().any(|file| file.starts_with(path)),
            Files::Disk { .. } => std::fs::metadata(path).is_ok_and(|about| about.is_dir()),
        }
    }
}

/// Returns the text of a file: YAML may be in UTF-16 as well, which its first two bytes say, and some editors write.
fn text_of(path: &Path, bytes: Vec<u8>) -> Option<String> {
    let is_yaml = path
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    let unit: fn([u8; 2]) -> u16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] if is_yaml => u16::from_le_bytes,
        [0xfe, 0xff, ..] if is_yaml => u16::from_be_bytes,
        _ => return String::from_utf8(bytes).ok(),
    };
    let (units, rest) = bytes[2..].as_chunks::<2>();
    let text = char::decode_utf16(units.iter().copied().map(unit)).collect::<Result<String, _>>();
    text.ok().filter(|_| rest.is_empty())
}

/// Joins and cleans a path by its text alone: `.` and `..` are gone.
pub(super) fn join(base: &Path, path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            component => out.push(component),
        }
    }
    out
}

/// A path as messages show it: below the base where it lies there, with `/` between folders.
pub(super) fn shown(path: &Path, base: &Path) -> String {
    let path = path.strip_prefix(base).unwrap_or(path);
    let text = path.to_string_lossy();
    let text = text.replace(std::path::MAIN_SEPARATOR, "/");
    // An address that was written where a path belongs may hold a password: `https://user:password@host/x.env`.
    without_user(&text, ":/")
}

/// An address without the user and password that may stand in it: `https://***@host/x.git`.
pub(crate) fn without_user(text: &str, after_scheme: &str) -> String {
    let Some((scheme, rest)) = text.split_once(after_scheme) else {
        return text.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{after_scheme}***@{host}{path}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_by_their_text() {
        assert_eq!(join(Path::new("/lab/a"), "../b/./c"), Path::new("/lab/b/c"));
        assert_eq!(join(Path::new("/lab"), "/etc/x"), Path::new("/etc/x"));
        assert_eq!(join(Path::new("/"), "../../x"), Path::new("/x"));
    }

    #[test]
    fn yaml_may_be_in_utf_16() {
        let text = "services: {\u{e4}: {image: \u{1f600}}}\n";
        let bytes = |mark: [u8; 2], order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter()
                .chain(text.encode_utf16().flat_map(order))
                .collect()
        };
        let yaml = Path::new("compose.yaml");
        for bytes in [
            bytes([0xff, 0xfe], u16::to_le_bytes),
            bytes([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(text_of(yaml, bytes.clone()).as_deref(), Some(text));
            assert_eq!(
                text_of(Path::new(".env"), bytes.clone()),
                None,
                "Compose reads these as they are"
            );
            assert_eq!(text_of(yaml, bytes[..bytes.len() - 1].to_vec()), None);
        }
        assert_eq!(
            text_of(yaml, vec![0xff, 0xfe, 0x00, 0xd8]),
            None,
            "half a character"
        );
        assert_eq!(text_of(yaml, vec![0xff]), None);
        assert_eq!(text_of(yaml, b"a".to_vec()).as_deref(), Some("a"));
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let joined = |text: &str| shown(&join(Path::new("/lab/a"), text), Path::new("/lab"));
        assert_eq!(joined("https://u:hqd82nfkw@h/x.env"), "a/https:/***@h/x.env");
        assert_eq!(joined("https://u:hqd82nfkw@h"), "a/https:/***@h");
        assert_eq!(joined("https://h/u@x.env"), "a/https:/h/u@x.env");
        assert_eq!(joined("u:p@x.env"), "a/u:p@x.env");
        assert_eq!(joined("x.env"), "a/x.env");
    }

    #[test]
    fn nothing_outside_the_root_is_read() {
        let folder = std::env::temp_dir().join(format!("homelab-files-{}", std::process::id()));
        let root = folder.join("root");
        std::fs::create_dir_all(&root).expect("a folder");
        std::fs::write(folder.join("outside"), "x").expect("a file");
        std::fs::write(root.join("inside"), "x").expect("a file");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.join("outside"), root.join("link")).expect("a link");
        let files = Files::on_disk(Some(&root));
        assert!(files.read(&root.join("inside"), "inside".into()).is_ok());
        assert_eq!(
            files.read(&folder.join("outside"), "o".into()).err(),
            Some(Unread::Outside)
        );
        #[cfg(unix)]
        assert_eq!(
            files.read(&root.join("link"), "l".into()).err(),
            Some(Unread::Outside)
        );
        assert_eq!(
            files.read(&root.join("none"), "n".into()).err(),
            Some(Unread::Missing)
        );
        assert_eq!(files.read(&root, "r".into()).err(), Some(Unread::Folder));
        std::fs::remove_dir_all(&folder).expect("to clean up");
    }
}
