//! [`Mentor`]: a file of demonstrations, held against the environment and made ready to be drawn from.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::{policy_file, sealed};
use crate::data::{Demonstration, Demonstrations, Episode, EpisodeBuffer, EpisodeShape};
use crate::env::{DemonstrationStarts, EnvSpec};
use crate::potential::Demonstrated;

/// Demonstrations that are never forgotten.
#[derive(Debug)]
pub struct Mentor {
    /// All of them.
    pub episodes: EpisodeBuffer,
    /// Of what is in the buffer, so that a resumed run notices other ones.
    pub crc32: u32,
    states: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Mentor {
    /// The first `count` episodes of `demonstrations`, which were read from `path`; up to their first success, if the task ends
    /// with it.
    ///
    /// # Errors
    /// If they are of another environment, of another shape, or fewer.
    pub fn new(
        path: &Path,
        demonstrations: &Demonstrations,
        count: usize,
        spec: &EnvSpec,
        ends_on_success: bool,
    ) -> anyhow::Result<Self> {
        let name = path.display();
        // The kind of reward makes no difference to what was done.
        let task = |id: &str| id.replace("Dense", "");
        if !demonstrations.env.is_empty() && task(&demonstrations.env) != task(&spec.id) {
            bail!(
                "{name}: demonstrations of {}, but the run is in {}",
                demonstrations.env,
                spec.id
            );
        }
        demonstrations
            .fits(spec)
            .map_err(|flaw| flaw.in_file(path))?;
        let goal = spec.goal.map_or(0, |goal| goal.dim);
        let Some(chosen) = demonstrations.episodes.get(..count) else {
            bail!(
                "{name}: holds {} episodes, but num_demos is {count}",
                demonstrations.episodes.len()
            );
        };
        let cut = |one: &Demonstration| match ends_on_success {
            true => one.until_success(),
            false => one.clone(),
        };
        let chosen: Vec<Demonstration> = chosen.iter().map(cut).collect();
        let max_len = chosen.iter().map(|one| one.len()).max().unwrap_or(0);
        let shape = EpisodeShape {
            observation: demonstrations.shape.observation,
            goal: spec.goal,
            action: demonstrations.shape.action,
            max_len,
            ends_on_success,
        };
        let (scale, offset) = policy_file::range(spec);
        let mut episodes = EpisodeBuffer::new(shape, count * max_len);
        let mut states = Vec::new();
        for (number, one) in chosen.iter().enumerate() {
            if one.len() == 0 {
                bail!("{name}: episode {number} has no step");
            }
            episodes.push(Episode::demonstrated(one, (&scale, &offset)));
            // The goal that is asked for in its states is what it achieved in the end.
            let reached = &one.achieved_goal[one.len() * goal..];
            let on_the_way = one.state.iter().take(one.len());
            states.extend(on_the_way.map(|state| (state.clone(), reached.to_vec())));
        }
        let kept: Vec<&Episode> = (0..count).map(|number| episodes.episode(number)).collect();
        let bytes = postcard::to_allocvec(&kept).context("plain data")?;
        Ok(Self {
            episodes,
            crc32: sealed::CRC.checksum(&bytes),
            states,
        })
    }

    /// What a potential is fitted to: every demonstrated step, with the goal that was asked for.
    pub fn demonstrated(&self) -> Demonstrated {
        let shape = self.episodes.shape();
        let mut data = Demonstrated::default();
        for number in 0..self.episodes.len() {
            let episode = self.episodes.episode(number);
            for step in 0..episode.len() {
                let own = &episode.observation[step * shape.observation..][..shape.observation];
                let goal = &episode.desired[step * shape.goal_dim()..][..shape.goal_dim()];
                data.observation.extend_from_slice(own);
                data.observation.extend(goal.iter().map(|&x| x as f32));
            }
            data.action.extend_from_slice(&episode.action);
        }
        data
    }

    /// Lets a fraction of the training episodes begin in the demonstrations' states.
    ///
    /// # Errors
    /// If the file holds no states.
    pub fn starts(&self, path: &Path, probability: f64) -> anyhow::Result<DemonstrationStarts> {
        if self.states.is_empty() {
            bail!(
                "{}: no simulator states were recorded (array `state`), which reset_to_demo_prob = {probability} needs",
                path.display()
            );
        }
        Ok(DemonstrationStarts {
            probability,
            states: Arc::new(self.states.clone()),
        })
    }
}
