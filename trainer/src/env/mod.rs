//! Environments: [`Env`], what it promises ([`EnvSpec`]) and what a step tells ([`Step`]).
//!
//! An environment knows nothing of algorithms, buffers or time limits: cutting an episode after
//! `max_episode_steps` is the business of whoever drives it, e.g. [`VectorEnv`].
//!
//! ```no_run
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! use rlfd_trainer::env::registry;
//!
//! let mut env = registry::open("InvertedPendulum-v5")?;
//! let mut rng = ChaCha8Rng::seed_from_u64(7);
//! let mut observation = vec![0.0; env.spec().observation_dim()];
//! env.reset(&mut rng, &mut observation);
//! let step = env.step(&[0.5], &mut observation);
//! assert!(!step.terminated);
//! # Ok::<(), rlfd_trainer::env::EnvError>(())
//! ```

use rand::Rng;
use rlfd_models::spec::{ActionTerm, ObservationTerm};
use serde::{Deserialize, Serialize};

pub use self::error::EnvError;
pub use self::goal::{GoalReward, GoalTask, Goals};
pub use self::vector::{
    DemonstrationStarts, Episode, VectorEnv, VectorGoals, VectorState, VectorStep,
};

#[cfg(test)]
mod check;
mod error;
mod goal;
pub mod gymnasium;
pub mod mujoco;
pub mod point_reach;
pub mod reach2d;
pub mod registry;
mod vector;

/// What an environment is, known before it is stepped.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvSpec {
    /// e.g. `HalfCheetah-v5`.
    pub id: String,
    /// The observation, in order.
    pub observation: Vec<ObservationTerm>,
    /// The action, in order, with its bounds.
    pub action: Vec<ActionTerm>,
    /// Control period in microseconds.
    pub period_us: u32,
    /// Steps after which an episode is truncated.
    pub max_episode_steps: u32,
    /// Mean return over 100 episodes at which the task counts as solved, where one is registered.
    pub reward_threshold: Option<f64>,
    /// Of a goal-conditioned environment; its last observation term is then the desired goal.
    pub goal: Option<GoalTask>,
    /// One line for people.
    pub summary: &'static str,
}

impl EnvSpec {
    /// Numbers in one observation.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        self.observation
            .iter()
            .map(|term| term.dim * term.history)
            .sum()
    }

    /// Numbers in one action.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.action.iter().map(|term| term.dim).sum()
    }

    /// Least action, `[action_dim]`.
    #[must_use]
    pub fn action_low(&self) -> Vec<f32> {
        self.action
            .iter()
            .flat_map(|term| std::iter::repeat_n(term.low, term.dim))
            .collect()
    }

    /// Greatest action, `[action_dim]`.
    #[must_use]
    pub fn action_high(&self) -> Vec<f32> {
        self.action
            .iter()
            .flat_map(|term| std::iter::repeat_n(term.high, term.dim))
            .collect()
    }
}

/// What a step tells besides the observation. Running into the time limit is not told here: it is no
/// property of the state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward of this step.
    pub reward: f64,
    /// Whether the state reached ends the episode, so that no return follows it.
    pub terminated: bool,
}

/// All that the future of an environment depends on, besides the actions to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvState {
    /// The simulator's own state.
    pub physics: Vec<f64>,
    /// The quantity whose rate of change is rewarded, as last seen.
    pub progress: f64,
}

/// In which precision costs of an action are summed.
///
/// Gymnasium's rewards square the action in the type it arrives in, so that a recording made with
/// `float32` actions holds rewards that differ in the eighth digit from one made with `float64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActionPrecision {
    /// As numpy does with `float32`.
    Single,
    /// As numpy does with `float64`.
    #[default]
    Double,
}

/// A task that can be begun anew and stepped.
///
/// Implementations do not allocate in `reset` and `step`. Slices of another length than the spec
/// says are the caller's bug, and panic.
pub trait Env: Send {
    /// What this environment is.
    fn spec(&self) -> &EnvSpec;

    /// Begins an episode, drawing the initial state from `rng`.
    /// Writes `observation` `[observation_dim]`.
    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]);

    /// Applies `action` `[action_dim]` for one control period.
    /// Writes `observation` `[observation_dim]`.
    ///
    /// Stepping on after `terminated` is allowed and continues the simulation.
    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step;

    /// The goals as of the last reset or step, where the environment has any.
    fn goals(&self) -> Option<Goals<'_>> {
        None
    }

    /// Whether the task is done in the state of the last reset or step, where it is one that can be done: it has a goal,
    /// be it one that is asked for or one that is never shown.
    fn is_success(&self) -> Option<bool> {
        let (task, goals) = (self.spec().goal?, self.goals()?);
        Some(task.is_success(goals.achieved, goals.desired))
    }

    /// Whether the last step was the episode's last for a reason that is no property of the state: an environment may cut
    /// episodes short itself, and a simulator may break down. The time limit is not meant.
    fn is_cut(&self) -> bool {
        false
    }

    /// Asks for another goal `desired` `[goal_dim]` in the episode that is going on.
    /// Writes `observation` `[observation_dim]`.
    ///
    /// # Errors
    /// [`EnvError::Goal`] if the environment has no goals of this width, or a number is not finite.
    fn set_goal(&mut self, desired: &[f64], _observation: &mut [f64]) -> Result<(), EnvError> {
        Err(EnvError::goal(self.spec(), desired))
    }

    /// The complete state between two steps.
    fn save(&self) -> EnvState;

    /// Returns to a saved state; from there the same actions give the same bits.
    ///
    /// # Errors
    /// [`EnvError::State`] if the state is not one of this environment.
    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError>;

    /// Begins an episode in a given simulator state, which is taken to be one that a reset left.
    /// Writes `observation` `[observation_dim]`.
    ///
    /// # Errors
    /// [`EnvError::State`] if the state is not one of this environment.
    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError>;

    /// Chooses the arithmetic of action costs; [`ActionPrecision::Double`] until told otherwise.
    fn set_action_precision(&mut self, precision: ActionPrecision);

    /// The MuJoCo simulation behind it, to draw or to measure, where there is one.
    fn simulation(&self) -> Option<&mujoco::Simulation> {
        None
    }
}

impl std::fmt::Debug for dyn Env {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Env({})", self.spec().id)
    }
}
