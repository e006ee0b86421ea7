//! Gymnasium-Robotics 1.4's Fetch environments, `-v4`: [`FetchEnv`].
//!
//! Source of every number here: `gymnasium_robotics/envs/fetch/*.py` of Gymnasium-Robotics 1.4.2. Equality with it is
//! tested step by step from its own states.

use rand::{Rng, RngExt};
use rlfd_models::spec::{ObservationTerm, Source};

use super::super::super::{
    ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Goals, Step,
};
use super::super::terms::term;
use super::super::{Simulation, assets, noise};
use super::arm::{self, Arm, Start, bounded, difference};
use super::motion;
use super::task::FetchTask;
use super::{CAMERA, THRESHOLD_M};

const MAX_EPISODE_STEPS: u32 = 50;
/// From the gripper of the folded arm to its first place, before the task's extra height.
const FIRST_WAY_M: [f64; 3] = [-0.498, 0.005, -0.431];
/// The object starts at least this far from the gripper, horizontally.
const MIN_DISTANCE_M: f64 = 0.1;
/// Goals in the air are up to this far above the table.
const AIR_M: f64 = 0.45;

/// Numbers of goals in [`EnvState::physics`]: desired and achieved.
const GOALS_LEN: usize = 3 + 3;

/// One of the Fetch environments.
///
/// Observation: gripper position, and with an object its position and the way to it from the gripper; the fingers'
/// positions; with an object its Euler angles, velocity relative to the gripper and angular velocity; the gripper's
/// and the fingers' velocities; last the desired goal. Velocities are per control period. Action: three numbers that
/// move the gripper by up to 5 cm, and one that moves each finger. Never terminates.
#[derive(Debug)]
pub struct FetchEnv {
    spec: EnvSpec,
    task: FetchTask,
    goal: GoalTask,
    arm: Arm,
    start: Start,
    /// Where the gripper is when an episode begins, in metres.
    first_grip: [f64; 3],
    /// Height of the object's middle on the table.
    rest_height: f64,
    desired: [f64; 3],
    achieved: [f64; 3],
}

impl FetchEnv {
    /// Loads the model from Gymnasium-Robotics' assets and moves the arm to its first place.
    ///
    /// # Errors
    /// If the model is missing, does not load, or is not the one the task speaks of.
    pub fn open(task: FetchTask, reward: GoalReward) -> Result<Self, EnvError> {
        let definition = task.definition();
        let path = assets::fetch_model(definition.model)?;
        // The last three numbers of the quaternion stay those of the model's own pose, as Gymnasium-Robotics leaves them.
        let straighten = |numbers: &mut [f64]| {
            numbers[..7].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        };
        let simulation = Simulation::open_changed(&path, arm::SUBSTEPS, false, CAMERA, |model| {
            arm::change_welds(model, straighten);
        })?;
        let mut arm = Arm::new(simulation, definition.base_m, definition.object_m)?;
        let mut way = FIRST_WAY_M;
        way[2] += definition.extra_height_m;
        arm.travel(way);
        let goal = GoalTask {
            dim: 3,
            threshold: THRESHOLD_M,
            reward,
        };
        let spec = EnvSpec {
            id: task.id(reward).to_owned(),
            observation: observation_terms(definition.object_m.is_some()),
            action: arm::action_terms(),
            period_us: (arm.simulation.period_s() * 1e6).round() as u32,
            max_episode_steps: MAX_EPISODE_STEPS,
            reward_threshold: None,
            goal: Some(goal),
            summary: task.summary(reward),
        };
        let (first_grip, object) = (arm.grip(), arm.parts.object);
        let mut env = Self {
            spec,
            task,
            goal,
            first_grip,
            rest_height: object.map_or(0.0, |object| arm.site(object.site)[2]),
            desired: first_grip,
            achieved: first_grip,
            start: arm.start(),
            arm,
        };
        env.look();
        Ok(env)
    }

    /// Where the gripper is when an episode begins, in metres.
    #[must_use]
    pub fn first_grip(&self) -> [f64; 3] {
        self.first_grip
    }

    /// Puts the object somewhere around the gripper, not under it.
    fn draw_object(&self, rng: &mut dyn Rng) -> [f64; 2] {
        let range = self.task.definition().object_range_m;
        loop {
            let way = [(); 2].map(|()| noise::uniform(rng, -range, range));
            if way[0].hypot(way[1]) >= MIN_DISTANCE_M {
                return std::array::from_fn(|axis| self.first_grip[axis] + way[axis]);
            }
        }
    }

    fn draw_goal(&self, rng: &mut dyn Rng) -> [f64; 3] {
        let definition = self.task.definition();
        let range = definition.goal_range_m;
        let mut goal: [f64; 3] = std::array::from_fn(|axis| {
            self.first_grip[axis]
                + noise::uniform(rng, -range, range)
                + definition.goal_offset_m[axis]
        });
        if definition.object_m.is_some() {
            goal[2] = self.rest_height;
            if definition.goal_in_the_air && rng.random::<f64>() < 0.5 {
                goal[2] += noise::uniform(rng, 0.0, AIR_M);
            }
        }
        goal
    }

    /// Takes note of what the last kinematics left, and shows the goal.
    fn look(&mut self) {
        let parts = &self.arm.parts;
        let site = parts.object.map_or(parts.grip, |object| object.site);
        self.achieved = self.arm.site(site);
        self.arm.look();
        self.arm.show(self.desired);
    }

    fn observe(&self, observation: &mut [f64]) {
        let (arm, parts) = (&self.arm, &self.arm.parts);
        let grip = arm.grip();
        let (fingers, finger_rates) = arm.fingers();
        let grip_rate = arm.velocity(parts.grip).0;
        let mut rest = observation;
        let mut put = |numbers: &[f64]| {
            let (room, after) = std::mem::take(&mut rest).split_at_mut(numbers.len());
            room.copy_from_slice(numbers);
            rest = after;
        };
        put(&grip);
        match parts.object {
            None => put(&fingers),
            Some(object) => {
                let place = arm.site(object.site);
                put(&place);
                put(&difference(place, grip));
                put(&fingers);
                put(&motion::euler_angles(&arm.simulation, object.site));
                let (rate, turning) = arm.velocity(object.site);
                put(&difference(rate, grip_rate));
                put(&turning);
            }
        }
        put(&grip_rate);
        put(&finger_rates);
        put(&self.desired);
        assert!(rest.is_empty(), "length of an observation");
    }
}

impl Env for FetchEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let object = self.arm.parts.object;
        let object = object.map(|object| (object, self.draw_object(rng)));
        self.desired = self.draw_goal(rng);
        self.arm.restart(&self.start, object);
        self.look();
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        assert_eq!(action.len(), arm::ACTION_LEN, "length of an action");
        let blocks_gripper = self.task.definition().blocks_gripper;
        self.arm.move_grip(action);
        self.arm.move_fingers(if blocks_gripper {
            0.0
        } else {
            bounded(action[3])
        });
        self.arm.simulation.advance();
        if blocks_gripper {
            let data = self.arm.simulation.data_mut();
            for (place, _) in self.arm.parts.fingers {
                data.qpos_mut()[place] = 0.0;
            }
            data.forward();
        }
        // Without `mj_forward` all places but `qpos` are one physics step old here, and are observed so.
        self.look();
        self.observe(observation);
        Step {
            reward: self.goal.reward(&self.achieved, &self.desired),
            terminated: false,
        }
    }

    fn goals(&self) -> Option<Goals<'_>> {
        Some(Goals {
            achieved: &self.achieved,
            desired: &self.desired,
        })
    }

    fn set_goal(&mut self, desired: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        match <[f64; 3]>::try_from(desired) {
            Ok(goal) if goal.iter().all(|number| number.is_finite()) => self.desired = goal,
            _ => return Err(EnvError::goal(&self.spec, desired)),
        }
        self.look();
        self.observe(observation);
        Ok(())
    }

    fn save(&self) -> EnvState {
        self.arm.save(&[self.desired, self.achieved].concat())
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        let goals = self.arm.restore(&self.spec.id, &state.physics, GOALS_LEN)?;
        self.desired.copy_from_slice(&goals[..3]);
        self.achieved.copy_from_slice(&goals[3..]);
        self.arm.show(self.desired);
        Ok(())
    }

    /// Takes MuJoCo's integration state, which leaves the desired goal as it is, or what [`Env::save`] gave, which
    /// holds a goal.
    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        if let Some(goals) = self.arm.begin_in(&self.spec.id, physics, GOALS_LEN)? {
            self.desired.copy_from_slice(&goals[..3]);
        }
        self.look();
        self.observe(observation);
        Ok(())
    }

    fn set_action_precision(&mut self, precision: ActionPrecision) {
        self.arm.set_precision(precision);
    }

    fn simulation(&self) -> Option<&Simulation> {
        Some(&self.arm.simulation)
    }
}

fn observation_terms(has_object: bool) -> Vec<ObservationTerm> {
    let mut terms = vec![term("gripper position", "m", 3)];
    if has_object {
        terms.push(term("object position", "m", 3));
        terms.push(term("way from gripper to object", "m", 3));
    }
    terms.push(term("finger positions", "m", 2));
    if has_object {
        terms.push(term("object orientation", "rad", 3));
        terms.push(term("object velocity beside gripper", "m/period", 3));
        terms.push(term("object angular velocity", "rad/period", 3));
    }
    terms.push(term("gripper velocity", "m/period", 3));
    terms.push(term("finger velocities", "m/period", 2));
    terms.push(ObservationTerm {
        source: Source::Setpoint,
        ..term("desired_goal", "m", 3)
    });
    terms
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    /// The published place of the gripper, and the share of goals in the air.
    #[test]
    fn episodes_begin_where_the_published_ones_do() {
        let mut env = FetchEnv::open(FetchTask::PickAndPlace, GoalReward::Sparse).unwrap();
        let published = [1.3419, 0.7491, 0.5347];
        for (ours, theirs) in env.first_grip().into_iter().zip(published) {
            assert!((ours - theirs).abs() < 1e-3, "{:?}", env.first_grip());
        }
        let rest = env.rest_height;
        assert!((rest - 0.4249).abs() < 1e-3, "{rest}");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n_goals = 10_000;
        let goals: Vec<[f64; 3]> = (0..n_goals).map(|_| env.draw_goal(&mut rng)).collect();
        let in_air = goals.iter().filter(|goal| goal[2] > rest).count();
        let share = in_air as f64 / f64::from(n_goals);
        assert!((share - 0.5).abs() < 0.03, "{share}");
        let highest = goals.iter().map(|goal| goal[2]).fold(0.0, f64::max);
        assert!(highest > rest + 0.44 && highest <= rest + AIR_M);
        for _ in 0..1000 {
            let [x, y] = env.draw_object(&mut rng);
            let way: [f64; 2] = [x - env.first_grip[0], y - env.first_grip[1]];
            assert!(way[0].hypot(way[1]) >= MIN_DISTANCE_M);
            assert!(way.iter().all(|number| number.abs() <= 0.15));
        }
        let mut observation = vec![0.0; env.spec().observation_dim()];
        env.reset(&mut rng, &mut observation);
        assert_eq!(observation[25..], env.desired);
        assert_eq!(observation[3..6], env.achieved);
    }

    #[test]
    fn another_goal_changes_the_observation_and_the_reward_only() {
        let mut env = FetchEnv::open(FetchTask::Reach, GoalReward::Sparse).unwrap();
        let mut observation = vec![0.0; 13];
        env.reset(&mut ChaCha8Rng::seed_from_u64(2), &mut observation);
        let before = observation.clone();
        let here = env.achieved;
        env.set_goal(&here, &mut observation).unwrap();
        assert_eq!(observation[..10], before[..10]);
        assert_eq!(observation[10..], here);
        assert_eq!(env.step(&[0.0; 4], &mut observation).reward, 0.0);
        let message = env
            .set_goal(&[0.0; 2], &mut observation)
            .unwrap_err()
            .to_string();
        assert!(message.contains("a goal of 3"), "{message}");
    }
}
