//! [`ReplayBuffer`]: a ring of transitions in contiguous f32 columns.

use rand::{Rng, RngExt};

use super::BatchRows;
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
        let width = self.observation_dim + self.action_dim;
        let len = self.len();
        for row in 0..rows.rows {
            let slot = rng.random_range(0..len);
            let joint = &mut rows.observation_action[row * width..][..width];
            joint.copy_from_slice(&self.observation_action[slot * width..][..width]);
            let next = &mut rows.next_observation_action[row * width..][..self.observation_dim];
            next.copy_from_slice(
                &self.next_observation[slot * self.observation_dim..][..self.observation_dim],
            );
            if let Some(normalizer) = normalizer {
                normalizer.apply(&mut joint[..self.observation_dim]);
                normalizer.apply(next);
            }
            rows.reward[row] = self.outcome[slot * 2];
            rows.discount[row] = gamma * self.outcome[slot * 2 + 1];
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
