//! Humanoid-v5: walk forward on two legs without falling.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: `qpos` without the place on the floor, `qvel`, inertia and velocity of each body,
/// joint torques of the actuators, and the contact force and torque on each body. Reward: 1.25 times
/// the speed of the centre of mass, 5 while the torso is between 1 m and 2 m high, less a tenth of
/// the squared action and at most 10 for contact forces.
#[derive(Debug)]
pub struct Humanoid {
    /// Mass of each body in kilograms, `[nbody]`.
    mass_kg: Vec<f64>,
    total_mass_kg: f64,
}

/// Numbers of `qvel` that belong to the free joint of the torso, which no actuator drives.
const FREE_DOFS: usize = 6;
const FORWARD_WEIGHT: f64 = 1.25;
const HEALTHY_REWARD: f64 = 5.0;
const CONTROL_COST: f64 = 0.1;
const CONTACT_COST: f64 = 5e-7;
const MAX_CONTACT_COST: f64 = 10.0;

impl Task for Humanoid {
    const DEFINITION: Definition = Definition {
        id: "Humanoid-v5",
        summary: "walk forward with a humanoid, seventeen joints",
        model: "humanoid.xml",
        frame_skip: 5,
        uses_contact_forces: true,
        max_episode_steps: 1000,
        reward_threshold: None,
        camera: Camera::DEFAULT,
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        let mass_kg = simulation.model().body_mass().to_vec();
        Ok(Self {
            total_mass_kg: mass_kg.iter().sum(),
            mass_kg,
        })
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let bodies = self.mass_kg.len() - 1;
        let driven = simulation.qvel().len() - FREE_DOFS;
        let mut all = terms::positions(simulation.model(), 2);
        all.extend(terms::velocities(simulation.model()));
        all.push(terms::term(
            "body inertias",
            "kg m^2, kg m, kg",
            10 * bodies,
        ));
        all.push(terms::term("body velocities", "rad/s, m/s", 6 * bodies));
        all.push(terms::term("actuator torques", "N m", driven));
        all.push(terms::term(
            "contact torques and forces",
            "N m, N",
            6 * bodies,
        ));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.01, qpos);
        noise::add_uniform(rng, 0.01, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        let moments = self
            .mass_kg
            .iter()
            .zip(simulation.data().xipos())
            .map(|(mass, [x, _, _])| mass * x);
        moments.sum::<f64>() / self.total_mass_kg
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let data = simulation.data();
        let mut rest = observation;
        for part in [
            &simulation.qpos()[2..],
            simulation.qvel(),
            data.cinert()[1..].as_flattened(),
            data.cvel()[1..].as_flattened(),
            &data.qfrc_actuator()[FREE_DOFS..],
            data.cfrc_ext()[1..].as_flattened(),
        ] {
            let (room, after) = rest.split_at_mut(part.len());
            room.copy_from_slice(part);
            rest = after;
        }
    }

    fn judge(&self, simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        let height = simulation.qpos()[2];
        let is_healthy = height > 1.0 && height < 2.0;
        let healthy = if is_healthy { HEALTHY_REWARD } else { 0.0 };
        // Gymnasium takes the action from MuJoCo's `ctrl` here, which is always double precision.
        let control = CONTROL_COST * control.sum_of_squares();
        let forces = simulation.data().cfrc_ext().as_flattened();
        let square: f64 = forces.iter().map(|force| force.powi(2)).sum();
        let contact = (CONTACT_COST * square).min(MAX_CONTACT_COST);
        Step {
            reward: (FORWARD_WEIGHT * rate + healthy) - (control + contact),
            terminated: !is_healthy,
        }
    }
}
