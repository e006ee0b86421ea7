//! Walker2d-v5: walk forward on two legs in a plane.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: `qpos` without the distance covered, and `qvel` within ±10. Reward: speed forward,
/// 1 while upright, less `1e-3` of the squared action. It terminates on falling.
#[derive(Debug)]
pub struct Walker2d;

/// Bound of observed rates.
const CLIP: f64 = 10.0;
const HEALTHY_REWARD: f64 = 1.0;

impl Task for Walker2d {
    const DEFINITION: Definition = Definition {
        id: "Walker2d-v5",
        summary: "walk forward on two planar legs, six joints",
        model: "walker2d_v5.xml",
        frame_skip: 4,
        uses_contact_forces: false,
        max_episode_steps: 1000,
        reward_threshold: None,
        camera: Camera::DEFAULT,
    };

    fn new(_simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = terms::positions(simulation.model(), 1);
        all.extend(terms::clipped(
            terms::velocities(simulation.model()),
            CLIP as f32,
        ));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 5e-3, qpos);
        noise::add_uniform(rng, 5e-3, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        simulation.qpos()[0]
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let seen = &simulation.qpos()[1..];
        let (positions, velocities) = observation.split_at_mut(seen.len());
        positions.copy_from_slice(seen);
        for (observed, rate) in velocities.iter_mut().zip(simulation.qvel()) {
            *observed = rate.clamp(-CLIP, CLIP);
        }
    }

    fn judge(&self, simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        let is_healthy = is_healthy(simulation);
        let healthy = if is_healthy { HEALTHY_REWARD } else { 0.0 };
        Step {
            reward: rate + healthy - control.cost(1e-3),
            terminated: !is_healthy,
        }
    }
}

fn is_healthy(simulation: &Simulation) -> bool {
    let (height, angle) = (simulation.qpos()[1], simulation.qpos()[2]);
    height > 0.8 && height < 2.0 && angle.abs() < 1.0
}
