//! `cargo xtask c`: the runtime for C and C++ as `rlfd.h` and `librlfd.a`, one folder per target. Knows no C compiler: whoever
//! has firmware in C has one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::cross;
use crate::process;
use crate::setup::{self, SetupArgs};
use crate::workspace::Workspace;

const HOST: &str = "x86_64-unknown-linux-gnu";

#[derive(clap::Args, Clone, Debug)]
pub struct LibraryArgs {
    /// Target to build for [default: this machine and every target of the firmware]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Leave out operations that perceptrons and recurrent cells do without, and weights of fewer bits
    #[arg(long)]
    minimal: bool,
}

/// Builds the library and prints where it is.
///
/// # Errors
/// If the target is unknown, set-up is incomplete or the library does not compile.
pub fn build(workspace: &Workspace, args: &LibraryArgs) -> Result<()> {
    setup::setup(workspace, &SetupArgs::default())?;
    let known: Vec<&str> = std::iter::once(HOST).chain(cross::TARGETS).collect();
    let targets =
        match &args.target {
            None => known,
            Some(target) => {
                let found = known.iter().copied().find(|name| name == target);
                vec![found.with_context(|| {
                    format!("no target `{target}`; there are {}", known.join(", "))
                })?]
            }
        };
    for target in targets {
        let folder = one(workspace, target, args.minimal)?;
        println!("{}", folder.display());
    }
    Ok(())
}

fn one(workspace: &Workspace, target: &str, minimal: bool) -> Result<PathBuf> {
    // Beside the firmware's own, which another compiler may build than the root's.
    let built = workspace.firmware().join("target");
    let mut command = cargo(workspace);
    if target != HOST {
        command.args(cross::arguments(workspace));
    }
    command
        .args(["rustc", "--package", "rlfd-c", "--profile", "c"])
        .args(["--crate-type", "staticlib", "--target", target])
        .env("CARGO_TARGET_DIR", &built)
        .env_remove("RUSTFLAGS");
    if minimal {
        command.args(["--no-default-features", "--features", "functions,zip"]);
    }
    process::run(&mut command)?;
    let library = built.join(target).join("c/librlfd.a");
    if !library.is_file() {
        bail!("cargo built no {}", library.display());
    }
    let folder = workspace.path("target/rlfd-c").join(target);
    fs::create_dir_all(&folder)?;
    for (from, name) in [
        (library, "librlfd.a"),
        (workspace.path("runtime/c/include/rlfd.h"), "rlfd.h"),
    ] {
        fs::copy(&from, folder.join(name))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(folder)
}
