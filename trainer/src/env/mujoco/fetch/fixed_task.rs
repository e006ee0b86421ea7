//! [`FixedGoalTask`]: the constants of the tasks with one goal that is never shown.
//!
//! They are those of Wu et al. (2020), "Shaping Rewards for Reinforcement Learning with Imperfect Demonstrations using
//! Generative Models"; the numbers were measured there or on models rebuilt after theirs.

use super::super::super::GoalReward;

/// Where the middle of the hole comes to rest, in metres: the goal of a peg.
pub const HOLE_M: [f64; 3] = [1.45, 0.75, 0.45];
/// Where a cube is to be put, in metres: on the table, under the gripper's first place.
pub const CUBE_GOAL_M: [f64; 3] = [1.3419, 0.7491, 0.4249];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedGoalTask {
    /// Put the closed gripper into a hole, from a place pressed onto the table.
    PegInHole,
    /// The same without any motion sideways.
    PegInHole2D,
    /// The same from somewhere above the table.
    PegInHoleRandInit,
    /// Carry a cube that lies somewhere on a circle to its centre.
    PickAndPlaceRandInit,
}

impl FixedGoalTask {
    /// Name with this reward, e.g. `PegInHoleDense-v0`.
    #[must_use]
    pub const fn id(self, reward: GoalReward) -> &'static str {
        match (self, reward) {
            (Self::PegInHole, GoalReward::Sparse) => "PegInHole-v0",
            (Self::PegInHole, GoalReward::Dense) => "PegInHoleDense-v0",
            (Self::PegInHole2D, GoalReward::Sparse) => "PegInHole2D-v0",
            (Self::PegInHole2D, GoalReward::Dense) => "PegInHole2DDense-v0",
            (Self::PegInHoleRandInit, GoalReward::Sparse) => "PegInHoleRandInit-v0",
            (Self::PegInHoleRandInit, GoalReward::Dense) => "PegInHoleRandInitDense-v0",
            (Self::PickAndPlaceRandInit, GoalReward::Sparse) => "PickAndPlaceRandInit-v0",
            (Self::PickAndPlaceRandInit, GoalReward::Dense) => "PickAndPlaceRandInitDense-v0",
        }
    }

    /// One line for people.
    #[must_use]
    pub const fn summary(self, reward: GoalReward) -> &'static str {
        match (self, reward) {
            (Self::PegInHole, GoalReward::Sparse) => {
                "put a closed gripper into a hole, sparse reward"
            }
            (Self::PegInHole, GoalReward::Dense) => {
                "put a closed gripper into a hole, dense reward"
            }
            (Self::PegInHole2D, GoalReward::Sparse) => {
                "put a closed gripper into a hole without moving sideways, sparse reward"
            }
            (Self::PegInHole2D, GoalReward::Dense) => {
                "put a closed gripper into a hole without moving sideways, dense reward"
            }
            (Self::PegInHoleRandInit, GoalReward::Sparse) => {
                "put a closed gripper into a hole from anywhere, sparse reward"
            }
            (Self::PegInHoleRandInit, GoalReward::Dense) => {
                "put a closed gripper into a hole from anywhere, dense reward"
            }
            (Self::PickAndPlaceRandInit, GoalReward::Sparse) => {
                "carry a cube from a circle to its centre, sparse reward"
            }
            (Self::PickAndPlaceRandInit, GoalReward::Dense) => {
                "carry a cube from a circle to its centre, dense reward"
            }
        }
    }

    /// Whether it is about a cube, and not about the gripper itself.
    pub(super) const fn has_object(self) -> bool {
        matches!(self, Self::PickAndPlaceRandInit)
    }
}
