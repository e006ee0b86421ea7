//! [`Gail`]: generative adversarial imitation learning (Ho & Ermon 2016, "Generative Adversarial Imitation Learning",
//! algorithm 1): TRPO on the reward of a [`Discriminator`] that learns beside it. The environment's own reward is never
//! looked at.
//!
//! That reward is never negative, so that it also pays to stay: where episodes may end early, for good or for bad, this is a
//! bias the paper's form has.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::discriminator::{Discriminator, Verdict};
use super::trpo::{Trpo, normalized};
use super::{
    ActorLayer, Algorithm, AlgorithmState, Mode, OnPolicySettings, RolloutLearner, Setup,
    TrpoSettings, TrustRegionSettings,
};
use crate::data::Rollout;
use crate::nn::{Adam, MlpShape, Normalizer};
use crate::potential::Demonstrated;

/// Recipe keys of GAIL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GailSettings {
    /// The file.
    pub demonstrations: String,
    /// Its first so many episodes are used.
    pub num_demos: usize,
    /// Shared with its siblings.
    #[serde(flatten)]
    pub on_policy: OnPolicySettings,
    /// Of the policy's step.
    #[serde(flatten)]
    pub trust_region: TrustRegionSettings,
    /// Widths of the discriminator's hidden layers.
    pub discriminator_hidden: Vec<usize>,
    /// Adam's learning rate for it.
    pub discriminator_learning_rate: f64,
    /// Steps of the policy between those of the discriminator.
    pub discriminator_interval: u64,
    /// Updates then, each on all steps of the rollout and as many demonstrated ones.
    pub discriminator_updates: usize,
    /// Of the entropy of its answers.
    pub discriminator_entropy: f64,
}

/// The learner.
#[derive(Debug)]
pub struct Gail {
    settings: GailSettings,
    trpo: Trpo,
    discriminator: Discriminator,
    shown: Demonstrated,
    /// Of the last update.
    metrics: Vec<f32>,
    /// Of the discriminator's.
    verdict: Verdict,
}

const METRICS: [&str; 10] = [
    super::trpo::METRICS[0],
    super::trpo::METRICS[1],
    super::trpo::METRICS[2],
    super::trpo::METRICS[3],
    super::trpo::METRICS[4],
    super::trpo::METRICS[5],
    "discriminator_loss",
    "demo_accuracy",
    "policy_accuracy",
    "imitation_reward",
];

impl Gail {
    /// Freshly initialised from `rng`, to imitate the setup's demonstrated steps.
    ///
    /// # Panics
    /// If there are none: who reads the recipe has to bring them.
    #[must_use]
    pub fn new(setup: &Setup<'_>, settings: &GailSettings, rng: &mut ChaCha8Rng) -> Self {
        let trpo = TrpoSettings {
            on_policy: settings.on_policy.clone(),
            trust_region: settings.trust_region.clone(),
        };
        let dimensions = setup.dimensions;
        let shape = MlpShape::new(
            dimensions.observation + dimensions.action,
            &settings.discriminator_hidden,
            1,
            setup.policy.activation,
        );
        Self {
            trpo: Trpo::new(setup, &trpo, rng),
            discriminator: Discriminator::new(
                shape,
                settings.discriminator_learning_rate,
                settings.discriminator_entropy,
                setup.device,
                rng,
            ),
            settings: settings.clone(),
            shown: setup.shown.expect("demonstrations to imitate").clone(),
            metrics: Vec::new(),
            verdict: Verdict::default(),
        }
    }

    /// Steps as the discriminator reads them: normalised observations and what was done, which is bounded.
    fn joint(
        &self,
        observations: &[f32],
        actions: &[f32],
        (width, action_dim): (usize, usize),
        normalizer: Option<&Normalizer>,
    ) -> Tensor {
        let seen = normalized(observations, width, normalizer);
        let pairs = seen
            .chunks_exact(width)
            .zip(actions.chunks_exact(action_dim));
        let mut joint = Vec::with_capacity(seen.len() + actions.len());
        for (observation, action) in pairs {
            joint.extend_from_slice(observation);
            joint.extend(action.iter().map(|a| a.clamp(-1.0, 1.0)));
        }
        self.discriminator.network.rows(&joint)
    }

    /// `rows` demonstrated steps, drawn uniformly.
    fn draw(
        &self,
        rows: usize,
        (width, action_dim): (usize, usize),
        normalizer: Option<&Normalizer>,
        rng: &mut ChaCha8Rng,
    ) -> Tensor {
        let (mut observation, mut action) = (Vec::new(), Vec::new());
        let known = self.shown.action.len() / action_dim;
        for _ in 0..rows {
            let row = rng.random_range(0..known);
            observation.extend_from_slice(&self.shown.observation[row * width..][..width]);
            action.extend_from_slice(&self.shown.action[row * action_dim..][..action_dim]);
        }
        self.joint(&observation, &action, (width, action_dim), normalizer)
    }
}

impl Algorithm for Gail {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        self.trpo.act(observations, mode, actions);
    }

    fn metric_names(&self) -> Vec<&'static str> {
        METRICS.to_vec()
    }

    /// In rewards of the discriminator.
    fn value(&mut self, observations: &[f32]) -> Option<f64> {
        self.trpo.value(observations)
    }

    fn actor_layers(&self) -> Vec<ActorLayer> {
        self.trpo.actor_layers()
    }

    fn optimisers(&mut self) -> Vec<&mut Adam> {
        let mut all = self.trpo.optimisers();
        all.push(&mut self.discriminator.network.adam);
        all
    }

    fn save(&self) -> AlgorithmState {
        let mut state = self.trpo.save();
        let network = &self.discriminator.network;
        state.parameters.push(network.parameters.to_vec());
        state.optimisers.push(network.adam.save());
        state.parameters.push(self.metrics.clone());
        state
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.trpo.restore(state);
        let network = &mut self.discriminator.network;
        if let ([.., parameters, metrics], Some(adam)) =
            (&state.parameters[..], state.optimisers.last())
        {
            network.parameters.copy_from(parameters);
            network.adam.restore(adam);
            self.metrics.clone_from(metrics);
        }
        if let [.., loss, demo_accuracy, policy_accuracy, _] = self.metrics[..] {
            self.verdict = Verdict {
                loss,
                demo_accuracy,
                policy_accuracy,
            };
        }
    }
}

impl RolloutLearner for Gail {
    fn learn(&mut self, rollout: &Rollout, normalizer: Option<&Normalizer>, rng: &mut ChaCha8Rng) {
        let rows = rollout.len();
        let widths = (
            rollout.observations().len() / rows,
            rollout.actions().len() / rows,
        );
        let own = self.joint(
            rollout.observations(),
            rollout.actions(),
            widths,
            normalizer,
        );
        if self
            .trpo
            .updates()
            .is_multiple_of(self.settings.discriminator_interval)
        {
            for _ in 0..self.settings.discriminator_updates {
                let shown = self.draw(rows, widths, normalizer, rng);
                self.verdict = self.discriminator.update(&shown, &own);
            }
        }
        let reward = self.discriminator.rewards(&own);
        let mean = reward.iter().map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
        self.metrics = self.trpo.improve(rollout, &reward, normalizer, rng);
        let Verdict {
            loss,
            demo_accuracy,
            policy_accuracy,
        } = self.verdict;
        self.metrics
            .extend([loss, demo_accuracy, policy_accuracy, mean as f32]);
    }

    fn metrics(&self) -> &[f32] {
        &self.metrics
    }
}
