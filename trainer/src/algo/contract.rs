//! What every registered algorithm must do, run on each entry of the registry: regressions' losses fall on fixed steps,
//! the same seed gives the same numbers, a restored learner goes on bit for bit, any number of threads learns the same.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::Device;

use super::{
    ALGORITHMS, AlgorithmEntry, AlgorithmState, Dimensions, Learner, Mode, Regime, Setup, Shaping,
};
use crate::data::{Batch, ReplayBuffer, Rollout, RolloutStep, Transition};
use crate::nn::threads;
use crate::potential::{Demonstrated, Potential, PotentialModel, PotentialSettings};
use crate::recipe::{Draft, Recipe};

const DIMENSIONS: Dimensions = Dimensions {
    observation: 3,
    action: 2,
};

/// Without demonstrations and, where these are optional, with; and with rewards shaped.
fn recipes(entry: &AlgorithmEntry) -> Vec<Recipe> {
    let mut draft = Draft::open(entry.name).unwrap();
    let mut set = |key, value| draft.set("test", key, value).unwrap();
    set("actor_hidden", "[16, 12]");
    set("batch_size", "32");
    if entry.regime == Regime::OnPolicy {
        set("value_hidden", "[16, 12]");
        set("value_learning_rate", "5e-3");
        return vec![draft.resolve().unwrap()];
    }
    set("actor_learning_rate", "1e-3");
    if entry.regime == Regime::Offline {
        return vec![draft.resolve().unwrap()];
    }
    set("critic_hidden", "[16, 12]");
    set("critic_learning_rate", "1e-3");
    let without = draft.clone().resolve().unwrap();
    draft.set("test", "demonstrations", "unread.npz").unwrap();
    draft.set("test", "demo_batch_size", "11").unwrap();
    let with = draft.clone().resolve().unwrap();
    draft.set("test", "potential", "maf").unwrap();
    draft.set("test", "critic_on_demos", "false").unwrap();
    draft.set("test", "potential_decay", "0.5").unwrap();
    draft.set("test", "potential_decay_interval", "1").unwrap();
    draft.set("test", "q_filter_mean", "accepted").unwrap();
    vec![without, with, draft.resolve().unwrap()]
}

/// The transitions of [`experience`].
pub(super) fn demonstrated() -> Demonstrated {
    let mut data = Demonstrated::default();
    for n in 0..64 {
        let x = (n as f32 * 0.37).sin();
        data.observation.extend([x, x * x, 1.0]);
        data.action.extend([x, -x]);
    }
    data
}

/// Fitted to them.
fn potential() -> Potential {
    let data = demonstrated();
    let settings = PotentialSettings::tiny(PotentialModel::Maf);
    Potential::fitted_to(&data, DIMENSIONS, &settings, 0)
}

pub(super) fn each(check: impl Fn(&str, &Recipe)) {
    for entry in ALGORITHMS {
        for recipe in recipes(entry) {
            let name = format!(
                "{}, {:?}, {:?}",
                entry.name, recipe.demonstrations, recipe.shaping
            );
            check(&name, &recipe);
        }
    }
}

pub(super) fn learner(recipe: &Recipe, threads: usize) -> Learner {
    let (potential, shown) = (&potential(), demonstrated());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let setup = Setup {
        dimensions: DIMENSIONS,
        policy: &recipe.policy,
        return_bounds: None,
        cloning: recipe
            .demonstrations
            .as_ref()
            .and_then(|demos| demos.cloning()),
        rl_weight: recipe.rl_weight(),
        critic_rows: recipe.critic_rows(),
        critic_warmup: recipe.critic_warmup(),
        shaping: recipe.shaping.as_ref().map(|settings| Shaping {
            potential,
            settings,
        }),
        shown: Some(&shown),
        threads,
        device: Device::Cpu,
    };
    recipe.algorithm.build(&setup, &mut rng)
}

/// Terminal transitions only, whose value is their reward: something critics can fit exactly.
fn experience() -> ReplayBuffer {
    let mut replay = ReplayBuffer::new(DIMENSIONS.observation, DIMENSIONS.action, 64);
    for n in 0..64 {
        let x = (n as f32 * 0.37).sin();
        replay.push(Transition {
            observation: &[x, x * x, 1.0],
            action: &[x, -x],
            reward: 2.0 * x,
            next_observation: &[0.0; 3],
            terminated: true,
        });
    }
    replay
}

/// The same, acted in by the learner.
fn rollout(learner: &mut Learner, rng: &mut ChaCha8Rng) -> Rollout {
    let mut rollout = Rollout::new(DIMENSIONS.observation, DIMENSIONS.action, 64);
    for n in 0..64 {
        let x = (n as f32 * 0.37).sin();
        let observation = [x, x * x, 1.0];
        let mut action = [0.0; 2];
        learner.act(&observation, Mode::Explore(rng), &mut action);
        rollout.push(RolloutStep {
            lane: 0,
            observation: &observation,
            action: &action,
            reward: 2.0 * x,
            next_observation: &[0.0; 3],
            terminated: true,
        });
    }
    rollout
}

pub(super) fn learn(learner: &mut Learner, updates: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let replay = experience();
    let potential = potential();
    let mut batch = Batch::new(32, DIMENSIONS.observation, DIMENSIONS.action, Device::Cpu)
        .with_potential(DIMENSIONS.observation);
    let mut metrics = Vec::new();
    for _ in 0..updates {
        if let Learner::Rollouts(_) = learner {
            let rollout = rollout(learner, rng);
            if let Learner::Rollouts(learner) = learner {
                learner.learn(&rollout, None, rng);
                metrics = learner.metrics().iter().map(|&x| f64::from(x)).collect();
            }
        }
        if let Learner::Batches(learner) = learner {
            batch.fill_shaped(&potential, None, |rows| {
                replay.sample(rng, 0.99, None, rows)
            });
            learner.update(&mut batch, rng, Some(&mut metrics));
        }
    }
    metrics
}

#[test]
fn losses_of_regressions_fall() {
    each(|name, recipe| {
        if recipe.run.algo == "gail" {
            // Its rewards are another opponent's each time.
            return;
        }
        let mut learner = learner(recipe, 1);
        let is_loss = |name: &&str| ["critic_loss", "bc_loss", "value_loss"].contains(name);
        let loss = learner.metric_names().iter().position(is_loss).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let before = learn(&mut learner, 1, &mut rng)[loss];
        // A rollout is gone through five times, in two batches.
        let updates = match &learner {
            Learner::Batches(_) => 600,
            Learner::Rollouts(_) => 100,
        };
        let after = learn(&mut learner, updates, &mut rng)[loss];
        assert!(after < before * 0.05, "{name}: {before} -> {after}");
    });
}

#[test]
fn the_same_seed_gives_the_same_learner_and_a_restored_one_goes_on() {
    each(|name, recipe| {
        let (mut one, mut two) = (learner(recipe, 1), learner(recipe, 1));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        learn(&mut one, 7, &mut rng.clone());
        learn(&mut two, 3, &mut rng);
        let mut resumed = learner(recipe, 1);
        resumed.restore(&two.save());
        learn(&mut resumed, 4, &mut rng);
        assert_eq!(one.save(), resumed.save(), "{name}");
    });
}

#[test]
fn threads_share_the_work_of_one_update() {
    each(|name, recipe| {
        let (mut one, mut three) = (learner(recipe, 1), learner(recipe, 3));
        let rng = ChaCha8Rng::seed_from_u64(3);
        learn(&mut one, 2, &mut rng.clone());
        learn(&mut three, 2, &mut rng.clone());
        let (one, three) = (one.save(), three.save());
        for (a, b) in one
            .parameters
            .iter()
            .flatten()
            .zip(three.parameters.iter().flatten())
        {
            assert!((a - b).abs() < 1e-5, "{name}: {a} and {b}");
        }
    });
}

/// What each learner is after some updates on experience of its own, as one of `size` that share their gradients.
fn learn_together(recipe: &Recipe, size: usize, updates: usize, same: bool) -> Vec<AlgorithmState> {
    threads::together(size, |collective| {
        let mut learner = learner(recipe, 1);
        learner
            .optimisers()
            .into_iter()
            .for_each(|adam| adam.share(&collective));
        let seed = if same { 0 } else { collective.rank() as u64 };
        learn(&mut learner, updates, &mut ChaCha8Rng::seed_from_u64(seed));
        learner.save()
    })
}

#[test]
fn processes_that_share_gradients_stay_the_same_learner() {
    each(|name, recipe| {
        if recipe.algorithm.regime() == Regime::OnPolicy {
            return;
        }
        let found = learn_together(recipe, 2, 5, false);
        assert_eq!(found[0], found[1], "{name}");
        // The first step of identical workers is that of one: its length does not depend on the gradient's. Only where
        // the gradient is as small as Adam's ε, three times it makes a step up to .268 learning rates longer.
        let mut alone = learner(recipe, 1);
        learn(&mut alone, 1, &mut ChaCha8Rng::seed_from_u64(0));
        let (together, alone) = (&learn_together(recipe, 3, 1, true)[0], alone.save());
        let pairs = together
            .parameters
            .iter()
            .flatten()
            .zip(alone.parameters.iter().flatten());
        let mut apart: Vec<f32> = pairs.map(|(ours, theirs)| (ours - theirs).abs()).collect();
        apart.sort_by(f32::total_cmp);
        let (median, most) = (apart[apart.len() / 2], apart[apart.len() - 1]);
        assert!(
            median < 1e-6 && most < 2.7e-4,
            "{name}: {median} and {most}"
        );
    });
}

#[test]
fn the_deployed_layers_are_the_deterministic_action() {
    each(|name, recipe| {
        let mut learner = learner(recipe, 1);
        let observation = [0.3_f32, -1.2, 0.8];
        let mut action = [0.0; 2];
        learner.act(&observation, Mode::Deterministic, &mut action);
        let layers = learner.actor_layers();
        let mut x: Vec<f64> = observation.iter().map(|&x| f64::from(x)).collect();
        for (index, layer) in layers.iter().enumerate() {
            let rows = layer.weight.chunks_exact(layer.inputs).zip(&layer.bias);
            let dot = |row: &[f32]| {
                row.iter()
                    .zip(&x)
                    .map(|(w, x)| f64::from(*w) * x)
                    .sum::<f64>()
            };
            let relu = if index + 1 < layers.len() {
                0.0
            } else {
                f64::NEG_INFINITY
            };
            x = rows
                .map(|(row, bias)| (dot(row) + f64::from(*bias)).max(relu))
                .collect();
        }
        for (ours, reference) in action.iter().zip(x) {
            assert!((f64::from(*ours) - reference.tanh()).abs() < 1e-6, "{name}");
        }
    });
}

/// Both of the critics learn, from the first update on.
#[test]
fn every_critic_moves() {
    each(|name, recipe| {
        if recipe.algorithm.regime() != Regime::OffPolicy {
            return;
        }
        let mut learner = learner(recipe, 1);
        let before = learner.save();
        learn(&mut learner, 1, &mut ChaCha8Rng::seed_from_u64(4));
        let after = learner.save();
        let critics = if recipe.run.algo == "sac" { 1 } else { 2 };
        let count = if recipe.run.algo == "ddpg" { 1 } else { 2 };
        let (before, after) = (&before.parameters[critics], &after.parameters[critics]);
        let size = before.len() / count;
        for (a, b) in before.chunks_exact(size).zip(after.chunks_exact(size)) {
            assert_ne!(a, b, "{name}");
        }
    });
}
