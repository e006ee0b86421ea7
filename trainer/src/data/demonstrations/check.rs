//! [`Flaw`]: what is wrong with a recording, by array, episode and step; and [`Clipping`], what is done about actions
//! that no policy can answer.

use std::fmt;

use super::{Demonstration, DemonstrationShape, Demonstrations};
use crate::env::EnvSpec;

/// Something in a recording that cannot be learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    /// The array, e.g. `action`.
    pub array: String,
    /// Where in it.
    pub episode: Option<usize>,
    /// Where in the episode.
    pub step: Option<usize>,
    /// What was expected and what was found.
    pub problem: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "array `{}`", self.array)?;
        if let Some(episode) = self.episode {
            write!(formatter, ", episode {episode}")?;
        }
        if let Some(step) = self.step {
            write!(formatter, ", step {step}")?;
        }
        write!(formatter, ": {}", self.problem)
    }
}

impl std::error::Error for Flaw {}

impl Flaw {
    /// Of a whole array.
    pub(super) fn of(array: &str, problem: impl Into<String>) -> Self {
        Self {
            array: array.to_owned(),
            episode: None,
            step: None,
            problem: problem.into(),
        }
    }
}

/// Actions that were put back into their bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clipping {
    /// Steps with at least one number beyond its bound.
    pub steps: usize,
    /// Steps altogether.
    pub of: usize,
    /// The farthest that a number was beyond its bound.
    pub farthest: f64,
}

impl fmt::Display for Clipping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.steps as f64 / self.of.max(1) as f64;
        write!(
            formatter,
            "actions of {} of {} steps ({share:.1} %) clipped to their bounds, by up to {:.3}",
            self.steps, self.of, self.farthest
        )
    }
}

/// One array of an episode.
struct Column<'a> {
    name: &'static str,
    numbers: &'a [f64],
    width: usize,
    rows: usize,
}

impl Demonstrations {
    /// Checks that there is something, that every array has the length that its episode and its width ask for, and that
    /// all numbers are finite.
    ///
    /// # Errors
    /// The first [`Flaw`].
    pub fn check(&self) -> Result<(), Flaw> {
        if self.episodes.is_empty() {
            return Err(Flaw::of("action", "expected at least one episode"));
        }
        let state_len = self.state_len();
        for (index, episode) in self.episodes.iter().enumerate() {
            let in_episode = |flaw: Flaw| Flaw {
                episode: Some(index),
                ..flaw
            };
            check_episode(episode, self.shape).map_err(in_episode)?;
            check_states(episode, state_len).map_err(in_episode)?;
        }
        Ok(())
    }

    /// Numbers in a simulator state, 0 where none were recorded.
    #[must_use]
    pub fn state_len(&self) -> usize {
        let states = self.episodes.first().and_then(|first| first.state.first());
        states.map_or(0, Vec::len)
    }

    /// Checks that an environment has observations, goals and actions of these widths.
    ///
    /// # Errors
    /// A [`Flaw`] that names both sides.
    pub fn fits(&self, spec: &EnvSpec) -> Result<(), Flaw> {
        let goal = spec.goal.map_or(0, |goal| goal.dim);
        for (array, expected, found) in [
            (
                "observation",
                spec.observation_dim() - goal,
                self.shape.observation,
            ),
            ("achieved_goal", goal, self.shape.goal),
            ("action", spec.action_dim(), self.shape.action),
        ] {
            if expected != found {
                return Err(Flaw::of(
                    array,
                    format!(
                        "{} has {expected} numbers in a row, found {found}{}",
                        spec.id,
                        self.origin()
                    ),
                ));
            }
        }
        Ok(())
    }

    fn origin(&self) -> String {
        match self.env.as_str() {
            "" => String::new(),
            env => format!(" (recorded in {env})"),
        }
    }

    /// Puts actions beyond `low` or `high` `[action]` back onto their bounds.
    ///
    /// # Panics
    /// If the bounds have another width.
    pub fn clip(&mut self, low: &[f32], high: &[f32]) -> Clipping {
        let width = self.shape.action;
        assert_eq!((low.len(), high.len()), (width, width), "width of bounds");
        let mut clipping = Clipping {
            of: self.n_steps(),
            ..Clipping::default()
        };
        for episode in &mut self.episodes {
            for row in episode.action.chunks_mut(width) {
                let mut farthest = 0.0_f64;
                for (number, (low, high)) in row.iter_mut().zip(low.iter().zip(high)) {
                    let bounded = number.clamp(f64::from(*low), f64::from(*high));
                    farthest = farthest.max((*number - bounded).abs());
                    *number = bounded;
                }
                clipping.steps += usize::from(farthest > 0.0);
                clipping.farthest = clipping.farthest.max(farthest);
            }
        }
        clipping
    }
}

fn check_episode(episode: &Demonstration, shape: DemonstrationShape) -> Result<(), Flaw> {
    let len = episode.len();
    if len == 0 {
        return Err(Flaw::of("reward", "expected at least one step"));
    }
    let column = |name, numbers, width, rows| Column {
        name,
        numbers,
        width,
        rows,
    };
    let columns = [
        column(
            "observation",
            &episode.observation,
            shape.observation,
            len + 1,
        ),
        column("achieved_goal", &episode.achieved_goal, shape.goal, len + 1),
        column("desired_goal", &episode.desired_goal, shape.goal, len),
        column("action", &episode.action, shape.action, len),
        column("reward", &episode.reward, 1, len),
    ];
    for column in columns {
        let (found, expected) = (column.numbers.len(), column.rows * column.width);
        if found != expected {
            let rows = column.rows;
            return Err(Flaw::of(
                column.name,
                format!(
                    "expected {rows} rows of {} numbers, found {found} numbers",
                    column.width
                ),
            ));
        }
        let odd = column.numbers.iter().position(|number| !number.is_finite());
        if let Some(index) = odd {
            return Err(Flaw {
                step: Some(index / column.width),
                ..Flaw::of(
                    column.name,
                    format!("expected finite numbers, found {}", column.numbers[index]),
                )
            });
        }
    }
    for (name, found) in [
        ("terminated", episode.terminated.len()),
        ("is_success", episode.is_success.len()),
    ] {
        if found != len {
            return Err(Flaw::of(
                name,
                format!("expected {len} rows, found {found}"),
            ));
        }
    }
    Ok(())
}

fn check_states(episode: &Demonstration, state_len: usize) -> Result<(), Flaw> {
    let (found, expected) = (episode.state.len(), episode.len() + 1);
    if found != expected && !(found == 0 && state_len == 0) {
        let problem = format!("expected {expected} simulator states, found {found}");
        return Err(Flaw::of("state", problem));
    }
    for (step, state) in episode.state.iter().enumerate() {
        let problem = match state.iter().find(|number| !number.is_finite()) {
            _ if state.len() != state_len => {
                format!("expected {state_len} numbers, found {}", state.len())
            }
            Some(odd) => format!("expected finite numbers, found {odd}"),
            None => continue,
        };
        return Err(Flaw {
            step: Some(step),
            ..Flaw::of("state", problem)
        });
    }
    Ok(())
}
