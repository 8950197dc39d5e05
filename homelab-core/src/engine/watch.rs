//! What becomes different on the engines of all hosts: [`Engines::watch`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::hosts::{Engines, Target, look};
use super::{Engine, EngineEvent, EventAction, EventSubject, Feed};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Change, Container, HostInventory, Inventory};
use crate::subscription::{Channel, Subscription};

/// How many changes wait for a reader. One that falls behind further gets everything anew.
const KEPT: usize = 1024;

/// How many containers are inspected at the same time.
const IN_FLIGHT: usize = 8;

/// Past so many containers to look at, all of them are listed.
const LIST_PAST: usize = 64;

/// How long it takes until a lost host is tried again: at once, then after the first, and each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Engines {
    /// Watches all hosts: first everything ([`Change::Full`]), once each host has answered or has had its limit, then
    /// what becomes different, as the engines' events tell. Nothing is asked that no event was about.
    ///
    /// Engines remember few events. After a connection was lost the host is listed again, and what is different is told
    /// as `resynced`: states in between may be missed, the last never is. A host that cannot be reached again is told
    /// with its reason, and tried until it can. Taking in all changes ([`Inventory::apply`]) gives what the engines have.
    ///
    /// It runs on the tokio runtime that this is called on, which needs IO and time, until the subscription is closed
    /// or dropped. A reader who falls behind by more than a thousand changes gets everything anew.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn watch(&self) -> Subscription<Change> {
        let known = Arc::new(Mutex::new(Inventory::default()));
        let behind = known.clone();
        let channel = Arc::new(Channel::renewing(KEPT, move || {
            Change::Full(lock(&behind).clone())
        }));
        let subscription = channel.subscribe();
        tokio::spawn(watch(self.clone(), known, channel));
        subscription
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until nobody reads any more.
async fn watch(engines: Engines, known: Arc<Mutex<Inventory>>, channel: Arc<Channel<Change>>) {
    let (sender, mut changes) = mpsc::channel(64);
    // Dropped at the end, and with it its tasks.
    let mut hosts = JoinSet::new();
    for target in engines.targets() {
        let watched = Watched {
            target: target.clone(),
            known: None,
            changes: sender.clone(),
        };
        hosts.spawn(watched.run());
    }
    drop(sender);
    // Nothing is told before each host has said its first word, which is about all of it.
    let mut waiting = engines.targets().len();
    if waiting == 0 {
        channel.send(Change::Full(Inventory::default()));
    }
    loop {
        let change = tokio::select! {
            () = channel.unread() => break,
            change = changes.recv() => change,
        };
        let Some(change) = change else {
            // No host will ever say more: those of which nobody knows how they are reached.
            channel.unread().await;
            break;
        };
        // Before it is told: who falls behind then gets all that was told.
        let first = {
            let mut known = lock(&known);
            let first = matches!(&change, Change::Host(host) if known.host(host.host.as_str()).is_none());
            known.apply(change.clone());
            first
        };
        match (waiting, first) {
            (0, _) => channel.send(change),
            (1, true) => {
                waiting = 0;
                let full = lock(&known).clone();
                channel.send(Change::Full(full));
            }
            (_, true) => waiting -= 1,
            (_, false) => {}
        }
    }
    channel.end();
}

/// One host that is watched.
struct Watched {
    target: Target,
    /// What was told of it last.
    known: Option<HostInventory>,
    changes: mpsc::Sender<Change>,
}

impl Watched {
    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let lost = match self.target.connect().await {
                Ok(engine) => {
                    let seen = self.follow(&engine).await;
                    if seen {
                        pause = Duration::ZERO;
                    }
                    None
                }
                Err(error) => Some(error),
            };
            if let Some(error) = lost {
                self.lose(&error).await;
                if self.target.is_closed() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
    }

    /// Follows an engine until its connection is lost, and returns whether its containers were seen.
    async fn follow(&mut self, engine: &Arc<dyn Engine>) -> bool {
        // What happens from here on is noted before it is looked at, so that nothing falls in between.
        let clock = engine.info().await.ok().and_then(|info| info.clock);
        let notes = Arc::new(Notes::default());
        let mut reader = JoinSet::new();
        reader.spawn(note(engine.events(clock), notes.clone()));
        let mut seen = look(&**engine).await;
        if !seen.is_seen() {
            let gap = seen.gap().map(|gap| (gap.kind, gap.message.clone()));
            let (kind, message) = gap.unwrap_or((ErrorKind::Internal, "look at the engine".to_owned()));
            // As a whole: what the rest says is of no use without the containers.
            if matches!(kind, ErrorKind::Unreachable | ErrorKind::TimedOut) {
                self.lose(&Error::new(kind, message)).await;
            } else {
                seen.at = self.known.as_ref().map_or(seen.at, |known| known.at);
                self.tell_host(seen).await;
            }
            return false;
        }
        self.resync(seen).await;
        loop {
            tokio::select! {
                _ = reader.join_next() => return true,
                () = notes.changed() => {}
            }
            if self.look_at(engine, notes.take()).await.is_err() {
                return true;
            }
        }
    }

    /// Tells how a host differs from what was told of it last.
    async fn resync(&mut self, seen: HostInventory) {
        let Some(before) = self.known.take().filter(|before| is_like(before, &seen)) else {
            self.known = Some(seen.clone());
            self.send(Change::Host(seen)).await;
            return;
        };
        let was = before.containers.unwrap_or_default();
        self.known = Some(HostInventory {
            containers: Some(was),
            ..before
        });
        let is = seen.containers.unwrap_or_default();
        self.tell_all(is, true).await;
        let host = seen.host;
        for change in [
            seen.images.map(|images| Change::Images {
                host: host.clone(),
                images,
            }),
            seen.volumes.map(|volumes| Change::Volumes {
                host: host.clone(),
                volumes,
            }),
            seen.networks.map(|networks| Change::Networks {
                host: host.clone(),
                networks,
            }),
        ]
        .into_iter()
        .flatten()
        {
            self.tell(change).await;
        }
    }

    /// Looks at what events were about, and tells what is different.
    async fn look_at(&mut self, engine: &Arc<dyn Engine>, noted: Noted) -> Result<()> {
        let mut containers = noted.containers;
        // An address comes and goes with the network, and the event does not say whose.
        let all = self
            .known
            .iter()
            .flat_map(|known| known.containers.iter().flatten());
        let attached = all.filter(|one| one.networks.keys().any(|name| noted.attached.contains(name)));
        containers.extend(attached.map(|one| one.id.clone()));
        if containers.len() > LIST_PAST {
            self.tell_all(engine.containers().await?, false).await;
        } else {
            self.inspect(engine, containers).await?;
        }
        let host = self.target.host().clone();
        // What is not allowed is a gap already, and stays one.
        if noted.images
            && let Some(images) = allowed(engine.images().await)?
        {
            self.tell(Change::Images {
                host: host.clone(),
                images,
            })
            .await;
        }
        if noted.volumes
            && let Some(volumes) = allowed(engine.volumes(false).await)?
        {
            self.tell(Change::Volumes {
                host: host.clone(),
                volumes,
            })
            .await;
        }
        if noted.networks
            && let Some(networks) = allowed(engine.networks().await)?
        {
            self.tell(Change::Networks { host, networks }).await;
        }
        Ok(())
    }

    async fn inspect(&mut self, engine: &Arc<dyn Engine>, containers: BTreeSet<String>) -> Result<()> {
        let mut waiting = containers.into_iter();
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < IN_FLIGHT
                && let Some(id) = waiting.next()
            {
                let engine = engine.clone();
                asked.spawn(async move {
                    let answer = engine.container(&id).await;
                    (id, answer)
                });
            }
            let Some(answered) = asked.join_next().await else {
                return Ok(());
            };
            // It is cancelled where the runtime ends, and panics where a given engine does.
            let cut = |_| Error::new(ErrorKind::Cancelled, "look at a container");
            match answered.map_err(cut)? {
                (id, Ok(container)) => {
                    // An engine finds a container by the beginning of its id too: this one is gone, and another begins so.
                    if container.id != id {
                        self.tell_removed(&id, false).await;
                    }
                    self.tell_container(container, false).await;
                }
                (id, Err(error)) if error.kind() == ErrorKind::NotFound => {
                    self.tell_removed(&id, false).await
                }
                (_, Err(error)) => return Err(error),
            }
        }
    }

    /// Tells how these, which are all containers, differ from those that were told.
    async fn tell_all(&mut self, containers: Vec<Container>, resynced: bool) {
        let known = self
            .known
            .iter()
            .flat_map(|known| known.containers.iter().flatten());
        let is = |id: &str| containers.iter().any(|one| one.id == id);
        let gone: Vec<String> = known.map(|one| one.id.clone()).filter(|id| !is(id)).collect();
        for id in gone {
            self.tell_removed(&id, resynced).await;
        }
        for container in containers {
            self.tell_container(container, resynced).await;
        }
    }

    async fn tell_container(&mut self, container: Container, resynced: bool) {
        let host = self.target.host().clone();
        if self.known_container(&container.id) != Some(&container) {
            self.tell(Change::Container {
                host,
                container,
                resynced,
            })
            .await;
        }
    }

    async fn tell_removed(&mut self, id: &str, resynced: bool) {
        let (host, id) = (self.target.host().clone(), id.to_owned());
        if let Some(name) = self.known_container(&id).map(|one| one.name.clone()) {
            self.tell(Change::Removed {
                host,
                id,
                name,
                resynced,
            })
            .await;
        }
    }

    fn known_container(&self, id: &str) -> Option<&Container> {
        let mut known = self
            .known
            .iter()
            .flat_map(|known| known.containers.iter().flatten());
        known.find(|one| one.id == id)
    }

    /// Tells that the host cannot be reached, unless that was told already.
    async fn lose(&mut self, error: &Error) {
        self.tell_host(self.target.unseen(error)).await;
    }

    async fn tell_host(&mut self, host: HostInventory) {
        let told = self
            .known
            .as_ref()
            .is_some_and(|known| !known.is_seen() && known.gaps == host.gaps);
        if !told {
            self.known = Some(host.clone());
            self.send(Change::Host(host)).await;
        }
    }

    /// Tells a change, if it is one.
    async fn tell(&mut self, change: Change) {
        let Some(known) = self.known.take() else { return };
        let name = known.host.clone();
        let before = Inventory::new([known]);
        let mut after = before.clone();
        after.apply(change.clone());
        let different = after != before;
        self.known = after.host(name.as_str()).cloned();
        if different {
            self.send(change).await;
        }
    }

    async fn send(&self, change: Change) {
        // It fails only when nobody watches any more, and then this is dropped as well.
        let _ = self.changes.send(change).await;
    }
}

/// Returns an answer, and nothing where asking is not allowed.
fn allowed<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(told) => Ok(Some(told)),
        Err(error) if matches!(error.kind(), ErrorKind::Unauthorised | ErrorKind::Unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it is the same engine, of which the same was seen: then single differences say all.
fn is_like(before: &HostInventory, seen: &HostInventory) -> bool {
    let what = |host: &HostInventory| {
        let engine = host.engine.as_ref();
        (
            host.is_seen(),
            engine.map(|engine| (engine.kind, engine.version.clone(), engine.hostname.clone())),
            host.gaps.clone(),
        )
    };
    what(before) == what(seen)
}

/// What events were about, since it was last looked at.
#[derive(Default)]
struct Noted {
    containers: BTreeSet<String>,
    /// Networks that a container has joined or left.
    attached: BTreeSet<String>,
    images: bool,
    volumes: bool,
    networks: bool,
}

/// Where the reader of events leaves what they were about. However many come, it is no more than there are things.
#[derive(Default)]
struct Notes {
    noted: Mutex<Noted>,
    news: Notify,
}

impl Notes {
    async fn changed(&self) {
        self.news.notified().await;
    }

    fn take(&self) -> Noted {
        std::mem::take(&mut *lock(&self.noted))
    }

    fn add(&self, event: EngineEvent) {
        let mut noted = lock(&self.noted);
        match (event.subject, &event.action) {
            (EventSubject::Container, EventAction::Other(word)) if is_idle(word) => return,
            (EventSubject::Container, action) => {
                // One more image, of which no other event tells.
                noted.images |= matches!(action, EventAction::Other(word) if word == "commit");
                noted.containers.insert(event.id);
            }
            (EventSubject::Image, _) => noted.images = true,
            (EventSubject::Volume, EventAction::Other(word)) if word == "mount" || word == "unmount" => {
                return;
            }
            (EventSubject::Volume, _) => noted.volumes = true,
            (EventSubject::Network, EventAction::Other(word))
                if word == "connect" || word == "disconnect" =>
            {
                noted.attached.insert(event.name);
            }
            (EventSubject::Network, _) => noted.networks = true,
            (EventSubject::Other, _) => return,
        }
        drop(noted);
        self.news.notify_one();
    }
}

/// Whether an event changes nothing about a container: health checks alone make three of them every few seconds.
fn is_idle(word: &str) -> bool {
    word.starts_with("exec")
        || matches!(
            word,
            "top" | "attach" | "detach" | "resize" | "export" | "archive-path"
        )
}

/// Notes what events are about, until they end, as they do only when the connection is lost.
async fn note(mut events: Feed<EngineEvent>, notes: Arc<Notes>) {
    while let Ok(Some(event)) = events.next().await {
        notes.add(event);
    }
}

#[cfg(test)]
mod tests;
