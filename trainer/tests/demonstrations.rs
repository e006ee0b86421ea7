//! Demonstrations as a person makes and changes them, held against NumPy and the real `minari` package.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{refuse, succeed, trainer};

/// Python on the packages that the set-up unpacked.
fn peer(folder: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command
        .arg(root.join("tests/demonstrations_peer.py"))
        .env("PYTHONPATH", root.join("../.native/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MINARI_DATASETS_PATH", folder.join("minari"));
    command
}

fn demos(folder: &Path) -> Command {
    let mut command = trainer();
    command
        .arg("demos")
        .env("MINARI_DATASETS_PATH", folder.join("minari"));
    command
}

/// Twelve episodes of reaching.
fn reach(folder: &Path) -> PathBuf {
    let path = folder.join("reach.npz");
    succeed(
        trainer()
            .args(["collect", "--env", "FetchReach-v4", "--script", "reach"])
            .args(["--episodes", "12", "--seed", "1", "-o"])
            .arg(&path),
    );
    path
}

#[test]
fn a_recording_is_read_by_numpy_and_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = reach(folder);
    succeed(peer(folder).arg("check").arg(&file));

    let info = succeed(demos(folder).arg("info").arg(&file).arg("--json"));
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(
        (&info["episodes"], &info["success"]),
        (&12.into(), &1.0.into())
    );

    let merged = folder.join("a/new/folder/both.npz");
    let merge = |demos: &mut Command| {
        demos
            .arg("merge")
            .args([&file, &file])
            .arg("-o")
            .arg(&merged);
        demos.output().unwrap()
    };
    assert!(merge(&mut demos(folder)).status.success());
    assert_eq!(
        merge(&mut demos(folder)).status.code(),
        Some(2),
        "it exists"
    );
    let info = succeed(demos(folder).arg("info").arg(&merged));
    assert!(info.contains("24 of 50 to 50 steps"), "{info}");

    succeed(demos(folder).arg("plot").arg(&file));
    let picture = std::fs::read(folder.join("reach.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5_000);

    let words = succeed(
        demos(folder)
            .arg("clip")
            .arg(&file)
            .arg("-o")
            .arg(folder.join("clipped.npz")),
    );
    assert!(words.contains("0 of 600 steps"), "{words}");
    let words = refuse(
        demos(folder)
            .arg("clip")
            .arg(&file)
            .args(["--env", "FetchPush-v4", "-o"])
            .arg(folder.join("no.npz")),
    );
    assert!(
        words
            .contains("FetchPush-v4 has 25 numbers in a row, found 10 (recorded in FetchReach-v4)"),
        "{words}"
    );
}

#[test]
fn pickled_objects_are_converted_and_nothing_in_them_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (old, new, mark) = (
        folder.join("old.npz"),
        folder.join("new.npz"),
        folder.join("mark"),
    );
    let convert = || {
        let mut command = demos(folder);
        command.arg("convert").arg(&old).arg("-o").arg(&new);
        command.args(["--env", "FetchPickAndPlace-v4"]);
        command
    };
    succeed(peer(folder).arg("objects").arg(&old));
    let words = refuse(demos(folder).arg("info").arg(&old));
    assert!(words.contains("trainer demos convert"), "{words}");
    let words = succeed(&mut convert());
    assert!(words.contains("clipped"), "{words}");
    succeed(peer(folder).arg("same").args([&old, &new]));

    std::fs::remove_file(&new).unwrap();
    succeed(peer(folder).arg("evil").args([&old, &mark]));
    let words = refuse(&mut convert());
    assert!(
        words.contains("array `acs`: the pickle asks for"),
        "{words}"
    );
    assert!(words.contains("old.npz") && !new.exists() && !mark.exists());
}

#[test]
fn datasets_of_minari_are_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (theirs, ours) = (folder.join("theirs.npz"), folder.join("ours.npz"));
    succeed(peer(folder).args(["minari", "some/box-v0"]).arg(&theirs));
    let convert = |input: &str, out: &str| {
        let mut command = demos(folder);
        command.args(["convert", input, "-o", out]);
        command
    };
    succeed(&mut convert("minari:some/box-v0", ours.to_str().unwrap()));
    succeed(peer(folder).arg("equal").args([&theirs, &ours]));

    let file = reach(folder);
    let file = file.to_str().unwrap();
    succeed(&mut convert(file, "minari:fetch/reach-v0"));
    succeed(peer(folder).args(["load", "fetch/reach-v0", file]));
    let back = folder.join("back.npz");
    succeed(&mut convert(
        "minari:fetch/reach-v0",
        back.to_str().unwrap(),
    ));
    succeed(peer(folder).arg("equal").arg(file).arg(&back));

    let words = refuse(&mut convert("minari:no/such-v0", back.to_str().unwrap()));
    assert!(words.contains("minari:no/such-v0"), "{words}");
    // Minari replaces nothing.
    let words = refuse(&mut convert(file, "minari:fetch/reach-v0"));
    assert!(words.contains("fetch/reach-v0"), "{words}");
}

#[test]
fn a_trained_policy_demonstrates_too() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(crate::tiny_fit("sac", &run).args(["--total-steps", "400"]));
    let file = folder.path().join("policy.npz");
    let record = |threads: &str| {
        let mut command = trainer();
        command.args(["collect", "--policy"]);
        command.arg(run.join("policy.pt"));
        command.args(["--episodes", "4", "--seed", "9", "--threads", threads]);
        command.args(["--json", "--force", "-o"]).arg(&file);
        succeed(&mut command)
    };
    // The same episodes as those of an evaluation with this seed, whatever the threads.
    let (one, two) = (record("1"), record("2"));
    assert_eq!(one, two);
    let json = succeed(trainer().arg("eval").arg(run.join("policy.pt")).args([
        "--episodes",
        "4",
        "--seed",
        "9",
        "--json",
    ]));
    let (recorded, measured): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&one).unwrap(),
        serde_json::from_str(&json).unwrap(),
    );
    assert_eq!(recorded["summary"]["ret"]["mean"], measured["mean"]);
    let words = refuse(
        trainer()
            .args(["collect", "--success-only", "--policy"])
            .arg(run.join("policy.pt")),
    );
    assert!(words.contains("has no goals"), "{words}");
}
