//! Image references, read by Docker's own grammar: registry, repository, tag, digest.
//!
//! ```
//! use homelab_core::service::image::{ImageReference, TagKind};
//!
//! let image: ImageReference = "ghcr.io/immich-app/immich-server:v1.120.0".parse()?;
//! assert_eq!(image.registry(), "ghcr.io");
//! assert_eq!(image.repository(), "immich-app/immich-server");
//! assert_eq!(image.tag(), Some("v1.120.0"));
//! assert_eq!(image.tag_kind(), TagKind::Exact);
//! assert!(!image.is_pinned(), "only a digest cannot be moved");
//! # Ok::<(), homelab_core::service::image::InvalidImage>(())
//! ```

use std::fmt;
use std::str::FromStr;

/// The registry of a reference that names none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A text that is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {rule}")]
pub struct InvalidImage {
    text: String,
    rule: &'static str,
}

impl InvalidImage {
    /// Returns the rule that the text breaks.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// Returns the text that is no reference.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// How far an image's tag can move: what an update, a rebuild or a pull may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TagKind {
    /// No tag, `latest`, or a variant of it such as `latest-alpine`: whatever is newest.
    Latest,
    /// A word that follows a branch of development: `stable`, `main`, `nightly`, `alpine`.
    Channel,
    /// A major version, which moves with every minor one: `16`, `v2`, `pg16`, `16-alpine`.
    Major,
    /// A minor version, which moves with every patch: `11.4`, `2025.1`.
    Minor,
    /// One release, date or commit: `1.120.0`, `RELEASE.2024-08-03T04-33-23Z`, `sha-1f2e3d4`. Its owner can still
    /// push another image under it.
    Exact,
    /// A digest: always the same bytes.
    Digest,
}

impl TagKind {
    /// Returns the word for it: `major`.
    pub fn as_str(self) -> &'static str {
        match self {
            TagKind::Latest => "latest",
            TagKind::Channel => "channel",
            TagKind::Major => "major",
            TagKind::Minor => "minor",
            TagKind::Exact => "exact",
            TagKind::Digest => "digest",
        }
    }
}

impl fmt::Display for TagKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an image comes from and which one it is.
///
/// Invariants: the registry is always there (`docker.io` where none is written, with `library/` before an official
/// image's name); every part is valid by Docker's grammar. Two references are equal when they mean the same, however
/// they were written. Displays in the short form that people write.
///
/// ```
/// use homelab_core::service::image::ImageReference;
///
/// let short: ImageReference = "nginx".parse()?;
/// let long: ImageReference = "index.docker.io/library/nginx".parse()?;
/// assert_eq!(short, long);
/// assert_eq!(long.to_string(), "nginx");
/// assert_eq!(short.canonical(), "docker.io/library/nginx:latest");
/// assert!("Nginx".parse::<ImageReference>().is_err());
/// # Ok::<(), homelab_core::service::image::InvalidImage>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    /// Registry and repository in one text, so that looking it up allocates nothing.
    name: String,
    registry_length: usize,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// Parses a reference.
    ///
    /// # Errors
    /// When Docker would refuse the text as an image.
    pub fn new(text: &str) -> Result<Self, InvalidImage> {
        parse(text).map_err(|rule| InvalidImage {
            text: text.to_owned(),
            rule,
        })
    }

    /// Parses a reference of which a variable may have no value: what is left of tag and digest is dropped.
    ///
    /// `ghcr.io/me/app:` is what `ghcr.io/me/app:${TAG}` becomes without TAG. Which image it is remains known.
    ///
    /// # Errors
    /// When even the name is none.
    pub fn without_broken_tag(text: &str) -> Result<Self, InvalidImage> {
        let text = text.trim();
        ImageReference::new(text).or_else(|error| {
            let name = text.split_once('@').map_or(text, |(name, _)| name);
            let name_start = name.rfind('/').map_or(0, |at| at + 1);
            let end = name[name_start..]
                .find(':')
                .map_or(name.len(), |at| name_start + at);
            ImageReference::new(&name[..end]).map_err(|_| error)
        })
    }

    /// Returns the registry: `docker.io` where none is written.
    pub fn registry(&self) -> &str {
        &self.name[..self.registry_length]
    }

    /// Returns the repository within the registry: `library/nginx` for `nginx`.
    pub fn repository(&self) -> &str {
        &self.name[self.registry_length + 1..]
    }

    /// Returns registry and repository: `docker.io/library/nginx`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the last part of the repository: `nginx`.
    pub fn base_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Returns the tag that is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest: `sha256:...`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns whether a digest fixes the image: nobody can put another under it.
    pub fn is_pinned(&self) -> bool {
        self.digest.is_some()
    }

    /// Returns how far the reference can move.
    ///
    /// ```
    /// use homelab_core::service::image::{ImageReference, TagKind};
    ///
    /// let kind = |text: &str| text.parse::<ImageReference>().map(|image| image.tag_kind());
    /// assert_eq!(kind("nginx")?, TagKind::Latest);
    /// assert_eq!(kind("nginx:stable-alpine")?, TagKind::Channel);
    /// assert_eq!(kind("lscr.io/linuxserver/nextcloud:31.0.2-ls350")?, TagKind::Exact);
    /// # Ok::<(), homelab_core::service::image::InvalidImage>(())
    /// ```
    pub fn tag_kind(&self) -> TagKind {
        if self.is_pinned() {
            return TagKind::Digest;
        }
        self.tag.as_deref().map_or(TagKind::Latest, kind_of_tag)
    }

    /// Returns the whole reference with nothing left implicit: `docker.io/library/nginx:latest`.
    pub fn canonical(&self) -> String {
        let mut text = self.name.clone();
        match (&self.tag, &self.digest) {
            (Some(tag), _) => text.extend([":", tag]),
            (None, None) => text.push_str(":latest"),
            (None, Some(_)) => {}
        }
        if let Some(digest) = &self.digest {
            text.extend(["@", digest]);
        }
        text
    }
}

impl FromStr for ImageReference {
    type Err = InvalidImage;

    fn from_str(text: &str) -> Result<Self, InvalidImage> {
        ImageReference::new(text)
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = if self.registry() == DEFAULT_REGISTRY {
            let repository = self.repository();
            match repository.strip_prefix("library/") {
                // `library/a/b` is not official, and loses its meaning without the first part.
                Some(official) if !official.contains('/') => official,
                _ => repository,
            }
        } else {
            &self.name
        };
        f.write_str(short)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<ImageReference, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() == 64 && text.bytes().all(is_lower_hex) {
        return Err("64 hexadecimal digits are an image's id, not its name");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(checked_digest(digest)?)),
        None => (text, None),
    };
    let (registry, rest) = split_registry(rest);
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(checked_tag(tag)?)),
        None => (rest, None),
    };
    let registry = match registry {
        None | Some("index.docker.io" | "docker.io") => DEFAULT_REGISTRY,
        Some(registry) if is_registry(registry) => registry,
        Some(_) => return Err("a registry is a host name, or an address, with an optional port"),
    };
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("a repository's name is in lower case");
    }
    if path.is_empty() || !path.split('/').all(is_path_component) {
        return Err("a repository's name is letters and digits, parted by `/`, `.`, `_`, `__` or dashes");
    }
    let official = registry == DEFAULT_REGISTRY && !path.contains('/');
    let name = [registry, if official { "/library/" } else { "/" }, path].concat();
    if name.len() - registry.len() - 1 > 255 {
        return Err("a repository's name is at most 255 characters long");
    }
    Ok(ImageReference {
        registry_length: registry.len(),
        name,
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

/// Returns the registry, where the first part can be one, and the rest.
///
/// The first part is a registry when it has a dot, a port or a capital in it, or is `localhost`: all else is a
/// namespace of Docker's own registry.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, text),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return false;
            }
            return port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_label = |label: &str| {
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        ends(label.bytes().next())
            && ends(label.bytes().last())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether the text is runs of letters and digits, parted by one dot, one or two underscores, or dashes.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(*first)
        && alphanumeric(*last)
        && bytes.split(|&byte| alphanumeric(byte)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
        })
}

fn checked_tag(text: &str) -> Result<&str, &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text
            .bytes()
            .all(|byte| word(byte) || byte == b'.' || byte == b'-');
    if valid {
        Ok(text)
    } else {
        Err("a tag is at most 128 letters, digits, `_`, `.` and `-`, beginning with none of the last two")
    }
}

fn checked_digest(text: &str) -> Result<&str, &'static str> {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return Err("a digest is `sha256:`, `sha384:` or `sha512:` and its hexadecimal digits"),
    };
    let digits = &text.as_bytes()["sha256:".len()..];
    if digits.len() == length && digits.iter().all(|&byte| is_lower_hex(byte)) {
        Ok(text)
    } else {
        Err("the digest's digits are too few, too many or not hexadecimal in lower case")
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Returns what a tag's text says of how far it moves: the first part that has a number decides.
fn kind_of_tag(tag: &str) -> TagKind {
    let lower = tag.to_ascii_lowercase();
    let parts = || lower.split(['-', '_', '+']);
    if parts().any(|part| part == "latest") {
        return TagKind::Latest;
    }
    if is_commit(&lower) || has_date(&lower) {
        return TagKind::Exact;
    }
    for part in parts() {
        // A number stands at the front, or after a short mark such as `v`, `pg` or `release.`.
        let number = part.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '.');
        let mark = part.len() - number.len();
        if number.is_empty() || (mark > 2 && !part.starts_with("release") && !part.starts_with("version")) {
            continue;
        }
        // `1.2.x` moves as `1.2` does; `1.0.0rc1` does not move.
        let numbers = number
            .split('.')
            .take_while(|piece| piece.starts_with(|c: char| c.is_ascii_digit()))
            .count();
        return match numbers {
            0 => continue,
            1 => TagKind::Major,
            2 => TagKind::Minor,
            _ => TagKind::Exact,
        };
    }
    TagKind::Channel
}

/// Returns whether the tag ends in a commit's hash: `sha-1f2e3d4`, `main-1f2e3d4`, `1f2e3d4c5b`.
fn is_commit(tag: &str) -> bool {
    let last = tag.rsplit(['-', '_']).next().unwrap_or(tag);
    (7..=40).contains(&last.len())
        && last.bytes().all(is_lower_hex)
        && last.bytes().any(|byte| byte.is_ascii_digit())
        && (last.bytes().any(|byte| byte.is_ascii_alphabetic()) || tag.starts_with("sha"))
}

/// Returns whether the tag has a whole date in it: `20240803`, `2024-08-03`.
fn has_date(tag: &str) -> bool {
    let bytes = tag.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
    };
    (0..bytes.len()).any(|at| {
        matches!(bytes.get(at..at + 2), Some(b"19" | b"20"))
            && (at == 0 || !bytes[at - 1].is_ascii_digit())
            && (digits(at..at + 8)
                || (digits(at..at + 4)
                    && bytes.get(at + 4) == Some(&b'-')
                    && digits(at + 5..at + 7)
                    && bytes.get(at + 7) == Some(&b'-')
                    && digits(at + 8..at + 10)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_are_read_as_docker_reads_them() {
        for (text, registry, repository, tag, digest) in [
            ("nginx", "docker.io", "library/nginx", None, false),
            (
                "docker.io/library/postgres:16-alpine",
                "docker.io",
                "library/postgres",
                Some("16-alpine"),
                false,
            ),
            ("docker.io/nginx", "docker.io", "library/nginx", None, false),
            ("index.docker.io/me/app", "docker.io", "me/app", None, false),
            (
                "lscr.io/linuxserver/nextcloud:31",
                "lscr.io",
                "linuxserver/nextcloud",
                Some("31"),
                false,
            ),
            ("localhost:5000/foo", "localhost:5000", "foo", None, false),
            ("localhost/foo:1", "localhost", "foo", Some("1"), false),
            ("[fd00::1]:5000/foo:1", "[fd00::1]:5000", "foo", Some("1"), false),
            ("nas.lan:5000/a/b/c__d", "nas.lan:5000", "a/b/c__d", None, false),
            ("me/app", "docker.io", "me/app", None, false),
            ("foo:5000", "docker.io", "library/foo", Some("5000"), false),
            (
                "ghcr.io/immich-app/immich-server:v1.120.0@DIGEST",
                "ghcr.io",
                "immich-app/immich-server",
                Some("v1.120.0"),
                true,
            ),
            ("nginx@DIGEST", "docker.io", "library/nginx", None, true),
        ] {
            let text = text.replace("DIGEST", DIGEST);
            let image = ImageReference::new(&text).expect(&text);
            assert_eq!(
                (image.registry(), image.repository()),
                (registry, repository),
                "{text}"
            );
            assert_eq!((image.tag(), image.is_pinned()), (tag, digest), "{text}");
            let again: ImageReference = image.to_string().parse().expect("its own text");
            assert_eq!(again, image, "{text}");
            let canonical: ImageReference = image.canonical().parse().expect("its canonical text");
            assert_eq!(canonical.name(), image.name(), "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused_with_its_rule() {
        for (text, rule) in [
            ("", "empty"),
            ("Nginx", "lower case"),
            ("me/App", "lower case"),
            ("nginx:", "a tag is"),
            ("nginx:-x", "a tag is"),
            ("nginx:a b", "a tag is"),
            ("a//b", "repository's name"),
            ("-a", "repository's name"),
            ("a..b", "repository's name"),
            ("a___b", "repository's name"),
            ("a/", "repository's name"),
            (":16", "repository's name"),
            ("nginx@sha256:abc", "digits"),
            ("nginx@md5:abc", "a digest is"),
            ("ho_st.lan/x", "a registry is"),
            ("host.lan:port/x", "a registry is"),
            (&DIGEST["sha256:".len()..], "image's id"),
            ("nginx:${TAG}", "a tag is"),
        ] {
            let error = ImageReference::new(text).expect_err(text);
            assert!(error.rule().contains(rule), "{text}: {error}");
            assert!(
                error.to_string().starts_with(&format!("`{text}` is not")),
                "{error}"
            );
        }
        assert!(ImageReference::new(&format!("me/{}", "a".repeat(252))).is_ok());
        assert!(ImageReference::new(&format!("me/{}", "a".repeat(253))).is_err());
        assert!(ImageReference::new(&format!("a:{}", "a".repeat(129))).is_err());
    }

    #[test]
    fn a_tag_without_its_variable_leaves_the_name() {
        for (text, name) in [
            ("ghcr.io/me/app:", Some("ghcr.io/me/app")),
            ("localhost:5000/app:", Some("localhost:5000/app")),
            ("app:v1@", Some("docker.io/library/app")),
            ("app:-x", Some("docker.io/library/app")),
            ("app:1", Some("docker.io/library/app")),
            (":16", None),
            ("", None),
        ] {
            let image = ImageReference::without_broken_tag(text).ok();
            assert_eq!(image.as_ref().map(ImageReference::name), name, "{text}");
        }
    }

    #[test]
    fn tags_tell_how_far_they_move() {
        for (kind, tags) in [
            (
                TagKind::Latest,
                &["latest", "latest-alpine", "alpine-latest", "amd64-latest"][..],
            ),
            (
                TagKind::Channel,
                &[
                    "stable",
                    "alpine",
                    "main",
                    "release",
                    "nightly-alpine",
                    "lts",
                    "fpm-alpine",
                ],
            ),
            (
                TagKind::Major,
                &[
                    "16",
                    "v2",
                    "pg16",
                    "16-alpine",
                    "14-vectorchord0.4.3",
                    "7-alpine3.20",
                    "17-trixie",
                ],
            ),
            (
                TagKind::Minor,
                &[
                    "11.4",
                    "2025.1",
                    "v2.10",
                    "8.3-fpm-alpine",
                    "version-1.2",
                    "1.2.x",
                ],
            ),
            (
                TagKind::Exact,
                &[
                    "1.120.0",
                    "v1.120.0",
                    "31.0.2-ls350",
                    "RELEASE.2024-08-03T04-33-23Z",
                    "sha-1f2e3d4",
                    "20240803",
                    "main-1f2e3d4",
                    "2025.1.4",
                    "version-1.2.3",
                    "release-3.5.2",
                    "1.0.0rc1",
                    "0.12.0-rc.1",
                ],
            ),
        ] {
            for tag in tags {
                assert_eq!(kind_of_tag(tag), kind, "{tag}");
            }
        }
        let pinned: ImageReference = format!("nginx:latest@{DIGEST}").parse().expect("a reference");
        assert_eq!(pinned.tag_kind(), TagKind::Digest);
    }
}
