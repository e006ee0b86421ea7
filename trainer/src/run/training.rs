//! The training loop: act, step, store, update; log, evaluate and checkpoint at their intervals. An algorithm that only
//! learns from demonstrations makes one update per "step" and steps no environment.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::collector::Collector;
use super::log::{LogLengths, RunLog};
use super::mentor::Mentor;
use super::run_state::{FinishedEpisode, RunState, Segment};
use super::together;
use super::{
    Audience, Deployment, Evaluation, Outcome, Progress, Recording, RunDirectory, Stop,
    TorchPolicy, learning_curve, policy_file, potential_file,
};
use crate::algo::{Algorithm, Dimensions, Setup, Shaping, Shown, UpdateSchedule};
use crate::data::{
    Batch, BatchRows, Demonstrations, EpisodeBuffer, EpisodeShape, Experience, Hindsight, NStep,
    ReplayBuffer,
};
use crate::env::{Env, EnvSpec, GoalReward, VectorEnv, registry};
use crate::nn::{Collective, GOAL_STD_FLOOR, Normalizer};
use crate::potential::Potential;
use crate::recipe::Recipe;

/// Streams of one seed, so that drawing more from one never shifts another. The environments' are in `VectorEnv`.
const INITIALISATION: u64 = 1;
const EXPLORATION: u64 = 2;
const UPDATES: u64 = 3;
/// Evaluations start from states that no training episode is seeded with.
const EVALUATION_SEED: u64 = 0x6576_616c;
/// Observations that a critic is asked about at once.
const VALUE_ROWS: usize = 500;

/// Runs `recipe` in `directory` to its end, from its last checkpoint if it has one. Answers nothing if `stop` was asked
/// for before: then there is a checkpoint to go on from.
///
/// # Errors
/// If another process works on this run, the environment does not open, the device is absent, the demonstrations do not
/// fit, or the folder refuses a file.
pub fn fit(
    recipe: &Recipe,
    directory: &RunDirectory,
    session: &Session,
) -> anyhow::Result<Option<Outcome>> {
    let demonstrations = match recipe.demonstration_file() {
        Some((path, _)) => Some(Demonstrations::read(Path::new(path))?),
        None => None,
    };
    fit_with(recipe, directory, demonstrations.as_ref(), session)
}

/// As [`fit`], with the demonstrations at hand.
///
/// # Errors
/// As [`fit`].
pub fn fit_with(
    recipe: &Recipe,
    directory: &RunDirectory,
    demonstrations: Option<&Demonstrations>,
    session: &Session,
) -> anyhow::Result<Option<Outcome>> {
    // A sweep that was killed leaves members that are just writing their checkpoints.
    let patience = match session.audience {
        Audience::Sweep => Duration::from_secs(60),
        Audience::Nobody | Audience::Person => Duration::ZERO,
    };
    let _lock = directory.lock(patience)?;
    let peers = session.peers.as_ref();
    let outcome = Outcome::read(directory, &recipe.sha256())?;
    // Of several processes, the first is the last to write its outcome: all have one if it has.
    let is_over = outcome.is_some();
    if peers.map_or(is_over, |peers| peers.any(peers.rank() == 0 && is_over)) {
        return Ok(outcome);
    }
    let state = match peers {
        None => RunState::read(directory, &recipe.sha256())?,
        Some(peers) => together::last_common_state(recipe, directory, peers)?,
    };
    let logs = state.as_ref().map(|state| &state.logs);
    let mut run = Run::new(
        recipe,
        directory,
        demonstrations,
        peers.cloned(),
        logs,
        session.audience,
    )?;
    match state {
        Some(state) => run.restore(state)?,
        None => {
            run.imitate(session.audience);
            run.begin_alike();
        }
    }
    run.train(session.audience, &session.stop)
}

/// What a run is told from outside, while it computes.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who listens.
    pub audience: Audience,
    /// Ends it early.
    pub stop: Stop,
    /// The processes it learns with as one.
    pub peers: Option<Collective>,
}

/// A run between two steps.
pub(super) struct Run<'a> {
    recipe: &'a Recipe,
    directory: &'a RunDirectory,
    spec: EnvSpec,
    /// Nothing where no environment is stepped.
    collector: Option<Collector>,
    experience: Experience,
    mentor: Option<Mentor>,
    hindsight: Hindsight,
    evaluation_env: Box<dyn Env>,
    algorithm: Box<dyn Algorithm>,
    schedule: UpdateSchedule,
    normalizer: Option<Normalizer>,
    potential: Option<Potential>,
    /// The processes that learn as one, of which this is one.
    peers: Option<Collective>,
    /// Observed here and not known to the others yet.
    unshared: Option<Normalizer>,
    pub(super) batch: Batch,
    log: RunLog,
    update_rng: ChaCha8Rng,
    step: usize,
    updates: usize,
    episodes: usize,
    recent_episodes: Vec<FinishedEpisode>,
    elapsed_before_s: f64,
    started: Instant,
    best_return: Option<f64>,
    last_evaluation: Option<Evaluation>,
    segments: Vec<Segment>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        recipe: &'a Recipe,
        directory: &'a RunDirectory,
        demonstrations: Option<&Demonstrations>,
        peers: Option<Collective>,
        logs: Option<&LogLengths>,
        audience: Audience,
    ) -> anyhow::Result<Self> {
        let (run, policy) = (&recipe.run, &recipe.policy);
        let device = recipe.device();
        if device.is_cuda() && !tch::Cuda::is_available() {
            bail!(
                "device `{}`: this libtorch sees no CUDA device; use device = \"cpu\"",
                run.device
            );
        }
        let evaluation_env = registry::open(&run.env)?;
        let spec = evaluation_env.spec().clone();
        let hindsight = hindsight(recipe, &spec)?;
        let mentor = mentor(recipe, demonstrations, &spec)?;
        let seed = together::seed(run.seed, peers.as_ref());
        let stream = |seed, number| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            // The environments use the low numbers.
            rng.set_stream(u64::MAX - number);
            rng
        };
        let dimensions = Dimensions {
            observation: spec.observation_dim(),
            action: spec.action_dim(),
        };
        let potential =
            potential_file::open(recipe, directory, mentor.as_ref(), dimensions, audience)?;
        let setup = Setup {
            dimensions,
            policy,
            return_bounds: return_bounds(recipe, &spec),
            cloning: recipe
                .demonstrations
                .as_ref()
                .and_then(|demos| demos.cloning()),
            critic_rows: recipe.critic_rows(),
            critic_warmup: recipe.critic_warmup(),
            shaping: recipe.shaping.as_ref().zip(potential.as_ref()).map(
                |(settings, potential)| Shaping {
                    potential,
                    settings,
                },
            ),
            threads: run.threads,
            device,
        };
        let mut initialisation = stream(run.seed, INITIALISATION);
        let mut algorithm = recipe.algorithm.build(&setup, &mut initialisation);
        if let Some(peers) = &peers {
            let optimisers = algorithm.optimisers();
            optimisers.into_iter().for_each(|adam| adam.share(peers));
        }
        let batch = Batch::new(
            policy.batch_size,
            dimensions.observation,
            dimensions.action,
            device,
        );
        let statistics = |wanted: bool| wanted.then(|| normalizer(recipe, evaluation_env.as_ref()));
        let normalizer = statistics(policy.normalize_observations);
        let unshared = statistics(policy.normalize_observations && peers.is_some());
        let no_logs = LogLengths::default();
        let logs = logs.unwrap_or(&no_logs);
        let mut this = Self {
            recipe,
            directory,
            collector: None,
            experience: experience(recipe, &spec),
            mentor,
            hindsight,
            evaluation_env,
            log: RunLog::open(directory, algorithm.metric_names(), logs)?,
            algorithm,
            schedule: recipe.algorithm.schedule(),
            unshared,
            peers,
            normalizer,
            batch: if potential.is_some() {
                batch.with_potential(dimensions.observation)
            } else {
                batch
            },
            potential,
            update_rng: stream(seed, UPDATES),
            step: 0,
            updates: 0,
            episodes: 0,
            recent_episodes: Vec::new(),
            elapsed_before_s: 0.0,
            started: Instant::now(),
            best_return: None,
            last_evaluation: None,
            segments: Vec::new(),
            spec,
        };
        if recipe.algorithm.off_policy().is_some() {
            let mut environments = VectorEnv::new(&run.env, run.n_envs, run.threads, seed)?;
            if let (Some(mentor), Some(demos)) = (&this.mentor, &recipe.demonstrations)
                && demos.reset_to_demo_prob > 0.0
            {
                let path = Path::new(&demos.demonstrations);
                environments.start_from(&mentor.starts(path, demos.reset_to_demo_prob)?)?;
            }
            this.collector = Some(Collector::new(environments, stream(seed, EXPLORATION)));
        }
        this.observe_demonstrations();
        Ok(this)
    }

    /// The statistics begin with the demonstrations.
    fn observe_demonstrations(&mut self) {
        let hindsight = self.hindsight_on_demonstrations();
        let observer = self.unshared.as_mut().or(self.normalizer.as_mut());
        if let (Some(mentor), Some(normalizer)) = (&self.mentor, observer) {
            for number in 0..mentor.episodes.len() {
                let rng = &mut self.update_rng;
                mentor
                    .episodes
                    .observe_episode(number, rng, &hindsight, normalizer);
            }
        }
    }

    fn hindsight_on_demonstrations(&self) -> Hindsight {
        match &self.recipe.demonstrations {
            Some(demos) if demos.her_on_demos => self.hindsight,
            _ => Hindsight::none(),
        }
    }

    fn restore(&mut self, state: RunState) -> anyhow::Result<()> {
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
            if self.anywhere(stop.is_asked()) {
                self.checkpoint()?;
                progress.say(&format!("stopped at step {}", self.step));
                progress.finish();
                return Ok(None);
            }
            let (before, updates_before) = (self.step, self.updates);
            self.collect();
            let due = |interval: usize| {
                self.step / interval != before / interval || self.step >= settings.total_steps
            };
            let (log_due, evaluation_due) =
                (due(settings.log_interval), due(settings.eval_interval));
            let checkpoint_due = due(settings.checkpoint_interval);
            self.learn(before, log_due.then_some(&mut metrics));
            progress.advance(self.step);
            if self.updates / together::CHECK_INTERVAL != updates_before / together::CHECK_INTERVAL
                && let Some(peers) = &self.peers
            {
                together::check_equal(self.algorithm.as_ref(), peers, self.step)?;
            }
            if log_due {
                let rate = (self.step - since_log.0) as f64 / since_log.1.elapsed().as_secs_f64();
                since_log = (self.step, Instant::now());
                self.write_row(&metrics, rate)?;
            }
            if evaluation_due && self.is_first() {
                let evaluation = self.evaluate()?;
                progress.say(&format!("step {}: {}", self.step, describe(&evaluation)));
                self.last_evaluation = Some(evaluation);
            }
            if checkpoint_due {
                self.checkpoint()?;
            }
        }
        progress.finish();
        if self.is_first() {
            learning_curve::plot_run(self.directory)?;
            if let Some(peers) = &self.peers {
                peers.wait();
            }
        }
        let outcome = Outcome {
            recipe_sha256: self.recipe.sha256(),
            steps: self.step,
            elapsed_s: self.elapsed_s(),
            best_return: self.best_return,
            last_evaluation: self.last_evaluation,
        };
        outcome.write(self.directory)?;
        if let Some(peers) = self.peers.as_ref().filter(|peers| peers.rank() > 0) {
            peers.wait();
        }
        Ok(Some(outcome))
    }

    /// Whether it is so in any of the processes that learn as one.
    fn anywhere(&self, here: bool) -> bool {
        self.peers.as_ref().map_or(here, |peers| peers.any(here))
    }

    /// Whether this process speaks for all: it evaluates and writes the logs.
    fn is_first(&self) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers.rank() == 0)
    }

    /// The actor begins as the demonstrations show, where that is asked for.
    fn imitate(&mut self, audience: Audience) {
        let (Some(settings), Some(mentor)) = (&self.recipe.imitation, &self.mentor) else {
            return;
        };
        if let (Some(peers), Some(normalizer), Some(unshared)) =
            (&self.peers, &mut self.normalizer, &mut self.unshared)
        {
            normalizer.merge_all(unshared, peers);
        }
        let mut shown = mentor.demonstrated();
        if let Some(normalizer) = &self.normalizer {
            let rows = (shown.observation).chunks_exact_mut(self.spec.observation_dim());
            rows.for_each(|row| normalizer.apply(row));
        }
        let shown = Shown {
            observation: &shown.observation,
            action: &shown.action,
        };
        let errors = (self.algorithm).imitate(shown, settings, &mut self.update_rng);
        if let (Audience::Person, Some(first), Some(last)) =
            (audience, errors.first(), errors.last())
        {
            eprintln!(
                "demonstrations cloned in {} passes: mean square error of an action {first:.4}, in the end {last:.4}",
                errors.len()
            );
        }
    }

    /// The parameters of the first process become those of all.
    fn begin_alike(&mut self) {
        if let Some(peers) = &self.peers {
            let mut state = self.algorithm.save();
            let parameters = state.parameters.iter_mut();
            parameters.for_each(|values| peers.broadcast(values));
            self.algorithm.restore(&state);
        }
    }

    /// One step of all environments, with uniformly random actions until `learning_starts`.
    pub(super) fn collect(&mut self) {
        let Some(collector) = &mut self.collector else {
            self.step += 1;
            return;
        };
        let common = self.recipe.algorithm.off_policy();
        let is_random = common.is_some_and(|common| self.step < common.learning_starts);
        let normalizer = self.normalizer.as_ref();
        if is_random {
            collector.choose_actions(None, normalizer);
        } else {
            collector.choose_actions(Some(self.algorithm.as_mut()), normalizer);
        }
        let known = self.experience.written();
        let observer = self.unshared.as_mut().or(self.normalizer.as_mut());
        let finished = collector.step(&mut self.experience, observer);
        let observer = self.unshared.as_mut().or(self.normalizer.as_mut());
        if let (Experience::Episodes(buffer), Some(normalizer)) = (&self.experience, observer) {
            for number in known..buffer.written() {
                let rng = &mut self.update_rng;
                buffer.observe_episode(number, rng, &self.hindsight, normalizer);
            }
        }
        self.episodes += finished.len();
        self.recent_episodes.extend(finished);
        let processes = self.peers.as_ref().map_or(1, Collective::size);
        self.step += self.recipe.run.n_envs * processes;
    }

    /// The updates that are due since step `before`. `metrics` are those of the last one made.
    fn learn(&mut self, before: usize, mut metrics: Option<&mut Vec<f64>>) {
        let nothing_yet = self.recipe.algorithm.off_policy().is_some_and(|common| {
            self.step < common.learning_starts || self.anywhere(self.experience.is_empty())
        });
        // Each process makes the updates that its own steps call for, all at the same time.
        let processes = match (&self.peers, &self.collector) {
            (Some(peers), Some(_)) => peers.size(),
            _ => 1,
        };
        let updates = match nothing_yet {
            true => 0,
            false => self.schedule.due(before / processes, self.step / processes),
        };
        if updates > 0
            && let (Some(peers), Some(normalizer), Some(unshared)) =
                (&self.peers, &mut self.normalizer, &mut self.unshared)
        {
            normalizer.merge_all(unshared, peers);
        }
        for index in 0..updates {
            self.fill_batch();
            let last = index + 1 == updates;
            let metrics = if last { metrics.take() } else { None };
            self.algorithm
                .update(&mut self.batch, &mut self.update_rng, metrics);
        }
        self.updates += updates;
    }

    /// Experience first, demonstrations last.
    pub(super) fn fill_batch(&mut self) {
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
                }
                match (experience, &n_step) {
                    (_, None) => (),
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

    fn write_row(&mut self, metrics: &[f64], steps_per_s: f64) -> anyhow::Result<()> {
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
        let names = self.algorithm.metric_names().iter().enumerate();
        row.extend(names.map(|(index, name)| (*name, metrics.get(index).copied())));
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
    fn evaluate(&mut self) -> anyhow::Result<Evaluation> {
        let recipe = self.recipe;
        let mut checkpoint = policy_file::checkpoint(
            recipe,
            &self.spec,
            self.algorithm.as_ref(),
            self.normalizer.as_ref(),
            self.step,
        );
        let mut policy = TorchPolicy::new(&checkpoint)?;
        let mut recording = Recording::new(&mut policy);
        let env = self.evaluation_env.as_mut();
        let (observation, action) = (self.spec.observation.clone(), self.spec.action.clone());
        let mut evaluation = Deployment::new(&mut recording, observation, action, env)?.play(
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

    /// Φ where the deployed policy went, on the mean.
    fn mean_potential(&self, recording: &Recording<'_>) -> Option<f64> {
        let (scale, offset) = policy_file::range(&self.spec);
        let bounds = scale.iter().zip(&offset).cycle();
        let actions: Vec<f32> = recording
            .actions()
            .iter()
            .zip(bounds)
            .map(|(action, (scale, offset))| (action - offset) / scale)
            .collect();
        let potential = self.potential.as_ref()?;
        let values = potential.values(recording.observations(), &actions);
        Some(values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64)
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

    fn checkpoint(&mut self) -> anyhow::Result<()> {
        self.segments = RunState::store_replay(self.directory, &self.experience, &self.segments)?;
        let collector = self.collector.as_ref();
        let state = RunState {
            recipe_sha256: self.recipe.sha256(),
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

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before_s + self.started.elapsed().as_secs_f64()
    }
}

fn describe(evaluation: &Evaluation) -> String {
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

fn hindsight(recipe: &Recipe, spec: &EnvSpec) -> anyhow::Result<Hindsight> {
    match (&recipe.hindsight, &spec.goal) {
        (Some(_), None) => bail!("`her`: {} has no goals to take in hindsight", spec.id),
        (Some(settings), Some(_)) => Ok(Hindsight::new(settings)),
        (None, _) => Ok(Hindsight::none()),
    }
}

fn mentor(
    recipe: &Recipe,
    demonstrations: Option<&Demonstrations>,
    spec: &EnvSpec,
) -> anyhow::Result<Option<Mentor>> {
    match (recipe.demonstration_file(), demonstrations) {
        (Some((path, count)), Some(demonstrations)) => {
            Mentor::new(Path::new(path), demonstrations, count, spec).map(Some)
        }
        (Some((path, _)), None) => bail!("{path}: demonstrations were not read"),
        (None, _) => Ok(None),
    }
}

/// Rewards of -1 and 0 for ever after sum to something between -1 / (1 - γ) and 0; other tasks have no such bounds, and
/// neither have critics of shaped rewards, which answer `Q - Φ`.
fn return_bounds(recipe: &Recipe, spec: &EnvSpec) -> Option<(f64, f64)> {
    let gamma = recipe.algorithm.off_policy()?.gamma;
    let is_asked = recipe
        .hindsight
        .is_some_and(|settings| settings.clip_target);
    let is_sparse = spec.goal?.reward == GoalReward::Sparse;
    (is_asked && is_sparse && gamma < 1.0 && recipe.shaping.is_none())
        .then(|| (-1.0 / (1.0 - gamma), 0.0))
}

fn experience(recipe: &Recipe, spec: &EnvSpec) -> Experience {
    // An offline run has no experience of its own.
    let capacity = recipe
        .algorithm
        .off_policy()
        .map_or(1, |common| common.buffer_size);
    match spec.goal {
        None => Experience::Steps(ReplayBuffer::new(
            spec.observation_dim(),
            spec.action_dim(),
            capacity,
        )),
        Some(goal) => Experience::Episodes(EpisodeBuffer::new(
            EpisodeShape {
                observation: spec.observation_dim() - goal.dim,
                goal: Some(goal),
                action: spec.action_dim(),
                max_len: spec.max_episode_steps as usize,
            },
            capacity,
        )),
    }
}

/// Of tasks that can be done, some numbers of which never change in a successful episode.
fn normalizer(recipe: &Recipe, env: &dyn Env) -> Normalizer {
    let clip = recipe.policy.observation_clip as f32;
    let normalizer = Normalizer::new(env.spec().observation_dim(), clip);
    match env.is_success() {
        Some(_) => normalizer.with_floor(GOAL_STD_FLOOR),
        None => normalizer,
    }
}
