//! Names the processors that have kernels of their own: what a target is called says more than stable `cfg` does.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(cortex_m_fpu)");
    let target = env::var("TARGET").unwrap_or_default();
    // Armv7E-M always has the DSP extension, and `hf` promises the floating-point unit.
    if target.starts_with("thumbv7em-") && target.ends_with("hf") {
        println!("cargo::rustc-cfg=cortex_m_fpu");
    }
}
