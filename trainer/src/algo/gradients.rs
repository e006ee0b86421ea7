//! The written-out derivatives against libtorch's autograd, on the losses as the papers state them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::actor::Actor;
use super::twin_critic::TwinCritic;
use crate::nn::{LOG_STD_MAX, LOG_STD_MIN, MlpShape, Parameters, SquashedGaussian};

const ROWS: i64 = 12;
const ALL: [Activation; 4] = [
    Activation::Relu,
    Activation::Elu,
    Activation::Tanh,
    Activation::Sigmoid,
];

/// An ordinary autograd network over (a leaf copy of) one network's flat parameters.
fn reference(
    shape: &MlpShape,
    flat: &Tensor,
    index: usize,
    activation: Activation,
    input: &Tensor,
) -> Tensor {
    let mut offset = (index * shape.parameter_count()) as i64;
    let layers: Vec<_> = shape.layers().collect();
    let mut x = input.shallow_clone();
    for (position, (inputs, outputs)) in layers
        .iter()
        .map(|&(i, o)| (i as i64, o as i64))
        .enumerate()
    {
        let weight = flat
            .narrow(0, offset, inputs * outputs)
            .view([outputs, inputs]);
        let bias = flat.narrow(0, offset + inputs * outputs, outputs);
        offset += inputs * outputs + outputs;
        x = x.matmul(&weight.tr()) + bias;
        if position + 1 < layers.len() {
            x = match activation {
                Activation::Relu => x.relu(),
                Activation::Elu => x.elu(),
                Activation::Tanh => x.tanh(),
                Activation::Sigmoid => x.sigmoid(),
            };
        }
    }
    x
}

fn leaf(parameters: &Parameters) -> Tensor {
    parameters.flat().copy().set_requires_grad(true)
}

fn assert_close(ours: &Tensor, theirs: &Tensor, what: &str) {
    let difference = (ours - theirs).abs().max().double_value(&[]);
    let size = theirs.abs().max().double_value(&[]);
    assert!(size > 0.0, "{what}: the reference is all zeros");
    assert!(
        difference <= 2e-6 * size.max(1.0),
        "{what}: off by {difference} of {size}"
    );
}

fn random(columns: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    Tensor::randn([ROWS, columns], (Kind::Float, Device::Cpu))
}

#[test]
fn critic_regression() {
    for activation in ALL {
        let shape = MlpShape::new(5, &[9, 7], 1, activation);
        let critic = TwinCritic::new(
            shape.clone(),
            1e-3,
            Device::Cpu,
            &mut ChaCha8Rng::seed_from_u64(0),
        );
        let (input, target) = (random(5, 1), random(1, 2));
        let mut shard = critic.shard(ROWS as usize, ROWS as usize);
        shard.regress(&input, &target, true);
        let flat = leaf(&critic.online);
        let losses = [0, 1].map(|index| {
            let error = reference(&shape, &flat, index, activation, &input) - &target;
            error.square().mean(Kind::Float) * 0.5
        });
        let loss = &losses[0] + &losses[1];
        loss.backward();
        assert_close(shard.flat_gradient.flat(), &flat.grad(), "critic gradient");
        assert!((shard.loss_sum() / ROWS as f64 - loss.double_value(&[])).abs() < 1e-5);
    }
}

#[test]
fn sac_actor() {
    for activation in ALL {
        let (observation_dim, action_dim, alpha) = (4, 2, 0.3);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let actor_shape = MlpShape::new(observation_dim, &[9, 7], 2 * action_dim, activation);
        let critic_shape = MlpShape::new(observation_dim + action_dim, &[8, 8], 1, activation);
        let actor = Actor::new(actor_shape.clone(), 1e-3, Device::Cpu, &mut rng);
        let critic = TwinCritic::new(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng);
        // Large observations reach the bounds on the log standard deviation in some rows.
        let (observation, noise) = (
            random(observation_dim as i64, 5) * 8.0,
            random(action_dim as i64, 6),
        );

        let mut shard = actor.shard(ROWS as usize);
        let mut critic_shard = critic.shard(ROWS as usize, ROWS as usize);
        shard.net.forward(&observation, &mut shard.tape);
        let sample = SquashedGaussian::sample(shard.tape.output(), &noise);
        let input = Tensor::cat(&[&observation, &sample.action], 1);
        let delta = critic_shard.minimum_action_delta(&input, observation_dim, action_dim);
        let alpha_per_row = Tensor::from_slice(&[alpha as f32 / ROWS as f32]);
        sample.backward(&delta, &alpha_per_row, shard.tape.output_delta());
        shard.backward(&observation);

        let flat = leaf(&actor.parameters);
        let output = reference(&actor_shape, &flat, 0, activation, &observation);
        let (mean, raw) = (output.narrow(1, 0, 2), output.narrow(1, 2, 2));
        let log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX);
        let u = mean + log_std.exp() * &noise;
        let action = u.tanh();
        let normal = noise.square() * -0.5 - &log_std - 0.5 * (2.0 * std::f64::consts::PI).ln();
        // log(1 - tanh²u), in double precision where it would lose digits.
        let squash = (u.to_kind(Kind::Double).tanh().square() * -1.0 + 1.0)
            .log()
            .to_kind(Kind::Float);
        let log_prob = (normal - squash).sum_dim_intlist(1, true, Kind::Float);
        let input = Tensor::cat(&[&observation, &action], 1);
        let q =
            [0, 1].map(|i| reference(&critic_shape, critic.online.flat(), i, activation, &input));
        let loss = (&log_prob * alpha - q[0].minimum(&q[1])).mean(Kind::Float);
        loss.backward();
        assert_close(&sample.log_prob, &log_prob.detach(), "log π");
        assert_close(shard.flat_gradient.flat(), &flat.grad(), "actor gradient");
    }
}

#[test]
fn td3_actor() {
    let activation = Activation::Relu;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let actor_shape = MlpShape::new(4, &[9, 7], 2, activation);
    let critic_shape = MlpShape::new(6, &[8, 8], 1, activation);
    let actor = Actor::new(actor_shape.clone(), 1e-3, Device::Cpu, &mut rng);
    let critic = TwinCritic::new(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng);
    let observation = random(4, 8);

    let mut shard = actor.shard(ROWS as usize);
    let mut critic_shard = critic.shard(ROWS as usize, ROWS as usize);
    shard.net.forward(&observation, &mut shard.tape);
    let action = shard.tape.output().tanh();
    let delta = critic_shard.first_action_delta(&Tensor::cat(&[&observation, &action], 1), 4, 2);
    shard
        .tape
        .output_delta()
        .copy_(&(delta * (action.square() * -1.0 + 1.0)));
    shard.backward(&observation);

    let flat = leaf(&actor.parameters);
    let action = reference(&actor_shape, &flat, 0, activation, &observation).tanh();
    let input = Tensor::cat(&[&observation, &action], 1);
    reference(&critic_shape, critic.online.flat(), 0, activation, &input)
        .mean(Kind::Float)
        .neg()
        .backward();
    assert_close(shard.flat_gradient.flat(), &flat.grad(), "actor gradient");
}
