//! Gymnasium 1.4's `-v5` environments on MuJoCo: [`MujocoEnv`] steps a [`Simulation`], and a
//! [`Task`] says how it begins, what is observed and what is rewarded. The arm of Gymnasium-Robotics,
//! which is moved by a body without mass and asked for goals, is [`fetch`].
//!
//! Source of every number here: `gymnasium/envs/mujoco/*_v5.py` and `gymnasium/envs/__init__.py` of
//! Gymnasium 1.4.0. Equality with it is tested from recordings of the real one.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::{ActionPrecision, Env, EnvError, EnvSpec, EnvState, Step};

pub use self::camera::Camera;
pub use self::control::Control;
pub use self::simulation::Simulation;

pub mod ant;
mod assets;
mod camera;
mod control;
pub mod fetch;
pub mod half_cheetah;
pub mod hopper;
pub mod humanoid;
pub mod inverted_double_pendulum;
pub mod inverted_pendulum;
mod log;
mod noise;
pub mod pusher;
pub mod reacher;
mod simulation;
pub mod swimmer;
mod terms;
pub mod walker2d;

/// The constants of an environment.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// e.g. `HalfCheetah-v5`.
    pub id: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The model's file in Gymnasium's `assets` folder.
    pub model: &'static str,
    /// Physics steps per control period.
    pub frame_skip: u32,
    /// Whether contact forces on bodies (`cfrc_ext`) are observed or rewarded, so that
    /// `mj_rnePostConstraint` must follow each step: without it they stay what they were.
    pub uses_contact_forces: bool,
    /// Steps after which an episode is truncated.
    pub max_episode_steps: u32,
    /// Mean return at which the task counts as solved, if registered.
    pub reward_threshold: Option<f64>,
    /// From where it is drawn if the model has no camera named `track`.
    pub camera: Camera,
}

/// What tells one MuJoCo environment from another.
pub trait Task: Send + Sized {
    /// Its constants.
    const DEFINITION: Definition;

    /// Looks up once what it needs by name.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model lacks it.
    fn new(simulation: &Simulation) -> Result<Self, EnvError>;

    /// The observation, in order.
    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm>;

    /// Turns the model's initial `qpos` and zero `qvel` into a sample of initial states.
    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]);

    /// The quantity whose rate over a control period is rewarded, where there is one.
    fn progress(&self, _simulation: &Simulation) -> f64 {
        0.0
    }

    /// Writes the observation.
    fn observe(&self, simulation: &Simulation, observation: &mut [f64]);

    /// Judges the state just reached; `rate` is the rate of [`Task::progress`] per second.
    fn judge(&self, simulation: &Simulation, rate: f64, control: Control<'_>) -> Step;
}

/// An environment made of a simulation and a task.
#[derive(Debug)]
pub struct MujocoEnv<T> {
    spec: EnvSpec,
    simulation: Simulation,
    task: T,
    progress: f64,
    precision: ActionPrecision,
}

impl<T: Task> MujocoEnv<T> {
    /// Loads the model from Gymnasium's assets.
    ///
    /// # Errors
    /// If the model is missing, does not load, or is not the one the task speaks of.
    pub fn open() -> Result<Self, EnvError> {
        let definition = T::DEFINITION;
        let simulation = Simulation::open(
            &assets::gymnasium_model(definition.model)?,
            definition.frame_skip,
            definition.uses_contact_forces,
            definition.camera,
        )?;
        let task = T::new(&simulation)?;
        let spec = EnvSpec {
            id: definition.id.to_owned(),
            observation: task.observation_terms(&simulation),
            action: terms::actions(simulation.model()),
            period_us: (simulation.period_s() * 1e6).round() as u32,
            max_episode_steps: definition.max_episode_steps,
            reward_threshold: definition.reward_threshold,
            goal: None,
            summary: definition.summary,
        };
        let progress = task.progress(&simulation);
        Ok(Self {
            spec,
            simulation,
            task,
            progress,
            precision: ActionPrecision::default(),
        })
    }

    fn state_error(&self, found: String) -> EnvError {
        EnvError::State {
            id: self.spec.id.clone(),
            expected: self.simulation.state_len(),
            found,
        }
    }

    fn check_state(&self, physics: &[f64]) -> Result<(), EnvError> {
        if physics.len() == self.simulation.state_len() {
            Ok(())
        } else {
            Err(self.state_error(physics.len().to_string()))
        }
    }
}

impl<T: Task> Env for MujocoEnv<T> {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let task = &self.task;
        self.simulation
            .reset(|qpos, qvel| task.sample(rng, qpos, qvel));
        self.progress = self.task.progress(&self.simulation);
        self.task.observe(&self.simulation, observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        self.simulation.step(action);
        // MuJoCo leaves derived positions one integration behind `qpos`. What is seen after one step
        // is exactly what would be seen before the next, so it is kept rather than looked up twice.
        let before = self.progress;
        self.progress = self.task.progress(&self.simulation);
        let rate = (self.progress - before) / self.simulation.period_s();
        self.task.observe(&self.simulation, observation);
        let control = Control::new(action, self.precision);
        self.task.judge(&self.simulation, rate, control)
    }

    fn save(&self) -> EnvState {
        EnvState {
            physics: self.simulation.state(),
            progress: self.progress,
        }
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        self.check_state(&state.physics)?;
        self.simulation.set_state(&state.physics);
        self.progress = state.progress;
        Ok(())
    }

    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        self.check_state(physics)?;
        if let Some(index) = physics.iter().position(|number| !number.is_finite()) {
            return Err(self.state_error(format!("{} at index {index}", physics[index])));
        }
        self.simulation.set_state(physics);
        self.progress = self.task.progress(&self.simulation);
        self.task.observe(&self.simulation, observation);
        Ok(())
    }

    fn set_action_precision(&mut self, precision: ActionPrecision) {
        self.precision = precision;
    }

    fn simulation(&self) -> Option<&Simulation> {
        Some(&self.simulation)
    }
}
