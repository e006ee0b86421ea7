//! `cargo xtask setup`: everything that must be on the machine before cargo can build and test all members.

use std::fs::{self, File};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cross;
use crate::download;
use crate::native::{self, LIBRARIES, Library, Origin};
use crate::system::{self, NEEDS};
use crate::unpack;
use crate::wheels::{Part, Wheel, Wheels};
use crate::workspace::Workspace;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct SetupArgs {
    /// Fetch and unpack everything again
    #[arg(long)]
    force: bool,
    /// Compile the firmware with Debian's rustc even where rustup has the targets
    #[arg(long)]
    no_rustup: bool,
}

/// Brings the machine into the state that the other commands and a plain cargo need. Does nothing that is done.
///
/// # Errors
/// If something can neither be fetched nor installed; what can be done is done first, and the error names the rest
/// with the command for each.
pub fn setup(workspace: &Workspace, args: &SetupArgs) -> Result<()> {
    let started = Instant::now();
    fs::create_dir_all(workspace.native())?;
    let lock_path = workspace.native().join("setup.lock");
    let lock = File::create(&lock_path)
        .with_context(|| format!("cannot write {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another set-up of this checkout");
        lock.lock()?;
    }
    // With the lock held, what lies in the scratch folder was left by a set-up that was interrupted.
    if workspace.scratch().exists() {
        fs::remove_dir_all(workspace.scratch())?;
    }
    fs::create_dir_all(workspace.scratch())?;

    let wheels = Wheels::read(&workspace.path("tests/xtask/wheels.toml"))?;
    if args.force {
        for wheel in wheels.iter() {
            native::forget(workspace, wheel)?;
        }
    }
    let mut trouble = Vec::new();
    trouble.extend(system_packages());
    trouble.extend(
        fetch_wheels(workspace, &wheels)
            .err()
            .map(|error| format!("{error:#}")),
    );
    for library in LIBRARIES {
        trouble.extend(
            native::link(workspace, library)
                .err()
                .map(|error| format!("{error:#}")),
        );
    }
    trouble.extend(
        cross::ensure(workspace, !args.no_rustup)
            .err()
            .map(|error| format!("{error:#}")),
    );
    fs::remove_dir_all(workspace.scratch())?;
    if !trouble.is_empty() {
        bail!("the set-up is not complete:\n- {}", trouble.join("\n- "));
    }
    eprintln!("set-up complete ({:.1} s)", started.elapsed().as_secs_f32());
    Ok(())
}

/// Installs what is missing, and returns a sentence about what still is.
fn system_packages() -> Option<String> {
    let missing = || {
        NEEDS
            .iter()
            .filter(|need| need.found().is_none())
            .collect::<Vec<_>>()
    };
    let packages = |needs: &[&system::Need]| {
        needs
            .iter()
            .flat_map(|need| need.packages)
            .copied()
            .collect::<Vec<_>>()
    };
    let before = missing();
    if before.is_empty() {
        return None;
    }
    if system::can_install()
        && let Err(error) = system::install(&packages(&before))
    {
        eprintln!("{error:#}");
    }
    let after = missing();
    if after.is_empty() {
        return None;
    }
    let titles: Vec<&str> = after.iter().map(|need| need.title).collect();
    Some(format!(
        "missing on this machine: {}; on Debian and Ubuntu: `{}`",
        titles.join(", "),
        system::install_command(&packages(&after))
    ))
}

fn fetch_wheels(workspace: &Workspace, wheels: &Wheels) -> Result<()> {
    let mut wanted = Vec::new();
    for wheel in wheels.iter() {
        if is_wanted(workspace, wheel)? && !native::is_unpacked(workspace, wheel) {
            wanted.push(wheel);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "the pinned wheels are for Linux on x86-64 and this is {} on {}: set LIBTORCH (torch 2.11.0), \
             MUJOCO_DYNAMIC_LINK_DIR (MuJoCo 3.17.0) and ORT_DYLIB_PATH to libraries of your own; the default members \
             build and test without any",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    if download::python_with_pip().is_none() && system::can_install() {
        system::install(&system::PIP_PACKAGES)?;
    }
    let python = download::python_with_pip().with_context(|| {
        format!(
            "no Python with pip, which fetches the native libraries; on Debian and Ubuntu: `{}`",
            system::install_command(&system::PIP_PACKAGES)
        )
    })?;
    let total: u64 = wanted.iter().map(|wheel| wheel.bytes).sum();
    eprintln!("fetching {} wheels, {} MB", wanted.len(), total / 1_000_000);
    let store = workspace.native().join("wheels");
    for wheel in wanted {
        let scratch = workspace.scratch();
        let archive = download::fetch(&python, &wheels.python, wheel, &store, &scratch)?;
        native::forget(workspace, wheel)?;
        let into = workspace.native().join(&wheel.into);
        let entries = unpack::unpack(wheel, &archive, &into, &scratch)?;
        native::mark_unpacked(workspace, wheel, &entries)?;
        fs::remove_file(&archive)?;
    }
    Ok(())
}

/// A library the user brings is not fetched; only the MuJoCo wheel is, because the Python that Gymnasium runs in when
/// environments are compared with it imports its bindings.
fn is_wanted(workspace: &Workspace, wheel: &Wheel) -> Result<bool> {
    if wheel.part == Part::Mujoco {
        return Ok(true);
    }
    match Library::of(wheel.part) {
        Some(library) => Ok(library.origin(workspace)? == Origin::Wheel),
        None => Ok(true),
    }
}
