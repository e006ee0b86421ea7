//! Sweeps: every member runs to its end once, whatever is killed on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::{refuse, said, succeed, tiny_fit, trainer};

/// A recipe file for members of a second or so.
pub(super) fn recipe(folder: &Path) -> PathBuf {
    recipe_of("sac", folder)
}

fn recipe_of(algo: &str, folder: &Path) -> PathBuf {
    let sizes = ["total_steps=600", "eval_interval=300", "eval_episodes=1"];
    let mut plan = tiny_fit(algo, folder);
    for size in sizes {
        plan.args(["--set", size]);
    }
    let text = succeed(plan.arg("--dry-run"));
    let path = folder.join(format!("tiny-{algo}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn sweep(recipe: &Path, settings: &[&str], out: &Path) -> Command {
    let mut command = trainer();
    command.arg("sweep").arg(recipe).arg("--out").arg(out);
    command.args(["--jobs", "2"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// Starts it silently and waits until two members are finished and another has a checkpoint.
pub(super) fn run_to_the_middle(command: &mut Command, out: &Path) -> Child {
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while outcomes(out).len() < 2 || members_with("checkpoint.bin", out) == outcomes(out).len() {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "{:?}",
            outcomes(out)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn members_with(file: &str, out: &Path) -> usize {
    let members = members(out).into_iter();
    members.filter(|member| member.join(file).exists()).count()
}

/// Folders of members, which lie in one another by their axes.
fn members(out: &Path) -> Vec<PathBuf> {
    if out.join("recipe.toml").exists() {
        return vec![out.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(out) else {
        return Vec::new();
    };
    let folders = entries.map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.is_dir());
    folders.flat_map(|folder| members(&folder)).collect()
}

/// When each finished member ended, and how many sessions it took.
pub(super) fn outcomes(out: &Path) -> BTreeMap<PathBuf, (SystemTime, usize)> {
    let mut found = BTreeMap::new();
    for member in members(out) {
        if let Ok(file) = std::fs::metadata(member.join("outcome.json")) {
            let log = std::fs::read_to_string(member.join("fit.log")).unwrap();
            let sessions = log.lines().filter(|line| line.contains(", into ")).count();
            found.insert(member, (file.modified().unwrap(), sessions));
        }
    }
    found
}

/// Ids of the processes that one has started: a sweep its members, mpirun its ranks.
pub(super) fn processes_of(parent_process: &Child) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let parent = std::fs::read_to_string(path.join("stat"))
            .ok()
            .and_then(|stat| {
                let (_, fields) = stat.rsplit_once(") ")?;
                fields.split(' ').nth(1)?.parse::<u32>().ok()
            });
        if parent == Some(parent_process.id()) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

pub(super) fn signal(name: &str, process: &str) {
    let kill = Command::new("kill").args([name, process]).status().unwrap();
    assert!(kill.success());
}

#[test]
fn eight_runs_killed_in_the_middle_end_as_if_nothing_had_happened() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let axes = ["seed=[0, 1, 2, 3]", "gamma=[0.9, 0.99]"];
    let whole = folder.path().join("whole");
    let table = succeed(sweep(&recipe, &axes, &whole).arg("--quiet"));
    assert_eq!(table.matches("finished").count(), 8, "{table}");

    // The sweep itself dies without a chance to say anything.
    let broken = folder.path().join("broken");
    let mut first = run_to_the_middle(&mut sweep(&recipe, &axes, &broken), &broken);
    first.kill().unwrap();
    first.wait().unwrap();
    let after_first = outcomes(&broken);
    assert!((2..8).contains(&after_first.len()), "{after_first:?}");

    // It goes on; now a member dies.
    let mut command = sweep(&recipe, &axes, &broken);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let victims = loop {
        let members = processes_of(&child);
        if !members.is_empty() {
            break members;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    signal("-KILL", &victims[0]);
    let output = child.wait_with_output().unwrap();
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    assert_eq!(out.matches("  finished").count(), 7, "{out}");
    assert!(err.contains(" failed: signal: 9 (SIGKILL)"), "{err}");
    let after_second = outcomes(&broken);
    for (member, outcome) in &after_first {
        assert_eq!(
            &after_second[member],
            outcome,
            "{} ran again",
            member.display()
        );
    }

    succeed(
        trainer()
            .args(["sweep", "--quiet", "--resume"])
            .arg(&broken),
    );
    let at_last = outcomes(&broken);
    assert_eq!(at_last.len(), 8);
    for (member, outcome) in &after_second {
        assert_eq!(&at_last[member], outcome, "{} ran again", member.display());
    }
    assert!(
        at_last.values().any(|(_, sessions)| *sessions > 1),
        "{at_last:?}"
    );
    assert_same(&whole, &broken);
}

/// What was learned is the same, whatever the way to it was.
pub(super) fn assert_same(whole: &Path, broken: &Path) {
    let files = [
        "policy.pt",
        "policy-last.pt",
        "evaluations.csv",
        "recipe.toml",
    ];
    assert_same_files(&files, whole, broken);
}

fn assert_same_files(files: &[&str], whole: &Path, broken: &Path) {
    let members = outcomes(whole);
    assert_eq!(members.len(), outcomes(broken).len());
    for member in members.keys() {
        let name = member.strip_prefix(whole).unwrap();
        for file in files {
            let read = |sweep: &Path| std::fs::read(sweep.join(name).join(file)).unwrap();
            assert!(read(whole) == read(broken), "{name:?}: {file} differs");
        }
    }
}

/// A grid of methods and seeds, prolonged: as if it had been that long from the start.
#[test]
fn recipes_are_compared_and_prolonged() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = [
        recipe_of("td3", folder.path()),
        recipe_of("sac", folder.path()),
    ];
    let sweep = |out: &Path, total_steps: &str| {
        let mut command = trainer();
        command.arg("sweep").args(&recipes).arg("--out").arg(out);
        command.args(["--set", "seed=[0, 1]", "--total-steps", total_steps]);
        succeed(command.args(["--jobs", "2", "--quiet"]))
    };
    let (short, long) = (folder.path().join("short"), folder.path().join("long"));
    let table = sweep(&short, "300");
    let header = table.lines().next().unwrap();
    let columns: Vec<&str> = header.split_whitespace().take(3).collect();
    assert_eq!(columns, ["recipe", "seed", "state"]);
    let first: Vec<String> = table
        .lines()
        .skip(1)
        .take(4)
        .map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        first,
        ["tiny-td3 0", "tiny-td3 1", "tiny-sac 0", "tiny-sac 1"]
    );
    assert!(outcomes(&short).contains_key(&short.join("recipe_tiny-sac/seed_1")));

    let mut prolong = trainer();
    prolong.args(["sweep", "--quiet", "--resume"]).arg(&short);
    succeed(prolong.args(["--total-steps", "600"]));
    sweep(&long, "600");
    // The best policies name the recipe of the time they were the best.
    assert_same_files(
        &["policy-last.pt", "evaluations.csv", "recipe.toml"],
        &long,
        &short,
    );

    let mut back = trainer();
    back.args(["sweep", "--quiet", "--resume"]).arg(&short);
    let refusal = refuse(back.args(["--total-steps", "300"]));
    let expected = "member recipe_tiny-td3/seed_0 is to go to step 600 and can only be prolonged";
    assert!(refusal.contains(expected), "{refusal}");

    let pictures = folder.path().join("pictures");
    let mut plot = trainer();
    let named = format!("mine={}", long.join("recipe_tiny-sac/seed_1").display());
    plot.arg("plot").arg(&short).arg(&named);
    let said = succeed(plot.arg("--out").arg(&pictures));
    assert!(said.contains("InvertedPendulum-v5.png"), "{said}");
    let absent = refuse(trainer().args(["plot", "mine=nowhere"]));
    assert!(absent.contains("mine=nowhere: no such folder"), "{absent}");
}

#[test]
fn an_interrupted_sweep_stops_its_members_at_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let out = folder.path().join("sweep");
    let axes = ["seed=[0, 1, 2]", "total_steps=100000"];
    let child = sweep(&recipe, &axes, &out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (started, running) = (Instant::now(), out.join("seed_1"));
    while !running.join("checkpoint.bin").exists() {
        assert!(started.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    let busy = refuse(trainer().args(["sweep", "--resume"]).arg(&out));
    assert!(
        busy.contains("another process is working on this sweep"),
        "{busy}"
    );
    let busy = refuse(trainer().args(["fit", "--resume"]).arg(&running));
    assert!(
        busy.contains("another process is working on this run"),
        "{busy}"
    );
    signal("-INT", &child.id().to_string());
    let output = child.wait_with_output().unwrap();
    let (table, err) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{table}\n{err}");
    assert!(err.contains("seed_1: stopped at step"), "{err}");
    assert!(
        err.contains("stopped with 0 of 3 members finished"),
        "{err}"
    );
    assert_eq!(table.matches("waiting").count(), 3, "{table}");
    assert!(!out.join("seed_2").join("checkpoint.bin").exists());
}

#[test]
fn a_member_that_fails_is_named_and_the_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let out = folder.path().join("sweep");
    let mut command = sweep(
        &recipe,
        &["device=[\"cuda:99\", \"cpu\"]", "total_steps=300"],
        &out,
    );
    let output = command.arg("--quiet").output().unwrap();
    let (table, err) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{table}\n{err}");
    assert!(
        err.contains("device_cuda_99 failed: exit status: "),
        "{err}"
    );
    assert!(err.contains("cuda:99"), "the end of its log: {err}");
    assert_eq!(table.matches("finished").count(), 1, "{table}");
    assert!(out.join("InvertedPendulum-v5.png").is_file() && out.join("results.csv").is_file());

    let pictures = folder.path().join("pictures");
    let mut plot = trainer();
    plot.arg("plot").arg(&out).arg("--out").arg(&pictures);
    let named = succeed(plot.args(["--mean", "--smooth", "3"]));
    assert!(named.contains("InvertedPendulum-v5.png"), "{named}");
    assert!(pictures.join("InvertedPendulum-v5.png").is_file());
}

#[test]
fn what_is_no_sweep_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path());
    let out = folder.path().join("sweep");
    let list = refuse(tiny_fit("sac", &out).args(["--set", "seed=[0, 1]"]));
    assert!(list.contains("`trainer sweep`"), "{list}");
    let env = refuse(&mut sweep(
        &recipe,
        &["env=[\"Hopper-v5\", \"Hoper-v5\"]"],
        &out,
    ));
    assert!(env.contains("member env_Hoper-v5"), "{env}");
    assert!(
        !out.exists(),
        "nothing is made of a sweep that cannot be run"
    );
    let mut shaped = trainer();
    shaped.args(["sweep", "reach2df-td3", "reach2df-td3-bc"]);
    shaped.args(["--set", "demonstrations=none.npz", "--out"]);
    let absent = refuse(shaped.arg(&out));
    assert!(
        absent.contains("member recipe_reach2df-td3: none.npz: demonstrations to learn from"),
        "{absent}"
    );
    assert!(!out.exists());
    let twice = refuse(&mut sweep(&recipe, &["seed=[0, 0]"], &out));
    assert!(twice.contains("a value twice"), "{twice}");

    let mut dry = sweep(
        &recipe,
        &["seed=[0, 1]", "actor_hidden=[[8], [8, 8]]"],
        &out,
    );
    let names = succeed(dry.arg("--dry-run"));
    let expected = [
        "actor_hidden_8/seed_0",
        "actor_hidden_8/seed_1",
        "actor_hidden_8x8/seed_0",
        "actor_hidden_8x8/seed_1",
    ];
    assert_eq!(names.lines().collect::<Vec<_>>(), expected);
    let absent = refuse(trainer().args(["sweep", "--resume"]).arg(&out));
    assert!(absent.contains("no sweep was begun here"), "{absent}");

    succeed(sweep(&recipe, &["seed=[0]", "total_steps=200"], &out).arg("--quiet"));
    let other = refuse(&mut sweep(&recipe, &["seed=[0]", "total_steps=300"], &out));
    assert!(
        other.contains("or the same one for 200 steps; --resume with --total-steps prolongs"),
        "{other}"
    );
    let other = refuse(&mut sweep(
        &recipe,
        &["seed=[0]", "total_steps=200", "gamma=0.5"],
        &out,
    ));
    assert!(
        other.contains("holds another sweep: its member seed_0"),
        "{other}"
    );
    // More members of the same sweep are no other sweep.
    let more = succeed(sweep(&recipe, &["seed=[0, 1]", "total_steps=200"], &out).arg("--quiet"));
    assert_eq!(more.matches("finished").count(), 2, "{more}");
    // What a sweep was recognised by before it could be prolonged.
    let manifest = std::fs::read_to_string(out.join("sweep.json")).unwrap();
    let earlier = manifest.replace("course_sha256", "recipe_sha256");
    let earlier = earlier.replace("_sha256\": \"", "_sha256\": \"0");
    std::fs::write(out.join("sweep.json"), earlier).unwrap();
    let pictures = folder.path().join("pictures");
    let mut plot = trainer();
    succeed(plot.arg("plot").arg(&out).arg("--out").arg(&pictures));
    let refused = refuse(trainer().args(["sweep", "--resume"]).arg(&out));
    assert!(
        refused.contains("is not the one that the sweep began with"),
        "{refused}"
    );
    std::fs::write(out.join("sweep.json"), "{\"members\": [").unwrap();
    let damaged = refuse(trainer().args(["sweep", "--resume"]).arg(&out));
    assert!(damaged.contains("sweep.json: damaged"), "{damaged}");
}
