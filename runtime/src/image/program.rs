//! [`Program`]: the part of an image that computes, and the [`Golden`] pair that proves it computes the same here.

use super::op::OpRecord;
use crate::policy::Shape;

/// Checked operations and their weights.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    pub(super) shape: Shape,
    pub(super) scratch_len: usize,
    pub(super) ops: &'a [OpRecord],
    pub(super) weights: &'a [f32],
}

/// An observation and the action the engine gave for it when the image was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Golden<'a> {
    /// `[observation_dim]`
    pub observation: &'a [f32],
    /// `[action_dim]`
    pub action: &'a [f32],
}

impl Golden<'_> {
    /// Whether `action` is the golden one, bit for bit.
    #[must_use]
    pub fn matches(&self, action: &[f32]) -> bool {
        let same_bits = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
        self.action.len() == action.len() && self.action.iter().zip(action).all(same_bits)
    }
}

impl Program<'_> {
    /// Widths of observation and action.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Computes the action `[action_dim]` in `scratch` and lends it from there.
    ///
    /// The answer is empty where an observation has the wrong length or the scratch is too small.
    #[must_use]
    pub fn run<'s>(&self, scratch: &'s mut [f32], observation: &[f32]) -> &'s [f32] {
        self.try_run(scratch, observation).unwrap_or_default()
    }

    /// Computes the action into `action`, NaN in every place for which there is none.
    pub fn act(&self, scratch: &mut [f32], observation: &[f32], action: &mut [f32]) {
        let answer = self.run(scratch, observation);
        let known = answer.iter().copied().chain(core::iter::repeat(f32::NAN));
        for (action, answer) in action.iter_mut().zip(known) {
            *action = answer;
        }
    }

    fn try_run<'s>(&self, scratch: &'s mut [f32], observation: &[f32]) -> Option<&'s [f32]> {
        if observation.len() != self.shape.observation_dim {
            return None;
        }
        let (mut current, mut other) = scratch.split_at_mut_checked(self.scratch_len / 2)?;
        for (value, observed) in current
            .get_mut(..observation.len())?
            .iter_mut()
            .zip(observation)
        {
            *value = *observed;
        }
        for record in self.ops {
            record.op(self.weights)?.run(&mut current, &mut other)?;
        }
        current.get(..self.shape.action_dim)
    }
}
