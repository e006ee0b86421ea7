//! [`Script`]: demonstrators written by hand. Each is a proportional controller, of the gripper of a Fetch environment
//! or of a point, that goes through phases and reads nothing but the observation.

use clap::ValueEnum;
use rand::Rng;

use super::waypoints::{Detours, Walker, Waypoints};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScriptKind {
    /// Go to the goal
    Reach,
    /// Go behind the object, push it along the way to the goal
    Push,
    /// Go behind the object, hit it as hard as the goal is far
    Slide,
    /// Go above the object with open fingers, down, close them, carry it
    PickAndPlace,
    /// Steer a point straight to the goal
    Straight,
    /// Bring a peg above a hole and put it in
    PegInHole,
    /// The same in the plane, from as high as is asked for
    #[value(name = "peg-in-hole-2d")]
    PegInHole2D,
    /// Go above a cube on a circle, close the fingers, carry it to the centre
    PickAndPlaceRandInit,
}

/// Opens and closes the fingers, in metres a step.
const OPEN: f64 = 0.05;
const CLOSE: f64 = -0.005;

/// A scripted demonstrator in an episode.
#[derive(Clone, Debug)]
pub struct Script {
    kind: ScriptKind,
    gain: f64,
    phase: u32,
    /// Whether the gripper was above the object in the step before.
    is_above: bool,
    /// Of those that go from place to place.
    waypoints: Option<Waypoints>,
}

impl ScriptKind {
    /// Beginnings of the names of the environments that it knows.
    #[must_use]
    pub fn environments(self) -> &'static [&'static str] {
        match self {
            Self::Reach => &["FetchReach"],
            Self::Push => &["FetchPush"],
            Self::Slide => &["FetchSlide"],
            Self::PickAndPlace => &["FetchPickAndPlace"],
            Self::Straight => &["Reach2DF"],
            Self::PegInHole => &["PegInHoleRandInit", "PegInHole-", "PegInHoleDense-"],
            Self::PegInHole2D => &["PegInHole2D"],
            Self::PickAndPlaceRandInit => &["PickAndPlaceRandInit"],
        }
    }

    /// Whether it knows the environment of this name.
    #[must_use]
    pub fn knows(self, env: &str) -> bool {
        self.environments().iter().any(|name| env.starts_with(name))
    }

    /// Who goes from place to place, where it does that.
    fn walker(self) -> Option<Walker> {
        match self {
            Self::PegInHole => Some(Walker::Peg),
            Self::PegInHole2D => Some(Walker::PegInPlane),
            Self::PickAndPlaceRandInit => Some(Walker::Cube),
            Self::Reach | Self::Push | Self::Slide | Self::PickAndPlace | Self::Straight => None,
        }
    }

    /// What is moved per metre of error, in units of the action: 0.05 m of a gripper, 0.1 m of a point.
    #[must_use]
    pub fn gain(self) -> f64 {
        match self {
            Self::Reach | Self::PickAndPlace => 6.0,
            Self::Push
            | Self::Slide
            | Self::Straight
            | Self::PegInHole
            | Self::PegInHole2D
            | Self::PickAndPlaceRandInit => 10.0,
        }
    }
}

pub(super) type Point = [f64; 3];

const PERIOD_S: f64 = 0.04;
/// Deceleration of the puck in m/s², by which the speed is chosen that lets it stop at the goal: found by trying, for
/// the gripper goes on to push while it brakes.
const BRAKING: f64 = 0.22 * 9.81;

/// The places that the scripts speak of.
struct Scene {
    grip: Point,
    object: Point,
    goal: Point,
    /// Metres per second on the table; zero without an object.
    speed: [f64; 2],
}

impl Scene {
    /// Of a Fetch environment's observation; without an object the gripper itself is brought to the goal.
    fn read(observation: &[f64], has_object: bool) -> Self {
        let point =
            |begin: usize| -> Point { std::array::from_fn(|axis| observation[begin + axis]) };
        Self {
            grip: point(0),
            object: point(if has_object { 3 } else { 0 }),
            goal: point(observation.len() - 3),
            speed: if has_object {
                // Observed per control period, and relative to the gripper.
                [0, 1].map(|axis| (observation[14 + axis] + observation[20 + axis]) / PERIOD_S)
            } else {
                [0.0; 2]
            },
        }
    }

    /// Unit vector on the table from object to goal, and the distance.
    fn heading(&self) -> ([f64; 2], f64) {
        let way = minus(self.goal, self.object);
        let distance = way[0].hypot(way[1]).max(1e-9);
        ([way[0] / distance, way[1] / distance], distance)
    }
}

impl Script {
    /// `gain` is [`ScriptKind::gain`] where it is not said.
    #[must_use]
    pub fn new(kind: ScriptKind, gain: Option<f64>) -> Self {
        Self {
            kind,
            gain: gain.unwrap_or(kind.gain()),
            phase: 1,
            is_above: false,
            waypoints: (kind.walker()).map(|walker| Waypoints::new(walker, Detours::default())),
        }
    }

    /// The same on worse ways.
    ///
    /// # Errors
    /// If this kind has no such ways.
    pub fn with_detours(mut self, detours: Detours) -> anyhow::Result<Self> {
        let refuse = |what: &str, of: &str| Err(anyhow::anyhow!("{what}: only {of} has any"));
        let Detours {
            detour,
            spread,
            low,
            mislabel,
        } = detours;
        for (what, number) in [("a detour", detour), ("a waypoint spread", spread)] {
            if !(number >= 0.0 && number.is_finite()) {
                anyhow::bail!("{what}: expected a number, not negative, found {number}");
            }
        }
        let walker = self.kind.walker();
        if walker != Some(Walker::PegInPlane) && (low > 0 || mislabel) {
            return refuse("low ways and false labels", "peg-in-hole-2d");
        }
        if !matches!(walker, Some(Walker::Peg | Walker::Cube)) && (detour > 0.0 || spread > 0.0) {
            return refuse(
                "detours and a waypoint spread",
                "peg-in-hole or pick-and-place-rand-init",
            );
        }
        self.waypoints = walker.map(|walker| Waypoints::new(walker, detours));
        Ok(self)
    }

    /// Begins episode `number`.
    pub fn begin(&mut self, number: usize, rng: &mut impl Rng) {
        (self.phase, self.is_above) = (1, false);
        if let Some(waypoints) = &mut self.waypoints {
            waypoints.begin(number, rng);
        }
    }

    /// What is recorded in place of `command`, done in step `time`.
    pub fn label(&self, time: u32, command: &mut [f64]) {
        if let Some(waypoints) = &self.waypoints {
            waypoints.label(time, command);
        }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// What to do where `observation` is seen, the goal included where it is shown; a point's is the first two numbers.
    /// Nothing keeps it within the action's bounds. The second answer is whether it moves: one that goes from place to
    /// place rests undisturbed at the last.
    pub fn act(&mut self, observation: &[f64]) -> ([f64; 4], bool) {
        if let Some(waypoints) = &mut self.waypoints {
            return waypoints.act(observation, self.gain);
        }
        (self.steer(observation), true)
    }

    fn steer(&mut self, observation: &[f64]) -> [f64; 4] {
        let kind = self.kind;
        let scene = || Scene::read(observation, kind != ScriptKind::Reach);
        match kind {
            ScriptKind::Straight => {
                let way = [0, 1].map(|axis| observation[2 + axis] - observation[axis]);
                self.toward([way[0], way[1], 0.0], 0.0)
            }
            ScriptKind::Reach => {
                let scene = scene();
                self.toward(minus(scene.goal, scene.grip), 0.0)
            }
            ScriptKind::Push => self.push(&scene()),
            ScriptKind::Slide => self.slide(&scene()),
            ScriptKind::PickAndPlace => self.pick_and_place(&scene()),
            ScriptKind::PegInHole | ScriptKind::PegInHole2D | ScriptKind::PickAndPlaceRandInit => {
                unreachable!("these have waypoints")
            }
        }
    }

    fn toward(&self, way: Point, fingers: f64) -> [f64; 4] {
        [
            self.gain * way[0],
            self.gain * way[1],
            self.gain * way[2],
            fingers,
        ]
    }

    /// Above a place behind the object, down to it, and then the gripper is driven along the way to the goal. A gripper
    /// that has run past the object begins again.
    fn push(&mut self, scene: &Scene) -> [f64; 4] {
        let (heading, distance) = scene.heading();
        if let Some(action) = self.go_behind(scene, heading, 0.09) {
            return action;
        }
        if distance < 0.02 {
            return [0.0; 4];
        }
        let (along, aside) = split(minus(scene.grip, scene.object), heading);
        if along > 0.0 {
            self.phase = 1;
        }
        let ahead = distance.min(0.1);
        let way = [
            heading[0] * ahead - aside[0],
            heading[1] * ahead - aside[1],
            scene.object[2] - scene.grip[2],
        ];
        self.toward(way, 0.0)
    }

    /// Behind the puck as in pushing, then along the way to the goal until the puck is fast enough to slide there. About
    /// one in three gets there.
    fn slide(&mut self, scene: &Scene) -> [f64; 4] {
        let (heading, distance) = scene.heading();
        if let Some(action) = self.go_behind(scene, heading, 0.09) {
            return action;
        }
        let needed = (2.0 * BRAKING * distance).sqrt();
        let speed = scene.speed[0] * heading[0] + scene.speed[1] * heading[1];
        if self.phase == 3 && speed >= 1.15 * needed {
            self.phase = 4;
        }
        if self.phase == 4 {
            return [-heading[0], -heading[1], 0.0, 0.0];
        }
        let (_, aside) = split(minus(scene.grip, scene.object), heading);
        let push = (0.32 * needed + 0.2).min(1.0) * self.gain / self.kind.gain();
        [
            heading[0] * push - 3.0 * aside[0],
            heading[1] * push - 3.0 * aside[1],
            6.0 * (scene.object[2] - scene.grip[2]),
            0.0,
        ]
    }

    /// Phases 1 and 2: above a place `back` metres behind the object, then down. Nothing once the gripper is there.
    fn go_behind(&mut self, scene: &Scene, heading: [f64; 2], back: f64) -> Option<[f64; 4]> {
        let way: Point = [
            scene.object[0] - back * heading[0] - scene.grip[0],
            scene.object[1] - back * heading[1] - scene.grip[1],
            scene.object[2] - scene.grip[2],
        ];
        let above = [way[0], way[1], way[2] + 0.1];
        if self.phase == 1 && above[0].hypot(above[1]) < 0.02 {
            self.phase = 2;
        }
        if self.phase == 2 && way[2].abs() < 0.02 {
            self.phase = 3;
        }
        match self.phase {
            1 => Some(self.toward(above, 0.0)),
            2 => Some(self.toward(way, 0.0)),
            _ => None,
        }
    }

    /// The demonstrator of "Overcoming Exploration in RL with Demonstrations" (Nair et al. 2018), phase by phase.
    fn pick_and_place(&mut self, scene: &Scene) -> [f64; 4] {
        let to_object = minus(scene.object, scene.grip);
        let above = [to_object[0], to_object[1], to_object[2] + 0.03];
        let to_goal = minus(scene.goal, scene.object);
        if self.phase == 1 && self.is_above {
            self.phase = 2;
        }
        // One step more above the object lets the arm come to rest.
        self.is_above = norm(above) < 0.005;
        if self.phase == 2 && norm(to_object) < 0.005 {
            self.phase = 3;
        }
        if self.phase == 3 && norm(to_goal) < 0.01 {
            self.phase = 4;
        }
        match self.phase {
            1 => self.toward(above, OPEN),
            2 => self.toward(to_object, CLOSE),
            3 => self.toward(to_goal, CLOSE),
            _ => [0.0, 0.0, 0.0, CLOSE],
        }
    }
}

/// Part of a way along `heading`, and what is left of it on the table.
fn split(way: Point, heading: [f64; 2]) -> (f64, [f64; 2]) {
    let along = way[0] * heading[0] + way[1] * heading[1];
    let aside = [way[0] - along * heading[0], way[1] - along * heading[1]];
    (along, aside)
}

pub(super) fn minus(a: Point, b: Point) -> Point {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

pub(super) fn norm(way: Point) -> f64 {
    way.iter().map(|number| number * number).sum::<f64>().sqrt()
}
