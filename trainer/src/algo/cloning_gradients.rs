//! The loss with demonstrations: its written-out derivatives against libtorch's autograd.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::actor::Actor;
use super::cloning::count_accepted;
use super::critics::Critics;
use super::gradients::{ROWS, assert_close, leaf, random, reference};
use super::{Cloning, FilterMean};
use crate::data::Batch;
use crate::nn::MlpShape;

/// The parts of a loss with demonstrations, and its gradient by autograd.
struct Cloned {
    actor: Actor,
    actor_shape: MlpShape,
    critic: Critics,
    critic_shape: MlpShape,
    batch: Batch,
}

const DEMONSTRATED: i64 = 5;

impl Cloned {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let actor_shape = MlpShape::new(4, &[9, 7], 2, Activation::Relu);
        let critic_shape = MlpShape::new(6, &[8, 8], 1, Activation::Tanh);
        let mut batch = Batch::new(ROWS as usize, 4, 2, Device::Cpu);
        batch.observation_action.copy_(&random(6, 12));
        let _ = batch.observation_action.narrow(1, 4, 2).tanh_();
        Self {
            actor: Actor::new(actor_shape.clone(), 1e-3, Device::Cpu, &mut rng),
            actor_shape,
            critic: Critics::twins(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng),
            critic_shape,
            batch: {
                batch.reward = random(1, 13);
                batch
            },
        }
    }

    fn q(&self, index: usize, observation: &Tensor, action: &Tensor) -> Tensor {
        let input = Tensor::cat(&[observation, action], 1);
        let flat = self.critic.online.flat();
        reference(&self.critic_shape, flat, index, Activation::Tanh, &input)
    }

    /// Our gradient with `value_weight` on `-mean Q1`, and how many demonstrations were accepted.
    fn ours(&mut self, cloning: &Cloning, value_weight: f64) -> (Tensor, f64) {
        let rows = ROWS as usize;
        let batch = self.batch.view(0, rows, 4);
        let mut shard = self.actor.shard(rows);
        let mut critic = self.critic.shard((0, rows), rows, rows);
        let mut clone = cloning
            .shard((0, rows), rows, Some(&self.critic), None, 6)
            .expect("demonstrations in the only shard");
        shard.net.forward(&batch.observation, &mut shard.tape);
        let action = shard.tape.output().tanh();
        let input = Tensor::cat(&[&batch.observation, &action], 1);
        let delta = critic.first_action_delta(&input, 4, 2) * value_weight;
        // Two intervals have passed, so the weight is a quarter.
        clone.judge(&critic, &batch, &action, 25);
        count_accepted(std::iter::once(&mut clone));
        clone.add(&batch, &action, &delta, 25, true);
        shard
            .tape
            .output_delta()
            .copy_(&(delta * (action.square() * -1.0 + 1.0)));
        shard.backward(&batch.observation.contiguous());
        (shard.flat_gradient.flat().copy(), clone.sums().accepted)
    }

    /// `value_weight (-mean Q1(s, π)) + weight mean accepted ‖π - a‖²` by autograd.
    fn theirs(&self, cloning: &Cloning, value_weight: f64) -> (Tensor, f64) {
        let flat = leaf(&self.actor.parameters);
        let observation = self.batch.observation_action.narrow(1, 0, 4);
        let demonstrated = self.batch.observation_action.narrow(1, 4, 2);
        let action = reference(&self.actor_shape, &flat, 0, Activation::Relu, &observation).tanh();
        let value = self.q(0, &observation, &action).mean(Kind::Float);
        let least = |action: &Tensor| {
            self.q(0, &observation, action)
                .minimum(&self.q(1, &observation, action))
                .detach()
        };
        let mut accepted = least(&demonstrated)
            .gt_tensor(&least(&action))
            .to_kind(Kind::Float);
        if !cloning.q_filter {
            accepted = accepted.ones_like();
        }
        let last = |tensor: &Tensor| tensor.narrow(0, ROWS - DEMONSTRATED, DEMONSTRATED);
        let distance = (&action - &demonstrated)
            .square()
            .sum_dim_intlist(1, true, Kind::Float);
        let rows = match cloning.q_filter_mean {
            FilterMean::All => DEMONSTRATED as f64,
            FilterMean::Accepted => last(&accepted).sum(Kind::Float).double_value(&[]),
        };
        let cloned = last(&(distance * &accepted)).sum(Kind::Float) / rows;
        let loss = value * -value_weight + cloned * (cloning.weight * 0.25);
        loss.backward();
        (
            flat.grad(),
            last(&accepted).sum(Kind::Float).double_value(&[]),
        )
    }
}

fn cloning(q_filter: bool, q_filter_mean: FilterMean) -> Cloning {
    Cloning {
        rows: DEMONSTRATED as usize,
        weight: 1.7,
        decay: 0.5,
        decay_interval: 10,
        q_filter,
        q_filter_mean,
    }
}

/// With and without the loss of the critic, with and without the filter, some rows accepted and some not.
#[test]
fn behaviour_cloning() {
    let mut cloned = Cloned::new();
    let (all, accepted) = (FilterMean::All, FilterMean::Accepted);
    for (q_filter, mean) in [
        (false, all),
        (true, all),
        (true, accepted),
        (false, accepted),
    ] {
        for value_weight in [0.0, 0.3] {
            let cloning = cloning(q_filter, mean);
            let (ours, accepted) = cloned.ours(&cloning, value_weight);
            let (theirs, expected) = cloned.theirs(&cloning, value_weight);
            assert_close(&ours, &theirs, "cloning gradient");
            assert_eq!(accepted, expected);
            let some = if q_filter { 1.0..5.0 } else { 5.0..6.0 };
            assert!(some.contains(&accepted), "{accepted} of 5 accepted");
        }
    }
}

/// Demonstrations must change the actor's gradient: a loss that is computed and then dropped would not.
#[test]
fn demonstrations_change_the_gradient() {
    let mut cloned = Cloned::new();
    let (with, _) = cloned.ours(&cloning(false, FilterMean::All), 0.3);
    let none = Cloning {
        weight: 0.0,
        ..cloning(false, FilterMean::All)
    };
    let (without, _) = cloned.ours(&none, 0.3);
    assert!((with - without).abs().max().double_value(&[]) > 1e-3);
}

/// All demonstrations rejected, one of them not even finite: the loss and its gradient are exactly zero.
#[test]
fn rejected_demonstrations_leave_nothing() {
    let mut cloned = Cloned::new();
    // The policy's own actions are never strictly better than themselves.
    let observation = cloned.batch.observation_action.narrow(1, 0, 4).contiguous();
    let rows = Vec::<f32>::try_from(observation.view([-1])).unwrap();
    let own = cloned.actor.deterministic(&rows, 2);
    cloned.batch.observation_action.narrow(1, 4, 2).copy_(&own);
    let _ = cloned
        .batch
        .observation_action
        .narrow(0, ROWS - 1, 1)
        .narrow(1, 4, 2)
        .fill_(f64::NAN);
    for mean in [FilterMean::All, FilterMean::Accepted] {
        let (gradient, accepted) = cloned.ours(&cloning(true, mean), 0.0);
        assert_eq!(accepted, 0.0);
        assert_eq!(gradient.abs().max().double_value(&[]), 0.0);
    }
}
