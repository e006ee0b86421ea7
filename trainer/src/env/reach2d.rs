//! [`Reach2d`]: a point in a square that is moved from a corner to a goal in the middle, by its velocity or by its
//! acceleration, with or without an obstacle in the way. It needs no simulator.
//!
//! These are the tasks of the repository of Wu et al. (2020) on rewards shaped by generative models, where they are
//! called `Reach2DF` (order 1), `Reach2D` (order 2) and `BlockReachF`. `v1` draws the goal and allows ±2, `v2` fixes the
//! goal and allows ±1. Two departures: commands are bounded, as was meant there, and the goal of `BlockReachF` lies beyond
//! the obstacle instead of inside it, where nothing could reach it. Of the order 2 a success has to be slow, too; rewards ask
//! for the place alone.

use rand::{Rng, RngExt};
use rlfd_models::spec::{ActionTerm, ObservationTerm, Source};

use super::registry::Entry;
use super::{ActionPrecision, Env, EnvError, EnvSpec, EnvState, GoalReward, GoalTask, Goals, Step};

const PERIOD_US: u32 = 100_000;
const PERIOD_S: f64 = 0.1;
const START: [f64; 2] = [-0.8, -0.8];
/// Half the side of the square goals are drawn from.
const GOAL_SPREAD_M: f64 = 0.2;
const THRESHOLD_M: f64 = 1.0 / 12.0;
/// Below which a point of order 2 counts as being at its goal, and not on its way past.
const SLOW_M_S: f64 = 0.25;
/// Half the side of the obstacle around the origin.
const OBSTACLE_M: f64 = 0.5;
/// Middle of the goals that lie beyond the obstacle.
const BEYOND_M: f64 = 0.75;

/// What an action is the rate of change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The position.
    First,
    /// The velocity.
    Second,
}

/// One of the tasks.
#[derive(Clone, Copy, Debug)]
struct Variant {
    id: &'static str,
    summary: &'static str,
    order: Order,
    has_obstacle: bool,
    /// Goals are drawn and actions go to ±2, instead of one goal and ±1.
    is_wide: bool,
    reward: GoalReward,
}

/// The point, how fast it is and where it should be.
#[derive(Debug)]
pub struct Reach2d {
    spec: EnvSpec,
    task: GoalTask,
    variant: Variant,
    position: [f64; 2],
    velocity: [f64; 2],
    desired: [f64; 2],
}

macro_rules! variants {
    ($($name:literal, $order:ident, $obstacle:literal, $summary:literal;)*) => {
        /// All of them, for the registry.
        pub(super) const ENTRIES: &[Entry] = &[$(
            variants!(entry $name, "-v1", $order, $obstacle, true, Sparse, $summary),
            variants!(entry $name, "Dense-v1", $order, $obstacle, true, Dense, $summary),
            variants!(entry $name, "-v2", $order, $obstacle, false, Sparse, $summary),
            variants!(entry $name, "Dense-v2", $order, $obstacle, false, Dense, $summary),
        )*];
    };
    (entry $name:literal, $suffix:literal, $order:ident, $obstacle:literal, $wide:literal, $reward:ident, $summary:literal) => {
        Entry {
            id: concat!($name, $suffix),
            summary: $summary,
            open: || {
                Ok(Box::new(Reach2d::new(Variant {
                    id: concat!($name, $suffix),
                    summary: $summary,
                    order: Order::$order,
                    has_obstacle: $obstacle,
                    is_wide: $wide,
                    reward: GoalReward::$reward,
                })))
            },
        }
    };
}

variants! {
    "Reach2DF", First, false, "steer a point in the plane from a corner to a goal by its velocity";
    "Reach2D", Second, false, "steer a point in the plane from a corner to a goal by its acceleration";
    "BlockReachF", First, true, "steer a point in the plane around an obstacle to a goal by its velocity";
}

impl Reach2d {
    fn new(variant: Variant) -> Self {
        let task = GoalTask {
            dim: 2,
            threshold: THRESHOLD_M,
            reward: variant.reward,
        };
        let observation = match variant.order {
            Order::First => vec![term("position", "m"), term("desired_goal", "m")],
            Order::Second => vec![
                term("velocity", "m/s"),
                term("position", "m"),
                term("desired_goal", "m"),
            ],
        };
        let bound = if variant.is_wide { 2.0 } else { 1.0 };
        let (name, unit, max_episode_steps) = match variant.order {
            Order::First => ("velocity", "m/s", 20),
            Order::Second => ("acceleration", "m/s²", 30),
        };
        let action = ActionTerm {
            name: name.to_owned(),
            unit: unit.to_owned(),
            dim: 2,
            scale: 1.0,
            offset: 0.0,
            low: -bound,
            high: bound,
            max_rate: None,
            stiffness: None,
            damping: None,
            time_constant_s: None,
        };
        let spec = EnvSpec {
            id: variant.id.to_owned(),
            observation,
            action: vec![action],
            period_us: PERIOD_US,
            max_episode_steps,
            reward_threshold: None,
            goal: Some(task),
            summary: variant.summary,
        };
        Self {
            spec,
            task,
            variant,
            position: START,
            velocity: [0.0; 2],
            desired: [0.0; 2],
        }
    }

    fn observe(&self, observation: &mut [f64]) {
        let rows = match self.variant.order {
            Order::First => &[self.position, self.desired][..],
            Order::Second => &[self.velocity, self.position, self.desired][..],
        };
        for (numbers, row) in observation.chunks_exact_mut(2).zip(rows) {
            numbers.copy_from_slice(row);
        }
    }

    fn is_free(&self, [x, y]: [f64; 2]) -> bool {
        let is_inside = x.abs() < 1.0 && y.abs() < 1.0;
        let is_blocked =
            self.variant.has_obstacle && x.abs() <= OBSTACLE_M && y.abs() <= OBSTACLE_M;
        is_inside && !is_blocked
    }

    fn place(&mut self, physics: &[f64]) -> Result<(), EnvError> {
        let found = match physics.iter().position(|number| !number.is_finite()) {
            Some(index) => format!("{} at index {index}", physics[index]),
            None => physics.len().to_string(),
        };
        match physics {
            &[x, y, vx, vy, to_x, to_y] if physics.iter().all(|number| number.is_finite()) => {
                self.position = [x, y];
                self.velocity = [vx, vy];
                self.desired = [to_x, to_y];
                Ok(())
            }
            _ => Err(EnvError::State {
                id: self.spec.id.clone(),
                expected: 6,
                found,
            }),
        }
    }
}

fn term(name: &str, unit: &str) -> ObservationTerm {
    ObservationTerm {
        source: match name {
            "desired_goal" => Source::Setpoint,
            _ => Source::Sensor,
        },
        name: name.to_owned(),
        unit: unit.to_owned(),
        dim: 2,
        scale: 1.0,
        offset: 0.0,
        clip: None,
        history: 1,
    }
}

impl Env for Reach2d {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut dyn Rng, observation: &mut [f64]) {
        let middle = if self.variant.has_obstacle {
            BEYOND_M
        } else {
            0.0
        };
        let spread = if self.variant.is_wide {
            GOAL_SPREAD_M
        } else {
            0.0
        };
        self.position = START;
        self.velocity = [0.0; 2];
        self.desired = std::array::from_fn(|_| middle + spread * rng.random_range(-1.0..1.0_f64));
        self.observe(observation);
    }

    fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Step {
        let bound = f64::from(self.spec.action[0].high);
        let u = [0, 1].map(|axis| action[axis].clamp(-bound, bound));
        let (position, velocity) = (self.position, self.velocity);
        let next = [0, 1].map(|axis| match self.variant.order {
            Order::First => position[axis] + PERIOD_S * u[axis],
            Order::Second => {
                position[axis] + PERIOD_S * velocity[axis] + PERIOD_S * PERIOD_S / 2.0 * u[axis]
            }
        });
        let is_free = self.is_free(next);
        if is_free {
            self.position = next;
        }
        if self.variant.order == Order::Second {
            let faster = [0, 1].map(|axis| velocity[axis] + PERIOD_S * u[axis]);
            self.velocity = if is_free { faster } else { [0.0; 2] };
        }
        self.observe(observation);
        Step {
            reward: self.task.reward(&self.position, &self.desired),
            terminated: false,
        }
    }

    fn goals(&self) -> Option<Goals<'_>> {
        Some(Goals {
            achieved: &self.position,
            desired: &self.desired,
        })
    }

    fn is_success(&self) -> Option<bool> {
        let is_slow = self.velocity[0].hypot(self.velocity[1]) < SLOW_M_S;
        Some(is_slow && self.task.is_success(&self.position, &self.desired))
    }

    fn set_goal(&mut self, desired: &[f64], observation: &mut [f64]) -> Result<(), EnvError> {
        match desired {
            &[x, y] if x.is_finite() && y.is_finite() => self.desired = [x, y],
            _ => return Err(EnvError::goal(&self.spec, desired)),
        }
        self.observe(observation);
        Ok(())
    }

    /// Position, velocity and desired goal.
    fn save(&self) -> EnvState {
        EnvState {
            physics: [self.position, self.velocity, self.desired].concat(),
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
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use crate::env::registry;

    /// Mean return of going straight to the goal as fast as allowed, and how often each return occurs.
    fn straight(id: &str, episodes: u64) -> (f64, [f64; 21]) {
        let mut env = registry::open(id).unwrap();
        let bound = f64::from(env.spec().action_high()[0]);
        let mut observation = [0.0; 4];
        let mut counts = [0.0; 21];
        for stream in 0..episodes {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            rng.set_stream(stream);
            env.reset(&mut rng, &mut observation);
            let mut ret = 0.0;
            for _ in 0..20 {
                let [x, y, to_x, to_y] = observation;
                let action = [to_x - x, to_y - y].map(|way| (way / 0.1).clamp(-bound, bound));
                ret += env.step(&action, &mut observation).reward;
            }
            counts[-ret as usize] += 1.0 / episodes as f64;
        }
        let mean = counts
            .iter()
            .enumerate()
            .map(|(k, share)| -(k as f64) * share);
        (mean.sum(), counts)
    }

    /// The exact optimum of the task, -3.474, and its distribution: -2 3.4 %, -3 45.8 %, -4 50.8 %.
    #[test]
    fn the_optimum_is_what_it_is_known_to_be() {
        let (mean, counts) = straight("Reach2DF-v1", 10_000);
        assert!((mean + 3.474).abs() < 0.02, "{mean}");
        for (steps, share) in [(2, 0.034), (3, 0.458), (4, 0.508)] {
            assert!(
                (counts[steps] - share).abs() < 0.015,
                "{steps}: {}",
                counts[steps]
            );
        }
        // 0.8 m in steps of 0.1 m, within 1/12 m of the goal after the eighth.
        assert_eq!(straight("Reach2DF-v2", 3).0, -7.0);
    }

    #[test]
    fn walls_and_the_obstacle_stop_the_point() {
        let mut env = registry::open("BlockReachF-v2").unwrap();
        let mut observation = [0.0; 4];
        env.reset_to(&[-0.55, 0.0, 0.0, 0.0, 0.75, 0.75], &mut observation)
            .unwrap();
        env.step(&[1.0, 0.3], &mut observation);
        assert_eq!(observation, [-0.55, 0.0, 0.75, 0.75]);
        env.step(&[0.0, 0.3], &mut observation);
        assert_eq!(observation[..2], [-0.55, 0.03]);
        env.reset_to(&[-0.95, 0.0, 0.0, 0.0, 0.75, 0.75], &mut observation)
            .unwrap();
        env.step(&[-1.0, 0.0], &mut observation);
        assert_eq!(observation[..2], [-0.95, 0.0]);
        // More than is allowed is as much as is allowed.
        env.step(&[9.0, 0.0], &mut observation);
        assert!((observation[0] + 0.85).abs() < 1e-12);
    }

    /// p ← p + 0.1 v + 0.005 u, v ← v + 0.1 u; a wall takes the speed.
    #[test]
    fn the_second_order_integrates_exactly() {
        let mut env = registry::open("Reach2D-v1").unwrap();
        let mut observation = [0.0; 6];
        env.reset_to(&[0.0, 0.0, 0.5, -0.5, 0.1, 0.1], &mut observation)
            .unwrap();
        let step = env.step(&[2.0, 1.0], &mut observation);
        for (found, expected) in observation.iter().zip([0.7, -0.4, 0.06, -0.045, 0.1, 0.1]) {
            assert!((found - expected).abs() < 1e-12, "{observation:?}");
        }
        assert_eq!(step.reward, -1.0);
        env.reset_to(&[0.95, 0.0, 1.0, 0.0, 0.1, 0.1], &mut observation)
            .unwrap();
        env.step(&[0.0, 0.0], &mut observation);
        assert_eq!(observation[..4], [0.0, 0.0, 0.95, 0.0]);
    }

    /// Of both orders a goal is rewarded where it is; of the second a success is not on its way past.
    #[test]
    fn a_success_of_the_second_order_is_slow() {
        for (speed, is_success) in [(0.24, true), (0.26, false)] {
            let mut env = registry::open("Reach2D-v2").unwrap();
            let mut observation = [0.0; 6];
            env.reset_to(&[0.0, 0.0, speed, 0.0, 0.0, 0.0], &mut observation)
                .unwrap();
            let step = env.step(&[0.0, 0.0], &mut observation);
            assert_eq!((step.reward, env.is_success()), (0.0, Some(is_success)));
        }
    }
}
