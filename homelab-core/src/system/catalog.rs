//! The [`Catalog`]: all systems that are known, and how a service is recognised as one of them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::outline::{self, Outline};
use super::pattern::{self, PUBLIC_REGISTRIES};
use super::{Category, System};
use crate::compose;
use crate::service::image::ImageReference;

/// The knowledge as it is written, by category.
pub(super) const FILES: &[(&str, &str)] = &[
    ("ai.toml", include_str!("ai.toml")),
    ("backup.toml", include_str!("backup.toml")),
    ("base.toml", include_str!("base.toml")),
    ("cms.toml", include_str!("cms.toml")),
    ("communication.toml", include_str!("communication.toml")),
    ("database.toml", include_str!("database.toml")),
    ("development.toml", include_str!("development.toml")),
    ("files.toml", include_str!("files.toml")),
    ("home.toml", include_str!("home.toml")),
    ("host.toml", include_str!("host.toml")),
    ("identity.toml", include_str!("identity.toml")),
    ("management.toml", include_str!("management.toml")),
    ("mcp.toml", include_str!("mcp.toml")),
    ("media.toml", include_str!("media.toml")),
    ("monitoring.toml", include_str!("monitoring.toml")),
    ("network.toml", include_str!("network.toml")),
    ("productivity.toml", include_str!("productivity.toml")),
    ("proxy.toml", include_str!("proxy.toml")),
    ("tools.toml", include_str!("tools.toml")),
];

/// Returns the image of a service, as far as it can be read.
pub(crate) fn image_of(service: &compose::Service) -> Option<ImageReference> {
    let image = service.image.as_ref()?;
    ImageReference::without_broken_tag(&image.value).ok()
}

type Map<V> = HashMap<Box<str>, V, foldhash::fast::FixedState>;

/// By what a service was recognised, surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// Its image is one of the application's own.
    Image,
    /// A label says so.
    Label,
    /// Its image is one of the application's own, handed out by a registry that is not known.
    Mirror,
    /// The last part of its image's name is the application's.
    Name,
    /// The service is called so, and listens on the application's port.
    Port,
    /// A word in its image's name says what kind of application it is.
    Word,
}

/// What a service was recognised as, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Recognition<'a> {
    system: &'a System,
    number: u32,
    basis: Basis,
}

impl<'a> Recognition<'a> {
    /// Returns the application.
    pub fn system(&self) -> &'a System {
        self.system
    }

    /// Returns by what it was recognised.
    pub fn basis(&self) -> Basis {
        self.basis
    }
}

/// All systems that are known. Immutable, cheap to clone, shared between threads.
///
/// ```
/// use homelab_core::system::{Catalog, System};
///
/// let mine: System = toml::from_str(r#"images = ["ghcr.io/me/thing"]"#)?;
/// let catalog = Catalog::with([("thing".to_owned(), mine)]);
/// let image = "ghcr.io/me/thing:1".parse()?;
/// assert_eq!(catalog.recognise_image(&image).map(|system| system.id()), Some("thing"));
/// assert!(catalog.system("immich").is_some(), "what is built in stays");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Index>);

/// One system: its outline at once, the rest when asked for.
#[derive(Debug)]
struct Entry {
    id: Box<str>,
    /// Its TOML, where it is built in.
    text: &'static str,
    outline: Outline,
    system: OnceLock<System>,
}

impl Entry {
    fn system(&self) -> &System {
        self.system.get_or_init(|| {
            let mut system: System =
                toml::from_str(self.text).expect("an entry is part of the program, and a test reads each");
            system.id = self.id.to_string();
            system
        })
    }
}

#[derive(Debug, Default)]
struct Index {
    entries: Vec<Arc<Entry>>,
    ids: Map<u32>,
    images: Map<u32>,
    /// Patterns that end in a star, by what stands before their last part.
    stars: Map<Vec<(Box<str>, u32)>>,
    names: Map<u32>,
    words: Map<u32>,
    labels: Map<Vec<(Option<Box<str>>, u32)>>,
    host_kinds: Map<u32>,
    repository_schemes: Map<u32>,
    folders: Map<u32>,
    ports: HashMap<u16, Vec<u32>, foldhash::fast::FixedState>,
}

impl Catalog {
    /// Returns what this library knows. Read once for the whole program, when first asked for.
    pub fn builtin() -> &'static Catalog {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let texts = FILES.iter().flat_map(|(_, file)| outline::entries(file));
            let entries = texts.map(|(id, text)| {
                Arc::new(Entry {
                    id: id.into(),
                    text,
                    outline: Outline::scan(text),
                    system: OnceLock::new(),
                })
            });
            Catalog::of(entries.collect())
        })
    }

    /// Returns what this library knows, with a lab's own entries.
    ///
    /// An entry under an identity that is known adds to it: its lists grow, single values and the capture recipe are
    /// replaced. Where two systems claim one image, the lab's entry wins.
    pub fn with(entries: impl IntoIterator<Item = (String, System)>) -> Catalog {
        let mut all = Catalog::builtin().0.entries.clone();
        for (id, entry) in entries {
            // The lab's entries come last, and later ones win in the index.
            let known = all.iter().position(|known| *known.id == *id);
            let mut system = match known {
                Some(at) => all.remove(at).system().clone(),
                None => System::default(),
            };
            system.extend(entry);
            system.id.clone_from(&id);
            all.push(Arc::new(Entry {
                id: id.into(),
                text: "",
                outline: Outline::of(&system),
                system: system.into(),
            }));
        }
        Catalog::of(all)
    }

    fn of(entries: Vec<Arc<Entry>>) -> Catalog {
        let mut index = Index::default();
        index.images.reserve(entries.len() * 4);
        for (number, entry) in (0_u32..).zip(&entries) {
            let outline = &entry.outline;
            index.ids.insert(entry.id.clone(), number);
            for image in &outline.images {
                if image.has_star() {
                    let (before, start) = image.key().rsplit_once('/').unwrap_or(("", image.key()));
                    let stars = index.stars.entry(before.into()).or_default();
                    stars.push((start.into(), number));
                    // The longest beginning is the most particular; of equal ones the later, hence the reversal.
                    stars.sort_by_key(|(start, number)| std::cmp::Reverse((start.len(), *number)));
                } else {
                    index.images.insert(image.key().into(), number);
                }
            }
            for (list, map) in [
                (&outline.names, &mut index.names),
                (&outline.words, &mut index.words),
                (&outline.host_kinds, &mut index.host_kinds),
                (&outline.repository_schemes, &mut index.repository_schemes),
                (&outline.folders, &mut index.folders),
            ] {
                map.extend(list.iter().map(|text| (Box::from(text.as_str()), number)));
            }
            for label in &outline.labels {
                let (key, value) = match label.split_once('=') {
                    Some((key, value)) => (key, Some(value.into())),
                    None => (label.as_str(), None),
                };
                index
                    .labels
                    .entry(key.into())
                    .or_default()
                    .insert(0, (value, number));
            }
            for port in &outline.ports {
                index.ports.entry(*port).or_default().insert(0, number);
            }
        }
        index.entries = entries;
        Catalog(Arc::new(index))
    }

    /// Returns every system, those of the lab last.
    pub fn systems(&self) -> impl ExactSizeIterator<Item = &System> {
        self.0.entries.iter().map(|entry| entry.system())
    }

    /// Returns the system of this identity.
    pub fn system(&self, id: &str) -> Option<&System> {
        self.at(*self.0.ids.get(id)?)
    }

    /// Returns which application a service is.
    ///
    /// ```
    /// use homelab_core::{compose::Project, system::Catalog};
    ///
    /// let project = Project::from_text("lab", "services: { db: { image: 'postgres:16-alpine' } }")?;
    /// let (name, service) = project.services().first().expect("one service");
    /// let system = Catalog::builtin().recognise(service).expect("a well-known image");
    /// assert_eq!(format!("{name} is {}", system.name()), "db is PostgreSQL");
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    pub fn recognise(&self, service: &compose::Service) -> Option<&System> {
        self.explain(service).map(|recognition| recognition.system)
    }

    /// Returns which application a service is, and by what it was recognised.
    pub fn explain(&self, service: &compose::Service) -> Option<Recognition<'_>> {
        self.explain_with(service, image_of(service).as_ref())
    }

    /// Returns where the application is that a service is whose image was read already: the number that [`Self::at`] takes.
    pub(crate) fn number_of(
        &self,
        service: &compose::Service,
        image: Option<&ImageReference>,
    ) -> Option<u32> {
        self.explain_with(service, image)
            .map(|recognition| recognition.number)
    }

    fn explain_with(
        &self,
        service: &compose::Service,
        image: Option<&ImageReference>,
    ) -> Option<Recognition<'_>> {
        let by_image = image
            .and_then(|image| self.by_image(image))
            .map(|number| self.recognition(number, Basis::Image));
        // What runs in a bare Alpine is better told by its labels or its name and port.
        if let Some(found) = by_image
            && found.system.category() != Category::Base
        {
            return Some(found);
        }
        self.by_label(service)
            .or_else(|| {
                by_image
                    .is_none()
                    .then(|| image.and_then(|image| self.by_name(image)))
                    .flatten()
            })
            .or_else(|| self.by_port(service))
            .or(by_image)
            .or_else(|| image.and_then(|image| self.by_word(image)))
    }

    /// Returns which application an image is, by its name alone.
    pub fn recognise_image(&self, image: &ImageReference) -> Option<&System> {
        self.by_image(image)
            .map(|number| self.recognition(number, Basis::Image))
            .or_else(|| self.by_name(image))
            .or_else(|| self.by_word(image))
            .map(|recognition| recognition.system)
    }

    /// Returns the system that a kind of host is, as instance.toml writes it: `truenas`.
    pub fn host_kind(&self, kind: &str) -> Option<&System> {
        self.at(*self.0.host_kinds.get(kind)?)
    }

    /// Returns the system that a backup repository's address leads to: `s3:https://host/bucket` to S3.
    pub fn repository(&self, address: &str) -> Option<&System> {
        let (scheme, _) = address.split_once(':')?;
        self.at(*self.0.repository_schemes.get(scheme)?)
    }

    /// Returns the system that a folder of this name shows: `.obsidian` an Obsidian vault.
    pub fn folder(&self, name: &str) -> Option<&System> {
        self.at(*self.0.folders.get(name)?)
    }

    /// Returns the system of this number.
    pub(crate) fn at(&self, number: u32) -> Option<&System> {
        self.0.entries.get(number as usize).map(|entry| entry.system())
    }

    fn recognition(&self, number: u32, basis: Basis) -> Recognition<'_> {
        Recognition {
            system: self.0.entries[number as usize].system(),
            number,
            basis,
        }
    }

    fn by_image(&self, image: &ImageReference) -> Option<u32> {
        self.by_lookup_name(&pattern::lookup_name(image))
    }

    fn by_lookup_name(&self, name: &str) -> Option<u32> {
        if let Some(number) = self.0.images.get(name) {
            return Some(*number);
        }
        let (before, last) = name.rsplit_once('/')?;
        let stars = self.0.stars.get(before)?;
        stars
            .iter()
            .find(|(start, _)| last.starts_with(&**start))
            .map(|(_, number)| *number)
    }

    /// Recognises an image of a registry that is not known, then any image by the last part of its name.
    fn by_name(&self, image: &ImageReference) -> Option<Recognition<'_>> {
        if !PUBLIC_REGISTRIES.contains(&image.registry()) {
            // A cache of Docker's registry hands out `nas.lan/hub/vaultwarden/server`.
            let parts: Vec<&str> = image.repository().split('/').collect();
            if let [.., namespace, name] = parts.as_slice() {
                let on_docker = format!("docker.io/{namespace}/{name}");
                if let Some(number) = self.0.images.get(on_docker.as_str()) {
                    return Some(self.recognition(*number, Basis::Mirror));
                }
            }
        }
        let number = self.0.names.get(image.base_name())?;
        Some(self.recognition(*number, Basis::Name))
    }

    fn by_label(&self, service: &compose::Service) -> Option<Recognition<'_>> {
        service.labels.iter().find_map(|(key, value)| {
            let labels = self.0.labels.get(key.as_str())?;
            let (_, number) = labels
                .iter()
                .find(|(wanted, _)| wanted.as_deref().is_none_or(|wanted| wanted == value.value))?;
            Some(self.recognition(*number, Basis::Label))
        })
    }

    /// Recognises a service by a port that few applications use. A port alone would be a guess, so that the service,
    /// its container or its image must be called so too.
    fn by_port(&self, service: &compose::Service) -> Option<Recognition<'_>> {
        let published = service.ports.iter().map(|port| port.value.target);
        let exposed = service.expose.iter().filter_map(|port| {
            let number = port.value.split(['/', '-']).next()?;
            number.parse().ok()
        });
        let image = service.image.as_ref().map(|image| image.value.as_str());
        let container = service.container_name.as_ref().map(|name| name.value.as_str());
        let called: Vec<String> = [Some(service.name.as_str()), container, image]
            .into_iter()
            .flatten()
            .map(squeezed)
            .collect();
        published.chain(exposed).find_map(|port| {
            let candidates = self.0.ports.get(&port)?;
            let number = candidates.iter().find(|number| {
                let entry = &self.0.entries[**number as usize];
                let names = entry.outline.names.iter().map(String::as_str);
                std::iter::once(&*entry.id).chain(names).any(|name| {
                    let name = squeezed(name);
                    called
                        .iter()
                        .any(|called| *called == name || (name.len() >= 4 && called.contains(&name)))
                })
            })?;
            Some(self.recognition(*number, Basis::Port))
        })
    }

    fn by_word(&self, image: &ImageReference) -> Option<Recognition<'_>> {
        image
            .base_name()
            .split(['-', '_', '.'])
            .find_map(|word| self.0.words.get(word))
            .map(|number| self.recognition(*number, Basis::Word))
    }
}

/// Returns a name's letters and digits alone, so that `uptime-kuma` and `uptime_kuma` are the same.
fn squeezed(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
