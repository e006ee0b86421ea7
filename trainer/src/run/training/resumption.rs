//! What a run keeps so that it can go on after it was stopped, and how it goes on.

use anyhow::{Context, bail};

use super::Run;
use crate::nn::{Collective, Normalizer};
use crate::run::run_state::RunState;

impl Run<'_> {
    /// Goes on from `state`.
    pub(super) fn restore(&mut self, state: RunState) -> anyhow::Result<()> {
        if state.demonstrations_crc32 != self.mentor.as_ref().map(|mentor| mentor.crc32) {
            let file = self.recipe.demonstration_file();
            bail!(
                "{}: other demonstrations than those the run began with",
                file.map_or("", |(path, _)| path)
            );
        }
        let processes = self.peers.as_ref().map_or(1, Collective::size);
        if state.processes != processes {
            bail!(
                "{}: learned in {} processes, not in {processes}; go on with as many",
                self.directory.root().display(),
                state.processes
            );
        }
        state.restore_replay(self.directory, &mut self.experience)?;
        self.algorithm.restore(&state.algorithm);
        if let (Some(normalizer), Some(state)) = (&mut self.normalizer, &state.normalizer) {
            normalizer.restore(state);
        }
        if let (Some(normalizer), Some(state)) = (&mut self.unshared, &state.unshared) {
            normalizer.restore(state);
        }
        if let (Some(collector), Some(environments)) = (&mut self.collector, &state.environments) {
            collector.environments.restore(environments)?;
            collector.rng = state.explore_rng;
            collector.partial = state.partial_episodes;
        }
        self.update_rng = state.update_rng;
        self.step = state.step;
        self.updates = state.algorithm.updates as usize;
        self.episodes = state.episodes;
        self.recent_episodes = state.recent_episodes;
        self.metrics = state.metrics;
        self.elapsed_before_s = state.elapsed_s;
        self.best_return = state.best_return;
        self.segments = state.replay;
        Ok(())
    }

    /// Leaves everything that going on takes.
    pub(super) fn checkpoint(&mut self) -> anyhow::Result<()> {
        self.segments = RunState::store_replay(self.directory, &self.experience, &self.segments)?;
        let collector = self.collector.as_ref();
        let state = RunState {
            course_sha256: self.recipe.course_sha256(),
            step: self.step,
            episodes: self.episodes,
            elapsed_s: self.elapsed_s(),
            best_return: self.best_return,
            algorithm: self.algorithm.save(),
            environments: collector.map(|collector| collector.environments.save()),
            partial_episodes: collector.map_or_else(Vec::new, |c| c.partial.clone()),
            demonstrations_crc32: self.mentor.as_ref().map(|mentor| mentor.crc32),
            normalizer: self.normalizer.as_ref().map(Normalizer::save),
            processes: self.peers.as_ref().map_or(1, Collective::size),
            unshared: self.unshared.as_ref().map(Normalizer::save),
            explore_rng: collector.map_or_else(|| self.update_rng.clone(), |c| c.rng.clone()),
            update_rng: self.update_rng.clone(),
            recent_episodes: self.recent_episodes.clone(),
            metrics: self.metrics.clone(),
            logs: self.log.flush()?,
            replay: self.segments.clone(),
        };
        let written = match &self.peers {
            None => state.write(self.directory),
            Some(peers) => {
                state.write_next(self.directory)?;
                // From here on, all processes have the new state; before, all had the old one.
                peers.wait();
                state.become_current(self.directory)
            }
        };
        written.context("the checkpoint could not be written")
    }
}
