//! Writes checksums of what the runtime's kernels compute to the log and ends the emulator.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::{Scratch, kernels};

static mut SCRATCH: Scratch = Scratch::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: `main` runs once and has the only reference.
    let scratch = unsafe { (&raw mut SCRATCH).as_mut() };
    if let (Some(mut board), Some(scratch)) = (Mps2::take(), scratch) {
        kernels(scratch, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}
