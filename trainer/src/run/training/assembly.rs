//! What a run is made of, by its recipe: environments, experience, demonstrations, potential, networks, random streams.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Run;
use crate::algo::{Dimensions, Regime, Setup, Shaping};
use crate::data::{
    Batch, Demonstrations, EpisodeBuffer, EpisodeShape, Experience, Hindsight, ReplayBuffer,
    Rollout,
};
use crate::env::{Env, EnvSpec, GoalReward, VectorEnv, registry};
use crate::nn::{GOAL_STD_FLOOR, Normalizer};
use crate::recipe::Recipe;
use crate::run::collector::Collector;
use crate::run::log::{LogLengths, RunLog};
use crate::run::mentor::Mentor;
use crate::run::{RunDirectory, Session, potential_file, together};

/// Streams of one seed, so that drawing more from one never shifts another. The environments' are in `VectorEnv`.
const INITIALISATION: u64 = 1;
const EXPLORATION: u64 = 2;
const UPDATES: u64 = 3;
impl<'a> Run<'a> {
    /// Everything in its place, before the first step; nothing if `session` was stopped while a potential was fitted.
    pub(in crate::run) fn new(
        recipe: &'a Recipe,
        directory: &'a RunDirectory,
        demonstrations: Option<&Demonstrations>,
        logs: Option<&LogLengths>,
        session: &Session,
    ) -> anyhow::Result<Option<Self>> {
        let peers = session.peers.clone();
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
        let regime = recipe.algorithm.regime();
        if regime == Regime::OnPolicy && peers.is_some() {
            bail!(
                "algo = \"{}\" learns in one process; start it without mpirun",
                run.algo
            );
        }
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
            potential_file::open(recipe, directory, mentor.as_ref(), dimensions, session)?;
        let ControlFlow::Continue(potential) = potential else {
            return Ok(None);
        };
        // Of the learners, only one from rollouts keeps demonstrations of its own.
        let shown = (mentor.as_ref())
            .filter(|_| regime == Regime::OnPolicy)
            .map(Mentor::demonstrated);
        let setup = Setup {
            dimensions,
            policy,
            return_bounds: return_bounds(recipe, &spec),
            cloning: recipe
                .demonstrations
                .as_ref()
                .and_then(|demos| demos.cloning()),
            rl_weight: recipe.rl_weight(),
            critic_rows: recipe.critic_rows(),
            critic_warmup: recipe.critic_warmup(),
            shaping: recipe.shaping.as_ref().zip(potential.as_ref()).map(
                |(settings, potential)| Shaping {
                    potential,
                    settings,
                },
            ),
            shown: shown.as_ref(),
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
            log: RunLog::open(directory, &algorithm.metric_names(), logs)?,
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
            metrics: Vec::new(),
            elapsed_before_s: 0.0,
            started: Instant::now(),
            best_return: None,
            last_evaluation: None,
            segments: Vec::new(),
            spec,
        };
        if regime != Regime::Offline {
            let mut environments = VectorEnv::new(&run.env, run.n_envs, run.threads, seed)?;
            if recipe.ends_on_success() {
                environments.end_on_success()?;
            }
            if let (Some(mentor), Some(demos)) = (&this.mentor, &recipe.demonstrations)
                && demos.reset_to_demo_prob > 0.0
            {
                let path = Path::new(&demos.demonstrations);
                environments.start_from(&mentor.starts(path, demos.reset_to_demo_prob)?)?;
            }
            this.collector = Some(Collector::new(environments, stream(seed, EXPLORATION)));
        }
        this.observe_demonstrations();
        Ok(Some(this))
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
            let ends = recipe.ends_on_success();
            Mentor::new(Path::new(path), demonstrations, count, spec, ends).map(Some)
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
    if let Some(common) = recipe.algorithm.on_policy() {
        let (observation, action) = (spec.observation_dim(), spec.action_dim());
        return Experience::Rollout(Rollout::new(observation, action, common.rollout_steps));
    }
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
                ends_on_success: recipe.ends_on_success(),
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
