//! The program that answers one observation without what answers it: the difference of the two is the engine.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::{Memory, infer_nothing};

#[cortex_m_rt::entry]
fn main() -> ! {
    if let (Some(mut board), Some(memory)) = (Mps2::take(), Memory::take()) {
        infer_nothing(memory, &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}
