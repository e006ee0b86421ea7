//! [`Wgan`]: a critic that tells demonstrations from a generator's inventions, a Wasserstein GAN with gradient penalty
//! (Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved Training of Wasserstein GANs", algorithm 1).
//!
//! The critic D minimises `mean D(G(z)) - mean D(x) + λ mean (‖∇D(x̂)‖ - 1)²`, x̂ somewhere between x and G(z) in each row, and the
//! generator G `-mean D(G(z))`. The penalty's gradient is that of `v · ∇D(x̂)` with `v = 2 λ (‖∇D‖ - 1) ∇D / ‖∇D‖` held still: the
//! slope of D along v, whose second derivative by the input is zero wherever there is one.

use rand::{Rng, RngExt};
use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::PotentialSettings;
use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// Adam's decay rates, as the paper has them.
const BETAS: (f64, f64) = (0.5, 0.9);

/// Critic and generator, with what they learn by.
#[derive(Debug)]
pub(super) struct Wgan {
    dim: usize,
    latent: usize,
    penalty: f64,
    /// Updates of the critic per update of the generator.
    critic_updates: u64,
    /// Of the critic, until now.
    pub(super) updates: u64,
    pub(super) critic: Learner,
    pub(super) generator: Learner,
    /// For whole minibatches and for what is left of a pass.
    buffers: Vec<Buffers>,
}

/// A perceptron and its optimiser.
#[derive(Debug)]
pub(super) struct Learner {
    shape: MlpShape,
    pub(super) parameters: Parameters,
    pub(super) adam: Adam,
    net: Mlp,
    gradient: Parameters,
    gradient_net: Mlp,
}

/// For batches of so many rows.
#[derive(Debug)]
struct Buffers {
    rows: usize,
    /// The critic's answers to inventions and demonstrations, twice as many rows.
    scores: Tape,
    /// Its answers between them, or to inventions alone, and their change along a direction.
    answers: Tape,
    along: Tape,
    /// The generator's.
    inventions: Tape,
    /// What the penalty adds to the critic's gradient.
    penalty_gradient: Parameters,
    penalty_gradient_net: Mlp,
}

impl Wgan {
    /// Freshly initialised from `rng`, for rows of `dim` numbers.
    pub(super) fn new(dim: usize, settings: &PotentialSettings, rng: &mut impl Rng) -> Self {
        let latent = settings.gan_latent;
        let mut learner = |input, output| {
            let hidden = &settings.potential_hidden;
            let shape = MlpShape::new(input, hidden, output, Activation::Relu);
            Learner::new(shape, settings.potential_learning_rate, rng)
        };
        let generator = learner(latent, dim);
        Self {
            dim,
            latent,
            penalty: settings.gan_penalty,
            critic_updates: settings.gan_critic_updates as u64,
            updates: 0,
            critic: learner(dim, 1),
            generator,
            buffers: Vec::new(),
        }
    }

    /// An update of the critic on demonstrations `[rows, dim]`, and one of the generator if it is its turn.
    pub(super) fn update(&mut self, real: &Tensor, rng: &mut impl Rng) {
        tch::no_grad(|| {
            let rows = real.size()[0] as usize;
            let latent = uniform(rows, self.latent, rng);
            let share = uniform(rows, 1, rng);
            let index = self.buffers_for(rows);
            self.critic_gradient(index, real, &latent, &share);
            let penalty = &self.buffers[index].penalty_gradient;
            self.critic.step(&[penalty.flat()]);
            if self.updates.is_multiple_of(self.critic_updates) {
                let latent = uniform(rows, self.latent, rng);
                self.generator_gradient(index, &latent);
                self.generator.step(&[]);
            }
            self.updates += 1;
        });
    }

    /// The critic's numbers, moved so that it answers 0 on the mean of `data`. A Wasserstein critic is free up to a constant, which
    /// changes no policy, but value networks begin near zero and had to learn it first.
    pub(super) fn centred(&self, data: &Tensor) -> Vec<f32> {
        let rows = data.size()[0] as usize;
        let mut tape = Tape::new(&self.critic.shape, rows, Device::Cpu);
        self.critic.net.forward(data, &mut tape);
        let mean = tape.output().mean(Kind::Float).double_value(&[]);
        let mut numbers = self.critic.parameters.to_vec();
        *numbers.last_mut().expect("the bias of the answer") -= mean as f32;
        numbers
    }

    fn buffers_for(&mut self, rows: usize) -> usize {
        let known = self.buffers.iter().position(|one| one.rows == rows);
        known.unwrap_or_else(|| {
            self.buffers.push(Buffers::new(
                rows,
                &self.critic.shape,
                &self.generator.shape,
            ));
            self.buffers.len() - 1
        })
    }

    /// Derivatives of the critic's loss by its parameters: of the scores in its own gradient, of the penalty in that of the buffers.
    fn critic_gradient(&mut self, index: usize, real: &Tensor, latent: &Tensor, share: &Tensor) {
        let (buffers, critic) = (&mut self.buffers[index], &self.critic);
        let rows = buffers.rows as i64;
        self.generator.net.forward(latent, &mut buffers.inventions);
        let fake = buffers.inventions.output();

        let both = Tensor::cat(&[fake, real], 0);
        let scores = &mut buffers.scores;
        critic.net.forward(&both, scores);
        let delta = scores.output_delta();
        let _ = delta.narrow(0, 0, rows).fill_(1.0 / rows as f64);
        let _ = delta.narrow(0, rows, rows).fill_(-1.0 / rows as f64);
        critic
            .net
            .backward(&both, scores, Some(&critic.gradient_net));

        let between = share * real + (share.neg() + 1.0) * fake;
        let slopes = slopes(&critic.net, &between, &mut buffers.answers, self.dim);
        // The square root's own derivative must exist at zero.
        let norm = (slopes.square().sum_dim_intlist(1, true, Kind::Float) + 1e-30).sqrt();
        let factor = (&norm - 1.0) / &norm * (2.0 * self.penalty / rows as f64);
        let direction = slopes * factor;
        let (answers, along) = (&buffers.answers, &mut buffers.along);
        critic.net.forward_along(&direction, answers, along);
        let gradient = &buffers.penalty_gradient_net;
        critic
            .net
            .slope_gradient(&direction, answers, along, gradient);
    }

    fn generator_gradient(&mut self, index: usize, latent: &Tensor) {
        let (buffers, generator) = (&mut self.buffers[index], &self.generator);
        generator.net.forward(latent, &mut buffers.inventions);
        let fake = buffers.inventions.output();
        let slopes = slopes(&self.critic.net, fake, &mut buffers.answers, self.dim);
        let delta = buffers.inventions.output_delta();
        delta.copy_(&(slopes / -(buffers.rows as f64)));
        let gradient = Some(&generator.gradient_net);
        generator
            .net
            .backward(latent, &mut buffers.inventions, gradient);
    }
}

/// `∇D` at each of `[rows, dim]`.
fn slopes(critic: &Mlp, x: &Tensor, tape: &mut Tape, dim: usize) -> Tensor {
    critic.forward(x, tape);
    let _ = tape.output_delta().fill_(1.0);
    critic.backward(x, tape, None);
    critic.input_delta(tape, 0, dim)
}

impl Learner {
    fn new(shape: MlpShape, learning_rate: f64, rng: &mut impl Rng) -> Self {
        let parameters = Parameters::glorot_normal(&shape, 1, Device::Cpu, rng);
        let gradient = Parameters::zeros(&shape, 1, Device::Cpu);
        Self {
            net: Mlp::view(&shape, &parameters, 0),
            gradient_net: Mlp::view(&shape, &gradient, 0),
            adam: Adam::new(parameters.flat(), learning_rate).with_betas(BETAS),
            parameters,
            gradient,
            shape,
        }
    }

    /// Along its own gradient and `more`.
    fn step(&mut self, more: &[&Tensor]) {
        let gradients = [&[self.gradient.flat()], more].concat();
        self.adam.step_parameters(&mut self.parameters, &gradients);
    }
}

impl Buffers {
    fn new(rows: usize, critic: &MlpShape, generator: &MlpShape) -> Self {
        let tape = |shape: &MlpShape, rows: usize| Tape::new(shape, rows, Device::Cpu);
        let penalty_gradient = Parameters::zeros(critic, 1, Device::Cpu);
        Self {
            rows,
            scores: tape(critic, 2 * rows),
            answers: tape(critic, rows),
            along: tape(critic, rows),
            inventions: tape(generator, rows),
            penalty_gradient_net: Mlp::view(critic, &penalty_gradient, 0),
            penalty_gradient,
        }
    }
}

/// `[rows, columns]` in 0 … 1.
fn uniform(rows: usize, columns: usize, rng: &mut impl Rng) -> Tensor {
    let numbers: Vec<f32> = (0..rows * columns).map(|_| rng.random()).collect();
    Tensor::from_slice(&numbers).view([rows as i64, columns as i64])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::PotentialModel;
    use super::super::network::Network;
    use super::*;

    const ROWS: usize = 20;

    fn wgan(hidden: &[usize], penalty: f64, rng: &mut ChaCha8Rng) -> Wgan {
        let mut settings = PotentialSettings::tiny(PotentialModel::Gan);
        settings.potential_hidden = hidden.to_vec();
        settings.gan_penalty = penalty;
        settings.gan_critic_updates = 3;
        Wgan::new(3, &settings, rng)
    }

    /// Demonstrations, latent variables and shares of rows.
    fn batch(wgan: &Wgan, rng: &mut ChaCha8Rng) -> [Tensor; 3] {
        let real = uniform(ROWS, 3, rng) * 4.0 - 2.0;
        [real, uniform(ROWS, wgan.latent, rng), uniform(ROWS, 1, rng)]
    }

    fn reference(learner: &Learner) -> Network {
        let widths = learner.shape.layers().map(|(_, outputs)| outputs);
        let sizes: Vec<usize> = std::iter::once(learner.shape.input())
            .chain(widths)
            .collect();
        Network::new(&sizes, None, &learner.parameters.to_vec())
    }

    /// The whole of the critic's gradient.
    fn critic_gradient(wgan: &mut Wgan, [real, latent, share]: &[Tensor; 3]) -> Tensor {
        let index = wgan.buffers_for(ROWS);
        wgan.critic_gradient(index, real, latent, share);
        wgan.critic.gradient.flat() + wgan.buffers[index].penalty_gradient.flat()
    }

    /// As the paper writes it, in double precision.
    fn critic_loss(
        critic: &Network,
        fake: &Tensor,
        [real, _, share]: &[Tensor; 3],
        penalty: f64,
    ) -> Tensor {
        let [real, share] = [real, share].map(|tensor| tensor.to_kind(Kind::Double));
        let between = (&share * &real + (share.neg() + 1.0) * fake).detach();
        let between = between.set_requires_grad(true);
        let answer = critic.forward(&between).sum(Kind::Double);
        let slopes = Tensor::run_backward(&[answer], &[&between], true, true).remove(0);
        let norms = slopes.square().sum_dim_intlist(1, false, Kind::Double);
        let excess = (norms.sqrt() - 1.0).square().mean(Kind::Double);
        let mean = |x: &Tensor| critic.forward(x).mean(Kind::Double);
        mean(fake) - mean(&real) + excess * penalty
    }

    fn assert_alike(found: &Tensor, expected: &Tensor) {
        let largest = |difference: Tensor| difference.abs().max().double_value(&[]);
        let size = largest(expected.shallow_clone());
        let error = largest(found.to_kind(Kind::Double) - expected);
        assert!(
            size > 1e-2 && error < 1e-5 * size.max(1.0),
            "{error} of {size}"
        );
    }

    #[test]
    fn both_gradients_are_autograds() {
        for penalty in [0.0, 0.1, 10.0] {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            let mut wgan = wgan(&[24, 20], penalty, &mut rng);
            let batch = batch(&wgan, &mut rng);
            let (critic, generator) = (reference(&wgan.critic), reference(&wgan.generator));
            let fake = generator.forward(&batch[1].to_kind(Kind::Double));
            let loss = critic_loss(&critic, &fake.detach(), &batch, penalty);
            assert_alike(&critic_gradient(&mut wgan, &batch), &critic.gradient(&loss));

            wgan.generator_gradient(0, &batch[1]);
            let loss = critic.forward(&fake).mean(Kind::Double).neg();
            assert_alike(wgan.generator.gradient.flat(), &generator.gradient(&loss));
        }
    }

    /// Of `D(x) = w x + b` the gradient is w everywhere: the penalty is `λ (‖w‖ - 1)²`, whose derivative is known.
    #[test]
    fn the_penalty_of_a_linear_critic_is_by_hand() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut wgan = wgan(&[], 0.5, &mut rng);
        let batch = batch(&wgan, &mut rng);
        let _ = critic_gradient(&mut wgan, &batch);
        let weight = wgan.critic.parameters.flat().narrow(0, 0, 3);
        let norm = weight.norm();
        let by_weight = (&norm - 1.0) / &norm * weight;
        let expected = Tensor::cat(&[by_weight, Tensor::zeros([1], tch::kind::FLOAT_CPU)], 0);
        let found = wgan.buffers[0].penalty_gradient.flat();
        assert_alike(found, &expected.to_kind(Kind::Double));
    }

    #[test]
    fn the_critics_loss_has_the_gradient_of_its_finite_differences() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut wgan = wgan(&[10, 8], 1.0, &mut rng);
        let batch = batch(&wgan, &mut rng);
        let found = critic_gradient(&mut wgan, &batch);
        let fake = wgan.buffers[0].inventions.output().to_kind(Kind::Double);
        let critic = reference(&wgan.critic);
        let weight = critic.parameters()[2].shallow_clone();
        for index in 0..5 {
            let mut number = weight.view([-1]).narrow(0, index, 1);
            let mut shifted = |by: f64| {
                let _ = tch::no_grad(|| number.g_add_scalar_(by));
                critic_loss(&critic, &fake, &batch, 1.0).double_value(&[])
            };
            let (above, below) = (shifted(1e-6), shifted(-2e-6));
            shifted(1e-6);
            // Behind the first layer's 3 x 10 weights and 10 biases.
            let found = found.double_value(&[40 + index]);
            let expected = (above - below) / 2e-6;
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn the_generator_learns_at_every_third_update_from_the_first() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut wgan = wgan(&[10, 8], 1.0, &mut rng);
        let [real, ..] = batch(&wgan, &mut rng);
        let mut before = wgan.generator.parameters.to_vec();
        let changes = (0..7).map(|_| {
            wgan.update(&real, &mut rng);
            let now = wgan.generator.parameters.to_vec();
            std::mem::replace(&mut before, now) != before
        });
        let changes: Vec<bool> = changes.collect();
        assert_eq!(changes, [true, false, false, true, false, false, true]);
    }
}
