//! [`compare`]: the same random observations through two policies, and how far their actions are apart.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use crate::artefact::Runner;
use crate::error::ExportError;

/// Deviations of the observations: row `i` has `SCALES[i % 8]`. Most are ordinary, some near zero, some far outside.
pub const SCALES: [f32; 8] = [0.1, 1.0, 1.0, 1.0, 3.0, 1.0, 10.0, 3.0];

/// How far two policies are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Observations tried.
    pub count: usize,
    /// Greatest `|a - b|`; infinite if only one of them answered with a number.
    pub max_absolute_error: f64,
    /// Greatest `|a - b| / max(1, |a|, s)`, likewise, where `s` is the deviation of that observation: the terms that an
    /// engine sums, and so its rounding, grow with the observation even where a squashed action does not.
    pub max_relative_error: f64,
    /// Row of the greatest relative error.
    pub row: usize,
    /// Element of the action there.
    pub column: usize,
}

/// Runs `count` observations of the stream `seed` through both. The first observation is zero.
///
/// # Errors
/// The policies read or answer vectors of different lengths, or cannot run.
pub fn compare(
    a: &mut Runner,
    b: &mut Runner,
    count: usize,
    seed: u64,
) -> Result<Comparison, ExportError> {
    let dim = a.observation_dim();
    if dim != b.observation_dim() {
        return Err(ExportError::Model(format!(
            "the first policy reads {dim} numbers, the second {}",
            b.observation_dim()
        )));
    }
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    let mut comparison = Comparison {
        count,
        ..Comparison::default()
    };
    for row in 0..count {
        let scale = if row == 0 {
            0.0
        } else {
            SCALES[row % SCALES.len()]
        };
        let normal = |_| -> f32 { StandardNormal.sample(&mut stream) };
        let observation: Vec<f32> = (0..dim).map(normal).map(|x| x * scale).collect();
        let (left, right) = (a.act(&observation)?, b.act(&observation)?);
        if left.len() != right.len() {
            return Err(ExportError::Model(format!(
                "the first policy answers {} numbers, the second {}",
                left.len(),
                right.len()
            )));
        }
        for (column, (left, right)) in left.iter().zip(&right).enumerate() {
            comparison.note((row, column), scale, *left, *right);
        }
    }
    Ok(comparison)
}

impl Comparison {
    fn note(&mut self, (row, column): (usize, usize), scale: f32, a: f64, b: f64) {
        let absolute = match (a - b).abs() {
            _ if a == b || (a.is_nan() && b.is_nan()) => 0.0,
            difference if difference.is_nan() => f64::INFINITY,
            difference => difference,
        };
        self.max_absolute_error = self.max_absolute_error.max(absolute);
        let size = a.abs().max(1.0).max(scale.into());
        let relative = if absolute.is_finite() {
            absolute / size
        } else {
            absolute
        };
        if relative > self.max_relative_error {
            self.max_relative_error = relative;
            (self.row, self.column) = (row, column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_against_none_is_infinitely_far() {
        let mut comparison = Comparison::default();
        comparison.note((0, 0), 1.0, 2.0, 2.5);
        assert_eq!(comparison.max_absolute_error, 0.5);
        assert_eq!(comparison.max_relative_error, 0.25);
        comparison.note((0, 1), 10.0, 0.5, 1.5);
        assert_eq!(comparison.max_absolute_error, 1.0);
        comparison.note((1, 0), 1.0, f64::NAN, f64::NAN);
        comparison.note((2, 0), 1.0, f64::INFINITY, f64::INFINITY);
        assert_eq!(comparison.max_relative_error, 0.25);
        comparison.note((3, 2), 1.0, 1.0, f64::NAN);
        assert_eq!(comparison.max_relative_error, f64::INFINITY);
        assert_eq!((comparison.row, comparison.column), (3, 2));
    }
}
