//! What a service's values mean beyond Compose: its image's reference.
//!
//! ```
//! use homelab_core::service::image::{ImageReference, TagKind};
//!
//! let image: ImageReference = "postgres:16-alpine".parse()?;
//! assert_eq!(image.name(), "docker.io/library/postgres");
//! assert_eq!(image.tag_kind(), TagKind::Major);
//! # Ok::<(), homelab_core::service::image::InvalidImage>(())
//! ```

pub mod image;
pub(crate) mod rules;
