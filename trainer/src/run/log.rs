//! [`RunLog`]: the numbers of a run, as CSV and as TensorBoard events. Both can be cut back to an earlier length, so
//! that a resumed run leaves the same rows as one that was never interrupted.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tensorboard_rs::summary_writer::SummaryWriter;

use super::RunDirectory;

/// The open files of one run.
pub struct RunLog {
    progress: Csv,
    evaluations: Csv,
    tensorboard: SummaryWriter,
    event_files: PathBuf,
}

impl std::fmt::Debug for RunLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunLog")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// Lengths in bytes at a checkpoint, by file name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogLengths {
    progress: u64,
    evaluations: u64,
    events: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Csv {
    path: PathBuf,
    file: File,
    columns: usize,
}

impl RunLog {
    /// Opens the files at the given lengths; `metrics` are the algorithm's columns.
    ///
    /// # Errors
    /// If a file cannot be opened, cut or written.
    pub fn open(
        run: &RunDirectory,
        metrics: &[&str],
        lengths: &LogLengths,
    ) -> anyhow::Result<Self> {
        let mut columns = vec![
            "step",
            "episodes",
            "episode_return",
            "episode_length",
            "success_rate",
            "updates",
        ];
        columns.extend(metrics);
        columns.extend([
            "observation_mean",
            "observation_std",
            "goal_mean",
            "goal_std",
            "steps_per_s",
            "elapsed_s",
        ]);
        let evaluation = [
            "step",
            "return_mean",
            "return_std",
            "return_min",
            "return_max",
            "episode_length",
            "success_rate",
            "q_mean",
            "potential_mean",
            "ever_success_rate",
        ];
        cut_events(&run.tensorboard(), &lengths.events)?;
        Ok(Self {
            progress: Csv::open(&run.progress(), &columns, lengths.progress)?,
            evaluations: Csv::open(&run.evaluations(), &evaluation, lengths.evaluations)?,
            tensorboard: SummaryWriter::new(fresh_event_file(&run.tensorboard())?),
            event_files: run.tensorboard(),
        })
    }

    /// A row of `progress.csv`; absent numbers are empty cells.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn progress(&mut self, step: usize, row: &[(&str, Option<f64>)]) -> anyhow::Result<()> {
        for (name, value) in row {
            if let Some(value) = value {
                self.tensorboard
                    .add_scalar(&format!("train/{name}"), *value as f32, step);
            }
        }
        let cells = row
            .iter()
            .map(|(_, value)| value.map(|value| value.to_string()).unwrap_or_default());
        self.progress
            .append(std::iter::once(step.to_string()).chain(cells))
    }

    /// A row of `evaluations.csv`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn evaluation(
        &mut self,
        step: usize,
        evaluation: &super::Evaluation,
    ) -> anyhow::Result<()> {
        self.tensorboard
            .add_scalar("eval/return_mean", evaluation.mean() as f32, step);
        self.tensorboard
            .add_scalar("eval/episode_length", evaluation.mean_length() as f32, step);
        let optional = [
            ("eval/success_rate", evaluation.success_rate()),
            ("eval/q_mean", evaluation.mean_q),
            ("eval/potential_mean", evaluation.mean_potential),
            ("eval/ever_success_rate", evaluation.ever_success_rate()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                self.tensorboard.add_scalar(name, value as f32, step);
            }
        }
        let numbers = [
            evaluation.mean(),
            evaluation.std(),
            evaluation.min(),
            evaluation.max(),
            evaluation.mean_length(),
        ];
        let cells = numbers.into_iter().map(Some);
        let cells = cells.chain(optional.map(|(_, value)| value));
        let cells = cells.map(|value| value.map(|value| value.to_string()).unwrap_or_default());
        self.evaluations
            .append(std::iter::once(step.to_string()).chain(cells))
    }

    /// Writes everything out, so that it outlasts a power cut, and tells how long the files are now.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn flush(&mut self) -> anyhow::Result<LogLengths> {
        self.tensorboard.flush();
        for name in event_lengths(&self.event_files)?.keys() {
            let path = self.event_files.join(name);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.with_context(|| format!("{}: cannot be written out", path.display()))?;
        }
        Ok(LogLengths {
            progress: self.progress.synced_length()?,
            evaluations: self.evaluations.synced_length()?,
            events: event_lengths(&self.event_files)?,
        })
    }
}

impl Csv {
    fn open(path: &Path, columns: &[&str], length: u64) -> anyhow::Result<Self> {
        let context = || format!("{}: cannot be opened", path.display());
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(context)?;
        let found = file.metadata().with_context(context)?.len();
        if found < length {
            bail!(
                "{}: has {found} bytes, but {length} at the last checkpoint: rows are missing",
                path.display()
            );
        }
        file.set_len(length).with_context(context)?;
        let mut csv = Self {
            path: path.to_owned(),
            file,
            columns: columns.len(),
        };
        if length == 0 {
            csv.append(columns.iter().map(|column| (*column).to_owned()))?;
        }
        Ok(csv)
    }

    fn append(&mut self, cells: impl Iterator<Item = String>) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let cells: Vec<String> = cells.collect();
        assert_eq!(
            cells.len(),
            self.columns,
            "one cell per column of {}",
            self.path.display()
        );
        writer.write_record(&cells)?;
        let row = writer.into_inner().context("a row in memory")?;
        self.file
            .write_all(&row)
            .with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn synced_length(&self) -> anyhow::Result<u64> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        let metadata = synced.with_context(|| self.path.display().to_string())?;
        Ok(metadata.len())
    }
}

fn event_lengths(folder: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut lengths = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        lengths.insert(
            entry.file_name().to_string_lossy().into_owned(),
            entry.metadata()?.len(),
        );
    }
    Ok(lengths)
}

/// Event files that the checkpoint did not know are removed, the others cut to what it knew.
fn cut_events(folder: &Path, known: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    for name in event_lengths(folder)?.keys() {
        let path = folder.join(name);
        let context = || format!("{}: cannot be cut back", path.display());
        match known.get(name) {
            None => std::fs::remove_file(&path).with_context(context)?,
            Some(length) => {
                OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|file| file.set_len(*length))
                    .with_context(context)?;
            }
        }
    }
    Ok(())
}

/// The writer names its file by the second; a run resumed within that second must not write over what is there.
fn fresh_event_file(folder: &Path) -> anyhow::Result<&Path> {
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_secs())
    };
    while event_lengths(folder)?
        .keys()
        .any(|name| name.contains(&now().to_string()))
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(folder)
}
