//! Any environment of Python's Gymnasium whose observations are boxes of numbers or dictionaries of such, and whose actions are a
//! box: [`GymnasiumEnv`], opened as `gym:NAME`.
//!
//! One whose observation is `observation`, `achieved_goal` and `desired_goal` has goals if its `compute_reward` is what
//! [`GoalTask`] computes, on 64 pairs of goals that it is asked about; else the three are one observation.
//!
//! Each runs in a child process of its own. One that crashes, or shows an observation that is not finite, is reported and
//! started anew; its episode counts as cut short. Nothing can be drawn or saved: a run that is resumed begins new
//! episodes.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::{Rng, RngExt};
use rlfd_models::spec::{ActionTerm, ObservationTerm, Source};

use self::worker::{Description, Reward, Worker};
use super::{ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Goals, Step};

mod worker;

/// Begins the name of such an environment.
pub(super) const PREFIX: &str = "gym:";

/// Time limit where the environment has none of its own.
const NO_LIMIT: u32 = 1_000_000;
/// Attempts to begin an episode before the program gives up.
const MAX_STARTS: usize = 3;
/// Numbers in an observation beyond which it is taken for a picture.
const MAX_OBSERVATION_DIM: usize = 10_000;

/// An environment in a child process.
#[derive(Debug)]
pub struct GymnasiumEnv {
    spec: EnvSpec,
    /// Its name in Gymnasium.
    name: String,
    worker: Worker,
    /// As last seen: the observation, and behind it the achieved goal.
    seen: Vec<f64>,
    is_cut: bool,
    /// Whether there is an episode to go on with.
    is_begun: bool,
}

impl GymnasiumEnv {
    /// Starts the child process for `name`, e.g. `Pendulum-v1`, or `module:NAME` to import a module first.
    ///
    /// # Errors
    /// [`EnvError::Gymnasium`] if Python, the environment or its spaces are not what is needed.
    pub fn open(name: &str) -> Result<Self, EnvError> {
        let error = |words: String| EnvError::Gymnasium {
            id: format!("{PREFIX}{name}"),
            words,
        };
        let (worker, description) = Worker::start(name).map_err(error)?;
        let dim = description.observation.iter().map(|(_, dim)| dim).sum();
        if !(1..=MAX_OBSERVATION_DIM).contains(&dim) {
            return Err(error(format!(
                "expected observations of 1 to {MAX_OBSERVATION_DIM} numbers, found {dim}"
            )));
        }
        Ok(Self {
            seen: vec![0.0; dim],
            spec: spec(name, &description),
            name: name.to_owned(),
            worker,
            is_cut: false,
            is_begun: false,
        })
    }

    fn observe(&self, observation: &mut [f64]) {
        observation.copy_from_slice(&self.seen[..observation.len()]);
    }

    /// Says what happened and starts another child.
    fn start_anew(&mut self, words: &str) {
        eprintln!("warning: {}: {words}; it is started anew", self.spec.id);
        match Worker::start(&self.name) {
            Ok((worker, _)) => self.worker = worker,
            Err(words) => self.give_up(&words),
        }
    }

    /// Ends the program: there is no environment to go on with, and its interface knows no errors.
    fn give_up(&self, words: &str) -> ! {
        eprintln!("error: {}: {words}", self.spec.id);
        std::process::exit(2);
    }
}

fn spec(name: &str, description: &Description) -> EnvSpec {
    let bounds = description.action_low.iter().zip(&description.action_high);
    let action = bounds.enumerate().map(|(index, (low, high))| ActionTerm {
        name: format!("action {index}"),
        unit: "1".to_owned(),
        dim: 1,
        scale: 1.0,
        offset: 0.0,
        low: *low as f32,
        high: *high as f32,
        max_rate: None,
        stiffness: None,
        damping: None,
        time_constant_s: None,
    });
    let goal = description.goal.map(|goal| GoalTask {
        dim: goal.dim,
        threshold: goal.threshold,
        reward: match goal.reward {
            Reward::Sparse => GoalReward::Sparse,
            Reward::Dense => GoalReward::Dense,
        },
    });
    let observation = description
        .observation
        .iter()
        .map(|(name, dim)| ObservationTerm {
            name: name.clone(),
            unit: "1".to_owned(),
            source: match name.as_str() {
                "desired_goal" => Source::Setpoint,
                _ => Source::Sensor,
            },
            dim: *dim,
            scale: 1.0,
            offset: 0.0,
            clip: None,
            history: 1,
        });
    // A goal that was achieved is for hindsight, which a deployed policy does not have.
    let n_terms = description.observation.len() - usize::from(goal.is_some());
    EnvSpec {
        id: format!("{PREFIX}{name}"),
        observation: observation.take(n_terms).collect(),
        action: action.collect(),
        period_us: ((description.period_s * 1e6).round() as u32).max(1),
        max_episode_steps: description.max_episode_steps.unwrap_or(NO_LIMIT).max(1),
        reward_threshold: description.reward_threshold,
        goal,
        summary: "an environment of Python's Gymnasium",
    }
}

impl Env for GymnasiumEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let seed = u64::from(rng.random::<u32>());
        (self.is_cut, self.is_begun) = (false, true);
        for start in 1..=MAX_STARTS {
            match self.worker.reset(seed, &mut self.seen) {
                Ok(()) => break,
                Err(words) if start == MAX_STARTS => self.give_up(&words),
                Err(words) => self.start_anew(&words),
            }
        }
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        let outcome = if self.is_begun {
            self.worker.step(action, &mut self.seen)
        } else {
            // As after a restored state: the episode that was going on then is over.
            Err(String::new())
        };
        match outcome {
            Ok(outcome) => {
                self.observe(observation);
                self.is_cut = outcome.truncated;
                Step {
                    reward: outcome.reward,
                    terminated: outcome.terminated,
                }
            }
            Err(words) => {
                if !words.is_empty() {
                    self.start_anew(&words);
                }
                self.observe(observation);
                (self.is_cut, self.is_begun) = (true, false);
                Step {
                    reward: 0.0,
                    terminated: false,
                }
            }
        }
    }

    fn goals(&self) -> Option<Goals<'_>> {
        let dim = self.spec.goal?.dim;
        let (seen, achieved) = self.seen.split_at(self.seen.len() - dim);
        let desired = &seen[seen.len() - dim..];
        Some(Goals { achieved, desired })
    }

    fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Nothing: the child's state cannot be had.
    fn save(&self) -> EnvState {
        EnvState {
            physics: Vec::new(),
            progress: 0.0,
        }
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        static SAID: AtomicBool = AtomicBool::new(false);
        if !state.physics.is_empty() {
            return Err(self.state_error(state.physics.len().to_string()));
        }
        if !SAID.swap(true, Ordering::Relaxed) {
            eprintln!(
                "{}: its state cannot be saved, so new episodes begin",
                self.spec.id
            );
        }
        self.is_begun = false;
        Ok(())
    }

    fn reset_to(&mut self, physics: &[f64], _observation: &mut [f64]) -> Result<(), EnvError> {
        Err(self.state_error(physics.len().to_string()))
    }

    /// Costs of an action are Python's business.
    fn set_action_precision(&mut self, _precision: ActionPrecision) {}
}

impl GymnasiumEnv {
    fn state_error(&self, found: String) -> EnvError {
        EnvError::State {
            id: self.spec.id.clone(),
            expected: 0,
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use crate::env::registry;

    /// Its dynamics, as Gymnasium's documentation states them.
    #[test]
    fn the_pendulum_swings_as_it_should() {
        let mut env = registry::open("gym:Pendulum-v1").unwrap();
        let spec = env.spec().clone();
        assert_eq!((spec.observation_dim(), spec.action_dim()), (3, 1));
        assert_eq!(
            (spec.action_low(), spec.action_high()),
            (vec![-2.0], vec![2.0])
        );
        assert_eq!((spec.max_episode_steps, spec.period_us), (200, 50_000));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut seen = [0.0; 3];
        env.reset(&mut rng, &mut seen);
        for _ in 0..199 {
            let [cos, sin, rate] = seen;
            let (angle, torque) = (sin.atan2(cos), 1.5);
            let step = env.step(&[torque], &mut seen);
            let cost = angle.powi(2) + 0.1 * rate.powi(2) + 0.001 * torque * torque;
            assert!((step.reward + cost).abs() < 1e-4, "{} {cost}", step.reward);
            let faster = (rate + (15.0 * sin + 3.0 * torque) * 0.05).clamp(-8.0, 8.0);
            assert!((seen[2] - faster).abs() < 1e-4);
            assert!((seen[0] - (angle + faster * 0.05).cos()).abs() < 1e-4);
            assert!(!step.terminated && !env.is_cut());
        }
        env.step(&[0.0], &mut seen);
        assert!(env.is_cut(), "Gymnasium's own time limit");
    }

    #[test]
    fn a_seed_decides_and_a_restored_state_begins_anew() {
        let mut env = registry::open("gym:MountainCarContinuous-v0").unwrap();
        let mut seen = [[0.0; 2]; 3];
        for (seen, seed) in seen.iter_mut().zip([5, 5, 6]) {
            env.reset(&mut ChaCha8Rng::seed_from_u64(seed), seen);
        }
        assert!(seen[0] == seen[1] && seen[0] != seen[2]);
        let state = env.save();
        env.restore(&state).unwrap();
        let mut after = seen[2];
        let step = env.step(&[1.0], &mut after);
        assert!(env.is_cut() && !step.terminated && after == seen[2]);
        assert!(env.simulation().is_none());
        assert!(env.reset_to(&[0.0], &mut after).is_err());
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (id, words) in [
            ("gym:CartPole-v1", "action space Discrete(2)"),
            ("gym:FrozenLake-v1", "observation space Discrete(16)"),
            ("gym:Pendulumm-v1", "Pendulumm"),
        ] {
            let message = registry::open(id).unwrap_err().to_string();
            assert!(message.contains(id) && message.contains(words), "{message}");
        }
    }
}
