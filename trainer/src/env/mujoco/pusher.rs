//! Pusher-v5: push a cylinder to a goal with a seven-joint arm.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: angles and rates of the arm's joints, and the places of fingertip, object and goal.
/// Reward: minus the distance of object and goal, half that of object and fingertip, and a tenth of
/// the squared action.
#[derive(Debug)]
pub struct Pusher {
    tip: usize,
    object: usize,
    goal: usize,
}

const ARM_JOINTS: usize = 7;
/// The object starts at least this far from the goal.
const MIN_DISTANCE_M: f64 = 0.17;

impl Task for Pusher {
    const DEFINITION: Definition = Definition {
        id: "Pusher-v5",
        summary: "push a cylinder to a goal with an arm, seven joints",
        model: "pusher_v5.xml",
        frame_skip: 5,
        uses_contact_forces: false,
        max_episode_steps: 100,
        reward_threshold: Some(0.0),
        camera: Camera {
            distance_m: Some(4.0),
            ..Camera::DEFAULT
        },
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self {
            tip: simulation.body("tips_arm")?,
            object: simulation.body("object")?,
            goal: simulation.body("goal")?,
        })
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let model = simulation.model();
        let mut all: Vec<_> = terms::positions(model, 0)
            .into_iter()
            .take(ARM_JOINTS)
            .collect();
        all.extend(terms::velocities(model).into_iter().take(ARM_JOINTS));
        all.extend(
            ["fingertip position", "object position", "goal position"]
                .map(|name| terms::term(name, "m", 3)),
        );
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        let object = loop {
            let y = noise::uniform(rng, -0.3, 0.0);
            let x = noise::uniform(rng, -0.2, 0.2);
            if y.hypot(x) > MIN_DISTANCE_M {
                break [y, x];
            }
        };
        let movable = qpos.len() - 4;
        qpos[movable..movable + 2].copy_from_slice(&object);
        qpos[movable + 2..].fill(0.0);
        noise::add_uniform(rng, 0.005, qvel);
        qvel[movable..].fill(0.0);
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let (angles, rest) = observation.split_at_mut(ARM_JOINTS);
        angles.copy_from_slice(&simulation.qpos()[..ARM_JOINTS]);
        let (rates, rest) = rest.split_at_mut(ARM_JOINTS);
        rates.copy_from_slice(&simulation.qvel()[..ARM_JOINTS]);
        for (place, body) in rest.chunks_mut(3).zip([self.tip, self.object, self.goal]) {
            place.copy_from_slice(&simulation.body_position(body));
        }
    }

    fn judge(&self, simulation: &Simulation, _rate: f64, control: Control<'_>) -> Step {
        let object = simulation.body_position(self.object);
        let near = distance(object, simulation.body_position(self.tip));
        let to_goal = distance(object, simulation.body_position(self.goal));
        Step {
            reward: -to_goal - control.cost(0.1) - 0.5 * near,
            terminated: false,
        }
    }
}

/// In metres.
fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let square: f64 = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum();
    square.sqrt()
}
