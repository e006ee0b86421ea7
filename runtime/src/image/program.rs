//! [`Program`]: the part of an image that computes, and the [`Golden`] pair that proves it computes the same here.

use super::Op;
use super::op::OpRecord;
use super::slot::Slot;
use crate::policy::Shape;

/// Checked operations, their constants, and where observation and action lie.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    pub(super) shape: Shape,
    pub(super) arena_len: usize,
    pub(super) state_len: usize,
    pub(super) ops: &'a [OpRecord],
    pub(super) constants: &'a [f32],
    pub(super) inputs: &'a [Slot],
    pub(super) outputs: &'a [Slot],
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
        let mut rest = action;
        if self.run(arena, observation).is_some() {
            for port in self.outputs {
                let numbers = port.of(arena, self.constants).unwrap_or_default();
                let len = numbers.len().min(rest.len());
                let Some((place, following)) = rest.split_at_mut_checked(len) else {
                    return;
                };
                put(numbers, place);
                rest = following;
            }
        }
        rest.fill(f32::NAN);
    }

    /// Whether the golden action comes out, bit for bit. Starts and ends with the reset state.
    #[must_use]
    pub fn passes(&self, arena: &mut [f32], golden: Golden<'_>) -> bool {
        self.reset(arena);
        let done = self.run(arena, golden.observation).is_some();
        let answer = self
            .outputs
            .iter()
            .flat_map(|port| port.of(arena, self.constants).unwrap_or_default());
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
        let Some(arena) = self.observe(arena, observation) else {
            return;
        };
        for (index, record) in self.ops.iter().enumerate() {
            let Some(op) = record.op() else { return };
            see(index, &op, arena);
            if record.run(arena, self.constants).is_none() {
                return;
            }
        }
    }

    fn run(&self, arena: &mut [f32], observation: &[f32]) -> Option<()> {
        let arena = self.observe(arena, observation)?;
        for record in self.ops {
            record.run(arena, self.constants)?;
        }
        Some(())
    }

    /// Puts the observation into the arena, and shortens that to what the operations know.
    fn observe<'m>(&self, arena: &'m mut [f32], observation: &[f32]) -> Option<&'m mut [f32]> {
        if observation.len() != self.shape.observation_dim {
            return None;
        }
        let arena = arena.get_mut(..self.arena_len)?;
        let mut rest = observation;
        for port in self.inputs {
            let (input, following) = rest.split_at_checked(port.len as usize)?;
            let place = arena.get_mut(port.place as usize..)?;
            put(input, place.get_mut(..input.len())?);
            rest = following;
        }
        Some(arena)
    }
}

/// Numbers to a place as long as they are many.
fn put(numbers: &[f32], place: &mut [f32]) {
    if numbers.len() == place.len() {
        place.copy_from_slice(numbers);
    }
}
