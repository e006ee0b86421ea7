//! Answers one observation, between two marks that a trace can be cut at, and ends the emulator.

#![no_std]
#![no_main]

#[rlfd_cortex_m::entry]
fn main() -> ! {
    rlfd_cortex_m::infer_once::<mps2_an386::An386Board>(|| measure_begin(), || measure_end())
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
