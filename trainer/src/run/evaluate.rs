//! [`Deployment`]: a policy behind its contract, playing whole episodes. Training, `trainer eval` and the table of the
//! demo all measure by this one loop.

use anyhow::bail;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rlfd_models::{ActionTerm, ObservationTerm};
use rlfd_runtime::Policy;
use serde::Serialize;

use crate::env::{Env, EnvSpec};

/// A policy with the maps its contract puts in front of it and behind it.
pub struct Deployment<'a> {
    policy: &'a mut dyn Policy,
    observation: Vec<ObservationTerm>,
    action: Vec<ActionTerm>,
    ends_on_success: bool,
    noise: f64,
}

impl std::fmt::Debug for Deployment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("observation", &self.observation)
            .field("action", &self.action)
            .finish()
    }
}

/// Returns and lengths of some episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Sum of rewards, per episode.
    pub returns: Vec<f64>,
    /// Steps, per episode.
    pub lengths: Vec<u32>,
    /// Whether its last state is a success, per episode; empty where the environment does not know what one is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<bool>,
    /// Whether any of its states is one, per episode; empty where that was not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ever_successes: Vec<bool>,
    /// What critics expected of the policy, the mean over all steps; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_q: Option<f64>,
    /// Mean of what is left of the potential along the episodes, where rewards are shaped; the mean Q is then that of `Q - Φ`.
    pub mean_potential: Option<f64>,
}

impl<'a> Deployment<'a> {
    /// Checks once that policy, contract and environment fit.
    ///
    /// # Errors
    /// If a width differs or a term asks for what an environment cannot give.
    pub fn new(
        policy: &'a mut dyn Policy,
        observation: Vec<ObservationTerm>,
        action: Vec<ActionTerm>,
        env: &dyn Env,
    ) -> anyhow::Result<Self> {
        let (spec, shape) = (env.spec(), policy.shape());
        if shape.observation_dim != spec.observation_dim() || shape.action_dim != spec.action_dim()
        {
            bail!(
                "the policy reads {} and answers {} numbers, but {} has {} observations and {} actions",
                shape.observation_dim,
                shape.action_dim,
                spec.id,
                spec.observation_dim(),
                spec.action_dim()
            );
        }
        let dims: (usize, usize) = (
            observation.iter().map(|term| term.dim).sum(),
            action.iter().map(|term| term.dim).sum(),
        );
        if dims != (shape.observation_dim, shape.action_dim) {
            bail!(
                "the contract has {} observations and {} actions, the network {shape:?}",
                dims.0,
                dims.1
            );
        }
        if let Some(term) = observation.iter().find(|term| term.history != 1) {
            bail!(
                "observation term `{}` stacks {} samples; here only 1 is supported",
                term.name,
                term.history
            );
        }
        Ok(Self {
            policy,
            observation,
            action,
            ends_on_success: false,
            noise: 0.0,
        })
    }

    /// Standard deviation of Gaussian noise on the commands that are played, in halves of their range.
    #[must_use]
    pub fn with_noise(mut self, deviation: f64) -> Self {
        self.noise = deviation;
        self
    }

    /// Whether episodes that are played end with their first success.
    #[must_use]
    pub fn ending_on_success(mut self, ends: bool) -> Self {
        self.ends_on_success = ends;
        self
    }

    /// Plays `episodes` episodes; episode `i` starts from the state that `seed` and `i` give, whatever came before.
    /// `each` sees every step, and its answer ends the evaluation if false.
    pub fn play(
        &mut self,
        env: &mut dyn Env,
        episodes: usize,
        seed: u64,
        mut each: impl FnMut(&dyn Env, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<Evaluation> {
        let spec = env.spec().clone();
        let mut measurement = vec![0.0; spec.observation_dim()];
        let mut observation = vec![0.0_f32; spec.observation_dim()];
        let mut action = vec![0.0_f32; spec.action_dim()];
        let mut command = vec![0.0; spec.action_dim()];
        let mut evaluation = Evaluation::default();
        for episode in 0..episodes {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(episode as u64);
            env.reset(&mut rng, &mut measurement);
            self.policy.reset();
            each(env, episode)?;
            let mut noise = ChaCha8Rng::seed_from_u64(seed);
            noise.set_stream(!(episode as u64));
            let (mut ret, mut length, mut ever) = (0.0, 0, false);
            loop {
                observe(&self.observation, &measurement, &mut observation);
                self.policy.act(&observation, &mut action);
                act(&self.action, &action, &mut command);
                if self.noise > 0.0 {
                    disturb(&mut command, &spec, &[self.noise], &mut noise);
                    bound(&mut command, &spec);
                }
                let step = env.step(&command, &mut measurement);
                each(env, episode)?;
                ret += step.reward;
                length += 1;
                ever |= env.is_success() == Some(true);
                let is_done = self.ends_on_success && ever;
                let is_over = length >= spec.max_episode_steps || env.is_cut();
                if step.terminated || is_done || is_over {
                    break;
                }
            }
            evaluation.returns.push(ret);
            evaluation.lengths.push(length);
            evaluation.successes.extend(env.is_success());
            let ever = env.is_success().map(|_| ever);
            evaluation.ever_successes.extend(ever);
        }
        Ok(evaluation)
    }
}

impl Evaluation {
    /// Mean return.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }

    /// Standard deviation of the returns (of the population, as Gymnasium users print it).
    #[must_use]
    pub fn std(&self) -> f64 {
        let mean = self.mean();
        (self
            .returns
            .iter()
            .map(|ret| (ret - mean).powi(2))
            .sum::<f64>()
            / self.returns.len() as f64)
            .sqrt()
    }

    /// Least return.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.returns.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Greatest return.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.returns
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// Fraction of episodes whose last state is a success; nothing where the environment does not know what one is.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        share(&self.successes)
    }

    /// Fraction of episodes any state of which is a success.
    #[must_use]
    pub fn ever_success_rate(&self) -> Option<f64> {
        share(&self.ever_successes)
    }

    /// Mean steps per episode.
    #[must_use]
    pub fn mean_length(&self) -> f64 {
        self.lengths
            .iter()
            .map(|&length| f64::from(length))
            .sum::<f64>()
            / self.lengths.len() as f64
    }
}

fn share(flags: &[bool]) -> Option<f64> {
    let count = flags.iter().filter(|flag| **flag).count();
    (!flags.is_empty()).then(|| count as f64 / flags.len() as f64)
}

/// Adds normal numbers, whose deviations `stds` are in halves of the range of each: none, one for all or one each.
pub fn disturb(command: &mut [f64], spec: &EnvSpec, stds: &[f64], rng: &mut ChaCha8Rng) {
    let bounds = spec.action_low().into_iter().zip(spec.action_high());
    let stds = stds.iter().cycle();
    for ((number, (low, high)), std) in command.iter_mut().zip(bounds).zip(stds) {
        let half = 0.5 * f64::from(high - low);
        *number += std * half * rng.sample::<f64, _>(StandardNormal);
    }
}

fn bound(command: &mut [f64], spec: &EnvSpec) {
    let bounds = spec.action_low().into_iter().zip(spec.action_high());
    for (number, (low, high)) in command.iter_mut().zip(bounds) {
        *number = number.clamp(f64::from(low), f64::from(high));
    }
}

/// `clamp(measurement * scale + offset, -clip, clip)`
fn observe(terms: &[ObservationTerm], measurement: &[f64], observation: &mut [f32]) {
    let mut pairs = measurement.iter().zip(observation);
    for term in terms {
        let clip = term.clip.unwrap_or(f32::INFINITY);
        for (measurement, observation) in pairs.by_ref().take(term.dim) {
            *observation = (*measurement as f32 * term.scale + term.offset)
                .max(-clip)
                .min(clip);
        }
    }
}

/// `clamp(action * scale + offset, low, high)`
fn act(terms: &[ActionTerm], action: &[f32], command: &mut [f64]) {
    let mut pairs = action.iter().zip(command);
    for term in terms {
        for (action, command) in pairs.by_ref().take(term.dim) {
            *command = f64::from(
                (action * term.scale + term.offset)
                    .max(term.low)
                    .min(term.high),
            );
        }
    }
}

/// One step at a time, for whoever keeps what happens.
impl Deployment<'_> {
    /// Begins an episode.
    pub fn begin(&mut self) {
        self.policy.reset();
    }

    /// What the policy commands where the environment shows `measurement` `[observation_dim]`.
    /// Writes `command` `[action_dim]`.
    pub fn command(&mut self, measurement: &[f64], command: &mut [f64]) {
        let mut observation = vec![0.0_f32; measurement.len()];
        let mut action = vec![0.0_f32; command.len()];
        observe(&self.observation, measurement, &mut observation);
        self.policy.act(&observation, &mut action);
        act(&self.action, &action, command);
    }
}
