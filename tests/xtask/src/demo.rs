//! `cargo xtask demo`: the whole road in one command. A policy is learned on MuJoCo's inverted pendulum, exported, and
//! measured through every backend and on two boards. Knows the programs only by their command lines.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo::{cargo, target_folder};
use crate::firmware::{self, Selection};
use crate::process;
use crate::setup::{self, SetupArgs};
use crate::steps::Steps;
use crate::workspace::Workspace;

const ENVIRONMENT: &str = "InvertedPendulum-v5";
const EPISODES: &str = "20";
/// The environment pays 1 for each step upright and ends after 1000.
const FULL_RETURN: f64 = 1000.0;

/// Rows of the table: title, `--backend`, and the suffix of the file it runs.
const ROWS: [(&str, &str, &str); 6] = [
    ("torch", "torch", "pt"),
    ("tract", "tract", "onnx"),
    ("ONNX Runtime", "ort", "onnx"),
    ("engine", "engine", "rlfd"),
    ("Cortex-M4F (mps2-an386)", "qemu:mps2-an386", "rlfd"),
    ("RISC-V (virt)", "qemu:riscv-virt", "rlfd"),
];

/// What `trainer eval --json` prints, as far as it is shown here.
#[derive(Clone, Debug, Deserialize)]
struct Evaluation {
    mean: f64,
    std: f64,
    min: f64,
    max: f64,
    episodes: usize,
}

struct Row {
    title: &'static str,
    evaluation: Evaluation,
    took: Duration,
}

/// Runs the demonstration in `runs/demo`; false if some row is not the full return in every episode.
///
/// # Errors
/// If a step cannot be run at all.
pub fn demo(workspace: &Workspace) -> Result<bool> {
    let mut steps = Steps::default();
    steps.call("set-up", || setup::setup(workspace, &SetupArgs::default()))?;
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--workspace", "--bins"]);
    steps.command("build", &mut build)?;

    let folder = workspace.path("runs/demo");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let programs = target_folder(workspace)?.join("release");
    let program = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command.current_dir(workspace.root());
        command
    };
    let mut fit = program("trainer");
    fit.args([
        "fit",
        "--env",
        ENVIRONMENT,
        "--algo",
        "sac",
        "--out",
        "runs/demo",
    ]);
    steps.command("training", &mut fit)?;
    for kind in ["onnx", "image"] {
        let mut export = program("rlfd-export");
        export.args([kind, "runs/demo/policy.pt"]);
        steps.command(&format!("export {kind}"), &mut export)?;
    }
    let image = Selection {
        image: Some(folder.join("policy.rlfd")),
        ..Selection::default()
    };
    steps.call("firmware", || firmware::build(workspace, &image))?;
    let rows = ROWS
        .iter()
        .map(|(title, backend, suffix)| {
            let mut eval = program("trainer");
            eval.args(["eval", &format!("runs/demo/policy.{suffix}")])
                .args(["--env", ENVIRONMENT, "--episodes", EPISODES])
                .args(["--backend", backend, "--json"]);
            steps.call(&format!("evaluate {backend}"), || {
                evaluate(title, &mut eval)
            })
        })
        .collect::<Result<Vec<Row>>>()?;

    println!("\n{}", steps.table());
    println!("{}", table(&rows));
    println!("files: {}", shown(&folder, workspace.root()));
    let full = rows.iter().all(|row| is_full(&row.evaluation));
    if !full {
        println!("no: not every episode of every row is {FULL_RETURN}");
    }
    Ok(full)
}

fn evaluate(title: &'static str, command: &mut Command) -> Result<Row> {
    let started = Instant::now();
    let text = process::shown(command);
    eprintln!("{text}");
    // The talk of the program stays on the screen; its answer is the one line of its standard output.
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{text}`"))?;
    if !output.status.success() {
        anyhow::bail!("`{text}` failed ({})", output.status);
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    let evaluation = serde_json::from_str(answer.trim())
        .with_context(|| format!("`{text}` answered `{}`", answer.trim()))?;
    Ok(Row {
        title,
        evaluation,
        took: started.elapsed(),
    })
}

fn is_full(evaluation: &Evaluation) -> bool {
    evaluation.min == FULL_RETURN && evaluation.max == FULL_RETURN
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{ENVIRONMENT}, return over {EPISODES} episodes\n");
    for Row {
        title,
        evaluation,
        took,
    } in rows
    {
        let Evaluation {
            mean,
            std,
            min,
            max,
            episodes,
        } = evaluation;
        text += &format!(
            "{title:<24} {mean:>8.1} ± {std:<6.1} min {min:>7.1}  max {max:>7.1}  {episodes} episodes in {:.1} s\n",
            took.as_secs_f32()
        );
    }
    text
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(min: f64) -> Evaluation {
        let json = format!(
            "{{\"backend\":\"torch\",\"mean\":999.0,\"std\":1.0,\"min\":{min},\"max\":1000.0,\"episodes\":20,\"length_mean\":1000.0}}"
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn one_episode_that_falls_is_not_full() {
        assert!(is_full(&evaluation(1000.0)));
        assert!(!is_full(&evaluation(980.0)));
    }

    #[test]
    fn the_table_has_a_line_for_each_row() {
        let rows = ROWS.map(|(title, ..)| Row {
            title,
            evaluation: evaluation(1000.0),
            took: Duration::from_secs(2),
        });
        let text = table(&rows);
        assert_eq!(text.lines().count(), 1 + ROWS.len());
        assert!(text.contains("Cortex-M4F"), "{text}");
    }
}
