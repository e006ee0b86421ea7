//! [`ReplayBuffer`]: a ring of transitions in contiguous f32 columns.

use rand::{Rng, RngExt};

use super::{BatchRows, NStep};
use crate::nn::Normalizer;

/// One step of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// `[observation_dim]`
    pub observation: &'a [f32],
    /// `[action_dim]`, each in -1 … 1.
    pub action: &'a [f32],
    /// Of this step.
    pub reward: f32,
    /// `[observation_dim]`, before any automatic reset.
    pub next_observation: &'a [f32],
    /// The task ended here, so nothing follows. Running out of time does not count.
    pub terminated: bool,
}

/// The last `capacity` transitions. Transition number `n` (counted from the run's start) lies in slot `n % capacity`.
#[derive(Debug)]
pub struct ReplayBuffer {
    observation_dim: usize,
    action_dim: usize,
    capacity: usize,
    written: usize,
    /// `[capacity, observation_dim + action_dim]`: the critics' input is one copy per row.
    observation_action: Vec<f32>,
    /// `[capacity, observation_dim]`
    next_observation: Vec<f32>,
    /// `[capacity, 2]`: reward, and 0 after a terminal step, else 1.
    outcome: Vec<f32>,
}

impl ReplayBuffer {
    /// Empty. Memory is zeroed lazily by the operating system, so a large capacity costs nothing until it is used.
    #[must_use]
    pub fn new(observation_dim: usize, action_dim: usize, capacity: usize) -> Self {
        Self {
            observation_dim,
            action_dim,
            capacity,
            written: 0,
            observation_action: vec![0.0; capacity * (observation_dim + action_dim)],
            next_observation: vec![0.0; capacity * observation_dim],
            outcome: vec![0.0; capacity * 2],
        }
    }

    /// Transitions held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.min(self.capacity)
    }

    /// Nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Transitions pushed since the run's start.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Number of the oldest transition still held.
    #[must_use]
    pub fn oldest(&self) -> usize {
        self.written - self.len()
    }

    /// Appends one, over the oldest when full.
    pub fn push(&mut self, transition: Transition<'_>) {
        let slot = self.written % self.capacity;
        let (observation, action) = self
            .observation_action_row(slot)
            .split_at_mut(transition.observation.len());
        observation.copy_from_slice(transition.observation);
        action.copy_from_slice(transition.action);
        self.next_row(slot)
            .copy_from_slice(transition.next_observation);
        self.outcome[slot * 2] = transition.reward;
        self.outcome[slot * 2 + 1] = if transition.terminated { 0.0 } else { 1.0 };
        self.written += 1;
    }

    /// Draws uniformly with replacement into all `rows`, observations normalised on the way.
    pub fn sample(
        &self,
        rng: &mut impl Rng,
        gamma: f32,
        normalizer: Option<&Normalizer>,
        rows: &mut BatchRows<'_>,
    ) {
        let len = self.len();
        for row in 0..rows.rows {
            let slot = rng.random_range(0..len);
            self.write_states(row, (slot, slot), normalizer, rows);
            rows.reward[row] = self.outcome[slot * 2];
            rows.discount[row] = gamma * self.outcome[slot * 2 + 1];
        }
    }

    /// As [`ReplayBuffer::sample`], but each row goes several steps on, with the sum of their rewards.
    pub fn sample_n_step(
        &self,
        rng: &mut impl Rng,
        n_step: &NStep,
        gamma: f32,
        normalizer: Option<&Normalizer>,
        rows: &mut BatchRows<'_>,
    ) {
        let recent = n_step.recent.min(self.len());
        for row in 0..rows.rows {
            let first = self.written - 1 - rng.random_range(0..recent);
            let (last, reward, discount) = self.look_ahead(first, n_step, gamma);
            let slots = (first % self.capacity, last % self.capacity);
            self.write_states(row, slots, normalizer, rows);
            rows.reward[row] = reward;
            rows.discount[row] = discount;
        }
    }

    /// The last of up to n transitions that begin with number `first`, the discounted sum of their rewards, and what the value
    /// of the state they end in is discounted by.
    fn look_ahead(&self, first: usize, n_step: &NStep, gamma: f32) -> (usize, f32, f32) {
        let outcome = |number: usize| {
            let slot = number % self.capacity;
            (self.outcome[slot * 2], gamma * self.outcome[slot * 2 + 1])
        };
        let (mut last, (mut reward, mut discount)) = (first, outcome(first));
        for _ in 1..n_step.steps {
            let next = last + n_step.n_envs;
            if discount == 0.0 || !self.follows(last, next) {
                break;
            }
            let (more, further) = outcome(next);
            reward += discount * more;
            discount *= further;
            last = next;
        }
        (last, reward, discount)
    }

    /// Whether transition `next` begins in the very state that `last` led to. Where an episode ended in between, or a step was
    /// left out, it begins elsewhere.
    fn follows(&self, last: usize, next: usize) -> bool {
        let (joint, width) = (self.observation_dim + self.action_dim, self.observation_dim);
        let (last, slot) = (last % self.capacity, next % self.capacity);
        next < self.written
            && self.observation_action[slot * joint..][..width]
                == self.next_observation[last * width..][..width]
    }

    /// Observation and action of the first slot, and the observation that the last one led to.
    fn write_states(
        &self,
        row: usize,
        (first, last): (usize, usize),
        normalizer: Option<&Normalizer>,
        rows: &mut BatchRows<'_>,
    ) {
        let width = self.observation_dim + self.action_dim;
        let joint = &mut rows.observation_action[row * width..][..width];
        joint.copy_from_slice(&self.observation_action[first * width..][..width]);
        let next = &mut rows.next_observation_action[row * width..][..self.observation_dim];
        next.copy_from_slice(
            &self.next_observation[last * self.observation_dim..][..self.observation_dim],
        );
        if let Some(normalizer) = normalizer {
            normalizer.apply(&mut joint[..self.observation_dim]);
            normalizer.apply(next);
        }
    }

    /// Floats per transition in [`ReplayBuffer::rows`].
    #[must_use]
    pub fn row_len(&self) -> usize {
        2 * self.observation_dim + self.action_dim + 2
    }

    /// Transitions `first .. first + count` (numbers, all still held) as plain rows for a checkpoint.
    #[must_use]
    pub fn rows(&self, first: usize, count: usize) -> Vec<f32> {
        let width = self.observation_dim + self.action_dim;
        let mut rows = Vec::with_capacity(count * self.row_len());
        for number in first..first + count {
            let slot = number % self.capacity;
            rows.extend_from_slice(&self.observation_action[slot * width..][..width]);
            rows.extend_from_slice(
                &self.next_observation[slot * self.observation_dim..][..self.observation_dim],
            );
            rows.extend_from_slice(&self.outcome[slot * 2..][..2]);
        }
        rows
    }

    /// Puts rows of [`ReplayBuffer::rows`] back, numbered from `first`; afterwards the last of them is the newest.
    pub fn restore_rows(&mut self, first: usize, rows: &[f32]) {
        let width = self.observation_dim + self.action_dim;
        for (index, row) in rows.chunks_exact(self.row_len()).enumerate() {
            let slot = (first + index) % self.capacity;
            let (joint, rest) = row.split_at(width);
            let (next, outcome) = rest.split_at(self.observation_dim);
            self.observation_action_row(slot).copy_from_slice(joint);
            self.next_row(slot).copy_from_slice(next);
            self.outcome[slot * 2..][..2].copy_from_slice(outcome);
            self.written = first + index + 1;
        }
    }

    fn observation_action_row(&mut self, slot: usize) -> &mut [f32] {
        let width = self.observation_dim + self.action_dim;
        &mut self.observation_action[slot * width..][..width]
    }

    fn next_row(&mut self, slot: usize) -> &mut [f32] {
        &mut self.next_observation[slot * self.observation_dim..][..self.observation_dim]
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use tch::Device;

    use super::*;
    use crate::data::Batch;
    use crate::nn::host_slice;

    fn filled(count: usize, capacity: usize) -> ReplayBuffer {
        let mut buffer = ReplayBuffer::new(2, 1, capacity);
        for n in 0..count {
            let x = n as f32;
            buffer.push(Transition {
                observation: &[x, -x],
                action: &[x / 100.0],
                reward: 10.0 * x,
                next_observation: &[x + 1.0, -x - 1.0],
                terminated: n % 5 == 4,
            });
        }
        buffer
    }

    #[test]
    fn sampled_rows_belong_together_and_only_live_ones_appear() {
        let buffer = filled(25, 10);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut batch = Batch::new(500, 2, 1, Device::Cpu);
        batch.fill(|rows| buffer.sample(&mut rng, 0.5, None, rows));
        let (joint, next) = (
            host_slice(&batch.observation_action),
            host_slice(&batch.next_observation_action),
        );
        let mut seen = [false; 25];
        for row in 0..500 {
            let x = joint[row * 3];
            seen[x as usize] = true;
            assert_eq!(joint[row * 3 + 1], -x);
            assert_eq!(joint[row * 3 + 2], x / 100.0);
            assert_eq!(next[row * 3], x + 1.0);
            assert_eq!(host_slice(&batch.reward)[row], 10.0 * x);
            let ended = x as usize % 5 == 4;
            assert_eq!(
                host_slice(&batch.discount)[row],
                if ended { 0.0 } else { 0.5 }
            );
        }
        assert!(seen[..15].iter().all(|s| !s) && seen[15..].iter().all(|s| *s));
    }

    /// Two environments in turn, three steps ahead, γ = 1/2: sums by hand from the step's own state and action; they end with
    /// an episode, with the task, and with what is known.
    #[test]
    fn sums_of_rewards_begin_with_their_own_step() {
        // By environment: state, reward, the state it led to, whether the task ended there.
        let steps = [
            [(0.0, 1.0, 1.0, false), (50.0, 7.0, 51.0, false)],
            [(1.0, 2.0, 2.0, false), (51.0, 8.0, 52.0, true)],
            // Time ran out for the first environment in state 3.
            [(2.0, 4.0, 3.0, false), (60.0, 9.0, 61.0, false)],
            [(20.0, 16.0, 21.0, false), (61.0, 10.0, 62.0, false)],
        ];
        let mut buffer = ReplayBuffer::new(1, 1, 8);
        for (state, reward, next, terminated) in steps.into_iter().flatten() {
            buffer.push(Transition {
                observation: &[state],
                action: &[state / 100.0],
                reward,
                next_observation: &[next],
                terminated,
            });
        }
        let n_step = NStep {
            steps: 3,
            recent: 8,
            n_envs: 2,
        };
        // State to sum, state at its end, discount there.
        let expected = [
            (0.0, 1.0 + 2.0 / 2.0 + 4.0 / 4.0, 3.0, 0.125),
            (1.0, 2.0 + 4.0 / 2.0, 3.0, 0.25),
            (2.0, 4.0, 3.0, 0.5),
            (20.0, 16.0, 21.0, 0.5),
            (50.0, 7.0 + 8.0 / 2.0, 52.0, 0.0),
            (51.0, 8.0, 52.0, 0.0),
            (60.0, 9.0 + 10.0 / 2.0, 62.0, 0.25),
            (61.0, 10.0, 62.0, 0.5),
        ];
        let draw = |n_step: &NStep| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut batch = Batch::new(200, 1, 1, Device::Cpu);
            batch.fill(|rows| buffer.sample_n_step(&mut rng, n_step, 0.5, None, rows));
            let joint = host_slice(&batch.observation_action);
            let next = host_slice(&batch.next_observation_action);
            let row = |row: usize| {
                assert_eq!(joint[2 * row + 1], joint[2 * row] / 100.0);
                let reward = host_slice(&batch.reward)[row];
                let discount = host_slice(&batch.discount)[row];
                (joint[2 * row], reward, next[2 * row], discount)
            };
            let mut rows: Vec<_> = (0..200).map(row).collect();
            rows.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows.dedup();
            rows
        };
        assert_eq!(draw(&n_step), expected);
        let newest = draw(&NStep {
            recent: 2,
            ..n_step
        });
        assert_eq!(newest, [expected[3], expected[7]]);
    }

    #[test]
    fn rows_restore_the_same_buffer() {
        let buffer = filled(25, 10);
        let mut other = ReplayBuffer::new(2, 1, 10);
        other.restore_rows(buffer.oldest(), &buffer.rows(buffer.oldest(), buffer.len()));
        assert_eq!(other.written(), 25);
        assert_eq!(other.observation_action, buffer.observation_action);
        assert_eq!(other.next_observation, buffer.next_observation);
        assert_eq!(other.outcome, buffer.outcome);
    }
}
