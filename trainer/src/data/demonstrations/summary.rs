//! [`Summary`]: what a recording holds, in a few numbers.

use std::fmt;

use serde::Serialize;

use super::{Demonstration, Demonstrations};

/// Mean and standard deviation (of the population).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

/// A few numbers about some episodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the environment, empty where the file does not say.
    pub env: String,
    /// How many there are.
    pub episodes: usize,
    /// Steps of all episodes.
    pub steps: usize,
    /// Steps of the shortest and of the longest.
    pub lengths: (usize, usize),
    /// Numbers in an observation, a goal and an action.
    pub widths: (usize, usize, usize),
    /// Numbers in a simulator state, 0 where none were recorded.
    pub state: usize,
    /// Share of the episodes whose last step is a success.
    pub success: f64,
    /// Sum of rewards.
    pub ret: Spread,
    /// Metres from the goal reached last to the one asked for; absent without goals.
    pub final_distance: Option<Spread>,
    /// Least and greatest of each number of an action.
    pub action: Vec<(f64, f64)>,
}

impl Spread {
    /// Of at least one number.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        let n = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        let square = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Self {
            mean,
            std: square.sqrt(),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = formatter.precision().unwrap_or(2);
        write!(formatter, "{:.digits$} ± {:.digits$}", self.mean, self.std)
    }
}

impl Demonstrations {
    /// The numbers about these episodes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let all =
            |of: fn(&Demonstration) -> f64| -> Vec<f64> { self.episodes.iter().map(of).collect() };
        let successes = self.episodes.iter().filter(|one| one.succeeds()).count();
        let lengths = || self.episodes.iter().map(Demonstration::len);
        let distances = self.final_distances();
        Summary {
            env: self.env.clone(),
            episodes: self.episodes.len(),
            steps: self.n_steps(),
            lengths: (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0)),
            widths: (self.shape.observation, self.shape.goal, self.shape.action),
            state: self.state_len(),
            success: successes as f64 / self.episodes.len() as f64,
            ret: Spread::of(&all(Demonstration::ret)),
            final_distance: (!distances.is_empty()).then(|| Spread::of(&distances)),
            action: self.action_range(),
        }
    }

    /// Metres from the last goal reached to the last one asked for, episode by episode; empty without goals.
    #[must_use]
    pub fn final_distances(&self) -> Vec<f64> {
        let width = self.shape.goal;
        if width == 0 {
            return Vec::new();
        }
        let distance = |one: &Demonstration| {
            let achieved = one.achieved_goal.iter().rev();
            let ways = achieved.zip(one.desired_goal.iter().rev()).take(width);
            ways.map(|(a, d)| (a - d).powi(2)).sum::<f64>().sqrt()
        };
        self.episodes.iter().map(distance).collect()
    }

    fn action_range(&self) -> Vec<(f64, f64)> {
        let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); self.shape.action];
        for episode in &self.episodes {
            for row in episode.action.chunks(self.shape.action) {
                for ((low, high), number) in range.iter_mut().zip(row) {
                    (*low, *high) = (low.min(*number), high.max(*number));
                }
            }
        }
        range
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env = match self.env.as_str() {
            "" => "not said",
            env => env,
        };
        let (observation, goal, action) = self.widths;
        let (shortest, longest) = self.lengths;
        writeln!(formatter, "environment     {env}")?;
        writeln!(
            formatter,
            "episodes        {} of {shortest} to {longest} steps, {} steps in all",
            self.episodes, self.steps
        )?;
        writeln!(
            formatter,
            "numbers         observation {observation}, goal {goal}, action {action}, simulator state {}",
            self.state
        )?;
        // Without goals nothing says what a success is.
        if goal > 0 || self.success > 0.0 {
            writeln!(formatter, "success         {:.3}", self.success)?;
        }
        write!(formatter, "return          {}", self.ret)?;
        if let Some(distance) = self.final_distance {
            write!(formatter, "\nlast distance   {distance:.4} m")?;
        }
        let range = |(low, high): &(f64, f64)| format!("{low:.3} … {high:.3}");
        let ranges: Vec<String> = self.action.iter().map(range).collect();
        write!(formatter, "\nactions         {}", ranges.join(", "))
    }
}
