//! `cargo xtask test`: everything a change must pass, in the order in which it is cheapest to learn that it does not.
//!
//! What needs native libraries is compiled in one profile only, release: the C++ of torch-sys takes minutes. The members
//! that need none are also tested as a bare `cargo test` does it, with overflow checks.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::cargo;
use crate::cross::{self, Cross};
use crate::firmware::{self, Selection};
use crate::miri;
use crate::setup::{self, SetupArgs};
use crate::sizes;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Runs every check and prints a table; the first that fails is the last.
///
/// # Errors
/// If a step fails.
pub fn test(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    let result = run(workspace, &mut steps);
    let tally = steps.tally();
    println!("\n{}", steps.table());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    result
}

fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let at_root = |arguments: &[&str]| -> Command {
        let mut command = cargo(workspace);
        command.args(arguments);
        command
    };
    let in_firmware = |arguments: &[&str]| -> Command {
        let mut command = cargo(workspace);
        command
            .current_dir(workspace.firmware())
            .env_remove("CARGO_TARGET_DIR")
            .args(arguments);
        command
    };
    steps.call("set-up", || setup::setup(workspace, &SetupArgs::default()))?;
    steps.command("format", &mut at_root(&["fmt", "--all", "--check"]))?;
    steps.command(
        "format, firmware",
        &mut in_firmware(&["fmt", "--all", "--check"]),
    )?;
    steps.command("tests without native libraries", &mut at_root(&["test"]))?;
    steps.command(
        "lints",
        &mut at_root(&[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    steps.command(
        "documentation",
        at_root(&["doc", "--release", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    steps.call("firmware", || {
        firmware::build(workspace, &Selection::default())
    })?;
    if let Some(Cross::Toolchain(_)) = cross::found(workspace) {
        steps.call("lints, firmware", || firmware::lint(workspace))?;
    } else {
        // Clippy belongs to the toolchain in use and cannot read a `core` that another compiler compiled.
        eprintln!("the firmware is not linted: its targets are not in this toolchain");
    }
    steps.call("firmware sizes", || {
        if !sizes::sizes(workspace, &Selection::default(), false)? {
            bail!("the firmware's sizes are out of tolerance");
        }
        Ok(())
    })?;
    steps.call("firmware stack with every operation", || {
        sizes::whole_engine(workspace)
    })?;
    // Programs and tests together: built apart, they would see members with different features and compile those twice.
    let everything = ["build", "--release", "--workspace", "--bins", "--tests"];
    steps.command("build", &mut at_root(&everything))?;
    steps.command(
        "tests of all members",
        &mut at_root(&["test", "--release", "--workspace"]),
    )?;
    // The feature is of the trainer alone, so that nothing else is compiled again.
    let with_mpi = ["--workspace", "--features", "rlfd-trainer/mpi"];
    steps.command(
        "tests under mpirun",
        at_root(&["test", "--release"])
            .args(with_mpi)
            .args(["--test", "trainer", "--", "mpi::"]),
    )?;
    match miri::is_here() {
        true => steps.command("Miri", &mut miri::command(workspace))?,
        false => steps.skip("Miri", miri::MISSING),
    }
    Ok(())
}
