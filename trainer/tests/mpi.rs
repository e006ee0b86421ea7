//! Two ranks of Open MPI. Only built with the feature `mpi`; `cargo xtask test` does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::sweep::{assert_same, outcomes, processes_of, recipe, run_to_the_middle, signal};
use super::{said, succeed};

/// Two ranks of the program under test, whoever runs it and however few cores there are.
fn two_ranks() -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "-n", "2"]);
    command.arg(env!("CARGO_BIN_EXE_trainer"));
    command.stdin(Stdio::null());
    command
}

fn sweep(recipe: &Path, out: &Path) -> Command {
    let mut command = two_ranks();
    command.arg("sweep").arg(recipe).arg("--out").arg(out);
    let axes = ["--set", "seed=[0, 1, 2, 3]", "--set", "gamma=[0.9, 0.99]"];
    command.args(axes).args(["--jobs", "1"]);
    command
}

#[test]
fn eight_runs_over_two_ranks_killed_in_the_middle_end_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let whole = folder.path().join("whole");
    let table = succeed(sweep(&recipe, &whole).arg("--quiet"));
    assert_eq!(table.matches("  finished").count(), 8, "{table}");
    assert_eq!(
        table.matches("best_return").count(),
        1,
        "one rank speaks: {table}"
    );
    assert!(
        outcomes(&whole)
            .values()
            .all(|(_, sessions)| *sessions == 1)
    );

    // A rank dies, and mpirun ends the others.
    let broken = folder.path().join("broken");
    let mpirun = run_to_the_middle(&mut sweep(&recipe, &broken), &broken);
    let ranks = processes_of(&mpirun);
    assert_eq!(ranks.len(), 2, "{ranks:?}");
    signal("-KILL", &ranks[1]);
    let output = mpirun.wait_with_output().unwrap();
    assert!(!output.status.success());
    let after_first = outcomes(&broken);
    assert!((2..8).contains(&after_first.len()), "{after_first:?}");

    let output = loop {
        let output = sweep(&recipe, &broken).output().unwrap();
        // Rank 0 may still be writing down what became of its members.
        if !said(&output).1.contains("another process is working") {
            break output;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let (out, err) = said(&output);
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.matches("  finished").count(), 8, "{out}");
    let at_last = outcomes(&broken);
    for (member, outcome) in &after_first {
        assert_eq!(&at_last[member], outcome, "{} ran again", member.display());
    }
    assert!(
        at_last.values().any(|(_, sessions)| *sessions > 1),
        "{at_last:?}"
    );
    assert_same(&whole, &broken);
}

#[test]
fn a_member_that_fails_on_another_rank_is_named_by_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let out = folder.path().join("sweep");
    let mut command = two_ranks();
    command.arg("sweep").arg(&recipe).arg("--out").arg(&out);
    command.args([
        "--set",
        "device=[\"cuda:98\", \"cuda:99\", \"cpu\"]",
        "--set",
        "total_steps=300",
    ]);
    let output = command.args(["--jobs", "1", "--quiet"]).output().unwrap();
    let (table, err) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{table}\n{err}");
    for member in ["device_cuda_98 failed: ", "device_cuda_99 failed: "] {
        assert_eq!(err.matches(member).count(), 1, "{err}");
    }
    assert_eq!(table.matches("  finished").count(), 1, "{table}");
}

#[test]
fn a_sweep_that_cannot_begin_ends_all_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = two_ranks();
    let output = command
        .args(["sweep", "--resume"])
        .arg(folder.path())
        .output()
        .unwrap();
    let (_, err) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert_eq!(err.matches("no sweep was begun here").count(), 1, "{err}");
}

/// Two ranks that learn as one.
fn fit(out: &Path) -> Command {
    let mut command = two_ranks();
    let plan = super::tiny_fit("sac", out);
    command.args(plan.get_args()).arg("--data-parallel");
    let sizes = ["total_steps=3000", "normalize_observations=true"];
    for size in sizes {
        command.args(["--set", size]);
    }
    command
}

#[test]
fn a_run_over_two_ranks_killed_and_stopped_ends_where_an_uninterrupted_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let summary = succeed(&mut fit(&whole));
    assert_eq!(summary.matches("3000 steps in").count(), 1, "{summary}");
    let rows = std::fs::read_to_string(whole.join("progress.csv")).unwrap();
    // 3000 steps of both ranks, of which the first 150 are only looked at: two updates, as the recipe has it, for each step
    // of one rank.
    let last = rows.lines().last().unwrap();
    assert!(last.starts_with("3000,"), "{last}");
    let updates = rows
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|name| name == "updates");
    let updates = last.split(',').nth(updates.unwrap()).unwrap();
    assert_eq!(updates, "2852");
    let buffer = |run: &Path| {
        let mut segments: Vec<_> = std::fs::read_dir(run.join("replay"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        segments.sort();
        segments
            .iter()
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect::<Vec<u8>>()
    };
    assert!(
        buffer(&whole) != buffer(&whole.join("rank-1")),
        "experience of their own"
    );

    let mut child = fit(&broken)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wait_for = |rows: usize| loop {
        let progress = std::fs::read_to_string(broken.join("progress.csv")).unwrap_or_default();
        if progress.lines().count() > rows {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    wait_for(4);
    signal("-KILL", &processes_of(&child)[1]);
    assert!(!child.wait().unwrap().success());
    let resume = || {
        let mut command = two_ranks();
        command
            .args(["fit", "--quiet", "--data-parallel", "--resume"])
            .arg(&broken);
        command
    };
    let alone = super::refuse(super::trainer().args(["fit", "--resume"]).arg(&broken));
    assert!(
        alone.contains("learned in 2 processes, not in 1"),
        "{alone}"
    );
    let mut child = resume()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(12);
    for rank in processes_of(&child) {
        signal("-TERM", &rank);
    }
    let status = child.wait().unwrap();
    assert!(!status.success(), "stopped before its end");
    assert!(!broken.join("outcome.json").exists());
    succeed(&mut resume());
    for file in ["policy.pt", "policy-last.pt", "evaluations.csv"] {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&whole) == read(&broken), "{file} differs");
    }
    let again = succeed(&mut resume());
    assert!(again.contains("3000 steps in"), "{again}");
}

#[test]
fn ranks_that_were_not_told_to_learn_as_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = super::tiny_fit("sac", &folder.path().join("run"));
    let alone = super::refuse(plan.arg("--data-parallel"));
    assert!(alone.contains("mpirun -n N"), "{alone}");
    let mut command = two_ranks();
    command.args(super::tiny_fit("sac", &folder.path().join("run")).get_args());
    let output = command.output().unwrap();
    let (_, err) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("add --data-parallel"), "{err}");
}

/// Each rank fits the potential, to the same numbers; a file of demonstrations that is not there leaves no folder behind.
#[test]
fn a_shaped_run_over_two_ranks_has_one_potential() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("straight.npz");
    let mut collect = super::trainer();
    collect.args(["collect", "--env", "Reach2DF-v1", "--script", "straight"]);
    collect.args(["--episodes", "4", "--out"]);
    let shaped = |demonstrations: &Path, out: &Path| {
        let mut command = two_ranks();
        let plan = super::tiny_fit("td3", out);
        command.args(plan.get_args()).arg("--data-parallel");
        let demonstrations = format!("demonstrations={}", demonstrations.display());
        for setting in [
            "env=Reach2DF-v1",
            &demonstrations,
            "num_demos=4",
            "demo_batch_size=8",
            "bc_weight=0",
            "rl_weight=1",
            "critic_on_demos=false",
            "potential=gan",
            "potential_epochs=20",
            "potential_hidden=[16]",
            "bc_init_epochs=5",
            "total_steps=600",
        ] {
            command.args(["--set", setting]);
        }
        command
    };
    let out = folder.path().join("run");
    let output = shaped(&file, &out).output().unwrap();
    let (_, err) = said(&output);
    assert!(err.contains("demonstrations to learn from"), "{err}");
    assert!(!output.status.success() && !out.exists());

    succeed(collect.arg(&file));
    let summary = succeed(&mut shaped(&file, &out));
    assert!(summary.contains("600 steps in"), "{summary}");
    for name in ["potential.pt", "demonstrations.npz"] {
        let read = |run: &Path| std::fs::read(run.join(name)).unwrap();
        assert!(read(&out) == read(&out.join("rank-1")), "{name} differs");
    }
}
