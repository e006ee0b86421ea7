//! [`VectorEnv`]: several copies of an environment stepped together, each with its own random
//! stream, its time limit and its automatic reset.
//!
//! What comes out does not depend on the number of threads. It refuses to know what an action is
//! chosen by and what a transition is stored in.

mod lane;

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::lane::{Lane, LaneState, begin_in};
use super::{Env, EnvError, EnvSpec, registry};

/// An episode that has just ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Which of the environments.
    pub env_index: usize,
    /// Sum of its rewards.
    pub ret: f64,
    /// Its steps.
    pub len: u32,
    /// Whether its last state is a success, where the environment knows what one is.
    pub is_success: Option<bool>,
}

/// Goals of all environments, environment by environment; empty where there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorGoals {
    /// `[n_envs * goal_dim]`: reached in the states of [`VectorEnv::observations`].
    pub achieved: Vec<f64>,
    /// `[n_envs * goal_dim]`: asked for there.
    pub desired: Vec<f64>,
}

/// What one step of all environments told, environment by environment.
#[derive(Clone, Debug, Default)]
pub struct VectorStep {
    /// `[n_envs * observation_dim]`: what each action led to, before any automatic reset.
    pub next_observation: Vec<f32>,
    /// `[n_envs]`
    pub reward: Vec<f32>,
    /// `[n_envs]`: whether the state reached ends the episode.
    pub terminated: Vec<bool>,
    /// `[n_envs]`: whether the time limit ends it; both may be so.
    pub truncated: Vec<bool>,
    /// `[n_envs]`: whether the simulation broke: a number of the observation or the reward is not finite. The episode
    /// is over, does not count as finished and is not to be learned from.
    pub broken: Vec<bool>,
    /// `[n_envs * goal_dim]`: the goal that each action led to, before any automatic reset.
    pub achieved_goal: Vec<f64>,
    /// The episodes that ended, in the order of their environments.
    pub finished: Vec<Episode>,
}

/// Everything that the future of a [`VectorEnv`] depends on, besides the actions to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorState {
    /// Name of the environment.
    pub id: String,
    lanes: Vec<LaneState>,
    observations: Vec<f32>,
}

/// Copies of one environment.
#[derive(Debug)]
pub struct VectorEnv {
    spec: EnvSpec,
    lanes: Vec<Lane>,
    /// `None` steps on the caller's thread.
    pool: Option<rayon::ThreadPool>,
    /// Environments that one thread steps.
    lanes_per_thread: usize,
    observations: Vec<f32>,
    goals: VectorGoals,
    step: VectorStep,
}

/// States that some episodes begin in, each with the goal that is asked for there (Nair et al. 2018, section
/// "Resets to demonstration states").
#[derive(Clone, Debug)]
pub struct DemonstrationStarts {
    /// How often an episode begins in one of them.
    pub probability: f64,
    /// Simulator state and desired goal, of every state that may be begun in.
    pub states: Arc<Vec<(Vec<f64>, Vec<f64>)>>,
}

impl VectorEnv {
    /// Opens `n_envs` copies of an environment and begins an episode in each. Copy `i` draws from
    /// stream `i` of `seed`. They are stepped on `n_threads` threads, on the caller's own if that is 1.
    ///
    /// # Errors
    /// If the environment does not open, a number is zero, or threads do not start.
    pub fn new(id: &str, n_envs: usize, n_threads: usize, seed: u64) -> Result<Self, EnvError> {
        if n_envs == 0 || n_threads == 0 {
            return Err(EnvError::Vector {
                id: id.to_owned(),
                expected: "at least one environment and one thread".to_owned(),
                found: format!("{n_envs} environments on {n_threads} threads"),
            });
        }
        let lanes: Vec<Lane> = (0..n_envs)
            .map(|index| Lane::open(id, seed, index as u64))
            .collect::<Result<_, _>>()?;
        let spec = lanes[0].env.spec().clone();
        let n_threads = n_threads.min(n_envs);
        let pool = match n_threads {
            1 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(n_threads)
                    .thread_name(|index| format!("env-{index}"))
                    .build()
                    .map_err(|source| EnvError::Threads { n_threads, source })?,
            ),
        };
        let observation_dim = spec.observation_dim();
        let goal_dim = spec.goal.map_or(0, |goal| goal.dim);
        let mut vector = Self {
            lanes_per_thread: n_envs.div_ceil(n_threads),
            observations: vec![0.0; n_envs * observation_dim],
            goals: VectorGoals {
                achieved: vec![0.0; n_envs * goal_dim],
                desired: vec![0.0; n_envs * goal_dim],
            },
            step: VectorStep {
                next_observation: vec![0.0; n_envs * observation_dim],
                reward: vec![0.0; n_envs],
                terminated: vec![false; n_envs],
                truncated: vec![false; n_envs],
                broken: vec![false; n_envs],
                achieved_goal: vec![0.0; n_envs * goal_dim],
                finished: Vec::with_capacity(n_envs),
            },
            spec,
            lanes,
            pool,
        };
        let rows = vector.observations.chunks_mut(observation_dim);
        for (lane, row) in vector.lanes.iter_mut().zip(rows) {
            lane.reset(row);
        }
        vector.gather_goals();
        Ok(vector)
    }

    /// Lets some of the episodes that begin from now on begin in states of a demonstration.
    ///
    /// # Errors
    /// [`EnvError`] if a state or a goal is not one of this environment.
    pub fn start_from(&mut self, starts: &DemonstrationStarts) -> Result<(), EnvError> {
        let mut env = registry::open(&self.spec.id)?;
        let mut observation = vec![0.0; self.spec.observation_dim()];
        for (physics, desired) in starts.states.iter() {
            begin_in(env.as_mut(), physics, desired, &mut observation)?;
        }
        for lane in &mut self.lanes {
            lane.starts = Some(starts.clone());
        }
        Ok(())
    }

    /// Lets every episode end with its first success, as if the task did.
    ///
    /// # Errors
    /// [`EnvError::Vector`] if the environment does not know what a success is.
    pub fn end_on_success(&mut self) -> Result<(), EnvError> {
        if self.lanes[0].env.is_success().is_none() {
            return Err(EnvError::Vector {
                id: self.spec.id.clone(),
                expected: "an environment that knows what a success is, for `end_on_success`"
                    .to_owned(),
                found: "one that does not".to_owned(),
            });
        }
        for lane in &mut self.lanes {
            lane.ends_on_success = true;
        }
        Ok(())
    }

    /// What each of them is.
    #[must_use]
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// How many there are.
    #[must_use]
    pub fn n_envs(&self) -> usize {
        self.lanes.len()
    }

    /// What the next actions are to be chosen from, `[n_envs * observation_dim]`.
    #[must_use]
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// What is reached and asked for in the states of [`VectorEnv::observations`].
    #[must_use]
    pub fn goals(&self) -> &VectorGoals {
        &self.goals
    }

    /// One of the environments, to draw or to measure.
    #[must_use]
    pub fn env(&self, index: usize) -> &dyn Env {
        self.lanes[index].env.as_ref()
    }

    /// Applies `actions` `[n_envs * action_dim]`. An environment whose episode ends begins another,
    /// whose first observation is then in [`VectorEnv::observations`].
    ///
    /// # Panics
    /// If `actions` has another length.
    pub fn step(&mut self, actions: &[f32]) -> &VectorStep {
        let (n_envs, action_dim) = (self.lanes.len(), self.spec.action_dim());
        let observation_dim = self.spec.observation_dim();
        assert_eq!(actions.len(), n_envs * action_dim, "length of the actions");
        match &self.pool {
            None => step_lanes(
                &mut self.lanes,
                actions,
                &mut self.observations,
                &mut self.step.next_observation,
            ),
            Some(pool) => {
                let many = self.lanes_per_thread;
                let tasks = self
                    .lanes
                    .par_chunks_mut(many)
                    .zip(actions.par_chunks(many * action_dim))
                    .zip(self.observations.par_chunks_mut(many * observation_dim))
                    .zip(
                        self.step
                            .next_observation
                            .par_chunks_mut(many * observation_dim),
                    );
                pool.install(|| {
                    tasks.for_each(|(((lanes, actions), observations), next)| {
                        step_lanes(lanes, actions, observations, next);
                    });
                });
            }
        }
        self.gather();
        &self.step
    }

    fn gather(&mut self) {
        let step = &mut self.step;
        step.finished.clear();
        for (env_index, lane) in self.lanes.iter_mut().enumerate() {
            step.reward[env_index] = lane.outcome.reward as f32;
            step.terminated[env_index] = lane.outcome.terminated;
            step.truncated[env_index] = lane.outcome.truncated;
            step.broken[env_index] = lane.outcome.broken;
            let goal_dim = lane.reached.len();
            step.achieved_goal[env_index * goal_dim..][..goal_dim].copy_from_slice(&lane.reached);
            if let Some(finished) = lane.finished.take() {
                step.finished.push(Episode {
                    env_index,
                    ret: finished.ret,
                    len: finished.len,
                    is_success: finished.is_success,
                });
            }
        }
        self.gather_goals();
    }

    fn gather_goals(&mut self) {
        for (env_index, lane) in self.lanes.iter().enumerate() {
            if let Some(goals) = lane.env.goals() {
                let rows = env_index * goals.desired.len()..(env_index + 1) * goals.desired.len();
                self.goals.achieved[rows.clone()].copy_from_slice(goals.achieved);
                self.goals.desired[rows].copy_from_slice(goals.desired);
            }
        }
    }

    /// The complete state between two steps.
    #[must_use]
    pub fn save(&self) -> VectorState {
        VectorState {
            id: self.spec.id.clone(),
            lanes: self.lanes.iter().map(Lane::save).collect(),
            observations: self.observations.clone(),
        }
    }

    /// Returns to a saved state; from there the same actions give the same bits.
    ///
    /// # Errors
    /// [`EnvError::Vector`] or [`EnvError::State`] if it was saved from another environment or from
    /// another number of them.
    pub fn restore(&mut self, state: &VectorState) -> Result<(), EnvError> {
        let fits = state.id == self.spec.id
            && state.lanes.len() == self.lanes.len()
            && state.observations.len() == self.observations.len();
        if !fits {
            return Err(EnvError::Vector {
                id: self.spec.id.clone(),
                expected: format!("the state of {} environments of this kind", self.n_envs()),
                found: format!("that of {} of {}", state.lanes.len(), state.id),
            });
        }
        for (lane, saved) in self.lanes.iter_mut().zip(&state.lanes) {
            lane.restore(saved)?;
        }
        self.observations.copy_from_slice(&state.observations);
        self.gather_goals();
        Ok(())
    }
}

fn step_lanes(
    lanes: &mut [Lane],
    actions: &[f32],
    observations: &mut [f32],
    next_observations: &mut [f32],
) {
    let observation_dim = observations.len() / lanes.len();
    let action_dim = actions.len() / lanes.len();
    let rows = observations
        .chunks_mut(observation_dim)
        .zip(next_observations.chunks_mut(observation_dim));
    for ((lane, action), (row, next_row)) in
        lanes.iter_mut().zip(actions.chunks(action_dim)).zip(rows)
    {
        lane.step(action, row, next_row);
    }
}
