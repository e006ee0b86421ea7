//! [`Shard`]: one thread's derivatives of the losses of soft actor-critic.

use tch::{Kind, Tensor};

use crate::algo::actor::ActorShard;
use crate::algo::cloning::CloneShard;
use crate::algo::critics::CriticShard;
use crate::algo::metrics::Metrics;
use crate::algo::shaping::ShapingShard;
use crate::data::BatchView;
use crate::nn::{SquashedGaussian, Tape};

/// One thread's rows of the batch, with its own buffers.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) actor: ActorShard,
    /// For the next states' actions.
    pub(super) next_tape: Tape,
    pub(super) critic: CriticShard,
    pub(super) shaping: Option<ShapingShard>,
    pub(super) cloning: Option<CloneShard>,
    /// Of the loss without demonstrations.
    pub(super) rl_weight: f64,
    /// This update's batch.
    pub(super) batch: Option<BatchView>,
    /// `[rows, action]`, views: for the next states' actions, of the rows that critics learn from, and for the states' own.
    pub(super) noise: [Tensor; 2],
    /// log α, a view, `[1]`.
    pub(super) log_temperature: Tensor,
    /// `[rows, observation + action]`: the states with the current policy's actions.
    pub(super) policy_input: Tensor,
    /// Σ log π over the rows, `[1, 1]`.
    pub(super) log_prob_sum: Tensor,
}

impl Shard {
    pub(super) fn metrics(&self) -> Metrics<'_> {
        Metrics {
            rows: self.rows,
            critic: &self.critic,
            cloning: self.cloning.as_ref(),
            shaping: self.shaping.as_ref(),
        }
    }

    /// Equations 5 to 7: regress both critics on `r + γ (min Q' - α log π)` with a fresh action in the next state.
    pub(super) fn learn_critics(&mut self, updates: u64, record: bool) {
        let learned = self.critic.learned_rows();
        if learned == 0 {
            return;
        }
        let batch = self.batch.as_ref().expect("bound before the update");
        let batch = batch.first(learned);
        let temperature = self.log_temperature.exp();
        self.actor
            .net
            .forward(&batch.next_observation, &mut self.next_tape);
        let next = SquashedGaussian::sample(self.next_tape.output(), &self.noise[0]);
        let observation_dim = batch.next_observation.size()[1];
        batch
            .next_input
            .narrow(1, observation_dim, next.action.size()[1])
            .copy_(&next.action);
        let value = self.critic.target_minimum(&batch.next_input) - &temperature * &next.log_prob;
        let mut target = &batch.reward + &batch.discount * value;
        if let Some(shaping) = &mut self.shaping {
            target += shaping.rewards(&batch, &next.action, updates);
        }
        self.critic.regress(&batch.input, &target, record);
    }

    /// What the policy would do, and which demonstrated actions are better than its deterministic one, which is deployed.
    pub(super) fn propose(&mut self, action_dim: usize, updates: u64) {
        let batch = self.batch.as_ref().expect("bound before the update");
        self.actor
            .net
            .forward(&batch.observation, &mut self.actor.tape);
        if let Some(cloning) = &mut self.cloning {
            let mean = self.actor.tape.output().narrow(1, 0, action_dim as i64);
            cloning.judge(&self.critic, batch, &mean.tanh(), updates);
        }
    }

    /// Equations 7 to 9: descend `α log π(a|s) - min Q(s, a)` along a reparameterised action.
    pub(super) fn learn_actor(
        &mut self,
        batch_rows: f64,
        action_dim: usize,
        updates: u64,
        record: bool,
    ) {
        let batch = self.batch.as_ref().expect("bound before the update");
        let temperature = self.log_temperature.exp();
        let sample = SquashedGaussian::sample(self.actor.tape.output(), &self.noise[1]);
        self.log_prob_sum = sample.log_prob.sum(Kind::Float).view([1, 1]);
        let observation_dim = batch.observation.size()[1];
        self.policy_input
            .narrow(1, 0, observation_dim)
            .copy_(&batch.observation);
        self.policy_input
            .narrow(1, observation_dim, action_dim as i64)
            .copy_(&sample.action);
        let mut delta = self.critic.minimum_action_delta(
            &self.policy_input,
            observation_dim as usize,
            action_dim,
        );
        if let Some(shaping) = &mut self.shaping {
            shaping.add(batch, &sample.action, &mut delta, updates);
        }
        delta *= self.rl_weight;
        let cloned = self.cloning.as_mut().map(|cloning| {
            let mean = self.actor.tape.output().narrow(1, 0, action_dim as i64);
            let (own, pull) = (mean.tanh(), delta.zeros_like());
            cloning.add(batch, &own, &pull, updates, record);
            pull * (own.square() * -1.0 + 1.0)
        });
        sample.backward(
            &delta,
            &(&temperature * (self.rl_weight / batch_rows)),
            self.actor.tape.output_delta(),
        );
        if let Some(cloned) = cloned {
            let mut mean_delta = self
                .actor
                .tape
                .output_delta()
                .narrow(1, 0, action_dim as i64);
            mean_delta += cloned;
        }
        self.actor.backward(&batch.observation);
    }
}
