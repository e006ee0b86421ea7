//! [`Stack`]: how deep the stack ever went, by painting it and looking where the paint is gone.

use core::ptr;

const PAINT: u32 = 0x5AFE_C0DE;

/// Words below the current frame that stay unpainted: the painter itself stands there.
const MARGIN: usize = 64;

/// The memory a stack may grow into, `low` included, `high` not; it grows downwards.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    low: *mut u32,
    high: *mut u32,
}

impl Stack {
    /// Paints all that is not in use and remembers the bounds.
    ///
    /// # Safety
    ///
    /// `low` and `high` are word-aligned ends of the memory of the stack in use, and nothing else lies in it.
    #[inline(never)]
    pub unsafe fn paint(low: *mut u32, high: *mut u32) -> Self {
        let mut here = 0_u32;
        let limit = (&raw mut here).wrapping_sub(MARGIN);
        let mut word = low;
        while word < limit {
            // SAFETY: between `low` and the current frame there is only free stack.
            unsafe { ptr::write_volatile(word, PAINT) };
            word = word.wrapping_add(1);
        }
        Self { low, high }
    }

    /// Bytes of the deepest use since painting, to the word; at least what was in use then.
    #[must_use]
    pub fn high_water(&self) -> usize {
        let mut word = self.low;
        // SAFETY: the reads stay within the stack, whose memory always holds some number.
        while word < self.high && unsafe { ptr::read_volatile(word) } == PAINT {
            word = word.wrapping_add(1);
        }
        self.high as usize - word as usize
    }
}
