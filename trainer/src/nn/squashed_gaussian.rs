//! [`SquashedGaussian`]: `a = tanh(mean + std * noise)` with its log-density and derivatives
//! (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", appendix C).

use std::f64::consts::{LN_2, PI};

use tch::{Kind, Tensor};

/// Bounds on the network's log standard deviation; beyond them its derivative is zero.
pub const LOG_STD_MIN: f64 = -20.0;
/// See [`LOG_STD_MIN`].
pub const LOG_STD_MAX: f64 = 2.0;

/// One reparameterised sample per row, with what its derivative needs.
#[derive(Debug)]
pub struct SquashedGaussian {
    /// `tanh(u)`, `[rows, action]`.
    pub action: Tensor,
    /// `log π(a|s)`, `[rows, 1]`, density with respect to `a` in (-1, 1).
    pub log_prob: Tensor,
    /// `std * noise`, which is also the derivative of `u` by the log standard deviation.
    spread: Tensor,
    /// 1 where the log standard deviation lies within its bounds.
    within: Tensor,
}

impl SquashedGaussian {
    /// From the network's output `[rows, 2 * action]` (means, then log standard deviations) and standard normal
    /// `noise` `[rows, action]`.
    #[must_use]
    pub fn sample(output: &Tensor, noise: &Tensor) -> Self {
        let dim = noise.size()[1];
        let mean = output.narrow(1, 0, dim);
        let raw = output.narrow(1, dim, dim);
        let log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX);
        let spread = log_std.exp() * noise;
        let u = mean + &spread;
        // log(1 - tanh²u) = 2 (ln 2 - u - softplus(-2u)), which does not lose its digits where tanh saturates.
        let density = noise.square() * -0.5 - &log_std + (&u + (&u * -2.0).softplus()) * 2.0;
        let constant = dim as f64 * (-0.5 * (2.0 * PI).ln() - 2.0 * LN_2);
        let log_prob = density.sum_dim_intlist(1, true, Kind::Float) + constant;
        let within = raw.eq_tensor(&log_std).to_kind(Kind::Float);
        Self {
            action: u.tanh(),
            log_prob,
            spread,
            within,
        }
    }

    /// Derivative of `mean over rows of (alpha * log π) + L(action)` by the network's output, `[rows, 2 * action]`, given
    /// `action_delta`, the derivative of `L` by the action (already divided by the number of rows), and `alpha` / rows.
    pub fn backward(
        &self,
        action_delta: &Tensor,
        alpha_per_row: &Tensor,
        output_delta: &mut Tensor,
    ) {
        let dim = self.action.size()[1];
        // ∂ log π / ∂u = 2 tanh(u) through the change of variables; ∂ log π / ∂ log_std = -1 besides the path through u.
        let u_delta = action_delta * (self.action.square() * -1.0 + 1.0)
            + &self.action * (alpha_per_row * 2.0);
        output_delta.narrow(1, 0, dim).copy_(&u_delta);
        let log_std_delta = (u_delta * &self.spread - alpha_per_row) * &self.within;
        output_delta.narrow(1, dim, dim).copy_(&log_std_delta);
    }
}
