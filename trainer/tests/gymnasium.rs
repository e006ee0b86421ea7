//! Environments of Python's Gymnasium in child processes.

use std::path::Path;
use std::process::Command;

use crate::{refuse, succeed, trainer};

/// A run of a few seconds.
fn tiny_fit(env: &str, out: &Path) -> Command {
    let mut command = trainer();
    command.args(["fit", "--quiet", "--env", env, "--algo", "sac"]);
    command.args(["--seed", "3", "--n-envs", "2", "--total-steps", "400"]);
    for setting in [
        "actor_hidden=[16]",
        "critic_hidden=[16]",
        "batch_size=32",
        "learning_starts=150",
        "log_interval=100",
        "eval_interval=400",
        "eval_episodes=1",
        "checkpoint_interval=200",
    ] {
        command.args(["--set", setting]);
    }
    command.arg("--out").arg(out);
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words}");
    words
}

#[test]
fn a_policy_is_learned_resumed_and_measured_there() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(tiny_fit("gym:Pendulum-v1", &run).args(["--threads", "2"]));
    let words = said(trainer().args(["fit", "--quiet", "--resume"]).arg(&run));
    assert!(!words.contains("error"), "{words}");
    let policy = run.join("policy.pt");
    let json = succeed(
        trainer()
            .arg("eval")
            .arg(&policy)
            .args(["--episodes", "2", "--json"]),
    );
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["lengths"], serde_json::json!([200, 200]));
    assert!(report["mean"].as_f64().unwrap() < -10.0, "{json}");

    let video = folder.path().join("out.mp4");
    let words = refuse(
        trainer()
            .arg("eval")
            .arg(&policy)
            .args(["--episodes", "1", "--video"])
            .arg(&video),
    );
    assert!(words.contains("cannot be drawn"), "{words}");
    let words = refuse(&mut tiny_fit("gym:CartPole-v1", &folder.path().join("no")));
    assert!(words.contains("Discrete(2)"), "{words}");
}

/// One that ends its process in some steps, raises in others and shows what is no number in yet others.
const CRASHING: &str = r#"
import os
import gymnasium
import numpy as np


class Crash(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.way = 0, int(self.np_random.integers(4))
        return np.zeros(2), {}

    def step(self, action):
        print("a line that must not get between the frames")
        self.time += 1
        if self.time == 20 and self.way == 1:
            os._exit(9)
        if self.time == 20 and self.way == 2:
            raise ValueError("the arm fell off")
        seen = np.full(2, np.nan if self.time == 20 and self.way == 3 else 0.5)
        return seen, -1.0, False, self.time >= 30, {}


gymnasium.register("Crash-v0", Crash)
"#;

#[test]
fn what_crashes_is_reported_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crashing.py"), CRASHING).unwrap();
    let run = folder.path().join("run");
    let words = said(tiny_fit("gym:crashing:Crash-v0", &run).env("PYTHONPATH", folder.path()));
    for part in [
        "its process ended (exit status: 9)",
        "ValueError: the arm fell off",
        "the observation is not finite",
    ] {
        assert!(words.contains(part), "no `{part}` in\n{words}");
    }
    let log = std::fs::read_to_string(run.join("episodes.csv")).unwrap_or_default();
    assert!(run.join("policy.pt").exists(), "{log}");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let words = refuse(
        tiny_fit("gym:Pendulum-v1", &folder.path().join("run"))
            .env("RLFD_PYTHON", "/no/such/python"),
    );
    assert!(words.contains("/no/such/python"), "{words}");
}
