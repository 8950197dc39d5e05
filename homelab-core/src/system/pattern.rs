//! How an image is named in the catalog: [`ImagePattern`].

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::service::image::ImageReference;

/// A text that is not a pattern of images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a pattern of images: {}", ImagePattern::RULE)]
pub struct InvalidPattern {
    text: String,
}

/// Which images an application has: a name without tag, whose last part may end in `*`.
///
/// ```
/// use homelab_core::system::ImagePattern;
///
/// let pattern: ImagePattern = "ghcr.io/immich-app/immich-server".parse()?;
/// assert_eq!(pattern.to_string(), "ghcr.io/immich-app/immich-server");
/// assert!("ghcr.io/immich-app/immich-server:v1".parse::<ImagePattern>().is_err());
/// # Ok::<(), homelab_core::system::InvalidPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct ImagePattern {
    /// The name under which it is looked up, with the registry; without the star.
    key: String,
    star: bool,
}

impl ImagePattern {
    /// What a pattern is made of.
    pub const RULE: &'static str =
        "an image's name without tag or digest, such as `ghcr.io/me/thing`, whose last part may end in `*`";

    /// Parses a pattern.
    ///
    /// # Errors
    /// When the text breaks [`Self::RULE`].
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern {
            text: text.to_owned(),
        };
        if text == "*" {
            return Err(invalid());
        }
        // A letter in the star's place keeps `me/thing-*` and `me/*` names by Docker's grammar.
        let (name, star) = match text.strip_suffix('*') {
            Some(start) => (Cow::Owned(format!("{start}x")), true),
            None => (Cow::Borrowed(text), false),
        };
        let image = ImageReference::new(&name).map_err(|_| invalid())?;
        if image.tag().is_some() || image.digest().is_some() {
            return Err(invalid());
        }
        let mut key = lookup_name(&image).into_owned();
        if star {
            key.pop();
        }
        Ok(ImagePattern { key, star })
    }

    /// Returns the name, or its beginning where it ends in a star.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Returns whether it ends in a star.
    pub(super) fn has_star(&self) -> bool {
        self.star
    }
}

impl std::str::FromStr for ImagePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        ImagePattern::new(text)
    }
}

impl TryFrom<String> for ImagePattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        ImagePattern::new(&text)
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.key, if self.star { "*" } else { "" })
    }
}

/// Registries that are, or hand out the same as, Docker's own.
const DOCKER_MIRRORS: [&str; 5] = [
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "registry.docker.io",
    "mirror.gcr.io",
    "docker.m.daocloud.io",
];

/// Registries that a pull-through cache may name at the start of a repository: `nas.lan/ghcr.io/me/app`.
pub(super) const PUBLIC_REGISTRIES: [&str; 16] = [
    "docker.io",
    "ghcr.io",
    "quay.io",
    "lscr.io",
    "gcr.io",
    "registry.k8s.io",
    "registry.gitlab.com",
    "codeberg.org",
    "code.forgejo.org",
    "data.forgejo.org",
    "docker.gitea.com",
    "docker.elastic.co",
    "docker.n8n.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "cr.hotio.dev",
];

/// Returns the one name under which an image is looked up, whichever of its publisher's registries it comes from.
pub(super) fn lookup_name(image: &ImageReference) -> Cow<'_, str> {
    lookup_name_of(image.registry(), image.repository()).unwrap_or(Cow::Borrowed(image.name()))
}

/// Returns the name in another registry that means the same, where there is one.
fn lookup_name_of<'a>(registry: &str, repository: &'a str) -> Option<Cow<'a, str>> {
    let on_docker = |repository: &str| {
        let official = if repository.contains('/') { "" } else { "library/" };
        Some(Cow::Owned(format!("docker.io/{official}{repository}")))
    };
    let (first, rest) = repository.split_once('/').unwrap_or((repository, ""));
    match (registry, first) {
        ("lscr.io" | "ghcr.io" | "quay.io", "linuxserver" | "linuxserver.io") => {
            on_docker(&format!("linuxserver/{rest}"))
        }
        ("cr.hotio.dev" | "ghcr.io", "hotio") => on_docker(repository),
        ("public.ecr.aws", "docker") => on_docker(rest.strip_prefix("library/").unwrap_or(rest)),
        (registry, _) if DOCKER_MIRRORS.contains(&registry) => on_docker(repository),
        // A pull-through cache that names the registry behind it.
        (_, first) if !rest.is_empty() && PUBLIC_REGISTRIES.contains(&first) => Some(
            lookup_name_of(first, rest)
                .or_else(|| (first == "docker.io").then(|| on_docker(rest)).flatten())
                .unwrap_or(Cow::Borrowed(repository)),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_image_has_one_name_in_all_registries() {
        for (text, name) in [
            ("nginx", "docker.io/library/nginx"),
            ("mirror.gcr.io/library/nginx", "docker.io/library/nginx"),
            ("public.ecr.aws/docker/library/nginx", "docker.io/library/nginx"),
            ("nas.lan:5000/docker.io/nginx", "docker.io/library/nginx"),
            ("nas.lan:5000/docker.io/library/nginx", "docker.io/library/nginx"),
            ("nas.lan:5000/ghcr.io/me/app", "ghcr.io/me/app"),
            ("nas.lan/lscr.io/linuxserver/plex", "docker.io/linuxserver/plex"),
            ("lscr.io/linuxserver/plex", "docker.io/linuxserver/plex"),
            ("ghcr.io/linuxserver/plex", "docker.io/linuxserver/plex"),
            ("linuxserver/plex", "docker.io/linuxserver/plex"),
            ("quay.io/me/app", "quay.io/me/app"),
            ("ghcr.io/ghcr.io", "ghcr.io/ghcr.io"),
        ] {
            let image: ImageReference = text.parse().expect(text);
            assert_eq!(lookup_name(&image), name, "{text}");
        }
    }

    #[test]
    fn patterns_are_names_with_at_most_one_star_at_the_end() {
        for (text, shown) in [
            ("nginx", "docker.io/library/nginx"),
            ("mcp/*", "docker.io/mcp/*"),
            ("makeplane/plane-*", "docker.io/makeplane/plane-*"),
            ("lscr.io/linuxserver/plex", "docker.io/linuxserver/plex"),
        ] {
            assert_eq!(ImagePattern::new(text).expect(text).to_string(), shown);
        }
        for text in ["", "*", "a:1", "A", "a/*/b", "a**", "nginx@sha256:1"] {
            assert!(ImagePattern::new(text).is_err(), "{text}");
        }
    }
}
