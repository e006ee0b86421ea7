//! [`RunState`]: everything a run needs to continue, written so that a kill at any instant leaves a whole one.
//!
//! The replay buffer (steps or episodes) is by far the largest part and only ever grows at its end, so it lies beside the state in segments
//! that are written once: each checkpoint adds what came since the one before and drops those that the ring has
//! overwritten. The state file names the segments that belong to it and is renamed into place last.

use std::path::Path;

use anyhow::{Context, bail};
use rand_chacha::ChaCha8Rng;
use rlfd_models::atomic_file;
use serde::{Deserialize, Serialize};

use super::log::LogLengths;
use super::{RunDirectory, sealed};
use crate::algo::AlgorithmState;
use crate::data::{Episode, Experience};
use crate::env::VectorState;
use crate::nn::NormalizerState;

const MAGIC: &[u8; 8] = b"RLFDRUN4";

/// A run between two environment steps.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunState {
    /// [`Recipe::course_sha256`](crate::recipe::Recipe::course_sha256) of the recipe it belongs to.
    pub course_sha256: String,
    /// Environment steps taken.
    pub step: usize,
    /// Episodes finished.
    pub episodes: usize,
    /// Seconds of computing so far.
    pub elapsed_s: f64,
    /// Mean return of the best evaluation.
    pub best_return: Option<f64>,
    /// Networks and optimisers.
    pub algorithm: AlgorithmState,
    /// Environments in mid-episode; absent where none is stepped.
    pub environments: Option<VectorState>,
    /// The part of each goal-conditioned episode that has been seen.
    pub partial_episodes: Vec<Episode>,
    /// CRC-32 of the demonstrations that are learned from.
    pub demonstrations_crc32: Option<u32>,
    /// Observation statistics.
    pub normalizer: Option<NormalizerState>,
    /// Processes that learn as one.
    pub processes: usize,
    /// Statistics of what this process has observed and the others do not know of yet.
    pub unshared: Option<NormalizerState>,
    /// Stream of exploration.
    pub explore_rng: ChaCha8Rng,
    /// Stream of batches and of the noise in updates.
    pub update_rng: ChaCha8Rng,
    /// Episodes since the last row of the log.
    pub recent_episodes: Vec<FinishedEpisode>,
    /// What the last recorded update told the log.
    pub metrics: Vec<f64>,
    /// Lengths of the log files.
    pub logs: LogLengths,
    /// Where the replay buffer lies.
    pub replay: Vec<Segment>,
}

/// Return, length and success of an episode.
pub type FinishedEpisode = (f64, u32, Option<bool>);

/// Steps or episodes `first .. first + count` of the run, in `replay/<first>.bin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    first: usize,
    count: usize,
    crc32: u32,
}

impl RunState {
    /// Writes the experience that no segment holds yet and lists the segments that matter now.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn store_replay(
        run: &RunDirectory,
        replay: &Experience,
        before: &[Segment],
    ) -> anyhow::Result<Vec<Segment>> {
        let mut segments: Vec<Segment> = before
            .iter()
            .copied()
            .filter(|s| s.first + s.count > replay.oldest())
            .collect();
        let first = segments
            .last()
            .map_or(replay.oldest(), |last| last.first + last.count);
        let count = replay.written() - first;
        if count > 0 {
            let bytes = replay.segment(first, count);
            let segment = Segment {
                first,
                count,
                crc32: sealed::CRC.checksum(&bytes),
            };
            let path = run.replay().join(segment.name());
            atomic_file::replace(&path, &bytes)
                .with_context(|| format!("{}: cannot be written", path.display()))?;
            segments.push(segment);
        }
        Ok(segments)
    }

    /// Puts the experience of all segments back.
    ///
    /// # Errors
    /// If a segment is missing or damaged.
    pub fn restore_replay(
        &self,
        run: &RunDirectory,
        replay: &mut Experience,
    ) -> anyhow::Result<()> {
        for segment in &self.replay {
            let path = run.replay().join(segment.name());
            let bytes = std::fs::read(&path)
                .with_context(|| format!("{}: cannot be read", path.display()))?;
            let is_whole = sealed::CRC.checksum(&bytes) == segment.crc32
                && replay.restore(segment.first, segment.count, &bytes);
            if !is_whole {
                bail!(
                    "{}: damaged: it should hold {} steps or episodes with CRC {:08x}",
                    path.display(),
                    segment.count,
                    segment.crc32
                );
            }
        }
        Ok(())
    }

    /// Replaces the run's state file, then removes segments that it does not name.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, run: &RunDirectory) -> anyhow::Result<()> {
        self.write_to(&run.checkpoint())?;
        self.remove_strays(&run.replay())
    }

    /// Writes the state beside the current one, which stays valid, for processes that must all go on from the same step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_next(&self, run: &RunDirectory) -> anyhow::Result<()> {
        self.write_to(&run.next_checkpoint())
    }

    /// Puts the state that [`RunState::write_next`] wrote in the place of the current one.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn become_current(&self, run: &RunDirectory) -> anyhow::Result<()> {
        let (next, path) = (run.next_checkpoint(), run.checkpoint());
        std::fs::rename(&next, &path)
            .with_context(|| format!("{}: cannot be renamed", next.display()))?;
        self.remove_strays(&run.replay())
    }

    fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        sealed::write(path, MAGIC, self)
    }

    /// The state a run was last left in; nothing if it was killed before its first checkpoint.
    ///
    /// # Errors
    /// If the file is damaged or belongs to another recipe.
    pub fn read(run: &RunDirectory, course_sha256: &str) -> anyhow::Result<Option<Self>> {
        Self::read_from(&run.checkpoint(), course_sha256)
    }

    /// As [`RunState::read`], of the state that was to become the current one.
    ///
    /// # Errors
    /// As there.
    pub fn read_next(run: &RunDirectory, course_sha256: &str) -> anyhow::Result<Option<Self>> {
        Self::read_from(&run.next_checkpoint(), course_sha256)
    }

    fn read_from(path: &Path, course_sha256: &str) -> anyhow::Result<Option<Self>> {
        let Some(state) = sealed::read::<Self>(path, MAGIC)? else {
            return Ok(None);
        };
        let name = path.display();
        if state.course_sha256 != course_sha256 {
            bail!(
                "{name}: belongs to a recipe with SHA-256 {}, but recipe.toml has {course_sha256}, both without \
                 `total_steps`: of the keys only that one may change, by `--resume` with `--total-steps`",
                state.course_sha256
            );
        }
        Ok(Some(state))
    }

    fn remove_strays(&self, folder: &Path) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if !self
                .replay
                .iter()
                .any(|segment| entry.file_name() == *segment.name())
            {
                std::fs::remove_file(entry.path())
                    .with_context(|| entry.path().display().to_string())?;
            }
        }
        Ok(())
    }
}

impl Segment {
    fn name(&self) -> String {
        format!("{:012}.bin", self.first)
    }
}
