//! [`EpisodeBuffer`]: a ring of whole episodes, for goals that are only known when an episode is over.
//!
//! It refuses to know why a goal is another than the one that was asked for: [`Hindsight`] decides, and rewards follow
//! from [`GoalTask`] in double precision, so that a row whose goal stays has the very reward of its step.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{BatchRows, Demonstration, Hindsight, NStep};
use crate::env::GoalTask;
use crate::nn::Normalizer;

#[cfg(test)]
mod tests;

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
    /// Whether the task ends with the first success, whatever goal is asked for.
    pub ends_on_success: bool,
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
            let among = (self.len(), shape.max_len);
            let draw = hindsight.draw(rng, among, |slot| self.slots[slot].len());
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
            let is_end = self.is_end(episode, step, goal);
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
            let draw = hindsight.draw(rng, (1, episode.len()), |_| episode.len());
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
            Some(task) => task.reward(reached(task, episode, step), goal) as f32,
            None => episode.reward[step],
        }
    }

    /// Whether nothing follows a step when `goal` is asked for. Where a success ends the task, that of another goal than the
    /// one asked for at the time does so in its own place.
    fn is_end(&self, episode: &Episode, step: usize, goal: &[f64]) -> bool {
        let was_end = episode.terminated && step + 1 == episode.len();
        match &self.shape.goal {
            Some(task) if self.shape.ends_on_success => {
                let reached = reached(task, episode, step);
                let asked = self.goal(episode, step, None);
                task.is_success(reached, goal) || was_end && !task.is_success(reached, asked)
            }
            _ => was_end,
        }
    }
}

/// What a step has led to.
fn reached<'a>(task: &GoalTask, episode: &'a Episode, step: usize) -> &'a [f64] {
    &episode.achieved[(step + 1) * task.dim..][..task.dim]
}
