//! [`Control`]: the action of a step, as seen by a reward.

use super::super::ActionPrecision;

/// An action and the precision in which its cost is summed.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    action: &'a [f64],
    precision: ActionPrecision,
}

impl<'a> Control<'a> {
    pub(super) fn new(action: &'a [f64], precision: ActionPrecision) -> Self {
        Self { action, precision }
    }

    /// `weight * sum(action^2)`, rounded as numpy rounds it.
    #[must_use]
    pub fn cost(&self, weight: f64) -> f64 {
        match self.precision {
            ActionPrecision::Double => weight * self.sum_of_squares(),
            ActionPrecision::Single => {
                let square = |index: usize| {
                    let number = self.action[index] as f32;
                    number * number
                };
                f64::from(weight as f32 * pairwise_sum(self.action.len(), square))
            }
        }
    }

    /// `sum(action^2)` in double precision, whatever the action arrived in.
    #[must_use]
    pub fn sum_of_squares(&self) -> f64 {
        self.action.iter().map(|number| number * number).sum()
    }
}

/// numpy's order for a contiguous sum of at most 128 numbers: eight partial sums from eight numbers on.
fn pairwise_sum(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    if len < 8 {
        return (0..len).fold(0.0, |sum, index| sum + term(index));
    }
    let mut partial: [f32; 8] = std::array::from_fn(&term);
    let whole = len - len % 8;
    for index in 8..whole {
        partial[index % 8] += term(index);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    (whole..len).fold(sum, |sum, index| sum + term(index))
}
