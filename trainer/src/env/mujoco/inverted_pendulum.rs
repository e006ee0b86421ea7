//! InvertedPendulum-v5: keep a pole upright by moving the cart it is hinged on.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: cart position, pole angle and their rates. Reward 1 for each step spent within
/// 0.2 rad of upright.
#[derive(Debug)]
pub struct InvertedPendulum;

const MAX_ANGLE_RAD: f64 = 0.2;

impl Task for InvertedPendulum {
    const DEFINITION: Definition = Definition {
        id: "InvertedPendulum-v5",
        summary: "balance a pole on a cart; 1 per step upright",
        model: "inverted_pendulum.xml",
        frame_skip: 2,
        uses_contact_forces: false,
        max_episode_steps: 1000,
        reward_threshold: Some(950.0),
        camera: Camera {
            distance_m: Some(2.04),
            ..Camera::DEFAULT
        },
    };

    fn new(_simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = terms::positions(simulation.model(), 0);
        all.extend(terms::velocities(simulation.model()));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.01, qpos);
        noise::add_uniform(rng, 0.01, qvel);
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let (positions, velocities) = observation.split_at_mut(simulation.qpos().len());
        positions.copy_from_slice(simulation.qpos());
        velocities.copy_from_slice(simulation.qvel());
    }

    fn judge(&self, simulation: &Simulation, _rate: f64, _control: Control<'_>) -> Step {
        let is_finite = simulation
            .qpos()
            .iter()
            .chain(simulation.qvel())
            .all(|number| number.is_finite());
        let terminated = !is_finite || simulation.qpos()[1].abs() > MAX_ANGLE_RAD;
        Step {
            reward: if terminated { 0.0 } else { 1.0 },
            terminated,
        }
    }
}
