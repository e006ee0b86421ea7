//! The training loop: act, step, store, update; log, evaluate and checkpoint at their intervals. An algorithm that only
//! learns from demonstrations makes one update per "step" and steps no environment.

mod assembly;
mod report;
mod resumption;
mod sampling;

use std::path::Path;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;

use super::collector::Collector;
use super::log::RunLog;
use super::mentor::Mentor;
use super::run_state::{FinishedEpisode, RunState, Segment};
use super::{
    Audience, Evaluation, Outcome, Progress, RunDirectory, Stop, learning_curve, together,
};
use crate::algo::{Learner, Shown, UpdateSchedule};
use crate::data::{Batch, Demonstrations, Experience, Hindsight};
use crate::env::{Env, EnvSpec};
use crate::nn::{Collective, Normalizer};
use crate::potential::Potential;
use crate::recipe::Recipe;
use report::describe;

/// Runs `recipe` in `directory` to its end, from its last checkpoint if it has one. Answers nothing if `stop` was asked
/// for before: then there is a checkpoint to go on from, or what has been fitted of a potential.
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
        Some((path, _)) => Some(directory.keep_demonstrations(Path::new(path))?),
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
        None => RunState::read(directory, &recipe.course_sha256())?,
        Some(peers) => together::last_common_state(recipe, directory, peers)?,
    };
    let logs = state.as_ref().map(|state| &state.logs);
    let Some(mut run) = Run::new(recipe, directory, demonstrations, logs, session)? else {
        return Ok(None);
    };
    match state {
        Some(state) => run.restore(state)?,
        None => {
            if !run.imitate(session) {
                return Ok(None);
            }
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
    algorithm: Learner,
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
    /// What the last recorded update told the log.
    metrics: Vec<f64>,
    elapsed_before_s: f64,
    started: Instant,
    best_return: Option<f64>,
    last_evaluation: Option<Evaluation>,
    segments: Vec<Segment>,
}

impl<'a> Run<'a> {
    fn hindsight_on_demonstrations(&self) -> Hindsight {
        match &self.recipe.demonstrations {
            Some(demos) if demos.her_on_demos => self.hindsight,
            _ => Hindsight::none(),
        }
    }

    fn train(mut self, audience: Audience, stop: &Stop) -> anyhow::Result<Option<Outcome>> {
        let settings = &self.recipe.run;
        let mut progress = Progress::new(self.step, settings.total_steps, audience);
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
            self.learn(before, log_due);
            progress.advance(self.step);
            if self.updates / together::CHECK_INTERVAL != updates_before / together::CHECK_INTERVAL
                && let Some(peers) = &self.peers
            {
                together::check_equal(&*self.algorithm, peers, self.step)?;
            }
            if log_due {
                let rate = (self.step - since_log.0) as f64 / since_log.1.elapsed().as_secs_f64();
                since_log = (self.step, Instant::now());
                self.write_row(rate)?;
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

    /// The actor begins as the demonstrations show, where that is asked for. Answers whether the session goes on; if not, the
    /// next one begins with the first pass again.
    fn imitate(&mut self, session: &Session) -> bool {
        let (Some(settings), Some(mentor), Learner::Batches(learner)) =
            (&self.recipe.imitation, &self.mentor, &mut self.algorithm)
        else {
            return true;
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
        let passes = settings.bc_init_epochs;
        let mut progress = Progress::of_passes("cloning", 0, passes, session.audience);
        let mut goes_on = |done| {
            progress.advance(done);
            done == passes || !session.stop.is_asked()
        };
        let errors = learner.imitate(shown, settings, &mut self.update_rng, &mut goes_on);
        progress.finish();
        if let (Audience::Person, Some(first), Some(last)) =
            (session.audience, errors.first(), errors.last())
        {
            eprintln!(
                "demonstrations cloned in {} of {passes} passes: mean square error of an action {first:.4}, in the end {last:.4}",
                errors.len()
            );
        }
        // Of several processes, all go on or none.
        let is_stopped = errors.len() < passes;
        let peers = self.peers.as_ref();
        !peers.map_or(is_stopped, |peers| peers.any(is_stopped))
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
            collector.choose_actions(Some(&mut *self.algorithm), normalizer);
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

    /// The updates that are due since step `before`. The last one before a row of the log is recorded.
    fn learn(&mut self, before: usize, log_due: bool) {
        if let Experience::Rollout(_) = &self.experience {
            self.learn_from_rollout(log_due);
            return;
        }
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
        // Steps until the next updates and the next row, which may come before them.
        let until = |interval: usize| interval - self.step % interval;
        let next_row = until(self.recipe.run.log_interval)
            .min(self.recipe.run.total_steps.saturating_sub(self.step));
        let is_recorded = log_due || next_row < until(self.schedule.interval * processes);
        for index in 0..updates {
            self.fill_batch();
            let last = index + 1 == updates;
            let metrics = (last && is_recorded).then_some(&mut self.metrics);
            if let Learner::Batches(learner) = &mut self.algorithm {
                learner.update(&mut self.batch, &mut self.update_rng, metrics);
            }
        }
        self.updates += updates;
    }

    /// One update as soon as there are steps enough. Statistics of observations change with the policy, so that a rollout is
    /// that of a single one.
    fn learn_from_rollout(&mut self, log_due: bool) {
        let (Learner::Rollouts(learner), Experience::Rollout(rollout)) =
            (&mut self.algorithm, &mut self.experience)
        else {
            return;
        };
        if rollout.is_full() {
            let normalizer = self.normalizer.as_ref();
            learner.learn(rollout, normalizer, &mut self.update_rng);
            if let Some(normalizer) = &mut self.normalizer {
                normalizer.observe(rollout.observations());
            }
            rollout.clear();
            self.updates += 1;
        }
        if log_due {
            self.metrics = learner.metrics().iter().map(|&x| f64::from(x)).collect();
        }
    }

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before_s + self.started.elapsed().as_secs_f64()
    }
}
