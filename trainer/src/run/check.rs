//! What runs in goal-conditioned environments do, with and without demonstrations, on the task that needs no simulator.

use std::path::Path;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::training::{Run, fit, fit_with};
use super::{Audience, Evaluation, Outcome, RunDirectory, Session, Stop};
use crate::data::{Demonstration, DemonstrationShape, Demonstrations};
use crate::env::point_reach::PointReach;
use crate::env::{Env, VectorEnv};
use crate::nn::host_slice;
use crate::recipe::{Draft, Recipe};

/// The recipe `name`, changed.
pub(super) fn recipe(name: &str, settings: &[(&str, &str)]) -> Recipe {
    let mut draft = Draft::open(name).unwrap();
    for (key, value) in settings {
        draft.set("test", key, value).unwrap();
    }
    draft.resolve().unwrap()
}

/// A learner of the point that is small enough for a test.
pub(super) fn small(algo: &str, settings: &[(&str, &str)]) -> Recipe {
    let sizes = [
        ("env", "PointReach-v0"),
        ("actor_hidden", "[64, 64]"),
        ("batch_size", "128"),
        ("actor_learning_rate", "1e-3"),
        ("observation_clip", "5.0"),
        ("eval_episodes", "20"),
    ];
    recipe(algo, &[&sizes, settings].concat())
}

pub(super) fn alone() -> Session {
    Session {
        audience: Audience::Nobody,
        stop: Stop::default(),
        peers: None,
    }
}

pub(super) fn finish(
    recipe: &Recipe,
    directory: &RunDirectory,
    demonstrations: Option<&Demonstrations>,
) -> anyhow::Result<Outcome> {
    let outcome = fit_with(recipe, directory, demonstrations, &alone())?;
    Ok(outcome.expect("nobody stops it"))
}

pub(super) fn finish_from_file(
    recipe: &Recipe,
    directory: &RunDirectory,
) -> anyhow::Result<Outcome> {
    let outcome = fit(recipe, directory, &alone())?;
    Ok(outcome.expect("nobody stops it"))
}

/// Learns in `broken` in sessions that are asked to stop, the first before it begins, later ones after longer and longer, until
/// one comes to its end. `first` looks at what the first has left.
pub(super) fn finish_in_pieces(
    recipe: &Recipe,
    broken: &RunDirectory,
    shown: &Demonstrations,
    whole_took: Duration,
    first: impl Fn(),
) {
    for sessions in 0.. {
        let session = alone();
        let asker = session.stop.clone();
        // However fast the machine is.
        if sessions == 0 {
            asker.ask();
        }
        let asks = std::thread::spawn(move || {
            std::thread::sleep(whole_took / 6 * sessions);
            asker.ask();
        });
        let outcome = fit_with(recipe, broken, Some(shown), &session).unwrap();
        asks.join().unwrap();
        if sessions == 0 {
            assert!(outcome.is_none(), "never stopped");
            first();
        }
        if outcome.is_some() {
            break;
        }
    }
}

pub(super) fn run(recipe: &Recipe, demonstrations: Option<&Demonstrations>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), recipe).unwrap();
    finish(recipe, &directory, demonstrations).unwrap()
}

pub(super) fn success(outcome: &Outcome) -> f64 {
    let evaluation: &Evaluation = outcome.last_evaluation.as_ref().unwrap();
    evaluation.success_rate().unwrap()
}

/// Straight to the goal at full speed, or `wrong`, straight away from it.
pub(super) fn demonstrations(count: u64, wrong: bool) -> Demonstrations {
    let mut env = PointReach::new();
    let mut observation = [0.0; 4];
    let episode = |stream| {
        let mut rng = ChaCha8Rng::seed_from_u64(99);
        rng.set_stream(stream);
        env.reset(&mut rng, &mut observation);
        let mut one = Demonstration::default();
        let see = |one: &mut Demonstration, env: &PointReach, observation: &[f64]| {
            one.observation.extend(&observation[..2]);
            one.achieved_goal.extend(env.goals().unwrap().achieved);
            one.state.push(env.save().physics);
        };
        see(&mut one, &env, &observation);
        for _ in 0..30 {
            let way = [
                observation[2] - observation[0],
                observation[3] - observation[1],
            ];
            let gain = if wrong { -25.0 } else { 25.0 };
            let action = way.map(|way| (way * gain).clamp(-2.5, 2.5));
            one.desired_goal.extend(&observation[2..]);
            let step = env.step(&action, &mut observation);
            one.action
                .extend(action.map(|a| if wrong { -a } else { a }));
            one.reward.push(step.reward);
            one.terminated.push(false);
            one.is_success.push(step.reward == 0.0);
            see(&mut one, &env, &observation);
        }
        one
    };
    Demonstrations {
        env: "PointReach-v0".to_owned(),
        shape: DemonstrationShape {
            observation: 2,
            goal: 2,
            action: 2,
        },
        episodes: (0..count).map(episode).collect(),
    }
}

const WITH_DEMOS: [(&str, &str); 3] = [
    ("demonstrations", "in-memory"),
    ("num_demos", "20"),
    ("demo_batch_size", "32"),
];

#[test]
fn ddpg_reaches_every_goal_with_and_without_demonstrations() {
    let settings = [("total_steps", "3000"), ("eval_interval", "3000")];
    let without = run(&recipe("point-reach-her", &settings), None);
    assert_eq!(success(&without), 1.0, "without");
    let settings = [&settings[..], &WITH_DEMOS].concat();
    let with = run(
        &recipe("point-reach-her", &settings),
        Some(&demonstrations(20, false)),
    );
    assert_eq!(success(&with), 1.0, "with");
    let mean_q = with.last_evaluation.unwrap().mean_q.unwrap();
    assert!((-50.0..0.0).contains(&mean_q), "{mean_q}");
}

/// Every goal within 5,000 steps, in the simulator.
#[test]
fn fetch_reach_is_learned_in_hindsight() {
    let settings = [("total_steps", "4500"), ("eval_interval", "4500")];
    let outcome = run(&recipe("fetch-reach-her", &settings), None);
    assert_eq!(success(&outcome), 1.0);
}

#[test]
fn td3_and_sac_learn_from_hindsight_and_demonstrations() {
    for algo in ["td3", "sac"] {
        let settings = [
            ("her", "future"),
            ("critic_hidden", "[64, 64]"),
            ("critic_learning_rate", "1e-3"),
            ("gamma", "0.95"),
            ("normalize_observations", "true"),
            ("learning_starts", "300"),
            ("total_steps", "2500"),
            ("eval_interval", "2500"),
        ];
        let settings = [&settings[..], &WITH_DEMOS].concat();
        let outcome = run(&small(algo, &settings), Some(&demonstrations(20, false)));
        assert!(success(&outcome) >= 0.9, "{algo}: {}", success(&outcome));
    }
}

#[test]
fn behaviour_cloning_needs_no_steps() {
    let settings = [
        ("num_demos", "60"),
        ("total_steps", "2000"),
        ("eval_interval", "2000"),
    ];
    let recipe = small("bc", &settings);
    let outcome = run(&recipe, Some(&demonstrations(60, false)));
    assert!(success(&outcome) >= 0.9, "{}", success(&outcome));
    assert_eq!(outcome.last_evaluation.unwrap().mean_q, None);
}

/// Demonstrations that lead away: what the filter lets through does little harm, all of them together do much.
#[test]
fn the_filter_turns_wrong_demonstrations_away() {
    let learn = |q_filter| {
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            ("total_steps", "3000"),
            ("eval_interval", "3000"),
            ("log_interval", "300"),
            ("rl_weight", "0.1"),
            // With goals taken in hindsight the same actions would be right.
            ("her_on_demos", "false"),
            ("q_filter", q_filter),
        ];
        let recipe = recipe("point-reach-her", &[&WITH_DEMOS[..], &settings].concat());
        let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
        let shown = demonstrations(20, true);
        let outcome = finish(&recipe, &directory, Some(&shown)).unwrap();
        let mut reader = csv::Reader::from_path(directory.progress()).unwrap();
        let names = reader.headers().unwrap().clone();
        let column = names.iter().position(|name| name == "bc_accepted").unwrap();
        let rates: Vec<f64> = reader
            .records()
            .map(|row| row.unwrap()[column].parse().unwrap())
            .collect();
        (
            success(&outcome),
            rates.iter().sum::<f64>() / rates.len() as f64,
        )
    };
    let (filtered, accepted) = learn("true");
    assert!(filtered >= 0.6 && accepted < 0.35, "{filtered} {accepted}");
    let (unfiltered, accepted) = learn("false");
    assert_eq!(accepted, 1.0);
    assert!(unfiltered <= filtered - 0.2, "{unfiltered} {filtered}");
}

/// Rows of the run's own experience come first, demonstrations last and nowhere else.
#[test]
fn a_batch_is_composed_as_the_recipe_says() {
    let mut shown = demonstrations(20, false);
    // Far away from where the point can be.
    for one in &mut shown.episodes {
        one.observation.iter_mut().for_each(|x| *x += 100.0);
    }
    let settings = [
        ("normalize_observations", "false"),
        ("total_steps", "90"),
        ("updates_per_cycle", "0"),
    ];
    let settings = [&settings[..], &WITH_DEMOS].concat();
    let recipe = recipe("point-reach-her", &settings);
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
    let session = alone();
    let run = Run::new(&recipe, &directory, Some(&shown), None, &session);
    let mut run = run.unwrap().expect("not stopped");
    (0..90).for_each(|_| run.collect());
    for _ in 0..50 {
        run.fill_batch();
        let joint = host_slice(&run.batch.observation_action);
        for (row, numbers) in joint.chunks_exact(6).enumerate() {
            assert_eq!(numbers[0] > 50.0, row >= 128 - 32, "row {row}");
        }
    }
}

#[test]
fn episodes_begin_in_demonstrated_states() {
    let shown = demonstrations(3, false);
    let recipe = recipe(
        "point-reach-her",
        &[&WITH_DEMOS[..], &[("num_demos", "3")]].concat(),
    );
    let spec = PointReach::new().spec().clone();
    let path = Path::new("in-memory");
    let mentor = super::mentor::Mentor::new(path, &shown, 3, &spec, false).unwrap();
    let mut vector = VectorEnv::new(&recipe.run.env, 1, 1, 5).unwrap();
    vector
        .start_from(&mentor.starts(path, 1.0).unwrap())
        .unwrap();
    let mut begun = 0;
    for _ in 0..600 {
        if vector.step(&[0.0, 0.0]).finished.is_empty() {
            continue;
        }
        begun += 1;
        let row: Vec<f64> = vector
            .observations()
            .iter()
            .map(|&x| f64::from(x))
            .collect();
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        let is_known = shown.episodes.iter().any(|one| {
            let goal = &one.achieved_goal[60..];
            near(&row[2..], goal) && one.state.iter().any(|state| near(&row[..2], &state[..2]))
        });
        assert!(is_known, "{row:?}");
    }
    assert_eq!(begun, 20);
}

#[test]
fn demonstrations_that_do_not_fit_are_refused() {
    let complaint = |edit: &dyn Fn(&mut Demonstrations)| {
        let mut shown = demonstrations(20, false);
        edit(&mut shown);
        let settings = [&WITH_DEMOS[..], &[("total_steps", "60")]].concat();
        let recipe = recipe("point-reach-her", &settings);
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
        let error = finish(&recipe, &directory, Some(&shown)).unwrap_err();
        format!("{error:#}")
    };
    let env = complaint(&|shown| shown.env = "FetchPush-v4".to_owned());
    assert!(
        env.contains("FetchPush-v4") && env.contains("in-memory"),
        "{env}"
    );
    let shape = complaint(&|shown| shown.shape.action = 4);
    let expected = "PointReach-v0 has 2 numbers in a row, found 4";
    assert!(
        shape.contains(expected) && shape.contains("in-memory"),
        "{shape}"
    );
    let few = complaint(&|shown| shown.episodes.truncate(7));
    assert!(
        few.contains("7 episodes") && few.contains("num_demos is 20"),
        "{few}"
    );
}

/// A run that goes on with other demonstrations would silently be another run.
#[test]
fn a_run_goes_on_with_the_demonstrations_it_began_with() {
    let settings = [
        ("total_steps", "90"),
        ("checkpoint_interval", "30"),
        ("eval_interval", "90"),
    ];
    let settings = [&settings[..], &WITH_DEMOS].concat();
    let recipe = recipe("point-reach-her", &settings);
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
    let shown = demonstrations(20, false);
    // As if it had been killed before its end.
    let go_on = |shown| {
        std::fs::remove_file(directory.outcome()).unwrap();
        finish(&recipe, &directory, Some(shown))
    };
    finish(&recipe, &directory, Some(&shown)).unwrap();
    go_on(&shown).unwrap();
    let other = go_on(&demonstrations(20, true));
    let message = other.unwrap_err().to_string();
    assert!(message.contains("other demonstrations"), "{message}");
}

#[test]
fn hindsight_without_goals_is_refused() {
    let recipe = recipe("td3", &[("env", "Hopper-v5"), ("her", "future")]);
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), &recipe).unwrap();
    let message = finish(&recipe, &directory, None).unwrap_err().to_string();
    assert!(message.contains("no goals"), "{message}");
}
