//! [`Lane`]: one environment of several, its random stream and the episode it is in.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::DemonstrationStarts;
use crate::env::{Env, EnvError, EnvState, registry};

/// All that the future of a lane depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LaneState {
    env: EnvState,
    rng: ChaCha8Rng,
    ret: f64,
    len: u32,
}

/// One environment, its random stream and its episode so far.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) env: Box<dyn Env>,
    rng: ChaCha8Rng,
    action: Vec<f64>,
    observation: Vec<f64>,
    max_episode_steps: u32,
    ret: f64,
    len: u32,
    pub(super) finished: Option<Finished>,
    pub(super) outcome: Outcome,
    /// `[goal_dim]`: what the last action led to.
    pub(super) reached: Vec<f64>,
    pub(super) starts: Option<DemonstrationStarts>,
    pub(super) ends_on_success: bool,
}

/// An episode that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) ret: f64,
    pub(super) len: u32,
    pub(super) is_success: Option<bool>,
}

/// What the last action led to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) reward: f64,
    pub(super) terminated: bool,
    pub(super) truncated: bool,
    pub(super) broken: bool,
}

/// Begins an episode in a state, with the goal that is asked for there.
pub(super) fn begin_in(
    env: &mut dyn Env,
    physics: &[f64],
    desired: &[f64],
    observation: &mut [f64],
) -> Result<(), EnvError> {
    env.reset_to(physics, observation)?;
    if desired.is_empty() && env.spec().goal.is_none() {
        return Ok(());
    }
    env.set_goal(desired, observation)
}

impl Lane {
    pub(super) fn open(id: &str, seed: u64, stream: u64) -> Result<Self, EnvError> {
        let env = registry::open(id)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let goal_dim = env.spec().goal.map_or(0, |goal| goal.dim);
        Ok(Self {
            action: vec![0.0; env.spec().action_dim()],
            observation: vec![0.0; env.spec().observation_dim()],
            max_episode_steps: env.spec().max_episode_steps,
            env,
            rng,
            ret: 0.0,
            len: 0,
            finished: None,
            outcome: Outcome::default(),
            reached: vec![0.0; goal_dim],
            starts: None,
            ends_on_success: false,
        })
    }

    pub(super) fn reset(&mut self, row: &mut [f32]) {
        self.env.reset(&mut self.rng, &mut self.observation);
        if let Some(starts) = &self.starts
            && self.rng.random::<f64>() < starts.probability
        {
            let (physics, desired) = &starts.states[self.rng.random_range(0..starts.states.len())];
            begin_in(self.env.as_mut(), physics, desired, &mut self.observation)
                .expect("every state has been tried before");
        }
        self.ret = 0.0;
        self.len = 0;
        round_into(&self.observation, row);
    }

    pub(super) fn step(&mut self, action: &[f32], row: &mut [f32], next_row: &mut [f32]) {
        for (wide, narrow) in self.action.iter_mut().zip(action) {
            *wide = f64::from(*narrow);
        }
        let step = self.env.step(&self.action, &mut self.observation);
        self.ret += step.reward;
        self.len += 1;
        let is_finite = |number: &f64| number.is_finite();
        let broken = !(is_finite(&step.reward) && self.observation.iter().all(is_finite));
        let is_done = self.ends_on_success && self.env.is_success() == Some(true);
        self.outcome = Outcome {
            reward: step.reward,
            terminated: (step.terminated || is_done) && !broken,
            truncated: (self.len >= self.max_episode_steps || self.env.is_cut()) && !broken,
            broken,
        };
        round_into(&self.observation, next_row);
        if broken {
            self.reset(row);
            return;
        }
        if let Some(goals) = self.env.goals() {
            self.reached.copy_from_slice(goals.achieved);
        }
        if self.outcome.terminated || self.outcome.truncated {
            self.finished = Some(Finished {
                ret: self.ret,
                len: self.len,
                is_success: self.env.is_success(),
            });
            self.reset(row);
        } else {
            row.copy_from_slice(next_row);
        }
    }

    pub(super) fn save(&self) -> LaneState {
        LaneState {
            env: self.env.save(),
            rng: self.rng.clone(),
            ret: self.ret,
            len: self.len,
        }
    }

    pub(super) fn restore(&mut self, state: &LaneState) -> Result<(), EnvError> {
        self.env.restore(&state.env)?;
        self.rng = state.rng.clone();
        self.ret = state.ret;
        self.len = state.len;
        Ok(())
    }
}

fn round_into(wide: &[f64], narrow: &mut [f32]) {
    for (rounded, number) in narrow.iter_mut().zip(wide) {
        *rounded = *number as f32;
    }
}
