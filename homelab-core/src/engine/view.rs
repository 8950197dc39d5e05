//! What an engine does, as plain data.

use super::{EngineEvent, EventAction, EventSubject, Process, PullProgress, StatSample};
use crate::view::{EngineEventView, ProcessView, PullView, StatView};

impl StatSample {
    /// Returns it as plain data.
    pub fn view(&self) -> StatView {
        StatView {
            at: self.at.to_string(),
            cpu_percent: self.cpu_percent,
            memory: self.memory,
            memory_limit: self.memory_limit,
            received: self.received,
            sent: self.sent,
            read: self.read,
            written: self.written,
            processes: self.processes,
        }
    }
}

impl Process {
    /// Returns it as plain data.
    pub fn view(&self) -> ProcessView {
        ProcessView {
            id: self.id,
            user: self.user.clone(),
            command: self.command.clone(),
        }
    }
}

impl PullProgress {
    /// Returns it as plain data.
    pub fn view(&self) -> PullView {
        PullView {
            layer: self.layer.clone(),
            status: self.status.clone(),
            done: self.done,
            total: self.total,
        }
    }
}

impl EngineEvent {
    /// Returns it as plain data.
    pub fn view(&self) -> EngineEventView {
        let (mut exit_code, mut health) = (None, None);
        let action = match &self.action {
            EventAction::Created => "created",
            EventAction::Started => "started",
            EventAction::Died(code) => {
                exit_code = *code;
                "died"
            }
            EventAction::Paused => "paused",
            EventAction::Unpaused => "unpaused",
            EventAction::Renamed => "renamed",
            EventAction::Removed => "removed",
            EventAction::Health(said) => {
                health = Some(said.to_string());
                "health"
            }
            EventAction::OutOfMemory => "out_of_memory",
            EventAction::Other(word) => word,
        };
        EngineEventView {
            at: self.at.to_string(),
            subject: match self.subject {
                EventSubject::Container => "container",
                EventSubject::Image => "image",
                EventSubject::Volume => "volume",
                EventSubject::Network => "network",
                EventSubject::Other => "other",
            }
            .to_owned(),
            id: self.id.clone(),
            name: self.name.clone(),
            action: action.to_owned(),
            exit_code,
            health,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Health;

    #[test]
    fn an_event_says_what_happened_and_with_what_outcome() {
        let told = |action| {
            let event = EngineEvent {
                at: "2027-01-01T00:00:00Z".parse().expect("a time"),
                subject: EventSubject::Container,
                id: "1".into(),
                name: "web".into(),
                action,
            };
            let view = event.view();
            (view.action, view.exit_code, view.health)
        };
        assert_eq!(
            told(EventAction::Died(Some(137))),
            ("died".into(), Some(137), None)
        );
        assert_eq!(
            told(EventAction::Health(Health::Unhealthy)),
            ("health".into(), None, Some("unhealthy".into()))
        );
        assert_eq!(told(EventAction::Other("top".into())), ("top".into(), None, None));
    }
}
