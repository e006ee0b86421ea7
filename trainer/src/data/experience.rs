//! [`Experience`]: what a run has seen and learns from, as single steps, where there are goals as whole episodes, or as
//! the rollout of one policy.

use super::{Episode, EpisodeBuffer, ReplayBuffer, Rollout};

/// Counted in its own units: steps or episodes.
#[derive(Debug)]
pub enum Experience {
    /// Of environments without goals.
    Steps(ReplayBuffer),
    /// Of goal-conditioned environments.
    Episodes(EpisodeBuffer),
    /// Of the policy as it is now.
    Rollout(Rollout),
}

impl Experience {
    /// Nothing can be drawn yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Steps(buffer) => buffer.is_empty(),
            Self::Episodes(buffer) => buffer.is_empty(),
            Self::Rollout(rollout) => rollout.is_empty(),
        }
    }

    /// Units pushed since the run's start.
    #[must_use]
    pub fn written(&self) -> usize {
        match self {
            Self::Steps(buffer) => buffer.written(),
            Self::Episodes(buffer) => buffer.written(),
            Self::Rollout(rollout) => rollout.written(),
        }
    }

    /// Number of the oldest unit still held.
    #[must_use]
    pub fn oldest(&self) -> usize {
        match self {
            Self::Steps(buffer) => buffer.oldest(),
            Self::Episodes(buffer) => buffer.oldest(),
            Self::Rollout(rollout) => rollout.written() - rollout.len(),
        }
    }

    /// Units `first .. first + count`, all still held, for a checkpoint.
    #[must_use]
    pub fn segment(&self, first: usize, count: usize) -> Vec<u8> {
        match self {
            Self::Steps(buffer) => bytes_of(&buffer.rows(first, count)),
            Self::Rollout(rollout) => bytes_of(&rollout.rows(first, count)),
            Self::Episodes(buffer) => {
                let episodes: Vec<&Episode> =
                    (first..first + count).map(|n| buffer.episode(n)).collect();
                postcard::to_allocvec(&episodes).expect("plain data")
            }
        }
    }

    /// Puts a segment back; false if its bytes do not hold `count` units.
    #[must_use]
    pub fn restore(&mut self, first: usize, count: usize, bytes: &[u8]) -> bool {
        match self {
            Self::Steps(buffer) => {
                if bytes.len() != count * buffer.row_len() * 4 {
                    return false;
                }
                buffer.restore_rows(first, &floats_of(bytes));
                true
            }
            Self::Rollout(rollout) => {
                if bytes.len() != count * rollout.row_len() * 4 {
                    return false;
                }
                rollout.restore_rows(first, &floats_of(bytes));
                true
            }
            Self::Episodes(buffer) => match postcard::from_bytes::<Vec<Episode>>(bytes) {
                Ok(episodes) if episodes.len() == count => {
                    buffer.restore(first, episodes);
                    true
                }
                _ => false,
            },
        }
    }
}

fn bytes_of(rows: &[f32]) -> Vec<u8> {
    rows.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    let chunks = bytes.as_chunks::<4>().0;
    chunks
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}
