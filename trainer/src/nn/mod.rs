//! Networks with forward and backward passes written out over pre-allocated libtorch buffers.
//!
//! Nothing here knows what is learned: losses are in [`crate::algo`]. No autograd graph is ever built; the tests
//! compare every gradient with libtorch's own autograd.

mod adam;
mod collective;
mod diagonal_gaussian;
mod layer_norm;
mod mlp;
mod noise;
mod normalizer;
mod parameters;
mod rows;
mod squashed_gaussian;
mod tangent;

pub use adam::{Adam, AdamState};
pub use collective::Collective;
pub use diagonal_gaussian::DiagonalGaussian;
pub use mlp::{Mlp, MlpShape, Tape};
pub use noise::Noise;
pub use normalizer::{GOAL_STD_FLOOR, Normalizer, NormalizerState};
pub use parameters::{Parameters, host_slice, host_slice_mut};
pub use squashed_gaussian::{LOG_STD_MAX, LOG_STD_MIN, SquashedGaussian};

#[cfg(test)]
pub(crate) use collective::threads;
