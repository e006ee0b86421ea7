//! [`Demonstrations`]: recorded episodes to learn from, checked when they are made.
//!
//! [`file`](self::file) says how they lie in an `.npz` file, [`check`](self::check) what is refused. Nothing here steps
//! an environment.

mod check;
mod file;
mod older;
mod summary;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rlfd_models::npz::NpzError;

pub use self::check::{Clipping, Flaw};
pub use self::older::OlderLayout;
pub use self::summary::{Spread, Summary};

/// Widths of the numbers in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemonstrationShape {
    /// Numbers in an observation, the desired goal not among them.
    pub observation: usize,
    /// Numbers in a goal; 0 where the environment has none.
    pub goal: usize,
    /// Numbers in an action.
    pub action: usize,
}

/// One recorded episode of `len` steps; row-major, `len + 1` rows where a state is described, `len` where a step is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demonstration {
    /// `[(len + 1) * observation]`
    pub observation: Vec<f64>,
    /// `[(len + 1) * goal]`
    pub achieved_goal: Vec<f64>,
    /// `[len * goal]`: of the step.
    pub desired_goal: Vec<f64>,
    /// `[len * action]`, in the environment's units, within its bounds.
    pub action: Vec<f64>,
    /// `[len]`
    pub reward: Vec<f64>,
    /// `[len]`: whether the state reached ends the task.
    pub terminated: Vec<bool>,
    /// `[len]`: whether the state reached is a success.
    pub is_success: Vec<bool>,
    /// `[len + 1]` full simulator states, `mjSTATE_INTEGRATION`, to reset to; empty where they were not recorded.
    pub state: Vec<Vec<f64>>,
}

/// Episodes of one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Demonstrations {
    /// e.g. `FetchPickAndPlace-v4`; empty where the file does not say.
    pub env: String,
    /// Widths of every episode's rows.
    pub shape: DemonstrationShape,
    /// In the order of the file.
    pub episodes: Vec<Demonstration>,
}

/// Why demonstrations cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemonstrationError {
    /// The file.
    #[error(transparent)]
    File(#[from] NpzError),
    /// What is in it.
    #[error("{}: {flaw}", path.display())]
    Flaw {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        flaw: Flaw,
    },
}

impl Flaw {
    /// Puts the file's name in front.
    #[must_use]
    pub fn in_file(self, path: &Path) -> DemonstrationError {
        DemonstrationError::Flaw {
            path: path.to_owned(),
            flaw: self,
        }
    }
}

impl Demonstrations {
    /// Leaves goals out, for a task that declares none.
    pub fn drop_goals(&mut self) {
        self.shape.goal = 0;
        for episode in &mut self.episodes {
            episode.achieved_goal.clear();
            episode.desired_goal.clear();
        }
    }
}

impl Demonstration {
    /// Steps.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "an episode has steps")]
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// Whether its last step is a success.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        self.is_success.last().copied().unwrap_or(false)
    }

    /// The part up to the first success, with which the task ends; all of it, as it is, where there is none.
    #[must_use]
    pub fn until_success(&self) -> Self {
        let Some(last) = self.is_success.iter().position(|success| *success) else {
            return self.clone();
        };
        let (steps, len) = (last + 1, self.len());
        let states = |numbers: &[f64]| numbers[..numbers.len() / (len + 1) * (steps + 1)].to_vec();
        let each = |numbers: &[f64]| numbers[..numbers.len() / len * steps].to_vec();
        let mut terminated = self.terminated[..steps].to_vec();
        terminated[last] = true;
        Self {
            observation: states(&self.observation),
            achieved_goal: states(&self.achieved_goal),
            desired_goal: each(&self.desired_goal),
            action: each(&self.action),
            reward: each(&self.reward),
            terminated,
            is_success: self.is_success[..steps].to_vec(),
            state: self.state.iter().take(steps + 1).cloned().collect(),
        }
    }

    /// Sum of its rewards.
    #[must_use]
    pub fn ret(&self) -> f64 {
        self.reward.iter().sum()
    }
}

impl Demonstrations {
    /// Steps of all episodes.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.episodes.iter().map(Demonstration::len).sum()
    }

    /// Appends the episodes of another recording.
    ///
    /// # Errors
    /// If its widths or its environment differ.
    pub fn append(&mut self, other: Self) -> Result<(), Flaw> {
        if other.shape != self.shape {
            return Err(Flaw::of(
                "observation, goal, action",
                format!(
                    "expected widths {:?} as in the files before, found {:?}",
                    self.shape, other.shape
                ),
            ));
        }
        if other.env != self.env {
            return Err(Flaw::of(
                "env",
                format!(
                    "expected `{}` as in the files before, found `{}`",
                    self.env, other.env
                ),
            ));
        }
        self.episodes.extend(other.episodes);
        Ok(())
    }
}
