//! [`PointReach`]: a point in a square that is to move to another point, told only whether it is there. It needs no
//! simulator, which makes it the goal-conditioned task to try things on.

use rand::{Rng, RngExt};
use rlfd_models::spec::{ActionTerm, ObservationTerm, Source};

use super::{ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Goals, Step};

pub(super) const ID: &str = "PointReach-v0";
pub(super) const SUMMARY: &str = "move a point in the plane to a goal, sparse reward, no simulator";

/// Half the side of the square, in metres.
const HALF_SIDE_M: f64 = 1.0;
const PERIOD_US: u32 = 40_000;
/// Greatest speed along each axis; 0.1 m a step.
const SPEED_M_PER_S: f32 = 2.5;
const TASK: GoalTask = GoalTask {
    dim: 2,
    threshold: 0.1,
    reward: GoalReward::Sparse,
};

/// The point and where it should be; both are drawn from the whole square.
#[derive(Debug)]
pub struct PointReach {
    spec: EnvSpec,
    position: [f64; 2],
    desired: [f64; 2],
}

impl PointReach {
    /// In the middle of the square, with the goal there.
    #[must_use]
    pub fn new() -> Self {
        let term = |name: &str, source| ObservationTerm {
            source,
            name: name.to_owned(),
            unit: "m".to_owned(),
            dim: 2,
            scale: 1.0,
            offset: 0.0,
            clip: None,
            history: 1,
        };
        let velocity = ActionTerm {
            name: "velocity".to_owned(),
            unit: "m/s".to_owned(),
            dim: 2,
            scale: 1.0,
            offset: 0.0,
            low: -SPEED_M_PER_S,
            high: SPEED_M_PER_S,
            max_rate: None,
            stiffness: None,
            damping: None,
            time_constant_s: None,
        };
        let spec = EnvSpec {
            id: ID.to_owned(),
            observation: vec![
                term("position", Source::Sensor),
                term("desired_goal", Source::Setpoint),
            ],
            action: vec![velocity],
            period_us: PERIOD_US,
            max_episode_steps: 30,
            reward_threshold: None,
            goal: Some(TASK),
            summary: SUMMARY,
        };
        Self {
            spec,
            position: [0.0; 2],
            desired: [0.0; 2],
        }
    }

    fn observe(&self, observation: &mut [f64]) {
        observation[..2].copy_from_slice(&self.position);
        observation[2..].copy_from_slice(&self.desired);
    }

    fn place(&mut self, physics: &[f64]) -> Result<(), EnvError> {
        let found = match physics.iter().position(|number| !number.is_finite()) {
            Some(index) => format!("{} at index {index}", physics[index]),
            None => physics.len().to_string(),
        };
        match physics {
            &[x, y, to_x, to_y] if physics.iter().all(|number| number.is_finite()) => {
                (self.position, self.desired) = ([x, y], [to_x, to_y]);
                Ok(())
            }
            _ => Err(EnvError::State {
                id: ID.to_owned(),
                expected: 4,
                found,
            }),
        }
    }
}

impl Default for PointReach {
    fn default() -> Self {
        Self::new()
    }
}

impl Env for PointReach {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let mut draw = || std::array::from_fn(|_| rng.random_range(-HALF_SIDE_M..HALF_SIDE_M));
        (self.position, self.desired) = (draw(), draw());
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        let bound = f64::from(SPEED_M_PER_S);
        for (position, velocity) in self.position.iter_mut().zip(action) {
            let way = velocity.clamp(-bound, bound) * f64::from(PERIOD_US) * 1e-6;
            *position = (*position + way).clamp(-HALF_SIDE_M, HALF_SIDE_M);
        }
        self.observe(observation);
        Step {
            reward: TASK.reward(&self.position, &self.desired),
            terminated: false,
        }
    }

    fn goals(&self) -> Option<Goals<'_>> {
        Some(Goals {
            achieved: &self.position,
            desired: &self.desired,
        })
    }

    fn set_goal(&mut self, desired: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        match desired {
            &[x, y] if x.is_finite() && y.is_finite() => self.desired = [x, y],
            _ => return Err(EnvError::goal(&self.spec, desired)),
        }
        self.observe(observation);
        Ok(())
    }

    /// Position and desired goal.
    fn save(&self) -> EnvState {
        EnvState {
            physics: [self.position, self.desired].concat(),
            progress: 0.0,
        }
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        self.place(&state.physics)
    }

    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        self.place(physics)?;
        self.observe(observation);
        Ok(())
    }

    /// No cost of an action is summed here.
    fn set_action_precision(&mut self, _: ActionPrecision) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_a_tenth_of_a_metre_a_step_and_stays_inside() {
        let mut env = PointReach::new();
        let mut observation = [0.0; 4];
        env.reset_to(&[0.85, 0.0, 0.9, 0.3], &mut observation)
            .unwrap();
        let step = env.step(&[2.5, 1.25], &mut observation);
        assert!((observation[0] - 0.95).abs() < 1e-12 && (observation[1] - 0.05).abs() < 1e-12);
        assert_eq!(step.reward, -1.0);
        env.step(&[99.0, 2.5], &mut observation);
        assert_eq!(observation[0], 1.0);
        env.set_goal(&[1.0, 0.2], &mut observation).unwrap();
        assert_eq!(observation[2..], [1.0, 0.2]);
        let step = env.step(&[0.0, 0.0], &mut observation);
        assert_eq!(step.reward, 0.0);
        assert!(env.set_goal(&[f64::NAN, 0.0], &mut observation).is_err());
    }
}
