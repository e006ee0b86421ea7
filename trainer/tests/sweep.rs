//! Sweeps: nothing is lost, nothing is repeated, a failure is named and keeps nobody else from finishing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::trainer;

/// A recipe whose runs take about a second.
fn sweep(out: &Path, more: &[&str]) -> Command {
    let mut command = trainer();
    command.args(["sweep", "td3"]);
    let settings = [
        "env=InvertedPendulum-v5",
        "actor_hidden=[16]",
        "critic_hidden=[16]",
        "batch_size=32",
        "learning_starts=150",
        "total_steps=1200",
        "log_interval=100",
        "eval_interval=600",
        "eval_episodes=2",
        "checkpoint_interval=100",
    ];
    for setting in settings.iter().chain(more) {
        command.args(["--set", setting]);
    }
    command.arg("--out").arg(out);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Policies of all members, by name.
fn policies(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(out).unwrap() {
        let entry = entry.unwrap();
        let policy = std::fs::read(entry.path().join("policy-last.pt")).unwrap();
        found.insert(entry.file_name().to_string_lossy().into_owned(), policy);
    }
    found
}

fn outcomes(out: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(out) else {
        return 0;
    };
    let is_finished = |entry: &std::io::Result<std::fs::DirEntry>| {
        let path = entry.as_ref().unwrap().path();
        path.join("outcome.json").is_file()
    };
    entries.filter(is_finished).count()
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

const EIGHT: [&str; 2] = ["seed=[0, 1, 2, 3]", "gamma=[0.9, 0.99]"];

/// Eight runs, the sweep killed with SIGKILL in the middle of some of them and started again, twice at once: each run
/// ends where it ends when nothing disturbs it, and each is finished by exactly one.
#[test]
fn a_killed_sweep_goes_on_and_two_share_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let output = sweep(&whole, &EIGHT)
        .args(["--jobs", "2"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("8 members: 8 finished now"),
        "{}",
        said(&output)
    );

    let mut first = sweep(&broken, &EIGHT);
    first.args(["--jobs", "2"]);
    let mut first = start(first);
    wait_until(|| outcomes(&broken) >= 2);
    first.kill().unwrap();
    first.wait().unwrap();
    let before = outcomes(&broken);
    assert!(before < 8, "killed too late to tell anything");
    // The members at work end with their sweep, so that their folders are free again.
    std::thread::sleep(Duration::from_millis(300));

    let both = [(); 2].map(|()| start(sweep(&broken, &EIGHT)));
    let texts = both.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    });
    let finished = |name: &str| {
        let line = format!("{name}: finished\n");
        texts.iter().filter(|text| text.contains(&line)).count()
    };
    let (ours, theirs) = (policies(&whole), policies(&broken));
    assert_eq!(ours.len(), 8);
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    let mut once = 0;
    for (name, policy) in &ours {
        assert!(policy == &theirs[name], "{name} differs");
        assert!(finished(name) <= 1, "{name} was run twice");
        once += finished(name);
    }
    assert_eq!(once, 8 - before, "{texts:?}");

    let again = sweep(&broken, &EIGHT).output().unwrap();
    assert!(
        said(&again).contains("0 finished now, 8 before"),
        "{}",
        said(&again)
    );
}

#[test]
fn a_failed_member_is_named_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let axes = ["total_steps=300", "device=[\"cuda:99\", \"cpu\"]"];
    let output = sweep(&out, &axes).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("device=cpu: finished"), "{text}");
    assert!(
        text.contains("failed  device=cuda-99") && text.contains("CUDA"),
        "{text}"
    );

    let other = sweep(&out, &["total_steps=301", "device=[\"cuda:99\", \"cpu\"]"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    assert!(said(&other).contains("another recipe"), "{}", said(&other));
}

#[test]
fn a_sweep_is_drawn_by_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let axes = ["total_steps=300", "eval_interval=150", "seed=[0, 1]"];
    assert!(sweep(&out, &axes).output().unwrap().status.success());
    for more in [&[][..], &["--mean"]] {
        let mut plot = trainer();
        plot.arg("plot").arg(&out).arg("--out").arg(folder.path());
        let output = plot.args(more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(folder.path().join("InvertedPendulum-v5.png").is_file());
    }
}
