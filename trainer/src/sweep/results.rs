//! [`Results`]: what a sweep found, a row per member, as a table for a person and as `results.csv`.

use std::collections::BTreeSet;

use anyhow::Context;
use rlfd_models::atomic_file;

use super::{Manifest, State};
use crate::run::{Curve, Outcome};

/// A row per member, in the order of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Results {
    /// Of the members that are finished; of others, only what they are.
    ///
    /// # Errors
    /// If a member's files are damaged.
    pub fn read(manifest: &Manifest) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for index in 0..manifest.entries().len() {
            let (directory, recipe) = manifest.member(index)?;
            let outcome = Outcome::read(&directory, &recipe.sha256())?;
            found.push(match outcome {
                Some(outcome) => Some((outcome, Curve::read(&directory, &recipe)?)),
                None => None,
            });
        }
        let last = |curve: &Curve, column: &str| curve.points(column).last().map(|point| point.1);
        let mut curves = found.iter().flatten().map(|(_, curve)| curve);
        let has_goals = curves.any(|curve| last(curve, "success_rate").is_some());

        // Recipes of one sweep may have different axes.
        let axes = manifest
            .entries()
            .iter()
            .flat_map(|entry| entry.values.keys());
        let axes: BTreeSet<&String> = axes.collect();
        let mut header: Vec<String> = axes.iter().map(|axis| (*axis).clone()).collect();
        let columns = [
            "state",
            "final_return",
            "best_return",
            "final_success",
            "steps",
            "elapsed_s",
        ];
        let columns = columns
            .iter()
            .filter(|column| has_goals || **column != "final_success");
        header.extend(columns.map(|column| (*column).to_owned()));

        let mut rows = Vec::new();
        for (entry, found) in manifest.entries().iter().zip(&found) {
            let value = |axis: &&String| entry.values.get(*axis).map_or("", String::as_str);
            let mut row: Vec<String> = axes
                .iter()
                .map(|axis| value(axis).trim_matches('"').to_owned())
                .collect();
            row.push(word(entry.state).to_owned());
            let number = |value: Option<f64>, digits: usize| {
                value.map_or_else(String::new, |value| format!("{value:.digits$}"))
            };
            let curve = found.as_ref().map(|(_, curve)| curve);
            let outcome = found.as_ref().map(|(outcome, _)| outcome);
            row.push(number(
                curve.and_then(|curve| last(curve, "return_mean")),
                2,
            ));
            row.push(number(outcome.and_then(|outcome| outcome.best_return), 2));
            if has_goals {
                row.push(number(
                    curve.and_then(|curve| last(curve, "success_rate")),
                    3,
                ));
            }
            row.push(outcome.map_or_else(String::new, |outcome| outcome.steps.to_string()));
            row.push(number(outcome.map(|outcome| outcome.elapsed_s), 1));
            rows.push(row);
        }
        Ok(Self { header, rows })
    }

    /// Columns side by side, numbers to the right.
    #[must_use]
    pub fn table(&self) -> String {
        let lines: Vec<&Vec<String>> = std::iter::once(&self.header).chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"));
            padded.collect::<Vec<_>>().join("  ") + "\n"
        };
        lines.into_iter().map(line).collect()
    }

    /// Writes `results.csv` into the sweep's folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(line)?;
        }
        let bytes = writer.into_inner().context("a table in memory")?;
        let path = manifest.folder().join("results.csv");
        atomic_file::replace(&path, &bytes)
            .with_context(|| format!("{}: cannot be written", path.display()))
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Running => "running",
        State::Finished => "finished",
        State::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let words = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let results = Results {
            header: words(["gamma", "state"]),
            rows: vec![words(["0.98", "finished"])],
        };
        assert_eq!(results.table(), "gamma     state\n 0.98  finished\n");
    }
}
