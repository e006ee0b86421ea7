//! [`DeterministicActorCritic`]: what DDPG and TD3 have in common, an actor that answers one action, critics and slow targets
//! of both, and [`DeterministicShard`], one thread's derivatives of their losses.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use super::actor::{Actor, ActorShard};
use super::cloning::{CloneShard, count_accepted};
use super::critics::{CriticShard, Critics};
use super::metrics::Metrics;
use super::shaping::ShapingShard;
use super::team::Team;
use super::{ActorLayer, AlgorithmState, Cloning, Dimensions, Mode, Setup};
use crate::data::{Batch, BatchView};
use crate::nn::{Adam, Mlp, Noise, Parameters, Tape};

/// The networks and their optimisers.
#[derive(Debug)]
pub struct DeterministicActorCritic {
    dimensions: Dimensions,
    pub actor: Actor,
    pub actor_target: Parameters,
    pub critic: Critics,
}

/// One thread's rows of the batch, with its own buffers.
#[derive(Debug)]
pub struct DeterministicShard {
    dimensions: Dimensions,
    /// The rows `first .. first + rows` of the batch are this thread's.
    first: usize,
    rows: usize,
    losses: Losses,
    actor: ActorShard,
    actor_target: Mlp,
    target_tape: Tape,
    /// `[rows, action]` normal numbers, a view, their deviation and bound.
    target_noise: Option<(Tensor, f64, f64)>,
    critic: CriticShard,
    shaping: Option<ShapingShard>,
    cloning: Option<CloneShard>,
    /// `[rows, action]`: the current policy's.
    action: Tensor,
    /// `[rows, observation + action]`: the states with them.
    policy_input: Tensor,
    /// This update's batch.
    batch: Option<BatchView>,
}

/// What all shards share.
#[derive(Clone, Copy, Debug)]
struct Losses {
    /// Least and greatest return there can be.
    return_bounds: Option<(f64, f64)>,
    /// Derivative of the weighted mean square of the actions, which is over rows and columns alike, by half of each.
    action_l2_per_number: f64,
    /// Of the loss without demonstrations.
    rl_weight: f64,
}

/// What smooths the target policy's actions, of actions in -1 … 1.
#[derive(Clone, Copy, Debug)]
pub struct TargetNoise<'a> {
    /// `[batch, action]`
    pub normal: &'a Noise,
    /// Standard deviation.
    pub deviation: f64,
    /// Bound on its size.
    pub bound: f64,
}

/// How actions are varied to try something, of actions in -1 … 1.
#[derive(Clone, Copy, Debug)]
pub struct Exploration {
    /// Standard deviation of what is added.
    pub noise: f64,
    /// How often an action is replaced by a uniformly random one.
    pub random: f64,
}

impl DeterministicActorCritic {
    /// With targets equal to what they follow.
    pub fn new(dimensions: Dimensions, actor: Actor, critic: Critics) -> Self {
        Self {
            dimensions,
            actor_target: actor.parameters.duplicate(),
            actor,
            critic,
        }
    }

    /// Buffers for the rows `first .. first + rows` of a batch.
    pub fn shard(
        &self,
        setup: &Setup<'_>,
        action_l2: f64,
        target_noise: Option<TargetNoise<'_>>,
        (first, rows): (usize, usize),
    ) -> DeterministicShard {
        let Dimensions {
            observation,
            action,
        } = self.dimensions;
        let (batch_rows, width) = (setup.policy.batch_size, observation + action);
        let critic = self
            .critic
            .shard((first, rows), batch_rows, setup.critic_rows);
        let learned = critic.learned_rows();
        let shape = self.actor.shape();
        DeterministicShard {
            dimensions: self.dimensions,
            first,
            rows,
            losses: Losses {
                return_bounds: setup.return_bounds,
                action_l2_per_number: 2.0 * action_l2 / (batch_rows * action) as f64,
                rl_weight: setup.rl_weight,
            },
            actor: self.actor.shard(rows),
            actor_target: Mlp::view(shape, &self.actor_target, 0),
            target_tape: Tape::new(shape, learned, setup.device),
            target_noise: target_noise.map(|noise| {
                (
                    noise.normal.rows(first, learned),
                    noise.deviation,
                    noise.bound,
                )
            }),
            critic,
            shaping: setup
                .shaping
                .map(|shaping| shaping.shard(rows, learned, batch_rows)),
            cloning: setup.cloning.and_then(|cloning| {
                let critics = Some(&self.critic);
                cloning.shard((first, rows), batch_rows, critics, setup.shaping, width)
            }),
            action: Tensor::new(),
            policy_input: Tensor::zeros([rows as i64, width as i64], (Kind::Float, setup.device)),
            batch: None,
        }
    }

    /// See [`super::Algorithm::act`].
    pub fn act(
        &mut self,
        observations: &[f32],
        mode: Mode<'_>,
        exploration: Exploration,
        actions: &mut [f32],
    ) {
        let width = self.dimensions.action;
        self.actor
            .deterministic(observations, width)
            .to_device(Device::Cpu)
            .view([-1])
            .copy_data(actions, actions.len());
        if let Mode::Explore(rng) = mode {
            for row in actions.chunks_exact_mut(width) {
                exploration.vary(row, rng);
            }
        }
    }

    /// See [`super::Algorithm::value`].
    pub fn value(&mut self, observations: &[f32]) -> f64 {
        let width = self.dimensions.action;
        let action = self.actor.deterministic(observations, width);
        self.critic.mean_value(observations, &action)
    }

    /// See [`super::Algorithm::actor_layers`].
    pub fn actor_layers(&self) -> Vec<ActorLayer> {
        self.actor.layers(self.dimensions.action)
    }

    /// Of actor and critics.
    pub fn optimisers(&mut self) -> Vec<&mut Adam> {
        vec![&mut self.actor.adam, &mut self.critic.adam]
    }

    /// The actor, and how many numbers an action has.
    pub fn actor(&mut self) -> (&mut Actor, usize) {
        (&mut self.actor, self.dimensions.action)
    }

    /// Makes the actor's target the actor: one that stayed behind would teach critics the value of another policy.
    pub fn catch_up(&mut self) {
        self.actor_target.copy_from(&self.actor.parameters.to_vec());
    }

    /// Moves all targets by `tau` towards what they follow.
    pub fn follow(&mut self, tau: f64) {
        self.critic.follow(tau);
        self.actor_target.lerp(&self.actor.parameters, tau);
    }

    /// One step of the critics' optimiser along the shards' gradients.
    pub fn step_critics<'a>(&mut self, shards: impl Iterator<Item = &'a DeterministicShard>) {
        let gradients: Vec<&Tensor> = shards.map(|s| s.critic.flat_gradient.flat()).collect();
        self.critic.step(&gradients);
    }

    /// One step of the actor's optimiser along the shards' gradients.
    pub fn step_actor<'a>(&mut self, shards: impl Iterator<Item = &'a DeterministicShard>) {
        let gradients: Vec<&Tensor> = shards.map(|s| s.actor.flat_gradient.flat()).collect();
        self.actor.step(&gradients);
    }

    /// Everything that changes during learning, after so many updates.
    pub fn save(&self, updates: u64) -> AlgorithmState {
        AlgorithmState {
            updates,
            parameters: vec![
                self.actor.parameters.to_vec(),
                self.actor_target.to_vec(),
                self.critic.online.to_vec(),
                self.critic.target.to_vec(),
            ],
            optimisers: vec![self.actor.adam.save(), self.critic.adam.save()],
        }
    }

    /// What [`Self::save`] kept.
    pub fn restore(&mut self, state: &AlgorithmState) {
        let ours = [
            &mut self.actor.parameters,
            &mut self.actor_target,
            &mut self.critic.online,
            &mut self.critic.target,
        ];
        state.restore_parameters(ours);
        state.restore_optimisers(self.optimisers());
    }
}

impl Exploration {
    fn vary(self, action: &mut [f32], rng: &mut ChaCha8Rng) {
        for number in &mut *action {
            let noise: f32 = rng.sample(StandardNormal);
            *number = (*number + noise * self.noise as f32).clamp(-1.0, 1.0);
        }
        // Asked first, so that a run without draws nothing.
        if self.random > 0.0 && rng.random::<f64>() < self.random {
            action.fill_with(|| rng.random_range(-1.0..=1.0));
        }
    }
}

impl DeterministicShard {
    /// The actor's gradient in all `shards` of a batch: what it would do, what of that is to be cloned, and then the derivatives.
    pub fn learn_actors(team: &Team, shards: &mut [Self], updates: u64, record: bool) {
        team.run(shards, |shard| shard.propose(updates));
        count_accepted(shards.iter_mut().filter_map(|shard| shard.cloning.as_mut()));
        team.run(shards, |shard| shard.learn_actor(updates, record));
    }

    /// What the log is told of all `shards` of a batch.
    pub fn report(shards: &[Self], cloning: Option<&Cloning>) -> Vec<f64> {
        let shards: Vec<_> = shards.iter().map(Self::metrics).collect();
        Metrics::values(&shards, cloning)
    }

    /// Takes this thread's rows of `batch` for the next update.
    pub fn bind(&mut self, batch: &Batch) {
        self.batch = Some(batch.view(self.first, self.rows, self.dimensions.observation));
    }

    /// Regresses the critics on `r + γ min Q'(s', a')`, a' being the target policy's action, with noise where there is any; a
    /// shaped reward reads the same action.
    pub fn learn_critics(&mut self, updates: u64, record: bool) {
        let learned = self.critic.learned_rows();
        if learned == 0 {
            return;
        }
        let batch = self.batch.as_ref().expect("bound before the update");
        let batch = batch.first(learned);
        self.actor_target
            .forward(&batch.next_observation, &mut self.target_tape);
        let mut action = self.target_tape.output().tanh();
        if let Some((normal, deviation, bound)) = &self.target_noise {
            action = (action + (normal * *deviation).clamp(-bound, *bound)).clamp(-1.0, 1.0);
        }
        batch
            .next_input
            .narrow(1, batch.observation.size()[1], action.size()[1])
            .copy_(&action);
        let value = self.critic.target_minimum(&batch.next_input);
        let mut target = batch.target(&value, self.losses.return_bounds);
        if let Some(shaping) = &mut self.shaping {
            target += shaping.rewards(&batch, &action, updates);
        }
        self.critic.regress(&batch.input, &target, record);
    }

    /// What the actor would do, and which demonstrated actions are better; comes before [`Self::learn_actor`].
    fn propose(&mut self, updates: u64) {
        let batch = self.batch.as_ref().expect("bound before the update");
        self.actor
            .net
            .forward(&batch.observation, &mut self.actor.tape);
        self.action = self.actor.tape.output().tanh();
        if let Some(cloning) = &mut self.cloning {
            cloning.judge(&self.critic, batch, &self.action, updates);
        }
    }

    /// Ascends `Q1(s, π(s)) - action_l2 · mean π²`, and the potential if rewards are shaped, and clones demonstrations.
    fn learn_actor(&mut self, updates: u64, record: bool) {
        let Dimensions {
            observation,
            action: width,
        } = self.dimensions;
        let batch = self.batch.as_ref().expect("bound before the update");
        let action = &self.action;
        self.policy_input
            .narrow(1, 0, observation as i64)
            .copy_(&batch.observation);
        self.policy_input
            .narrow(1, observation as i64, width as i64)
            .copy_(action);
        let mut delta = self
            .critic
            .first_action_delta(&self.policy_input, observation, width);
        if self.losses.action_l2_per_number > 0.0 {
            delta += action * self.losses.action_l2_per_number;
        }
        if let Some(shaping) = &mut self.shaping {
            shaping.add(batch, action, &mut delta, updates);
        }
        delta *= self.losses.rl_weight;
        if let Some(cloning) = &mut self.cloning {
            cloning.add(batch, action, &delta, updates, record);
        }
        self.actor
            .tape
            .output_delta()
            .copy_(&(delta * (action.square() * -1.0 + 1.0)));
        self.actor.backward(&batch.observation);
    }

    /// What the log is told of this shard.
    fn metrics(&self) -> Metrics<'_> {
        Metrics {
            rows: self.rows,
            critic: &self.critic,
            cloning: self.cloning.as_ref(),
            shaping: self.shaping.as_ref(),
        }
    }
}
