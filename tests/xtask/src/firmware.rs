//! `cargo xtask firmware`: builds, starts and measures the boards of `firmware-examples/`. Knows that each board is a
//! package of that workspace with a program of its own name; everything else about a board is in its folder.
//!
//! What a command here does by way of cargo is what a plain cargo in the board's folder does: the folder's
//! configuration names target and runner, and includes what set-up wrote about the compiler (see `cross.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rlfd_runtime::image::OwnedImage;
use serde::Deserialize;

use crate::board_table;
use crate::cargo::cargo;
use crate::kernels;
use crate::process;
use crate::setup::{self, SetupArgs};
use crate::sizes;
use crate::workspace::Workspace;

#[derive(clap::Args, Clone, Debug)]
pub struct FirmwareArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Compile the firmware
    Build(Selection),
    /// Compile the firmware and start it in its emulator
    Run(Selection),
    /// Print flash, static RAM, stack and instructions per control step, beside the committed numbers
    #[command(visible_alias = "size")]
    Sizes {
        #[command(flatten)]
        selection: Selection,
        /// Make what is measured the committed numbers
        #[arg(long)]
        bless: bool,
    },
    /// Play with MuJoCo on every board and print returns, instructions, flash, RAM and stack as a table
    Table {
        #[command(flatten)]
        selection: Selection,
        /// Episodes for each board
        #[arg(long, default_value_t = 3)]
        episodes: usize,
    },
    /// Compare what the kernels compute on one board with what they compute on the others
    Kernels(Selection),
}

/// Which boards, and which policy is linked in.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Selection {
    /// Name of a board's folder [default: every board]
    #[arg(long)]
    pub board: Option<String>,
    /// Policy image to link in [default: the one named in firmware-examples/README.md]
    #[arg(long, value_name = "FILE.rlfd")]
    pub image: Option<PathBuf>,
    /// Public key of `export keygen`: the firmware then takes other policies over the link if they are signed with it
    #[arg(long, value_name = "NAME.pub")]
    pub update_key: Option<PathBuf>,
}

/// A board: a package with programs, of which the one with the board's own name is the firmware.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Board {
    pub name: String,
    pub folder: PathBuf,
    programs: Vec<String>,
    /// Whether it has slots for another policy.
    is_updatable: bool,
}

impl Board {
    /// The board's program for `purpose`, such as `measure`; `None` if it has none, as a board that no emulator can be.
    pub fn program(&self, purpose: &str) -> Option<String> {
        let name = format!("{}-{purpose}", self.name);
        self.programs.contains(&name).then_some(name)
    }
}

/// Runs one subcommand.
///
/// # Errors
/// If set-up is incomplete, the board is unknown, or the firmware does not compile.
pub fn firmware(workspace: &Workspace, args: &FirmwareArgs) -> Result<bool> {
    setup::setup(workspace, &SetupArgs::default())?;
    match &args.action {
        Action::Build(selection) => build(workspace, selection).map(|()| true),
        Action::Run(selection) => run(workspace, selection).map(|()| true),
        Action::Sizes { selection, bless } => sizes::sizes(workspace, selection, *bless),
        Action::Table {
            selection,
            episodes,
        } => board_table::table(workspace, selection, *episodes).map(|()| true),
        Action::Kernels(selection) => kernels::kernels(workspace, selection),
    }
}

/// Compiles the selected boards.
///
/// # Errors
/// As [`firmware`].
pub fn build(workspace: &Workspace, selection: &Selection) -> Result<()> {
    for board in selected(workspace, selection)? {
        process::run(cargo_in(workspace, &board, selection, "build")?.arg("--release"))?;
    }
    Ok(())
}

/// Runs clippy in every board's folder, each for its own target.
///
/// # Errors
/// If clippy objects.
pub fn lint(workspace: &Workspace) -> Result<()> {
    let every = Selection::default();
    for board in selected(workspace, &every)? {
        let mut clippy = cargo_in(workspace, &board, &every, "clippy")?;
        process::run(clippy.args(["--release", "--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn run(workspace: &Workspace, selection: &Selection) -> Result<()> {
    for board in selected(workspace, selection)? {
        eprintln!("{} (Ctrl-c ends it)", board.name);
        process::run(cargo_in(workspace, &board, selection, "run")?.arg("--release"))?;
    }
    Ok(())
}

/// A cargo in the board's folder that does `what`, with the image to link in and the features it needs.
pub fn cargo_in(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
    what: &str,
) -> Result<Command> {
    let mut command = cargo(workspace);
    // The host's tools look for the program in the workspace's own target folder.
    command
        .current_dir(&board.folder)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .arg(what);
    if let Some(image) = &selection.image {
        let image = image
            .canonicalize()
            .with_context(|| format!("no policy image {}", image.display()))?;
        for feature in features(&image)? {
            command.args(["--features", &format!("rlfd-firmware/{feature}")]);
        }
        command.env("RLFD_IMAGE", image);
    }
    if let Some(key) = &selection.update_key {
        if !board.is_updatable {
            bail!(
                "{} has no slots for other policies (no feature `update`): leave out --update-key or give --board",
                board.name
            );
        }
        let key = key
            .canonicalize()
            .with_context(|| format!("no public key {}", key.display()))?;
        command
            .args(["--features", "update"])
            .env("RLFD_UPDATE_KEY", key);
    }
    Ok(command)
}

/// The features of the runtime that an image needs.
fn features(path: &Path) -> Result<BTreeSet<&'static str>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = OwnedImage::new(&bytes).with_context(|| path.display().to_string())?;
    let image = image.view().with_context(|| path.display().to_string())?;
    Ok(image.ops().flat_map(|op| op.features()).collect())
}

/// The boards that were asked for.
pub fn selected(workspace: &Workspace, selection: &Selection) -> Result<Vec<Board>> {
    let boards = boards(workspace)?;
    match &selection.board {
        None => Ok(boards),
        Some(name) => {
            let names: Vec<_> = boards.iter().map(|board| board.name.clone()).collect();
            let chosen: Vec<_> = boards
                .into_iter()
                .filter(|board| board.name == *name)
                .collect();
            if chosen.is_empty() {
                bail!("no board `{name}`; there are {}", names.join(", "));
            }
            Ok(chosen)
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

fn boards(workspace: &Workspace) -> Result<Vec<Board>> {
    let mut command = cargo(workspace);
    command.current_dir(workspace.firmware()).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]);
    let text = process::output(&mut command)?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo metadata is not what it was")?;
    let mut boards: Vec<Board> = metadata
        .packages
        .into_iter()
        .filter_map(|package| {
            let is_program = |target: &Target| target.kind.iter().any(|kind| kind == "bin");
            let programs: Vec<String> = package
                .targets
                .into_iter()
                .filter(is_program)
                .map(|target| target.name)
                .collect();
            let folder = package.manifest_path.parent()?.to_owned();
            programs.contains(&package.name).then_some(Board {
                name: package.name,
                folder,
                programs,
                is_updatable: package.features.contains_key("update"),
            })
        })
        .collect();
    boards.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(boards)
}
