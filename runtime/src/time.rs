//! [`Micros`]: a reading of a board's clock.

use serde::{Deserialize, Serialize};

/// Microseconds since an instant of the board's choosing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Micros(pub u64);

impl Micros {
    /// Microseconds from `earlier` to here; 0 where the clock went backwards, the greatest `u32` where it took longer.
    #[must_use]
    pub fn since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_saturate() {
        assert_eq!(Micros(7).since(Micros(3)), 4);
        assert_eq!(Micros(3).since(Micros(7)), 0);
        assert_eq!(Micros(u64::MAX).since(Micros(0)), u32::MAX);
    }
}
