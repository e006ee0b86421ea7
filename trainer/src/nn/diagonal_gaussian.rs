//! [`DiagonalGaussian`]: actions drawn around a mean that depends on the state, with standard deviations that do not.
//!
//! Densities are those of the action as it was drawn. Whoever bounds it before it is done leaves the density as it is: the
//! bound belongs to the environment.

use std::f64::consts::PI;

use tch::{Kind, Tensor};

/// `a ~ N(mean(s), diag(exp(log_std))²)`, one mean per row.
#[derive(Debug)]
pub struct DiagonalGaussian {
    /// `[rows, action]`
    pub mean: Tensor,
    /// `[action]`
    pub log_std: Tensor,
}

impl DiagonalGaussian {
    /// `log π(a|s)`, `[rows]`, of `action` `[rows, action]`.
    pub fn log_prob(&self, action: &Tensor) -> Tensor {
        let apart = (action - &self.mean) / self.log_std.exp();
        let density = apart.square() * -0.5 - &self.log_std;
        let constant = self.mean.size()[1] as f64 * -0.5 * (2.0 * PI).ln();
        density.sum_dim_intlist(1, false, Kind::Float) + constant
    }

    /// The same in every state: `Σ (log σ + ½ log 2πe)`.
    #[must_use]
    pub fn entropy(&self) -> f64 {
        let constant = self.log_std.numel() as f64 * 0.5 * (1.0 + (2.0 * PI).ln());
        self.log_std.sum(Kind::Double).double_value(&[]) + constant
    }

    /// `KL(self ‖ other)` in each state, `[rows]`.
    pub fn divergence(&self, other: &Self) -> Tensor {
        let moved = (&self.mean - &other.mean).square() + (&self.log_std * 2.0).exp();
        let widths = &other.log_std - &self.log_std - 0.5;
        let density = moved * 0.5 / (&other.log_std * 2.0).exp() + widths;
        density.sum_dim_intlist(1, false, Kind::Float)
    }

    /// Derivatives of `Σ weight · log π(a|s)` over the rows by the means `[rows, action]` and by the log standard deviations
    /// `[action]`; `weight` is `[rows]`.
    pub fn log_prob_backward(&self, action: &Tensor, weight: &Tensor) -> (Tensor, Tensor) {
        let std = self.log_std.exp();
        let apart = (action - &self.mean) / &std;
        let weight = weight.unsqueeze(1);
        let log_std = (apart.square() - 1.0) * &weight;
        let log_std = log_std.sum_dim_intlist(0, false, Kind::Float);
        (apart / std * weight, log_std)
    }

    /// The Fisher information, summed over the rows, times a change of the means `[rows, action]` and of the log standard
    /// deviations `[action]`: `1 / σ²` and `2` on its diagonal.
    pub fn fisher_product(&self, mean: &Tensor, log_std: &Tensor) -> (Tensor, Tensor) {
        let rows = self.mean.size()[0] as f64;
        (mean / (&self.log_std * 2.0).exp(), log_std * (2.0 * rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(means: &[f32], log_std: &[f32]) -> DiagonalGaussian {
        DiagonalGaussian {
            mean: Tensor::from_slice(means).view([-1, log_std.len() as i64]),
            log_std: Tensor::from_slice(log_std),
        }
    }

    /// Two numbers, one row.
    #[test]
    fn densities_by_hand() {
        let one = gaussian(&[0.3, -1.0], &[0.5_f32.ln(), 2.0_f32.ln()]);
        let action = Tensor::from_slice(&[0.8_f32, 2.0]).view([1, 2]);
        // -½ (1² + 1.5²) - ln ½ - ln 2 - ln 2π
        let expected = -0.5 * 3.25 - (2.0 * PI).ln();
        assert!((one.log_prob(&action).double_value(&[0]) - expected).abs() < 1e-6);
        let entropy = 1.0 + (2.0 * PI).ln();
        assert!((one.entropy() - entropy).abs() < 1e-6);
        let other = gaussian(&[0.0, 0.0], &[0.0, 0.0]);
        // Σ -ln σ + (σ² + μ²) / 2 - ½
        let expected = (0.25 + 0.09 - 1.0 + 4.0 + 1.0 - 1.0) / 2.0;
        assert!((one.divergence(&other).double_value(&[0]) - expected).abs() < 1e-6);
        assert!(one.divergence(&one).double_value(&[0]).abs() < 1e-7);
    }

    /// libtorch differentiates both: the density once, the divergence from itself twice.
    #[test]
    fn derivatives_are_those_of_autograd() {
        let fixed = gaussian(&[0.3, -1.0, 0.1, 0.7, -0.2, 0.0], &[-0.4, 0.3]);
        let leaves = DiagonalGaussian {
            mean: fixed.mean.copy().set_requires_grad(true),
            log_std: fixed.log_std.copy().set_requires_grad(true),
        };
        let action = Tensor::from_slice(&[0.8_f32, 2.0, -1.0, 0.2, 0.4, -0.9]).view([3, 2]);
        let weight = Tensor::from_slice(&[1.5_f32, -0.7, 0.2]);
        let both = [&leaves.mean, &leaves.log_std];
        let near = |ours: &Tensor, theirs: &Tensor| {
            let apart = (ours - theirs).abs().max().double_value(&[]);
            assert!(apart < 1e-5, "off by {apart}");
        };
        let loss = (leaves.log_prob(&action) * &weight).sum(Kind::Float);
        let theirs = Tensor::run_backward(&[loss], &both, false, false);
        let (mean, log_std) = fixed.log_prob_backward(&action, &weight);
        near(&mean, &theirs[0]);
        near(&log_std, &theirs[1]);

        let change = [
            Tensor::from_slice(&[0.2_f32, -0.5, 1.0, 0.3, 0.9, -1.4]).view([3, 2]),
            Tensor::from_slice(&[0.6_f32, -1.1]),
        ];
        let divergence = fixed.divergence(&leaves).sum(Kind::Float);
        let slopes = Tensor::run_backward(&[divergence], &both, true, true);
        let along =
            (&slopes[0] * &change[0]).sum(Kind::Float) + (&slopes[1] * &change[1]).sum(Kind::Float);
        let theirs = Tensor::run_backward(&[along], &both, false, false);
        let (mean, log_std) = fixed.fisher_product(&change[0], &change[1]);
        near(&mean, &theirs[0]);
        near(&log_std, &theirs[1]);
    }
}
