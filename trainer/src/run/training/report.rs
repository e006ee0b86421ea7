//! What a run says of itself: rows of `progress.csv`, and evaluations of the policy as it would be deployed.

use super::Run;
use crate::run::run_state::FinishedEpisode;
use crate::run::{Deployment, Evaluation, Recording, TorchPolicy, policy_file, together};

/// Evaluations start from states that no training episode is seeded with.
const EVALUATION_SEED: u64 = 0x6576_616c;
/// Observations that a critic is asked about at once.
const VALUE_ROWS: usize = 500;

impl Run<'_> {
    /// One row of the log.
    pub(super) fn write_row(&mut self, steps_per_s: f64) -> anyhow::Result<()> {
        let episodes = std::mem::take(&mut self.recent_episodes);
        let mean = |value: &dyn Fn(&FinishedEpisode) -> Option<f64>| {
            let values: Vec<f64> = episodes.iter().filter_map(value).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let mut row = vec![
            ("episodes", Some(self.episodes as f64)),
            ("episode_return", mean(&|episode| Some(episode.0))),
            (
                "episode_length",
                mean(&|episode| Some(f64::from(episode.1))),
            ),
            (
                "success_rate",
                mean(&|episode| episode.2.map(|success| f64::from(u8::from(success)))),
            ),
            ("updates", Some(self.updates as f64)),
        ];
        let names = self.algorithm.metric_names().into_iter().enumerate();
        row.extend(names.map(|(index, name)| (name, self.metrics.get(index).copied())));
        let goal_dim = self.spec.goal.map_or(0, |goal| goal.dim);
        let width = self.spec.observation_dim();
        let [observation, goal] = [0..width - goal_dim, width - goal_dim..width].map(|columns| {
            let normalizer = self.normalizer.as_ref();
            normalizer.and_then(|normalizer| normalizer.summary(columns))
        });
        row.extend([
            ("observation_mean", observation.map(|[mean, _]| mean)),
            ("observation_std", observation.map(|[_, std]| std)),
            ("goal_mean", goal.map(|[mean, _]| mean)),
            ("goal_std", goal.map(|[_, std]| std)),
        ]);
        row.push(("steps_per_s", Some(steps_per_s)));
        row.push(("elapsed_s", Some(self.elapsed_s())));
        if let Some(peers) = &self.peers {
            together::average(&mut row, peers);
        }
        if self.is_first() {
            self.log.progress(self.step, &row)?;
        }
        Ok(())
    }

    /// Plays the deployable policy as it would be deployed, and keeps it if it is the best so far.
    pub(super) fn evaluate(&mut self) -> anyhow::Result<Evaluation> {
        let recipe = self.recipe;
        let mut checkpoint = policy_file::checkpoint(
            recipe,
            &self.spec,
            &*self.algorithm,
            self.normalizer.as_ref(),
            self.step,
        );
        let mut policy = TorchPolicy::new(&checkpoint)?;
        let mut recording = Recording::new(&mut policy);
        let env = self.evaluation_env.as_mut();
        let (observation, action) = (self.spec.observation.clone(), self.spec.action.clone());
        let deployment = Deployment::new(&mut recording, observation, action, env)?;
        let mut deployment = deployment.ending_on_success(recipe.ends_on_success());
        let mut evaluation = deployment.play(
            env,
            recipe.run.eval_episodes,
            recipe.run.seed ^ EVALUATION_SEED,
            |_, _| Ok(()),
        )?;
        evaluation.mean_q = self.value(recording.observations());
        evaluation.mean_potential = self.mean_potential(&recording);
        checkpoint.spec.provenance.mean_return = Some(evaluation.mean());
        checkpoint.write(&self.directory.last_policy())?;
        if self
            .best_return
            .is_none_or(|best| evaluation.mean() >= best)
        {
            self.best_return = Some(evaluation.mean());
            checkpoint.write(&self.directory.best_policy())?;
        }
        self.log.evaluation(self.step, &evaluation)?;
        Ok(evaluation)
    }

    /// What is left of Φ where the deployed policy went, on the mean.
    fn mean_potential(&self, recording: &Recording<'_>) -> Option<f64> {
        let (scale, offset) = policy_file::range(&self.spec);
        let bounds = scale.iter().zip(&offset).cycle();
        let actions: Vec<f32> = recording
            .actions()
            .iter()
            .zip(bounds)
            .map(|(action, (scale, offset))| (action - offset) / scale)
            .collect();
        let (potential, settings) = (self.potential.as_ref()?, self.recipe.shaping.as_ref()?);
        let values = potential.values(recording.observations(), &actions);
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        Some(mean * settings.remaining(self.updates as u64))
    }

    /// What the critics expect from `observations`, on the mean.
    fn value(&mut self, observations: &[f32]) -> Option<f64> {
        let width = self.spec.observation_dim();
        let mut sum = 0.0;
        for rows in observations.chunks(VALUE_ROWS * width) {
            let mut rows = rows.to_vec();
            if let Some(normalizer) = &self.normalizer {
                rows.chunks_exact_mut(width)
                    .for_each(|row| normalizer.apply(row));
            }
            sum += self.algorithm.value(&rows)? * (rows.len() / width) as f64;
        }
        Some(sum / (observations.len() / width) as f64)
    }
}

/// For people.
pub(super) fn describe(evaluation: &Evaluation) -> String {
    let (mean, std) = (evaluation.mean(), evaluation.std());
    let mut text = format!("return {mean:.1} ± {std:.1}");
    if let Some(rate) = evaluation.success_rate() {
        text += &format!(", success {:.0} %", rate * 100.0);
    }
    if let Some(mean_q) = evaluation.mean_q {
        text += &format!(", mean Q {mean_q:.2}");
    }
    if let Some(mean_potential) = evaluation.mean_potential {
        text += &format!(", mean Φ {mean_potential:.2}");
    }
    text
}
