//! What an engine in memory holds, and how that changes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::Fault;
use crate::engine::{Action, EngineEvent, EventAction, EventSubject, LogLine, Output, StatSample};
use crate::inventory::{Binding, Container, ContainerState, Image, Network, Volume};

/// How many events are remembered: as many as Docker does.
const REMEMBERED: usize = 256;

/// Why something is not done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    Unreachable,
    NotAllowed,
    NoContainer,
    NoImage,
    NoFile,
    State(&'static str),
}

/// A container, and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) container: Container,
    pub(super) logs: Vec<LogLine>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What it binds when it runs.
    ports: Vec<Binding>,
}

impl Held {
    pub(super) fn runs(&self) -> bool {
        matches!(
            self.container.state,
            ContainerState::Running | ContainerState::Paused | ContainerState::Restarting
        )
    }

    /// Whether there is a folder: the root, a mount, or one that a file lies in.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        let folder = folder.trim_end_matches('/');
        let inside = |path: &str| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        folder.is_empty()
            || self.container.mounts.iter().any(|mount| mount.target == folder)
            || self.files.keys().any(|path| inside(path))
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Timestamp,
    pub(super) fault: Option<Fault>,
    pub(super) containers: BTreeMap<String, Held>,
    pub(super) images: Vec<Image>,
    pub(super) registry: Vec<Image>,
    pub(super) volumes: Vec<Volume>,
    pub(super) networks: Vec<Network>,
    events: VecDeque<EngineEvent>,
    /// How many events were forgotten.
    forgotten: usize,
}

impl State {
    pub(super) fn new() -> State {
        State {
            // 2027-01-01T00:00:00Z, in seconds.
            clock: Timestamp::constant(1_798_761_600, 0),
            fault: None,
            containers: BTreeMap::new(),
            images: Vec::new(),
            registry: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
            events: VecDeque::new(),
            forgotten: 0,
        }
    }

    fn tick(&mut self) -> Timestamp {
        // It stands still at the end of time.
        self.clock = self
            .clock
            .checked_add(Duration::from_millis(1))
            .unwrap_or(self.clock);
        self.clock
    }

    pub(super) fn insert(&mut self, mut container: Container) {
        let now = self.tick();
        let ports = container.ports.clone();
        container.created = container.created.or(Some(now));
        if container.state == ContainerState::Running {
            container.started = container.started.or(Some(now));
        } else {
            container.ports.clear();
        }
        let (name, id) = (container.name.clone(), container.id.clone());
        let held = Held {
            container,
            logs: Vec::new(),
            files: BTreeMap::new(),
            ports,
        };
        let before = self.containers.insert(name.clone(), held);
        if let Some(before) = before.filter(|before| before.container.id != id) {
            self.event(&before.container.id, &name, EventAction::Removed);
        }
        self.event(&id, &name, EventAction::Created);
    }

    pub(super) fn insert_image(&mut self, image: Image) {
        self.event_of(
            EventSubject::Image,
            &image.id,
            EventAction::Other("import".to_owned()),
        );
        self.images.push(image);
    }

    pub(super) fn insert_volume(&mut self, volume: Volume) {
        self.event_of(EventSubject::Volume, &volume.name, EventAction::Created);
        self.volumes.push(volume);
    }

    pub(super) fn insert_network(&mut self, network: Network) {
        self.event_of(EventSubject::Network, &network.name, EventAction::Created);
        self.networks.push(network);
    }

    pub(super) fn find(&mut self, container: &str) -> Option<&mut Held> {
        let by_id = |held: &Held| !container.is_empty() && held.container.id.starts_with(container);
        match self.containers.contains_key(container) {
            true => self.containers.get_mut(container),
            false => self.containers.values_mut().find(|held| by_id(held)),
        }
    }

    pub(super) fn held(&mut self, container: &str) -> Result<&mut Held, Why> {
        self.find(container).ok_or(Why::NoContainer)
    }

    pub(super) fn container(&mut self, container: &str) -> Result<Container, Why> {
        self.held(container).map(|held| held.container.clone())
    }

    pub(super) fn running(&mut self, container: &str) -> Result<&mut Held, Why> {
        let held = self.held(container)?;
        match held.container.state {
            ContainerState::Running => Ok(held),
            ContainerState::Paused => Err(Why::State("it is paused: unpause it first")),
            _ => Err(Why::State("it does not run: start it first")),
        }
    }

    pub(super) fn log(&mut self, container: &str, output: Output, text: &str) {
        let now = self.tick();
        if let Some(held) = self.find(container) {
            held.logs.extend(text.lines().map(|line| LogLine {
                at: Some(now),
                output,
                text: line.to_owned(),
                continues: false,
            }));
        }
    }

    pub(super) fn sample(&mut self, container: &str, first: bool) -> Result<Option<StatSample>, Why> {
        let at = self.tick();
        let held = self.held(container)?;
        match held.runs() {
            true => {}
            false if first => return Err(Why::State("it does not run: start it first")),
            false => return Ok(None),
        }
        let bytes: usize = held.files.values().map(Vec::len).sum();
        Ok(Some(StatSample {
            at,
            cpu_percent: (!first).then_some(0.0),
            memory: 1 << 20,
            memory_limit: 1 << 30,
            received: 0,
            sent: 0,
            read: 0,
            written: bytes as u64,
            processes: 1,
        }))
    }

    pub(super) fn pull(&mut self, reference: &str) -> Result<u64, Why> {
        let has = |image: &&Image| image.tags.iter().any(|tag| tag == reference);
        let image = self.registry.iter().find(has).cloned().ok_or(Why::NoImage)?;
        let size = image.size;
        // The name now means this image; another that had it loses it.
        for other in &mut self.images {
            if other.id != image.id {
                other.tags.retain(|tag| tag != reference);
            }
        }
        self.images.retain(|other| other.id != image.id);
        self.images.push(image);
        self.event_of(
            EventSubject::Image,
            reference,
            EventAction::Other("pull".to_owned()),
        );
        Ok(size)
    }

    pub(super) fn act(&mut self, container: &str, action: &Action) -> Result<(), Why> {
        let held = self.held(container)?;
        let (name, state) = (held.container.name.clone(), held.container.state);
        let runs = held.runs();
        match action {
            Action::Start if runs => {}
            Action::Start => self.start(&name),
            Action::Stop { .. } if !runs => {}
            // As a program that ends when it is asked to.
            Action::Stop { .. } => self.end(&name, 0),
            Action::Restart { .. } => {
                if runs {
                    self.end(&name, 0);
                }
                self.start(&name);
            }
            Action::Pause if state == ContainerState::Running => {
                self.turn(&name, ContainerState::Paused, EventAction::Paused);
            }
            Action::Pause => return Err(Why::State("only what runs can be paused")),
            Action::Unpause if state == ContainerState::Paused => {
                self.turn(&name, ContainerState::Running, EventAction::Unpaused);
            }
            Action::Unpause => return Err(Why::State("it is not paused")),
            Action::Kill { .. } if !runs => return Err(Why::State("it does not run")),
            Action::Kill { signal } => {
                let number = match signal.trim_start_matches("SIG") {
                    "KILL" => 9,
                    "TERM" => 15,
                    "INT" => 2,
                    // What a program lives on after.
                    _ => return Ok(()),
                };
                self.end(&name, 128 + number);
            }
            Action::Remove { force: false, .. } if runs => {
                return Err(Why::State("it runs: stop it first, or use force"));
            }
            Action::Remove { .. } => {
                if runs {
                    self.end(&name, 137);
                }
                if let Some(gone) = self.containers.remove(&name) {
                    self.event(&gone.container.id, &name, EventAction::Removed);
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, name: &str) {
        let now = self.tick();
        if let Some(held) = self.containers.get_mut(name) {
            held.container.started = Some(now);
            held.container.exit_code = None;
            held.container.ports.clone_from(&held.ports);
        }
        self.turn(name, ContainerState::Running, EventAction::Started);
    }

    fn end(&mut self, name: &str, code: i64) {
        let now = self.tick();
        if let Some(held) = self.containers.get_mut(name) {
            held.container.finished = Some(now);
            held.container.exit_code = Some(code);
            held.container.health = None;
            held.container.ports.clear();
        }
        self.turn(name, ContainerState::Exited, EventAction::Died(Some(code)));
    }

    fn turn(&mut self, name: &str, state: ContainerState, action: EventAction) {
        let Some(held) = self.containers.get_mut(name) else {
            return;
        };
        held.container.state = state;
        let id = held.container.id.clone();
        self.event(&id, name, action);
    }

    fn event_of(&mut self, subject: EventSubject, name: &str, action: EventAction) {
        let event = EngineEvent {
            at: self.tick(),
            subject,
            id: name.to_owned(),
            name: name.to_owned(),
            action,
        };
        self.remember(event);
    }

    fn event(&mut self, id: &str, name: &str, action: EventAction) {
        let event = EngineEvent {
            at: self.tick(),
            subject: EventSubject::Container,
            id: id.to_owned(),
            name: name.to_owned(),
            action,
        };
        self.remember(event);
    }

    fn remember(&mut self, event: EngineEvent) {
        self.events.push_back(event);
        if self.events.len() > REMEMBERED {
            self.events.pop_front();
            self.forgotten += 1;
        }
    }

    /// Returns the number of the next event.
    pub(super) fn events_end(&self) -> usize {
        self.forgotten + self.events.len()
    }

    /// Returns the events from this number on that are remembered.
    pub(super) fn events_from(&self, number: usize) -> impl Iterator<Item = &EngineEvent> {
        self.events.iter().skip(number.saturating_sub(self.forgotten))
    }
}
