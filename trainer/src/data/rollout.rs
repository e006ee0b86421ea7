//! [`Rollout`]: the steps that one policy has taken since it last changed, learned from whole and once.
//!
//! Several environments take turns in it. It refuses to know what a state is worth: values are handed in.

/// One step of one environment.
#[derive(Clone, Copy, Debug)]
pub struct RolloutStep<'a> {
    /// Which of the environments.
    pub lane: usize,
    /// `[observation_dim]`
    pub observation: &'a [f32],
    /// `[action_dim]`, as it was drawn, not yet bounded to -1 … 1.
    pub action: &'a [f32],
    /// Of this step.
    pub reward: f32,
    /// `[observation_dim]`, before any automatic reset.
    pub next_observation: &'a [f32],
    /// The task ended here, so nothing follows. Running out of time does not count.
    pub terminated: bool,
}

/// Steps in the order they were taken, counted from the run's start.
#[derive(Debug)]
pub struct Rollout {
    observation_dim: usize,
    action_dim: usize,
    capacity: usize,
    written: usize,
    observation: Vec<f32>,
    next_observation: Vec<f32>,
    action: Vec<f32>,
    reward: Vec<f32>,
    terminated: Vec<bool>,
    lane: Vec<usize>,
}

impl Rollout {
    /// Empty; full with `capacity` steps of all environments together.
    #[must_use]
    pub fn new(observation_dim: usize, action_dim: usize, capacity: usize) -> Self {
        Self {
            observation_dim,
            action_dim,
            capacity,
            written: 0,
            observation: Vec::with_capacity(capacity * observation_dim),
            next_observation: Vec::with_capacity(capacity * observation_dim),
            action: Vec::with_capacity(capacity * action_dim),
            reward: Vec::with_capacity(capacity),
            terminated: Vec::with_capacity(capacity),
            lane: Vec::with_capacity(capacity),
        }
    }

    /// Steps held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reward.len()
    }

    /// No step was taken since the policy changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reward.is_empty()
    }

    /// Whether it is to be learned from.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Steps taken since the run's start.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// `[len * observation_dim]`
    #[must_use]
    pub fn observations(&self) -> &[f32] {
        &self.observation
    }

    /// `[len * observation_dim]`: what each step led to.
    #[must_use]
    pub fn next_observations(&self) -> &[f32] {
        &self.next_observation
    }

    /// `[len * action_dim]`
    #[must_use]
    pub fn actions(&self) -> &[f32] {
        &self.action
    }

    /// `[len]`
    #[must_use]
    pub fn rewards(&self) -> &[f32] {
        &self.reward
    }

    /// Appends one.
    pub fn push(&mut self, step: RolloutStep<'_>) {
        self.observation.extend_from_slice(step.observation);
        self.next_observation
            .extend_from_slice(step.next_observation);
        self.action.extend_from_slice(step.action);
        self.reward.push(step.reward);
        self.terminated.push(step.terminated);
        self.lane.push(step.lane);
        self.written += 1;
    }

    /// Forgets what has been learned from.
    pub fn clear(&mut self) {
        self.observation.clear();
        self.next_observation.clear();
        self.action.clear();
        self.reward.clear();
        self.terminated.clear();
        self.lane.clear();
    }

    /// Generalised advantage estimates (Schulman, Moritz, Levine, Jordan & Abbeel 2016, "High-Dimensional Continuous Control
    /// Using Generalized Advantage Estimation", equation 16), `[len]`:
    /// `A_t = Σ_k (γλ)^k δ_{t+k}`, `δ_t = r_t + γ V(s_{t+1}) - V(s_t)`.
    ///
    /// The sum ends with the episode and with the rollout. Where the task ended, nothing follows; everywhere else, be it that
    /// time ran out, the value of the state that was reached stands for what follows. `reward`, `value` and `next_value` are
    /// `[len]`, of each step, of the state before it and of the one after.
    #[must_use]
    pub fn advantages(
        &self,
        reward: &[f32],
        value: &[f32],
        next_value: &[f32],
        (gamma, lambda): (f64, f64),
    ) -> Vec<f32> {
        let lanes = self.lane.iter().max().map_or(0, |last| last + 1);
        // Of each environment: the later step and its advantage.
        let mut later: Vec<Option<(usize, f64)>> = vec![None; lanes];
        let mut advantages = vec![0.0; self.len()];
        for step in (0..self.len()).rev() {
            let goes_on = if self.terminated[step] { 0.0 } else { gamma };
            let delta = f64::from(reward[step]) + goes_on * f64::from(next_value[step])
                - f64::from(value[step]);
            let lane = &mut later[self.lane[step]];
            let following = match *lane {
                Some((next, advantage)) if self.follows(step, next) => advantage,
                _ => 0.0,
            };
            let advantage = delta + goes_on * lambda * following;
            *lane = Some((step, advantage));
            advantages[step] = advantage as f32;
        }
        advantages
    }

    /// Whether step `next` begins in the very state that `last` led to. Where an episode ended in between, or a step was left
    /// out, it begins elsewhere.
    fn follows(&self, last: usize, next: usize) -> bool {
        let width = self.observation_dim;
        self.observation[next * width..][..width] == self.next_observation[last * width..][..width]
    }

    /// Floats per step in [`Rollout::rows`].
    #[must_use]
    pub fn row_len(&self) -> usize {
        2 * self.observation_dim + self.action_dim + 3
    }

    /// Steps `first .. first + count` (numbers, all still held) as plain rows for a checkpoint.
    #[must_use]
    pub fn rows(&self, first: usize, count: usize) -> Vec<f32> {
        let (width, actions) = (self.observation_dim, self.action_dim);
        let oldest = self.written - self.len();
        let mut rows = Vec::with_capacity(count * self.row_len());
        for step in first - oldest..first - oldest + count {
            rows.extend_from_slice(&self.observation[step * width..][..width]);
            rows.extend_from_slice(&self.next_observation[step * width..][..width]);
            rows.extend_from_slice(&self.action[step * actions..][..actions]);
            let ended = f32::from(u8::from(self.terminated[step]));
            rows.extend([self.reward[step], ended, self.lane[step] as f32]);
        }
        rows
    }

    /// Puts rows of [`Rollout::rows`] back, numbered from `first`.
    pub fn restore_rows(&mut self, first: usize, rows: &[f32]) {
        let (width, actions) = (self.observation_dim, self.action_dim);
        self.written = first;
        for row in rows.chunks_exact(self.row_len()) {
            let (observation, rest) = row.split_at(width);
            let (next_observation, rest) = rest.split_at(width);
            let (action, rest) = rest.split_at(actions);
            self.push(RolloutStep {
                lane: rest[2] as usize,
                observation,
                action,
                reward: rest[0],
                next_observation,
                terminated: rest[1] != 0.0,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two environments in turn. The first terminates after its third step and goes on elsewhere; the time of the second runs
    /// out after its second, and its fourth was lost.
    fn filled() -> Rollout {
        let steps = [
            [(0.0, 1.0, 1.0, false), (50.0, 7.0, 51.0, false)],
            [(1.0, 2.0, 2.0, false), (51.0, 8.0, 52.0, false)],
            [(2.0, 4.0, 3.0, true), (60.0, 9.0, 61.0, false)],
            [(20.0, 16.0, 21.0, false), (80.0, 10.0, 81.0, false)],
        ];
        let mut rollout = Rollout::new(1, 1, 8);
        for (lane, (state, reward, next, terminated)) in steps
            .into_iter()
            .flat_map(|both| both.into_iter().enumerate())
        {
            rollout.push(RolloutStep {
                lane,
                observation: &[state],
                action: &[-state],
                reward,
                next_observation: &[next],
                terminated,
            });
        }
        rollout
    }

    /// The sum as it is written in the paper, over the episodes as they are known to be.
    #[test]
    fn advantages_are_the_double_sum() {
        let rollout = filled();
        let (gamma, lambda) = (0.9_f64, 0.7_f64);
        let value = |state: f32| f64::from((state * 0.3).sin() * 5.0);
        let values: Vec<f32> = (rollout.observations().iter())
            .map(|s| value(*s) as f32)
            .collect();
        let next: Vec<f32> = (rollout.next_observations().iter())
            .map(|s| value(*s) as f32)
            .collect();
        let found = rollout.advantages(rollout.rewards(), &values, &next, (gamma, lambda));
        // Rows of each episode, and whether the task ended with it.
        let episodes: [(&[usize], bool); 5] = [
            (&[0, 2, 4], true),
            (&[6], false),
            (&[1, 3], false),
            (&[5], false),
            (&[7], false),
        ];
        for (rows, ended) in episodes {
            for (begin, row) in rows.iter().enumerate() {
                let mut expected = 0.0;
                for (k, later) in rows[begin..].iter().enumerate() {
                    let is_last = begin + k + 1 == rows.len();
                    let follows = if ended && is_last { 0.0 } else { gamma };
                    let delta = f64::from(rollout.rewards()[*later])
                        + follows * f64::from(next[*later])
                        - f64::from(values[*later]);
                    expected += (gamma * lambda).powi(k as i32) * delta;
                }
                let apart = (f64::from(found[*row]) - expected).abs();
                assert!(apart < 1e-5, "row {row}: {} {expected}", found[*row]);
            }
        }
    }

    /// With λ = 1 and what follows unknown, an advantage is the return less the value; with λ = 0 it is one step's surprise.
    #[test]
    fn the_ends_of_lambda_are_returns_and_single_steps() {
        let rollout = filled();
        let (zero, ones) = ([0.0; 8], [1.0; 8]);
        let returns = rollout.advantages(rollout.rewards(), &zero, &zero, (0.5, 1.0));
        assert_eq!(returns[0], 1.0 + 2.0 / 2.0 + 4.0 / 4.0);
        assert_eq!(returns[1], 7.0 + 8.0 / 2.0);
        let steps = rollout.advantages(rollout.rewards(), &ones, &ones, (0.5, 0.0));
        // Only the fifth row ends the task.
        assert_eq!(steps, [0.5, 6.5, 1.5, 7.5, 3.0, 8.5, 15.5, 9.5]);
    }

    #[test]
    fn rows_restore_the_same_rollout() {
        let mut rollout = filled();
        rollout.clear();
        assert!(rollout.is_empty() && rollout.written() == 8);
        rollout.push(RolloutStep {
            lane: 3,
            observation: &[5.0],
            action: &[0.5],
            reward: -1.0,
            next_observation: &[6.0],
            terminated: true,
        });
        let mut other = Rollout::new(1, 1, 8);
        other.restore_rows(8, &rollout.rows(8, 1));
        assert_eq!(other.written(), 9);
        assert_eq!(other.rows(8, 1), rollout.rows(8, 1));
        assert!(!other.is_full() && filled().is_full());
    }
}
