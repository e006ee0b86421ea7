//! Ant-v5: walk forward on four legs.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: `qpos` without the place on the floor, `qvel`, and the contact force and torque on
/// each body within ±1. Reward: speed forward, 1 while the torso is between 0.2 m and 1 m high, less
/// half the squared action and `5e-4` of the squared contact forces.
#[derive(Debug)]
pub struct Ant {
    torso: usize,
}

const MAX_CONTACT_FORCE: f64 = 1.0;
const HEALTHY_REWARD: f64 = 1.0;
const CONTROL_COST: f64 = 0.5;
const CONTACT_COST: f64 = 5e-4;

impl Task for Ant {
    const DEFINITION: Definition = Definition {
        id: "Ant-v5",
        summary: "walk forward on four legs, eight joints",
        model: "ant.xml",
        frame_skip: 5,
        uses_contact_forces: true,
        max_episode_steps: 1000,
        reward_threshold: Some(6000.0),
        camera: Camera::DEFAULT,
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self {
            torso: simulation.body("torso")?,
        })
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let bodies = simulation.data().cfrc_ext().len() - 1;
        let mut all = terms::positions(simulation.model(), 2);
        all.extend(terms::velocities(simulation.model()));
        all.extend(terms::clipped(
            vec![terms::term(
                "contact torques and forces",
                "N m, N",
                6 * bodies,
            )],
            MAX_CONTACT_FORCE as f32,
        ));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.1, qpos);
        noise::add_normal(rng, 0.1, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        simulation.body_position(self.torso)[0]
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let seen = &simulation.qpos()[2..];
        let (positions, rest) = observation.split_at_mut(seen.len());
        positions.copy_from_slice(seen);
        let (velocities, forces) = rest.split_at_mut(simulation.qvel().len());
        velocities.copy_from_slice(simulation.qvel());
        let bodies = &simulation.data().cfrc_ext()[1..];
        for (observed, force) in forces.iter_mut().zip(bodies.as_flattened()) {
            *observed = force.clamp(-MAX_CONTACT_FORCE, MAX_CONTACT_FORCE);
        }
    }

    fn judge(&self, simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        let is_healthy = is_healthy(simulation);
        let healthy = if is_healthy { HEALTHY_REWARD } else { 0.0 };
        let contact = CONTACT_COST * contact_square(simulation);
        Step {
            reward: (rate + healthy) - (control.cost(CONTROL_COST) + contact),
            terminated: !is_healthy,
        }
    }
}

fn contact_square(simulation: &Simulation) -> f64 {
    let forces = simulation.data().cfrc_ext().as_flattened();
    forces
        .iter()
        .map(|force| force.clamp(-MAX_CONTACT_FORCE, MAX_CONTACT_FORCE).powi(2))
        .sum()
}

fn is_healthy(simulation: &Simulation) -> bool {
    let is_finite = simulation
        .qpos()
        .iter()
        .chain(simulation.qvel())
        .all(|number| number.is_finite());
    is_finite && (0.2..=1.0).contains(&simulation.qpos()[2])
}
