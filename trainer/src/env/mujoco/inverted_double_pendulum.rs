//! InvertedDoublePendulum-v5: keep two hinged poles upright by moving the cart below them.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::{EnvError, Step};
use super::{Camera, Control, Definition, Simulation, Task, noise, terms};

/// Observation: cart position, sines and cosines of both angles, the three rates, and the
/// constraint force on the cart. Reward 10 for each step that the tip stays above 1 m, less its
/// distance from upright and the poles' speed.
#[derive(Debug)]
pub struct InvertedDoublePendulum;

/// Bound of observed rates and force.
const CLIP: f64 = 10.0;
const TIP: usize = 0;
const MIN_TIP_HEIGHT_M: f64 = 1.0;
const ALIVE_BONUS: f64 = 10.0;

impl Task for InvertedDoublePendulum {
    const DEFINITION: Definition = Definition {
        id: "InvertedDoublePendulum-v5",
        summary: "balance two poles, one upon the other, on a cart; about 9.4 per step upright",
        model: "inverted_double_pendulum.xml",
        frame_skip: 5,
        uses_contact_forces: false,
        max_episode_steps: 1000,
        reward_threshold: Some(9100.0),
        camera: Camera {
            distance_m: Some(4.1225),
            look_at_m: Some([0.0, 0.0, 0.12250000000000005]),
            ..Camera::DEFAULT
        },
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        if simulation.data().site_xpos().get(TIP).is_none() {
            return Err(simulation.lacks("a site at the tip of the second pole".to_owned()));
        }
        Ok(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        let mut all = terms::positions(simulation.model(), 0);
        all.truncate(1);
        all.push(terms::term("pole angle sines", "1", 2));
        all.push(terms::term("pole angle cosines", "1", 2));
        all.extend(terms::clipped(
            terms::velocities(simulation.model()),
            CLIP as f32,
        ));
        all.extend(terms::clipped(
            vec![terms::term("cart constraint force", "N", 1)],
            CLIP as f32,
        ));
        all
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        noise::add_uniform(rng, 0.1, qpos);
        noise::add_normal(rng, 0.1, qvel);
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        let [x, inner, outer] = simulation.qpos() else {
            unreachable!("the model has one slide and two hinges")
        };
        observation[..5].copy_from_slice(&[*x, inner.sin(), outer.sin(), inner.cos(), outer.cos()]);
        for (observed, rate) in observation[5..8].iter_mut().zip(simulation.qvel()) {
            *observed = rate.clamp(-CLIP, CLIP);
        }
        observation[8] = simulation.data().qfrc_constraint()[0].clamp(-CLIP, CLIP);
    }

    fn judge(&self, simulation: &Simulation, _rate: f64, _control: Control<'_>) -> Step {
        let [x, _, height] = simulation.data().site_xpos()[TIP];
        let (inner, outer) = (simulation.qvel()[1], simulation.qvel()[2]);
        let terminated = height <= MIN_TIP_HEIGHT_M;
        let alive = if terminated { 0.0 } else { ALIVE_BONUS };
        let distance = 0.01 * x.powi(2) + (height - 2.0).powi(2);
        let speed = 1e-3 * inner.powi(2) + 5e-3 * outer.powi(2);
        Step {
            reward: alive - distance - speed,
            terminated,
        }
    }
}
