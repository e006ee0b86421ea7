//! [`Normalizer`]: running mean and variance of observations (Chan, Golub & LeVeque 1979, pairwise update).

use serde::{Deserialize, Serialize};

/// Added to the variance, so that a constant observation divides by something.
const EPSILON: f64 = 1e-8;

/// `(observation - mean) / std`, bounded to ±`clip`, with statistics of everything seen so far.
#[derive(Clone, Debug)]
pub struct Normalizer {
    state: NormalizerState,
    clip: f32,
    shift: Vec<f32>,
    scale: Vec<f32>,
}

/// Sums behind a [`Normalizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalizerState {
    count: f64,
    mean: Vec<f64>,
    /// Sum of squared deviations from the mean.
    deviation: Vec<f64>,
}

impl Normalizer {
    /// The identity on `dim` numbers until something is observed.
    #[must_use]
    pub fn new(dim: usize, clip: f32) -> Self {
        let state = NormalizerState {
            count: 0.0,
            mean: vec![0.0; dim],
            deviation: vec![0.0; dim],
        };
        Self {
            state,
            clip,
            shift: vec![0.0; dim],
            scale: vec![1.0; dim],
        }
    }

    /// Takes in `[rows * dim]` observations.
    pub fn observe(&mut self, observations: &[f32]) {
        let dim = self.state.mean.len();
        for row in observations.chunks_exact(dim) {
            self.state.count += 1.0;
            for ((mean, deviation), &x) in self
                .state
                .mean
                .iter_mut()
                .zip(&mut self.state.deviation)
                .zip(row)
            {
                let before = f64::from(x) - *mean;
                *mean += before / self.state.count;
                *deviation += before * (f64::from(x) - *mean);
            }
        }
        self.refresh();
    }

    /// Normalises one row of `dim` numbers in place.
    pub fn apply(&self, row: &mut [f32]) {
        for ((x, shift), scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
            *x = ((*x - shift) * scale).max(-self.clip).min(self.clip);
        }
    }

    /// Mean and standard deviation, as the policy file holds them.
    #[must_use]
    pub fn mean_and_std(&self) -> (Vec<f32>, Vec<f32>) {
        (
            self.shift.clone(),
            self.std().map(|std| std as f32).collect(),
        )
    }

    /// The symmetric bound after normalising.
    #[must_use]
    pub fn clip(&self) -> f32 {
        self.clip
    }

    /// For a checkpoint.
    #[must_use]
    pub fn save(&self) -> NormalizerState {
        self.state.clone()
    }

    /// From a checkpoint.
    pub fn restore(&mut self, state: &NormalizerState) {
        self.state = state.clone();
        self.refresh();
    }

    fn std(&self) -> impl Iterator<Item = f64> + '_ {
        let count = self.state.count;
        // One observation says nothing about spread: a deviation of one keeps the first steps sane.
        self.state.deviation.iter().map(move |d| {
            if count < 2.0 {
                1.0
            } else {
                (d / count + EPSILON).sqrt()
            }
        })
    }

    fn refresh(&mut self) {
        self.shift = self.state.mean.iter().map(|&mean| mean as f32).collect();
        self.scale = self.std().map(|std| (1.0 / std) as f32).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_two_pass_formulas() {
        let rows: Vec<f32> = (0..60).map(|i| 1e3 + (i * i % 17) as f32 * 0.1).collect();
        let mut normalizer = Normalizer::new(2, 10.0);
        normalizer.observe(&rows[..20]);
        normalizer.observe(&rows[20..]);
        let (mean, std) = normalizer.mean_and_std();
        for column in 0..2 {
            let values: Vec<f64> = rows
                .iter()
                .skip(column)
                .step_by(2)
                .map(|&x| f64::from(x))
                .collect();
            let n = values.len() as f64;
            let expected = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|x| (x - expected).powi(2)).sum::<f64>() / n;
            assert!((f64::from(mean[column]) - expected).abs() < 1e-4);
            assert!((f64::from(std[column]) - variance.sqrt()).abs() < 1e-5);
        }
    }

    #[test]
    fn bounds_what_is_far_out() {
        let mut normalizer = Normalizer::new(1, 5.0);
        normalizer.observe(&[0.0, 1.0]);
        let mut row = [1e6];
        normalizer.apply(&mut row);
        assert_eq!(row, [5.0]);
    }
}
