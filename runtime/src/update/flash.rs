//! [`Flash`]: a run of memory that is erased as a whole and written once per erasure, with [`RamFlash`] for boards that have
//! none to spare and [`SimulatedFlash`], whose power can be cut.

/// Bytes are written in whole units of this many, at multiples of it: a multiple of every common programming width.
pub const UNIT: usize = 32;

/// The flash did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the flash cannot be erased or written")]
pub struct FlashError;

/// One slot of flash, mapped into memory at a multiple of 16.
pub trait Flash {
    /// What it holds now.
    fn bytes(&self) -> &[u8];

    /// Sets all of it to `ff`.
    ///
    /// # Errors
    /// [`FlashError`]; what it holds is then not known.
    fn erase(&mut self) -> Result<(), FlashError>;

    /// Writes whole units to a place that has not been written since it was erased.
    ///
    /// # Errors
    /// [`FlashError`]; what the place holds is then not known.
    fn write(&mut self, at: usize, units: &[u8]) -> Result<(), FlashError>;
}

impl<F: Flash + ?Sized> Flash for &mut F {
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }

    fn erase(&mut self) -> Result<(), FlashError> {
        (**self).erase()
    }

    fn write(&mut self, at: usize, units: &[u8]) -> Result<(), FlashError> {
        (**self).write(at, units)
    }
}

/// RAM in place of flash: what it holds lasts until the power goes.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct RamFlash<const N: usize>([u8; N]);

impl<const N: usize> RamFlash<N> {
    /// Holding nothing that is an image.
    #[must_use]
    pub const fn new() -> Self {
        // Zeros, unlike erased flash, take no room in the program.
        Self([0; N])
    }
}

impl<const N: usize> Default for RamFlash<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Flash for RamFlash<N> {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn erase(&mut self) -> Result<(), FlashError> {
        self.0.fill(0xff);
        Ok(())
    }

    fn write(&mut self, at: usize, units: &[u8]) -> Result<(), FlashError> {
        let place = at
            .checked_add(units.len())
            .and_then(|end| self.0.get_mut(at..end));
        for (byte, new) in place.ok_or(FlashError)?.iter_mut().zip(units) {
            *byte = *new;
        }
        Ok(())
    }
}

#[cfg(feature = "alloc")]
pub use simulated::{Cut, SimulatedFlash, Supply};

#[cfg(feature = "alloc")]
mod simulated {
    use core::cell::Cell;

    use super::{Flash, FlashError, UNIT};
    use crate::image::ImageBytes;

    /// What becomes of the operation in which the power goes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Cut {
        /// It does not begin.
        Before,
        /// Half of it is done: of a unit the first half is written, of an erasure the first half of the slot is `ff` and the
        /// rest as it was.
        Half,
        /// All of it is done, and nothing after it.
        After,
    }

    /// Flash that behaves as a part's data sheet says: bytes are only written where they were erased, in whole units, and the
    /// power may go in any operation. Several slots share a supply, and so the count of their operations.
    #[derive(Clone, Debug)]
    pub struct SimulatedFlash<'p> {
        bytes: ImageBytes,
        supply: &'p Cell<Supply>,
    }

    /// Operations until the power goes, and how; counts what has been done.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Supply {
        /// Erasures and units written so far.
        pub operations: u32,
        /// The operation in which it goes, counting from 0.
        pub cut: Option<(u32, Cut)>,
        /// Whether it has gone.
        pub is_off: bool,
    }

    impl<'p> SimulatedFlash<'p> {
        /// An erased slot of `len` bytes.
        #[must_use]
        pub fn new(len: usize, supply: &'p Cell<Supply>) -> Self {
            Self::holding(&alloc::vec![0xff; len], supply)
        }

        /// A slot that holds these bytes.
        #[must_use]
        pub fn holding(bytes: &[u8], supply: &'p Cell<Supply>) -> Self {
            Self {
                bytes: ImageBytes::new(bytes),
                supply,
            }
        }

        /// Whether the next operation is done: whole, half, or not at all.
        fn power(&self) -> Option<bool> {
            let mut supply = self.supply.get();
            let now = supply.operations;
            supply.operations += 1;
            let done = match supply.cut {
                _ if supply.is_off => None,
                Some((at, cut)) if at == now => {
                    supply.is_off = true;
                    match cut {
                        Cut::Before => None,
                        Cut::Half => Some(false),
                        Cut::After => Some(true),
                    }
                }
                _ => Some(true),
            };
            self.supply.set(supply);
            done
        }

        fn result(&self) -> Result<(), FlashError> {
            if self.supply.get().is_off {
                return Err(FlashError);
            }
            Ok(())
        }
    }

    impl Flash for SimulatedFlash<'_> {
        fn bytes(&self) -> &[u8] {
            &self.bytes
        }

        fn erase(&mut self) -> Result<(), FlashError> {
            let done = match self.power() {
                None => 0,
                Some(false) => self.bytes.len() / 2,
                Some(true) => self.bytes.len(),
            };
            for byte in self.bytes.iter_mut().take(done) {
                *byte = 0xff;
            }
            self.result()
        }

        fn write(&mut self, at: usize, units: &[u8]) -> Result<(), FlashError> {
            if !at.is_multiple_of(UNIT) || !units.len().is_multiple_of(UNIT) {
                return Err(FlashError);
            }
            let place = at
                .checked_add(units.len())
                .and_then(|end| self.bytes.get(at..end));
            if !place.ok_or(FlashError)?.iter().all(|byte| *byte == 0xff) {
                return Err(FlashError);
            }
            for (index, unit) in units.chunks(UNIT).enumerate() {
                let done = match self.power() {
                    None => 0,
                    Some(false) => UNIT / 2,
                    Some(true) => UNIT,
                };
                let place = self.bytes.iter_mut().skip(at + index * UNIT);
                for (byte, new) in place.zip(unit).take(done) {
                    *byte = *new;
                }
            }
            self.result()
        }
    }
}
