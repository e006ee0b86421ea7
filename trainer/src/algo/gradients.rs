//! The written-out derivatives against libtorch's autograd, on the losses as the papers state them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::actor::Actor;
use super::critics::{self, CriticShard, Critics};
use super::{Dimensions, Shaping};
use crate::data::Batch;
use crate::nn::{LOG_STD_MAX, LOG_STD_MIN, MlpShape, Parameters, SquashedGaussian, host_slice};
use crate::potential::{Demonstrated, Potential, PotentialModel, PotentialSettings};

pub(super) const ROWS: i64 = 12;
const ALL: [Activation; 4] = [
    Activation::Relu,
    Activation::Elu,
    Activation::Tanh,
    Activation::Sigmoid,
];

/// An ordinary autograd network over (a leaf copy of) one network's flat parameters.
pub(super) fn reference(
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
            if shape.is_normalized() {
                x = x.layer_norm::<Tensor>([outputs], None, None, 1e-5, false);
            }
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

pub(super) fn leaf(parameters: &Parameters) -> Tensor {
    parameters.flat().copy().set_requires_grad(true)
}

pub(super) fn assert_close(ours: &Tensor, theirs: &Tensor, what: &str) {
    assert_within(2e-6, ours, theirs, what);
}

fn assert_within(tolerance: f64, ours: &Tensor, theirs: &Tensor, what: &str) {
    let difference = (ours - theirs).abs().max().double_value(&[]);
    let size = theirs.abs().max().double_value(&[]);
    assert!(size > 0.0, "{what}: the reference is all zeros");
    assert!(
        difference <= tolerance * size.max(1.0),
        "{what}: off by {difference} of {size}"
    );
}

pub(super) fn random(columns: i64, seed: i64) -> Tensor {
    tch::manual_seed(seed);
    Tensor::randn([ROWS, columns], (Kind::Float, Device::Cpu))
}

#[test]
fn critic_regression() {
    let cases = ALL.into_iter().flat_map(|a| [(a, false), (a, true)]);
    for (activation, layer_norm) in cases {
        let shape = MlpShape::new(5, &[9, 7], 1, activation).with_layer_norm(layer_norm);
        let critic = Critics::twins(
            shape.clone(),
            1e-3,
            Device::Cpu,
            &mut ChaCha8Rng::seed_from_u64(0),
        );
        let (input, target) = (random(5, 1), random(1, 2));
        let mut shard = critic.shard((0, ROWS as usize), ROWS as usize, ROWS as usize);
        shard.regress(&input, &target, true);
        let flat = leaf(&critic.online);
        let losses = [0, 1].map(|index| {
            let error = reference(&shape, &flat, index, activation, &input) - &target;
            error.square().mean(Kind::Float) * 0.5
        });
        let loss = &losses[0] + &losses[1];
        loss.backward();
        assert_close(shard.flat_gradient.flat(), &flat.grad(), "critic gradient");
        let [_, told] = critics::metrics(std::iter::once(&shard));
        assert!((told - loss.double_value(&[])).abs() < 1e-5);

        let own = input.copy().set_requires_grad(true);
        let value = reference(&shape, &flat.detach(), 0, activation, &own);
        (-value.mean(Kind::Float)).backward();
        let ours = shard.first_action_delta(&input, 2, 3);
        assert_close(&ours, &own.grad().narrow(1, 2, 3), "action gradient");
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
        let critic = Critics::twins(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng);
        // Large observations reach the bounds on the log standard deviation in some rows.
        let (observation, noise) = (
            random(observation_dim as i64, 5) * 8.0,
            random(action_dim as i64, 6),
        );

        let mut shard = actor.shard(ROWS as usize);
        let mut critic_shard = critic.shard((0, ROWS as usize), ROWS as usize, ROWS as usize);
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
    let critic = Critics::twins(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng);
    let observation = random(4, 8);

    let mut shard = actor.shard(ROWS as usize);
    let mut critic_shard = critic.shard((0, ROWS as usize), ROWS as usize, ROWS as usize);
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

/// The actor of TD3 and DDPG, its rewards shaped: `-mean (Q1 + Φ)(s, π(s))`.
#[test]
fn shaped_actor() {
    for model in [PotentialModel::Maf, PotentialModel::Gan] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let actor_shape = MlpShape::new(4, &[9, 7], 2, Activation::Relu);
        let critic_shape = MlpShape::new(6, &[8, 8], 1, Activation::Relu);
        let actor = Actor::new(actor_shape.clone(), 1e-3, Device::Cpu, &mut rng);
        let critic = Critics::twins(critic_shape.clone(), 1e-3, Device::Cpu, &mut rng);
        let rows = ROWS as usize;
        let (observation, states) = (random(4, 8), random(4, 9));
        let potential = {
            let data = Demonstrated {
                observation: host_slice(&states).to_vec(),
                action: host_slice(&random(2, 10).tanh()).to_vec(),
            };
            let dimensions = Dimensions {
                observation: 4,
                action: 2,
            };
            let mut settings = PotentialSettings::tiny(model);
            settings.potential_epochs = 200;
            Potential::fitted_to(&data, dimensions, &settings, 0)
        };
        let mut settings = PotentialSettings::tiny(model);
        settings.potential_decay = 0.7;
        let shaping = Shaping {
            potential: &potential,
            settings: &settings,
        };
        let mut batch = Batch::new(rows, 4, 2, Device::Cpu).with_potential(4);
        batch.fill_shaped(&potential, None, |batch| {
            for (row, state) in batch
                .observation_action
                .chunks_exact_mut(6)
                .zip(host_slice(&observation).chunks_exact(4))
            {
                row[..4].copy_from_slice(state);
            }
        });
        let batch = batch.view(0, rows, 4);

        let mut shard = actor.shard(rows);
        let mut critic_shard = critic.shard((0, rows), rows, rows);
        let mut shaping = shaping.shard(rows, rows, rows);
        shard.net.forward(&observation, &mut shard.tape);
        let action = shard.tape.output().tanh();
        let input = Tensor::cat(&[&observation, &action], 1);
        let mut delta = critic_shard.first_action_delta(&input, 4, 2);
        // One update has passed, so that 0.7 of Φ is left.
        shaping.add(&batch, &action, &mut delta, 1);
        shard
            .tape
            .output_delta()
            .copy_(&(delta * (action.square() * -1.0 + 1.0)));
        shard.backward(&observation);

        let flat = leaf(&actor.parameters);
        let action = reference(&actor_shape, &flat, 0, Activation::Relu, &observation).tanh();
        let input = Tensor::cat(&[&observation, &action], 1);
        let q = reference(
            &critic_shape,
            critic.online.flat(),
            0,
            Activation::Relu,
            &input,
        );
        let normalized = &batch.potential.as_ref().unwrap()[0];
        let joint = Tensor::cat(&[normalized, &action], 1).to_kind(Kind::Double);
        let phi = potential.by_autograd(&joint);
        assert!(phi.max().double_value(&[]) > 0.1);
        let loss = (q + &phi * 0.7).mean(Kind::Double).neg();
        loss.backward();
        // The reference has a density in double precision, ours its logarithm in single.
        assert_within(
            2e-5,
            shard.flat_gradient.flat(),
            &flat.grad(),
            "shaped actor gradient",
        );
        let sum = phi.sum(Kind::Double).double_value(&[]) * 0.7;
        assert!((shaping.sum() - sum).abs() < 1e-4 * sum.abs().max(1.0));
    }
}

/// Critics learn from the first rows of a batch alone, however it is split among threads.
#[test]
fn critics_learn_from_the_first_rows_alone() {
    let shape = MlpShape::new(5, &[9, 7], 1, Activation::Tanh);
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let critic = Critics::twins(shape.clone(), 1e-3, Device::Cpu, rng);
    let (input, target, rows) = (random(5, 1), random(1, 2), ROWS as usize);
    let mut few = critic.shard((0, 7), 7, 7);
    few.regress(&input.narrow(0, 0, 7), &target.narrow(0, 0, 7), true);
    let mut sum = Tensor::zeros_like(few.flat_gradient.flat());
    let mut shards = [(0, 4), (4, 4), (8, 4)].map(|part| critic.shard(part, rows, 7));
    let learned = shards.each_ref().map(CriticShard::learned_rows);
    assert_eq!(learned, [4, 3, 0]);
    for (shard, (first, count)) in shards.iter_mut().zip([(0, 4), (4, 3)]) {
        let part = |tensor: &Tensor| tensor.narrow(0, first, count);
        shard.regress(&part(&input), &part(&target), true);
        sum += shard.flat_gradient.flat();
    }
    assert_close(&sum, few.flat_gradient.flat(), "gradient");
    let [ours, theirs] = [shards.iter().collect(), vec![&few]]
        .map(|shards: Vec<_>| critics::metrics(shards.into_iter()));
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
    }
}
