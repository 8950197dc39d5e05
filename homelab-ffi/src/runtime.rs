//! Where work is done: foreign code polls futures on threads of its own, which know no runtime.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use homelab_core::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::cancel::CancelToken;
use crate::error::HomelabError;

/// So many files are read at once, however many calls there are: the rest wait.
const READERS: usize = 8;

/// Returns the one runtime, made when it is first needed.
pub(crate) fn runtime() -> Result<&'static Runtime, HomelabError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(READERS)
            .thread_name("homelab")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    runtime.as_ref().map_err(|why| {
        Error::new(
            ErrorKind::Internal,
            format!("start the threads that do the work: {why}"),
        )
        .into()
    })
}

/// Does work on the runtime until it ends or somebody wishes it to stop. `what` is said when it was stopped.
///
/// Dropping the future stops the work too.
pub(crate) async fn run<T: Send + 'static>(
    what: &str,
    cancel: Option<Arc<CancelToken>>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, HomelabError> {
    wait(what, cancel, runtime()?.spawn(work)).await
}

/// Does work that waits for the disk. What has begun is not interrupted, but nobody waits for it any more.
pub(crate) async fn run_blocking<T: Send + 'static>(
    what: &str,
    cancel: Option<Arc<CancelToken>>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HomelabError> {
    wait(what, cancel, runtime()?.spawn_blocking(work)).await
}

async fn wait<T>(
    what: &str,
    cancel: Option<Arc<CancelToken>>,
    task: JoinHandle<T>,
) -> Result<T, HomelabError> {
    struct AbortOnDrop<T>(JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut task = AbortOnDrop(task);
    let result = match cancel {
        None => (&mut task.0).await,
        Some(cancel) => tokio::select! {
            // A wish that came first is granted, even if the work is already done.
            biased;
            () = cancel.0.cancelled() => return Err(HomelabError::cancelled(what)),
            result = &mut task.0 => result,
        },
    };
    result.map_err(|error| {
        // A panic is a defect of ours; its text is in the process's standard error.
        let kind = if error.is_panic() {
            ErrorKind::Internal
        } else {
            ErrorKind::Cancelled
        };
        Error::new(kind, what).with_source(error).into()
    })
}
