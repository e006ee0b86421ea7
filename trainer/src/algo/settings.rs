//! [`OffPolicySettings`]: the recipe keys that every off-policy actor-critic shares.

use rlfd_models::Activation;
use serde::{Deserialize, Serialize};

/// Hyper-parameters common to SAC and TD3; every one is a recipe key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffPolicySettings {
    /// Environment steps taken with uniformly random actions before the first update.
    pub learning_starts: usize,
    /// Gradient updates per environment step.
    pub updates_per_step: usize,
    /// Transitions kept.
    pub buffer_size: usize,
    /// Transitions per update.
    pub batch_size: usize,
    /// Discount factor γ.
    pub gamma: f64,
    /// Weight τ of the online network in the Polyak average of the target networks.
    pub tau: f64,
    /// Adam's learning rate for the policy.
    pub actor_learning_rate: f64,
    /// Adam's learning rate for both critics.
    pub critic_learning_rate: f64,
    /// Widths of the policy's hidden layers.
    pub actor_hidden: Vec<usize>,
    /// Widths of each critic's hidden layers.
    pub critic_hidden: Vec<usize>,
    /// Of all hidden layers.
    pub activation: Activation,
    /// Whether observations are normalised by their running mean and variance.
    pub normalize_observations: bool,
    /// Symmetric bound on normalised observations.
    pub observation_clip: f64,
}
