//! Where the rows of a batch come from: the run's own experience and the demonstrations.

use super::Run;
use crate::data::{BatchRows, Experience, NStep};

impl Run<'_> {
    /// Experience first, demonstrations last.
    pub(in crate::run) fn fill_batch(&mut self) {
        let on_demonstrations = self.hindsight_on_demonstrations();
        let gamma = self
            .recipe
            .algorithm
            .off_policy()
            .map_or(0.0, |common| common.gamma as f32);
        let demonstrated = match (&self.mentor, &self.recipe.demonstrations) {
            (Some(_), Some(demos)) => demos.demo_batch_size,
            (Some(_), None) => self.recipe.policy.batch_size,
            (None, _) => 0,
        };
        let (rng, normalizer) = (&mut self.update_rng, self.normalizer.as_ref());
        // A potential has a normaliser of its own, and so needs what nobody has normalised yet.
        let first = normalizer.filter(|_| self.potential.is_none());
        let (experience, mentor, hindsight) = (&self.experience, &self.mentor, &self.hindsight);
        let settings = self.recipe.n_step.as_ref();
        let n_step = settings.map(|settings| NStep {
            steps: settings.n_step,
            recent: self.schedule.interval,
            n_envs: self.recipe.run.n_envs,
        });
        let write = |rows: &mut BatchRows<'_>| {
            let (mut own, mut shown) = rows.split_at(rows.rows - demonstrated);
            if own.rows > 0 {
                let n_far = settings.map_or(0, |settings| settings.rows(own.rows));
                let (mut near, mut far) = own.split_at(own.rows - n_far);
                match experience {
                    Experience::Steps(buffer) => buffer.sample(rng, gamma, first, &mut near),
                    Experience::Episodes(buffer) => {
                        buffer.sample(rng, hindsight, gamma, first, &mut near);
                    }
                    Experience::Rollout(_) => unreachable!("a rollout is learned from whole"),
                }
                match (experience, &n_step) {
                    (_, None) | (Experience::Rollout(_), _) => (),
                    (Experience::Steps(buffer), Some(n_step)) => {
                        buffer.sample_n_step(rng, n_step, gamma, first, &mut far);
                    }
                    (Experience::Episodes(buffer), Some(n_step)) => {
                        buffer.sample_n_step(rng, n_step, gamma, first, &mut far);
                    }
                }
            }
            if let Some(mentor) = mentor {
                let episodes = &mentor.episodes;
                episodes.sample(rng, &on_demonstrations, gamma, first, &mut shown);
            }
        };
        match &self.potential {
            Some(potential) => self.batch.fill_shaped(potential, normalizer, write),
            None => self.batch.fill(write),
        }
    }
}
