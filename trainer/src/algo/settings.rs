//! The recipe keys that algorithms share: [`PolicySettings`] of all, [`OffPolicySettings`] of those with critics,
//! [`DemonstrationSettings`] of those that are shown how.

use rlfd_models::Activation;
use serde::{Deserialize, Serialize};

use super::{Cloning, FilterMean};

/// Hyper-parameters of every policy network; every one is a recipe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// Transitions per update; of on-policy learners, states per update of the value function.
    pub batch_size: usize,
    /// Adam's learning rate for the policy; absent where it is not moved by Adam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_learning_rate: Option<f64>,
    /// Widths of the policy's hidden layers.
    pub actor_hidden: Vec<usize>,
    /// Of all hidden layers.
    pub activation: Activation,
    /// Whether observations are normalised by their running mean and variance.
    pub normalize_observations: bool,
    /// Symmetric bound on normalised observations.
    pub observation_clip: f64,
}

/// Hyper-parameters common to SAC, TD3 and DDPG; every one is a recipe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffPolicySettings {
    /// Environment steps taken with uniformly random actions before the first update.
    pub learning_starts: usize,
    /// Transitions kept.
    pub buffer_size: usize,
    /// Discount factor γ.
    pub gamma: f64,
    /// Weight τ of the online network in the Polyak average of the target networks.
    pub tau: f64,
    /// Adam's learning rate for the critics.
    pub critic_learning_rate: f64,
    /// Widths of each critic's hidden layers.
    pub critic_hidden: Vec<usize>,
    /// Whether critics normalise what enters each activation, which keeps them from promising the most where nothing
    /// was seen (Ball et al. 2023, "Efficient Online Reinforcement Learning with Offline Data", section 4.2).
    pub critic_layer_norm: bool,
}

/// Hyper-parameters common to learners from rollouts; every one is a recipe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnPolicySettings {
    /// Environment steps, over all environments, between two steps of the policy.
    pub rollout_steps: usize,
    /// Discount factor γ.
    pub gamma: f64,
    /// λ of generalised advantage estimates.
    pub gae_lambda: f64,
    /// Adam's learning rate for the value function.
    pub value_learning_rate: f64,
    /// Widths of its hidden layers.
    pub value_hidden: Vec<usize>,
    /// Passes of its regression over each rollout.
    pub value_passes: usize,
    /// Of the policy's entropy in what it maximises.
    pub entropy_weight: f64,
    /// Logarithm of the standard deviations that actions, scaled to -1 … 1, begin with.
    pub initial_log_std: f64,
}

#[cfg(test)]
impl OnPolicySettings {
    /// For tests.
    pub fn small() -> Self {
        Self {
            rollout_steps: 64,
            gamma: 0.9,
            gae_lambda: 0.97,
            value_learning_rate: 1e-3,
            value_hidden: vec![16],
            value_passes: 5,
            entropy_weight: 0.0,
            initial_log_std: 0.0,
        }
    }
}

impl PolicySettings {
    /// Adam's learning rate for the policy.
    ///
    /// # Panics
    /// If the recipe has none: the schema of every algorithm that asks has the key.
    #[must_use]
    pub fn actor_rate(&self) -> f64 {
        self.actor_learning_rate
            .expect("a recipe of an algorithm that moves its policy by Adam")
    }
}

/// Recipe keys of learning with demonstrations; all are absent in a recipe without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemonstrationSettings {
    /// The file.
    pub demonstrations: String,
    /// Its first so many episodes are used.
    pub num_demos: usize,
    /// Rows of each batch that are demonstrations.
    pub demo_batch_size: usize,
    /// Of the cloning loss, a mean over the demonstration rows.
    pub bc_weight: f64,
    /// Factor on `bc_weight` after each `bc_decay_interval` updates; 1 keeps it.
    pub bc_decay: f64,
    /// Updates.
    pub bc_decay_interval: u64,
    /// Of what the actor minimises besides (λ₁ of Nair et al. 2018).
    pub rl_weight: f64,
    /// Whether only actions are cloned that the critic prefers to the policy's.
    pub q_filter: bool,
    /// What a filtered loss is a mean over.
    pub q_filter_mean: FilterMean,
    /// Whether demonstration rows get hindsight goals too: right where an action leads to the same state whatever
    /// goal was asked for.
    pub her_on_demos: bool,
    /// Whether critics learn from demonstration rows too, and not the actor alone.
    pub critic_on_demos: bool,
    /// How often a training episode begins in a state of a demonstration.
    pub reset_to_demo_prob: f64,
}

impl DemonstrationSettings {
    /// The part that is a loss; nothing where it has no weight.
    #[must_use]
    pub fn cloning(&self) -> Option<Cloning> {
        (self.bc_weight > 0.0).then_some(Cloning {
            rows: self.demo_batch_size,
            weight: self.bc_weight,
            decay: self.bc_decay,
            decay_interval: self.bc_decay_interval,
            q_filter: self.q_filter,
            q_filter_mean: self.q_filter_mean,
        })
    }
}

/// When updates are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateSchedule {
    /// Environment steps between two rounds of updates.
    pub interval: usize,
    /// Updates of a round.
    pub updates: usize,
}

impl UpdateSchedule {
    /// Updates that fall due when the environment steps go from `before` to `after`.
    #[must_use]
    pub fn due(&self, before: usize, after: usize) -> usize {
        (after / self.interval - before / self.interval) * self.updates
    }
}
