//! Answers one observation, between two marks that a trace can be cut at, and ends the emulator.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::{Memory, infer};

#[cortex_m_rt::entry]
fn main() -> ! {
    if let (Some(mut board), Some(memory)) = (Mps2::take(), Memory::take()) {
        infer(memory, || measure_begin(), || measure_end(), &mut board);
        semihosting::process::exit(0);
    }
    semihosting::process::exit(1)
}

/// The marks differ, or the compiler would make them one.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn measure_begin() {
    cortex_m::asm::nop();
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn measure_end() {
    cortex_m::asm::dmb();
}

/// Nothing in the program panics; `rlfd-firmware`'s README shows how that is checked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    halt()
}
