//! What the daemon tells of itself as it happens.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::http::Answer;
use super::http::Connection;
use super::{LocalApi, damaged_answer};
use crate::error::Result;
use crate::subscription::{Channel, Subscription};
use crate::view::NoticeView;

/// Something that happened to this machine's device of the tailnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is in this state now: the daemon's word, such as `Running`.
    State(String),
    /// Devices that it sees have come, gone or changed, or it has itself: ask for the status again.
    Changed,
    /// Its settings, or what it serves, have changed: ask for them again.
    Settings,
    /// The daemon says that something is wrong.
    Problem(String),
    /// The reader was too slow; this many items were left out. Ask for the status again.
    Missed(u64),
    /// The stream is at its end, for this reason.
    Ended(String),
}

impl Notice {
    /// Returns it as a record.
    pub fn view(&self) -> NoticeView {
        let (kind, text, missed) = match self {
            Notice::State(state) => ("state", Some(state), None),
            Notice::Changed => ("changed", None, None),
            Notice::Settings => ("settings", None, None),
            Notice::Problem(text) => ("problem", Some(text), None),
            Notice::Missed(count) => ("missed", None, Some(*count)),
            Notice::Ended(reason) => ("ended", Some(reason), None),
        };
        NoticeView {
            kind: kind.to_owned(),
            text: text.cloned(),
            missed,
        }
    }
}

/// The state first (2), and devices that come, go and change (4096); settings come when they change.
const MASK: &str = "watch-ipn-bus?mask=4098";

/// How many items are kept for a reader who is slow.
const KEPT: usize = 256;

/// Starts listening on a task of its own, which ends with the last reader.
pub(super) async fn watch(daemon: &LocalApi) -> Result<Subscription<Notice>> {
    let (begun, beginning) = tokio::sync::oneshot::channel::<Result<Option<Answer>>>();
    let channel = Channel::new(KEPT, Notice::Missed);
    let reader = channel.subscribe();
    let connection = daemon.within(Connection::open(&daemon.socket)).await?;
    let listen = async move {
        let work = connection.lines(
            MASK,
            |result| {
                // Nobody waits any more: then the channel has no reader either.
                let _ = begun.send(result);
            },
            |line| {
                for notice in read(line) {
                    channel.send(notice);
                }
            },
        );
        let reason = tokio::select! {
            result = work => match result {
                Ok(()) => "the daemon closed it".to_owned(),
                Err(error) => error.to_string(),
            },
            () = channel.unread() => "nobody reads it".to_owned(),
        };
        channel.send(Notice::Ended(reason));
        channel.end();
    };
    tokio::spawn(listen);
    let unanswered = || damaged_answer("watch-ipn-bus");
    let first = daemon
        .within(async { beginning.await.unwrap_or_else(|_| Err(unanswered())) })
        .await?;
    match first {
        None => Ok(reader),
        Some(answer) => match daemon.accepted("watch-ipn-bus", answer) {
            Err(error) => Err(error),
            Ok(_) => Err(unanswered()),
        },
    }
}

/// One message of the daemon: `tailscale.com/ipn` names the fields. Each says that something is new.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    state: Option<i64>,
    err_message: Option<String>,
    prefs: Option<IgnoredAny>,
    self_change: Option<IgnoredAny>,
    net_map: Option<IgnoredAny>,
    peers_changed: Option<IgnoredAny>,
    peers_removed: Option<IgnoredAny>,
    peer_changed_patch: Option<IgnoredAny>,
}

/// Returns what a message says. One that cannot be read may have said anything, so it counts as a change.
fn read(line: &[u8]) -> Vec<Notice> {
    let Ok(message) = serde_json::from_slice::<Message>(line) else {
        return vec![Notice::Changed];
    };
    let mut notices = Vec::new();
    notices.extend(message.err_message.map(Notice::Problem));
    notices.extend(message.state.map(|number| Notice::State(state(number))));
    let changed = [
        message.self_change,
        message.net_map,
        message.peers_changed,
        message.peers_removed,
        message.peer_changed_patch,
    ];
    if changed.iter().any(Option::is_some) {
        notices.push(Notice::Changed);
    }
    if message.prefs.is_some() {
        notices.push(Notice::Settings);
    }
    notices
}

/// Returns the word of a state, which the daemon writes as a number here: `ipn.State`.
fn state(number: i64) -> String {
    const WORDS: [&str; 7] = [
        "NoState",
        "InUseOtherUser",
        "NeedsLogin",
        "NeedsMachineAuth",
        "Stopped",
        "Starting",
        "Running",
    ];
    let word = usize::try_from(number).ok().and_then(|index| WORDS.get(index));
    word.map_or_else(|| format!("state {number}"), |word| (*word).to_owned())
}
