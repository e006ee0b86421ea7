//! What an actor begins with instead of random weights: regression of demonstrated actions before anything else is
//! learned, `L = mean (π(s_i) - a_i)²` over rows and numbers of an action.
//!
//! An untrained critic would soon undo it, so that critics may learn alone for a while afterwards.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::actor::{Actor, ActorShard};
use crate::nn::Adam;

/// Recipe keys of cloning before a run; all are absent in a recipe without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImitationSettings {
    /// Passes over the demonstrated steps, each in another order.
    pub bc_init_epochs: usize,
    /// Rows of an update; the last of a pass may have fewer.
    pub bc_init_batch_size: usize,
    /// Adam's, whose moments are not kept.
    pub bc_init_learning_rate: f64,
    /// The run's first updates, in which only critics learn.
    pub critic_warmup: u64,
}

/// Demonstrated steps as a policy knows them.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// `[rows * observation]`, normalised.
    pub observation: &'a [f32],
    /// `[rows * action]`, each in -1 … 1.
    pub action: &'a [f32],
}

/// Lets the first `action_dim` outputs of `actor`, squashed by tanh, follow what is `shown`. Answers the mean square error
/// of each pass, measured before its updates; of fewer passes if `goes_on`, asked with how many were made, denies it.
pub(super) fn imitate(
    actor: &mut Actor,
    action_dim: usize,
    shown: Shown<'_>,
    settings: &ImitationSettings,
    rng: &mut ChaCha8Rng,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Vec<f64> {
    let rows = shown.action.len() / action_dim;
    let device = actor.parameters.flat().device();
    let column = |numbers: &[f32]| {
        Tensor::from_slice(numbers)
            .view([rows as i64, -1])
            .to_device(device)
    };
    let (observation, action) = (column(shown.observation), column(shown.action));
    let size = settings.bc_init_batch_size.min(rows);
    let mut adam = Adam::new(actor.parameters.flat(), settings.bc_init_learning_rate);
    let mut shards = [size, rows % size].map(|count| (count > 0).then(|| actor.shard(count)));
    let mut order: Vec<i64> = (0..rows as i64).collect();
    let mut errors = Vec::with_capacity(settings.bc_init_epochs);
    for _ in 0..settings.bc_init_epochs {
        order.shuffle(rng);
        let mut error = Tensor::zeros([], (Kind::Float, device));
        for chosen in order.chunks(size) {
            let whole = usize::from(chosen.len() < size);
            let shard = shards[whole].as_mut().expect("made for this many rows");
            let chosen = Tensor::from_slice(chosen).to_device(device);
            let seen = observation.index_select(0, &chosen);
            error += shard.follow(&seen, &action.index_select(0, &chosen));
            adam.step_parameters(&mut actor.parameters, &[shard.flat_gradient.flat()]);
        }
        errors.push(error.double_value(&[]) / (rows * action_dim) as f64);
        if !goes_on(errors.len()) {
            break;
        }
    }
    errors
}

impl ActorShard {
    /// Fills the gradient of the mean square error, and answers the sum of squares.
    fn follow(&mut self, observation: &Tensor, action: &Tensor) -> Tensor {
        let (rows, numbers) = (action.size()[0], action.size()[1]);
        self.net.forward(observation, &mut self.tape);
        let answer = self.tape.output().narrow(1, 0, numbers).tanh();
        let apart = &answer - action;
        let slope = answer.square() * -1.0 + 1.0;
        let delta = &apart * slope * (2.0 / (rows * numbers) as f64);
        let output = self.tape.output_delta();
        let _ = output.zero_();
        output.narrow(1, 0, numbers).copy_(&delta);
        self.backward(observation);
        apart.square().sum(Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rlfd_models::Activation;
    use tch::Device;

    use super::*;
    use crate::nn::MlpShape;

    /// One layer that is shown tanh of a linear function finds that function; the passes' errors are those of a policy that
    /// answers as it did before them.
    #[test]
    fn a_linear_policy_finds_the_weights_it_is_shown() {
        const ROWS: usize = 50;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let weights = [[0.5, -0.8, 0.2], [0.3, 0.1, -0.6]];
        let observation: Vec<f32> = (0..3 * ROWS).map(|_| rng.random_range(-1.0..1.0)).collect();
        let action: Vec<f32> = observation
            .chunks(3)
            .flat_map(|x| {
                weights.map(|w: [f32; 3]| (w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + 0.1).tanh())
            })
            .collect();
        let shape = MlpShape::new(3, &[], 2, Activation::Relu);
        let mut actor = Actor::new(shape, 1e-3, Device::Cpu, &mut rng);
        let answers = Vec::<f32>::try_from(actor.deterministic(&observation, 2).view([-1]));
        let squares = answers.unwrap().into_iter().zip(&action);
        let squares = squares.map(|(ours, shown)| f64::from(ours - shown).powi(2));
        let before = squares.sum::<f64>() / (2 * ROWS) as f64;
        let settings = ImitationSettings {
            bc_init_epochs: 400,
            // The last batch of a pass has ten rows less.
            bc_init_batch_size: 20,
            bc_init_learning_rate: 1e-2,
            critic_warmup: 0,
        };
        let shown = Shown {
            observation: &observation,
            action: &action,
        };
        let errors = imitate(&mut actor, 2, shown, &settings, &mut rng, &mut |_| true);
        assert_eq!(errors.len(), 400);
        // Within a pass three updates are made, so that its error is not quite the one before.
        assert!(
            (errors[0] / before - 1.0).abs() < 0.1,
            "{} {before}",
            errors[0]
        );
        assert!(errors[399] < 1e-6, "{}", errors[399]);
        let found = actor.layers(2).remove(0);
        for (ours, shown) in found.weight.iter().zip(weights.concat()) {
            assert!((ours - shown).abs() < 1e-2, "{ours} instead of {shown}");
        }
        assert!(found.bias.iter().all(|bias| (bias - 0.1).abs() < 1e-2));
    }

    /// The first step of Adam goes by the sign of each derivative: those of a single row, by hand.
    #[test]
    fn the_derivative_is_that_of_the_mean_square() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let shape = MlpShape::new(2, &[], 3, Activation::Relu);
        let mut actor = Actor::new(shape, 1e-3, Device::Cpu, &mut rng);
        let before = actor.layers(3).remove(0);
        let x = [0.7_f32, -0.4];
        let shown = [0.9_f32, -0.9];
        let mut shard = actor.shard(1);
        let row = |numbers: &[f32]| Tensor::from_slice(numbers).view([1, -1]);
        let squares = shard.follow(&row(&x), &row(&shown)).double_value(&[]);
        let gradient = shard.flat_gradient.to_vec();
        let mut expected = [0.0_f32; 9];
        let mut sum = 0.0;
        // The third output is no part of the action.
        for output in 0..2 {
            let weight = &before.weight[2 * output..][..2];
            let answer = (weight[0] * x[0] + weight[1] * x[1] + before.bias[output]).tanh();
            let apart = answer - shown[output];
            let delta = 2.0 * apart / 2.0 * (1.0 - answer * answer);
            expected[2 * output] = delta * x[0];
            expected[2 * output + 1] = delta * x[1];
            expected[6 + output] = delta;
            sum += f64::from(apart * apart);
        }
        for (ours, expected) in gradient.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-6, "{gradient:?} {expected:?}");
        }
        assert!((squares - sum).abs() < 1e-6);
        // Kept: the actor's own optimiser has not moved.
        actor.step(&[shard.flat_gradient.flat()]);
        let moved = actor.layers(3).remove(0).weight[0] - before.weight[0];
        assert!((moved.abs() - 1e-3).abs() < 1e-5, "{moved}");
    }
}
