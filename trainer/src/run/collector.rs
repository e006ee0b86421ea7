//! [`Collector`]: environments that are acted in, and what of that becomes experience.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::policy_file;
use super::run_state::FinishedEpisode;
use crate::algo::{Algorithm, Dimensions, Mode};
use crate::data::{Episode, Experience, RolloutStep, Transition};
use crate::env::{VectorEnv, VectorStep};
use crate::nn::Normalizer;

/// Steps several environments at once.
#[derive(Debug)]
pub struct Collector {
    pub environments: VectorEnv,
    /// Of exploration.
    pub rng: ChaCha8Rng,
    /// The part of each goal-conditioned episode that has been seen; empty without goals.
    pub partial: Vec<Episode>,
    dimensions: Dimensions,
    /// Policy actions, as drawn, and what the environment gets, bounded, `[n_envs * action_dim]`.
    actions: Vec<f32>,
    commands: Vec<f32>,
    /// `[n_envs * observation_dim]`
    normalized: Vec<f32>,
    range: (Vec<f32>, Vec<f32>),
}

impl Collector {
    /// In front of environments that have just begun.
    pub fn new(environments: VectorEnv, rng: ChaCha8Rng) -> Self {
        let spec = environments.spec();
        let dimensions = Dimensions {
            observation: spec.observation_dim(),
            action: spec.action_dim(),
        };
        let n_envs = environments.n_envs();
        let partial = match spec.goal {
            Some(_) => vec![Episode::default(); n_envs],
            None => Vec::new(),
        };
        Self {
            rng,
            partial,
            dimensions,
            actions: vec![0.0; n_envs * dimensions.action],
            commands: vec![0.0; n_envs * dimensions.action],
            normalized: vec![0.0; n_envs * dimensions.observation],
            range: policy_file::range(spec),
            environments,
        }
    }

    /// Chooses the actions of the next step: from `policy` as it explores, or uniformly random without one.
    pub fn choose_actions(
        &mut self,
        policy: Option<&mut (dyn Algorithm + 'static)>,
        normalizer: Option<&Normalizer>,
    ) {
        match policy {
            None => {
                let rng = &mut self.rng;
                self.actions.fill_with(|| rng.random_range(-1.0..=1.0));
            }
            Some(policy) => {
                self.normalized
                    .copy_from_slice(self.environments.observations());
                if let Some(normalizer) = normalizer {
                    self.normalized
                        .chunks_exact_mut(self.dimensions.observation)
                        .for_each(|row| normalizer.apply(row));
                }
                let mode = Mode::Explore(&mut self.rng);
                policy.act(&self.normalized, mode, &mut self.actions);
            }
        }
        let (scale, offset) = &self.range;
        let bounds = scale.iter().zip(offset).cycle();
        for ((command, action), (scale, offset)) in
            self.commands.iter_mut().zip(&self.actions).zip(bounds)
        {
            *command = scale * action.clamp(-1.0, 1.0) + offset;
        }
    }

    /// Takes the step and puts what it led to into `experience`: the step itself, or the episodes that ended with it.
    /// Single steps show `normalizer` the observations acted upon. Answers the episodes that ended.
    pub fn step(
        &mut self,
        experience: &mut Experience,
        normalizer: Option<&mut Normalizer>,
    ) -> Vec<FinishedEpisode> {
        let Dimensions {
            observation: width,
            action: action_dim,
        } = self.dimensions;
        // The observations acted upon: kept, because stepping replaces them.
        self.normalized
            .copy_from_slice(self.environments.observations());
        match experience {
            Experience::Steps(buffer) => {
                if let Some(normalizer) = normalizer {
                    normalizer.observe(&self.normalized);
                }
                let step = self.environments.step(&self.commands);
                for index in (0..step.reward.len()).filter(|index| !step.broken[*index]) {
                    buffer.push(Transition {
                        observation: &self.normalized[index * width..][..width],
                        action: &self.actions[index * action_dim..][..action_dim],
                        reward: step.reward[index],
                        next_observation: &step.next_observation[index * width..][..width],
                        terminated: step.terminated[index],
                    });
                }
                finished(step)
            }
            Experience::Rollout(rollout) => {
                let step = self.environments.step(&self.commands);
                for lane in (0..step.reward.len()).filter(|lane| !step.broken[*lane]) {
                    rollout.push(RolloutStep {
                        lane,
                        observation: &self.normalized[lane * width..][..width],
                        action: &self.actions[lane * action_dim..][..action_dim],
                        reward: step.reward[lane],
                        next_observation: &step.next_observation[lane * width..][..width],
                        terminated: step.terminated[lane],
                    });
                }
                finished(step)
            }
            Experience::Episodes(buffer) => {
                let own = buffer.shape().observation;
                for (index, episode) in self.partial.iter_mut().enumerate() {
                    let goals = self.environments.goals();
                    let dim = goals.desired.len() / self.environments.n_envs();
                    let row = &self.normalized[index * width..][..own];
                    let action = &self.actions[index * action_dim..][..action_dim];
                    if episode.reward.is_empty() {
                        episode.observation.extend_from_slice(row);
                        episode
                            .achieved
                            .extend_from_slice(&goals.achieved[index * dim..][..dim]);
                    }
                    episode
                        .desired
                        .extend_from_slice(&goals.desired[index * dim..][..dim]);
                    episode.action.extend_from_slice(action);
                }
                let step = self.environments.step(&self.commands);
                for (index, episode) in self.partial.iter_mut().enumerate() {
                    if step.broken[index] {
                        *episode = Episode::default();
                        continue;
                    }
                    let dim = width - own;
                    let next = &step.next_observation[index * width..][..own];
                    episode.observation.extend_from_slice(next);
                    episode
                        .achieved
                        .extend_from_slice(&step.achieved_goal[index * dim..][..dim]);
                    episode.reward.push(step.reward[index]);
                    if step.terminated[index] || step.truncated[index] {
                        episode.terminated = step.terminated[index];
                        buffer.push(std::mem::take(episode));
                    }
                }
                finished(step)
            }
        }
    }
}

fn finished(step: &VectorStep) -> Vec<FinishedEpisode> {
    for (index, _) in step
        .broken
        .iter()
        .enumerate()
        .filter(|(_, broken)| **broken)
    {
        eprintln!(
            "environment {index}: a number of the observation or the reward is not finite; the episode is discarded"
        );
    }
    step.finished
        .iter()
        .map(|episode| (episode.ret, episode.len, episode.is_success))
        .collect()
}
