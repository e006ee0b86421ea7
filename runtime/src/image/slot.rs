//! [`Slot`]: a run of words as it lies in a record. Knows the arena and the constants, not what lies there.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Place;

/// Where an array starts, as [`Place::code`], and how many words it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Slot {
    pub place: u32,
    pub len: u32,
}

impl Slot {
    /// An operand that is left out.
    pub const NONE: Self = Self {
        place: Place::None.code(),
        len: 0,
    };

    /// The words, where they lie in a memory that may be read as a whole; none for [`Slot::NONE`].
    pub fn of<'m>(self, arena: &'m [f32], constants: &'m [f32]) -> Option<&'m [f32]> {
        match Place::from_code(self.place) {
            Place::Arena(start) => words(arena, start as usize, self.len),
            Place::Constant(start) => words(constants, start as usize, self.len),
            Place::None => Some(&[]),
        }
    }
}

/// `len` words from `start` on.
#[inline]
fn words(memory: &[f32], start: usize, len: u32) -> Option<&[f32]> {
    memory.get(start..)?.get(..len as usize)
}

/// The memory of one operation: what may be read while its result is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'m> {
    before: &'m [f32],
    after: &'m [f32],
    constants: &'m [f32],
    /// Where `after` starts.
    end: usize,
}

impl<'m> Memory<'m> {
    /// The result's words and all others; `None` where the result lies outside of the arena.
    #[inline]
    pub fn around(
        result: Slot,
        arena: &'m mut [f32],
        constants: &'m [f32],
    ) -> Option<(&'m mut [f32], Self)> {
        let (before, rest) = arena.split_at_mut_checked(result.place as usize)?;
        let (result, after) = rest.split_at_mut_checked(result.len as usize)?;
        let end = before.len() + result.len();
        Some((
            result,
            Self {
                before,
                after,
                constants,
                end,
            },
        ))
    }

    /// An operand's words; `None` also for one on top of the result.
    #[inline]
    pub fn operand(&self, slot: Slot) -> Option<&'m [f32]> {
        let place = slot.place as usize;
        match Place::from_code(slot.place) {
            Place::Arena(_) if place < self.before.len() => words(self.before, place, slot.len),
            Place::Arena(_) => words(self.after, place.checked_sub(self.end)?, slot.len),
            Place::Constant(start) => words(self.constants, start as usize, slot.len),
            Place::None => Some(&[]),
        }
    }
}
