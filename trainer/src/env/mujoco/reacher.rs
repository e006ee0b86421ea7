//! Reacher-v5: bring the tip of a two-link arm to a target.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: cosines and sines of both joints, the target's place, both joint rates, and the way
/// from target to fingertip. Reward: minus the distance, less the squared action.
#[derive(Debug)]
pub struct Reacher {
    fingertip: usize,
    target: usize,
}

/// Targets lie within this distance of the middle of their range.
const TARGET_RADIUS_M: f64 = 0.2;

impl Task for Reacher {
    const DEFINITION: Definition = Definition {
        id: "Reacher-v5",
        summary: "reach a random target with a planar arm, two joints",
        model: "reacher.xml",
        frame_skip: 2,
        uses_contact_forces: false,
        max_episode_steps: 50,
        reward_threshold: Some(-3.75),
        camera: Camera::DEFAULT,
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        Ok(Self {
            fingertip: simulation.body("fingertip")?,
            target: simulation.body("target")?,
        })
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = vec![
            terms::term("joint angle cosines", "1", 2),
            terms::term("joint angle sines", "1", 2),
        ];
        all.extend(terms::positions(simulation.model(), 2));
        all.extend(terms::velocities(simulation.model()).into_iter().take(2));
        all.push(terms::term("way from target to fingertip", "m", 2));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.1, qpos);
        let target = loop {
            let x = noise::uniform(rng, -TARGET_RADIUS_M, TARGET_RADIUS_M);
            let y = noise::uniform(rng, -TARGET_RADIUS_M, TARGET_RADIUS_M);
            if x.hypot(y) < TARGET_RADIUS_M {
                break [x, y];
            }
        };
        qpos[2..].copy_from_slice(&target);
        noise::add_uniform(rng, 0.005, qvel);
        qvel[2..].fill(0.0);
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let (qpos, qvel) = (simulation.qpos(), simulation.qvel());
        let [x, y, _] = self.way(simulation);
        observation.copy_from_slice(&[
            qpos[0].cos(),
            qpos[1].cos(),
            qpos[0].sin(),
            qpos[1].sin(),
            qpos[2],
            qpos[3],
            qvel[0],
            qvel[1],
            x,
            y,
        ]);
    }

    fn judge(&self, simulation: &Simulation, _rate: f64, control: Control<'_>) -> Step {
        let [x, y, z] = self.way(simulation);
        let distance = (x * x + y * y + z * z).sqrt();
        Step {
            reward: -distance - control.cost(1.0),
            terminated: false,
        }
    }
}

impl Reacher {
    /// From target to fingertip, in metres.
    fn way(&self, simulation: &Simulation) -> [f64; 3] {
        let tip = simulation.body_position(self.fingertip);
        let target = simulation.body_position(self.target);
        std::array::from_fn(|axis| tip[axis] - target[axis])
    }
}
