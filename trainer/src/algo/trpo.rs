//! [`Trpo`]: trust-region policy optimisation (Schulman et al. 2015, "Trust Region Policy Optimization") with generalised
//! advantage estimates.
//!
//! `max mean exp(log π'(a|s) - log π(a|s)) A + w H(π')` within `mean KL(π ‖ π') ≤ δ`, A standardised; then the value function is
//! fitted. Everything is computed on one thread, for a rollout is learned from once.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::gaussian_policy::{GaussianPolicy, mean, narrow};
use super::trust_region::{Found, conjugate_gradients, dot, line_search};
use super::value_function::ValueFunction;
use super::{
    ActorLayer, Algorithm, AlgorithmState, Mode, OnPolicySettings, RolloutLearner, Setup,
    TrustRegionSettings,
};
use crate::data::Rollout;
use crate::nn::{Adam, MlpShape, Normalizer};

/// Added to the standard deviation of advantages.
const EPSILON: f64 = 1e-8;

/// Recipe keys of TRPO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrpoSettings {
    /// Shared with its siblings.
    #[serde(flatten)]
    pub on_policy: OnPolicySettings,
    /// Of the policy's step.
    #[serde(flatten)]
    pub trust_region: TrustRegionSettings,
}

/// The learner.
#[derive(Debug)]
pub struct Trpo {
    settings: TrpoSettings,
    policy: GaussianPolicy,
    value: ValueFunction,
    updates: u64,
    /// Of the last update.
    metrics: Vec<f32>,
}

/// What [`Trpo`] tells of an update, and in front of what others have to add.
pub(super) const METRICS: [&str; 6] = [
    "surrogate",
    "kl",
    "line_search_steps",
    "value_loss",
    "explained_variance",
    "entropy",
];

impl Trpo {
    /// Freshly initialised from `rng`.
    #[must_use]
    pub fn new(setup: &Setup<'_>, settings: &TrpoSettings, rng: &mut ChaCha8Rng) -> Self {
        // The sums of an update must not depend on the machine's number of cores.
        tch::set_num_threads(1);
        let (policy, common, device) = (setup.policy, &settings.on_policy, setup.device);
        let dimensions = setup.dimensions;
        let shape = |hidden: &[usize], output: usize| {
            MlpShape::new(dimensions.observation, hidden, output, policy.activation)
        };
        let actor = shape(&policy.actor_hidden, dimensions.action);
        let value = shape(&common.value_hidden, 1);
        Self {
            policy: GaussianPolicy::new(actor, common.initial_log_std, device, rng),
            value: ValueFunction::new(value, common, policy.batch_size, device, rng),
            settings: settings.clone(),
            updates: 0,
            metrics: Vec::new(),
        }
    }

    /// Rollouts that were learned from.
    pub(super) fn updates(&self) -> u64 {
        self.updates
    }

    /// One step of the policy and the passes of the value function, on a rollout whose rewards are `reward` `[len]`. Answers
    /// what [`METRICS`] names.
    pub(super) fn improve(
        &mut self,
        rollout: &Rollout,
        reward: &[f32],
        normalizer: Option<&Normalizer>,
        rng: &mut ChaCha8Rng,
    ) -> Vec<f32> {
        let common = &self.settings.on_policy;
        let width = rollout.observations().len() / rollout.len();
        let read = |policy: &GaussianPolicy, rows: &[f32]| {
            policy.rows(&normalized(rows, width, normalizer))
        };
        let observation = read(&self.policy, rollout.observations());
        let next = read(&self.policy, rollout.next_observations());
        let (value, next_value) = (self.value.values(&observation), self.value.values(&next));
        let horizon = (common.gamma, common.gae_lambda);
        let advantages = rollout.advantages(reward, &value, &next_value, horizon);
        let device = self.policy.device();
        let column = |numbers: &[f32]| Tensor::from_slice(numbers).to_device(device);
        let (value, advantages) = (column(&value), column(&advantages));
        let returns = &value + &advantages;
        let unexplained = variance(&advantages) / variance(&returns);
        let action = column(rollout.actions()).view([rollout.len() as i64, -1]);
        let standard = standardised(&advantages);

        let found = self.step(&observation, &action, &standard);
        let value_loss = self.value.fit(&observation, &returns, rng);
        self.updates += 1;
        let entropy = self.policy.distribution(&observation).entropy();
        narrow(&[
            found.gain,
            found.kl,
            found.tried as f64,
            value_loss,
            1.0 - unexplained,
            entropy,
        ])
    }

    /// The policy's step.
    fn step(&mut self, observation: &Tensor, action: &Tensor, advantage: &Tensor) -> Found {
        let region = &self.settings.trust_region;
        let weight = self.settings.on_policy.entropy_weight;
        let rows = advantage.size()[0];
        let policy = &mut self.policy;
        let mut slope = policy.log_prob_gradient(observation, action, &(advantage / rows as f64));
        let actions = action.size()[1] as usize;
        let first = slope.len() - actions;
        // The entropy's derivative by each log standard deviation is 1.
        slope[first..].iter_mut().for_each(|slope| *slope += weight);

        let some = observation.slice(0, 0, rows, region.fisher_stride as i64);
        let mut fisher = policy.fisher(some.contiguous());
        let mut damped = |v: &[f64]| {
            let mut image = fisher.product(v);
            let pairs = image.iter_mut().zip(v);
            pairs.for_each(|(image, v)| *image += region.cg_damping * v);
            image
        };
        let direction = conjugate_gradients(&mut damped, &slope, region.cg_iterations);
        let curvature = dot(&direction, &damped(&direction));

        let before = policy.distribution(observation);
        let known = before.log_prob(action);
        let surrogate = |policy: &mut GaussianPolicy| {
            let now = policy.distribution(observation);
            let ratio = (now.log_prob(action) - &known).exp();
            let gain = mean(&(ratio * advantage)) + weight * now.entropy();
            (gain, mean(&before.divergence(&now)))
        };
        let (level, _) = surrogate(policy);
        let start = policy.wide();
        let found = line_search(region, &start, &direction, curvature, |parameters| {
            policy.copy_from(&narrow(parameters));
            let (gain, kl) = surrogate(policy);
            (gain - level, kl)
        });
        policy.copy_from(&narrow(found.parameters.as_ref().unwrap_or(&start)));
        found
    }
}

impl Algorithm for Trpo {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        self.policy.act(observations, mode, actions);
    }

    fn metric_names(&self) -> Vec<&'static str> {
        METRICS.to_vec()
    }

    fn value(&mut self, observations: &[f32]) -> Option<f64> {
        let values = self.value.values(&self.policy.rows(observations));
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        Some(sum / values.len() as f64)
    }

    fn actor_layers(&self) -> Vec<ActorLayer> {
        self.policy.layers()
    }

    fn optimisers(&mut self) -> Vec<&mut Adam> {
        vec![&mut self.value.network.adam]
    }

    fn save(&self) -> AlgorithmState {
        AlgorithmState {
            updates: self.updates,
            parameters: vec![
                self.policy.to_vec(),
                self.value.network.parameters.to_vec(),
                self.metrics.clone(),
            ],
            optimisers: vec![self.value.network.adam.save()],
        }
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.updates = state.updates;
        if let [policy, value, metrics, ..] = &state.parameters[..] {
            self.metrics.clone_from(metrics);
            self.policy.copy_from(policy);
            self.value.network.parameters.copy_from(value);
        }
        if let Some(adam) = state.optimisers.first() {
            self.value.network.adam.restore(adam);
        }
    }
}

impl RolloutLearner for Trpo {
    fn learn(&mut self, rollout: &Rollout, normalizer: Option<&Normalizer>, rng: &mut ChaCha8Rng) {
        self.metrics = self.improve(rollout, rollout.rewards(), normalizer, rng);
    }

    fn metrics(&self) -> &[f32] {
        &self.metrics
    }
}

/// As the networks read them, `[rows * width]`.
pub(super) fn normalized(rows: &[f32], width: usize, normalizer: Option<&Normalizer>) -> Vec<f32> {
    let mut rows = rows.to_vec();
    if let Some(normalizer) = normalizer {
        rows.chunks_exact_mut(width)
            .for_each(|row| normalizer.apply(row));
    }
    rows
}

fn variance(numbers: &Tensor) -> f64 {
    let wide = numbers.to_kind(Kind::Double);
    (&wide - wide.mean(Kind::Double))
        .square()
        .mean(Kind::Double)
        .double_value(&[])
}

/// Less their mean, by their standard deviation.
fn standardised(numbers: &Tensor) -> Tensor {
    let centred = numbers - numbers.mean(Kind::Float);
    centred / (variance(numbers).sqrt() + EPSILON)
}
