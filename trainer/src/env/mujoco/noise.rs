//! The two distributions that initial states are drawn from.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Adds to each number an independent draw from `[-half_width, half_width)`.
pub(super) fn add_uniform(rng: &mut dyn Rng, half_width: f64, numbers: &mut [f64]) {
    for number in numbers {
        *number += uniform(rng, -half_width, half_width);
    }
}

/// Adds to each number an independent draw from a normal distribution of mean zero.
pub(super) fn add_normal(rng: &mut dyn Rng, std: f64, numbers: &mut [f64]) {
    for number in numbers {
        *number += std * rng.sample::<f64, _>(StandardNormal);
    }
}

/// A draw from `[low, high)`.
pub(super) fn uniform(rng: &mut dyn Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}
