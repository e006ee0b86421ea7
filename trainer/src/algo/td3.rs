//! [`Td3`]: twin delayed deep deterministic policy gradient (Fujimoto, van Hoof & Meger 2018, "Addressing Function
//! Approximation Error in Actor-Critic Methods", algorithm 1).

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::critics::Critics;
use super::deterministic::{
    DeterministicActorCritic, DeterministicShard, Exploration, TargetNoise,
};
use super::metrics::Metrics;
use super::team::Team;
use super::{
    ActorLayer, Algorithm, AlgorithmState, BatchLearner, Cloning, Dimensions, Mode,
    OffPolicySettings, Setup,
};
use crate::data::Batch;
use crate::nn::{Adam, MlpShape, Noise};

/// Recipe keys of TD3 alone. Actions are scaled to -1 … 1, and so are all noises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Td3Settings {
    /// Shared with its siblings.
    #[serde(flatten)]
    pub off_policy: OffPolicySettings,
    /// Environment steps of a cycle, after which updates are made.
    pub cycle_steps: usize,
    /// Updates after each cycle.
    pub updates_per_cycle: usize,
    /// Updates between two steps of the target networks; the paper has `policy_delay`.
    pub target_update_interval: u64,
    /// Standard deviation of the noise added to actions taken in the environment.
    pub exploration_noise: f64,
    /// How often such an action is replaced by a uniformly random one.
    pub random_eps: f64,
    /// Weight of the actions' mean square in the actor's loss.
    pub action_l2: f64,
    /// Standard deviation σ̃ of the noise that smooths the target policy.
    pub target_noise: f64,
    /// Bound c on that noise.
    pub target_noise_clip: f64,
    /// Critic updates per policy update, d.
    pub policy_delay: u64,
}

/// The learner.
#[derive(Debug)]
pub struct Td3 {
    settings: Td3Settings,
    cloning: Option<Cloning>,
    is_shaped: bool,
    critic_warmup: u64,
    networks: DeterministicActorCritic,
    /// `[batch, action]`: for the target policy's actions.
    noise: Noise,
    shards: Vec<DeterministicShard>,
    team: Team,
    updates: u64,
}

impl Td3 {
    /// Freshly initialised from `rng`.
    #[must_use]
    pub fn new(setup: &Setup<'_>, settings: &Td3Settings, rng: &mut ChaCha8Rng) -> Self {
        let Dimensions {
            observation,
            action,
        } = setup.dimensions;
        let (policy, common, device) = (setup.policy, &settings.off_policy, setup.device);
        let actor_shape =
            MlpShape::new(observation, &policy.actor_hidden, action, policy.activation);
        let critic_shape = MlpShape::new(
            observation + action,
            &common.critic_hidden,
            1,
            policy.activation,
        )
        .with_layer_norm(common.critic_layer_norm);
        let actor = Actor::new(actor_shape, policy.actor_rate(), device, rng);
        let critic = Critics::twins(critic_shape, common.critic_learning_rate, device, rng);
        let networks = DeterministicActorCritic::new(setup.dimensions, actor, critic);
        let noise = Noise::new(policy.batch_size, action, device);
        let target_noise = TargetNoise {
            normal: &noise,
            deviation: settings.target_noise,
            bound: settings.target_noise_clip,
        };
        let shard = |rows| networks.shard(setup, settings.action_l2, Some(target_noise), rows);
        Self {
            settings: settings.clone(),
            cloning: setup.cloning,
            is_shaped: setup.shaping.is_some(),
            critic_warmup: setup.critic_warmup,
            shards: Team::split(policy.batch_size, setup.threads)
                .map(shard)
                .collect(),
            noise,
            networks,
            team: Team::new(setup.threads),
            updates: 0,
        }
    }
}

impl Algorithm for Td3 {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        let exploration = Exploration {
            noise: self.settings.exploration_noise,
            random: self.settings.random_eps,
        };
        self.networks.act(observations, mode, exploration, actions);
    }

    fn metric_names(&self) -> Vec<&'static str> {
        Metrics::names(self.cloning.is_some(), self.is_shaped)
    }

    fn value(&mut self, observations: &[f32]) -> Option<f64> {
        Some(self.networks.value(observations))
    }

    fn actor_layers(&self) -> Vec<ActorLayer> {
        self.networks.actor_layers()
    }

    fn optimisers(&mut self) -> Vec<&mut Adam> {
        self.networks.optimisers()
    }

    fn save(&self) -> AlgorithmState {
        self.networks.save(self.updates)
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.updates = state.updates;
        self.networks.restore(state);
    }
}

impl BatchLearner for Td3 {
    fn actor(&mut self) -> (&mut Actor, usize) {
        self.networks.actor()
    }

    fn catch_up(&mut self) {
        self.networks.catch_up();
    }

    fn update(&mut self, batch: &mut Batch, rng: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>) {
        self.noise.draw(rng);
        self.shards.iter_mut().for_each(|shard| shard.bind(batch));
        let (record, updates) = (metrics.is_some(), self.updates);
        self.team.run(&mut self.shards, |shard| {
            shard.learn_critics(updates, record)
        });
        self.networks.step_critics(self.shards.iter());

        self.updates += 1;
        let is_warm = self.updates > self.critic_warmup;
        let steps = is_warm && self.updates.is_multiple_of(self.settings.policy_delay);
        // What is logged is of the actor's actions, also when it does not move.
        if steps || record {
            DeterministicShard::learn_actors(&self.team, &mut self.shards, updates, record);
        }
        if steps {
            self.networks.step_actor(self.shards.iter());
        }
        if self
            .updates
            .is_multiple_of(self.settings.target_update_interval)
        {
            self.networks.follow(self.settings.off_policy.tau);
        }
        if let Some(metrics) = metrics {
            *metrics = DeterministicShard::report(&self.shards, self.cloning.as_ref());
        }
    }
}
