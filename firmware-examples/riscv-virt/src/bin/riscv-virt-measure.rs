//! Measures what the firmware costs, writes it to the log and ends the emulator.

#![no_std]
#![no_main]

use riscv_virt::{Virt, halt, paint_stack};
use rlfd_firmware::{Memory, measure};

#[riscv_rt::entry]
fn main() -> ! {
    let stack = paint_stack();
    if let (Some(mut board), Some(memory)) = (Virt::take(), Memory::take()) {
        measure(memory, &stack, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}
