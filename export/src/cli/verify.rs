//! `export verify`: whether two files are the same policy.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{Answer, print};
use crate::comparison::{Comparison, SCALES, compare};
use crate::{Backend, Runner};

/// Run the same random observations through two files and compare the actions
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// A .pt (evaluated in float64), .onnx or .rlfd file
    a: PathBuf,
    /// Another one
    b: PathBuf,
    /// Number of observations
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Seed of the observations
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Greatest accepted relative error, |a - b| / max(1, |a|, deviation of the observation)
    #[arg(long, default_value_t = 1e-5)]
    tolerance: f64,
    /// Engine for .onnx files
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self) -> Result<Answer> {
        ensure!(self.count > 0, "--count is 0, at least 1 is expected");
        ensure!(
            self.tolerance >= 0.0,
            "--tolerance is {}, at least 0 is expected",
            self.tolerance
        );
        let mut a = Runner::open(&self.a, self.backend)?;
        let mut b = Runner::open(&self.b, self.backend)?;
        let comparison = compare(&mut a, &mut b, self.count, self.seed)?;
        let agree = comparison.max_relative_error <= self.tolerance;
        print(&if self.json {
            let mut json = serde_json::to_value(comparison)?;
            json["tolerance"] = self.tolerance.into();
            json["agree"] = agree.into();
            format!("{json:#}\n")
        } else {
            self.report(&a, &b, &comparison, agree)
        })?;
        Ok(if agree { Answer::Yes } else { Answer::No })
    }

    fn report(&self, a: &Runner, b: &Runner, comparison: &Comparison, agree: bool) -> String {
        let least = SCALES.iter().copied().fold(f32::INFINITY, f32::min);
        let greatest = SCALES.iter().copied().fold(0.0, f32::max);
        let verdict = if agree { "agree" } else { "DIFFER" };
        format!(
            "a: {} ({})\n\
             b: {} ({})\n\
             {} observations, normal with deviations {least} to {greatest}, seed {}\n\
             greatest absolute error {:.3e}\n\
             greatest relative error {:.3e}, |a - b| / max(1, |a|, deviation), at observation {}, action[{}]\n\
             {verdict} (tolerance {:e})\n",
            self.a.display(),
            a.engine(),
            self.b.display(),
            b.engine(),
            self.count,
            self.seed,
            comparison.max_absolute_error,
            comparison.max_relative_error,
            comparison.row,
            comparison.column,
            self.tolerance
        )
    }
}
