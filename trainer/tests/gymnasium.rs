//! Environments of Python's Gymnasium in child processes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{refuse, succeed, trainer};

/// A run of a few seconds.
fn tiny_fit(env: &str, out: &Path) -> Command {
    let mut command = trainer();
    command.args(["fit", "--quiet", "--env", env, "--algo", "sac"]);
    command.args(["--seed", "3", "--n-envs", "2", "--total-steps", "1000"]);
    for setting in [
        "actor_hidden=[16]",
        "critic_hidden=[16]",
        "batch_size=32",
        "learning_starts=150",
        "log_interval=100",
        "eval_interval=1000",
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
    // Killed once there is something to go on from.
    let mut first = tiny_fit("gym:Pendulum-v1", &run)
        .args(["--threads", "2"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !run.join("checkpoint.bin").exists() {
        assert!(first.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(5));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let words = said(trainer().args(["fit", "--quiet", "--resume"]).arg(&run));
    assert!(words.contains("so new episodes begin"), "{words}");
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

/// `PointReach-v0` in Python, the same with rewards that no formula of ours gives, and one of several boxes.
const GOALS: &str = r#"
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

PLANE, ALL = Box(-1, 1, (2,), np.float64), ("observation", "achieved_goal", "desired_goal")


class Reach(gymnasium.Env):
    observation_space = Dict({name: PLANE for name in ALL})
    action_space = Box(-2.5, 2.5, (2,), np.float64)
    dt, distance_threshold = 0.04, 0.1

    def compute_reward(self, achieved, desired, info):
        return -float(np.linalg.norm(achieved - desired) > self.distance_threshold)

    def seen(self):
        return {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1, 1, (2, 2))
        return self.seen(), {}

    def step(self, action):
        self.place = np.clip(self.place + action * self.dt, -1, 1)
        return self.seen(), self.compute_reward(self.place, self.goal, {}), False, False, {}


class Count(Reach):
    def compute_reward(self, achieved, desired, info):
        return 1 + super().compute_reward(achieved, desired, info)


class Parts(Reach):
    observation_space = Dict(there=PLANE, here=PLANE)

    def seen(self):
        return {"here": self.place, "there": self.goal}


for one in Reach, Count, Parts:
    gymnasium.register(one.__name__ + "-v0", one, max_episode_steps=30)
"#;

#[test]
fn goals_are_learned_from_in_hindsight() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("goals.py"), GOALS).unwrap();
    let trainer = || {
        let mut command = trainer();
        command.env("PYTHONPATH", folder.path());
        command
    };
    let run = folder.path().join("run");
    let recipe = ["fit", "--quiet", "--recipe", "point-reach-her"];
    let shorter = ["--total-steps", "3000", "--set", "eval_interval=3000"];
    let mut fit = trainer();
    fit.args(recipe).args(shorter).arg("--out").arg(&run);
    succeed(fit.args(["--set", "env=gym:goals:Reach-v0"]));
    let eval = ["--episodes", "50", "--seed", "5", "--json"];
    let json = succeed(trainer().arg("eval").arg(run.join("policy.pt")).args(eval));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = report["success_rate"].as_f64().unwrap();
    assert!(found >= 0.9, "{json}");

    // What is not known as a function of the goals cannot be computed again for another one.
    let dry = |env: &str| {
        let mut command = trainer();
        command.args(["fit", "--dry-run", "--algo", "sac", "--env", env]);
        command
    };
    let line = |env: &str| succeed(&mut dry(env)).lines().next().unwrap().to_owned();
    assert_eq!(
        line("gym:goals:Reach-v0"),
        "# gym:goals:Reach-v0: 4 observations, 2 actions, period 40000 µs, goals of 2 numbers within 0.1"
    );
    assert_eq!(
        line("gym:goals:Count-v0"),
        "# gym:goals:Count-v0: 6 observations, 2 actions, period 40000 µs"
    );
    assert_eq!(
        line("gym:goals:Parts-v0"),
        "# gym:goals:Parts-v0: 4 observations, 2 actions, period 40000 µs"
    );
    let mut fit = trainer();
    fit.args(recipe)
        .args(shorter)
        .arg("--out")
        .arg(folder.path().join("no"));
    let words = refuse(fit.args(["--set", "env=gym:goals:Count-v0"]));
    assert!(words.contains("no goals to take in hindsight"), "{words}");
}

/// Somebody else's: reward and threshold are found by asking it.
#[test]
fn the_goals_of_gymnasium_robotics_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let repair = include_str!("../../tests/fetch_scripts.py");
    let module = format!("{repair}\nrepair()\nimport gymnasium_robotics\n");
    std::fs::write(folder.path().join("robots.py"), module).unwrap();
    for env in ["FetchReach-v4", "FetchReachDense-v4"] {
        let env = format!("gym:robots:{env}");
        let mut dry = trainer();
        dry.args(["fit", "--dry-run", "--algo", "sac", "--env", &env]);
        let words = succeed(dry.env("PYTHONPATH", folder.path()));
        let expected = format!(
            "# {env}: 13 observations, 4 actions, period 40000 µs, goals of 3 numbers within 0.05"
        );
        assert_eq!(words.lines().next().unwrap(), expected);
    }
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
