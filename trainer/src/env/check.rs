//! The contract that every registered environment keeps, run on each entry of the registry.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::registry::{self, Entry};
use super::{Env, VectorEnv, VectorState};

fn each_env(check: impl Fn(&Entry, Box<dyn Env>)) {
    for entry in registry::ENTRIES {
        let env = (entry.open)().unwrap_or_else(|error| panic!("{}: {error}", entry.id));
        check(entry, env);
    }
}

fn random_action(env: &dyn Env, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let spec = env.spec();
    spec.action_low()
        .iter()
        .zip(spec.action_high())
        .map(|(low, high)| f64::from(rng.random_range(*low..high)))
        .collect()
}

/// Observations, rewards and terminations of `n_steps` random steps, as bits.
fn trace(env: &mut dyn Env, rng: &mut ChaCha8Rng, n_steps: usize) -> Vec<u64> {
    let mut observation = vec![0.0; env.spec().observation_dim()];
    let mut bits = Vec::new();
    for _ in 0..n_steps {
        let action = random_action(env, rng);
        let step = env.step(&action, &mut observation);
        bits.extend(observation.iter().map(|number| number.to_bits()));
        bits.push(step.reward.to_bits());
        bits.push(u64::from(step.terminated));
    }
    bits
}

#[test]
fn a_spec_describes_what_is_observed_and_accepted() {
    each_env(|entry, mut env| {
        let spec = env.spec().clone();
        assert_eq!(spec.id, entry.id);
        assert_eq!(spec.summary, entry.summary);
        assert!(
            spec.period_us > 0 && spec.max_episode_steps > 0,
            "{}",
            entry.id
        );
        for term in &spec.action {
            assert!(term.low < term.high, "{}: {}", entry.id, term.name);
        }
        let mut names: Vec<&str> = spec.observation.iter().map(|term| &*term.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names.len(),
            spec.observation.len(),
            "{}: a name twice",
            entry.id
        );

        // What stays NaN was not written; MuJoCo itself has no NaN here.
        let mut observation = vec![f64::NAN; spec.observation_dim()];
        env.reset(&mut ChaCha8Rng::seed_from_u64(1), &mut observation);
        assert!(
            observation.iter().all(|number| number.is_finite()),
            "{}",
            entry.id
        );
        for bound in [spec.action_low(), spec.action_high()] {
            let action: Vec<f64> = bound.into_iter().map(f64::from).collect();
            observation.fill(f64::NAN);
            let step = env.step(&action, &mut observation);
            assert!(step.reward.is_finite(), "{}", entry.id);
            assert!(
                observation.iter().all(|number| number.is_finite()),
                "{}",
                entry.id
            );
        }
    });
}

#[test]
fn a_seed_decides_everything() {
    each_env(|entry, mut env| {
        let mut run = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut observation = vec![0.0; env.spec().observation_dim()];
            env.reset(&mut rng, &mut observation);
            let mut bits: Vec<u64> = observation.iter().map(|number| number.to_bits()).collect();
            bits.extend(trace(env.as_mut(), &mut rng, 30));
            bits
        };
        let first = run(3);
        assert_ne!(first, run(4), "{}: the seed changes nothing", entry.id);
        assert_eq!(first, run(3), "{}: the same seed, another course", entry.id);
    });
}

#[test]
fn a_saved_state_continues_bit_for_bit_in_another_copy() {
    each_env(|entry, mut env| {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut observation = vec![0.0; env.spec().observation_dim()];
        env.reset(&mut rng, &mut observation);
        trace(env.as_mut(), &mut rng, 40);
        let saved = env.save();
        let mut same_rng = rng.clone();
        let onward = trace(env.as_mut(), &mut rng, 40);

        let mut copy = (entry.open)().unwrap();
        copy.restore(&saved).unwrap();
        assert_eq!(
            copy.save(),
            saved,
            "{}: restoring changes the state",
            entry.id
        );
        let again = trace(copy.as_mut(), &mut same_rng, 40);
        assert_eq!(
            onward, again,
            "{}: another course after restoring",
            entry.id
        );
    });
}

#[test]
fn a_state_of_another_shape_is_refused() {
    each_env(|entry, mut env| {
        let mut saved = env.save();
        saved.physics.pop();
        let message = env.restore(&saved).unwrap_err().to_string();
        assert!(message.contains(entry.id), "{message}");
        let mut observation = vec![0.0; env.spec().observation_dim()];
        saved.physics.push(f64::NAN);
        let message = env
            .reset_to(&saved.physics, &mut observation)
            .unwrap_err()
            .to_string();
        assert!(message.contains("NaN"), "{message}");
    });
}

#[test]
fn the_time_limit_truncates_and_only_the_state_terminates() {
    each_env(|entry, mut env| {
        let limit = env.spec().max_episode_steps;
        let mut vector = VectorEnv::new(entry.id, 2, 1, 11).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let observation_dim = vector.spec().observation_dim();
        let mut lengths = [0; 2];
        let mut n_finished = 0;
        for _ in 0..limit + 10 {
            let actions: Vec<f32> = (0..2)
                .flat_map(|_| random_action(env.as_mut(), &mut rng))
                .map(|number| number as f32)
                .collect();
            let step = vector.step(&actions).clone();
            n_finished += step.finished.len();
            for (index, length) in lengths.iter_mut().enumerate() {
                *length += 1;
                let rows = index * observation_dim..(index + 1) * observation_dim;
                let is_over = step.terminated[index] || step.truncated[index];
                assert_eq!(step.truncated[index], *length == limit, "{}", entry.id);
                let begun_anew = vector.observations()[rows.clone()] != step.next_observation[rows];
                assert_eq!(is_over, begun_anew, "{}", entry.id);
                let episode = step.finished.iter().find(|one| one.env_index == index);
                assert_eq!(is_over.then_some(*length), episode.map(|one| one.len));
                if is_over {
                    *length = 0;
                }
            }
        }
        assert!(n_finished >= 2, "{}: no episode ended", entry.id);
    });
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for id in ["InvertedPendulum-v5", "Hopper-v5"] {
        let mut courses = [1, 2, 3].map(|n_threads| VectorEnv::new(id, 5, n_threads, 21).unwrap());
        let mut rng = ChaCha8Rng::seed_from_u64(22);
        let n_actions = 5 * courses[0].spec().action_dim();
        for _ in 0..200 {
            let actions: Vec<f32> = (0..n_actions)
                .map(|_| rng.random_range(-1.0..1.0))
                .collect();
            let seen = courses.each_mut().map(|course| {
                let step = course.step(&actions).clone();
                (course.observations().to_vec(), step)
            });
            let [(alone, step), others @ ..] = seen;
            for (observations, other) in others {
                assert_eq!(alone, observations, "{id}");
                assert_eq!(step.reward, other.reward, "{id}");
                assert_eq!(step.finished, other.finished, "{id}");
            }
        }
    }
}

#[test]
fn a_saved_set_of_environments_continues_bit_for_bit() {
    let mut vector = VectorEnv::new("Hopper-v5", 3, 1, 31).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let mut actions = || -> Vec<f32> { (0..9).map(|_| rng.random_range(-1.0..1.0)).collect() };
    for _ in 0..70 {
        vector.step(&actions());
    }
    let saved = vector.save();
    let bytes = postcard::to_allocvec(&saved).unwrap();
    let saved: VectorState = postcard::from_bytes(&bytes).unwrap();
    let onward: Vec<Vec<f32>> = (0..70).map(|_| actions()).collect();
    let run = |vector: &mut VectorEnv| {
        onward
            .iter()
            .map(|actions| {
                let step = vector.step(actions).clone();
                (step.next_observation, step.reward, step.finished)
            })
            .collect::<Vec<_>>()
    };
    let course = run(&mut vector);
    assert!(course.iter().any(|(_, _, finished)| !finished.is_empty()));

    let mut other = VectorEnv::new("Hopper-v5", 3, 2, 99).unwrap();
    other.restore(&saved).unwrap();
    assert_eq!(course, run(&mut other));

    let message = VectorEnv::new("Hopper-v5", 2, 1, 31)
        .unwrap()
        .restore(&saved)
        .unwrap_err()
        .to_string();
    assert!(message.contains("3 of Hopper-v5"), "{message}");
}

/// An episode whose numbers have left the simulator's senses ends without counting, and another begins.
#[test]
fn a_broken_simulation_begins_anew() {
    let mut vector = VectorEnv::new("PointReach-v0", 2, 1, 41).unwrap();
    let step = vector.step(&[0.5, 0.5, f32::NAN, 0.5]).clone();
    assert_eq!(step.broken, [false, true]);
    assert!(step.finished.is_empty() && !step.truncated[1]);
    assert!(step.next_observation[4].is_nan());
    assert!(
        vector
            .observations()
            .iter()
            .all(|number| number.is_finite())
    );
    for _ in 0..29 {
        assert_eq!(vector.step(&[0.5; 4]).broken, [false, false]);
    }
    // The one that broke began a step later.
    let finished = &vector.step(&[0.5; 4]).finished;
    assert_eq!(finished.len(), 1);
    assert_eq!((finished[0].env_index, finished[0].len), (1, 30));
}
