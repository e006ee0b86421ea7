//! The tasks held against what was measured of the original.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::fixed_task::{CUBE_GOAL_M, HOLE_M};
use super::*;

const TASKS: [FixedGoalTask; 4] = [
    FixedGoalTask::PegInHole,
    FixedGoalTask::PegInHole2D,
    FixedGoalTask::PegInHoleRandInit,
    FixedGoalTask::PickAndPlaceRandInit,
];

fn open(task: FixedGoalTask) -> FixedGoalEnv {
    FixedGoalEnv::open(task, GoalReward::Sparse).unwrap()
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs();
        assert!(difference < tolerance, "{found} instead of {expected}");
    }
}

/// First observations of many episodes: mean and standard deviation of each number.
fn starts(env: &mut FixedGoalEnv, n_resets: u32) -> Vec<(f64, f64)> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut observation = vec![0.0; env.spec().observation_dim()];
    let mut sums = vec![(0.0, 0.0); observation.len()];
    for _ in 0..n_resets {
        env.reset(&mut rng, &mut observation);
        for ((sum, squares), number) in sums.iter_mut().zip(&observation) {
            *sum += number;
            *squares += number * number;
        }
    }
    let n = f64::from(n_resets);
    let spread = |(sum, squares): (f64, f64)| {
        let mean = sum / n;
        (mean, (squares / n - mean * mean).max(0.0).sqrt())
    };
    sums.into_iter().map(spread).collect()
}

/// Measured elsewhere on a model rebuilt after the original: all within 5 mm.
#[test]
fn episodes_begin_where_they_were_measured_to_begin() {
    const TOLERANCE_M: f64 = 5e-3;
    let mut env = open(FixedGoalTask::PegInHoleRandInit);
    assert_near(&env.goal, &HOLE_M, 1e-4);
    assert_near(&env.first_grip, &[1.25, 0.744, 0.485], TOLERANCE_M);
    // Sideways a mean over 500 episodes is uncertain by 5 mm itself, and so was the measured one.
    let starts_of_many = starts(&mut env, 500);
    let (means, stds): (Vec<f64>, Vec<f64>) = starts_of_many[..3].iter().copied().unzip();
    assert_near(&[means[0], means[2]], &[1.247, 0.465], TOLERANCE_M);
    assert_near(&means[1..2], &[0.749], 0.015);
    assert_near(&stds, &[0.030, 0.119, 0.011], 0.01);
    for task in [FixedGoalTask::PegInHole, FixedGoalTask::PegInHole2D] {
        let mut env = open(task);
        let pressed = starts(&mut env, 2);
        let means: Vec<f64> = pressed[..3].iter().map(|(mean, _)| *mean).collect();
        assert_near(&means, &[1.112, 0.744, 0.417], TOLERANCE_M);
        assert!(pressed.iter().all(|(_, std)| *std < 1e-6), "{pressed:?}");
    }
    let mut env = open(FixedGoalTask::PickAndPlaceRandInit);
    assert_near(&env.goal, &CUBE_GOAL_M, 1e-4);
    let beginnings = starts(&mut env, 200);
    let means: Vec<f64> = beginnings.iter().map(|(mean, _)| *mean).collect();
    assert_near(&means[..3], &[1.3419, 0.7491, 0.5347], 1e-4);
    // The cube's coordinates on a circle of radius r have a standard deviation of r / √2.
    for (_, std) in &beginnings[10..12] {
        assert!((std - (0.03_f64 / 2.0).sqrt()).abs() < 0.01, "{std}");
    }
    assert!((means[12] - 0.4249).abs() < 1e-3, "{}", means[12]);
}

#[test]
fn doing_nothing_and_doing_anything_miss_the_goal() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for task in TASKS {
        let mut env = open(task);
        let mut observation = vec![0.0; env.spec().observation_dim()];
        for is_random in [false, true] {
            for _ in 0..5 {
                env.reset(&mut rng, &mut observation);
                let mut ret = 0.0;
                for _ in 0..MAX_EPISODE_STEPS {
                    let action = [(); 4].map(|()| rng.random_range(-1.0..1.0));
                    let action = if is_random { action } else { [0.0; 4] };
                    ret += env.step(&action, &mut observation).reward;
                }
                assert_eq!((ret, env.is_success()), (-40.0, Some(false)), "{task:?}");
            }
        }
    }
}

/// Down into the hole through its middle; the plane's variant ignores what is said about sideways, and no peg opens.
#[test]
fn a_peg_goes_into_the_hole_and_its_fingers_stay_closed() {
    for task in TASKS.into_iter().filter(|task| !task.has_object()) {
        let mut env = FixedGoalEnv::open(task, GoalReward::Dense).unwrap();
        let mut observation = vec![0.0; 6];
        env.reset(&mut ChaCha8Rng::seed_from_u64(5), &mut observation);
        let mut reward = 0.0;
        for time in 0..MAX_EPISODE_STEPS {
            let height = if time < 22 { 0.1 } else { 0.0 };
            let aim = [HOLE_M[0], HOLE_M[1], HOLE_M[2] + height];
            let mut action = [0.0; 4];
            for (number, (aim, seen)) in action.iter_mut().zip(aim.iter().zip(&observation)) {
                *number = 10.0 * (aim - seen);
            }
            if task == FixedGoalTask::PegInHole2D {
                action[1] = 1.0;
            }
            if time < 5 {
                // First up, away from the block.
                action[0] = 0.0;
            }
            action[3] = 1.0;
            reward = env.step(&action, &mut observation).reward;
        }
        assert_eq!(env.is_success(), Some(true), "{task:?} at {observation:?}");
        assert!(reward < 0.0 && reward > -THRESHOLD_M, "{reward}");
        let (fingers, _) = env.arm.fingers();
        assert!(fingers.iter().all(|place| *place < 2e-3), "{fingers:?}");
    }
}
