//! [`FixedGoalEnv`]: a peg in a hole and a cube in its place, with one goal that no observation shows.
//!
//! A sparse reward is -1 while the goal is farther away than 5 cm. What is known of the goal has to be found in rewards or
//! in demonstrations: this is what makes these tasks hard. Neither ends before 40 steps are over.

use rand::Rng;
use rlfd_models::spec::ObservationTerm;

use super::super::super::{
    ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Step,
};
use super::super::terms::term;
use super::super::{Camera, Simulation, assets, noise};
use super::arm::{self, Arm, Start, bounded, difference};
use super::fixed_task::FixedGoalTask;
use super::{CAMERA, THRESHOLD_M, motion};

#[cfg(test)]
mod tests;

const MAX_EPISODE_STEPS: u32 = 40;
/// Where the robot stands, in metres along its three slides.
const BASE_M: [f64; 3] = [0.405, 0.48, 0.0];
/// Moves the fingers as far as they go.
const OPEN: f64 = 1.0;
const CLOSE: f64 = -1.0;

/// The moves that bring the folded arm, whose gripper then closes to a peg, beside the hole.
const PEG_MOVES: [([f64; 3], f64); 4] = [
    ([-0.59, 0.0, -0.1], OPEN),
    ([0.0, 0.0, -0.07], OPEN),
    ([0.0, 0.0, 0.0], CLOSE),
    ([0.0, 0.0, -0.05], CLOSE),
];
/// The move that begins an episode: onto the table in front of the hole.
const PRESS_M: [f64; 3] = [-0.15, 0.0, -0.1];
/// Half the widths of the box that this move is drawn from where episodes begin anywhere.
const ANYWHERE_M: [f64; 3] = [0.05, 0.2, 0.02];

/// The first move with a cube, and where the cube is meanwhile.
const CUBE_MOVE_M: [f64; 3] = [-0.498, 0.005, -0.231];
const CUBE_M: [f64; 3] = [1.25, 0.53, 0.4];
/// Square of the radius of the circle around the gripper on which the cube lies, in m².
const CUBE_RADIUS_SQUARED: f64 = 0.03;

/// From the side, near enough to see into the hole.
const PEG_CAMERA: Camera = Camera {
    distance_m: Some(1.1),
    look_at_m: Some([1.35, 0.75, 0.5]),
    azimuth_deg: Some(150.0),
    elevation_deg: Some(-30.0),
};

/// Numbers in [`EnvState::physics`] besides the integration state and the arm's: the place achieved.
const ACHIEVED_LEN: usize = 3;

/// One of the tasks.
///
/// A peg's observation is the gripper's position and velocity. With a cube: the gripper's position and velocity, those of the
/// fingers, the cube's position and the way to it from the gripper, its Euler angles, velocity relative to the gripper and
/// angular velocity. Velocities are per control period. Actions are those of Gymnasium-Robotics' arm; a peg's fingers stay
/// closed whatever the action says.
#[derive(Debug)]
pub struct FixedGoalEnv {
    spec: EnvSpec,
    task: FixedGoalTask,
    reward: GoalTask,
    arm: Arm,
    start: Start,
    /// Where the gripper is before an episode's first move.
    first_grip: [f64; 3],
    /// In metres.
    goal: [f64; 3],
    achieved: [f64; 3],
}

impl FixedGoalEnv {
    /// Loads the model, ours on top of Gymnasium-Robotics' robot, and moves the arm to its first place.
    ///
    /// # Errors
    /// If the robot's files are missing, the model does not load, or is not the one the task speaks of.
    pub fn open(task: FixedGoalTask, reward: GoalReward) -> Result<Self, EnvError> {
        let mut arm = if task.has_object() { cube()? } else { peg()? };
        let first_grip = arm.grip();
        let goal = match arm.parts.object {
            Some(object) => [first_grip[0], first_grip[1], arm.site(object.site)[2]],
            None => arm.site(arm.parts.target),
        };
        let reward_task = GoalTask {
            dim: 3,
            threshold: THRESHOLD_M,
            reward,
        };
        let spec = EnvSpec {
            id: task.id(reward).to_owned(),
            observation: observation_terms(task),
            action: arm::action_terms(),
            period_us: (arm.simulation.period_s() * 1e6).round() as u32,
            max_episode_steps: MAX_EPISODE_STEPS,
            reward_threshold: None,
            goal: None,
            summary: task.summary(reward),
        };
        arm.look();
        let mut env = Self {
            spec,
            task,
            reward: reward_task,
            start: arm.start(),
            arm,
            first_grip,
            goal,
            achieved: first_grip,
        };
        env.look();
        Ok(env)
    }

    /// Takes note of what the last kinematics left, and shows the goal to whoever watches.
    fn look(&mut self) {
        let parts = &self.arm.parts;
        let site = parts.object.map_or(parts.grip, |object| object.site);
        self.achieved = self.arm.site(site);
        self.arm.look();
        self.arm.show(self.goal);
    }

    fn observe(&self, observation: &mut [f64]) {
        let (arm, parts) = (&self.arm, &self.arm.parts);
        let grip = arm.grip();
        let grip_rate = arm.velocity(parts.grip).0;
        let mut rest = observation;
        let mut put = |numbers: &[f64]| {
            let (room, after) = std::mem::take(&mut rest).split_at_mut(numbers.len());
            room.copy_from_slice(numbers);
            rest = after;
        };
        put(&grip);
        put(&grip_rate);
        if let Some(object) = parts.object {
            let (fingers, finger_rates) = arm.fingers();
            let place = arm.site(object.site);
            let (rate, turning) = arm.velocity(object.site);
            put(&fingers);
            put(&finger_rates);
            put(&place);
            put(&difference(place, grip));
            put(&motion::euler_angles(&arm.simulation, object.site));
            put(&difference(rate, grip_rate));
            put(&turning);
        }
        assert!(rest.is_empty(), "length of an observation");
    }
}

impl Env for FixedGoalEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        if let Some(object) = self.arm.parts.object {
            let angle = noise::uniform(rng, 0.0, std::f64::consts::TAU);
            let radius = CUBE_RADIUS_SQUARED.sqrt();
            let place = [
                self.first_grip[0] + radius * angle.sin(),
                self.first_grip[1] + radius * angle.cos(),
            ];
            self.arm.restart(&self.start, Some((object, place)));
        } else {
            let way = match self.task {
                FixedGoalTask::PegInHoleRandInit => {
                    ANYWHERE_M.map(|half| noise::uniform(rng, -half, half))
                }
                _ => PRESS_M,
            };
            self.arm.restart(&self.start, None);
            self.arm.move_fingers(CLOSE);
            self.arm.travel(way);
        }
        self.look();
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        let mut action = <[f64; arm::ACTION_LEN]>::try_from(action).expect("length of an action");
        if self.task == FixedGoalTask::PegInHole2D {
            action[1] = 0.0;
        }
        self.arm.move_grip(&action);
        self.arm.move_fingers(if self.task.has_object() {
            bounded(action[3])
        } else {
            CLOSE
        });
        self.arm.simulation.advance();
        self.look();
        self.observe(observation);
        Step {
            reward: self.reward.reward(&self.achieved, &self.goal),
            terminated: false,
        }
    }

    fn is_success(&self) -> Option<bool> {
        Some(self.reward.is_success(&self.achieved, &self.goal))
    }

    fn save(&self) -> EnvState {
        self.arm.save(&self.achieved)
    }

    fn restore(&mut self, state: &EnvState) -> Result<(), EnvError> {
        let achieved = self
            .arm
            .restore(&self.spec.id, &state.physics, ACHIEVED_LEN)?;
        self.achieved.copy_from_slice(achieved);
        self.arm.show(self.goal);
        Ok(())
    }

    /// Takes MuJoCo's integration state, or what [`Env::save`] gave.
    fn reset_to(&mut self, physics: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        self.arm.begin_in(&self.spec.id, physics, ACHIEVED_LEN)?;
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

/// The robot beside a block with a hole, fingers closed.
fn peg() -> Result<Arm, EnvError> {
    // Ours lies nowhere: it is read as a neighbour of what it includes.
    let path = assets::fetch_model("shared.xml")?.with_file_name("peg_in_hole.xml");
    let text = include_str!("peg_in_hole.xml");
    let simulation = Simulation::open_text(&path, text, arm::SUBSTEPS, PEG_CAMERA, |model| {
        arm::change_welds(model, straighten);
    })?;
    let mut arm = Arm::new(simulation, BASE_M, None)?;
    for (way, fingers) in PEG_MOVES {
        arm.move_fingers(fingers);
        arm.travel(way);
    }
    Ok(arm)
}

/// The robot above a table with a cube, from Gymnasium-Robotics' own model.
fn cube() -> Result<Arm, EnvError> {
    let path = assets::fetch_model("pick_and_place.xml")?;
    let simulation = Simulation::open_changed(&path, arm::SUBSTEPS, false, CAMERA, |model| {
        arm::change_welds(model, straighten);
    })?;
    let mut arm = Arm::new(simulation, BASE_M, Some(CUBE_M))?;
    arm.travel(CUBE_MOVE_M);
    Ok(arm)
}

/// Lets a weld hold its bodies together without offset and without turn.
fn straighten(weld: &mut [f64]) {
    weld[3..10].copy_from_slice(&[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
}

fn observation_terms(task: FixedGoalTask) -> Vec<ObservationTerm> {
    let mut terms = vec![
        term("gripper position", "m", 3),
        term("gripper velocity", "m/period", 3),
    ];
    if task.has_object() {
        terms.extend([
            term("finger positions", "m", 2),
            term("finger velocities", "m/period", 2),
            term("object position", "m", 3),
            term("way from gripper to object", "m", 3),
            term("object orientation", "rad", 3),
            term("object velocity beside gripper", "m/period", 3),
            term("object angular velocity", "rad/period", 3),
        ]);
    }
    terms
}
