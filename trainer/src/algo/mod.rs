//! Learning algorithms: losses and their derivatives. They never step an environment and never touch a file.

mod actor;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod gradients;
mod registry;
mod sac;
mod settings;
mod td3;
mod team;
mod twin_critic;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use registry::{ALGORITHMS, AlgorithmEntry, AlgorithmSettings};
pub use sac::{Sac, SacSettings};
pub use settings::OffPolicySettings;
pub use td3::{Td3, Td3Settings};

use crate::data::Batch;
use crate::nn::AdamState;

/// Whether an action is meant to try something or to do its best.
#[derive(Debug)]
pub enum Mode<'a> {
    /// The policy's best answer.
    Deterministic,
    /// The algorithm's own exploration, from this stream.
    Explore(&'a mut ChaCha8Rng),
}

/// Widths that an environment dictates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Numbers in an observation.
    pub observation: usize,
    /// Numbers in an action.
    pub action: usize,
}

/// A loss and its optimisers. Actions are in -1 … 1 here; the policy's contract carries the environment's range.
pub trait Algorithm {
    /// Answers `[rows * observation_dim]` (normalised) observations with `[rows * action_dim]` actions.
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]);

    /// One gradient update. Numbers for the log are only computed when `metrics` is given, because reading a number
    /// from a tensor stops everything.
    fn update(&mut self, batch: &mut Batch, rng: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>);

    /// What the numbers of `update`'s `metrics` mean, in order.
    fn metric_names(&self) -> &'static [&'static str];

    /// The deployable actor, ending in the action before it is squashed by tanh.
    fn actor_layers(&self) -> Vec<ActorLayer>;

    /// Everything that changes during learning.
    fn save(&self) -> AlgorithmState;

    /// From a checkpoint of the same recipe.
    fn restore(&mut self, state: &AlgorithmState);
}

/// One layer of a deployable actor.
#[derive(Clone, Debug, PartialEq)]
pub struct ActorLayer {
    /// `[outputs * inputs]`, row-major.
    pub weight: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
    /// Width of the input.
    pub inputs: usize,
}

/// Flat parameters and optimiser states, in the algorithm's own order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlgorithmState {
    /// Updates so far.
    pub updates: u64,
    /// Networks and other learned numbers.
    pub parameters: Vec<Vec<f32>>,
    /// One per optimiser.
    pub optimisers: Vec<AdamState>,
}
