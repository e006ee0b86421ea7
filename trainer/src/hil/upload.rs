//! [`Upload`]: a signed policy on its way to a board, one question at a time, so that a loop can go on in between.

use std::fs;
use std::path::{Path, PathBuf};

use rlfd_runtime::update::{MANIFEST_LEN, SIGNATURE_LEN, SignedImage};
use rlfd_runtime::wire::{UpdateMessage, UpdateRefusal, UpdateStatus};

use super::{HilError, Session};

/// Bytes of the image in one question: what the firmware of `firmware-examples` has room for.
const CHUNK_LEN: usize = 256;

/// A file of `export sign` and how much of it the board has.
#[derive(Clone, Debug)]
pub struct Upload {
    file: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    Chunks { sent: usize },
    Done,
}

impl Upload {
    /// Reads the file.
    ///
    /// # Errors
    /// There is none, or it is no signed image.
    pub fn open(path: &Path) -> Result<Self, HilError> {
        let file = fs::read(path).map_err(|source| HilError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::new(file).ok_or_else(|| HilError::NotSigned {
            path: PathBuf::from(path),
        })
    }

    /// A file of `export sign` in memory; `None` where it is none.
    #[must_use]
    pub fn new(file: Vec<u8>) -> Option<Self> {
        SignedImage::read(&file)?;
        Some(Self {
            file,
            stage: Stage::Begin,
        })
    }

    /// Asks the next question and answers how far the board is; `None` where everything was done before.
    ///
    /// # Errors
    /// The board does not answer, or refuses, and says why.
    pub fn advance(&mut self, session: &mut Session) -> Result<Option<UpdateStatus>, HilError> {
        let (manifest, rest) = self.file.split_at(MANIFEST_LEN);
        let (signature, image) = rest.split_at(SIGNATURE_LEN);
        let (message, next) = match self.stage {
            Stage::Begin => (
                UpdateMessage::Begin {
                    manifest,
                    signature,
                },
                Stage::Chunks { sent: 0 },
            ),
            Stage::Chunks { sent } if sent < image.len() => {
                let bytes = &image[sent..image.len().min(sent + CHUNK_LEN)];
                let message = UpdateMessage::Chunk {
                    offset: sent as u32,
                    checksum: crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes),
                    bytes,
                };
                let sent = sent + bytes.len();
                (message, Stage::Chunks { sent })
            }
            Stage::Chunks { .. } => (UpdateMessage::Commit, Stage::Done),
            Stage::Done => return Ok(None),
        };
        match session.update(message)? {
            Ok(status) => {
                self.stage = next;
                Ok(Some(status))
            }
            // The board has more or less of it than this side believes: go on from there.
            Err(UpdateRefusal::Order { expected }) if self.is_within(expected) => {
                self.stage = Stage::Chunks {
                    sent: expected as usize,
                };
                Ok(session.update(UpdateMessage::Status)?.ok())
            }
            Err(refusal) => Err(session.refused("Update", refusal)),
        }
    }

    /// Whether everything was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    fn is_within(&self, expected: u32) -> bool {
        let sent = match self.stage {
            Stage::Chunks { sent } => sent,
            Stage::Begin | Stage::Done => return false,
        };
        let len = self.file.len() - MANIFEST_LEN - SIGNATURE_LEN;
        expected as usize != sent && expected as usize <= len && expected > 0
    }
}
