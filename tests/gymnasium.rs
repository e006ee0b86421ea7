//! Our environments beside the real Python Gymnasium: the same MuJoCo library, the same states, the
//! same actions, the same numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_trainer::cli::replay::{ReplayArgs, replay};
use rlfd_trainer::env::registry::{self, Entry};

const SEEDS: &str = "5";
const STEPS: &str = "200";
/// Largest difference allowed in an observation, a reward or a joint. Both sides load the same library
/// file, so what is left is the order of a few sums.
const ROUNDING: f64 = 1e-9;

/// Runs the peer script on the wheels that the set-up unpacked and returns what it printed.
fn peer(arguments: &[&str]) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // MuJoCo's Python package writes a log where it stands.
    let elsewhere = tempfile::tempdir().unwrap();
    let output = Command::new("python3")
        .arg(
            repository
                .join("tests/gymnasium_peer.py")
                .canonicalize()
                .unwrap(),
        )
        .args(arguments)
        .env("PYTHONPATH", repository.join(".native/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(elsewhere.path())
        .output()
        .expect("this test needs `python3` (3.11 or newer) in PATH");
    assert!(
        output.status.success(),
        "Gymnasium does not run here; `cargo xtask setup` unpacks what it needs.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The environments that Gymnasium and Gymnasium-Robotics have too.
fn public() -> impl Iterator<Item = &'static Entry> {
    let is_public = |id: &str| id.ends_with("-v5") || id.starts_with("Fetch");
    (registry::ENTRIES.iter()).filter(move |entry| is_public(entry.id))
}

#[test]
fn trajectories_equal_those_of_gymnasium() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    peer(&["record", SEEDS, STEPS, path]);
    let mut n_recordings = 0;
    for entry in public() {
        for kind in ["float32", "float64", "gentle"] {
            let stem = format!("{}.{kind}", entry.id);
            if entry.id.starts_with("Fetch") && kind == "gentle" {
                continue;
            }
            n_recordings += 1;
            replay(&ReplayArgs {
                env: entry.id.to_owned(),
                record: folder.path().join(format!("{stem}.npz")),
                out: folder.path().join(format!("{stem}.ours.npz")),
            })
            .unwrap();
        }
    }
    let table = peer(&["compare", path]);
    let mut n_compared = 0;
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let difference: f64 = fields[2].parse().unwrap();
        assert!(difference <= ROUNDING, "{line}\n\nof\n{table}");
        n_compared += 1;
    }
    // Six arrays of three recordings of each environment, with goals seven of two; fewer would mean that something
    // was passed over. One line more tells how often the object was moved.
    assert_eq!(n_recordings, 3 * 10 + 2 * 8);
    assert_eq!(n_compared, 6 * 3 * 10 + 7 * 2 * 8 + 2 * 6, "{table}");
    for line in table.lines().filter(|line| line.contains(" moved ")) {
        let share: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(share >= 0.5, "the object is hardly touched: {line}");
    }
    let ends = table
        .lines()
        .filter(|line| line.contains(" terminated ") && line.ends_with(" 1.0"))
        .count();
    assert!(ends >= 15, "few recordings ever terminate:\n{table}");
}

/// Mean, standard deviation, least and greatest of each number of `qpos`, `qvel` and the goal.
type Statistics = BTreeMap<(String, usize), [f64; 4]>;

const RESETS: usize = 400;

fn our_resets() -> Statistics {
    let mut statistics = Statistics::new();
    for entry in public() {
        let mut env = (entry.open)().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(17);
        let mut observation = vec![0.0; env.spec().observation_dim()];
        let rows: Vec<Vec<f64>> = (0..RESETS)
            .map(|_| {
                env.reset(&mut rng, &mut observation);
                let simulation = env.simulation().unwrap();
                let goal = env.goals().map_or(&[][..], |goals| goals.desired);
                [simulation.qpos(), simulation.qvel(), goal].concat()
            })
            .collect();
        for index in 0..rows[0].len() {
            let column = || rows.iter().map(|row| row[index]);
            let mean = column().sum::<f64>() / RESETS as f64;
            let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / RESETS as f64;
            let low = column().fold(f64::INFINITY, f64::min);
            let high = column().fold(f64::NEG_INFINITY, f64::max);
            let row = [mean, variance.sqrt(), low, high];
            statistics.insert((entry.id.to_owned(), index), row);
        }
    }
    statistics
}

#[test]
fn initial_states_are_distributed_as_those_of_gymnasium() {
    let ours = our_resets();
    let mut theirs = Statistics::new();
    for line in peer(&["resets", &RESETS.to_string()]).lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let numbers: Vec<f64> = fields[2..]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let key = (fields[0].to_owned(), fields[1].parse().unwrap());
        theirs.insert(key, numbers.try_into().unwrap());
    }
    assert!(ours.keys().eq(theirs.keys()), "other dimensions");
    for (key, [mean, std, low, high]) in &ours {
        let [their_mean, their_std, their_low, their_high] = theirs[key];
        let context = format!("{key:?}: {:?} beside {:?}", ours[key], theirs[key]);
        if their_low == their_high {
            assert_eq!((*low, *high), (their_low, their_high), "{context}");
            continue;
        }
        // Two samples of 400: the means differ by 5 standard errors or less, and the spread of
        // either distribution used is known to within a few per cent.
        let standard_error = their_std * (2.0 / RESETS as f64).sqrt();
        assert!(
            (mean - their_mean).abs() < 5.0 * standard_error,
            "{context}"
        );
        assert!((std / their_std - 1.0).abs() < 0.2, "{context}");
        let range = their_high - their_low;
        assert!(((high - low) / range - 1.0).abs() < 0.5, "{context}");
    }
}
