//! [`Demonstrated`]: the states and actions that a potential is fitted to.

/// Rows of states with the actions taken in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demonstrated {
    /// `[rows * observation_dim]`, not normalised; the desired goal is part of them where there is one.
    pub observation: Vec<f32>,
    /// `[rows * action_dim]`, in -1 … 1.
    pub action: Vec<f32>,
}

/// Mean and standard deviation of the states, which a potential keeps for ever.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statistics {
    /// `[observation_dim]`
    pub mean: Vec<f32>,
    /// `[observation_dim]`, at least [`STD_FLOOR`].
    pub std: Vec<f32>,
}

/// What hardly varies in the demonstrations must not be blown up.
const STD_FLOOR: f64 = 0.01;
/// Symmetric bound on normalised numbers.
const CLIP: f32 = 5.0;

impl Statistics {
    /// Of `[rows * dim]` numbers.
    pub(super) fn of(rows: &[f32], dim: usize) -> Self {
        let count = (rows.len() / dim) as f64;
        let column = |index: usize| rows.iter().skip(index).step_by(dim).map(|&x| f64::from(x));
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for index in 0..dim {
            let center = column(index).sum::<f64>() / count;
            let variance = column(index).map(|x| (x - center).powi(2)).sum::<f64>() / count;
            mean.push(center as f32);
            std.push(variance.sqrt().max(STD_FLOOR) as f32);
        }
        Self { mean, std }
    }

    /// Normalises one row of `dim` numbers in place.
    pub(super) fn apply(&self, row: &mut [f32]) {
        for ((x, mean), std) in row.iter_mut().zip(&self.mean).zip(&self.std) {
            *x = ((*x - mean) / std).clamp(-CLIP, CLIP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_data_with_a_floor_and_a_bound() {
        let rows: Vec<f32> = (0..40).flat_map(|i| [7.0, (i % 8) as f32]).collect();
        let statistics = Statistics::of(&rows, 2);
        // Of 0 … 7: mean 3.5, variance (8² - 1) / 12.
        assert_eq!(statistics.mean, [7.0, 3.5]);
        assert_eq!(statistics.std[0], 0.01);
        assert!((statistics.std[1] - 5.25_f32.sqrt()).abs() < 1e-6);
        let mut row = [7.1, 3.5 + 5.25_f32.sqrt()];
        statistics.apply(&mut row);
        assert!(row[0] == 5.0 && (row[1] - 1.0).abs() < 1e-6, "{row:?}");
    }
}
