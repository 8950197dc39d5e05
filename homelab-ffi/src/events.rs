//! A stream, by pull.

use homelab_core::Event;
use homelab_core::cancel::Cancel;
use homelab_core::subscription::Subscription;
use homelab_core::view::EventView;
use tokio::sync::Mutex;

/// What happens while a plan is applied, from its beginning.
///
/// Take events with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Events {
    events: Mutex<Subscription<Event>>,
    finished: Cancel,
}

impl Events {
    pub(crate) fn new(events: Subscription<Event>) -> Self {
        Events {
            events: Mutex::new(events),
            finished: Cancel::new(),
        }
    }
}

#[uniffi::export]
impl Events {
    /// Returns the next event, or nothing when there will be none.
    pub async fn next(&self) -> Option<EventView> {
        let next = async { self.events.lock().await.next().await };
        tokio::select! {
            biased;
            () = self.finished.cancelled() => None,
            event = next => event.map(|event| event.view()),
        }
    }

    /// Ends the stream for this reader, a call that waits for its next event included. The operation goes on.
    pub fn finish(&self) {
        self.finished.cancel();
    }
}
