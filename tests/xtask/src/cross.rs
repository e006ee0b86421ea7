//! The cross targets of the firmware: from rustup where it can download, else `core` compiled once with Debian's
//! toolchain. Knows compilers, not boards.
//!
//! The second way leaves a sysroot and `.native/firmware/cargo.toml`, which names the compiler, the sysroot and a linker.
//! `firmware-examples/.cargo/config.toml` includes that file if it exists, so a plain `cargo run --release` in a
//! board's folder works either way.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::system;
use crate::workspace::Workspace;

pub const TARGETS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "riscv32imafc-unknown-none-elf",
];

/// Debian's compiler, its cargo, the sources of `core`, and a linker for all targets.
pub const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_CORE: &str = "/usr/lib/rustlib/src/rust/library/core";

/// How the firmware is compiled on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cross {
    /// The toolchain in use has the targets.
    Toolchain(PathBuf),
    /// `core` compiled by set-up with Debian's compiler.
    Sysroot(PathBuf),
}

/// What a cargo outside of the firmware's folder needs to compile for the targets: nothing, or the file that names Debian's compiler.
pub fn arguments(workspace: &Workspace) -> Vec<OsString> {
    let config = config_path(workspace);
    if config.exists() {
        vec!["--config".into(), config.into()]
    } else {
        Vec::new()
    }
}

/// What is ready now; nothing is installed or compiled.
pub fn found(workspace: &Workspace) -> Option<Cross> {
    let config = config_path(workspace);
    if config.exists() {
        // The included file decides which compiler a cargo in the firmware's folder takes, so it is looked at first.
        let version = debian_version();
        let complete = TARGETS
            .iter()
            .all(|target| version.is_some() && stamp(workspace, target) == version);
        return complete.then(|| Cross::Sysroot(sysroot(workspace)));
    }
    toolchain_with_targets().map(Cross::Toolchain)
}

/// Makes the targets ready. `use_rustup` false takes Debian's way even where the toolchain has the targets.
///
/// # Errors
/// If neither way works; the error names the command for each.
pub fn ensure(workspace: &Workspace, use_rustup: bool) -> Result<Cross> {
    if let Some(cross) = found(workspace)
        && (use_rustup || matches!(cross, Cross::Sysroot(_)))
    {
        return Ok(cross);
    }
    if use_rustup && toolchain_with_targets().is_none() && process::find("rustup").is_some() {
        let added = process::run(Command::new("rustup").args(["target", "add"]).args(TARGETS));
        if let Err(error) = added {
            eprintln!("{error:#}; taking Debian's compiler instead");
        }
    }
    if use_rustup && let Some(toolchain) = toolchain_with_targets() {
        let stale = config_path(workspace);
        if stale.exists() {
            fs::remove_file(stale)?;
        }
        return Ok(Cross::Toolchain(toolchain));
    }
    if missing_packages() && system::can_install() {
        system::install(&PACKAGES)?;
    }
    if missing_packages() {
        bail!("no compiler for the firmware; {}", advice());
    }
    compile_sysroot(workspace)?;
    Ok(Cross::Sysroot(sysroot(workspace)))
}

/// The commands that would help.
pub fn advice() -> String {
    format!(
        "run `rustup target add {}`, or where rustup cannot download: `{}`",
        TARGETS.join(" "),
        system::install_command(&PACKAGES)
    )
}

fn missing_packages() -> bool {
    [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_CORE]
        .iter()
        .any(|path| !Path::new(path).exists())
        || process::find("ld.lld").is_none()
}

fn toolchain_with_targets() -> Option<PathBuf> {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"])).ok()?;
    let sysroot = PathBuf::from(sysroot.trim());
    let has = |target: &str| {
        sysroot
            .join("lib/rustlib")
            .join(target)
            .join("lib")
            .exists()
    };
    TARGETS.iter().all(|target| has(target)).then_some(sysroot)
}

fn debian_version() -> Option<String> {
    process::output(Command::new(DEBIAN_RUSTC).arg("-vV")).ok()
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.native().join("firmware")
}

fn sysroot(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("sysroot")
}

fn config_path(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("cargo.toml")
}

fn target_folder(workspace: &Workspace, target: &str) -> PathBuf {
    sysroot(workspace).join("lib/rustlib").join(target)
}

/// The version of the compiler that this target's part of the sysroot was compiled with.
fn stamp(workspace: &Workspace, target: &str) -> Option<String> {
    fs::read_to_string(target_folder(workspace, target).join("complete")).ok()
}

/// Compiles `core` and the compiler's support routines for the targets that lack them and gathers them as a sysroot.
fn compile_sysroot(workspace: &Workspace) -> Result<()> {
    let version = debian_version().context("Debian's rustc does not run")?;
    let package = folder(workspace).join("core-build");
    fs::create_dir_all(package.join("src"))?;
    // A workspace of its own: the checkout around it is another one.
    let manifest = "[package]\nname = \"core-build\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(package.join("Cargo.toml"), manifest)?;
    fs::write(package.join("src/lib.rs"), "#![no_std]\n")?;
    for target in TARGETS {
        if stamp(workspace, target).as_ref() == Some(&version) {
            continue;
        }
        eprintln!("compiling core for {target}");
        compile_core(&package, target)?;
        let home = target_folder(workspace, target);
        let library = home.join("lib");
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&library)?;
        let built = package.join("target").join(target).join("release/deps");
        for entry in fs::read_dir(&built)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libcore_build") {
                fs::copy(&path, library.join(&name))?;
            }
        }
        fs::write(home.join("complete"), &version)?;
    }
    fs::remove_dir_all(&package)?;
    fs::write(config_path(workspace), config(&sysroot(workspace))?)?;
    Ok(())
}

fn compile_core(package: &Path, target: &str) -> Result<()> {
    process::run(
        Command::new(DEBIAN_CARGO)
            .current_dir(package)
            .args(["build", "--release", "--target", target])
            .args([
                "-Zbuild-std=core,alloc",
                "-Zbuild-std-features=compiler-builtins-mem",
            ])
            .env("RUSTC", DEBIAN_RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", package.join("target"))
            .env_remove("CARGO")
            // The firmware is optimised across crates, which needs bitcode beside the machine code.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env_remove("LD_LIBRARY_PATH"),
    )
}

fn config(sysroot: &Path) -> Result<String> {
    let sysroot = sysroot
        .to_str()
        .context("the path of the checkout is not UTF-8")?;
    let mut text = format!(
        "# Written by `cargo xtask setup`: this machine compiles firmware with Debian's rustc.\n\
         [build]\nrustc = {}\n",
        toml::Value::from(DEBIAN_RUSTC)
    );
    for target in TARGETS {
        // Cargo wants the name without quotes, even one with a dot.
        text += &format!(
            "\n[target.{target}]\nlinker = \"ld.lld\"\nrustflags = [\"--sysroot\", {}]\n",
            toml::Value::from(sysroot)
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_configuration_is_toml_that_names_compiler_and_sysroot() {
        let text = config(Path::new("/home/a \"b\"/rlfd/.native/firmware/sysroot")).unwrap();
        let value: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(value["build"]["rustc"].as_str(), Some(DEBIAN_RUSTC));
        for target in TARGETS {
            let names = target.split('.');
            let table = names.fold(&value["target"], |table, name| &table[name]);
            let flags = table["rustflags"].as_array().unwrap();
            assert!(flags[1].as_str().unwrap().contains("a \"b\""));
        }
    }
}
