//! [`Program`]: the part of an image that computes, and the [`Golden`] pair that proves it computes the same here.

use super::execute::Memory;
use super::op::OpRecord;
use super::port::PortRecord;
use super::{Op, Place};
use crate::policy::Shape;

/// Checked operations, their constants, and where observation and action lie.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    pub(super) shape: Shape,
    pub(super) arena_len: usize,
    pub(super) state_len: usize,
    pub(super) ops: &'a [OpRecord],
    pub(super) constants: &'a [f32],
    pub(super) inputs: &'a [PortRecord],
    pub(super) outputs: &'a [PortRecord],
}

/// An observation and the action the engine gave for it, from the reset state, when the image was written.
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
        self.action.len() == action.len() && self.action.iter().zip(action).all(same_bits)
    }
}

fn same_bits((a, b): (&f32, &f32)) -> bool {
    a.to_bits() == b.to_bits()
}

impl Program<'_> {
    /// Widths of observation and action.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Numbers of memory it works in.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Forgets the recurrent state: the first numbers of the arena become 0.
    pub fn reset(&self, arena: &mut [f32]) {
        for number in arena.iter_mut().take(self.state_len) {
            *number = 0.0;
        }
    }

    /// Computes the action `[action_dim]` for `observation` `[observation_dim]` in `arena`, which keeps the recurrent state.
    ///
    /// `action` is NaN where there is no answer: for an observation of the wrong length or an arena that is too small.
    pub fn act(&self, arena: &mut [f32], observation: &[f32], action: &mut [f32]) {
        let done = self.run(arena, observation, &mut |_, _, _| {});
        let mut answer = done
            .into_iter()
            .flat_map(|()| self.outputs.iter())
            .flat_map(|port| self.output(port, arena));
        for number in action {
            *number = answer.next().copied().unwrap_or(f32::NAN);
        }
    }

    /// Whether the golden action comes out, bit for bit. Starts and ends with the reset state.
    #[must_use]
    pub fn passes(&self, arena: &mut [f32], golden: Golden<'_>) -> bool {
        self.reset(arena);
        let done = self
            .run(arena, golden.observation, &mut |_, _, _| {})
            .is_some();
        let answer = self
            .outputs
            .iter()
            .flat_map(|port| self.output(port, arena));
        let same = done
            && answer.clone().count() == golden.action.len()
            && answer.zip(golden.action).all(same_bits);
        self.reset(arena);
        same
    }

    /// Computes as [`act`](Self::act) does, and shows the arena before each operation: for calibration, on hosts.
    pub fn trace(
        &self,
        arena: &mut [f32],
        observation: &[f32],
        mut see: impl FnMut(usize, &Op, &[f32]),
    ) {
        let _ = self.run(arena, observation, &mut see);
    }

    fn run(
        &self,
        arena: &mut [f32],
        observation: &[f32],
        see: &mut impl FnMut(usize, &Op, &[f32]),
    ) -> Option<()> {
        if observation.len() != self.shape.observation_dim {
            return None;
        }
        let arena = arena.get_mut(..self.arena_len)?;
        let mut rest = observation;
        for port in self.inputs {
            let (input, following) = rest.split_at_checked(port.len as usize)?;
            let Place::Arena(start) = Place::from_code(port.place) else {
                return None;
            };
            let place = arena.get_mut(start as usize..)?.iter_mut();
            place.zip(input).for_each(|(to, from)| *to = *from);
            rest = following;
        }
        for (index, record) in self.ops.iter().enumerate() {
            let op = record.op()?;
            see(index, &op, arena);
            let extents = op.extents(self.constants)?;
            Memory::split(arena, self.constants, op.out, extents.out)?.execute(&op, extents)?;
        }
        Some(())
    }

    /// The numbers of an output after a run.
    fn output<'s>(&'s self, port: &PortRecord, arena: &'s [f32]) -> &'s [f32] {
        let (memory, start) = match Place::from_code(port.place) {
            Place::Arena(start) => (arena, start),
            Place::Constant(start) => (self.constants, start),
            Place::None => (<&[f32]>::default(), 0),
        };
        let numbers = memory.get(start as usize..).unwrap_or_default();
        numbers.get(..port.len as usize).unwrap_or_default()
    }
}
