//! The shipped recipes of the tasks with a hidden goal: each opens and learns a little, from demonstrations of its script.

use super::training::fit_with;
use super::{Audience, Outcome, RunDirectory, Session, Stop};
use crate::algo::Regime;
use crate::collect::{Demonstrator, Imperfection, Lend, Script, ScriptKind, Wish, collect};
use crate::data::Demonstrations;
use crate::recipe::{Draft, RECIPES, Recipe};

const N_DEMOS: usize = 2;
/// One cycle of four episodes and its forty updates.
const STEPS: usize = 160;

fn demonstrations(env: &str, kind: ScriptKind) -> Demonstrations {
    let wish = Wish {
        env: env.to_owned(),
        episodes: N_DEMOS,
        threads: 1,
        success_only: false,
        end_on_success: false,
        seed: 0,
        imperfection: Imperfection::default(),
    };
    let lend: &Lend<'_> = &|_, run| run(Demonstrator::Script(Script::new(kind, None)));
    collect(&wish, lend, &|_, _| ()).unwrap().demonstrations
}

/// The recipe as shipped, but small.
fn small(name: &str, more: &[(&str, &str)]) -> Recipe {
    let mut draft = Draft::open(name).unwrap();
    let as_shipped = draft.clone().resolve().unwrap();
    let steps = STEPS.to_string();
    let critic = match as_shipped.algorithm.regime() {
        Regime::OnPolicy => "value_hidden",
        Regime::OffPolicy | Regime::Offline => "critic_hidden",
    };
    let mut settings = vec![
        ("actor_hidden", "[8]"),
        (critic, "[8]"),
        ("total_steps", steps.as_str()),
        ("eval_interval", steps.as_str()),
        ("eval_episodes", "1"),
    ];
    if as_shipped.demonstration_file().is_some() {
        settings.push(("num_demos", "2"));
    }
    if as_shipped.algorithm.regime() == Regime::OnPolicy {
        settings.push(("rollout_steps", "80"));
    }
    if as_shipped.shaping.is_some() {
        settings.extend([("potential_hidden", "[8]"), ("potential_epochs", "2")]);
    }
    if as_shipped.imitation.is_some() {
        settings.extend([("bc_init_epochs", "2"), ("critic_warmup", "20")]);
    }
    for (key, value) in settings.iter().chain(more) {
        draft.set("test", key, value).unwrap();
    }
    draft.resolve().unwrap()
}

fn learn(recipe: &Recipe, demonstrations: &Demonstrations) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(Some(&folder.path().join("run")), recipe).unwrap();
    let session = Session {
        audience: Audience::Nobody,
        stop: Stop::default(),
        peers: None,
    };
    let shown = recipe.demonstration_file().map(|_| demonstrations);
    let outcome = fit_with(recipe, &directory, shown, &session).unwrap();
    let progress = std::fs::read_to_string(directory.root().join("progress.csv")).unwrap();
    assert!(!progress.contains("NaN"), "{progress}");
    outcome.expect("nobody stops it")
}

#[test]
fn recipes_of_tasks_with_a_hidden_goal_learn() {
    for (env, kind) in [
        ("PegInHole2D-v0", ScriptKind::PegInHole2D),
        ("PegInHoleRandInit-v0", ScriptKind::PegInHole),
        ("PickAndPlaceRandInit-v0", ScriptKind::PickAndPlaceRandInit),
    ] {
        let shown = demonstrations(env, kind);
        let names = RECIPES.iter().map(|shipped| shipped.name);
        let ours =
            names.filter(|name| Draft::open(name).unwrap().resolve().unwrap().run.env == env);
        let mut n_recipes = 0;
        for name in ours {
            n_recipes += 1;
            let outcome = learn(&small(name, &[]), &shown);
            assert_eq!(outcome.steps, STEPS, "{name}");
            let evaluation = outcome.last_evaluation.unwrap();
            assert_eq!(evaluation.lengths, [40], "{name}");
            assert_eq!(evaluation.successes.len(), 1, "{name}");
            assert!((-40.0..=0.0).contains(&evaluation.returns[0]), "{name}");
        }
        // Alone, cloning, flows and GANs, of two generations; of one task GAIL as well.
        let gail = usize::from(env == "PegInHoleRandInit-v0");
        assert_eq!(n_recipes, 8 + gail, "{env}");
    }
}

/// Critics that look several steps ahead, of single steps and of whole episodes.
#[test]
fn critics_may_look_several_steps_ahead() {
    let shown = demonstrations("PegInHole2D-v0", ScriptKind::PegInHole2D);
    let far = [("n_step", "8")];
    let recipe = small("peg-in-hole-2d-g2-td3-maf", &far);
    assert_eq!(recipe.n_step.unwrap().n_step_share, 0.5);
    let outcome = learn(&recipe, &shown);
    assert_eq!(outcome.steps, STEPS);
    for algo in ["td3", "ddpg"] {
        let more = [far[0], ("env", "PointReach-v0"), ("learning_starts", "40")];
        let outcome = learn(&small(algo, &more), &shown);
        assert_eq!(outcome.steps, STEPS, "{algo}");
    }
    let mut sac = Draft::open("sac").unwrap();
    let message = sac.set("test", "n_step", "8").unwrap_err().to_string();
    assert!(message.contains("unknown key `n_step`"), "{message}");
    let mut one = Draft::open("td3").unwrap();
    one.set("test", "n_step", "8").unwrap();
    one.set("test", "n_step", "0").unwrap();
    assert_eq!(one.clone().resolve().unwrap().n_step, None);
    one.set("test", "bc_init_epochs", "9").unwrap();
    let message = one.resolve().unwrap_err().to_string();
    assert!(
        message.contains("`bc_init_epochs` must be with demonstrations"),
        "{message}"
    );
}
