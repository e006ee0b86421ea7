//! [`Sac`]: soft actor-critic with twin critics and automatic temperature (Haarnoja et al. 2018, "Soft Actor-Critic
//! Algorithms and Applications", arXiv 1812.05905; equations by that paper's numbers).

mod shard;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::actor::Actor;
use super::cloning::count_accepted;
use super::critics::Critics;
use super::metrics::Metrics;
use super::team::Team;
use super::temperature::Temperature;
use super::{
    ActorLayer, Algorithm, AlgorithmState, BatchLearner, Cloning, Dimensions, Mode,
    OffPolicySettings, Setup,
};
use crate::data::Batch;
use crate::nn::{Adam, MlpShape, Noise, SquashedGaussian, Tape};
use shard::Shard;

/// Recipe keys of SAC alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SacSettings {
    /// Shared with its siblings.
    #[serde(flatten)]
    pub off_policy: OffPolicySettings,
    /// Gradient updates per environment step.
    pub updates_per_step: usize,
    /// α at the start.
    pub initial_temperature: f64,
    /// Whether α follows the target entropy (section 5) or stays.
    pub automatic_temperature: bool,
    /// Adam's learning rate for log α.
    pub temperature_learning_rate: f64,
    /// Target entropy H̄ per action dimension, of the action scaled to -1 … 1; the paper uses -1.
    pub target_entropy_per_action: f64,
}

/// The learner.
#[derive(Debug)]
pub struct Sac {
    settings: SacSettings,
    tau: f64,
    batch_size: usize,
    dimensions: Dimensions,
    cloning: Option<Cloning>,
    is_shaped: bool,
    critic_warmup: u64,
    actor: Actor,
    critic: Critics,
    temperature: Temperature,
    /// `[2 * batch, action]`: for the next states' actions, then for the states' own.
    noise: Noise,
    shards: Vec<Shard>,
    team: Team,
    updates: u64,
}

impl Sac {
    /// Freshly initialised from `rng`.
    #[must_use]
    pub fn new(setup: &Setup<'_>, settings: &SacSettings, rng: &mut ChaCha8Rng) -> Self {
        let Dimensions {
            observation,
            action,
        } = setup.dimensions;
        let (policy, common, device) = (setup.policy, &settings.off_policy, setup.device);
        let actor_shape = MlpShape::new(
            observation,
            &policy.actor_hidden,
            2 * action,
            policy.activation,
        );
        let critic_shape = MlpShape::new(
            observation + action,
            &common.critic_hidden,
            1,
            policy.activation,
        )
        .with_layer_norm(common.critic_layer_norm);
        let actor = Actor::new(actor_shape, policy.actor_rate(), device, rng);
        let critic = Critics::twins(critic_shape, common.critic_learning_rate, device, rng);
        let temperature = Temperature::new(
            settings.initial_temperature,
            settings.temperature_learning_rate,
            device,
        );
        let noise = Noise::new(2 * policy.batch_size, action, device);
        let shard = |(first, rows)| {
            let critic_shard = critic.shard((first, rows), policy.batch_size, setup.critic_rows);
            let learned = critic_shard.learned_rows();
            Shard {
                first,
                rows,
                actor: actor.shard(rows),
                next_tape: Tape::new(actor.shape(), learned, device),
                shaping: setup
                    .shaping
                    .map(|shaping| shaping.shard(rows, learned, policy.batch_size)),
                critic: critic_shard,
                cloning: setup.cloning.and_then(|cloning| {
                    let width = observation + action;
                    cloning.shard(
                        (first, rows),
                        policy.batch_size,
                        Some(&critic),
                        setup.shaping,
                        width,
                    )
                }),
                rl_weight: setup.rl_weight,
                batch: None,
                noise: [(0, learned), (policy.batch_size, rows)]
                    .map(|(half, rows)| noise.rows(half + first, rows)),
                log_temperature: temperature.log.flat().shallow_clone(),
                policy_input: Tensor::zeros(
                    [rows as i64, (observation + action) as i64],
                    (Kind::Float, device),
                ),
                log_prob_sum: Tensor::zeros([1, 1], (Kind::Float, device)),
            }
        };
        let shards = Team::split(policy.batch_size, setup.threads)
            .map(shard)
            .collect();
        Self {
            settings: settings.clone(),
            tau: common.tau,
            batch_size: policy.batch_size,
            dimensions: setup.dimensions,
            cloning: setup.cloning,
            is_shaped: setup.shaping.is_some(),
            critic_warmup: setup.critic_warmup,
            temperature,
            noise,
            actor,
            critic,
            shards,
            team: Team::new(setup.threads),
            updates: 0,
        }
    }

    fn report(&self) -> Vec<f64> {
        let sum = |tensor: &Tensor| tensor.sum(Kind::Float).double_value(&[]);
        let log_prob: f64 = self.shards.iter().map(|s| sum(&s.log_prob_sum)).sum();
        let shards: Vec<_> = self.shards.iter().map(Shard::metrics).collect();
        let mut values = vec![
            self.temperature.log.flat().exp().double_value(&[0]),
            -log_prob / self.batch_size as f64,
        ];
        values.extend(Metrics::values(&shards, self.cloning.as_ref()));
        values
    }
}

impl Algorithm for Sac {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        let dim = self.dimensions.action;
        let output = self.actor.answer(observations);
        let action = match mode {
            Mode::Deterministic => output.narrow(1, 0, dim as i64).tanh(),
            Mode::Explore(rng) => {
                let noise: Vec<f32> = (0..actions.len())
                    .map(|_| rng.sample(StandardNormal))
                    .collect();
                let noise = Tensor::from_slice(&noise)
                    .view([-1, dim as i64])
                    .to_device(output.device());
                SquashedGaussian::sample(output, &noise).action
            }
        };
        action
            .to_device(Device::Cpu)
            .contiguous()
            .view([-1])
            .copy_data(actions, actions.len());
    }

    fn metric_names(&self) -> Vec<&'static str> {
        let common = Metrics::names(self.cloning.is_some(), self.is_shaped);
        [vec!["temperature", "entropy"], common].concat()
    }

    fn value(&mut self, observations: &[f32]) -> Option<f64> {
        let action = self
            .actor
            .deterministic(observations, self.dimensions.action);
        Some(self.critic.mean_value(observations, &action))
    }

    fn actor_layers(&self) -> Vec<ActorLayer> {
        self.actor.layers(self.dimensions.action)
    }

    fn optimisers(&mut self) -> Vec<&mut Adam> {
        vec![
            &mut self.actor.adam,
            &mut self.critic.adam,
            &mut self.temperature.adam,
        ]
    }

    fn save(&self) -> AlgorithmState {
        AlgorithmState {
            updates: self.updates,
            parameters: vec![
                self.actor.parameters.to_vec(),
                self.critic.online.to_vec(),
                self.critic.target.to_vec(),
                self.temperature.log.to_vec(),
            ],
            optimisers: vec![
                self.actor.adam.save(),
                self.critic.adam.save(),
                self.temperature.adam.save(),
            ],
        }
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.updates = state.updates;
        let ours = [
            &mut self.actor.parameters,
            &mut self.critic.online,
            &mut self.critic.target,
            &mut self.temperature.log,
        ];
        state.restore_parameters(ours);
        state.restore_optimisers(self.optimisers());
    }
}

impl BatchLearner for Sac {
    fn actor(&mut self) -> (&mut Actor, usize) {
        (&mut self.actor, self.dimensions.action)
    }

    fn update(&mut self, batch: &mut Batch, rng: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>) {
        self.noise.draw(rng);
        for shard in &mut self.shards {
            shard.batch = Some(batch.view(shard.first, shard.rows, self.dimensions.observation));
        }
        let (record, updates) = (metrics.is_some(), self.updates);
        self.team.run(&mut self.shards, |shard| {
            shard.learn_critics(updates, record)
        });
        let gradients: Vec<&Tensor> = self
            .shards
            .iter()
            .map(|s| s.critic.flat_gradient.flat())
            .collect();
        self.critic.step(&gradients);

        let rows = self.batch_size as f64;
        let action_dim = self.dimensions.action;
        self.team
            .run(&mut self.shards, |shard| shard.propose(action_dim, updates));
        count_accepted(
            self.shards
                .iter_mut()
                .filter_map(|shard| shard.cloning.as_mut()),
        );
        self.team.run(&mut self.shards, |shard| {
            shard.learn_actor(rows, action_dim, updates, record)
        });
        let gradients: Vec<&Tensor> = self
            .shards
            .iter()
            .map(|s| s.actor.flat_gradient.flat())
            .collect();
        let is_warm = self.updates >= self.critic_warmup;
        if is_warm {
            self.actor.step(&gradients);
        }

        if is_warm && self.settings.automatic_temperature {
            let log_prob: Tensor = self.shards.iter().map(|shard| &shard.log_prob_sum).sum();
            let target_entropy = self.settings.target_entropy_per_action * action_dim as f64;
            self.temperature.step(&(log_prob / rows), target_entropy);
        }
        self.critic.follow(self.tau);
        self.updates += 1;
        if let Some(metrics) = metrics {
            *metrics = self.report();
        }
    }
}
