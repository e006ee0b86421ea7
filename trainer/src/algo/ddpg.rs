//! [`Ddpg`]: deep deterministic policy gradient (Lillicrap et al. 2016, "Continuous control with deep reinforcement
//! learning"), in the form that hindsight experience replay made of it (Andrychowicz et al. 2017, appendix A).
//!
//! `y = clip(r + γ Q'(s', π'(s')), least return, greatest return)`, `L_Q = ½ mean (Q(s, a) - y)²`,
//! `L_π = -mean Q(s, π(s)) + action_l2 · mean π²`. Both gradients are taken at the same parameters; then the critic steps,
//! then the actor.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::critics::Critics;
use super::deterministic::{DeterministicActorCritic, DeterministicShard, Exploration};
use super::metrics::Metrics;
use super::team::Team;
use super::{
    ActorLayer, Algorithm, AlgorithmState, BatchLearner, Cloning, Dimensions, Mode,
    OffPolicySettings, Setup,
};
use crate::data::Batch;
use crate::nn::{Adam, MlpShape};

/// Recipe keys of DDPG. Actions are scaled to -1 … 1, and so are all noises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DdpgSettings {
    /// Shared with its siblings.
    #[serde(flatten)]
    pub off_policy: OffPolicySettings,
    /// Environment steps of a cycle, after which updates are made.
    pub cycle_steps: usize,
    /// Updates after each cycle.
    pub updates_per_cycle: usize,
    /// Updates between two steps of the target networks; `updates_per_cycle` makes it one a cycle.
    pub target_update_interval: u64,
    /// Standard deviation of the noise added to actions taken in the environment.
    pub noise_eps: f64,
    /// How often such an action is replaced by a uniformly random one.
    pub random_eps: f64,
    /// Weight of the actions' mean square in the actor's loss.
    pub action_l2: f64,
}

/// The learner.
#[derive(Debug)]
pub struct Ddpg {
    settings: DdpgSettings,
    cloning: Option<Cloning>,
    is_shaped: bool,
    critic_warmup: u64,
    networks: DeterministicActorCritic,
    shards: Vec<DeterministicShard>,
    team: Team,
    updates: u64,
}

impl Ddpg {
    /// Freshly initialised from `rng`.
    #[must_use]
    pub fn new(setup: &Setup<'_>, settings: &DdpgSettings, rng: &mut ChaCha8Rng) -> Self {
        let Dimensions {
            observation,
            action,
        } = setup.dimensions;
        let (policy, common, device) = (setup.policy, &settings.off_policy, setup.device);
        let width = observation + action;
        let actor_shape =
            MlpShape::new(observation, &policy.actor_hidden, action, policy.activation);
        let critic_shape = MlpShape::new(width, &common.critic_hidden, 1, policy.activation)
            .with_layer_norm(common.critic_layer_norm);
        let actor = Actor::glorot(actor_shape, policy.actor_rate(), device, rng);
        let critic = Critics::single(critic_shape, common.critic_learning_rate, device, rng);
        let networks = DeterministicActorCritic::new(setup.dimensions, actor, critic);
        Self {
            settings: settings.clone(),
            cloning: setup.cloning,
            is_shaped: setup.shaping.is_some(),
            critic_warmup: setup.critic_warmup,
            shards: Team::split(policy.batch_size, setup.threads)
                .map(|rows| networks.shard(setup, settings.action_l2, None, rows))
                .collect(),
            networks,
            team: Team::new(setup.threads),
            updates: 0,
        }
    }
}

impl Algorithm for Ddpg {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        let exploration = Exploration {
            noise: self.settings.noise_eps,
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

impl BatchLearner for Ddpg {
    fn actor(&mut self) -> (&mut Actor, usize) {
        self.networks.actor()
    }

    fn catch_up(&mut self) {
        self.networks.catch_up();
    }

    fn update(&mut self, batch: &mut Batch, _: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>) {
        self.shards.iter_mut().for_each(|shard| shard.bind(batch));
        let (record, updates) = (metrics.is_some(), self.updates);
        self.team.run(&mut self.shards, |shard| {
            shard.learn_critics(updates, record);
        });
        DeterministicShard::learn_actors(&self.team, &mut self.shards, updates, record);
        self.networks.step_critics(self.shards.iter());
        if self.updates >= self.critic_warmup {
            self.networks.step_actor(self.shards.iter());
        }

        self.updates += 1;
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
