//! Collecting demonstrations: a [`Demonstrator`] plays episodes on several threads, and what happens is kept.
//!
//! Episode `i` depends on the seed and on `i` alone, so the number of threads changes nothing. It refuses to know where a
//! policy comes from.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::data::{Clipping, Demonstration, DemonstrationShape, Demonstrations};
use crate::env::{Env, EnvSpec, registry};
use crate::run::{Deployment, disturb};

use self::keeper::Keeper;
pub use self::script::{Script, ScriptKind};
pub use self::waypoints::Detours;

mod keeper;
pub mod plot;
mod script;
#[cfg(test)]
mod tests;
mod waypoints;

/// Attempts per wanted episode before giving up on a success filter.
const PATIENCE: usize = 50;
/// Resets in search of a goal in the air.
const MAX_RESETS: usize = 1000;
/// Metres above the object that count as in the air.
const AIR_M: f64 = 0.01;

/// Who shows how it is done.
#[derive(Debug)]
pub enum Demonstrator<'a> {
    /// A program.
    Script(Script),
    /// A trained policy behind its contract.
    Policy(Deployment<'a>),
}

/// What makes demonstrations worse than their demonstrator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imperfection {
    /// Standard deviation of Gaussian noise on each number of an action, in halves of its range: none, one for all, or
    /// one each.
    pub action_noise: Vec<f64>,
    /// How often an action is replaced by a uniformly random one.
    pub random_actions: f64,
    /// Steps after which nothing is done any more.
    pub stop_after: Option<u32>,
    /// Share of the episodes in which the demonstrator gives up within the first fifth.
    pub failures: f64,
    /// Whether only goals above the table are asked for.
    pub air_only: bool,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Environment.
    pub env: String,
    /// Episodes to keep.
    pub episodes: usize,
    /// Threads to play on.
    pub threads: usize,
    /// Whether episodes whose last step is no success are left out.
    pub success_only: bool,
    /// Whether an episode ends with its first success, and the task with it.
    pub end_on_success: bool,
    /// Of all random numbers.
    pub seed: u64,
    /// What is done badly on purpose.
    pub imperfection: Imperfection,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The episodes kept, in the order of their numbers.
    pub demonstrations: Demonstrations,
    /// Actions of the demonstrator that were beyond their bounds, in the episodes kept.
    pub clipping: Clipping,
    /// Episodes played for it.
    pub attempts: usize,
}

/// Hands a demonstrator for an environment to a thread that plays.
pub type Lend<'a> = dyn Fn(&dyn Env, &mut dyn FnMut(Demonstrator<'_>) -> anyhow::Result<()>) -> anyhow::Result<()>
    + Sync
    + 'a;

/// Plays until enough episodes are kept. `each` hears of every episode played: how many there are, how many of them are
/// kept.
///
/// # Errors
/// If the environment does not open, the demonstrator does not fit it, or too few episodes succeed.
pub fn collect(
    wish: &Wish,
    lend: &Lend<'_>,
    each: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Collected> {
    let env = registry::open(&wish.env)?;
    check(wish, env.as_ref())?;
    let spec = env.spec().clone();
    let played = Played {
        wish,
        next: AtomicUsize::new(0),
        episodes: Mutex::new(BTreeMap::new()),
        each,
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..wish.threads.min(wish.episodes))
            .map(|_| scope.spawn(|| played.work(lend)))
            .collect();
        let mut outcome = Ok(());
        for thread in threads {
            let ended = match thread.join() {
                Ok(ended) => ended,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            outcome = outcome.and(ended);
        }
        outcome
    })?;
    played.gather(&spec)
}

fn check(wish: &Wish, env: &dyn Env) -> anyhow::Result<()> {
    let spec = env.spec();
    let imperfection = &wish.imperfection;
    if wish.episodes == 0 || wish.threads == 0 {
        bail!("expected at least one episode and one thread");
    }
    if wish.success_only && env.is_success().is_none() {
        bail!(
            "{} has no goals, so no episode counts as a success",
            spec.id
        );
    }
    if wish.end_on_success && env.is_success().is_none() {
        bail!(
            "{} does not know what a success is, so no episode ends with one",
            spec.id
        );
    }
    if imperfection.air_only && !ScriptKind::PickAndPlace.knows(&spec.id) {
        bail!("{} has no goals in the air", spec.id);
    }
    if !(0.0..=1.0).contains(&imperfection.failures) {
        bail!("expected a share of failures between 0 and 1");
    }
    if !(0.0..=1.0).contains(&imperfection.random_actions) {
        bail!("expected a share of random actions between 0 and 1");
    }
    let noise = &imperfection.action_noise;
    if noise.len() > 1 && noise.len() != spec.action_dim() {
        let (id, n) = (&spec.id, spec.action_dim());
        bail!(
            "{id} has actions of {n} numbers, found {} action noises",
            noise.len()
        );
    }
    if let Some(odd) = noise.iter().find(|std| !(**std >= 0.0 && std.is_finite())) {
        bail!("expected an action noise of 0 or more, found {odd}");
    }
    Ok(())
}

/// An episode and how often its demonstrator was beyond the bounds.
type Episode = (Demonstration, Clipping);

struct Played<'a> {
    wish: &'a Wish,
    next: AtomicUsize,
    /// By number.
    episodes: Mutex<BTreeMap<usize, Episode>>,
    each: &'a (dyn Fn(usize, usize) + Sync),
}

impl Played<'_> {
    fn keeps(&self, episode: &Demonstration) -> bool {
        !self.wish.success_only || episode.succeeds()
    }

    /// Numbers of the episodes to keep, if there are enough among those before which none is missing.
    fn kept(&self, episodes: &BTreeMap<usize, Episode>) -> Vec<usize> {
        let without_gap = episodes
            .iter()
            .enumerate()
            .take_while(|(i, (n, _))| i == *n);
        without_gap
            .filter(|(_, (_, (episode, _)))| self.keeps(episode))
            .map(|(_, (number, _))| *number)
            .take(self.wish.episodes)
            .collect()
    }

    fn work(&self, lend: &Lend<'_>) -> anyhow::Result<()> {
        let mut env = registry::open(&self.wish.env)?;
        let opened = registry::open(&self.wish.env)?;
        lend(opened.as_ref(), &mut |mut demonstrator| {
            loop {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                if number >= self.wish.episodes * PATIENCE {
                    return Ok(());
                }
                let episode = play(self.wish, env.as_mut(), &mut demonstrator, number)?;
                let mut episodes = self.episodes.lock().unwrap_or_else(|e| e.into_inner());
                episodes.insert(number, episode);
                let n_kept = self.kept(&episodes).len();
                (self.each)(episodes.len(), n_kept);
                if n_kept == self.wish.episodes {
                    // Whoever still plays finishes an episode that is then left out.
                    self.next
                        .store(self.wish.episodes * PATIENCE, Ordering::Relaxed);
                    return Ok(());
                }
            }
        })
    }

    fn gather(self, spec: &EnvSpec) -> anyhow::Result<Collected> {
        let numbers = {
            let episodes = self.episodes.lock().unwrap_or_else(|e| e.into_inner());
            self.kept(&episodes)
        };
        let mut played = self
            .episodes
            .into_inner()
            .unwrap_or_else(|e| e.into_inner());
        let Some(last) = numbers
            .last()
            .filter(|_| numbers.len() == self.wish.episodes)
        else {
            bail!(
                "only {} of {} episodes succeeded, {} were asked for",
                numbers.len(),
                played.len(),
                self.wish.episodes
            );
        };
        let mut clipping = Clipping::default();
        let kept = numbers.iter().filter_map(|number| played.remove(number));
        let episodes = kept.map(|(episode, beyond)| {
            clipping.steps += beyond.steps;
            clipping.of += beyond.of;
            clipping.farthest = clipping.farthest.max(beyond.farthest);
            episode
        });
        let goal = spec.goal.map_or(0, |goal| goal.dim);
        let demonstrations = Demonstrations {
            env: spec.id.clone(),
            shape: DemonstrationShape {
                observation: spec.observation_dim() - goal,
                goal,
                action: spec.action_dim(),
            },
            episodes: episodes.collect(),
        };
        Ok(Collected {
            demonstrations,
            clipping,
            attempts: last + 1,
        })
    }
}

/// Whether episode `number` is one of those that are to fail: `share` of them, evenly spread.
fn is_to_fail(number: usize, share: f64) -> bool {
    let before = (number as f64 * share).floor();
    ((number + 1) as f64 * share).floor() > before
}

fn play(
    wish: &Wish,
    env: &mut dyn Env,
    demonstrator: &mut Demonstrator<'_>,
    number: usize,
) -> anyhow::Result<Episode> {
    let spec = env.spec().clone();
    let imperfection = &wish.imperfection;
    // The same initial states as those of an evaluation with this seed.
    let mut rng = ChaCha8Rng::seed_from_u64(wish.seed);
    rng.set_stream(number as u64);
    let mut noise = ChaCha8Rng::seed_from_u64(wish.seed);
    noise.set_stream(!(number as u64));
    let mut observation = vec![0.0; spec.observation_dim()];
    env.reset(&mut rng, &mut observation);
    if imperfection.air_only {
        for tries in 0.. {
            let goals = env.goals().context("no goals")?;
            if goals.desired[2] > goals.achieved[2] + AIR_M {
                break;
            }
            if tries == MAX_RESETS {
                bail!("{}: no goal in the air after {MAX_RESETS} resets", spec.id);
            }
            env.reset(&mut rng, &mut observation);
        }
    }
    let mut last_step = imperfection.stop_after.unwrap_or(u32::MAX);
    if is_to_fail(number, imperfection.failures) {
        last_step = last_step.min(noise.random_range(0..=spec.max_episode_steps / 5));
    }
    demonstrator.begin(number, &mut noise);
    let mut keeper = Keeper::begin(env, &observation);
    let mut command = vec![0.0; spec.action_dim()];
    for time in 0..spec.max_episode_steps {
        let mut moves = true;
        if time < last_step {
            moves = demonstrator.act(&observation, &mut command);
        } else {
            command.fill(0.0);
        }
        if moves {
            disturb(&mut command, &spec, &imperfection.action_noise, &mut noise);
            replace(&mut command, &spec, imperfection.random_actions, &mut noise);
        }
        keeper.bound(&mut command);
        let step = env.step(&command, &mut observation);
        demonstrator.label(time, &mut command);
        let is_done = wish.end_on_success && env.is_success() == Some(true);
        let terminated = step.terminated || is_done;
        keeper.keep(env, &observation, &command, step.reward, terminated);
        if terminated || env.is_cut() {
            break;
        }
    }
    Ok(keeper.into_episode())
}

/// Puts a uniformly random action in the place of a `share` of them.
fn replace(command: &mut [f64], spec: &EnvSpec, share: f64, rng: &mut ChaCha8Rng) {
    // Asked first, so that a recording without draws nothing.
    if share > 0.0 && rng.random::<f64>() < share {
        let bounds = spec.action_low().into_iter().zip(spec.action_high());
        for (number, (low, high)) in command.iter_mut().zip(bounds) {
            *number = rng.random_range(f64::from(low)..=f64::from(high));
        }
    }
}

impl Demonstrator<'_> {
    fn begin(&mut self, number: usize, rng: &mut ChaCha8Rng) {
        match self {
            Self::Script(script) => script.begin(number, rng),
            Self::Policy(policy) => policy.begin(),
        }
    }

    /// Answers whether it moves, so that noise disturbs it.
    fn act(&mut self, observation: &[f64], command: &mut [f64]) -> bool {
        match self {
            Self::Script(script) => {
                let (action, moves) = script.act(observation);
                command.copy_from_slice(&action[..command.len()]);
                moves
            }
            Self::Policy(policy) => {
                policy.command(observation, command);
                true
            }
        }
    }

    fn label(&self, time: u32, command: &mut [f64]) {
        if let Self::Script(script) = self {
            script.label(time, command);
        }
    }
}
