//! Demonstrations in an `.npz` file: plain arrays, read by NumPy without pickle. E episodes of at most T steps:
//!
//! | array | dimensions | type | |
//! |---|---|---|---|
//! | `env` | | text | name of the environment; optional |
//! | `observation` | E, T+1, · | float64 | the desired goal not among it |
//! | `achieved_goal` | E, T+1, goal | float64 | only with goals |
//! | `desired_goal` | E, T, goal | float64 | only with goals |
//! | `action` | E, T, · | float64 | |
//! | `reward` | E, T | float64 | |
//! | `terminated` | E, T | bool | optional; absent means never |
//! | `is_success` | E, T | bool | optional; absent means never |
//! | `length` | E | int64 | steps of each episode; optional, absent means T |
//! | `state` | E, T+1, n | float64 | MuJoCo's integration state; optional |
//!
//! Rows behind the end of a shorter episode are NaN, or false, and are not looked at. `[E, T, 1]` is taken for `[E, T]`,
//! and any type of number for any other.

use std::path::Path;

use rlfd_models::npz::{Npz, NpzError, NpzWriter};

use super::{
    Demonstration, DemonstrationError, DemonstrationShape, Demonstrations, Flaw, OlderLayout,
};

impl Demonstrations {
    /// Reads a file and checks it.
    ///
    /// # Errors
    /// [`DemonstrationError`] names the file, the array, the episode and the step.
    pub fn read(path: &Path) -> Result<Self, DemonstrationError> {
        let mut npz = Npz::open(path)?;
        let in_file = |flaw: Flaw| flaw.in_file(path);
        if let Some(layout) = OlderLayout::of(&npz) {
            return Err(in_file(Flaw::of(
                layout.first_array(),
                format!("{layout}; `trainer demos convert` turns it into ours"),
            )));
        }
        let demonstrations = read(&mut npz, path)?;
        demonstrations.check().map_err(in_file)?;
        Ok(demonstrations)
    }

    /// Writes a file whole or not at all, into a folder that is made if it is not there.
    ///
    /// # Errors
    /// If something is wrong with the episodes, or the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), DemonstrationError> {
        self.check().map_err(|flaw| flaw.in_file(path))?;
        let shape = self.shape;
        let lengths: Vec<i64> = self.episodes.iter().map(|one| one.len() as i64).collect();
        let longest = self.episodes.iter().map(Demonstration::len).max();
        let (n, longest) = (self.episodes.len(), longest.unwrap_or(0));
        let floats = |width: usize, rows: usize, of: fn(&Demonstration) -> &[f64]| {
            padded(&self.episodes, width * rows, of, f64::NAN)
        };
        let flags = |of: fn(&Demonstration) -> &[bool]| padded(&self.episodes, longest, of, false);
        let mut npz = NpzWriter::new();
        npz.text("env", &self.env)?;
        npz.i64("length", &[n], &lengths)?;
        let width = shape.observation;
        npz.f64(
            "observation",
            &[n, longest + 1, width],
            &floats(width, longest + 1, |one| &one.observation),
        )?;
        if shape.goal > 0 {
            npz.f64(
                "achieved_goal",
                &[n, longest + 1, shape.goal],
                &floats(shape.goal, longest + 1, |one| &one.achieved_goal),
            )?;
            npz.f64(
                "desired_goal",
                &[n, longest, shape.goal],
                &floats(shape.goal, longest, |one| &one.desired_goal),
            )?;
        }
        npz.f64(
            "action",
            &[n, longest, shape.action],
            &floats(shape.action, longest, |one| &one.action),
        )?;
        npz.f64(
            "reward",
            &[n, longest],
            &floats(1, longest, |one| &one.reward),
        )?;
        npz.bool("terminated", &[n, longest], &flags(|one| &one.terminated))?;
        npz.bool("is_success", &[n, longest], &flags(|one| &one.is_success))?;
        let state_len = self.state_len();
        if state_len > 0 {
            let mut states = Vec::with_capacity(n * (longest + 1) * state_len);
            for (index, episode) in self.episodes.iter().enumerate() {
                states.extend(episode.state.iter().flatten());
                states.resize((index + 1) * (longest + 1) * state_len, f64::NAN);
            }
            npz.f64("state", &[n, longest + 1, state_len], &states)?;
        }
        // The folder of a bare name is the empty path, which is there.
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder).map_err(|error| NpzError {
            path: folder.to_owned(),
            problem: format!("cannot be made: {error}"),
        })?;
        Ok(npz.write(path)?)
    }
}

/// All episodes' numbers, each filled up to `len`.
fn padded<T: Copy>(
    episodes: &[Demonstration],
    len: usize,
    of: fn(&Demonstration) -> &[T],
    filler: T,
) -> Vec<T> {
    let mut all = Vec::with_capacity(episodes.len() * len);
    for (index, episode) in episodes.iter().enumerate() {
        all.extend_from_slice(of(episode));
        all.resize((index + 1) * len, filler);
    }
    all
}

/// An array whose first two dimensions are episodes and steps.
struct Rows {
    data: Vec<f64>,
    /// Of an episode.
    rows: usize,
    width: usize,
}

impl Rows {
    fn episode(&self, index: usize, len: usize) -> Vec<f64> {
        let begin = index * self.rows * self.width;
        self.data[begin..begin + len * self.width].to_vec()
    }

    fn flags(rows: Option<&Self>, index: usize, len: usize) -> Vec<bool> {
        rows.map_or_else(
            || vec![false; len],
            |rows| rows.episode(index, len).iter().map(|x| *x != 0.0).collect(),
        )
    }
}

/// Reads `[E, T + extra, width]`; a width of one may be left out where `flat`.
fn rows(
    npz: &mut Npz,
    path: &Path,
    name: &str,
    expected: (usize, usize),
    flat: bool,
) -> Result<Rows, DemonstrationError> {
    let array = npz.numbers(name)?;
    let (n, rows) = expected;
    let width = match *array.shape {
        [a, b] if flat && (a, b) == (n, rows) => 1,
        [a, b, 1] if flat && (a, b) == (n, rows) => 1,
        [a, b, width] if !flat && (a, b) == (n, rows) && width > 0 => width,
        _ => {
            let last = if flat { "" } else { ", ·" };
            return Err(Flaw::of(
                name,
                format!(
                    "expected [{n}, {rows}{last}] beside `action`, found {:?}",
                    array.shape
                ),
            )
            .in_file(path));
        }
    };
    Ok(Rows {
        data: array.data,
        rows,
        width,
    })
}

fn read(npz: &mut Npz, path: &Path) -> Result<Demonstrations, DemonstrationError> {
    let in_file = |flaw: Flaw| flaw.in_file(path);
    let action = npz.numbers("action")?;
    let [n, longest, action_dim] = *action.shape else {
        let problem = format!("expected [E, T, ·], found {:?}", action.shape);
        return Err(in_file(Flaw::of("action", problem)));
    };
    if n * longest * action_dim == 0 {
        let problem = format!("expected episodes with steps, found {:?}", action.shape);
        return Err(in_file(Flaw::of("action", problem)));
    }
    let action = Rows {
        data: action.data,
        rows: longest,
        width: action_dim,
    };
    let observation = rows(npz, path, "observation", (n, longest + 1), false)?;
    let has_goals = npz.contains("achieved_goal") || npz.contains("desired_goal");
    let goals = if has_goals {
        let achieved = rows(npz, path, "achieved_goal", (n, longest + 1), false)?;
        let desired = rows(npz, path, "desired_goal", (n, longest), false)?;
        if achieved.width != desired.width {
            let problem = format!(
                "expected {} numbers in a row as in `achieved_goal`, found {}",
                achieved.width, desired.width
            );
            return Err(in_file(Flaw::of("desired_goal", problem)));
        }
        Some((achieved, desired))
    } else {
        None
    };
    let reward = rows(npz, path, "reward", (n, longest), true)?;
    let mut optional = |name: &str, extra: usize, flat: bool| {
        let expected = (n, longest + extra);
        npz.contains(name)
            .then(|| rows(npz, path, name, expected, flat))
            .transpose()
    };
    let terminated = optional("terminated", 0, true)?;
    let is_success = optional("is_success", 0, true)?;
    let state = optional("state", 1, false)?;
    let lengths = lengths(npz, n, longest).map_err(|error| match error {
        LengthError::File(error) => error,
        LengthError::Flaw(flaw) => in_file(flaw),
    })?;
    let env = match npz.contains("env") {
        true => npz.text("env")?,
        false => String::new(),
    };
    let shape = DemonstrationShape {
        observation: observation.width,
        goal: goals.as_ref().map_or(0, |(achieved, _)| achieved.width),
        action: action_dim,
    };
    let episode = |(index, len): (usize, usize)| Demonstration {
        observation: observation.episode(index, len + 1),
        achieved_goal: goals
            .as_ref()
            .map_or_else(Vec::new, |(achieved, _)| achieved.episode(index, len + 1)),
        desired_goal: goals
            .as_ref()
            .map_or_else(Vec::new, |(_, desired)| desired.episode(index, len)),
        action: action.episode(index, len),
        reward: reward.episode(index, len),
        terminated: Rows::flags(terminated.as_ref(), index, len),
        is_success: Rows::flags(is_success.as_ref(), index, len),
        state: state.as_ref().map_or_else(Vec::new, |state| {
            let numbers = state.episode(index, len + 1);
            numbers.chunks(state.width).map(<[f64]>::to_vec).collect()
        }),
    };
    Ok(Demonstrations {
        env,
        shape,
        episodes: lengths.into_iter().enumerate().map(episode).collect(),
    })
}

enum LengthError {
    File(DemonstrationError),
    Flaw(Flaw),
}

/// Steps of each episode.
fn lengths(npz: &mut Npz, n: usize, longest: usize) -> Result<Vec<usize>, LengthError> {
    if !npz.contains("length") {
        return Ok(vec![longest; n]);
    }
    let array = npz
        .numbers("length")
        .map_err(|error| LengthError::File(error.into()))?;
    if array.shape != [n] {
        let problem = format!("expected [{n}], found {:?}", array.shape);
        return Err(LengthError::Flaw(Flaw::of("length", problem)));
    }
    let length = |(episode, number): (usize, &f64)| {
        let whole = *number as usize;
        if whole as f64 == *number && (1..=longest).contains(&whole) {
            return Ok(whole);
        }
        Err(LengthError::Flaw(Flaw {
            episode: Some(episode),
            ..Flaw::of("length", format!("expected 1 to {longest}, found {number}"))
        }))
    };
    array.data.iter().enumerate().map(length).collect()
}
