//! The program that answers one observation without what answers it: the difference of the two is the engine.

#![no_std]
#![no_main]

#[rlfd_cortex_m::entry]
fn main() -> ! {
    rlfd_cortex_m::infer_with_once::<mps2_an386::An386Board>(|| true)
}
