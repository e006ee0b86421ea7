//! `cargo xtask bench engine`: what a step of the engine costs, on a Cortex-M4F and on this machine, the latter beside ONNX
//! Runtime, tract and plain C. The policies and the engines are the exporter's bench program; here it is built, fed to the
//! emulator and to valgrind, and the counts are held against what they may be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rlfd_runtime::image::OwnedImage;
use serde::Deserialize;

use crate::cargo;
use crate::firmware::{self, Selection};
use crate::process;
use crate::setup::{self, SetupArgs};
use crate::sizes;
use crate::trace;
use crate::workspace::Workspace;

#[derive(clap::Args, Clone, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// A step of the engine: cycles on a Cortex-M4F, instructions and times here, beside other engines
    Engine(Parts),
}

/// Which parts; all where none is named.
#[derive(clap::Args, Clone, Debug, Default)]
struct Parts {
    /// Instructions and cycles on the Cortex-M4F, from a trace in the emulator
    #[arg(long)]
    board: bool,
    /// Instructions on this machine, by valgrind
    #[arg(long)]
    counts: bool,
    /// Times on this machine, in turns with the other engines
    #[arg(long)]
    times: bool,
    /// On the board, name the functions that take the most
    #[arg(long)]
    functions: bool,
}

/// The board whose processor the cost model is of.
const BOARD: &str = "mps2-an386";

/// What the program logs is on standard output.
const EMULATOR: [&str; 15] = [
    "-machine",
    "mps2-an386",
    "-cpu",
    "cortex-m4",
    "-nodefaults",
    "-display",
    "none",
    "-monitor",
    "none",
    "-net",
    "none",
    "-chardev",
    "stdio,id=log",
    "-semihosting-config",
    "enable=on,target=native,chardev=log",
];

/// The most that a step may take on the board: policy, instructions, cycles.
const LIMITS: [(&str, u64, u64); 4] = [
    ("p1", u64::MAX, 249_984),
    ("p3", u64::MAX, 24_000),
    ("p4", u64::MAX, 75_000),
    ("p5", 82_137, 114_278),
];

const ENGINES: [&str; 4] = ["rlfd", "ort", "tract", "plain-c"];

/// Steps of the longer and of the shorter run whose difference is counted: enough that what ONNX Runtime does differently from
/// start to start is lost in them.
const STEPS: [u64; 2] = [1_010, 10];

/// Runs one subcommand; false if something takes more than it may.
///
/// # Errors
/// If something cannot be built or run.
pub fn bench(workspace: &Workspace, args: &BenchArgs) -> Result<bool> {
    let What::Engine(parts) = &args.what;
    setup::setup(workspace, &SetupArgs::default())?;
    let program = program(workspace)?;
    let all = !(parts.board || parts.counts || parts.times);
    let mut holds = true;
    if all || parts.board {
        holds = on_board(workspace, &program, parts.functions)?;
    }
    if all || parts.counts {
        counts(workspace, &program)?;
    }
    if all || parts.times {
        println!("\nTimes on this machine");
        process::run(&mut on_one_processor(workspace, &program))?;
    }
    Ok(holds)
}

#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// Builds the exporter's bench program.
fn program(workspace: &Workspace) -> Result<PathBuf> {
    let mut build = cargo::cargo(workspace);
    build
        .args([
            "build",
            "--release",
            "-p",
            "rlfd-export",
            "--bench",
            "engine",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    process::output(&mut build)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .next_back()
        .context("cargo built no bench program")
}

/// The bench program where it finds ONNX Runtime.
fn command(workspace: &Workspace, program: &Path) -> Command {
    let mut command = Command::new(program);
    in_place(workspace, &mut command);
    command
}

fn in_place(workspace: &Workspace, command: &mut Command) {
    command.current_dir(workspace.root());
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        let library = workspace.path(".native/onnxruntime/libonnxruntime.so");
        command.env("ORT_DYLIB_PATH", library);
    }
}

/// The bench program, kept on one processor where there is a program that does so.
fn on_one_processor(workspace: &Workspace, program: &Path) -> Command {
    let Some(taskset) = process::find("taskset") else {
        return command(workspace, program);
    };
    let mut pinned = Command::new(taskset);
    pinned.args(["-c", "1"]).arg(program);
    in_place(workspace, &mut pinned);
    pinned
}

fn on_board(workspace: &Workspace, program: &Path, functions: bool) -> Result<bool> {
    let folder = workspace.path("target/bench");
    let written = process::output(command(workspace, program).arg("--write").arg(&folder))?;
    println!(
        "\nCortex-M4F: instructions from a trace, cycles by the reference manual at zero wait states"
    );
    println!(
        "{:<6} {:>9} {:>12} {:>7} {:>9} {:>7} {:>9} {:>10} {:>8}",
        "policy",
        "products",
        "instructions",
        "each",
        "cycles",
        "each",
        "limit",
        "code bytes",
        "memory"
    );
    let mut holds = true;
    for line in written.lines() {
        let (policy, products) = line.split_once(' ').context("a policy and its products")?;
        let products: f64 = products.parse()?;
        let selection = Selection {
            board: Some(BOARD.to_owned()),
            image: Some(folder.join(format!("{policy}.rlfd"))),
        };
        let boards = firmware::selected(workspace, &selection)?;
        let [board] = boards.as_slice() else {
            bail!("no board {BOARD}");
        };
        let firmware = sizes::executable(workspace, board, &selection, &format!("{BOARD}-engine"))?;
        let elf = std::fs::read(&firmware)
            .with_context(|| format!("cannot read {}", firmware.display()))?;
        let mut emulator = Command::new("qemu-system-arm");
        emulator.args(EMULATOR).arg("-kernel").arg(&firmware);
        let said = process::output(&mut emulator)?;
        let golden = sizes::readings(&said).contains(&("golden".to_owned(), 1));
        let mut emulator = Command::new("qemu-system-arm");
        emulator.args(EMULATOR).arg("-kernel").arg(&firmware);
        let profile = trace::profile(&mut emulator, &elf)?;
        let found = profile.total;
        let Footprint { code, memory } = engine(workspace, board, &selection, &elf)?;
        let limit = LIMITS.iter().find(|(name, ..)| *name == policy);
        let fits = limit.is_none_or(|(_, instructions, cycles)| {
            found.instructions <= *instructions && found.cycles <= *cycles
        });
        holds &= fits && golden;
        println!(
            "{policy:<6} {products:>9} {:>12} {:>7.3} {:>9} {:>7.3} {:>9} {code:>10} {memory:>8}{}{}",
            found.instructions,
            found.instructions as f64 / products,
            found.cycles,
            found.cycles as f64 / products,
            limit.map_or(String::new(), |(_, _, cycles)| cycles.to_string()),
            if fits { "" } else { "  TOO MUCH" },
            if golden { "" } else { "  WRONG ANSWER" },
        );
        for (name, count) in profile.functions.iter().filter(|_| functions) {
            println!(
                "{:17} {:>12} {:>17}  {name}",
                "", count.instructions, count.cycles
            );
        }
    }
    Ok(holds)
}

/// What the engine takes of the board besides the image.
struct Footprint {
    /// Bytes of code and tables: what reads and checks the image and runs it.
    code: u64,
    /// Bytes of memory that the policy borrows.
    memory: usize,
}

/// The program's flash less the image's and less that of the same program without the engine.
fn engine(
    workspace: &Workspace,
    board: &firmware::Board,
    selection: &Selection,
    elf: &[u8],
) -> Result<Footprint> {
    let path = selection.image.as_ref().context("an image is linked in")?;
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let image = OwnedImage::new(&bytes).with_context(|| path.display().to_string())?;
    let empty = sizes::executable(workspace, board, selection, &format!("{BOARD}-empty"))?;
    let empty = std::fs::read(&empty).with_context(|| empty.display().to_string())?;
    let (with, without) = (sizes::footprint(elf)?.0, sizes::footprint(&empty)?.0);
    Ok(Footprint {
        code: with.saturating_sub(without + bytes.len() as u64),
        memory: image.program().arena_len() * size_of::<f32>(),
    })
}

fn counts(workspace: &Workspace, program: &Path) -> Result<()> {
    let Some(valgrind) = process::find("valgrind") else {
        println!("\nno valgrind here, so no instructions are counted on this machine");
        return Ok(());
    };
    println!("\nInstructions of a step on this machine (valgrind's processor has AVX2)");
    print!("{:<6}", "policy");
    for engine in ENGINES {
        print!(" {engine:>10}");
    }
    println!();
    let folder = workspace.path("target/bench");
    let policies = process::output(command(workspace, program).arg("--write").arg(&folder))?;
    for line in policies.lines() {
        let (policy, _) = line.split_once(' ').context("a policy and its products")?;
        print!("{policy:<6}");
        for engine in ENGINES {
            let mut collected = [0; 2];
            for (collected, steps) in collected.iter_mut().zip(STEPS) {
                let mut run = Command::new(&valgrind);
                run.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                    .arg(program)
                    .args(["--steps", policy, engine, &steps.to_string()]);
                in_place(workspace, &mut run);
                *collected = collected_by(&mut run)?;
            }
            let [longer, shorter] = collected;
            print!(
                " {:>10}",
                longer.saturating_sub(shorter) / (STEPS[0] - STEPS[1])
            );
        }
        println!();
    }
    Ok(())
}

/// Instructions of a whole run under callgrind, which says so on its standard error.
fn collected_by(run: &mut Command) -> Result<u64> {
    let text = process::shown(run);
    let output = run
        .output()
        .with_context(|| format!("cannot start `{text}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .with_context(|| format!("`{text}` counted nothing; it said:\n{said}"))
}
