//! As `mps2-an386-engine`, with the policy that `export rust` wrote instead of an image.

#![no_std]
#![no_main]

mod policy {
    use rlfd_firmware::rlfd_runtime;

    include!(env!("RLFD_POLICY_RS"));
}

static mut POLICY: policy::GeneratedPolicy = policy::GeneratedPolicy::new();

#[rlfd_cortex_m::entry]
fn main() -> ! {
    // SAFETY: `main` runs once and has the only reference.
    let policy = unsafe { (&raw mut POLICY).as_mut() };
    rlfd_cortex_m::infer_with_once::<mps2_an386::An386Board>(|| {
        let mut action = [0.0; policy::ACTION_DIM];
        measure_begin();
        if let Some(policy) = policy {
            policy.step(&policy::GOLDEN_OBSERVATION, &mut action);
        }
        measure_end();
        action.map(f32::to_bits) == policy::GOLDEN_ACTION.map(f32::to_bits)
    })
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
