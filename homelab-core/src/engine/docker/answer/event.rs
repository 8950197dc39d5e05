//! What happens on engines, in each one's words.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Map, health_state, seconds};
use crate::engine::{EngineEvent, EventAction, EventSubject};

#[derive(Debug, Deserialize)]
pub(in super::super) struct Event {
    #[serde(rename = "Type")]
    r#type: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    /// The word of engines before 1.22, which Podman still has beside the others.
    status: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
    time: Option<i64>,
    #[serde(rename = "timeNano")]
    nanoseconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Map<String>,
}

impl Event {
    pub(in super::super) fn told(self) -> Option<EngineEvent> {
        let precise = self
            .nanoseconds
            .filter(|number| *number > 0)
            .and_then(|number| Timestamp::from_nanosecond(i128::from(number)).ok());
        let at = precise.or_else(|| seconds(self.time))?;
        let actor = self.actor.unwrap_or_default();
        let attributes = actor.attributes.unwrap_or_default();
        let word = self.action.or(self.status).unwrap_or_default();
        let (word, rest) = word.split_once(':').unwrap_or((&word, ""));
        let code = ["exitCode", "containerExitCode"]
            .iter()
            .find_map(|name| attributes.get(*name)?.parse().ok());
        let health = match word {
            "health_status" => attributes
                .get("health_status")
                .map(String::as_str)
                .or(Some(rest.trim()))
                .and_then(health_state),
            _ => None,
        };
        let action = match word {
            "create" => EventAction::Created,
            "start" => EventAction::Started,
            "die" | "died" => EventAction::Died(code),
            "pause" => EventAction::Paused,
            "unpause" => EventAction::Unpaused,
            "rename" => EventAction::Renamed,
            "destroy" | "remove" | "delete" => EventAction::Removed,
            "oom" => EventAction::OutOfMemory,
            _ => match health {
                Some(health) => EventAction::Health(health),
                None => EventAction::Other(word.to_owned()),
            },
        };
        let subject = match self.r#type.as_deref().unwrap_or_default() {
            "container" => EventSubject::Container,
            "image" => EventSubject::Image,
            "volume" => EventSubject::Volume,
            "network" => EventSubject::Network,
            _ => EventSubject::Other,
        };
        let id = actor.id.unwrap_or_default();
        // A volume has no other id.
        let name = attributes.get("name").cloned().unwrap_or_else(|| id.clone());
        Some(EngineEvent {
            at,
            subject,
            id,
            name,
            action,
        })
    }
}
