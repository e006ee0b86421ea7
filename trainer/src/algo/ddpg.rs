//! [`Ddpg`]: deep deterministic policy gradient (Lillicrap et al. 2016, "Continuous control with deep reinforcement
//! learning"), in the form that hindsight experience replay made of it (Andrychowicz et al. 2017, appendix A).
//!
//! `y = clip(r + γ Q'(s', π'(s')), least return, greatest return)`, `L_Q = ½ mean (Q(s, a) - y)²`,
//! `L_π = -mean Q(s, π(s)) + action_l2 · mean π²`. Both gradients are taken at the same parameters; then the critic steps,
//! then the actor.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::actor::{Actor, ActorShard};
use super::cloning::{self, CloneShard};
use super::critics::{CriticShard, Critics};
use super::shaping::ShapingShard;
use super::team::Team;
use super::{
    ActorLayer, Algorithm, AlgorithmState, BatchLearner, Cloning, Dimensions, Mode,
    OffPolicySettings, Setup,
};
use crate::data::{Batch, BatchView};
use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

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
    dimensions: Dimensions,
    cloning: Option<Cloning>,
    is_shaped: bool,
    critic_warmup: u64,
    actor: Actor,
    actor_target: Parameters,
    critic: Critics,
    shards: Vec<Shard>,
    team: Team,
    updates: u64,
}

/// What all shards share.
#[derive(Clone, Copy, Debug)]
struct Losses {
    bounds: Option<(f64, f64)>,
    action_l2: f64,
    rl_weight: f64,
    batch_rows: f64,
    action_dim: usize,
}

/// Place of the critic's answer among the metrics.
const Q: usize = 0;

/// One thread's rows of the batch, with its own buffers.
#[derive(Debug)]
struct Shard {
    first: usize,
    rows: usize,
    losses: Losses,
    actor: ActorShard,
    actor_target: Mlp,
    target_tape: Tape,
    critic: CriticShard,
    shaping: Option<ShapingShard>,
    cloning: Option<CloneShard>,
    /// `[rows, observation + action]`: the states with the current policy's actions.
    policy_input: Tensor,
    /// This update's batch.
    batch: Option<BatchView>,
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
        let actor = Actor::glorot(actor_shape.clone(), policy.actor_rate(), device, rng);
        let actor_target = actor.parameters.duplicate();
        let critic = Critics::single(critic_shape, common.critic_learning_rate, device, rng);
        let losses = Losses {
            bounds: setup.return_bounds,
            action_l2: settings.action_l2,
            rl_weight: setup.cloning.map_or(1.0, |cloning| cloning.rl_weight),
            batch_rows: policy.batch_size as f64,
            action_dim: action,
        };
        let shard = |(first, rows)| Shard {
            first,
            rows,
            losses,
            actor: actor.shard(rows),
            actor_target: Mlp::view(&actor_shape, &actor_target, 0),
            target_tape: Tape::new(&actor_shape, rows, device),
            critic: critic.shard((first, rows), policy.batch_size, setup.critic_rows),
            shaping: setup
                .shaping
                .map(|shaping| shaping.shard(rows, policy.batch_size)),
            cloning: setup.cloning.and_then(|cloning| {
                cloning.shard((first, rows), policy.batch_size, Some(&critic), width)
            }),
            policy_input: Tensor::zeros([rows as i64, width as i64], (Kind::Float, device)),
            batch: None,
        };
        let shards = Team::split(policy.batch_size, setup.threads)
            .map(shard)
            .collect();
        Self {
            settings: settings.clone(),
            dimensions: setup.dimensions,
            cloning: setup.cloning,
            is_shaped: setup.shaping.is_some(),
            critic_warmup: setup.critic_warmup,
            actor,
            actor_target,
            critic,
            shards,
            team: Team::new(setup.threads),
            updates: 0,
        }
    }

    fn report(&self, metrics: &mut Vec<f64>) {
        metrics.clear();
        let rows: usize = self.shards.iter().map(|shard| shard.rows).sum();
        let mean =
            |each: &dyn Fn(&Shard) -> f64| self.shards.iter().map(each).sum::<f64>() / rows as f64;
        metrics.push(mean(&|shard| {
            shard.critic.value(0).sum(Kind::Float).double_value(&[])
        }));
        metrics.push(mean(&|shard| shard.critic.loss_sum()));
        if let Some(cloning) = &self.cloning {
            let shards = self.shards.iter().map(|shard| shard.cloning.as_ref());
            metrics.extend(cloning::metrics(cloning, shards));
        }
        if self.is_shaped {
            let potential = mean(&|shard| shard.shaping.as_ref().map_or(0.0, ShapingShard::sum));
            metrics.extend([potential, metrics[Q] + potential]);
        }
    }
}

impl Algorithm for Ddpg {
    fn act(&mut self, observations: &[f32], mode: Mode<'_>, actions: &mut [f32]) {
        self.actor
            .deterministic(observations, self.dimensions.action)
            .to_device(Device::Cpu)
            .view([-1])
            .copy_data(actions, actions.len());
        if let Mode::Explore(rng) = mode {
            for row in actions.chunks_exact_mut(self.dimensions.action) {
                for action in &mut *row {
                    let noise: f32 = rng.sample(StandardNormal);
                    *action = (*action + noise * self.settings.noise_eps as f32).clamp(-1.0, 1.0);
                }
                if rng.random::<f64>() < self.settings.random_eps {
                    row.fill_with(|| rng.random_range(-1.0..=1.0));
                }
            }
        }
    }

    fn metric_names(&self) -> &'static [&'static str] {
        match (self.cloning, self.is_shaped) {
            (None, false) => &["q", "critic_loss"],
            (Some(_), false) => &["q", "critic_loss", "bc_loss", "bc_accepted"],
            (None, true) => &["q", "critic_loss", "potential", "q_plus_potential"],
            (Some(_), true) => &[
                "q",
                "critic_loss",
                "bc_loss",
                "bc_accepted",
                "potential",
                "q_plus_potential",
            ],
        }
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
        vec![&mut self.actor.adam, &mut self.critic.adam]
    }

    fn save(&self) -> AlgorithmState {
        AlgorithmState {
            updates: self.updates,
            parameters: vec![
                self.actor.parameters.to_vec(),
                self.actor_target.to_vec(),
                self.critic.online.to_vec(),
                self.critic.target.to_vec(),
            ],
            optimisers: vec![self.actor.adam.save(), self.critic.adam.save()],
        }
    }

    fn restore(&mut self, state: &AlgorithmState) {
        self.updates = state.updates;
        let ours = [
            &mut self.actor.parameters,
            &mut self.actor_target,
            &mut self.critic.online,
            &mut self.critic.target,
        ];
        ours.into_iter()
            .zip(&state.parameters)
            .for_each(|(parameters, values)| parameters.copy_from(values));
        let ours = [&mut self.actor.adam, &mut self.critic.adam];
        ours.into_iter()
            .zip(&state.optimisers)
            .for_each(|(adam, state)| adam.restore(state));
    }
}

impl BatchLearner for Ddpg {
    fn actor(&mut self) -> (&mut Actor, usize) {
        (&mut self.actor, self.dimensions.action)
    }

    /// A target that stayed behind would teach critics the value of another policy.
    fn catch_up(&mut self) {
        self.actor_target.copy_from(&self.actor.parameters.to_vec());
    }

    fn update(&mut self, batch: &mut Batch, _: &mut ChaCha8Rng, metrics: Option<&mut Vec<f64>>) {
        for shard in &mut self.shards {
            shard.batch = Some(batch.view(shard.first, shard.rows, self.dimensions.observation));
        }
        let (record, updates) = (metrics.is_some(), self.updates);
        self.team.run(&mut self.shards, |shard| {
            shard.learn_critic(updates, record);
            shard.learn_actor(updates, record);
        });
        let gradients =
            |of: &dyn Fn(&Shard) -> Tensor| -> Vec<Tensor> { self.shards.iter().map(of).collect() };
        let critic = gradients(&|shard| shard.critic.flat_gradient.flat().shallow_clone());
        let actor = gradients(&|shard| shard.actor.flat_gradient.flat().shallow_clone());
        self.critic.step(&critic.iter().collect::<Vec<_>>());
        if self.updates >= self.critic_warmup {
            self.actor.step(&actor.iter().collect::<Vec<_>>());
        }

        self.updates += 1;
        if self
            .updates
            .is_multiple_of(self.settings.target_update_interval)
        {
            let tau = self.settings.off_policy.tau;
            self.critic.follow(tau);
            self.actor_target.lerp(&self.actor.parameters, tau);
        }
        if let Some(metrics) = metrics {
            self.report(metrics);
        }
    }
}

impl Shard {
    fn learn_critic(&mut self, updates: u64, record: bool) {
        let batch = self.batch.as_ref().expect("bound before the update");
        self.actor_target
            .forward(&batch.next_observation, &mut self.target_tape);
        let observation_dim = batch.next_observation.size()[1];
        batch
            .next_input
            .narrow(1, observation_dim, self.losses.action_dim as i64)
            .copy_(&self.target_tape.output().tanh());
        let value = self.critic.target_minimum(&batch.next_input);
        let mut target = batch.target(&value, self.losses.bounds);
        if let Some(shaping) = &mut self.shaping {
            let action = self.target_tape.output().tanh();
            target += shaping.rewards(batch, &action, updates);
        }
        self.critic.regress(&batch.input, &target, record);
    }

    fn learn_actor(&mut self, updates: u64, record: bool) {
        let batch = self.batch.as_ref().expect("bound before the update");
        let losses = self.losses;
        self.actor
            .net
            .forward(&batch.observation, &mut self.actor.tape);
        let action = self.actor.tape.output().tanh();
        let observation_dim = batch.observation.size()[1];
        self.policy_input
            .narrow(1, 0, observation_dim)
            .copy_(&batch.observation);
        self.policy_input
            .narrow(1, observation_dim, losses.action_dim as i64)
            .copy_(&action);
        let value = self.critic.first_action_delta(
            &self.policy_input,
            observation_dim as usize,
            losses.action_dim,
        );
        // The mean square is over rows and columns alike.
        let per_number = 2.0 * losses.action_l2 / (losses.batch_rows * losses.action_dim as f64);
        let mut delta = value + &action * per_number;
        if let Some(shaping) = &mut self.shaping {
            shaping.add(batch, &action, &mut delta);
        }
        delta *= losses.rl_weight;
        if let Some(cloning) = &mut self.cloning {
            cloning.add(Some(&self.critic), batch, &action, &delta, updates, record);
        }
        self.actor
            .tape
            .output_delta()
            .copy_(&(delta * (action.square() * -1.0 + 1.0)));
        self.actor.backward(&batch.observation);
    }
}
