//! [`EpisodeBuffer`]: a ring of whole episodes, for goals that are only known when an episode is over.
//!
//! It refuses to know why a goal is another than the one that was asked for: [`Hindsight`] decides, and rewards follow
//! from [`GoalTask`] in double precision, so that a row whose goal stays has the very reward of its step.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{BatchRows, Demonstration, Hindsight, NStep};
use crate::env::GoalTask;
use crate::nn::Normalizer;

/// Widths and length of the episodes of one buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeShape {
    /// Numbers in an observation, the desired goal not among them.
    pub observation: usize,
    /// How goals are rewarded; absent where there are none, and rewards stay what they were.
    pub goal: Option<GoalTask>,
    /// Numbers in an action.
    pub action: usize,
    /// Steps of the longest episode.
    pub max_len: usize,
}

/// An episode of `len` steps, or the part of it that has been seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// `[(len + 1) * observation]`
    pub observation: Vec<f32>,
    /// `[(len + 1) * goal]`
    pub achieved: Vec<f64>,
    /// `[len * goal]`
    pub desired: Vec<f64>,
    /// `[len * action]`, in -1 … 1.
    pub action: Vec<f32>,
    /// `[len]`
    pub reward: Vec<f32>,
    /// Whether the last state ended the task, so that nothing follows it.
    pub terminated: bool,
}

/// The last `capacity` episodes. Episode number `n` (counted from the run's start) lies in slot `n % capacity`.
#[derive(Debug)]
pub struct EpisodeBuffer {
    shape: EpisodeShape,
    capacity: usize,
    written: usize,
    steps: usize,
    slots: Vec<Episode>,
}

impl EpisodeShape {
    /// Numbers in a goal.
    #[must_use]
    pub fn goal_dim(&self) -> usize {
        self.goal.map_or(0, |goal| goal.dim)
    }
}

impl Episode {
    /// Steps.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "an episode in a buffer has steps"
    )]
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// What was recorded of `demonstration`, its actions carried from the environment's units to -1 … 1 by the half
    /// width and the middle of their range.
    #[must_use]
    pub fn demonstrated(demonstration: &Demonstration, range: (&[f32], &[f32])) -> Self {
        let narrow = |wide: &[f64]| wide.iter().map(|&number| number as f32).collect();
        let bounds = range.0.iter().zip(range.1).cycle();
        Self {
            observation: narrow(&demonstration.observation),
            achieved: demonstration.achieved_goal.clone(),
            desired: demonstration.desired_goal.clone(),
            action: demonstration
                .action
                .iter()
                .zip(bounds)
                .map(|(&action, (scale, offset))| {
                    ((action - f64::from(*offset)) / f64::from(*scale)).clamp(-1.0, 1.0) as f32
                })
                .collect(),
            reward: narrow(&demonstration.reward),
            terminated: demonstration.terminated.last().copied().unwrap_or(false),
        }
    }
}

impl EpisodeBuffer {
    /// Empty, for at least one episode and about `transitions` steps.
    #[must_use]
    pub fn new(shape: EpisodeShape, transitions: usize) -> Self {
        Self {
            shape,
            capacity: (transitions / shape.max_len).max(1),
            written: 0,
            steps: 0,
            slots: Vec::new(),
        }
    }

    /// What fits into it.
    #[must_use]
    pub fn shape(&self) -> &EpisodeShape {
        &self.shape
    }

    /// Episodes held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.min(self.capacity)
    }

    /// Nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Steps of the episodes held now.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Episodes pushed since the run's start.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Number of the oldest episode still held.
    #[must_use]
    pub fn oldest(&self) -> usize {
        self.written - self.len()
    }

    /// Episode number `number`, still held.
    #[must_use]
    pub fn episode(&self, number: usize) -> &Episode {
        &self.slots[number % self.capacity]
    }

    /// Appends one, over the oldest when full.
    ///
    /// # Panics
    /// If its rows are not of this buffer's shape: the caller's bug.
    pub fn push(&mut self, episode: Episode) {
        let (shape, len) = (&self.shape, episode.len());
        assert!((1..=shape.max_len).contains(&len), "{len} steps");
        assert_eq!(episode.observation.len(), (len + 1) * shape.observation);
        assert_eq!(episode.achieved.len(), (len + 1) * shape.goal_dim());
        assert_eq!(episode.desired.len(), len * shape.goal_dim());
        assert_eq!(episode.action.len(), len * shape.action);
        let slot = self.written % self.capacity;
        if slot >= self.slots.len() {
            // While a checkpoint is read, its first episode need not belong into the first slot.
            self.slots.resize_with(slot + 1, Episode::default);
        }
        self.steps = self.steps + len - self.slots[slot].len();
        self.slots[slot] = episode;
        self.written += 1;
    }

    /// Puts episodes of a checkpoint back, numbered from `first`; afterwards the last of them is the newest.
    pub fn restore(&mut self, first: usize, episodes: impl IntoIterator<Item = Episode>) {
        self.written = first;
        episodes.into_iter().for_each(|episode| self.push(episode));
    }

    /// Draws into all `rows`: states with the goals that `hindsight` asks for, normalised on the way.
    pub fn sample(
        &self,
        rng: &mut impl Rng,
        hindsight: &Hindsight,
        gamma: f32,
        normalizer: Option<&Normalizer>,
        rows: &mut BatchRows<'_>,
    ) {
        let shape = &self.shape;
        let observation_dim = shape.observation + shape.goal_dim();
        let width = observation_dim + shape.action;
        for row in 0..rows.rows {
            let draw = hindsight.draw(rng, self.len(), |slot| self.slots[slot].len());
            let (episode, step) = (&self.slots[draw.episode], draw.step);
            let goal = self.goal(episode, step, draw.goal_from);
            let joint = &mut rows.observation_action[row * width..][..width];
            let (observation, action) = joint.split_at_mut(observation_dim);
            let next = &mut rows.next_observation_action[row * width..][..observation_dim];
            self.observe(episode, step, goal, observation);
            self.observe(episode, step + 1, goal, next);
            if let Some(normalizer) = normalizer {
                normalizer.apply(observation);
                normalizer.apply(next);
            }
            action.copy_from_slice(&episode.action[step * shape.action..][..shape.action]);
            rows.reward[row] = self.reward(episode, step, goal);
            let is_end = episode.terminated && step + 1 == episode.len();
            rows.discount[row] = if is_end { 0.0 } else { gamma };
        }
    }

    /// Draws into all `rows` from the newest episodes, each row several steps on with the sum of their rewards; goals stay what
    /// they were.
    pub fn sample_n_step(
        &self,
        rng: &mut impl Rng,
        n_step: &NStep,
        gamma: f32,
        normalizer: Option<&Normalizer>,
        rows: &mut BatchRows<'_>,
    ) {
        let shape = &self.shape;
        let observation_dim = shape.observation + shape.goal_dim();
        let width = observation_dim + shape.action;
        let (mut oldest, mut steps) = (self.written, 0);
        while oldest > self.oldest() && steps < n_step.recent {
            oldest -= 1;
            steps += self.episode(oldest).len();
        }
        for row in 0..rows.rows {
            let (mut number, mut step) = (oldest, rng.random_range(0..steps));
            while step >= self.episode(number).len() {
                step -= self.episode(number).len();
                number += 1;
            }
            let episode = self.episode(number);
            let goal = self.goal(episode, step, None);
            let joint = &mut rows.observation_action[row * width..][..width];
            let (observation, action) = joint.split_at_mut(observation_dim);
            let next = &mut rows.next_observation_action[row * width..][..observation_dim];
            let end = (step + n_step.steps).min(episode.len());
            self.observe(episode, step, goal, observation);
            self.observe(episode, end, goal, next);
            if let Some(normalizer) = normalizer {
                normalizer.apply(observation);
                normalizer.apply(next);
            }
            action.copy_from_slice(&episode.action[step * shape.action..][..shape.action]);
            let (mut reward, mut discount) = (0.0, 1.0);
            for later in step..end {
                reward += discount * self.reward(episode, later, goal);
                discount *= gamma;
            }
            rows.reward[row] = reward;
            let is_end = episode.terminated && end == episode.len();
            rows.discount[row] = if is_end { 0.0 } else { discount };
        }
    }

    /// Lets `normalizer` see as many states as `episode` has steps, drawn from it with the goals `hindsight` asks for,
    /// so that its statistics are those of what is learned from.
    pub fn observe_episode(
        &self,
        number: usize,
        rng: &mut impl Rng,
        hindsight: &Hindsight,
        normalizer: &mut Normalizer,
    ) {
        let episode = self.episode(number);
        let width = self.shape.observation + self.shape.goal_dim();
        let mut states = vec![0.0; episode.len() * width];
        for state in states.chunks_exact_mut(width) {
            let draw = hindsight.draw(rng, 1, |_| episode.len());
            let goal = self.goal(episode, draw.step, draw.goal_from);
            self.observe(episode, draw.step, goal, state);
        }
        normalizer.observe(&states);
    }

    /// The goal of a step: the one that was asked for, or what the state `from` achieved.
    fn goal<'a>(&self, episode: &'a Episode, step: usize, from: Option<usize>) -> &'a [f64] {
        let dim = self.shape.goal_dim();
        match from {
            Some(state) => &episode.achieved[state * dim..][..dim],
            None => &episode.desired[step * dim..][..dim],
        }
    }

    /// A state as the policy sees it: observation, then goal.
    fn observe(&self, episode: &Episode, state: usize, goal: &[f64], observation: &mut [f32]) {
        let width = self.shape.observation;
        let (own, asked) = observation.split_at_mut(width);
        own.copy_from_slice(&episode.observation[state * width..][..width]);
        for (narrow, wide) in asked.iter_mut().zip(goal) {
            *narrow = *wide as f32;
        }
    }

    fn reward(&self, episode: &Episode, step: usize, goal: &[f64]) -> f32 {
        match &self.shape.goal {
            Some(task) => {
                let achieved = &episode.achieved[(step + 1) * task.dim..][..task.dim];
                task.reward(achieved, goal) as f32
            }
            None => episode.reward[step],
        }
    }
}

#[cfg(test)]
mod tests {
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
}
