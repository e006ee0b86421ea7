//! Layouts that other programs have written demonstrations in, and how ours comes of them.
//!
//! The layout of arrays `o`, `u`, `r`, `g`, `ag` is plain and is read here. That of pickled Python objects `acs`,
//! `obs`, `info` is not: see [`crate::python`].

use std::fmt;
use std::ops::Range;
use std::path::Path;

use rlfd_models::npz::{Npz, Numbers};

use super::{Demonstration, DemonstrationError, DemonstrationShape, Demonstrations, Flaw};

/// A layout that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OlderLayout {
    /// `acs`, `obs`, `info`: arrays of Python objects.
    Objects,
    /// `o`, `u`, `r` and, with goals, `g`, `ag`.
    Letters,
}

impl fmt::Display for OlderLayout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Objects => "the layout of pickled objects `acs`, `obs`, `info`",
            Self::Letters => "the layout of arrays `o`, `u`, `r`",
        })
    }
}

impl OlderLayout {
    /// Which of them a file has, if any.
    #[must_use]
    pub fn of(npz: &Npz) -> Option<Self> {
        let holds = |names: &[&str]| names.iter().all(|name| npz.contains(name));
        match () {
            () if npz.contains("action") => None,
            () if holds(&["acs", "obs"]) => Some(Self::Objects),
            () if holds(&["o", "u"]) => Some(Self::Letters),
            () => None,
        }
    }

    pub(super) fn first_array(self) -> &'static str {
        match self {
            Self::Objects => "acs",
            Self::Letters => "u",
        }
    }
}

impl Demonstrations {
    /// Reads a file of arrays `o` `[E, T+1, ·]`, `u` `[E, T, ·]`, `r` `[E, T, 1]` and, with goals, `ag` `[E, T+1, ·]` and
    /// `g` `[E, T, ·]`; `info_is_success` and `done` `[E, T, 1]` where there are such. Where `o` and `ag` are cut to T
    /// rows, `o_2` and `ag_2` `[E, T, ·]` must hold the states that followed. `env` names the environment.
    ///
    /// Where `u` is `[N, ·]`, episodes of different lengths follow one another in all arrays, each up to a row whose `done` is
    /// not zero; `o_2` and `done` must be there then. The task ends there, unless `info_is_success` says that the state is none:
    /// then time ran out.
    ///
    /// # Errors
    /// As [`Demonstrations::read`].
    pub fn read_letters(path: &Path, env: &str) -> Result<Self, DemonstrationError> {
        let mut npz = Npz::open(path)?;
        let in_file = |flaw: Flaw| flaw.in_file(path);
        if npz.numbers("u")?.shape.len() == 2 {
            return flat(&mut npz, path, env);
        }
        let action = rows(&mut npz, path, "u")?;
        let [n, longest, action_dim] = dims(&action);
        let expect = |array: Numbers, name: &str, rows: usize| {
            let found = dims(&array);
            match found {
                [a, b, _] if (a, b) == (n, rows) => Ok(array),
                _ => Err(in_file(Flaw::of(
                    name,
                    format!("expected [{n}, {rows}, ·] beside `u`, found {found:?}"),
                ))),
            }
        };
        let observation = states(&mut npz, path, "o", n, longest)?;
        let has_goals = has_numbers(&mut npz, "g")? && has_numbers(&mut npz, "ag")?;
        let achieved = has_goals
            .then(|| states(&mut npz, path, "ag", n, longest))
            .transpose()?;
        let reward = expect(rows(&mut npz, path, "r")?, "r", longest)?;
        let desired = match has_goals {
            true => Some(expect(rows(&mut npz, path, "g")?, "g", longest)?),
            false => None,
        };
        let mut flags = |name: &str| match npz.contains(name) {
            true => expect(rows(&mut npz, path, name)?, name, longest).map(Some),
            false => Ok(None),
        };
        let is_success = flags("info_is_success")?;
        let terminated = flags("done")?;
        let flag = |array: &Option<Numbers>, index: usize| match array {
            Some(array) => part(array, index).iter().map(|x| *x != 0.0).collect(),
            None => vec![false; longest],
        };
        let numbers = |array: &Option<Numbers>, index: usize| match (array, &desired) {
            (Some(array), Some(_)) => part(array, index).to_vec(),
            _ => Vec::new(),
        };
        let episodes = (0..n).map(|index| Demonstration {
            observation: part(&observation, index).to_vec(),
            achieved_goal: numbers(&achieved, index),
            desired_goal: numbers(&desired, index),
            action: part(&action, index).to_vec(),
            reward: part(&reward, index).to_vec(),
            terminated: flag(&terminated, index),
            is_success: flag(&is_success, index),
            state: Vec::new(),
        });
        let demonstrations = Self {
            env: env.to_owned(),
            shape: DemonstrationShape {
                observation: dims(&observation)[2],
                goal: desired.as_ref().map_or(0, |goal| dims(goal)[2]),
                action: action_dim,
            },
            episodes: episodes.collect(),
        };
        demonstrations.check().map_err(in_file)?;
        Ok(demonstrations)
    }
}

/// Reads `[E, T+1, ·]`, or joins two of `[E, T, ·]`.
fn states(
    npz: &mut Npz,
    path: &Path,
    name: &str,
    n: usize,
    longest: usize,
) -> Result<Numbers, DemonstrationError> {
    let array = rows(npz, path, name)?;
    let next = format!("{name}_2");
    if dims(&array)[..2] == [n, longest] && npz.contains(&next) {
        let after = rows(npz, path, &next)?;
        if dims(&after) == dims(&array) {
            return Ok(joined(&array, &after));
        }
    } else if dims(&array)[..2] == [n, longest + 1] {
        return Ok(array);
    }
    let problem = format!(
        "expected [{n}, {}, ·] beside `u`, or [{n}, {longest}, ·] and `{next}` of the same dimensions, found {:?}",
        longest + 1,
        array.shape
    );
    Err(Flaw::of(name, problem).in_file(path))
}

/// Whether there is such an array with something in it: a task without goals is sometimes written as goals of no number.
fn has_numbers(npz: &mut Npz, name: &str) -> Result<bool, DemonstrationError> {
    Ok(npz.contains(name) && npz.numbers(name)?.shape.last() != Some(&0))
}

/// Reads an array of three dimensions.
fn rows(npz: &mut Npz, path: &Path, name: &str) -> Result<Numbers, DemonstrationError> {
    let array = npz.numbers(name)?;
    if array.shape.len() == 3 && array.shape.iter().all(|dim| *dim > 0) {
        return Ok(array);
    }
    let problem = format!("expected [E, T, ·], found {:?}", array.shape);
    Err(Flaw::of(name, problem).in_file(path))
}

fn dims(array: &Numbers) -> [usize; 3] {
    [array.shape[0], array.shape[1], array.shape[2]]
}

fn part(array: &Numbers, episode: usize) -> &[f64] {
    let [_, rows, width] = dims(array);
    &array.data[episode * rows * width..(episode + 1) * rows * width]
}

/// The states before each step and the one after the last.
fn joined(before: &Numbers, after: &Numbers) -> Numbers {
    let [n, rows, width] = dims(before);
    let mut data = Vec::with_capacity(n * (rows + 1) * width);
    for episode in 0..n {
        data.extend_from_slice(part(before, episode));
        data.extend_from_slice(&part(after, episode)[(rows - 1) * width..]);
    }
    Numbers {
        shape: vec![n, rows + 1, width],
        data,
        element_type: before.element_type,
    }
}

/// Reads `[total, ·]`; a width of one may be left out.
fn column(
    npz: &mut Npz,
    path: &Path,
    name: &str,
    total: usize,
) -> Result<Numbers, DemonstrationError> {
    let mut array = npz.numbers(name)?;
    if array.shape == [total] {
        array.shape.push(1);
    }
    match *array.shape {
        [rows, width] if rows == total && rows * width > 0 => Ok(array),
        _ => {
            let problem = format!("expected [{total}, ·] beside `u`, found {:?}", array.shape);
            Err(Flaw::of(name, problem).in_file(path))
        }
    }
}

/// Rows of an array of two dimensions.
fn slice(array: &Numbers, rows: Range<usize>) -> &[f64] {
    let width = array.shape[1];
    &array.data[rows.start * width..rows.end * width]
}

/// Episodes that follow one another in arrays of two dimensions.
fn flat(npz: &mut Npz, path: &Path, env: &str) -> Result<Demonstrations, DemonstrationError> {
    let in_file = |flaw: Flaw| flaw.in_file(path);
    let total = npz.numbers("u")?.shape[0];
    let has_goals = has_numbers(npz, "g")? && has_numbers(npz, "ag")?;
    let has_success = npz.contains("info_is_success");
    let mut column = |name: &str| column(npz, path, name, total);
    let (action, reward, done) = (column("u")?, column("r")?, column("done")?);
    let observation = (column("o")?, column("o_2")?);
    let success = has_success.then(|| column("info_is_success")).transpose()?;
    let goals = match has_goals {
        true => Some((column("g")?, (column("ag")?, column("ag_2")?))),
        false => None,
    };
    let mut widths = vec![
        ("r", &reward, 1),
        ("done", &done, 1),
        ("o_2", &observation.1, observation.0.shape[1]),
    ];
    widths.extend(success.iter().map(|array| ("info_is_success", array, 1)));
    if let Some((goal, (before, after))) = &goals {
        widths.extend([
            ("ag", before, goal.shape[1]),
            ("ag_2", after, goal.shape[1]),
        ]);
    }
    for (name, array, width) in widths {
        if array.shape[1] != width {
            let problem = format!("expected [{total}, {width}], found {:?}", array.shape);
            return Err(in_file(Flaw::of(name, problem)));
        }
    }
    let ends: Vec<usize> = (0..total).filter(|row| done.data[*row] != 0.0).collect();
    if ends.last() != Some(&(total - 1)) {
        let problem = format!("expected the last of {total} rows to end an episode");
        return Err(in_file(Flaw::of("done", problem)));
    }
    let mut begin = 0;
    let mut episodes = Vec::with_capacity(ends.len());
    for end in ends {
        let steps = begin..end + 1;
        let states = |(before, after): &(Numbers, Numbers)| {
            [slice(before, steps.clone()), slice(after, end..end + 1)].concat()
        };
        let is_success: Vec<bool> = match &success {
            Some(array) => slice(array, steps.clone())
                .iter()
                .map(|x| *x != 0.0)
                .collect(),
            None => vec![false; steps.len()],
        };
        let mut terminated = vec![false; steps.len()];
        terminated[end - begin] = success.is_none() || is_success[end - begin];
        let (achieved_goal, desired_goal) = match &goals {
            Some((goal, both)) => (states(both), slice(goal, steps.clone()).to_vec()),
            None => (Vec::new(), Vec::new()),
        };
        episodes.push(Demonstration {
            observation: states(&observation),
            achieved_goal,
            desired_goal,
            action: slice(&action, steps.clone()).to_vec(),
            reward: slice(&reward, steps.clone()).to_vec(),
            terminated,
            is_success,
            state: Vec::new(),
        });
        begin = end + 1;
    }
    let demonstrations = Demonstrations {
        env: env.to_owned(),
        shape: DemonstrationShape {
            observation: observation.0.shape[1],
            goal: goals.as_ref().map_or(0, |(goal, _)| goal.shape[1]),
            action: action.shape[1],
        },
        episodes,
    };
    demonstrations.check().map_err(in_file)?;
    Ok(demonstrations)
}
