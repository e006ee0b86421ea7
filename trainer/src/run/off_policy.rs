//! The off-policy loop: act, step, store, update; log, evaluate and checkpoint at their intervals.

use std::time::{Duration, Instant};

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::log::{LogLengths, RunLog};
use super::run_state::{RunState, Segment};
use super::{
    Audience, Deployment, Evaluation, Outcome, Progress, RunDirectory, Stop, TorchPolicy,
    learning_curve, policy_file,
};
use crate::algo::{Algorithm, Dimensions, Mode};
use crate::data::{Batch, ReplayBuffer, Transition};
use crate::env::{Env, VectorEnv, registry};
use crate::nn::Normalizer;
use crate::recipe::Recipe;

/// Streams of one seed, so that drawing more from one never shifts another. The environments' are in `VectorEnv`.
const INITIALISATION: u64 = 1;
const EXPLORATION: u64 = 2;
const UPDATES: u64 = 3;
/// Evaluations start from states that no training episode is seeded with.
const EVALUATION_SEED: u64 = 0x6576_616c;

/// Runs `recipe` in `directory` to its end, from its last checkpoint if it has one. Answers nothing if `stop` was asked
/// for before: then there is a checkpoint to go on from.
///
/// # Errors
/// If another process works on this run, the environment does not open, the device is absent, or the folder refuses a
/// file.
pub fn fit(
    recipe: &Recipe,
    directory: &RunDirectory,
    audience: Audience,
    stop: &Stop,
) -> anyhow::Result<Option<Outcome>> {
    // A sweep that was killed leaves members that are just writing their checkpoints.
    let patience = match audience {
        Audience::Sweep => Duration::from_secs(60),
        Audience::Nobody | Audience::Person => Duration::ZERO,
    };
    let _lock = directory.lock(patience)?;
    if let Some(outcome) = Outcome::read(directory, &recipe.sha256())? {
        return Ok(Some(outcome));
    }
    let state = RunState::read(directory, &recipe.sha256())?;
    let mut run = Run::new(recipe, directory, state.as_ref().map(|state| &state.logs))?;
    if let Some(state) = state {
        run.restore(state)?;
    }
    run.train(audience, stop)
}

struct Run<'a> {
    recipe: &'a Recipe,
    directory: &'a RunDirectory,
    environments: VectorEnv,
    evaluation_env: Box<dyn Env>,
    algorithm: Box<dyn Algorithm>,
    normalizer: Option<Normalizer>,
    replay: ReplayBuffer,
    batch: Batch,
    log: RunLog,
    explore_rng: ChaCha8Rng,
    update_rng: ChaCha8Rng,
    step: usize,
    updates: usize,
    episodes: usize,
    recent_episodes: Vec<(f64, u32)>,
    elapsed_before_s: f64,
    started: Instant,
    best_return: Option<f64>,
    segments: Vec<Segment>,
    /// Policy actions in -1 … 1 and what the environment gets, `[n_envs * action_dim]`.
    actions: Vec<f32>,
    commands: Vec<f32>,
    normalized: Vec<f32>,
    range: (Vec<f32>, Vec<f32>),
}

impl<'a> Run<'a> {
    fn new(
        recipe: &'a Recipe,
        directory: &'a RunDirectory,
        logs: Option<&LogLengths>,
    ) -> anyhow::Result<Self> {
        let (run, common) = (&recipe.run, &recipe.off_policy);
        let device = recipe.device();
        if device.is_cuda() && !tch::Cuda::is_available() {
            anyhow::bail!(
                "device `{}`: this libtorch sees no CUDA device; use device = \"cpu\"",
                run.device
            );
        }
        let environments = VectorEnv::new(&run.env, run.n_envs, run.threads, run.seed)?;
        let spec = environments.spec();
        let dimensions = Dimensions {
            observation: spec.observation_dim(),
            action: spec.action_dim(),
        };
        let stream = |number| {
            let mut rng = ChaCha8Rng::seed_from_u64(run.seed);
            // The environments use the low numbers.
            rng.set_stream(u64::MAX - number);
            rng
        };
        let algorithm = recipe.algorithm.build(
            dimensions,
            common,
            run.threads,
            device,
            &mut stream(INITIALISATION),
        );
        let no_logs = LogLengths::default();
        let log = RunLog::open(
            directory,
            algorithm.metric_names(),
            logs.unwrap_or(&no_logs),
        )?;
        let width = run.n_envs * dimensions.action;
        Ok(Self {
            recipe,
            directory,
            evaluation_env: registry::open(&run.env)?,
            algorithm,
            normalizer: common
                .normalize_observations
                .then(|| Normalizer::new(dimensions.observation, common.observation_clip as f32)),
            replay: ReplayBuffer::new(
                dimensions.observation,
                dimensions.action,
                common.buffer_size,
            ),
            batch: Batch::new(
                common.batch_size,
                dimensions.observation,
                dimensions.action,
                device,
            ),
            log,
            explore_rng: stream(EXPLORATION),
            update_rng: stream(UPDATES),
            step: 0,
            updates: 0,
            episodes: 0,
            recent_episodes: Vec::new(),
            elapsed_before_s: 0.0,
            started: Instant::now(),
            best_return: None,
            segments: Vec::new(),
            actions: vec![0.0; width],
            commands: vec![0.0; width],
            normalized: vec![0.0; run.n_envs * dimensions.observation],
            range: policy_file::range(spec),
            environments,
        })
    }

    fn restore(&mut self, state: RunState) -> anyhow::Result<()> {
        state.restore_replay(self.directory, &mut self.replay)?;
        self.algorithm.restore(&state.algorithm);
        self.environments.restore(&state.environments)?;
        if let (Some(normalizer), Some(state)) = (&mut self.normalizer, &state.normalizer) {
            normalizer.restore(state);
        }
        self.explore_rng = state.explore_rng;
        self.update_rng = state.update_rng;
        self.step = state.step;
        self.updates = state.algorithm.updates as usize;
        self.episodes = state.episodes;
        self.recent_episodes = state.recent_episodes;
        self.elapsed_before_s = state.elapsed_s;
        self.best_return = state.best_return;
        self.segments = state.replay;
        Ok(())
    }

    fn train(mut self, audience: Audience, stop: &Stop) -> anyhow::Result<Option<Outcome>> {
        let settings = &self.recipe.run;
        let mut progress = Progress::new(self.step, settings.total_steps, audience);
        let mut metrics = Vec::new();
        let mut since_log = (self.step, Instant::now());
        while self.step < settings.total_steps {
            if stop.is_asked() {
                self.checkpoint()?;
                progress.say(&format!("stopped at step {}", self.step));
                progress.finish();
                return Ok(None);
            }
            self.choose_actions();
            self.step_environments();
            let before = self.step;
            self.step += settings.n_envs;
            let due = |interval: usize| {
                self.step / interval != before / interval || self.step >= settings.total_steps
            };
            let (log_due, evaluation_due) =
                (due(settings.log_interval), due(settings.eval_interval));
            let checkpoint_due = due(settings.checkpoint_interval);
            self.learn(log_due.then_some(&mut metrics));
            progress.advance(self.step);
            if log_due {
                let rate = (self.step - since_log.0) as f64 / since_log.1.elapsed().as_secs_f64();
                since_log = (self.step, Instant::now());
                self.write_row(&metrics, rate)?;
            }
            if evaluation_due {
                let evaluation = self.evaluate()?;
                let (mean, std) = (evaluation.mean(), evaluation.std());
                progress.say(&format!("step {}: return {mean:.1} ± {std:.1}", self.step));
            }
            if checkpoint_due {
                self.checkpoint()?;
            }
        }
        progress.finish();
        learning_curve::plot_run(self.directory)?;
        let outcome = Outcome {
            recipe_sha256: self.recipe.sha256(),
            steps: self.step,
            elapsed_s: self.elapsed_s(),
            best_return: self.best_return,
        };
        outcome.write(self.directory)?;
        Ok(Some(outcome))
    }

    /// Uniformly random until `learning_starts`, the exploring policy afterwards.
    fn choose_actions(&mut self) {
        if self.step < self.recipe.off_policy.learning_starts {
            self.actions
                .fill_with(|| self.explore_rng.random_range(-1.0..=1.0));
        } else {
            self.normalized
                .copy_from_slice(self.environments.observations());
            if let Some(normalizer) = &self.normalizer {
                let width = self.normalized.len() / self.recipe.run.n_envs;
                self.normalized
                    .chunks_exact_mut(width)
                    .for_each(|row| normalizer.apply(row));
            }
            self.algorithm.act(
                &self.normalized,
                Mode::Explore(&mut self.explore_rng),
                &mut self.actions,
            );
        }
        let (scale, offset) = &self.range;
        for (row, actions) in self
            .commands
            .chunks_exact_mut(scale.len())
            .zip(self.actions.chunks_exact(scale.len()))
        {
            for (((command, action), scale), offset) in
                row.iter_mut().zip(actions).zip(scale).zip(offset)
            {
                *command = scale * action + offset;
            }
        }
    }

    fn step_environments(&mut self) {
        let n_envs = self.recipe.run.n_envs;
        let (observation_dim, action_dim) =
            (self.normalized.len() / n_envs, self.actions.len() / n_envs);
        // The observations acted upon: kept, because stepping replaces them.
        self.normalized
            .copy_from_slice(self.environments.observations());
        if let Some(normalizer) = &mut self.normalizer {
            normalizer.observe(&self.normalized);
        }
        let step = self.environments.step(&self.commands);
        for index in 0..n_envs {
            self.replay.push(Transition {
                observation: &self.normalized[index * observation_dim..][..observation_dim],
                action: &self.actions[index * action_dim..][..action_dim],
                reward: step.reward[index],
                next_observation: &step.next_observation[index * observation_dim..]
                    [..observation_dim],
                terminated: step.terminated[index],
            });
        }
        self.episodes += step.finished.len();
        self.recent_episodes.extend(
            step.finished
                .iter()
                .map(|episode| (episode.ret, episode.len)),
        );
    }

    fn learn(&mut self, mut metrics: Option<&mut Vec<f64>>) {
        let common = &self.recipe.off_policy;
        if self.step < common.learning_starts {
            return;
        }
        let updates = common.updates_per_step * self.recipe.run.n_envs;
        for index in 0..updates {
            let normalizer = self.normalizer.as_ref();
            self.replay.sample(
                &mut self.update_rng,
                common.gamma as f32,
                normalizer,
                &mut self.batch,
            );
            let metrics = if index + 1 == updates {
                metrics.take()
            } else {
                None
            };
            self.algorithm
                .update(&mut self.batch, &mut self.update_rng, metrics);
        }
        self.updates += updates;
    }

    fn write_row(&mut self, metrics: &[f64], steps_per_s: f64) -> anyhow::Result<()> {
        let episodes = std::mem::take(&mut self.recent_episodes);
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            (!episodes.is_empty()).then(|| values.sum::<f64>() / episodes.len() as f64)
        };
        let mut row = vec![
            ("episodes", Some(self.episodes as f64)),
            (
                "episode_return",
                mean(&mut episodes.iter().map(|(ret, _)| *ret)),
            ),
            (
                "episode_length",
                mean(&mut episodes.iter().map(|(_, len)| f64::from(*len))),
            ),
            ("updates", Some(self.updates as f64)),
        ];
        let names = self.algorithm.metric_names().iter().enumerate();
        row.extend(names.map(|(index, name)| (*name, metrics.get(index).copied())));
        row.push(("steps_per_s", Some(steps_per_s)));
        row.push(("elapsed_s", Some(self.elapsed_s())));
        self.log.progress(self.step, &row)
    }

    /// Plays the deployable policy as it would be deployed, and keeps it if it is the best so far.
    fn evaluate(&mut self) -> anyhow::Result<Evaluation> {
        let (recipe, spec) = (self.recipe, self.environments.spec().clone());
        let mut checkpoint = policy_file::checkpoint(
            recipe,
            &spec,
            self.algorithm.as_ref(),
            self.normalizer.as_ref(),
            self.step,
        );
        let mut policy = TorchPolicy::new(&checkpoint)?;
        let env = self.evaluation_env.as_mut();
        let evaluation = Deployment::new(&mut policy, spec.observation, spec.action, env)?.play(
            env,
            recipe.run.eval_episodes,
            recipe.run.seed ^ EVALUATION_SEED,
            |_, _| Ok(()),
        )?;
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

    fn checkpoint(&mut self) -> anyhow::Result<()> {
        self.segments = RunState::store_replay(self.directory, &self.replay, &self.segments)?;
        let state = RunState {
            recipe_sha256: self.recipe.sha256(),
            step: self.step,
            episodes: self.episodes,
            elapsed_s: self.elapsed_s(),
            best_return: self.best_return,
            algorithm: self.algorithm.save(),
            environments: self.environments.save(),
            normalizer: self.normalizer.as_ref().map(Normalizer::save),
            explore_rng: self.explore_rng.clone(),
            update_rng: self.update_rng.clone(),
            recent_episodes: self.recent_episodes.clone(),
            logs: self.log.flush()?,
            replay: self.segments.clone(),
        };
        state
            .write(self.directory)
            .context("the checkpoint could not be written")
    }

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before_s + self.started.elapsed().as_secs_f64()
    }
}
