//! [`Outcome`]: how a run ended, as `outcome.json`. The file is written last, so its presence says that all others are
//! whole and that nothing is left to do.

use anyhow::{Context, bail};
use rlfd_models::atomic_file;
use serde::{Deserialize, Serialize};

use super::{Evaluation, RunDirectory};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// SHA-256 of the recipe it belongs to.
    pub recipe_sha256: String,
    /// Environment steps taken.
    pub steps: usize,
    /// Seconds of computing, over all its sessions.
    pub elapsed_s: f64,
    /// Mean return of the best evaluation.
    pub best_return: Option<f64>,
    /// Of the last evaluation, if this process made one; `evaluations.csv` has them all.
    #[serde(skip)]
    pub last_evaluation: Option<Evaluation>,
}

impl Outcome {
    /// Of a run that has ended; nothing if it has not.
    ///
    /// # Errors
    /// If the file is damaged or belongs to another recipe.
    pub fn read(directory: &RunDirectory, recipe_sha256: &str) -> anyhow::Result<Option<Self>> {
        let path = directory.outcome();
        if !path.exists() {
            return Ok(None);
        }
        let name = path.display();
        let bytes = std::fs::read(&path).with_context(|| format!("{name}: cannot be read"))?;
        let outcome: Self =
            serde_json::from_slice(&bytes).with_context(|| format!("{name}: damaged"))?;
        if outcome.recipe_sha256 != recipe_sha256 {
            bail!(
                "{name}: belongs to a recipe with SHA-256 {}, but recipe.toml has {recipe_sha256}",
                outcome.recipe_sha256
            );
        }
        Ok(Some(outcome))
    }

    /// Says that the run has ended.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, directory: &RunDirectory) -> anyhow::Result<()> {
        let path = directory.outcome();
        let text = serde_json::to_string_pretty(self).context("an outcome is plain data")? + "\n";
        atomic_file::replace(&path, text.as_bytes())
            .with_context(|| format!("{}: cannot be written", path.display()))
    }
}
