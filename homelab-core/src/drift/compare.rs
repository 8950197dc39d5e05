//! One container held against its service.

use std::time::Duration;

use jiff::Timestamp;

use super::{Difference, DifferenceKind, mounts};
use crate::compose::{Field, NetworkMode, Port, RestartPolicy};
use crate::inventory::{Binding, Container, ContainerState, Health, HostInventory, Placement};
use crate::lab::{ServiceRef, in_words};
use crate::service::image::ImageReference;

/// A container that its engine has started again so often, the last time so shortly ago, is in a loop.
const RESTARTS: u64 = 3;
const SHORTLY: Duration = Duration::from_secs(600);

/// Finds how a container differs from its service.
pub(super) fn container(
    placement: &Placement<'_>,
    service: ServiceRef<'_>,
    now: Timestamp,
    differences: &mut Vec<Difference>,
) {
    let (host, container) = (placement.host(), placement.container());
    // It was made for one command, with what that needed.
    if container.is_one_off() {
        return;
    }
    let found = [
        state(container, service, now),
        image(host, container, service).or_else(|| outdated(host, container)),
        ports(container, service),
        mounts::compared(placement, service),
        environment(container, service),
        command(container, service),
    ];
    let found = found.into_iter().flatten();
    differences.extend(found.map(|difference| {
        let place = difference.place.clone();
        let mut difference = difference.of(placement.id()).named(&container.name);
        difference.place = place.or_else(|| Some(service.service().span.clone()));
        difference
    }));
}

fn state(container: &Container, service: ServiceRef<'_>, now: Timestamp) -> Option<Difference> {
    let lately = container.started.is_some_and(|started| {
        let since = now.duration_since(started).unsigned_abs();
        since < SHORTLY
    });
    let difference = |kind, message: String| Some(Difference::new(kind, message));
    match container.state {
        ContainerState::Restarting => difference(
            DifferenceKind::Restarting,
            format!(
                "it ends again and again{}, {} times so far",
                ended(container),
                container.restarts
            ),
        ),
        ContainerState::Running if container.restarts >= RESTARTS && lately => difference(
            DifferenceKind::Restarting,
            format!(
                "its engine has started it again {} times, last less than ten minutes ago",
                container.restarts
            ),
        ),
        ContainerState::Running if container.health == Some(Health::Unhealthy) => {
            difference(DifferenceKind::Unhealthy, "its health check fails".to_owned())
        }
        ContainerState::Running | ContainerState::Unknown | ContainerState::Removing => None,
        ContainerState::Paused => difference(DifferenceKind::Stopped, "it is paused".to_owned()),
        ContainerState::Created => difference(
            DifferenceKind::Stopped,
            "it was made, and never started".to_owned(),
        ),
        ContainerState::Exited if was_a_job(container, service) => None,
        ContainerState::Exited | ContainerState::Dead => {
            let memory = if container.out_of_memory {
                ", for want of memory"
            } else {
                ""
            };
            difference(
                DifferenceKind::Stopped,
                format!("it has ended{}{memory}", ended(container)),
            )
        }
    }
}

fn ended(container: &Container) -> String {
    container
        .exit_code
        .map_or_else(String::new, |code| format!(" with code {code}"))
}

/// Whether it did what it was for: nothing of its service says that it should go on.
fn was_a_job(container: &Container, service: ServiceRef<'_>) -> bool {
    let service = service.service();
    let stays = service.restart.as_ref().is_some_and(|restart| {
        matches!(
            restart.value,
            RestartPolicy::Always | RestartPolicy::UnlessStopped
        )
    });
    container.exit_code == Some(0) && !stays && service.ports.is_empty() && service.healthcheck.is_none()
}

fn image(host: &HostInventory, container: &Container, service: ServiceRef<'_>) -> Option<Difference> {
    let declared = service
        .service()
        .image
        .as_ref()
        .filter(|image| !image.is_unset())?;
    let wanted = ImageReference::new(&declared.value).ok()?;
    if is_image(host, container, &wanted) {
        return None;
    }
    let message = format!(
        "`{}` is written, and it runs `{}`",
        declared.value, container.image
    );
    let difference =
        Difference::new(DifferenceKind::Image, message).between(&declared.value, &container.image);
    Some(difference.at(&declared.span))
}

/// Whether a container was made of an image of this reference, as far as can be told.
fn is_image(host: &HostInventory, container: &Container, wanted: &ImageReference) -> bool {
    let images = host.images.as_deref();
    let known = images.and_then(|images| images.iter().find(|image| image.id == container.image_id));
    let tagged = || {
        known.is_some_and(|image| {
            let mut tags = image.tags.iter().filter_map(|tag| reference(tag));
            tags.any(|tag| tag.name() == wanted.name() && tag_of(&tag) == tag_of(wanted))
        })
    };
    let digested = |digest: &str| {
        known.is_some_and(|image| {
            image
                .digests
                .iter()
                .any(|own| own.rsplit('@').next() == Some(digest))
        })
    };
    let Some(made_of) = reference(&container.image) else {
        // An id only: the image's names say what it was.
        return tagged() || known.is_none();
    };
    if made_of.name() != wanted.name() {
        return tagged() && made_of.tag().is_none();
    }
    match (wanted.digest(), made_of.digest()) {
        (Some(wanted), Some(made_of)) => wanted == made_of,
        (Some(digest), None) => digested(digest) || known.is_none() && tag_of(wanted) == tag_of(&made_of),
        // Somebody fixed what the tag meant.
        (None, Some(_)) if made_of.tag().is_none() => {
            tagged() || known.is_none_or(|image| image.tags.is_empty())
        }
        (None, _) => tag_of(wanted) == tag_of(&made_of),
    }
}

/// Reads a reference as an engine tells it; Podman says `localhost/` of what was built there.
fn reference(text: &str) -> Option<ImageReference> {
    let text = text.strip_prefix("localhost/").unwrap_or(text);
    // An id is a valid name of 64 letters, and means none.
    let is_id =
        text.starts_with("sha256:") || text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    (!is_id).then(|| ImageReference::new(text).ok()).flatten()
}

fn tag_of(reference: &ImageReference) -> &str {
    reference.tag().unwrap_or("latest")
}

/// Returns that the name of a container's image leads to another image by now.
fn outdated(host: &HostInventory, container: &Container) -> Option<Difference> {
    let made_of = reference(&container.image).filter(|reference| !reference.is_pinned())?;
    let mut images = host.images.iter().flatten();
    let newer = images.find(|image| {
        let mut tags = image.tags.iter().filter_map(|tag| reference(tag));
        image.id != container.image_id
            && tags.any(|tag| tag.name() == made_of.name() && tag_of(&tag) == tag_of(&made_of))
    })?;
    let message = format!(
        "`{}` is another image by now than the one that it was made of",
        container.image
    );
    Some(Difference::new(DifferenceKind::Outdated, message).between(&newer.id, &container.image_id))
}

fn ports(container: &Container, service: ServiceRef<'_>) -> Option<Difference> {
    let declared = service.service();
    let own = match declared.network_mode.as_ref().map(|mode| &mode.value) {
        None | Some(NetworkMode::Bridge | NetworkMode::Other(_)) => true,
        Some(NetworkMode::None | NetworkMode::Host | NetworkMode::Service(_) | NetworkMode::Container(_)) => {
            false
        }
    };
    if !own || container.state != ContainerState::Running {
        return None;
    }
    let mut left: Vec<&Binding> = container.ports.iter().collect();
    let mut missing = Vec::new();
    for field in declared.ports.iter().filter(|field| !field.is_unset()) {
        let before = left.len();
        left.retain(|binding| !is_bound(field, binding));
        if left.len() == before {
            missing.push(field);
        }
    }
    // Of a port with a variable that is not set nobody knows which one it is.
    let unsure = declared.ports.iter().filter(|field| field.is_unset());
    for field in unsure {
        left.retain(|binding| binding.target != field.value.target);
    }
    let unbound: Vec<String> = missing
        .iter()
        .map(|field| format!("`{}`", told(&field.value)))
        .collect();
    let unwritten: Vec<String> = left.iter().map(|binding| format!("`{binding}`")).collect();
    let message = match (unbound.is_empty(), unwritten.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("{} is written, and not bound", in_words(&unbound, "and", 6)),
        (true, false) => format!("{} is bound, and not written", in_words(&unwritten, "and", 6)),
        (false, false) => format!(
            "{} is written, and {} is bound",
            in_words(&unbound, "and", 6),
            in_words(&unwritten, "and", 6)
        ),
    };
    let difference = Difference::new(DifferenceKind::Ports, message);
    Some(
        match missing.first().copied().or_else(|| declared.ports.first()) {
            Some(field) => difference.at(&field.span),
            None => difference,
        },
    )
}

fn is_bound(field: &Field<Port>, binding: &Binding) -> bool {
    let port = &field.value;
    let address = port.host_ip.filter(|address| !address.is_unspecified());
    binding.target == port.target
        && binding.protocol == port.protocol
        && binding.address == address
        && port
            .published
            .is_none_or(|(first, last)| (first..=last).contains(&binding.port))
}

fn told(port: &Port) -> String {
    let host = port.host_ip.map_or_else(
        || "*".to_owned(),
        |address| match address.is_ipv6() {
            true => format!("[{address}]"),
            false => address.to_string(),
        },
    );
    let published = match port.published {
        None => "any".to_owned(),
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
    };
    format!("{host}:{published} -> {}/{}", port.target, port.protocol)
}

fn environment(container: &Container, service: ServiceRef<'_>) -> Option<Difference> {
    let declared = service.service();
    // systemd puts its own words into a unit's values before Podman sees them.
    let is_unit = declared.span.source().name().ends_with(".container");
    let (mut absent, mut other, mut place) = (Vec::new(), Vec::new(), None);
    for (name, field) in &declared.environment {
        let Some(value) = field.value.as_ref().filter(|_| !field.is_unset()) else {
            continue;
        };
        let list = match container.environment.get(name) {
            None => &mut absent,
            Some(seen) if seen.expose() != value && !is_unit => &mut other,
            Some(_) => continue,
        };
        list.push(format!("`{name}`"));
        place.get_or_insert(&field.span);
    }
    let absent = (!absent.is_empty()).then(|| format!("{} is not set", in_words(&absent, "and", 6)));
    let other = (!other.is_empty()).then(|| format!("{} has another value", in_words(&other, "and", 6)));
    let message: Vec<String> = [absent, other].into_iter().flatten().collect();
    let place = place?;
    Some(Difference::new(DifferenceKind::Environment, message.join("; ")).at(place))
}

/// Returns that it was started with other words than are written. They may hold a secret, and are not told.
fn command(container: &Container, service: ServiceRef<'_>) -> Option<Difference> {
    let declared = service.service();
    // systemd puts its own words into a unit's before Podman sees them.
    if declared.span.source().name().ends_with(".container") {
        return None;
    }
    let pairs = [
        ("command", &declared.command, &container.command),
        ("entrypoint", &declared.entrypoint, &container.entrypoint),
    ];
    let mut others = pairs.into_iter().filter(|(_, written, seen)| {
        let unset = written.iter().any(Field::is_unset);
        // What is not written is the image's, and that is not known here.
        !written.is_empty() && !unset && !written.iter().map(|word| &word.value).eq(seen.iter())
    });
    let (name, written, _) = others.next()?;
    let names = match others.next() {
        Some((other, ..)) => format!("`{name}` and `{other}` are"),
        None => format!("`{name}` is"),
    };
    let message = format!("{names} written otherwise than it was started with");
    Some(Difference::new(DifferenceKind::Command, message).at(&written.first()?.span))
}
