//! The policies as `export rust` writes them, compiled as a user would: a library of its own on `rlfd-runtime` with the feature
//! `simd`, for any x86-64, optimised at link time.

use std::ffi::{CString, c_void};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rlfd_export::source::rust_source;
use rlfd_runtime::image::{ImageBytes, PolicyImage};

use super::engine::image;
use super::library;
use super::plain_c::Step;
use super::workload::Workload;

fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("the exporter lies in a workspace")
}

/// Where [`build`] leaves the library.
pub fn library() -> Result<PathBuf> {
    Ok(root()?.join("target/bench/generated/target/release/libgenerated.so"))
}

/// Writes the sources of all policies and builds one library of them; answers where it is.
pub fn build(workloads: &[Workload]) -> Result<PathBuf> {
    let root = root()?;
    let folder = root.join("target/bench/generated");
    let code = folder.join("src");
    std::fs::create_dir_all(&code)?;
    let mut lib = String::new();
    for workload in workloads {
        let name = workload.name;
        let bytes = ImageBytes::new(&image(workload)?);
        let source = rust_source(&PolicyImage::view(&bytes)?)?;
        std::fs::write(code.join(format!("{name}.rs")), source)?;
        _ = write!(
            lib,
            "#[allow(dead_code)]\nmod {name};\n\
             static mut POLICY_{name}: {name}::GeneratedPolicy = {name}::GeneratedPolicy::new();\n\
             #[unsafe(no_mangle)]\n\
             pub unsafe extern \"C\" fn {name}(observation: *const f32, action: *mut f32) {{\n\
             let policy = unsafe {{ &mut *(&raw mut POLICY_{name}) }};\n\
             policy.step(unsafe {{ &*observation.cast() }}, unsafe {{ &mut *action.cast() }});\n}}\n"
        );
    }
    std::fs::write(
        code.join("lib.rs"),
        format!("#![allow(non_upper_case_globals)]\n{lib}"),
    )?;
    std::fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"generated\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\
             [dependencies]\nrlfd-runtime = {{ path = {:?}, features = [\"simd\"] }}\n\
             [profile.release]\nlto = \"fat\"\ncodegen-units = 1\n[workspace]\n",
            root.join("runtime")
        ),
    )?;
    // The versions the workspace has, which are at hand.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .status()
        .context("cannot start cargo")?;
    ensure!(
        status.success(),
        "the policies in {} do not build",
        folder.display()
    );
    library()
}

/// The step of one policy; its state lives in the library.
pub fn load(library: &Path, workload: &Workload) -> Result<Step> {
    let step = library::function(library, &CString::new(workload.name)?)?;
    // SAFETY: the symbol is the function written above, of that type.
    Ok(unsafe { std::mem::transmute::<*mut c_void, Step>(step) })
}
