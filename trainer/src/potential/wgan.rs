//! [`Wgan`]: a critic that tells demonstrations from a generator's inventions, a Wasserstein GAN with gradient penalty
//! (Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved Training of Wasserstein GANs", algorithm 1).

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use super::network::Network;

/// Critic and generator.
#[derive(Debug)]
pub(super) struct Wgan {
    latent: usize,
    pub(super) generator: Network,
    pub(super) critic: Network,
}

impl Wgan {
    /// Freshly initialised from `rng`.
    pub(super) fn new(dim: usize, latent: usize, hidden: &[usize], rng: &mut impl Rng) -> Self {
        Self {
            latent,
            generator: Network::new(&[&[latent], hidden, &[dim]].concat(), None, rng),
            critic: Network::new(&[&[dim], hidden, &[1]].concat(), None, rng),
        }
    }

    /// `[rows, dim]`, from uniform latent variables in 0 … 1.
    pub(super) fn invent(&self, rows: usize, rng: &mut impl Rng) -> Tensor {
        self.generator.forward(&uniform(rows, self.latent, rng))
    }

    /// `mean D(G(z)) - mean D(x) + λ mean (‖∇D(x̂)‖ - 1)²`, x̂ somewhere between x and G(z) in each row.
    pub(super) fn critic_loss(&self, real: &Tensor, penalty: f64, rng: &mut impl Rng) -> Tensor {
        let rows = real.size()[0];
        let fake = tch::no_grad(|| self.invent(rows as usize, rng)).to_kind(real.kind());
        let share = uniform(rows as usize, 1, rng).to_kind(real.kind());
        let between = (&share * real + (share.neg() + 1.0) * &fake).set_requires_grad(true);
        let answers = self.critic.forward(&Tensor::cat(&[&fake, real], 0));
        let gap = answers.narrow(0, 0, rows).mean(real.kind())
            - answers.narrow(0, rows, rows).mean(real.kind());
        gap + self.penalty(&between) * penalty
    }

    /// `-mean D(G(z))`
    pub(super) fn generator_loss(&self, rows: usize, rng: &mut impl Rng) -> Tensor {
        let answers = self.critic.forward(&self.invent(rows, rng));
        answers.mean(Kind::Float).neg()
    }

    /// `mean (‖∇D(x)‖ - 1)²` at `[rows, dim]`, a leaf that requires a gradient.
    fn penalty(&self, x: &Tensor) -> Tensor {
        let answers = self.critic.forward(x).sum(x.kind());
        let gradient = Tensor::run_backward(&[answers], &[x], true, true).remove(0);
        // The square root's own derivative must exist at zero.
        let norm = (gradient.square().sum_dim_intlist(1, false, x.kind()) + 1e-30).sqrt();
        (norm - 1.0).square().mean(x.kind())
    }
}

fn uniform(rows: usize, columns: usize, rng: &mut impl Rng) -> Tensor {
    let numbers: Vec<f32> = (0..rows * columns).map(|_| rng.random()).collect();
    Tensor::from_slice(&numbers).view([rows as i64, columns as i64])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::nn::host_slice;

    fn leaf(rows: usize, rng: &mut ChaCha8Rng) -> Tensor {
        let x = uniform(rows, 3, rng) * 4.0 - 2.0;
        x.to_kind(Kind::Double).set_requires_grad(true)
    }

    /// Of `D(x) = w x + b` the gradient is w everywhere.
    #[test]
    fn the_penalty_of_a_linear_critic_is_by_hand() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let wgan = Wgan::new(3, 2, &[], &mut rng);
        let weights = &wgan.critic.frozen()[..3];
        let norm = weights
            .iter()
            .map(|w| f64::from(*w).powi(2))
            .sum::<f64>()
            .sqrt();
        let x = uniform(20, 3, &mut rng).set_requires_grad(true);
        let penalty = wgan.penalty(&x).double_value(&[]);
        assert!(
            (penalty - (norm - 1.0).powi(2)).abs() < 1e-6,
            "{penalty} {norm}"
        );
        // And so is the rest of the loss.
        let mut again = rng.clone();
        let loss = wgan
            .critic_loss(&x.detach(), 0.5, &mut rng)
            .double_value(&[]);
        let fake = wgan.invent(20, &mut again);
        let mean = |x: &Tensor| {
            let rows = host_slice(x).chunks_exact(3);
            let dot = |row: &[f32]| row.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>();
            f64::from(rows.map(dot).sum::<f32>()) / 20.0
        };
        let expected = mean(&fake.detach()) - mean(&x.detach()) + 0.5 * penalty;
        assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
    }

    #[test]
    fn the_penalty_has_the_gradient_of_its_finite_differences() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut wgan = Wgan::new(3, 2, &[10, 8], &mut rng);
        wgan.critic = wgan.critic.to_kind(Kind::Double);
        let x = leaf(16, &mut rng);
        let parameters = wgan.critic.parameters();
        let weights = [&parameters[0], &parameters[2], &parameters[4]];
        let gradients = Tensor::run_backward(&[wgan.penalty(&x)], &weights, false, false);
        for (weight, gradient) in weights.iter().zip(&gradients) {
            for index in 0..5 {
                let mut number = weight.shallow_clone().view([-1]).narrow(0, index, 1);
                let mut shifted = |by: f64| {
                    let _ = tch::no_grad(|| number.g_add_scalar_(by));
                    wgan.penalty(&x).double_value(&[])
                };
                let (above, below) = (shifted(1e-6), shifted(-2e-6));
                shifted(1e-6);
                let found = (above - below) / 2e-6;
                let expected = gradient.contiguous().view([-1]).double_value(&[index]);
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}
