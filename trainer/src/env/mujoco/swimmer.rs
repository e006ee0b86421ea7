//! Swimmer-v5: swim forward through a viscous fluid with three links.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: `qpos` without the place in the plane, and `qvel`. Reward: speed forward less
/// `1e-4` of the squared action. It never terminates.
#[derive(Debug)]
pub struct Swimmer;

impl Task for Swimmer {
    const DEFINITION: Definition = Definition {
        id: "Swimmer-v5",
        summary: "swim forward with a planar chain of three links, two joints",
        model: "swimmer.xml",
        frame_skip: 4,
        uses_contact_forces: false,
        max_episode_steps: 1000,
        reward_threshold: Some(360.0),
        camera: Camera::DEFAULT,
    };

    fn new(_simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = terms::positions(simulation.model(), 2);
        all.extend(terms::velocities(simulation.model()));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.1, qpos);
        noise::add_uniform(rng, 0.1, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        simulation.qpos()[0]
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let seen = &simulation.qpos()[2..];
        observation[..seen.len()].copy_from_slice(seen);
        observation[seen.len()..].copy_from_slice(simulation.qvel());
    }

    fn judge(&self, _simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        Step {
            reward: rate - control.cost(1e-4),
            terminated: false,
        }
    }
}
