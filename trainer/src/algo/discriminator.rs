//! [`Discriminator`]: tells what a policy does from what was demonstrated (Ho & Ermon 2016, "Generative Adversarial Imitation
//! Learning", equation 17), `D(s, a)` the log odds that a step was demonstrated:
//!
//! `L = -mean log σ(D(demonstration)) - mean log (1 - σ(D(policy))) - w · mean H(σ(D))`, H the entropy in nats over all rows.
//!
//! The reward of a step is `-log (1 - σ(D) + 1e-8)`, which is never negative.

use rand::Rng;
use tch::{Device, Kind, Tensor};

use super::scalar_network::ScalarNetwork;
use crate::nn::{MlpShape, host_slice};

/// Keeps the reward of a step that is surely demonstrated finite: below 18.5.
const LEAST_ODDS: f64 = 1e-8;

/// Network, optimiser, and the weight of the entropy.
#[derive(Debug)]
pub(super) struct Discriminator {
    pub(super) network: ScalarNetwork,
    entropy_weight: f64,
}

/// What an update was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// The loss before the update.
    pub loss: f32,
    /// Share of the demonstrated steps that were taken for such.
    pub demo_accuracy: f32,
    /// Share of the policy's steps that were taken for such.
    pub policy_accuracy: f32,
}

impl Discriminator {
    /// Freshly initialised from `rng`; `shape` reads observation and action.
    pub(super) fn new(
        shape: MlpShape,
        learning_rate: f64,
        entropy_weight: f64,
        device: Device,
        rng: &mut impl Rng,
    ) -> Self {
        Self {
            network: ScalarNetwork::new(shape, learning_rate, device, rng),
            entropy_weight,
        }
    }

    /// One update on steps of both kinds, `[rows, observation + action]` each.
    pub(super) fn update(&mut self, demonstrated: &Tensor, policy: &Tensor) -> Verdict {
        let (shown, own) = (demonstrated.size()[0], policy.size()[0]);
        let input = Tensor::cat(&[demonstrated, policy], 0);
        let odds = self.network.forward(&input);
        let (of_shown, of_own) = (odds.narrow(0, 0, shown), odds.narrow(0, shown, own));
        let believed = odds.sigmoid();
        // H = softplus(D) - D σ(D), whose derivative is -D σ(D) (1 - σ(D)).
        let doubt = odds.softplus() - &odds * &believed;
        let loss = of_shown.neg().softplus().mean(Kind::Double)
            + of_own.softplus().mean(Kind::Double)
            - doubt.mean(Kind::Double) * self.entropy_weight;
        let share = |right: Tensor| right.to_kind(Kind::Double).mean(Kind::Double);
        let verdict = Verdict {
            loss: loss.double_value(&[]) as f32,
            demo_accuracy: share(of_shown.gt(0.0)).double_value(&[]) as f32,
            policy_accuracy: share(of_own.le(0.0)).double_value(&[]) as f32,
        };
        let slope = &odds * &believed * (&believed * -1.0 + 1.0);
        let delta = slope * (self.entropy_weight / (shown + own) as f64);
        let mut first = delta.narrow(0, 0, shown);
        first += (believed.narrow(0, 0, shown) - 1.0) / shown as f64;
        let mut second = delta.narrow(0, shown, own);
        second += believed.narrow(0, shown, own) / own as f64;
        self.network.descend(&input, &delta);
        verdict
    }

    /// `[rows, observation + action]` to the reward of each step.
    pub(super) fn rewards(&mut self, steps: &Tensor) -> Vec<f32> {
        let odds = self.network.forward(steps);
        // 1 - σ(D) = σ(-D) keeps its digits where the step is surely demonstrated.
        let rewards = (odds.neg().sigmoid() + LEAST_ODDS).log().neg();
        host_slice(&rewards.to_device(Device::Cpu).contiguous()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;
    use rlfd_models::Activation;

    use super::*;

    fn discriminator(hidden: &[usize], rate: f64, weight: f64) -> Discriminator {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let shape = MlpShape::new(1, hidden, 1, Activation::Tanh);
        Discriminator::new(shape, rate, weight, Device::Cpu, &mut rng)
    }

    /// libtorch's own binary cross entropy and autograd.
    #[test]
    fn loss_and_gradient_are_those_of_autograd() {
        let mut one = discriminator(&[], 1e-3, 0.2);
        let flat = one.network.parameters.flat().copy().set_requires_grad(true);
        let shown = Tensor::from_slice(&[0.3_f32, -1.2, 2.0]).view([3, 1]);
        let own = Tensor::from_slice(&[1.3_f32, 0.2, -0.4, -2.0, 0.9]).view([5, 1]);
        let odds = |x: &Tensor| x.view([-1]) * flat.get(0) + flat.get(1);
        let none = None::<Tensor>;
        let mean = tch::Reduction::Mean;
        let (first, second) = (odds(&shown), odds(&own));
        let likely = first.binary_cross_entropy_with_logits(
            &first.ones_like(),
            none.as_ref(),
            none.as_ref(),
            mean,
        ) + second.binary_cross_entropy_with_logits(
            &second.zeros_like(),
            none.as_ref(),
            none.as_ref(),
            mean,
        );
        let p = Tensor::cat(&[&first, &second], 0).sigmoid();
        let q: Tensor = &p * -1.0 + 1.0;
        let entropy = (p.xlogy(&p) + q.xlogy(&q)).mean(Kind::Float).neg();
        let loss = likely - entropy * 0.2;
        let expected = Tensor::run_backward(&[&loss], &[&flat], false, false).remove(0);
        let verdict = one.update(&shown, &own);
        assert!((f64::from(verdict.loss) - loss.double_value(&[])).abs() < 1e-6);
        let apart = (one.network.gradient() - expected).abs().max();
        assert!(apart.double_value(&[]) < 1e-6);
    }

    /// Where nothing is known, a step is worth ln 2, and the loss of a guess is 2 ln 2; even a sure step has a finite reward.
    #[test]
    fn rewards_by_hand() {
        let mut one = discriminator(&[], 1e-3, 0.0);
        one.network.parameters.copy_from(&[0.0, 0.0]);
        let steps = Tensor::from_slice(&[5.0_f32, -3.0]).view([2, 1]);
        let ln_2 = std::f32::consts::LN_2;
        for reward in one.rewards(&steps) {
            assert!((reward - ln_2).abs() < 1e-6);
        }
        let verdict = one.update(&steps, &steps);
        assert!((verdict.loss - 2.0 * ln_2).abs() < 1e-6);
        one.network.parameters.copy_from(&[20.0, 0.0]);
        let rewards = one.rewards(&steps);
        assert!((rewards[0] - 18.42).abs() < 0.01 && rewards[1].abs() < 1e-6);
    }

    /// Of `N(1, 1)` against `N(-1, 1)` the best answer is the log density ratio `2 x`, and it is right in Φ(1) = .841 of all
    /// steps; of `N(0, .5²)` against `N(0, 1)` it is `ln 2 - 1.5 x²`.
    #[test]
    fn its_optimum_is_the_log_density_ratio() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut learn = |first: (f32, f32), second: (f32, f32)| {
            let mut one = discriminator(&[32], 5e-3, 0.0);
            let mut draw = |(mean, std): (f32, f32)| {
                let numbers: Vec<f32> = (0..512)
                    .map(|_| mean + std * rng.sample::<f32, _>(StandardNormal))
                    .collect();
                Tensor::from_slice(&numbers).view([512, 1])
            };
            let mut accuracy = 0.0;
            for update in 0..1500 {
                if update == 1000 {
                    let rate = 5e-4;
                    one.network.adam = crate::nn::Adam::new(one.network.parameters.flat(), rate);
                }
                let verdict = one.update(&draw(first), &draw(second));
                if update >= 1400 {
                    accuracy += (verdict.demo_accuracy + verdict.policy_accuracy) / 200.0;
                }
            }
            (one, accuracy)
        };
        let asked = [-1.5_f32, -0.5, 0.0, 0.5, 1.5];
        let at = Tensor::from_slice(&asked).view([5, 1]);
        let (mut apart, accuracy) = learn((1.0, 1.0), (-1.0, 1.0));
        assert!((accuracy - 0.841).abs() < 0.01, "{accuracy}");
        let odds = Vec::<f32>::try_from(apart.network.forward(&at)).unwrap();
        for (x, odds) in asked.iter().zip(odds) {
            assert!((odds - 2.0 * x).abs() < 0.25, "{x}: {odds}");
        }
        let (mut within, _) = learn((0.0, 0.5), (0.0, 1.0));
        let odds = Vec::<f32>::try_from(within.network.forward(&at)).unwrap();
        for (x, odds) in asked.iter().zip(odds) {
            let expected = std::f32::consts::LN_2 - 1.5 * x * x;
            assert!((odds - expected).abs() < 0.3, "{x}: {odds} {expected}");
        }
    }
}
