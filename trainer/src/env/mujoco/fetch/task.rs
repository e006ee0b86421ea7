//! [`FetchTask`]: the constants that tell the four Fetch environments apart.

use super::super::super::GoalReward;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchTask {
    /// Bring the gripper to a point.
    Reach,
    /// Push a block over the table with closed fingers.
    Push,
    /// Give a puck a push that lets it slide to a place out of reach.
    Slide,
    /// Carry a block, in half of the episodes into the air.
    PickAndPlace,
}

/// The constants of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    /// With sparse and with dense reward.
    pub ids: [&'static str; 2],
    /// One line for people, likewise.
    pub summaries: [&'static str; 2],
    /// The model's file.
    pub model: &'static str,
    /// Where the robot stands, in metres along its three slides.
    pub base_m: [f64; 3],
    /// Where the object is while the arm moves to its first pose, in metres; absent without an object.
    pub object_m: Option<[f64; 3]>,
    /// Whether the fingers are held closed.
    pub blocks_gripper: bool,
    /// Metres that the gripper starts higher.
    pub extra_height_m: f64,
    /// Half the width of the square that the object starts in.
    pub object_range_m: f64,
    /// Half the width of the square or cube that goals are drawn from.
    pub goal_range_m: f64,
    /// From the gripper's first place to the middle of that square.
    pub goal_offset_m: [f64; 3],
    /// Whether half of the goals are in the air.
    pub goal_in_the_air: bool,
}

impl FetchTask {
    /// Name with this reward, e.g. `FetchPushDense-v4`.
    #[must_use]
    pub const fn id(self, reward: GoalReward) -> &'static str {
        self.definition().ids[index(reward)]
    }

    /// One line for people.
    #[must_use]
    pub const fn summary(self, reward: GoalReward) -> &'static str {
        self.definition().summaries[index(reward)]
    }

    pub(super) const fn definition(self) -> Definition {
        match self {
            Self::Reach => Definition {
                ids: ["FetchReach-v4", "FetchReachDense-v4"],
                summaries: [
                    "bring an arm's gripper to a goal, sparse reward",
                    "bring an arm's gripper to a goal, dense reward",
                ],
                model: "reach.xml",
                base_m: [0.4049, 0.48, 0.0],
                object_m: None,
                blocks_gripper: true,
                extra_height_m: 0.2,
                object_range_m: 0.15,
                goal_range_m: 0.15,
                goal_offset_m: [0.0; 3],
                goal_in_the_air: true,
            },
            Self::Push => Definition {
                ids: ["FetchPush-v4", "FetchPushDense-v4"],
                summaries: [
                    "push a block to a goal on the table, sparse reward",
                    "push a block to a goal on the table, dense reward",
                ],
                model: "push.xml",
                base_m: [0.405, 0.48, 0.0],
                object_m: Some([1.25, 0.53, 0.4]),
                blocks_gripper: true,
                extra_height_m: 0.0,
                object_range_m: 0.15,
                goal_range_m: 0.15,
                goal_offset_m: [0.0; 3],
                goal_in_the_air: false,
            },
            Self::Slide => Definition {
                ids: ["FetchSlide-v4", "FetchSlideDense-v4"],
                summaries: [
                    "push a puck so that it slides to a goal, sparse reward",
                    "push a puck so that it slides to a goal, dense reward",
                ],
                model: "slide.xml",
                base_m: [0.05, 0.48, 0.0],
                object_m: Some([1.7, 1.1, 0.41]),
                blocks_gripper: true,
                extra_height_m: -0.02,
                object_range_m: 0.1,
                goal_range_m: 0.3,
                goal_offset_m: [0.4, 0.0, 0.0],
                goal_in_the_air: false,
            },
            Self::PickAndPlace => Definition {
                ids: ["FetchPickAndPlace-v4", "FetchPickAndPlaceDense-v4"],
                summaries: [
                    "carry a block to a goal on or above the table, sparse reward",
                    "carry a block to a goal on or above the table, dense reward",
                ],
                model: "pick_and_place.xml",
                base_m: [0.405, 0.48, 0.0],
                object_m: Some([1.25, 0.53, 0.4]),
                blocks_gripper: false,
                extra_height_m: 0.2,
                object_range_m: 0.15,
                goal_range_m: 0.15,
                goal_offset_m: [0.0; 3],
                goal_in_the_air: true,
            },
        }
    }
}

const fn index(reward: GoalReward) -> usize {
    match reward {
        GoalReward::Sparse => 0,
        GoalReward::Dense => 1,
    }
}
