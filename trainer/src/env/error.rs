//! [`EnvError`]: why an environment could not be opened or restored.

use std::path::PathBuf;

use mujoco_rs::error::MjModelError;

use super::EnvSpec;

/// Names what a person would look for: the environment, the file, the body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// No registered environment has this name.
    #[error(
        "there is no environment `{id}`; the nearest is `{nearest}` (`trainer list` names all)"
    )]
    Unknown {
        /// As asked.
        id: String,
        /// The registered name with the fewest edits.
        nearest: &'static str,
    },
    /// The model's file is not where it is expected.
    #[error(
        "{path}: no such file; `cargo xtask setup` fetches the models of the public environments, \
         or name the folder that holds `gymnasium/` and `gymnasium_robotics/` in RLFD_ASSETS"
    )]
    MissingAsset {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// MuJoCo does not accept the model.
    #[error("{path}: MuJoCo does not load this model")]
    Model {
        /// The model's file.
        path: PathBuf,
        /// MuJoCo's own words.
        source: MjModelError,
    },
    /// The model lacks a part that the task speaks of.
    #[error("{path}: expected {expected}")]
    ModelPart {
        /// The model's file.
        path: PathBuf,
        /// e.g. ``a body named `fingertip` ``.
        expected: String,
    },
    /// A saved state belongs to another environment or is damaged.
    #[error("{id}: expected a simulator state of {expected} finite numbers, found {found}")]
    State {
        /// The environment.
        id: String,
        /// Numbers in a state of this environment.
        expected: usize,
        /// What was given.
        found: String,
    },
    /// Python's Gymnasium has no such environment, or not one that can be used here.
    #[error("{id}: {words}")]
    Gymnasium {
        /// The environment.
        id: String,
        /// What was said.
        words: String,
    },
    /// A goal does not fit the environment.
    #[error("{id}: expected a goal of {expected} finite numbers, found {found:?}")]
    Goal {
        /// The environment.
        id: String,
        /// Numbers in its goals, 0 if it has none.
        expected: usize,
        /// What was given.
        found: Vec<f64>,
    },
    /// A saved set of environments does not fit.
    #[error("{id}: expected {expected}, found {found}")]
    Vector {
        /// The environment.
        id: String,
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The threads to step on could not be started.
    #[error("cannot start {n_threads} threads to step environments on")]
    Threads {
        /// As asked.
        n_threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
}

impl EnvError {
    /// For a goal that is not one of the environment described by `spec`.
    pub(super) fn goal(spec: &EnvSpec, found: &[f64]) -> Self {
        Self::Goal {
            id: spec.id.clone(),
            expected: spec.goal.map_or(0, |goal| goal.dim),
            found: found.to_vec(),
        }
    }
}
