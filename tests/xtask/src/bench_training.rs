//! `cargo xtask bench training`: environment steps per second of learning, beside Stable-Baselines3 at the same sizes, in turns.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::process;
use crate::setup::{self, SetupArgs};
use crate::workspace::Workspace;

#[derive(clap::Args, Clone, Debug)]
pub struct TrainingArgs {
    /// A Python with stable-baselines3 and gymnasium-robotics
    #[arg(long, default_value = ".native/peers/bin/python")]
    python: PathBuf,
    /// Turns of each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of each
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// What is timed on both sides, from one step to another.
struct Case {
    /// As the peer's script calls it.
    name: &'static str,
    what: &'static str,
    arguments: &'static [&'static str],
    updates_per_step: f64,
    steps: [usize; 2],
}

const CASES: [Case; 2] = [
    Case {
        name: "sac",
        what: "SAC, HalfCheetah-v5, 2 x 256, batch 256, an update per step",
        arguments: &["--recipe=half-cheetah-sac", "--set=learning_starts=500"],
        updates_per_step: 1.0,
        steps: [1_000, 3_000],
    },
    Case {
        name: "her",
        what: "DDPG with hindsight, FetchPickAndPlace-v4, 3 x 256, batch 1024, 40 updates in 50 steps",
        arguments: &[
            "--env=FetchPickAndPlace-v4",
            "--algo=ddpg",
            "--set=her=future",
            "--set=batch_size=1024",
        ],
        updates_per_step: 0.8,
        steps: [500, 1_500],
    },
];

const INSTALL: &str = "python3 -m venv .native/peers && .native/peers/bin/pip install \
    stable-baselines3==2.9.2 gymnasium==1.4.0 gymnasium-robotics==1.4.2 mujoco==3.17.0 torch==2.11.0";

/// Times both sides of every case.
///
/// # Errors
/// If the peer is not there, or something does not run.
pub fn training(workspace: &Workspace, args: &TrainingArgs) -> Result<()> {
    let python = workspace.path(&args.python);
    if !python.is_file() {
        bail!(
            "{}: no Python with Stable-Baselines3; make one with\n    {INSTALL}\nor name one with --python",
            python.display()
        );
    }
    setup::setup(workspace, &SetupArgs::default())?;
    let mut build = cargo::cargo(workspace);
    build
        .args(["build", "--release", "--workspace", "--bin", "trainer"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let trainer = cargo::executable(&process::output(&mut build)?, "bin", "trainer")
        .context("cargo built no trainer")?;
    for case in &CASES {
        println!(
            "{}, {} threads: environment steps per second",
            case.what, args.threads
        );
        println!(
            "{:>5} {:>10} {:>18} {:>6}",
            "round", "rlfd", "Stable-Baselines3", "ratio"
        );
        for round in 1..=args.rounds {
            let (ours, theirs) = (
                ours(workspace, case, &trainer, args)?,
                theirs(workspace, case, &python, args)?,
            );
            println!(
                "{round:>5} {ours:>10.1} {theirs:>18.1} {:>6.2}",
                ours / theirs
            );
        }
        println!("a step is {} updates\n", case.updates_per_step);
    }
    Ok(())
}

fn ours(workspace: &Workspace, case: &Case, trainer: &Path, args: &TrainingArgs) -> Result<f64> {
    let folder = workspace.path(format!("target/bench-training/{}", case.name));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let [begin, end] = case.steps;
    let mut command = Command::new(trainer);
    command
        .current_dir(workspace.root())
        .arg("fit")
        .args(case.arguments)
        .arg(format!("--threads={}", args.threads))
        .arg(format!("--total-steps={end}"))
        .arg(format!("--set=log_interval={begin}"))
        // The last one is after the last row.
        .args([
            "--set=eval_interval=1000000",
            "--set=eval_episodes=1",
            "--quiet",
        ])
        .arg("--out")
        .arg(&folder);
    // What it prints is not of interest here.
    process::output(&mut command)?;
    let times = elapsed(&folder.join("progress.csv"))?;
    let at = |step| {
        let row = times.iter().find(|(other, _)| *other == step);
        row.map(|(_, elapsed_s)| *elapsed_s)
            .with_context(|| format!("no row of step {step}"))
    };
    Ok((end - begin) as f64 / (at(end)? - at(begin)?))
}

/// Step and seconds of every row.
fn elapsed(path: &Path) -> Result<Vec<(usize, f64)>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = names
        .iter()
        .position(|name| *name == "elapsed_s")
        .with_context(|| format!("{}: no column elapsed_s", path.display()))?;
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            Ok((fields[0].parse()?, fields[column].parse()?))
        })
        .collect()
}

fn theirs(workspace: &Workspace, case: &Case, python: &Path, args: &TrainingArgs) -> Result<f64> {
    let mut command = Command::new(python);
    command
        .current_dir(workspace.root())
        .env("OMP_NUM_THREADS", args.threads.to_string())
        .args(["-W", "ignore", "tests/sb3_peer.py", case.name])
        .arg(args.threads.to_string())
        .args(case.steps.map(|step| step.to_string()));
    let answer = process::output(&mut command)?;
    let last = answer.lines().last().unwrap_or_default();
    last.trim()
        .parse()
        .with_context(|| format!("`{last}` is no number"))
}
