//! [`Experience`]: what a run has seen and learns from, as single steps or, where there are goals, as whole episodes.

use super::{Episode, EpisodeBuffer, ReplayBuffer};

/// Counted in its own units: steps or episodes.
#[derive(Debug)]
pub enum Experience {
    /// Of environments without goals.
    Steps(ReplayBuffer),
    /// Of goal-conditioned environments.
    Episodes(EpisodeBuffer),
}

impl Experience {
    /// Nothing can be drawn yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Steps(buffer) => buffer.is_empty(),
            Self::Episodes(buffer) => buffer.is_empty(),
        }
    }

    /// Units pushed since the run's start.
    #[must_use]
    pub fn written(&self) -> usize {
        match self {
            Self::Steps(buffer) => buffer.written(),
            Self::Episodes(buffer) => buffer.written(),
        }
    }

    /// Number of the oldest unit still held.
    #[must_use]
    pub fn oldest(&self) -> usize {
        match self {
            Self::Steps(buffer) => buffer.oldest(),
            Self::Episodes(buffer) => buffer.oldest(),
        }
    }

    /// Units `first .. first + count`, all still held, for a checkpoint.
    #[must_use]
    pub fn segment(&self, first: usize, count: usize) -> Vec<u8> {
        match self {
            Self::Steps(buffer) => {
                let rows = buffer.rows(first, count);
                rows.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
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
                let rows: Vec<f32> = bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|bytes| f32::from_le_bytes(*bytes))
                    .collect();
                buffer.restore_rows(first, &rows);
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
