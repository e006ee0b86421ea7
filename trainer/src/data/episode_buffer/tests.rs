//! Rows drawn from episodes, by hand.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::Device;

use super::*;
use crate::data::{Batch, HindsightSettings, HindsightStrategy};
use crate::env::point_reach::PointReach;
use crate::env::{Env, GoalReward};
use crate::nn::host_slice;

const LEN: usize = 6;

fn shape(reward: GoalReward) -> EpisodeShape {
    EpisodeShape {
        observation: 1,
        goal: Some(GoalTask {
            dim: 1,
            threshold: 0.5,
            reward,
        }),
        action: 1,
        max_len: LEN,
        ends_on_success: false,
    }
}

/// Episode `n`: in state `t` the observation and the achieved goal are `10 n + t`, the action before it as well.
fn episode(n: usize) -> Episode {
    let at = |t: usize| (10 * n + t) as f64;
    Episode {
        observation: (0..=LEN).map(|t| at(t) as f32).collect(),
        achieved: (0..=LEN).map(at).collect(),
        desired: vec![-1e3; LEN],
        action: (1..=LEN).map(|t| at(t) as f32).collect(),
        reward: vec![-1.0; LEN],
        terminated: false,
    }
}

fn future() -> Hindsight {
    Hindsight::new(&HindsightSettings {
        her: HindsightStrategy::Future,
        her_k: 4.0,
        clip_target: true,
    })
}

/// Five steps ahead, γ = 1/2: from the step's own state and action to the state five later, or to the episode's last; only
/// the newest episodes are drawn from, and nothing follows the end of a task.
#[test]
fn sums_of_rewards_begin_with_their_own_step() {
    let mut buffer = EpisodeBuffer::new(shape(GoalReward::Sparse), 9 * LEN);
    (0..6).for_each(|n| buffer.push(episode(n)));
    let mut done = episode(6);
    done.terminated = true;
    buffer.push(done);
    let n_step = NStep {
        steps: 5,
        // Two episodes hold them.
        recent: LEN + 1,
        n_envs: 1,
    };
    let mut batch = Batch::new(500, 2, 1, Device::Cpu);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    batch.fill(|rows| buffer.sample_n_step(&mut rng, &n_step, 0.5, None, rows));
    let (joint, next) = (
        host_slice(&batch.observation_action),
        host_slice(&batch.next_observation_action),
    );
    let mut seen = std::collections::BTreeSet::new();
    for row in 0..500 {
        let (number, step) = (joint[3 * row] as usize / 10, joint[3 * row] as usize % 10);
        seen.insert((number, step));
        let steps = 5.min(LEN - step);
        assert_eq!(
            joint[3 * row + 1..3 * row + 3],
            [-1e3, joint[3 * row] + 1.0]
        );
        assert_eq!(next[3 * row], (10 * number + step + steps) as f32);
        let power = 0.5_f32.powi(steps as i32);
        // -(1 + 1/2 + …), the goal being out of reach.
        assert_eq!(host_slice(&batch.reward)[row], -2.0 * (1.0 - power));
        let is_over = number == 6 && step + steps == LEN;
        let expected = if is_over { 0.0 } else { power };
        assert_eq!(host_slice(&batch.discount)[row], expected);
    }
    let expected = [5, 6]
        .into_iter()
        .flat_map(|n| (0..LEN).map(move |t| (n, t)));
    assert!(seen.into_iter().eq(expected));
}

#[test]
fn rows_belong_together_and_relabelled_rewards_follow_from_the_goal() {
    let mut buffer = EpisodeBuffer::new(shape(GoalReward::Sparse), 5 * LEN);
    (0..8).for_each(|n| buffer.push(episode(n)));
    assert_eq!(
        (buffer.len(), buffer.oldest(), buffer.steps()),
        (5, 3, 5 * LEN)
    );
    let mut batch = Batch::new(4000, 2, 1, Device::Cpu);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    batch.fill(|rows| buffer.sample(&mut rng, &future(), 0.5, None, rows));
    let (joint, next) = (
        host_slice(&batch.observation_action),
        host_slice(&batch.next_observation_action),
    );
    let (mut reached, mut asked) = (0, 0);
    for row in 0..4000 {
        let [o, g, a] = joint[row * 3..][..3] else {
            unreachable!()
        };
        let [next_o, next_g] = next[row * 3..][..2] else {
            unreachable!()
        };
        let reward = host_slice(&batch.reward)[row];
        assert!(
            o >= 30.0 && (o % 10.0) < LEN as f32,
            "{o} is no live state to step from"
        );
        assert_eq!((next_o, a, next_g), (o + 1.0, o + 1.0, g));
        if g == -1e3 {
            asked += 1;
            assert_eq!(reward, -1.0);
        } else {
            // The goal lies ahead in the same episode; the next state's own is reached, the others are not.
            assert!(g > o && (g / 10.0).floor() == (o / 10.0).floor());
            assert_eq!(reward, if g == o + 1.0 { 0.0 } else { -1.0 });
            reached += usize::from(g == o + 1.0);
        }
        assert_eq!(host_slice(&batch.discount)[row], 0.5);
    }
    assert!(asked > 600 && reached > 600, "{asked} {reached}");
}

#[test]
fn only_the_last_step_of_an_episode_that_ended_is_not_discounted() {
    let mut buffer = EpisodeBuffer::new(shape(GoalReward::Dense), LEN);
    buffer.push(Episode {
        terminated: true,
        ..episode(0)
    });
    let mut batch = Batch::new(200, 2, 1, Device::Cpu);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    batch.fill(|rows| buffer.sample(&mut rng, &future(), 0.5, None, rows));
    for (row, joint) in host_slice(&batch.observation_action).chunks(3).enumerate() {
        let expected = if joint[0] == (LEN - 1) as f32 {
            0.0
        } else {
            0.5
        };
        assert_eq!(host_slice(&batch.discount)[row], expected);
    }
}

/// Un-relabelled rows have the environment's own rewards, bit for bit.
#[test]
fn recomputed_rewards_are_those_of_the_steps() {
    let mut env = PointReach::new();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let shape = EpisodeShape {
        observation: 2,
        goal: env.spec().goal,
        action: 2,
        max_len: 400,
        ends_on_success: false,
    };
    let mut buffer = EpisodeBuffer::new(shape, 400);
    let (mut episode, mut observation) = (Episode::default(), [0.0; 4]);
    env.reset(&mut rng, &mut observation);
    // It begins where it is to go.
    let here = [observation[0], observation[1]];
    env.set_goal(&here, &mut observation).unwrap();
    let see = |episode: &mut Episode, env: &PointReach, observation: &[f64]| {
        episode
            .observation
            .extend(observation[..2].iter().map(|&x| x as f32));
        episode.achieved.extend(env.goals().unwrap().achieved);
    };
    see(&mut episode, &env, &observation);
    for step in 0..400_u16 {
        let action: [f64; 2] = std::array::from_fn(|_| rng.random_range(-2.5..2.5));
        episode.desired.extend(env.goals().unwrap().desired);
        episode.action.extend([f32::from(step), 0.0]);
        episode
            .reward
            .push(env.step(&action, &mut observation).reward as f32);
        see(&mut episode, &env, &observation);
    }
    let rewards = episode.reward.clone();
    assert!(rewards.contains(&0.0) && rewards.contains(&-1.0));
    // What was stored is not looked at.
    episode.reward.fill(f32::NAN);
    buffer.push(episode);
    let mut batch = Batch::new(2000, 4, 2, Device::Cpu);
    batch.fill(|rows| buffer.sample(&mut rng, &Hindsight::none(), 0.98, None, rows));
    for (row, joint) in host_slice(&batch.observation_action).chunks(6).enumerate() {
        let reward = host_slice(&batch.reward)[row];
        assert_eq!(reward.to_bits(), rewards[joint[4] as usize].to_bits());
    }
}

#[test]
fn a_restored_ring_is_the_same_ring() {
    let mut buffer = EpisodeBuffer::new(shape(GoalReward::Sparse), 5 * LEN);
    (0..13).for_each(|n| buffer.push(episode(n)));
    let mut other = EpisodeBuffer::new(shape(GoalReward::Sparse), 5 * LEN);
    // Segments may begin before the oldest episode that is still held.
    other.restore(6, (6..9).map(episode));
    other.restore(9, (9..13).map(episode));
    assert_eq!(other.slots, buffer.slots);
    assert_eq!((other.written, other.steps), (buffer.written, buffer.steps));
}

#[test]
fn statistics_are_of_states_with_relabelled_goals() {
    let mut buffer = EpisodeBuffer::new(shape(GoalReward::Sparse), LEN);
    buffer.push(episode(0));
    let mut normalizer = Normalizer::new(2, 5.0);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..200 {
        buffer.observe_episode(0, &mut rng, &future(), &mut normalizer);
    }
    let (mean, _) = normalizer.mean_and_std();
    // States 0 … 5 are equally likely; a fifth of the goals is the desired -1000.
    assert!((mean[0] - 2.5).abs() < 0.2, "{mean:?}");
    assert!((mean[1] + 200.0 - 0.8 * 4.25).abs() < 45.0, "{mean:?}");
}

/// A line of places 0 … 3, a step a place, the goal being 3: episodes of three, two and one steps that begin in 0, 1 and 2.
/// What critics are to answer follows from the rows alone, and is the closed form -1 - γ, -1 and 0, with sums over two steps as
/// well; nothing is learned of what would follow in 3.
#[test]
fn values_of_three_steps_that_end_with_success_are_the_closed_form() {
    const GAMMA: f32 = 0.9;
    let shape = EpisodeShape {
        max_len: 3,
        ends_on_success: true,
        ..shape(GoalReward::Sparse)
    };
    let mut buffer = EpisodeBuffer::new(shape, 9);
    for begin in 0..3_usize {
        let states = || (begin..=3).map(|state| state as f64);
        buffer.push(Episode {
            observation: states().map(|state| state as f32).collect(),
            achieved: states().collect(),
            desired: vec![3.0; 3 - begin],
            action: vec![1.0; 3 - begin],
            reward: vec![f32::NAN; 3 - begin],
            terminated: true,
        });
    }
    let n_step = NStep {
        steps: 2,
        recent: 9,
        n_envs: 1,
    };
    let mut batch = Batch::new(300, 2, 1, Device::Cpu);
    for sums in [false, true] {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        // 100 stands for what was never learned.
        let mut values = [100.0_f32; 4];
        for _ in 0..4 {
            batch.fill(|rows| match sums {
                true => buffer.sample_n_step(&mut rng, &n_step, GAMMA, None, rows),
                false => buffer.sample(&mut rng, &Hindsight::none(), GAMMA, None, rows),
            });
            let (joint, next) = (
                host_slice(&batch.observation_action),
                host_slice(&batch.next_observation_action),
            );
            let before = values;
            for row in 0..300 {
                let following = before[next[row * 3] as usize];
                values[joint[row * 3] as usize] =
                    host_slice(&batch.reward)[row] + host_slice(&batch.discount)[row] * following;
            }
        }
        let expected = [-1.0 - GAMMA, -1.0, 0.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{sums}: {values:?}");
        }
        assert_eq!(values[3], 100.0);
    }
}

/// With another goal the task ends where that goal is reached, and not where the one that was asked for was.
#[test]
fn a_relabelled_goal_ends_the_task_in_its_own_place() {
    let shape = EpisodeShape {
        ends_on_success: true,
        ..shape(GoalReward::Sparse)
    };
    let mut buffer = EpisodeBuffer::new(shape, LEN);
    buffer.push(Episode {
        desired: vec![LEN as f64; LEN],
        terminated: true,
        ..episode(0)
    });
    let any = Hindsight::new(&HindsightSettings {
        her: HindsightStrategy::Episode,
        her_k: 4.0,
        clip_target: true,
    });
    let mut batch = Batch::new(2000, 2, 1, Device::Cpu);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    batch.fill(|rows| buffer.sample(&mut rng, &any, 0.5, None, rows));
    let mut passed_by = 0;
    for (row, joint) in host_slice(&batch.observation_action).chunks(3).enumerate() {
        let is_there = joint[1] == joint[0] + 1.0;
        let expected = if is_there { 0.0 } else { 0.5 };
        assert_eq!(host_slice(&batch.discount)[row], expected, "{joint:?}");
        passed_by += usize::from(joint[0] == (LEN - 1) as f32 && !is_there);
    }
    assert!(passed_by > 50, "{passed_by}");
}
