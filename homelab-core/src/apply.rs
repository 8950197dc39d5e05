//! What changes the world: a [`Plan`](crate::plan::Plan) applied to a [`World`] is an [`Operation`], which yields an [`Outcome`].
//!
//! ```
//! use homelab_core::apply::{Status, World};
//! use homelab_core::plan::{Plan, Step};
//! use homelab_core::Lab;
//!
//! # #[cfg(unix)]
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let (folder, state) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! let lab = Lab::load(folder.path())?;
//! let world = World::connect(&lab).await.with_state(state.path());
//! let plan = Plan::new("begin", [Step::write_new("lab.toml".parse()?, "audience = \"family\"\n")])?;
//!
//! let operation = plan.clone().apply(&world); // Runs from now on.
//! operation.await?.complete()?;
//!
//! let again = plan.apply(&world).await?;
//! assert_eq!(again.status(), Status::Skipped);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! - Every precondition of a plan is checked before its first step, and each again right before its own: a plan from a
//!   state that has changed since is refused with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict), and what somebody else wrote is never lost.
//! - A step whose end is reached already is skipped. So applying a plan twice is harmless: the second time is
//!   [`Status::Skipped`], unless the files were changed in between, which is a conflict. And a plan that was killed
//!   midway is finished by applying it again.
//! - A file holds its old content or its new one, at every moment, whatever is killed. Nothing outside the lab's folder
//!   is touched, and no symbolic link is followed.
//! - What a killed run leaves lying is written down before it begins, and put back by the next run in this lab's folder
//!   or by [`plan_recover`](crate::observed::Observed::plan_recover).

#[cfg(unix)]
mod backups;
#[cfg(all(unix, feature = "docker", feature = "tools"))]
mod compose;
#[cfg(unix)]
mod containers;
#[cfg(unix)]
mod drill;
mod event;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod journal;
#[cfg(unix)]
mod machine;
mod operation;
#[cfg(unix)]
mod recovery;
#[cfg(unix)]
mod run;
#[cfg(all(test, unix))]
mod tests;
#[cfg(all(unix, feature = "tools"))]
mod worktree;
mod world;

pub use self::event::{Event, Outcome, Status};
pub use self::operation::Operation;
pub use self::world::World;
