//! [`Arm`]: the Fetch robot in a simulation, moved by its gripper.
//!
//! The arm is not driven by its joints. A body without mass ("mocap") is put where the gripper shall be, and the solver
//! draws the gripper, welded to it, along. Every number is that of `gymnasium_robotics/envs/fetch/fetch_env.py`,
//! `envs/robot_env.py` and `utils/mujoco_utils.py` of Gymnasium-Robotics 1.4.2. It refuses to know goals and rewards.

use mujoco_rs::prelude::{MjModel, MjtEq};
use rlfd_models::spec::ActionTerm;

use super::super::super::{ActionPrecision, EnvError, EnvState};
use super::super::Simulation;
use super::motion;
use super::parts::{ObjectPart, Parts};

/// Physics steps per control period.
pub(super) const SUBSTEPS: u32 = 20;
/// Metres that the gripper is asked to move by an action of 1.
const REACH_M: f64 = 0.05;
/// Added to the quaternion of the gripper in each step, without normalising: fingers down.
const GRIP_TURN: [f64; 4] = [1.0, 0.0, 1.0, 0.0];
/// Control periods of a move to a place.
const MOVE_STEPS: usize = 10;

/// Numbers of an action: three that move the gripper, one for the fingers.
pub(super) const ACTION_LEN: usize = 4;
/// Numbers that an arm remembers besides the integration state.
pub(super) const MEMORY_LEN: usize = 7;

/// A state to begin episodes from.
#[derive(Clone, Debug)]
pub(super) struct Start {
    qpos: Vec<f64>,
    qvel: Vec<f64>,
    time_s: f64,
}

/// Place and orientation of the gripper link.
#[derive(Clone, Copy, Debug, Default)]
struct Pose {
    position: [f64; 3],
    quaternion: [f64; 4],
}

/// The robot and whatever lies on its table.
#[derive(Debug)]
pub(super) struct Arm {
    pub simulation: Simulation,
    pub parts: Parts,
    /// As the last physics step computed it, from which the next action starts.
    link: Pose,
    precision: ActionPrecision,
}

impl Arm {
    /// A robot that stands where its slides, in metres, put it, and an object, where there is one, upright at a place.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model lacks a part.
    pub fn new(
        mut simulation: Simulation,
        base_m: [f64; 3],
        object_m: Option<[f64; 3]>,
    ) -> Result<Self, EnvError> {
        let parts = Parts::find(&simulation, object_m.is_some())?;
        let data = simulation.data_mut();
        for (place, position) in parts.slides.into_iter().zip(base_m) {
            data.qpos_mut()[place] = position;
        }
        if let (Some(object), Some(position)) = (parts.object, object_m) {
            let place = object.qpos;
            data.qpos_mut()[place..place + 3].copy_from_slice(&position);
            data.qpos_mut()[place + 3..place + 7].copy_from_slice(&[1.0, 0.0, 0.0, 0.0]);
        }
        data.forward();
        let mut arm = Self {
            simulation,
            parts,
            link: Pose::default(),
            precision: ActionPrecision::default(),
        };
        arm.look();
        Ok(arm)
    }

    /// Draws the gripper link to where the gripper's site is, `way` further, fingers down. The link lies above the site,
    /// so that the site ends lower by as much.
    pub fn travel(&mut self, way: [f64; 3]) {
        let grip = self.grip();
        let data = self.simulation.data_mut();
        data.mocap_pos_mut()[0] = std::array::from_fn(|axis| grip[axis] + way[axis]);
        data.mocap_quat_mut()[0] = GRIP_TURN;
        for _ in 0..MOVE_STEPS {
            self.simulation.advance();
        }
        self.look();
    }

    /// Sets the fingers' targets `way` metres from where they are.
    pub fn move_fingers(&mut self, way: f64) {
        let data = self.simulation.data_mut();
        for (actuator, place) in self.parts.actuated.iter().enumerate() {
            let target = data.qpos()[*place] + way;
            data.ctrl_mut()[actuator] = target;
        }
    }

    /// Moves the mocap body by the first three numbers of an action, from where the link is.
    pub fn move_grip(&mut self, action: &[f64]) {
        let precision = self.precision;
        let scaled = |number: f64| match precision {
            ActionPrecision::Single => f64::from(number as f32 * REACH_M as f32),
            ActionPrecision::Double => number * REACH_M,
        };
        let Pose {
            position,
            quaternion,
        } = self.link;
        let data = self.simulation.data_mut();
        data.mocap_pos_mut()[0] =
            std::array::from_fn(|axis| position[axis] + scaled(bounded(action[axis])));
        data.mocap_quat_mut()[0] = std::array::from_fn(|axis| quaternion[axis] + GRIP_TURN[axis]);
    }

    /// Takes note of what the last kinematics left of the link.
    pub fn look(&mut self) {
        let data = self.simulation.data();
        self.link = Pose {
            position: data.xpos()[self.parts.link],
            quaternion: data.xquat()[self.parts.link],
        };
    }

    /// Where a site is, in metres, as of the last kinematics.
    pub fn site(&self, site: usize) -> [f64; 3] {
        self.simulation.data().site_xpos()[site]
    }

    /// Where the gripper is, in metres.
    pub fn grip(&self) -> [f64; 3] {
        self.site(self.parts.grip)
    }

    /// Shows a goal: where a site is drawn. No force depends on it, and the next kinematics put it back.
    pub fn show(&mut self, goal: [f64; 3]) {
        let target = self.parts.target;
        self.simulation.data_mut().site_xpos_mut()[target] = goal;
    }

    /// Velocity of a site, translation and rotation, per control period.
    pub fn velocity(&self, site: usize) -> ([f64; 3], [f64; 3]) {
        let period_s = self.simulation.period_s();
        let (translation, rotation) = motion::velocity(&self.simulation, site);
        (
            translation.map(|number| number * period_s),
            rotation.map(|number| number * period_s),
        )
    }

    /// Positions of the fingers, and their velocities per control period.
    pub fn fingers(&self) -> ([f64; 2], [f64; 2]) {
        let (qpos, qvel) = (self.simulation.qpos(), self.simulation.qvel());
        let period_s = self.simulation.period_s();
        (
            self.parts.fingers.map(|(place, _)| qpos[place]),
            self.parts.fingers.map(|(_, place)| qvel[place] * period_s),
        )
    }

    /// The present state, to begin from.
    pub fn start(&self) -> Start {
        let data = self.simulation.data();
        Start {
            qpos: data.qpos().to_vec(),
            qvel: data.qvel().to_vec(),
            time_s: data.time(),
        }
    }

    /// Goes back to a state, with the object, where there is one, at another place on the table.
    pub fn restart(&mut self, start: &Start, object: Option<(ObjectPart, [f64; 2])>) {
        let data = self.simulation.data_mut();
        data.reset();
        data.set_time(start.time_s);
        data.qpos_mut().copy_from_slice(&start.qpos);
        data.qvel_mut().copy_from_slice(&start.qvel);
        if let Some((object, position)) = object {
            data.qpos_mut()[object.qpos..object.qpos + 2].copy_from_slice(&position);
        }
        data.forward();
        self.look();
    }

    /// In which precision actions are scaled.
    pub fn set_precision(&mut self, precision: ActionPrecision) {
        self.precision = precision;
    }

    /// The integration state, then `goals`, then what the arm remembers.
    pub fn save(&self, goals: &[f64]) -> EnvState {
        let mut physics = self.simulation.state();
        physics.extend(goals);
        physics.extend(self.link.position);
        physics.extend(self.link.quaternion);
        EnvState {
            physics,
            progress: 0.0,
        }
    }

    /// Returns to what [`Arm::save`] gave with `n_goals` numbers of goals, and gives these back.
    ///
    /// # Errors
    /// [`EnvError::State`] if the state has another length.
    pub fn restore<'a>(
        &mut self,
        id: &str,
        physics: &'a [f64],
        n_goals: usize,
    ) -> Result<&'a [f64], EnvError> {
        let state_len = self.simulation.state_len();
        let expected = state_len + n_goals + MEMORY_LEN;
        if physics.len() != expected {
            return Err(state_error(id, expected, physics.len().to_string()));
        }
        let (integration, rest) = physics.split_at(state_len);
        let (goals, memory) = rest.split_at(n_goals);
        self.simulation.set_state(integration);
        self.link.position.copy_from_slice(&memory[..3]);
        self.link.quaternion.copy_from_slice(&memory[3..]);
        Ok(goals)
    }

    /// Begins in an integration state, or in what [`Arm::save`] gave, whose goals are then given back.
    ///
    /// # Errors
    /// [`EnvError::State`] if the state has another length, or a number is not finite.
    pub fn begin_in<'a>(
        &mut self,
        id: &str,
        physics: &'a [f64],
        n_goals: usize,
    ) -> Result<Option<&'a [f64]>, EnvError> {
        let state_len = self.simulation.state_len();
        if physics.len() != state_len && physics.len() != state_len + n_goals + MEMORY_LEN {
            return Err(state_error(id, state_len, physics.len().to_string()));
        }
        if let Some(index) = physics.iter().position(|number| !number.is_finite()) {
            let found = format!("{} at index {index}", physics[index]);
            return Err(state_error(id, physics.len(), found));
        }
        let (integration, rest) = physics.split_at(state_len);
        self.simulation.set_state(integration);
        self.look();
        Ok(rest.get(..n_goals))
    }
}

fn state_error(id: &str, expected: usize, found: String) -> EnvError {
    EnvError::State {
        id: id.to_owned(),
        expected,
        found,
    }
}

/// Changes `numbers` of each weld, which are an anchor, a position and a quaternion of one body in the other, and a scale.
pub(super) fn change_welds(model: &mut MjModel, change: impl Fn(&mut [f64])) {
    let is_weld: Vec<bool> = model
        .eq_type()
        .iter()
        .map(|kind| *kind == MjtEq::mjEQ_WELD)
        .collect();
    // SAFETY: a weld's numbers are lengths, a quaternion and a scale, all used as numbers; none is an index.
    let data = unsafe { model.eq_data_mut() };
    for (numbers, _) in data.iter_mut().zip(is_weld).filter(|(_, is_weld)| *is_weld) {
        change(numbers);
    }
}

/// The action, in order.
pub(super) fn action_terms() -> Vec<ActionTerm> {
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

pub(super) fn bounded(number: f64) -> f64 {
    number.clamp(-1.0, 1.0)
}

pub(super) fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}
