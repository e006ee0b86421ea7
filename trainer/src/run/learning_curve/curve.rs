//! [`Curve`]: the evaluations of one run, and the recipe they belong to.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use crate::recipe::Recipe;
use crate::run::RunDirectory;

/// The evaluations of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it was named by who has it drawn.
    pub name: Option<String>,
    /// The recipe's keys and values, as written and in its order.
    pub keys: Vec<(String, String)>,
    steps: Vec<f64>,
    /// A number per evaluation; NaN where the cell is empty.
    columns: BTreeMap<String, Vec<f64>>,
}

impl Curve {
    /// Whether the run in `directory` has been evaluated.
    ///
    /// # Errors
    /// If its `evaluations.csv` cannot be read.
    pub fn is_there(directory: &RunDirectory) -> anyhow::Result<bool> {
        let path = directory.evaluations();
        let unreadable = || format!("{}: cannot be read", path.display());
        Ok(path.exists()
            && std::fs::read_to_string(&path)
                .with_context(unreadable)?
                .lines()
                .count()
                > 1)
    }

    /// Of the run in `directory`.
    ///
    /// # Errors
    /// If its `evaluations.csv` is absent, damaged or without a row.
    pub fn read(directory: &RunDirectory, recipe: &Recipe) -> anyhow::Result<Self> {
        let path = directory.evaluations();
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{name}: cannot be read"))?;
        let recipe = recipe.to_toml();
        let keys = recipe.lines().filter_map(|line| line.split_once(" = "));
        let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self::parse(&name, &text, keys.collect())
    }

    /// From the text of an `evaluations.csv`; `name` is what errors call it.
    pub(super) fn parse(
        name: &str,
        text: &str,
        keys: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader
            .headers()
            .with_context(|| format!("{name}: damaged"))?
            .clone();
        let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for row in reader.records() {
            let row = row.with_context(|| format!("{name}: damaged"))?;
            for (column, cell) in header.iter().zip(&row) {
                let value = match cell {
                    "" => f64::NAN,
                    _ => cell
                        .parse()
                        .with_context(|| format!("{name}: `{column}` is `{cell}`, not a number"))?,
                };
                columns.entry(column.to_owned()).or_default().push(value);
            }
        }
        if !header.iter().any(|column| column == "step") {
            bail!("{name}: no column `step`");
        }
        let Some(steps) = columns.remove("step") else {
            bail!("{name}: no evaluation yet");
        };
        Ok(Self {
            name: None,
            keys,
            steps,
            columns,
        })
    }

    /// (environment step, number) where `column` holds a finite number; empty if there is no such column.
    #[must_use]
    pub fn points(&self, column: &str) -> Vec<(f64, f64)> {
        let values = self.columns.get(column).map_or(&[][..], Vec::as_slice);
        let points = self.steps.iter().copied().zip(values.iter().copied());
        points.filter(|(_, value)| value.is_finite()).collect()
    }

    /// What a key of the recipe is set to.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let found = self.keys.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_their_column_and_may_be_empty() {
        let text = "success_rate,step,return_mean\n,10,-1\n0.5,20,-2\n";
        let curve = Curve::parse("e.csv", text, Vec::new()).unwrap();
        assert_eq!(curve.points("return_mean"), [(10.0, -1.0), (20.0, -2.0)]);
        assert_eq!(curve.points("success_rate"), [(20.0, 0.5)]);
        assert_eq!(curve.points("absent"), []);
    }

    #[test]
    fn damage_is_told_by_file_and_column() {
        let said = |text| {
            Curve::parse("e.csv", text, Vec::new())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said("step,return_mean\n10,high\n"),
            "e.csv: `return_mean` is `high`, not a number"
        );
        assert_eq!(said("step,return_mean\n"), "e.csv: no evaluation yet");
        assert_eq!(said("stop,return_mean\n1,2\n"), "e.csv: no column `step`");
    }
}
