//! [`Port`]: an input or output of the graph an image was made of. The observation is all inputs one behind the other, the action all
//! outputs; a recurrent state is neither, it stays in the arena.

use super::Place;

/// A named run of the observation or the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port<'a> {
    /// As in the graph.
    pub name: &'a str,
    /// Lengths of its axes for one sample, as text, e.g. `1x57`; empty for a single number.
    pub shape: &'a str,
    /// Where it lies: an input in the arena, an output there or among the constants.
    pub place: Place,
    /// How many numbers.
    pub len: u32,
}

impl Port<'_> {
    /// How it lies in the image, without its name.
    #[cfg(feature = "alloc")]
    pub(super) fn slot(&self) -> super::slot::Slot {
        super::slot::Slot {
            place: self.place.code(),
            len: self.len,
        }
    }
}
