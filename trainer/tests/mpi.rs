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
    for member in ["device=cuda_98 failed: ", "device=cuda_99 failed: "] {
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
