//! [`Register`]: one memory-mapped word of a peripheral. It knows neither which peripheral nor what the bits mean.

/// A device register that is read and written as a whole, in program order.
#[derive(Clone, Copy, Debug)]
pub struct Register<T>(*mut T);

impl<T: Copy> Register<T> {
    /// # Safety
    ///
    /// `address` is that of a device register of this width on the machine the program runs on, and neither reading
    /// nor writing it can break memory that Rust manages.
    #[must_use]
    pub const unsafe fn at(address: usize) -> Self {
        Self(address as *mut T)
    }

    /// What the device answers.
    #[must_use]
    pub fn read(self) -> T {
        // SAFETY: whoever called `at` vouched for the address.
        unsafe { self.0.read_volatile() }
    }

    /// Hands `value` to the device.
    pub fn write(self, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.0.write_volatile(value) }
    }
}
