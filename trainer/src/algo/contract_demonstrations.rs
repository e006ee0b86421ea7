//! What every registered algorithm must do with demonstrations, on each entry of the registry.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::contract::{each, learn, learner};
use super::{ALGORITHMS, DemonstrationSettings, Learner, Mode, Regime, Shown};
use crate::recipe::Draft;

/// Cloning comes before everything: the actor answers what it was shown, its target has followed, critics are as they were; and
/// while critics warm up, they learn alone.
#[test]
fn an_actor_may_begin_as_it_is_shown_and_wait_for_critics() {
    let shown: Vec<[f32; 3]> = (0..40)
        .map(|n| [(n as f32 * 0.7).sin(), 0.3, -1.0])
        .collect();
    let action: Vec<f32> = shown.iter().flat_map(|x| [0.6 * x[0], -0.4]).collect();
    for entry in ALGORITHMS
        .iter()
        .filter(|entry| entry.regime == Regime::OffPolicy)
    {
        let mut draft = Draft::open(entry.name).unwrap();
        let settings = [
            ("actor_hidden", "[16]"),
            ("critic_hidden", "[16]"),
            ("batch_size", "32"),
            ("demonstrations", "unread.npz"),
            ("demo_batch_size", "11"),
            ("bc_init_epochs", "300"),
            ("bc_init_batch_size", "16"),
            ("bc_init_learning_rate", "0.01"),
            ("critic_warmup", "10"),
        ];
        for (key, value) in settings {
            draft.set("test", key, value).unwrap();
        }
        let recipe = draft.resolve().unwrap();
        let mut one = learner(&recipe, 1);
        let before = one.save();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let settings = recipe.imitation.as_ref().unwrap();
        let observation = shown.concat();
        let demonstrated = Shown {
            observation: &observation,
            action: &action,
        };
        let Learner::Batches(cloner) = &mut one else {
            panic!("{} learns from batches", entry.name);
        };
        let errors = cloner.imitate(demonstrated, settings, &mut rng, &mut |_| true);
        assert!(errors[299] < 1e-3 && errors[0] > 0.02, "{}", entry.name);
        let mut answer = vec![0.0; action.len()];
        one.act(&observation, Mode::Deterministic, &mut answer);
        for (ours, shown) in answer.iter().zip(&action) {
            assert!((ours - shown).abs() < 0.1, "{}: {ours} {shown}", entry.name);
        }
        let cloned = one.save();
        let is_actor = |index: usize| cloned.parameters[index].len() == cloned.parameters[0].len();
        for (index, (now, then)) in cloned.parameters.iter().zip(&before.parameters).enumerate() {
            assert_eq!(is_actor(index), now != then, "{}: {index}", entry.name);
            if is_actor(index) {
                assert_eq!(now, &cloned.parameters[0], "{}", entry.name);
            }
        }
        assert_eq!(cloned.optimisers, before.optimisers, "{}", entry.name);
        for (updates, waits) in [(10, true), (4, false)] {
            let before = one.save();
            learn(&mut one, updates, &mut rng);
            let after = one.save();
            let changed = |index: usize| after.parameters[index] != before.parameters[index];
            assert_eq!(changed(0), !waits, "{}", entry.name);
            let others = 1..after.parameters.len();
            assert!(
                others.filter(|index| !is_actor(*index)).any(changed),
                "{}",
                entry.name
            );
        }
    }
}

/// Without weight on anything the actor stays where it is, also where nothing is cloned.
#[test]
fn an_actor_without_a_loss_does_not_move() {
    each(|name, recipe| {
        let Some(demonstrations) = &recipe.demonstrations else {
            return;
        };
        let mut recipe = recipe.clone();
        recipe.demonstrations = Some(DemonstrationSettings {
            rl_weight: 0.0,
            bc_weight: 0.0,
            ..demonstrations.clone()
        });
        let mut learner = learner(&recipe, 1);
        let before = learner.save();
        learn(&mut learner, 4, &mut ChaCha8Rng::seed_from_u64(4));
        let after = learner.save();
        assert_eq!(before.parameters[0], after.parameters[0], "{name}");
        assert_ne!(before.parameters[2], after.parameters[2], "{name}");
    });
}

/// Also of an update in which the actor does not step.
#[test]
fn every_recorded_update_tells_of_the_actors_actions() {
    each(|name, recipe| {
        let mut recipe = recipe.clone();
        if let Some(demonstrations) = &mut recipe.demonstrations {
            // A filter may reject all.
            demonstrations.q_filter = false;
        }
        let mut learner = learner(&recipe, 1);
        let names = learner.metric_names();
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for updates in 1..4 {
            let metrics = learn(&mut learner, 1, &mut rng);
            let of = |wanted: &str| {
                let index = names.iter().position(|name| *name == wanted)?;
                Some(metrics[index])
            };
            for wanted in ["bc_loss", "potential"] {
                let told = of(wanted).is_none_or(|number| number != 0.0);
                assert!(told, "{name}: `{wanted}` after {updates} updates");
            }
            if let (Some(potential), Some(sum)) = (of("potential"), of("q_plus_potential")) {
                assert!((of("q").unwrap() + potential - sum).abs() < 1e-6, "{name}");
            }
        }
    });
}
