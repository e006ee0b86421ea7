//! Tasks of the Fetch robot's arm: Gymnasium-Robotics' four, whose goals are asked for ([`FetchEnv`]), and those with one
//! goal that is never shown ([`FixedGoalEnv`]).
//!
//! All of them drive the same arm.

pub use self::fixed_goal::FixedGoalEnv;
pub use self::fixed_task::{CUBE_GOAL_M, FixedGoalTask, HOLE_M};
pub use self::goal_env::FetchEnv;
pub use self::task::FetchTask;
use super::Camera;

mod arm;
mod fixed_goal;
mod fixed_task;
mod goal_env;
mod motion;
mod parts;
mod task;

/// Distance below which a goal is reached.
const THRESHOLD_M: f64 = 0.05;

/// Camera of Gymnasium-Robotics.
const CAMERA: Camera = Camera {
    distance_m: Some(2.5),
    look_at_m: Some([1.3, 0.75, 0.55]),
    azimuth_deg: Some(132.0),
    elevation_deg: Some(-14.0),
};
