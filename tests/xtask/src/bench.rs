//! `cargo xtask bench engine`: what a step of the engine costs, on a Cortex-M4F and on this machine, the latter beside ONNX
//! Runtime, tract and plain C. The policies and the engines are the exporter's bench program; here it is built, fed to the
//! emulator and to valgrind, and the counts are held against what they may be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rlfd_runtime::image::OwnedImage;

use crate::bench_training::{TrainingArgs, training};
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
    /// Steps of learning per second, beside Stable-Baselines3
    Training(TrainingArgs),
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

const ENGINES: [&str; 5] = ["rlfd", "source", "ort", "tract", "plain-c"];

/// Steps of the longer and of the shorter run whose difference is counted: enough that what ONNX Runtime does differently from
/// start to start is lost in them.
const STEPS: [u64; 2] = [1_010, 10];

/// Runs one subcommand; false if something takes more than it may.
///
/// # Errors
/// If something cannot be built or run.
pub fn bench(workspace: &Workspace, args: &BenchArgs) -> Result<bool> {
    let parts = match &args.what {
        What::Engine(parts) => parts,
        What::Training(args) => return training(workspace, args).map(|()| true),
    };
    setup::setup(workspace, &SetupArgs::default())?;
    let program = program(workspace)?;
    let all = !(parts.board || parts.counts || parts.times);
    let mut holds = true;
    if all || parts.board {
        holds = on_board(workspace, &program, parts.functions)?;
        holds &= on_riscv(workspace)?;
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

/// Builds the exporter's bench program.
fn program(workspace: &Workspace) -> Result<PathBuf> {
    let mut build = cargo::cargo(workspace);
    build
        .args(["build", "--release", "-p", "rlfd-export"])
        .args(["--bench", "engine"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    cargo::executable(&process::output(&mut build)?, "bench", "engine")
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
            ..Selection::default()
        };
        let boards = firmware::selected(workspace, &selection)?;
        let [board] = boards.as_slice() else {
            bail!("no board {BOARD}");
        };
        let bytes = selection.image.as_ref().map(std::fs::read);
        let bytes = bytes.context("an image is linked in")??;
        let image = OwnedImage::new(&bytes)?;
        let flash = |path: &Path| -> Result<u64> { Ok(sizes::footprint(&std::fs::read(path)?)?.0) };
        let program = |kind: &str| {
            let build = firmware::cargo_in(workspace, board, &selection, "build")?;
            sizes::built(build, &format!("{BOARD}-{kind}"))
        };
        let empty = flash(&program("empty")?)?;
        let engine = program("engine")?;
        let (profile, golden) = run(&engine)?;
        let found = profile.total;
        let limit = LIMITS.iter().find(|(name, ..)| *name == policy);
        let fits = limit.is_none_or(|(_, instructions, cycles)| {
            found.instructions <= *instructions && found.cycles <= *cycles
        });
        holds &= fits && golden;
        let code = flash(&engine)?.saturating_sub(empty + bytes.len() as u64);
        let memory = image.program().arena_len() * size_of::<f32>();
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
        let mut build = firmware::cargo_in(workspace, board, &selection, "build")?;
        build
            .args(["--features", "generated"])
            .env("RLFD_POLICY_RS", folder.join(format!("{policy}.rs")));
        let source = sizes::built(build, &format!("{BOARD}-generated"))?;
        let (generated, golden) = run(&source)?;
        holds &= golden;
        let constants = size_of_val(image.view()?.constants()) as u64;
        println!(
            "{:<16} {:>12} {:>7.3} {:>9} {:>7.3} {:>9} {:>10} {memory:>8}{}",
            "  as source",
            generated.total.instructions,
            generated.total.instructions as f64 / products,
            generated.total.cycles,
            generated.total.cycles as f64 / products,
            "",
            flash(&source)?.saturating_sub(empty + constants),
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

/// The layers of integers on a processor of another kind, which uses its whole numbers alone for them: what an RV32IMC has.
fn on_riscv(workspace: &Workspace) -> Result<bool> {
    const PRODUCTS: f64 = 71_424.0;
    const MOST: f64 = 3.9;
    let selection = Selection {
        board: Some("riscv-virt".to_owned()),
        image: Some(workspace.path("target/bench/p5.rlfd")),
        ..Selection::default()
    };
    let boards = firmware::selected(workspace, &selection)?;
    let board = boards.first().context("no RISC-V board")?;
    let measured = sizes::instructions_per_step(workspace, board, &selection)?;
    let each = measured as f64 / PRODUCTS;
    println!(
        "\nRISC-V, P5: {measured} instructions for a whole control step, {each:.2} per product, at most {MOST}{}",
        if each <= MOST { "" } else { "  TOO MUCH" }
    );
    Ok(each <= MOST)
}

/// What a program does between its marks, and whether its answer is the golden one.
fn run(firmware: &Path) -> Result<(trace::Profile, bool)> {
    let elf =
        std::fs::read(firmware).with_context(|| format!("cannot read {}", firmware.display()))?;
    let emulator = || {
        let mut emulator = Command::new("qemu-system-arm");
        emulator.args(EMULATOR).arg("-kernel").arg(firmware);
        emulator
    };
    let said = process::output(&mut emulator())?;
    let golden = sizes::readings(&said).contains(&("golden".to_owned(), 1));
    Ok((trace::profile(&mut emulator(), &elf)?, golden))
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
    process::run(command(workspace, program).arg("--generate"))?;
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
