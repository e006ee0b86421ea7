//! [`Board`]: a port that can be taken once; and what any Cortex-M has.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use rlfd_firmware::Port;

/// A board that programs can be made for.
pub trait Board: Port + Sized {
    /// Sets up link, clock and wake-ups. `None` when called again.
    fn take() -> Option<Self>;
}

/// The number of an interrupt that ends `wfi`.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(u16);

// SAFETY: the number is constant for the life of the value, and `new` asks for one that the chip has.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

impl Interrupt {
    /// # Safety
    ///
    /// The chip has an interrupt of this number, and interrupts are masked for good: none is ever taken.
    #[must_use]
    pub const unsafe fn new(number: u16) -> Self {
        Self(number)
    }

    /// From now on its request ends `wfi`.
    pub fn wake(self) {
        // SAFETY: interrupts are masked, so nothing relies on this one being off.
        unsafe { NVIC::unmask(self) };
    }

    /// Forgets a request that was served; one that still stands comes back.
    pub fn forget(self) {
        NVIC::unpend(self);
    }
}

/// Text on the emulator's or debugger's console.
pub fn semihosting_log(text: &str) {
    for byte in text.bytes() {
        semihosting::sys::arm_compat::sys_writec(byte);
    }
}
