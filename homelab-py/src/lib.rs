//! `homelab._native`: what the Python package `homelab` is made of.
//!
//! It adds nothing: each class wraps a type of the core and has its operations under the same names. What is Python's
//! own (enums, exceptions, records, `async with`) is in `python/homelab`, and looked up from here where it is needed.

mod access;
mod backup;
mod compose;
mod control;
mod convert;
mod engine;
mod error;
mod feed;
mod finding;
mod lab;
mod live;
mod observed;
mod plan;
mod query;
mod runtime;
mod serve;
mod service;
mod split;
mod tailnet;
mod world;

use pyo3::prelude::*;

/// Reading a lab makes many small values for a short time: with this allocator an audit takes a fifth less.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns the names of the optional parts that this build has, in alphabetical order.
#[pyfunction]
fn capabilities() -> Vec<&'static str> {
    homelab_core::capabilities().to_vec()
}

/// Returns nothing when this build has an optional part, and otherwise raises what its operations raise: `Unsupported`.
#[pyfunction]
#[pyo3(signature = (name, /))]
fn require_capability(name: &str) -> error::Result<()> {
    Ok(homelab_core::require_capability(name)?)
}

/// Returns all that an audit can say, rule by rule.
#[pyfunction]
fn rules() -> Vec<convert::Record> {
    homelab_core::audit::rules()
        .iter()
        .map(|rule| convert::Record::of("RuleView", rule))
        .collect()
}

// Every class is frozen and holds only what may be shared, so a free-threaded Python needs no lock.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::access::Exposure;
    #[pymodule_export]
    use crate::backup::{Repositories, Survival};
    #[pymodule_export]
    use crate::capabilities;
    #[pymodule_export]
    use crate::compose::Project;
    #[pymodule_export]
    use crate::control::ControlApi;
    #[pymodule_export]
    use crate::convert::words;
    #[pymodule_export]
    use crate::engine::{Engine, EngineEvents, ExecItem, ExecResult, Execution, Pieces, Pull, Stats};
    #[pymodule_export]
    use crate::error::throw;
    #[pymodule_export]
    use crate::finding::{Finding, Report};
    #[pymodule_export]
    use crate::lab::Lab;
    #[pymodule_export]
    use crate::live::{Changes, Drift, Engines, Logs, Running, SeenInventory};
    #[pymodule_export]
    use crate::observed::{Checkout, Interrupted, Machine, Observed, Worktree};
    #[pymodule_export]
    use crate::plan::{Outcome, Plan};
    #[pymodule_export]
    use crate::query::{Posture, Query};
    #[pymodule_export]
    use crate::require_capability;
    #[pymodule_export]
    use crate::rules;
    #[pymodule_export]
    use crate::runtime::shutdown;
    #[pymodule_export]
    use crate::serve::Server;
    #[pymodule_export]
    use crate::service::Service;
    #[pymodule_export]
    use crate::split::{Claim, Proof, ShareableTemplate, Split, Template, Values};
    #[pymodule_export]
    use crate::tailnet::{Tailnet, answer_text};
    #[pymodule_export]
    use crate::world::{Events, Operation, World};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let ending = module.getattr("shutdown")?;
        PyModule::import(module.py(), "atexit")?.call_method1("register", (ending,))?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
