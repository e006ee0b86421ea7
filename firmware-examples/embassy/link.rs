//! The build script of the boards that exist: puts their `memory.x` where the linker looks, and links with the scripts of
//! `cortex-m-rt` and `defmt`.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy("memory.x", out.join("memory.x")).expect("memory.x is copied to the build folder");
    println!("cargo::rustc-link-search={}", out.display());
    for script in ["link.x", "defmt.x"] {
        println!("cargo::rustc-link-arg-bins=-T{script}");
    }
    println!("cargo::rerun-if-changed=memory.x");
}
