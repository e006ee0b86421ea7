//! [`Keeper`]: writes down an episode as it is played.

use crate::data::{Clipping, Demonstration};
use crate::env::Env;

/// Keeps an episode while it is played.
pub(super) struct Keeper {
    episode: Demonstration,
    clipping: Clipping,
    goal_dim: usize,
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Keeper {
    /// In the state after a reset.
    pub(super) fn begin(env: &dyn Env, observation: &[f64]) -> Self {
        let spec = env.spec();
        let mut keeper = Self {
            episode: Demonstration::default(),
            clipping: Clipping::default(),
            goal_dim: spec.goal.map_or(0, |goal| goal.dim),
            low: spec.action_low(),
            high: spec.action_high(),
        };
        keeper.note(env, observation);
        keeper
    }

    /// Notes a state.
    fn note(&mut self, env: &dyn Env, observation: &[f64]) {
        let seen = &observation[..observation.len() - self.goal_dim];
        self.episode.observation.extend_from_slice(seen);
        if let Some(goals) = env.goals() {
            self.episode.achieved_goal.extend_from_slice(goals.achieved);
        }
        let state = match env.simulation() {
            Some(simulation) => simulation.state(),
            None => env.save().physics,
        };
        if !state.is_empty() {
            self.episode.state.push(state);
        }
    }

    /// Clips an action to its bounds, and counts it.
    pub(super) fn bound(&mut self, command: &mut [f64]) {
        let mut farthest = 0.0_f64;
        for (number, (low, high)) in command.iter_mut().zip(self.low.iter().zip(&self.high)) {
            let bounded = number.clamp(f64::from(*low), f64::from(*high));
            farthest = farthest.max((*number - bounded).abs());
            *number = bounded;
        }
        self.clipping.of += 1;
        self.clipping.steps += usize::from(farthest > 0.0);
        self.clipping.farthest = self.clipping.farthest.max(farthest);
    }

    /// Notes a step and the state it led to.
    pub(super) fn keep(
        &mut self,
        env: &dyn Env,
        observation: &[f64],
        command: &[f64],
        reward: f64,
        terminated: bool,
    ) {
        if let Some(goals) = env.goals() {
            self.episode.desired_goal.extend_from_slice(goals.desired);
        }
        self.episode.action.extend_from_slice(command);
        self.episode.reward.push(reward);
        self.episode.terminated.push(terminated);
        let is_success = env.is_success().unwrap_or(false);
        self.episode.is_success.push(is_success);
        self.note(env, observation);
    }
    /// What was kept, and how often the demonstrator was beyond the bounds.
    pub(super) fn into_episode(self) -> (Demonstration, Clipping) {
        (self.episode, self.clipping)
    }
}
