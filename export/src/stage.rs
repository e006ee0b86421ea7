//! [`Stage`]: one step of a function from vector to vector, between a graph's nodes and an image's layers.

use rlfd_runtime::Activation;

/// A step on the one vector that flows through a policy. Arrays are as long as that vector where not said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// `x + c`
    Add(Vec<f32>),
    /// `x * c`
    Mul(Vec<f32>),
    /// Activation of each number.
    Activate(Activation),
    /// `max(low, min(x, high))`
    Clamp {
        /// Lower bound; minus infinity for none.
        low: Vec<f32>,
        /// Upper bound; infinity for none.
        high: Vec<f32>,
    },
    /// `weight · x`, weight `[out, in]` row-major.
    MatMul {
        /// `out * in` numbers.
        weight: Vec<f32>,
        /// Length of the result.
        out: usize,
    },
    /// `(x - mean) * std_reciprocal`. Kept as a step of its own, not multiplied into weights: far from the mean that
    /// would cancel.
    Normalize {
        /// Subtracted.
        mean: Vec<f32>,
        /// Multiplied.
        std_reciprocal: Vec<f32>,
    },
    /// `x * scale + offset`, rounded twice.
    ScaleShift {
        /// Multiplied.
        scale: Vec<f32>,
        /// Added.
        offset: Vec<f32>,
    },
    /// `activation(weight · x + bias)`
    Dense {
        /// `[out, in]` row-major.
        weight: Vec<f32>,
        /// `out` numbers.
        bias: Vec<f32>,
        /// Absent means none.
        activation: Option<Activation>,
    },
}

impl Stage {
    /// Whether all its numbers are finite. Bounds may be infinite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let finite = |values: &[f32]| values.iter().all(|x| x.is_finite());
        match self {
            Self::Add(c) | Self::Mul(c) => finite(c),
            Self::Activate(_) | Self::Clamp { .. } => true,
            Self::MatMul { weight, .. } => finite(weight),
            Self::Normalize {
                mean,
                std_reciprocal,
            } => finite(mean) && finite(std_reciprocal),
            Self::ScaleShift { scale, offset } => finite(scale) && finite(offset),
            Self::Dense { weight, bias, .. } => finite(weight) && finite(bias),
        }
    }
}
