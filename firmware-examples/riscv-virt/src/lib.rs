//! QEMU's RISC-V `virt` machine with one 32-bit hart as a place for `rlfd-firmware`.

#![no_std]

mod board;

pub use board::{Virt, paint_stack};

/// Stops for good.
pub fn halt() -> ! {
    loop {
        riscv::asm::wfi();
    }
}
