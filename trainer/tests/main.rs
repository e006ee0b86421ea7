//! The `trainer` program as a person meets it.

mod damage;
mod demonstrations;
mod gymnasium;
#[cfg(feature = "mpi")]
mod mpi;
mod resume;
mod sweep;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program under test, silent unless it fails.
fn trainer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.stdin(Stdio::null());
    command
}

/// Runs to the end and must succeed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let (out, err) = said(&output);
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

/// Runs to the end, must exit with 2, say `error:` and not panic. Answers what it said.
fn refuse(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{command:?}\n{out}\n{err}");
    assert!(err.contains("error:") && !err.contains("panicked"), "{err}");
    err
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A run of a second or so: a small network on the pendulum.
fn tiny_fit(algo: &str, out: &Path) -> Command {
    let mut command = trainer();
    command.args([
        "fit",
        "--quiet",
        "--env",
        "InvertedPendulum-v5",
        "--algo",
        algo,
        "--seed",
        "3",
    ]);
    let own = match algo {
        "trpo" => ["value_hidden=[16]", "rollout_steps=150"],
        _ => ["critic_hidden=[16]", "learning_starts=150"],
    };
    let sizes = ["actor_hidden=[16]", own[0], "batch_size=32", own[1]];
    let intervals = [
        "log_interval=100",
        "eval_interval=400",
        "eval_episodes=2",
        "checkpoint_interval=100",
    ];
    for setting in sizes.into_iter().chain(intervals) {
        command.args(["--set", setting]);
    }
    command.arg("--out").arg(out);
    command
}

#[test]
fn list_names_what_there_is() {
    let list = succeed(trainer().arg("list"));
    for name in ["HalfCheetah-v5", "sac", "gail", "inverted-pendulum-trpo"] {
        assert!(list.contains(name), "{list}");
    }
}

#[test]
fn a_dry_run_prints_a_plan_that_is_itself_a_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let plan = succeed(trainer().args([
        "fit",
        "--env",
        "Hopper-v5",
        "--algo",
        "td3",
        "--set",
        "gamma=0.5",
        "--dry-run",
    ]));
    assert!(
        plan.contains("gamma = 0.5") && plan.contains("env = \"Hopper-v5\""),
        "{plan}"
    );
    let file = folder.path().join("plan.toml");
    std::fs::write(&file, &plan).unwrap();
    assert_eq!(
        plan,
        succeed(trainer().args(["fit", "--dry-run", "--recipe"]).arg(&file))
    );
}

#[test]
fn a_run_leaves_its_files_and_its_policy_can_be_measured_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(tiny_fit("sac", &run).args([
        "--total-steps",
        "800",
        "--set",
        "normalize_observations=true",
        "--n-envs",
        "2",
    ]));
    for file in [
        "recipe.toml",
        "progress.csv",
        "evaluations.csv",
        "policy.pt",
        "policy-last.pt",
        "learning-curve.png",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let events: Vec<_> = std::fs::read_dir(run.join("tensorboard"))
        .unwrap()
        .collect();
    assert_eq!(events.len(), 1);
    let policy = run.join("policy-last.pt");
    let json = succeed(
        trainer()
            .arg("eval")
            .arg(&policy)
            .args(["--episodes", "3", "--json"]),
    );
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["episodes"], 3);
    assert!(report["mean"].as_f64().unwrap() >= 1.0, "{report}");
    let picture = folder.path().join("pictures");
    let named = succeed(trainer().arg("plot").arg(&run).arg("--out").arg(&picture));
    assert!(named.contains("InvertedPendulum-v5.png"));
    let again = refuse(&mut tiny_fit("sac", &run));
    assert!(again.contains("already holds a run"), "{again}");
}
