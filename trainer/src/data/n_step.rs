//! [`NStep`]: rewards summed over several steps before the critics are asked (Sutton 1988, "Learning to predict by the
//! methods of temporal differences"), `Σ_{i<k} γⁱ r_{t+i} + γᵏ Q(s_{t+k})` from the very `s_t` and `a_t` that the sum begins with.
//!
//! k is n, or less where the episode or what is known of it ends before. Only the last cycle is drawn from, for these sums
//! are those of the policy that acted.

use serde::{Deserialize, Serialize};

/// Recipe keys of sums over several steps; both are absent in a recipe without.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NStepSettings {
    /// n.
    pub n_step: usize,
    /// Which share of the rows that are experience has such sums.
    pub n_step_share: f64,
}

/// A way of drawing such rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NStep {
    /// n.
    pub steps: usize,
    /// How many of the newest steps are drawn from; of whole episodes as many as hold them.
    pub recent: usize,
    /// Environments that were stepped together, whose steps take turns in a buffer of single steps.
    pub n_envs: usize,
}

impl NStepSettings {
    /// How many of `rows` rows of experience.
    #[must_use]
    pub fn rows(&self, rows: usize) -> usize {
        (self.n_step_share * rows as f64).round() as usize
    }
}
