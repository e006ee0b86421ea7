//! Learning algorithms: losses and their derivatives. They never step an environment and never touch a file.

mod actor;
mod bc;
mod cloning;
#[cfg(test)]
mod cloning_gradients;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod contract_demonstrations;
mod critics;
mod ddpg;
mod deterministic;
mod discriminator;
mod gail;
mod gaussian_policy;
#[cfg(test)]
mod gradients;
mod imitation;
mod metrics;
#[cfg(test)]
mod policy_gradients;
mod registry;
mod sac;
mod scalar_network;
mod settings;
mod shaping;
mod td3;
mod team;
mod temperature;
mod trpo;
mod trust_region;
mod value_function;

use std::ops::{Deref, DerefMut};

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Device;

pub use bc::{Bc, BcSettings};
pub use cloning::{Cloning, FilterMean};
pub use ddpg::{Ddpg, DdpgSettings};
pub use gail::{Gail, GailSettings};
pub use imitation::{ImitationSettings, Shown};
pub use registry::{ALGORITHMS, AlgorithmEntry, AlgorithmSettings, Regime};
pub use sac::{Sac, SacSettings};
pub use settings::{
    DemonstrationSettings, OffPolicySettings, OnPolicySettings, PolicySettings, UpdateSchedule,
};
pub use shaping::Shaping;
pub use td3::{Td3, Td3Settings};
pub use trpo::{Trpo, TrpoSettings};
pub use trust_region::TrustRegionSettings;

use self::actor::Actor;
use crate::data::{Batch, Rollout};
use crate::nn::{Adam, AdamState, Normalizer, Parameters};
use crate::potential::Demonstrated;

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

/// What a learner is made for, besides its own keys.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// Of observation and action.
    pub dimensions: Dimensions,
    /// Of the policy network.
    pub policy: &'a PolicySettings,
    /// The least and the greatest discounted return there can be, where the task has such.
    pub return_bounds: Option<(f64, f64)>,
    /// How the last rows of each batch, which are demonstrations, pull at the actor.
    pub cloning: Option<Cloning>,
    /// Of the actor's loss without cloning.
    pub rl_weight: f64,
    /// How many of the batch's first rows critics learn from.
    pub critic_rows: usize,
    /// Updates, the first ones, in which only critics learn.
    pub critic_warmup: u64,
    /// By what rewards are shaped.
    pub shaping: Option<Shaping<'a>>,
    /// Every demonstrated step, observations not normalised.
    pub shown: Option<&'a Demonstrated>,
    /// Threads that share an update.
    pub threads: usize,
    /// Where the tensors live.
    pub device: Device,
}

/// What all learners have in common. Actions are in -1 … 1 here; the policy's contract carries the environment's range.
pub trait Algorithm {
    /// Answers `[rows * observation_dim]` (normalised) observations with `[rows * action_dim]` actions. Those of
    /// exploration may lie beyond -1 … 1; whoever does them bounds them.
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]);

    /// What the numbers that an update tells for the log mean, in order.
    fn metric_names(&self) -> Vec<&'static str>;

    /// What the critics expect of the deterministic policy from `[rows * observation_dim]` (normalised) observations, the
    /// mean over rows; nothing without critics.
    fn value(&mut self, observations: &[f32]) -> Option<f64>;

    /// The deployable actor, ending in the action before it is squashed by tanh.
    fn actor_layers(&self) -> Vec<ActorLayer>;

    /// All optimisers, for what is common to them.
    fn optimisers(&mut self) -> Vec<&mut Adam>;

    /// Everything that changes during learning.
    fn save(&self) -> AlgorithmState;

    /// From a checkpoint of the same recipe.
    fn restore(&mut self, state: &AlgorithmState);
}

/// Learns from batches of single steps, whoever took them: experience of any age, demonstrations.
pub trait BatchLearner: Algorithm {
    /// The actor, and how many numbers an action has.
    fn actor(&mut self) -> (&mut Actor, usize);

    /// Makes the actor's target, where there is one, the actor itself.
    fn catch_up(&mut self) {}

    /// Lets the actor, and then its target, begin as what demonstrations show. Answers the mean square error of each pass over
    /// them; of fewer passes if `goes_on`, asked with how many were made, denies it.
    fn imitate(
        &mut self,
        shown: Shown<'_>,
        settings: &ImitationSettings,
        rng: &mut ChaCha8Rng,
        goes_on: &mut dyn FnMut(usize) -> bool,
    ) -> Vec<f64> {
        let (actor, action_dim) = self.actor();
        let errors = imitation::imitate(actor, action_dim, shown, settings, rng, goes_on);
        self.catch_up();
        errors
    }

    /// One gradient update. Numbers for the log are only computed when `metrics` is given, because reading a number
    /// from a tensor stops everything.
    fn update(&mut self, batch: &mut Batch, rng: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>);
}

/// Learns from what its present policy has done, whole and once.
pub trait RolloutLearner: Algorithm {
    /// Improves on `rollout`, whose observations are to be normalised by `normalizer`.
    fn learn(&mut self, rollout: &Rollout, normalizer: Option<&Normalizer>, rng: &mut ChaCha8Rng);

    /// Numbers of the last update for the log; none before the first.
    fn metrics(&self) -> &[f32];
}

/// A learner, by what it learns from.
pub enum Learner {
    /// SAC, TD3, DDPG, behaviour cloning.
    Batches(Box<dyn BatchLearner>),
    /// TRPO, GAIL.
    Rollouts(Box<dyn RolloutLearner>),
}

impl std::fmt::Debug for Learner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Batches(_) => "Learner::Batches",
            Self::Rollouts(_) => "Learner::Rollouts",
        })
    }
}

impl Deref for Learner {
    type Target = dyn Algorithm;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Batches(learner) => learner.as_ref(),
            Self::Rollouts(learner) => learner.as_ref(),
        }
    }
}

impl DerefMut for Learner {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Batches(learner) => learner.as_mut(),
            Self::Rollouts(learner) => learner.as_mut(),
        }
    }
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

impl AlgorithmState {
    /// Gives the learned numbers back, in the order in which they were saved.
    fn restore_parameters<'a>(&self, ours: impl IntoIterator<Item = &'a mut Parameters>) {
        let pairs = ours.into_iter().zip(&self.parameters);
        pairs.for_each(|(parameters, values)| parameters.copy_from(values));
    }

    /// Likewise the states of the optimisers.
    fn restore_optimisers<'a>(&self, ours: impl IntoIterator<Item = &'a mut Adam>) {
        let pairs = ours.into_iter().zip(&self.optimisers);
        pairs.for_each(|(adam, state)| adam.restore(state));
    }
}
