//! HalfCheetah-v5: run forward on two legs in a plane.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: `qpos` without the distance run, and `qvel`. Reward: speed forward less a tenth of
/// the squared action. It never terminates.
#[derive(Debug)]
pub struct HalfCheetah;

impl Task for HalfCheetah {
    const DEFINITION: Definition = Definition {
        id: "HalfCheetah-v5",
        summary: "run forward with a planar two-legged cheetah, six joints",
        model: "half_cheetah.xml",
        frame_skip: 5,
        uses_contact_forces: false,
        max_episode_steps: 1000,
        reward_threshold: Some(4800.0),
        camera: Camera::DEFAULT,
    };

    fn new(_simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = terms::positions(simulation.model(), 1);
        all.extend(terms::velocities(simulation.model()));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.1, qpos);
        noise::add_normal(rng, 0.1, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        simulation.qpos()[0]
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let seen = &simulation.qpos()[1..];
        observation[..seen.len()].copy_from_slice(seen);
        observation[seen.len()..].copy_from_slice(simulation.qvel());
    }

    fn judge(&self, _simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        Step {
            reward: rate - control.cost(0.1),
            terminated: false,
        }
    }
}
