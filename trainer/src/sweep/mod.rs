//! Sweeps: the product of a recipe's axes, one run per combination, several at a time.
//!
//! A [`Plan`] names the members, a [`Manifest`] remembers what became of each, [`Workers`] run them as processes of this
//! program (`trainer fit --resume`), here or, under `mpirun`, on many machines. Nothing here knows how a run learns: a
//! member is a folder with a recipe, and it is done when the folder says so.

mod crew;
#[cfg(feature = "mpi")]
mod fleet;
mod manifest;
mod plan;
mod results;
mod screen;
mod session;

pub use crew::Crew;
#[cfg(feature = "mpi")]
pub use fleet::{Fleet, dismiss, serve};
pub use manifest::{Manifest, State};
pub use plan::{Member, Plan, RECIPE};
pub use results::Results;
pub use screen::Screen;
pub use session::run;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::run::Report;

/// A member to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its place in the plan.
    pub index: usize,
    /// Its folder, with a recipe in it.
    pub folder: PathBuf,
}

/// What is heard from a member, by its place in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It is going on.
    Report(usize, Report),
    /// It is over.
    Ended(usize, Ending),
}

/// How a member's process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Nothing is left to do.
    Finished,
    /// It was asked to stop and left a checkpoint.
    Stopped,
    /// In words, with the last lines of its log.
    Failed(String),
}

/// Those who run members: [`Crew`] on this machine, `Fleet` over the ranks of `mpirun`.
pub trait Workers {
    /// How many members they run at a time.
    fn places(&self) -> usize;

    /// Starts a member if a place is free; otherwise nothing happens and the answer is `false`.
    ///
    /// # Errors
    /// If those who should run it are out of reach. A member that cannot be started is an [`Ending::Failed`].
    fn start(&mut self, job: &Job) -> anyhow::Result<bool>;

    /// What was heard since the last time, without waiting.
    ///
    /// # Errors
    /// If those who run members are out of reach.
    fn poll(&mut self) -> anyhow::Result<Vec<Event>>;

    /// Asks all members to stop.
    ///
    /// # Errors
    /// If those who run them are out of reach.
    fn stop(&mut self) -> anyhow::Result<()>;
}
