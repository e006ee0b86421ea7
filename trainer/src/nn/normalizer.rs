//! [`Normalizer`]: running mean and variance of observations (Chan, Golub & LeVeque 1979, pairwise update).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Collective;

/// Added to the variance, so that a constant observation divides by something.
const EPSILON: f64 = 1e-8;
/// Least standard deviation of observations and goals of a goal-conditioned task, as in OpenAI's baselines of HER.
pub const GOAL_STD_FLOOR: f64 = 0.01;
/// What is farther out counts as this much in the statistics: one leap of a simulator must not spoil them.
const OBSERVED_BOUND: f32 = 200.0;

/// `(observation - mean) / std`, bounded to ±`clip`, with statistics of everything seen so far.
#[derive(Clone, Debug)]
pub struct Normalizer {
    state: NormalizerState,
    clip: f32,
    std_floor: f64,
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
            std_floor: 0.0,
            shift: vec![0.0; dim],
            scale: vec![1.0; dim],
        }
    }

    /// The same with standard deviations of at least `std_floor`, and with statistics of observations bounded to ±200.
    ///
    /// A policy sees observations that are not bounded so, which makes no difference unless a standard deviation is
    /// above 200 / `clip`: the bound after normalising comes first.
    #[must_use]
    pub fn with_floor(mut self, std_floor: f64) -> Self {
        self.std_floor = std_floor;
        self
    }

    /// Takes in `[rows * dim]` observations.
    pub fn observe(&mut self, observations: &[f32]) {
        let dim = self.state.mean.len();
        let bound = if self.std_floor > 0.0 {
            OBSERVED_BOUND
        } else {
            f32::INFINITY
        };
        for row in observations.chunks_exact(dim) {
            self.state.count += 1.0;
            for ((mean, deviation), &x) in self
                .state
                .mean
                .iter_mut()
                .zip(&mut self.state.deviation)
                .zip(row)
            {
                let x = f64::from(x.max(-bound).min(bound));
                let before = x - *mean;
                *mean += before / self.state.count;
                *deviation += before * (x - *mean);
            }
        }
        self.refresh();
    }

    /// Mean and standard deviation of the numbers in `columns`, each on the mean over these; nothing where there is none.
    #[must_use]
    pub fn summary(&self, columns: Range<usize>) -> Option<[f64; 2]> {
        let (mean, std) = self.mean_and_std();
        let average = |numbers: &[f32]| {
            numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / numbers.len() as f64
        };
        (!columns.is_empty()).then(|| [average(&mean[columns.clone()]), average(&std[columns])])
    }

    /// Takes in what another normaliser has seen besides, e.g. that of another worker.
    ///
    /// # Panics
    /// If it is of another width.
    pub fn merge(&mut self, other: &NormalizerState) {
        assert_eq!(other.mean.len(), self.state.mean.len(), "width");
        let (ours, theirs) = (self.state.count, other.count);
        let count = ours + theirs;
        if theirs == 0.0 {
            return;
        }
        for index in 0..other.mean.len() {
            let apart = other.mean[index] - self.state.mean[index];
            self.state.mean[index] += apart * theirs / count;
            self.state.deviation[index] +=
                other.deviation[index] + apart * apart * ours * theirs / count;
        }
        self.state.count = count;
        self.refresh();
    }

    /// Takes in what the normalisers of all processes have seen since the last time, which `seen` is here, and empties it.
    pub fn merge_all(&mut self, seen: &mut Self, collective: &Collective) {
        let dim = seen.state.mean.len();
        let mut own = vec![seen.state.count];
        own.extend(seen.state.mean.iter().chain(&seen.state.deviation));
        for other in collective.gather(&own) {
            self.merge(&NormalizerState {
                count: other[0],
                mean: other[1..=dim].to_vec(),
                deviation: other[1 + dim..].to_vec(),
            });
        }
        seen.state = Self::new(dim, seen.clip).state;
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
                (d / count + EPSILON).sqrt().max(self.std_floor)
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
    use crate::nn::threads;

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
            let one = normalizer.summary(column..column + 1).unwrap();
            assert_eq!(one, [mean[column], std[column]].map(f64::from));
        }
        let both = normalizer.summary(0..2).unwrap()[0];
        assert!((both - f64::from(mean[0] + mean[1]) / 2.0).abs() < 1e-3);
        assert_eq!(normalizer.summary(2..2), None);
    }

    #[test]
    fn split_data_gives_the_statistics_of_all_data() {
        let rows: Vec<f32> = (0..300)
            .map(|i| (i as f32 * 0.71).sin() * 3.0 + 7.0)
            .collect();
        let mut all = Normalizer::new(3, 5.0).with_floor(GOAL_STD_FLOOR);
        let (mut one, mut two) = (all.clone(), all.clone());
        all.observe(&rows);
        one.observe(&rows[..90]);
        two.observe(&rows[90..]);
        one.merge(&two.save());
        let ((mean, std), (expected_mean, expected_std)) = (one.mean_and_std(), all.mean_and_std());
        for (ours, theirs) in mean
            .iter()
            .chain(&std)
            .zip(expected_mean.iter().chain(&expected_std))
        {
            assert!((ours - theirs).abs() < 1e-6, "{ours} and {theirs}");
        }
    }

    #[test]
    fn processes_with_split_data_have_the_statistics_of_all_data() {
        let rows: Vec<f32> = (0..600)
            .map(|i| (i as f32 * 0.71).sin() * 3.0 + 7.0)
            .collect();
        let fresh = || Normalizer::new(3, 5.0);
        let mut all = fresh();
        all.observe(&rows);
        let found = threads::together(2, |collective| {
            let (mut whole, mut seen) = (fresh(), fresh());
            // Two rounds, each with a half of this process's half.
            for rows in rows
                .chunks(300)
                .map(|half| &half[collective.rank() * 150..][..150])
            {
                seen.observe(rows);
                whole.merge_all(&mut seen, &collective);
            }
            whole.save()
        });
        assert_eq!(found[0], found[1], "bit for bit");
        let expected = all.save();
        assert_eq!(found[0].count, expected.count);
        let numbers = |state: &NormalizerState| [&state.mean[..], &state.deviation[..]].concat();
        for (ours, theirs) in numbers(&found[0]).iter().zip(numbers(&expected)) {
            assert!(
                (ours - theirs).abs() < 1e-9 * theirs.abs(),
                "{ours} and {theirs}"
            );
        }
    }

    #[test]
    fn a_floor_keeps_constants_from_being_blown_up() {
        let mut normalizer = Normalizer::new(2, 5.0).with_floor(GOAL_STD_FLOOR);
        normalizer.observe(&[1.0, 1e9, 1.0, -1e9]);
        let (_, std) = normalizer.mean_and_std();
        assert_eq!(std, [0.01, 200.0]);
        let mut row = [1.02, 1e9];
        normalizer.apply(&mut row);
        assert!((row[0] - 2.0).abs() < 1e-4 && row[1] == 5.0, "{row:?}");
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
