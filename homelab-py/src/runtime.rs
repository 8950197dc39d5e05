//! Where work is done: beside Python, so that other threads run meanwhile and Ctrl-C is heard.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll};
use std::time::Duration;

use homelab_core::ErrorKind;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Failed, Result};

/// How often a call that waits looks whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(25);

/// As much as the main thread has: deep documents are read by recursion.
const STACK: usize = 8 << 20;

/// So much pure work is done at once for coroutines, however many there are: the rest waits.
const AT_ONCE: usize = 32;

/// The runtime of a process, begun when first needed.
struct Running {
    process: u32,
    handle: Handle,
    /// Nothing once Python has ended.
    runtime: Mutex<Option<Runtime>>,
}

static RUNNING: OnceLock<std::io::Result<Running>> = OnceLock::new();

/// Returns the one runtime of this process.
///
/// # Errors
/// In a process that was forked from one that had it: its threads are not there any more.
pub(crate) fn runtime() -> Result<&'static Handle> {
    let process = std::process::id();
    let running = RUNNING.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(2)
            .max_blocking_threads(AT_ONCE)
            .thread_stack_size(STACK)
            .thread_name("homelab")
            .enable_time()
            .build()?;
        Ok(Running {
            process,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    });
    let running = running.as_ref().map_err(|error| {
        Failed::new(
            ErrorKind::Internal,
            format!("start the runtime: {error}"),
            "are there too many threads?",
        )
    })?;
    if running.process != process {
        return Err(Failed::new(
            ErrorKind::Unsupported,
            "use a world in a process that was forked from one that used a world",
            "start processes by `spawn`: multiprocessing.get_context(\"spawn\")",
        ));
    }
    Ok(&running.handle)
}

/// Ends the runtime, for Python to call before it ends itself: a thread that is waking a coroutine then would be ended in
/// the middle of it, and crash the process.
#[pyfunction]
pub(crate) fn shutdown(py: Python<'_>) {
    let Some(Ok(running)) = RUNNING.get() else { return };
    if running.process != std::process::id() {
        return;
    }
    py.detach(|| {
        let runtime = running
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    });
}

/// What a thread is given to do; it calls what it is given when only the answer is left to hand over.
type Job = Box<dyn FnOnce(&dyn Fn()) + Send>;

/// How many threads are kept that have nothing to do.
const KEPT: usize = 4;

/// Threads that have done their work and wait for more, of the process that began them: to begin one for each call costs
/// more than a small call, and its memory is never warm.
struct Idle {
    process: u32,
    threads: Vec<SyncSender<Job>>,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle {
    process: 0,
    threads: Vec::new(),
});

/// Does pure work without Python's lock, on another thread so that Ctrl-C is heard: it is then left to end alone.
pub(crate) fn work<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    let job: Job = Box::new(move |rest| {
        let done = work();
        // First, so that the next call finds this thread.
        rest();
        // Nobody may be waiting any more.
        let _ = sender.send(done);
    });
    let unsent = match idle(|threads| threads.pop()).flatten() {
        Some(thread) => thread.send(job).err().map(|unsent| unsent.0),
        None => Some(job),
    };
    if let Some(job) = unsent {
        begin(job)?;
    }
    wait(py, receiver, || ())
}

/// Begins a thread that does a job, and then whatever else comes.
fn begin(mut job: Job) -> std::io::Result<()> {
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .name("homelab".into())
        .stack_size(STACK)
        .spawn(move || {
            loop {
                let kept = Cell::new(false);
                job(&|| {
                    let keep = |threads: &mut Vec<SyncSender<Job>>| {
                        let room = threads.len() < KEPT;
                        if room {
                            threads.push(sender.clone());
                        }
                        room
                    };
                    kept.set(idle(keep) == Some(true));
                });
                if !kept.get() {
                    return;
                }
                // It holds a sender itself, so it waits for as long as the process lives.
                let Ok(next) = receiver.recv() else { return };
                job = next;
            }
        })?;
    Ok(())
}

/// Does something with the threads that wait; nothing when another thread is at it, which a fork may have left behind.
fn idle<T>(with: impl FnOnce(&mut Vec<SyncSender<Job>>) -> T) -> Option<T> {
    let mut idle = match IDLE.try_lock() {
        Ok(idle) => idle,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let process = std::process::id();
    if idle.process != process {
        // Those of the process from which this one was forked are not here.
        idle.process = process;
        idle.threads.clear();
    }
    Some(with(&mut idle.threads))
}

/// Waits for what the runtime does, without Python's lock. After Ctrl-C it is dropped, and so told to stop.
pub(crate) fn block<T: Send + 'static>(
    py: Python<'_>,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    let task = runtime()?.spawn(async move {
        let _ = sender.send(future.await);
    });
    wait(py, receiver, || task.abort())
}

/// Lets the runtime do it while a coroutine waits. It is dropped when the coroutine is cancelled.
pub(crate) async fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T> {
    Task(runtime()?.spawn(future)).await
}

/// Does pure work without Python's lock while a coroutine waits. When the coroutine is cancelled, work that has not begun
/// never does, and what has begun ends in the background: judges and loaders know no way to stop half-way.
pub(crate) async fn later<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Task(runtime()?.spawn_blocking(work)).await
}

fn wait<T: Send>(py: Python<'_>, mut receiver: Receiver<T>, stop: impl FnOnce()) -> Result<T> {
    loop {
        // A receiver may be moved between threads, not shared: so it goes in and comes out again.
        let (back, received) = py.detach(move || {
            let received = receiver.recv_timeout(LOOK);
            (receiver, received)
        });
        receiver = back;
        match received {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {
                if let Err(interrupt) = py.check_signals() {
                    stop();
                    // The other end is gone once all is told to stop: the process may be about to end.
                    let _ = py.detach(move || receiver.recv_timeout(2 * LOOK));
                    return Err(interrupt.into());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(broken()),
        }
    }
}

fn broken() -> Failed {
    Failed::new(
        ErrorKind::Internal,
        "end what was begun: its thread stopped",
        "this is a defect of homelab: standard error has what it said",
    )
}

/// A task that is stopped when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|joined| joined.map_err(|_| broken()))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
