//! Gymnasium-Robotics 1.4's Fetch environments, `-v4`: [`FetchEnv`].
//!
//! The arm is not driven by its joints. A body without mass ("mocap") is put where the gripper shall be, and the
//! solver draws the gripper, welded to it, along. Source of every number here: `gymnasium_robotics/envs/fetch/*.py`,
//! `envs/robot_env.py` and `utils/mujoco_utils.py` of Gymnasium-Robotics 1.4.2. Equality with it is tested step by
//! step from its own states.

use mujoco_rs::prelude::{MjModel, MjtEq};
use rand::{Rng, RngExt};
use rlfd_models::spec::{ActionTerm, ObservationTerm, Source};

use self::parts::Parts;
pub use self::task::FetchTask;
use super::super::{
    ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Goals, Step,
};
use super::terms::term;
use super::{Camera, Simulation, assets, noise};

mod motion;
mod parts;
mod task;

/// Physics steps per control period.
const SUBSTEPS: u32 = 20;
const MAX_EPISODE_STEPS: u32 = 50;
/// Metres that the gripper is asked to move by an action of 1.
const REACH_M: f64 = 0.05;
/// Added to the quaternion of the gripper in each step, without normalising: fingers down.
const GRIP_TURN: [f64; 4] = [1.0, 0.0, 1.0, 0.0];
/// From the gripper of the folded arm to its first place, before the task's extra height.
const FIRST_WAY_M: [f64; 3] = [-0.498, 0.005, -0.431];
/// Control periods in which the arm moves there.
const FIRST_STEPS: usize = 10;
/// The object starts at least this far from the gripper, horizontally.
const MIN_DISTANCE_M: f64 = 0.1;
/// Goals in the air are up to this far above the table.
const AIR_M: f64 = 0.45;
/// Distance below which a goal is reached.
const THRESHOLD_M: f64 = 0.05;

/// What follows the integration state in [`EnvState::physics`]: desired goal, achieved goal, and the gripper link's
/// position and quaternion as the last physics step computed them, from which the next action starts.
const MEMORY_LEN: usize = 3 + 3 + 7;

/// Camera of Gymnasium-Robotics.
const CAMERA: Camera = Camera {
    distance_m: Some(2.5),
    look_at_m: Some([1.3, 0.75, 0.55]),
    azimuth_deg: Some(132.0),
    elevation_deg: Some(-14.0),
};

/// The state of an episode's beginning, but for what is drawn.
#[derive(Clone, Debug)]
struct Start {
    qpos: Vec<f64>,
    qvel: Vec<f64>,
    time_s: f64,
    /// Where the gripper is, in metres.
    grip: [f64; 3],
    /// Height of the object's middle on the table.
    rest_height: f64,
}

/// Place and orientation of the gripper link.
#[derive(Clone, Copy, Debug, Default)]
struct Pose {
    position: [f64; 3],
    quaternion: [f64; 4],
}

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
    simulation: Simulation,
    parts: Parts,
    start: Start,
    desired: [f64; 3],
    achieved: [f64; 3],
    link: Pose,
    precision: ActionPrecision,
}

impl FetchEnv {
    /// Loads the model from Gymnasium-Robotics' assets and moves the arm to its first place.
    ///
    /// # Errors
    /// If the model is missing, does not load, or is not the one the task speaks of.
    pub fn open(task: FetchTask, reward: GoalReward) -> Result<Self, EnvError> {
        let definition = task.definition();
        let path = assets::fetch_model(definition.model)?;
        let mut simulation =
            Simulation::open_changed(&path, SUBSTEPS, false, CAMERA, straighten_welds)?;
        let has_object = definition.object_m.is_some();
        let parts = Parts::find(&simulation, has_object)?;
        let start = first_pose(&mut simulation, &parts, task);
        let goal = GoalTask {
            dim: 3,
            threshold: THRESHOLD_M,
            reward,
        };
        let spec = EnvSpec {
            id: task.id(reward).to_owned(),
            observation: observation_terms(has_object),
            action: action_terms(),
            period_us: (simulation.period_s() * 1e6).round() as u32,
            max_episode_steps: MAX_EPISODE_STEPS,
            reward_threshold: None,
            goal: Some(goal),
            summary: task.summary(reward),
        };
        let mut env = Self {
            spec,
            task,
            goal,
            desired: start.grip,
            achieved: start.grip,
            link: Pose::default(),
            simulation,
            parts,
            start,
            precision: ActionPrecision::default(),
        };
        env.look();
        Ok(env)
    }

    /// Where the gripper is when an episode begins, in metres.
    #[must_use]
    pub fn first_grip(&self) -> [f64; 3] {
        self.start.grip
    }

    /// Puts the object somewhere around the gripper, not under it.
    fn draw_object(&self, rng: &mut dyn Rng) -> [f64; 2] {
        let range = self.task.definition().object_range_m;
        loop {
            let way = [(); 2].map(|()| noise::uniform(rng, -range, range));
            if way[0].hypot(way[1]) >= MIN_DISTANCE_M {
                return std::array::from_fn(|axis| self.start.grip[axis] + way[axis]);
            }
        }
    }

    fn draw_goal(&self, rng: &mut dyn Rng) -> [f64; 3] {
        let definition = self.task.definition();
        let range = definition.goal_range_m;
        let mut goal: [f64; 3] = std::array::from_fn(|axis| {
            self.start.grip[axis]
                + noise::uniform(rng, -range, range)
                + definition.goal_offset_m[axis]
        });
        if definition.object_m.is_some() {
            goal[2] = self.start.rest_height;
            if definition.goal_in_the_air && rng.random::<f64>() < 0.5 {
                goal[2] += noise::uniform(rng, 0.0, AIR_M);
            }
        }
        goal
    }

    /// Takes note of what the last kinematics left, and shows the goal.
    fn look(&mut self) {
        let (parts, desired) = (&self.parts, self.desired);
        let site = parts.object.map_or(parts.grip, |object| object.site);
        let (link, target) = (parts.link, parts.target);
        let data = self.simulation.data_mut();
        self.achieved = data.site_xpos()[site];
        self.link = Pose {
            position: data.xpos()[link],
            quaternion: data.xquat()[link],
        };
        // Where a site is drawn; no force depends on it, and the next kinematics put it back.
        data.site_xpos_mut()[target] = desired;
    }

    fn observe(&self, observation: &mut [f64]) {
        let (simulation, parts) = (&self.simulation, &self.parts);
        let period_s = simulation.period_s();
        let per_period = |rate: [f64; 3]| rate.map(|number| number * period_s);
        let (qpos, qvel) = (simulation.qpos(), simulation.qvel());
        let grip = simulation.data().site_xpos()[parts.grip];
        let fingers = parts.fingers.map(|(place, _)| qpos[place]);
        let finger_rates = parts.fingers.map(|(_, place)| qvel[place] * period_s);
        let grip_rate = per_period(motion::velocity(simulation, parts.grip).0);
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
                let place = simulation.data().site_xpos()[object.site];
                put(&place);
                put(&difference(place, grip));
                put(&fingers);
                put(&motion::euler_angles(simulation, object.site));
                let (rate, turning) = motion::velocity(simulation, object.site);
                put(&difference(per_period(rate), grip_rate));
                put(&per_period(turning));
            }
        }
        put(&grip_rate);
        put(&finger_rates);
        put(&self.desired);
        assert!(rest.is_empty(), "length of an observation");
    }

    /// Moves the mocap body and sets the fingers' targets.
    fn drive(&mut self, action: &[f64]) {
        let precision = self.precision;
        let scaled = |number: f64| match precision {
            ActionPrecision::Single => f64::from(number as f32 * REACH_M as f32),
            ActionPrecision::Double => number * REACH_M,
        };
        let Pose {
            position,
            quaternion,
        } = self.link;
        let grip = if self.task.definition().blocks_gripper {
            0.0
        } else {
            bounded(action[3])
        };
        let data = self.simulation.data_mut();
        data.mocap_pos_mut()[0] =
            std::array::from_fn(|axis| position[axis] + scaled(bounded(action[axis])));
        data.mocap_quat_mut()[0] = std::array::from_fn(|axis| quaternion[axis] + GRIP_TURN[axis]);
        for (actuator, place) in self.parts.actuated.iter().enumerate() {
            let target = data.qpos()[*place] + grip;
            data.ctrl_mut()[actuator] = target;
        }
    }

    fn state_error(&self, expected: usize, found: String) -> EnvError {
        EnvError::State {
            id: self.spec.id.clone(),
            expected,
            found,
        }
    }

    fn check_finite(&self, physics: &[f64]) -> Result<(), EnvError> {
        match physics.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(self.state_error(
                physics.len(),
                format!("{} at index {index}", physics[index]),
            )),
            None => Ok(()),
        }
    }
}

impl Env for FetchEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let object = self
            .parts
            .object
            .map(|object| (object.qpos, self.draw_object(rng)));
        self.desired = self.draw_goal(rng);
        let start = &self.start;
        let data = self.simulation.data_mut();
        data.reset();
        data.set_time(start.time_s);
        data.qpos_mut().copy_from_slice(&start.qpos);
        data.qvel_mut().copy_from_slice(&start.qvel);
        if let Some((place, position)) = object {
            data.qpos_mut()[place..place + 2].copy_from_slice(&position);
        }
        data.forward();
        self.look();
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        assert_eq!(action.len(), 4, "length of an action");
        self.drive(action);
        self.simulation.advance();
        if self.task.definition().blocks_gripper {
            let data = self.simulation.data_mut();
            for (place, _) in self.parts.fingers {
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
        let mut physics = self.simulation.state();
        physics.extend(self.desired);
        physics.extend(self.achieved);
        physics.extend(self.link.position);
        physics.extend(self.link.quaternion);
        EnvState {
            physics,
            progress: 0.0,
        }
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        let state_len = self.simulation.state_len();
        if state.physics.len() != state_len + MEMORY_LEN {
            let found = state.physics.len().to_string();
            return Err(self.state_error(state_len + MEMORY_LEN, found));
        }
        let (integration, memory) = state.physics.split_at(state_len);
        self.simulation.set_state(integration);
        self.desired.copy_from_slice(&memory[..3]);
        self.look();
        self.achieved.copy_from_slice(&memory[3..6]);
        self.link.position.copy_from_slice(&memory[6..9]);
        self.link.quaternion.copy_from_slice(&memory[9..]);
        Ok(())
    }

    /// Takes MuJoCo's integration state, which leaves the desired goal as it is, or what [`Env::save`] gave, which
    /// holds a goal.
    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        let state_len = self.simulation.state_len();
        if physics.len() != state_len && physics.len() != state_len + MEMORY_LEN {
            return Err(self.state_error(state_len, physics.len().to_string()));
        }
        self.check_finite(physics)?;
        let (integration, memory) = physics.split_at(state_len);
        self.simulation.set_state(integration);
        if !memory.is_empty() {
            self.desired.copy_from_slice(&memory[..3]);
        }
        self.look();
        self.observe(observation);
        Ok(())
    }

    fn set_action_precision(&mut self, precision: ActionPrecision) {
        self.precision = precision;
    }

    fn simulation(&self) -> Option<&Simulation> {
        Some(&self.simulation)
    }
}

/// Lets each weld hold its bodies together without offset. The last three numbers of the quaternion stay those of
/// the model's own pose, as Gymnasium-Robotics leaves them.
fn straighten_welds(model: &mut MjModel) {
    let is_weld: Vec<bool> = model
        .eq_type()
        .iter()
        .map(|kind| *kind == MjtEq::mjEQ_WELD)
        .collect();
    // SAFETY: a weld's numbers are lengths, a quaternion and a scale, all used as numbers; none is an index.
    let data = unsafe { model.eq_data_mut() };
    for (numbers, _) in data.iter_mut().zip(is_weld).filter(|(_, is_weld)| *is_weld) {
        numbers[..7].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}

/// Moves the arm from its folded pose to where episodes begin.
fn first_pose(simulation: &mut Simulation, parts: &Parts, task: FetchTask) -> Start {
    let definition = task.definition();
    let data = simulation.data_mut();
    for (place, position) in parts.slides.into_iter().zip(definition.base_m) {
        data.qpos_mut()[place] = position;
    }
    if let (Some(object), Some(position)) = (parts.object, definition.object_m) {
        let place = object.qpos;
        data.qpos_mut()[place..place + 3].copy_from_slice(&position);
        data.qpos_mut()[place + 3..place + 7].copy_from_slice(&[1.0, 0.0, 0.0, 0.0]);
    }
    data.forward();
    let grip = data.site_xpos()[parts.grip];
    let mut way = FIRST_WAY_M;
    way[2] += definition.extra_height_m;
    data.mocap_pos_mut()[0] = std::array::from_fn(|axis| way[axis] + grip[axis]);
    data.mocap_quat_mut()[0] = GRIP_TURN;
    for _ in 0..FIRST_STEPS {
        simulation.advance();
    }
    let data = simulation.data();
    Start {
        qpos: data.qpos().to_vec(),
        qvel: data.qvel().to_vec(),
        time_s: data.time(),
        grip: data.site_xpos()[parts.grip],
        rest_height: parts
            .object
            .map_or(0.0, |object| data.site_xpos()[object.site][2]),
    }
}

fn bounded(number: f64) -> f64 {
    number.clamp(-1.0, 1.0)
}

fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
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

fn action_terms() -> Vec<ActionTerm> {
    let term = |name: &str, unit: &str, dim| ActionTerm {
        name: name.to_owned(),
        unit: unit.to_owned(),
        dim,
        scale: 1.0,
        offset: 0.0,
        low: -1.0,
        high: 1.0,
        max_rate: None,
        stiffness: None,
        damping: None,
        time_constant_s: None,
    };
    vec![
        term("gripper motion", "0.05 m", 3),
        term("finger motion", "m", 1),
    ]
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
        let rest = env.start.rest_height;
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
            let way: [f64; 2] = [x - env.start.grip[0], y - env.start.grip[1]];
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
