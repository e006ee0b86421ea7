//! A run killed at any instant ends where an uninterrupted one ends, bit for bit.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{succeed, tiny_fit, trainer};

const STEPS: &str = "2000";

/// Kills with SIGKILL after a random while, resumes, kills again, until a session lives to the end. Answers how many
/// sessions it took.
fn kill_and_resume(mut first: Command, run: &Path, longest_ms: u64, rng: &mut ChaCha8Rng) -> usize {
    let mut command = &mut first;
    let mut resume = trainer();
    resume.args(["fit", "--quiet", "--resume"]).arg(run);
    for session in 1.. {
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        // Later sessions get longer, so that slow machines come to an end too.
        std::thread::sleep(Duration::from_millis(
            rng.random_range(30..longest_ms) * session as u64 / 2,
        ));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "session {session} failed");
            return session;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Killed before it had written its recipe, there is nothing to resume: begin again.
        if run.join("recipe.toml").exists() {
            command = &mut resume;
        }
    }
    unreachable!("counting does not end")
}

/// Columns of wall-clock time differ between any two runs.
fn without_times(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| line.rsplitn(3, ',').last().unwrap_or_default().to_owned();
    text.lines().map(row).collect()
}

fn compare(name: &str, algo: &str, extra: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let started = std::time::Instant::now();
    succeed(
        tiny_fit(algo, &whole)
            .args(["--total-steps", STEPS])
            .args(extra),
    );
    let took_ms = started.elapsed().as_millis() as u64;

    let mut command = tiny_fit(algo, &broken);
    command.args(["--total-steps", STEPS]).args(extra);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let sessions = kill_and_resume(command, &broken, took_ms.max(100), &mut rng);
    assert!(sessions > 1, "{name}: never killed");

    for file in [
        "policy.pt",
        "policy-last.pt",
        "evaluations.csv",
        "recipe.toml",
    ] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(
            read(&whole) == read(&broken),
            "{name}: {file} differs after {sessions} sessions"
        );
    }
    let log = |run: &Path| without_times(&run.join("progress.csv"));
    assert_eq!(
        log(&whole),
        log(&broken),
        "{name}: progress.csv differs after {sessions} sessions"
    );
    let segments = |run: &Path| {
        let mut files: Vec<_> = std::fs::read_dir(run.join("replay"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
            .iter()
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect::<Vec<u8>>()
    };
    assert!(
        segments(&whole) == segments(&broken),
        "{name}: the replay buffer differs"
    );
    eprintln!("{name}: identical after {sessions} sessions");
}

/// A run that has ended goes on, and ends as one that was to go as far from the beginning.
#[test]
fn a_run_is_prolonged() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, short) = (folder.path().join("whole"), folder.path().join("short"));
    succeed(tiny_fit("td3", &whole).args(["--total-steps", STEPS]));
    succeed(tiny_fit("td3", &short).args(["--total-steps", "800"]));
    let resume = |steps: &str| {
        let mut command = trainer();
        command.args(["fit", "--quiet", "--total-steps", steps, "--resume"]);
        command.arg(&short);
        command
    };
    let refused = resume("799").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let reason = String::from_utf8(refused.stderr).unwrap();
    assert!(reason.contains("can only be prolonged"), "{reason}");

    succeed(&mut resume(STEPS));
    // The best policy so far names the recipe it was learned by, which may have been the shorter one.
    for file in ["policy-last.pt", "evaluations.csv", "recipe.toml"] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&whole) == read(&short), "{file} differs");
    }
    let log = |run: &Path| without_times(&run.join("progress.csv"));
    assert_eq!(log(&whole), log(&short));
}

#[test]
fn sac_killed_and_resumed() {
    compare("sac", "sac", &[]);
}

/// The ring has wrapped, observations are normalised, several environments are in mid-episode.
#[test]
fn td3_killed_and_resumed_with_a_full_buffer() {
    let extra = [
        "--n-envs",
        "2",
        "--set",
        "buffer_size=700",
        "--set",
        "normalize_observations=true",
    ];
    compare("td3", "td3", &extra);
}

/// Checkpoints in the middle of rollouts.
#[test]
fn trpo_killed_and_resumed() {
    compare("trpo", "trpo", &["--n-envs", "2"]);
}

/// Whole episodes in a ring that has wrapped, several in mid-episode, relabelled goals.
#[test]
fn ddpg_killed_and_resumed_with_hindsight() {
    let extra = [
        "--n-envs",
        "2",
        "--set",
        "env=PointReach-v0",
        "--set",
        "her=future",
        "--set",
        "buffer_size=600",
        "--set",
        "cycle_steps=20",
        "--set",
        "updates_per_cycle=10",
    ];
    compare("ddpg", "ddpg", &extra);
}

/// A potential is fitted, possibly more than once before a session lives long enough to keep it; it fades meanwhile.
#[test]
fn td3_killed_and_resumed_with_shaped_rewards() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("straight.npz");
    let collect = ["collect", "--env", "Reach2DF-v1", "--script", "straight"];
    let wish = ["--episodes", "10", "--action-noise", "0.1", "--out"];
    succeed(trainer().args(collect).args(wish).arg(&file));
    let demonstrations = format!("demonstrations={}", file.display());
    let settings = [
        "env=Reach2DF-v1",
        &demonstrations,
        "num_demos=10",
        "demo_batch_size=8",
        "bc_weight=0",
        "rl_weight=1",
        "critic_on_demos=false",
        "potential=maf",
        "potential_epochs=20",
        "potential_hidden=[16]",
        "potential_decay=0.5",
        "potential_decay_interval=200",
    ];
    let extra: Vec<&str> = settings.iter().flat_map(|one| ["--set", *one]).collect();
    compare("shaped td3", "td3", &extra);
}

#[test]
fn a_finished_run_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(tiny_fit("td3", &run).args(["--total-steps", "300"]));
    let before = std::fs::read(run.join("policy-last.pt")).unwrap();
    succeed(trainer().args(["fit", "--quiet", "--resume"]).arg(&run));
    assert_eq!(before, std::fs::read(run.join("policy-last.pt")).unwrap());
}
