//! As `mps2-an386-engine`, with the policy that `export rust` wrote instead of an image.

#![no_std]
#![no_main]

use mps2_an386::{Mps2, halt};
use rlfd_firmware::{Memory, infer_with};

mod policy {
    use rlfd_firmware::rlfd_runtime;

    include!(env!("RLFD_POLICY_RS"));
}

static mut POLICY: policy::GeneratedPolicy = policy::GeneratedPolicy::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: `main` runs once and has the only reference.
    let policy = unsafe { (&raw mut POLICY).as_mut() };
    if let (Some(mut board), Some(memory), Some(policy)) = (Mps2::take(), Memory::take(), policy) {
        let mut action = [0.0; policy::ACTION_DIM];
        let act = || {
            measure_begin();
            policy.step(&policy::GOLDEN_OBSERVATION, &mut action);
            measure_end();
            action.map(f32::to_bits) == policy::GOLDEN_ACTION.map(f32::to_bits)
        };
        infer_with(memory, act, &mut board);
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
