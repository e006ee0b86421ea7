//! `cargo xtask miri`: the tests of what views bytes from outside, interpreted by Miri, which finds undefined behaviour and reads
//! out of bounds that a processor forgives. It needs a nightly toolchain with the component of that name.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// What is said where it is missing.
pub const MISSING: &str =
    "no nightly toolchain with Miri: rustup toolchain install nightly --component miri";

/// The modules whose tests are run.
const MODULES: [&str; 3] = ["image::", "wire::", "update::"];

/// Runs the tests.
///
/// # Errors
/// If there is no Miri, or a test fails.
pub fn miri(workspace: &Workspace) -> Result<()> {
    if !is_here() {
        bail!(MISSING);
    }
    process::run(&mut command(workspace))
}

/// Whether Miri can be started.
pub fn is_here() -> bool {
    let mut version = cargo_miri();
    version.arg("--version");
    version.stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// The tests; random ones with one case each, because every instruction is interpreted.
pub fn command(workspace: &Workspace) -> Command {
    let mut command = cargo_miri();
    command
        .args(["test", "-p", "rlfd-runtime", "--lib"])
        .args(["--no-default-features", "--features", "alloc,update"])
        .arg("--")
        .args(MODULES)
        .current_dir(workspace.root())
        // The library for properties asks where it is, to remember what failed.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "1");
    command
}

fn cargo_miri() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "miri"]);
    // What this program was started by is another toolchain.
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}
