//! What runs of learners from rollouts do: they learn, they are imitated, they go on where they were stopped.

use std::time::Instant;

use super::RunDirectory;
use super::check::{finish, finish_in_pieces, recipe, run};
use crate::collect::{Demonstrator, Imperfection, Lend, Script, ScriptKind, Wish, collect};
use crate::data::Demonstrations;

/// Straight ways to the goal, a little noisy.
fn straight(episodes: usize) -> Demonstrations {
    let wish = Wish {
        env: "Reach2DF-v1".to_owned(),
        episodes,
        threads: 1,
        success_only: false,
        end_on_success: false,
        seed: 0,
        imperfection: Imperfection {
            action_noise: vec![0.1],
            ..Imperfection::default()
        },
    };
    let lend: &Lend<'_> = &|_, run| {
        run(Demonstrator::Script(Script::new(
            ScriptKind::Straight,
            None,
        )))
    };
    collect(&wish, lend, &|_, _| ()).unwrap().demonstrations
}

const TEN_SHOWN: [(&str, &str); 2] = [("demonstrations", "in-memory"), ("num_demos", "10")];

/// A policy that does not know where to go stays at -20.
#[test]
fn gail_reaches_what_ten_demonstrations_show() {
    let settings = [("total_steps", "60000"), ("eval_interval", "60000")];
    let recipe = recipe("reach2df-gail", &[&TEN_SHOWN[..], &settings].concat());
    let outcome = run(&recipe, Some(&straight(10)));
    let evaluation = outcome.last_evaluation.unwrap();
    assert!(evaluation.mean() > -10.0, "{:?}", evaluation.returns);
}

/// A pole that is left alone falls within ten steps or so.
#[test]
fn trpo_balances_a_pole() {
    let settings = [("eval_interval", "60000")];
    let outcome = run(&recipe("inverted-pendulum-trpo", &settings), None);
    let evaluation = outcome.last_evaluation.unwrap();
    assert!(evaluation.mean() > 500.0, "{:?}", evaluation.returns);
}

/// Stopped again and again, in the middle of rollouts and episodes, a run ends where an uninterrupted one ends, bit for bit. The
/// demonstrations are of different lengths, and so are the episodes.
#[test]
fn a_stopped_run_goes_on_bit_for_bit() {
    let gail = [
        ("total_steps", "1600"),
        ("rollout_steps", "120"),
        ("actor_hidden", "[16]"),
        ("value_hidden", "[16]"),
        ("discriminator_hidden", "[16]"),
        ("log_interval", "200"),
        ("end_on_success", "true"),
        ("initial_log_std", "0.5"),
    ];
    let recipe = recipe("reach2df-gail", &[&TEN_SHOWN[..], &gail].concat());
    let shown = straight(10);
    let folder = tempfile::tempdir().unwrap();
    let directory = |name| RunDirectory::create(Some(&folder.path().join(name)), &recipe).unwrap();
    let (whole, broken) = (directory("whole"), directory("broken"));
    let started = Instant::now();
    finish(&recipe, &whole, Some(&shown)).unwrap();
    finish_in_pieces(&recipe, &broken, &shown, started.elapsed(), || ());
    for file in ["policy.pt", "policy-last.pt", "evaluations.csv"] {
        let read = |run: &RunDirectory| std::fs::read(run.root().join(file)).unwrap();
        assert!(read(&whole) == read(&broken), "{file} differs");
    }
    // The last two columns are times.
    let log = |run: &RunDirectory| -> Vec<String> {
        let text = std::fs::read_to_string(run.progress()).unwrap();
        let row = |line: &str| line.rsplitn(3, ',').last().unwrap_or_default().to_owned();
        text.lines().map(row).collect()
    };
    assert_eq!(log(&whole), log(&broken));
    let names = &log(&whole)[0];
    for name in ["kl", "surrogate", "line_search_steps", "value_loss"] {
        assert!(names.contains(name), "{names}");
    }
    for name in ["explained_variance", "entropy", "discriminator_loss"] {
        assert!(names.contains(name), "{names}");
    }
}

/// What cannot be combined is refused by name.
#[test]
fn early_ends_need_a_success() {
    let settings = [("end_on_success", "true")];
    let recipe = recipe("inverted-pendulum-trpo", &settings);
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
    let refused = format!("{:#}", finish(&recipe, &directory, None).unwrap_err());
    let both = refused.contains("`end_on_success`") && refused.contains("InvertedPendulum-v5");
    assert!(both, "{refused}");
}

/// Off-policy learners end their episodes early as well, with goals taken in hindsight and demonstrations of different lengths.
#[test]
fn td3_learns_from_episodes_that_end_with_success() {
    let settings = [
        ("end_on_success", "true"),
        ("her", "future"),
        ("demonstrations", "in-memory"),
        ("num_demos", "10"),
        ("demo_batch_size", "32"),
        ("bc_weight", "0.0"),
        ("rl_weight", "1.0"),
        ("total_steps", "8000"),
        ("eval_interval", "8000"),
        ("batch_size", "128"),
        ("actor_hidden", "[64, 64]"),
        ("critic_hidden", "[64, 64]"),
        ("log_interval", "8000"),
    ];
    let outcome = run(&recipe("reach2df-td3", &settings), Some(&straight(10)));
    let evaluation = outcome.last_evaluation.unwrap();
    assert!(evaluation.success_rate().unwrap() >= 0.9, "{evaluation:?}");
    assert!(evaluation.lengths.iter().all(|length| *length < 20));
    // An episode that has ended early is worth what it has cost until then.
    for (ret, length) in evaluation.returns.iter().zip(&evaluation.lengths) {
        assert_eq!(-ret + 1.0, f64::from(*length), "{evaluation:?}");
    }
}
