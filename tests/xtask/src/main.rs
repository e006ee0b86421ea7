//! `cargo xtask`: all automation of the workspace, in Rust and without native libraries, so that it builds in seconds on
//! a machine where nothing is set up yet.

mod bench;
mod bench_training;
mod board_table;
mod c_library;
mod cargo;
mod checks;
mod cross;
mod demo;
mod doctor;
mod download;
mod firmware;
mod kernels;
mod miri;
mod native;
mod process;
mod progress;
mod setup;
mod sizes;
mod stack_bound;
mod steps;
mod system;
mod thumb;
mod trace;
mod unpack;
mod wheels;
mod workspace;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use bench::BenchArgs;
use c_library::LibraryArgs;
use firmware::FirmwareArgs;
use setup::SetupArgs;
use workspace::Workspace;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Set-up, tests and measurements of the workspace"
)]
struct Cli {
    #[command(subcommand)]
    command: Xtask,
}

#[derive(Debug, Subcommand)]
enum Xtask {
    /// Fetch the pinned native libraries and install what the system must bring
    Setup(SetupArgs),
    /// Print what was found, where, and what is missing
    Doctor,
    /// Learn a policy, export it, and drive it through every backend and two boards
    Demo,
    /// Everything a change must pass
    Test,
    /// What views bytes from outside, interpreted by Miri
    Miri,
    /// Build, start or measure the firmware
    Firmware(FirmwareArgs),
    /// Build rlfd.h and librlfd.a, the runtime for C and C++
    C(LibraryArgs),
    /// Measure a step of the engine, here and on a board
    Bench(BenchArgs),
    /// Run the exporter; `cargo export` is short for it
    Export {
        /// What follows `export`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    match dispatch(&workspace, Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command; false: it ran, and the answer is no.
fn dispatch(workspace: &Workspace, command: Xtask) -> Result<bool> {
    match command {
        Xtask::Setup(args) => setup::setup(workspace, &args).map(|()| true),
        Xtask::Doctor => doctor::doctor(workspace),
        Xtask::Demo => demo::demo(workspace),
        Xtask::Test => checks::test(workspace).map(|()| true),
        Xtask::Miri => miri::miri(workspace).map(|()| true),
        Xtask::Firmware(args) => firmware::firmware(workspace, &args),
        Xtask::C(args) => c_library::build(workspace, &args).map(|()| true),
        Xtask::Bench(args) => bench::bench(workspace, &args),
        Xtask::Export { arguments } => export(workspace, &arguments),
    }
}

/// Becomes the exporter. It is built together with everything else, because alone it would see its dependencies with
/// fewer features and compile them all again.
fn export(workspace: &Workspace, arguments: &[OsString]) -> Result<bool> {
    use std::os::unix::process::CommandExt;

    let mut build = cargo::cargo(workspace);
    build.current_dir(workspace.root());
    build.args(["build", "--quiet", "--release", "--workspace", "--bins"]);
    if !build.status()?.success() {
        anyhow::bail!("the exporter does not build");
    }
    let program = cargo::target_folder(workspace)?.join("release/rlfd-export");
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
