//! The table of environments: one line each, from which `--help`, `trainer list` and the contract
//! tests follow.

use super::gymnasium::{self, GymnasiumEnv};
use super::mujoco::{
    MujocoEnv, Task, ant::Ant, fetch::FetchEnv, fetch::FetchTask, fetch::FixedGoalEnv,
    fetch::FixedGoalTask, half_cheetah::HalfCheetah, hopper::Hopper, humanoid::Humanoid,
    inverted_double_pendulum::InvertedDoublePendulum, inverted_pendulum::InvertedPendulum,
    pusher::Pusher, reacher::Reacher, swimmer::Swimmer, walker2d::Walker2d,
};
use super::point_reach::{self, PointReach};
use super::reach2d;
use super::{Env, EnvError, GoalReward};

/// An environment that can be opened by name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// e.g. `HalfCheetah-v5`.
    pub id: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Loads its model.
    pub open: fn() -> Result<Box<dyn Env>, EnvError>,
}

/// An entry for a task of the Fetch robot with a reward.
macro_rules! fetch {
    ($task:ident, $reward:ident) => {
        fetch!(FetchEnv, FetchTask::$task, $reward)
    };
    ($env:ident, $task:expr, $reward:ident) => {
        Entry {
            id: $task.id(GoalReward::$reward),
            summary: $task.summary(GoalReward::$reward),
            open: || {
                let env = $env::open($task, GoalReward::$reward)?;
                Ok(Box::new(env))
            },
        }
    };
}

/// All environments.
pub const ENTRIES: &[Entry] = &joined::<{ SINGLE.len() + reach2d::ENTRIES.len() }>();

const SINGLE: &[Entry] = &[
    mujoco::<InvertedPendulum>(),
    mujoco::<InvertedDoublePendulum>(),
    mujoco::<HalfCheetah>(),
    mujoco::<Hopper>(),
    mujoco::<Walker2d>(),
    mujoco::<Ant>(),
    mujoco::<Humanoid>(),
    mujoco::<Reacher>(),
    mujoco::<Swimmer>(),
    mujoco::<Pusher>(),
    fetch!(Reach, Sparse),
    fetch!(Reach, Dense),
    fetch!(Push, Sparse),
    fetch!(Push, Dense),
    fetch!(Slide, Sparse),
    fetch!(Slide, Dense),
    fetch!(PickAndPlace, Sparse),
    fetch!(PickAndPlace, Dense),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHole, Sparse),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHole, Dense),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHole2D, Sparse),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHole2D, Dense),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHoleRandInit, Sparse),
    fetch!(FixedGoalEnv, FixedGoalTask::PegInHoleRandInit, Dense),
    fetch!(FixedGoalEnv, FixedGoalTask::PickAndPlaceRandInit, Sparse),
    fetch!(FixedGoalEnv, FixedGoalTask::PickAndPlaceRandInit, Dense),
    Entry {
        id: point_reach::ID,
        summary: point_reach::SUMMARY,
        open: || Ok(Box::new(PointReach::new())),
    },
];

/// The families of environments, one after the other.
const fn joined<const N: usize>() -> [Entry; N] {
    let mut all = [SINGLE[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < SINGLE.len() {
            SINGLE[index]
        } else {
            reach2d::ENTRIES[index - SINGLE.len()]
        };
        index += 1;
    }
    all
}

/// Opens an environment by its exact name, or one of Python's Gymnasium by its name after `gym:`.
///
/// # Errors
/// [`EnvError::Unknown`] with the nearest name; whatever opening its model answers.
pub fn open(id: &str) -> Result<Box<dyn Env>, EnvError> {
    if let Some(name) = id.strip_prefix(gymnasium::PREFIX) {
        return Ok(Box::new(GymnasiumEnv::open(name)?));
    }
    match ENTRIES.iter().find(|entry| entry.id == id) {
        Some(entry) => (entry.open)(),
        None => Err(EnvError::Unknown {
            id: id.to_owned(),
            nearest: nearest(id),
        }),
    }
}

const fn mujoco<T: Task + 'static>() -> Entry {
    Entry {
        id: T::DEFINITION.id,
        summary: T::DEFINITION.summary,
        open: open_mujoco::<T>,
    }
}

fn open_mujoco<T: Task + 'static>() -> Result<Box<dyn Env>, EnvError> {
    Ok(Box::new(MujocoEnv::<T>::open()?))
}

fn nearest(id: &str) -> &'static str {
    let asked = id.to_lowercase();
    ENTRIES
        .iter()
        .map(|entry| entry.id)
        .min_by_key(|known| strsim::damerau_levenshtein(&asked, &known.to_lowercase()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let message = open("halfcheetah").unwrap_err().to_string();
        assert!(message.contains("`HalfCheetah-v5`"), "{message}");
        let message = open("Walker-v5").unwrap_err().to_string();
        assert!(message.contains("`Walker2d-v5`"), "{message}");
    }

    #[test]
    fn names_are_distinct() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert!(
                ENTRIES[..index].iter().all(|other| other.id != entry.id),
                "{} twice",
                entry.id
            );
        }
    }
}
