//! Arm MPS2 with the AN386 image (Cortex-M4F) as a place for `rlfd-firmware`.

#![no_std]

mod board;

pub use board::{Mps2, paint_stack};

/// Stops for good.
pub fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
