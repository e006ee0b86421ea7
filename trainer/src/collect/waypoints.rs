//! [`Waypoints`]: demonstrators that go from place to place, and what makes their ways worse.
//!
//! They are the scripts of Wu et al. (2020), "Shaping Rewards for Reinforcement Learning with Imperfect Demonstrations using
//! Generative Models", for tasks whose goal no observation shows: that goal they know. Each moves by a gain times what is
//! missing to the present place, goes on to the next within 1 cm of it, and rests at the end.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::script::{Point, minus, norm};
use crate::env::mujoco::fetch::{CUBE_GOAL_M, HOLE_M};

/// Within this a place counts as reached, in metres.
const NEAR_M: f64 = 0.01;
/// Opens the fingers while the gripper moves, holds them, closes them, and grips with all force, in metres a step.
const OPEN: f64 = 0.05;
const CLOSE: f64 = -0.05;
const GRIP: f64 = -1.0;

/// Steps of an episode on a low way whose recorded actions are raised.
const RAISED_STEPS: u32 = 14;

/// What makes the ways of such a demonstrator worse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Detours {
    /// How much longer ways are: metres that a peg goes higher than it must, or the share of its way that a cube is taken
    /// aside, to one side in every other episode and to the other in the rest.
    pub detour: f64,
    /// Standard deviation of an intermediate place on the way, as a share of that way.
    pub spread: f64,
    /// Episodes, the first ones, in which a peg in the plane comes too low and is caught by the block.
    pub low: usize,
    /// Whether what is recorded of a peg in the plane differs from what it did: nothing sideways, and one more upwards in the
    /// first 14 steps on low ways.
    pub mislabel: bool,
}

/// Who goes from place to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walker {
    /// The closed gripper, to the hole.
    Peg,
    /// The same in the plane.
    PegInPlane,
    /// The open gripper to a cube, then with it.
    Cube,
}

/// Where something is to go.
#[derive(Clone, Copy, Debug)]
enum Aim {
    /// The gripper, to a place.
    Grip(Point),
    /// The gripper, so far above the cube.
    AboveCube(f64),
    /// The cube, to a place.
    Cube(Point),
    /// As the next aim, but first to a place on the way there: which share of it, by axis, known once it begins.
    OnTheWay(Point),
}

/// A demonstrator in an episode.
#[derive(Clone, Debug)]
pub(super) struct Waypoints {
    walker: Walker,
    detours: Detours,
    /// What is left to do, each with the fingers' motion; the next comes last.
    left: Vec<(Aim, f64)>,
    is_low: bool,
}

impl Waypoints {
    pub fn new(walker: Walker, detours: Detours) -> Self {
        Self {
            walker,
            detours,
            left: Vec::new(),
            is_low: false,
        }
    }

    /// Begins episode `number`.
    pub fn begin(&mut self, number: usize, rng: &mut impl Rng) {
        let Detours { detour, spread, .. } = self.detours;
        let goal = HOLE_M;
        self.is_low = false;
        self.left.clear();
        match self.walker {
            Walker::Peg => {
                let mut between = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
                let first = [
                    goal[0] + between(-0.1, 0.0),
                    goal[1] + between(-0.05, 0.05),
                    goal[2] + 0.08 + detour + between(0.0, 0.05),
                ];
                if spread > 0.0 {
                    self.left.push((on_the_way(0.0, spread, rng), OPEN));
                }
                self.left.extend([
                    (Aim::Grip(first), OPEN),
                    (Aim::Grip([goal[0], goal[1], goal[2] + 0.08]), OPEN),
                    (Aim::Grip(goal), OPEN),
                ]);
            }
            Walker::PegInPlane => {
                let low = self.detours.low;
                self.is_low = number < low;
                let height = match number.checked_sub(low) {
                    None => 0.2 * number as f64 / low as f64,
                    Some(rest) => 0.2 + 0.02 * (rest % 5) as f64,
                };
                let first = [goal[0] - 0.05, goal[1], goal[2] + height];
                self.left
                    .extend([(Aim::Grip(first), OPEN), (Aim::Grip(goal), OPEN)]);
            }
            Walker::Cube => {
                let side = if number.is_multiple_of(2) {
                    detour
                } else {
                    -detour
                };
                let is_aside = detour > 0.0 || spread > 0.0;
                let mut aside =
                    |fingers| is_aside.then(|| (on_the_way(side, spread, rng), fingers));
                self.left.extend(aside(OPEN));
                self.left
                    .extend([(Aim::AboveCube(0.05), OPEN), (Aim::AboveCube(0.0), CLOSE)]);
                self.left.extend(aside(GRIP));
                self.left
                    .extend([(Aim::Cube(CUBE_GOAL_M), GRIP), (Aim::AboveCube(0.03), OPEN)]);
            }
        }
        self.left.reverse();
    }

    /// What to do where `observation` is seen; the second answer is whether anything is left to do.
    pub fn act(&mut self, observation: &[f64], gain: f64) -> ([f64; 4], bool) {
        let point =
            |begin: usize| -> Point { std::array::from_fn(|axis| observation[begin + axis]) };
        let grip = point(0);
        let cube = match self.walker {
            Walker::Cube => point(10),
            Walker::Peg | Walker::PegInPlane => grip,
        };
        let missing = |aim: Aim| match aim {
            Aim::Grip(place) => minus(place, grip),
            Aim::AboveCube(height) => minus([cube[0], cube[1], cube[2] + height], grip),
            Aim::Cube(place) => minus(place, cube),
            Aim::OnTheWay(_) => unreachable!("resolved when it begins"),
        };
        while let Some((aim, fingers)) = self.left.pop() {
            if let Aim::OnTheWay(shares) = aim {
                let Some((next, _)) = self.left.last() else {
                    continue;
                };
                // A part of the way is a place from now on, wherever the cube may move.
                let (is_cube, from) = match next {
                    Aim::Cube(_) => (true, cube),
                    _ => (false, grip),
                };
                let way = missing(*next);
                let place = std::array::from_fn(|axis| from[axis] + shares[axis] * way[axis]);
                let aim = if is_cube {
                    Aim::Cube(place)
                } else {
                    Aim::Grip(place)
                };
                self.left.push((aim, fingers));
                continue;
            }
            let way = missing(aim);
            if norm(way) >= NEAR_M {
                self.left.push((aim, fingers));
                let [x, y, z] = way.map(|number| gain * number);
                return ([x, y, z, fingers], true);
            }
        }
        ([0.0, 0.0, 0.0, OPEN], false)
    }

    /// What is recorded in place of `command`, done in step `time`.
    pub fn label(&self, time: u32, command: &mut [f64]) {
        if self.detours.mislabel {
            command[1] = 0.0;
            if self.is_low && time < RAISED_STEPS {
                command[2] = (command[2] + 1.0).min(1.0);
            }
        }
    }
}

/// Half of the way, shifted by `side` along one axis and by as much back along another, and spread.
fn on_the_way(side: f64, spread: f64, rng: &mut impl Rng) -> Aim {
    let shifts = [side, -side, 0.0];
    Aim::OnTheWay(shifts.map(|shift| 0.5 + shift + spread * rng.sample::<f64, _>(StandardNormal)))
}
