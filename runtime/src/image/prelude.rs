//! The fixed 32 bytes at the start of an image, and the header behind them. Layout: `docs/image.md`.

use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::ImageError;
use crate::checksum::CRC32;

/// First bytes of every image: one that is not text, the name, and both line ends, which a transfer in text mode damages.
pub const MAGIC: [u8; 8] = *b"\x89RLFD\r\n\x1a";

/// Version of the format this crate reads and writes.
pub const IMAGE_VERSION: u16 = 3;

/// An image starts, and each of its sections lies, at a multiple of this many bytes.
pub const ALIGNMENT: usize = 16;

/// Bytes of the prelude.
pub(super) const PRELUDE_LEN: usize = size_of::<Prelude>();

/// Where the checksum lies; it covers everything else.
const CHECKSUM_AT: usize = 12;

/// Section names, in the order they lie.
pub(super) const SECTIONS: [&str; 10] = [
    "observation terms",
    "action terms",
    "inputs",
    "outputs",
    "labels",
    "operations",
    "constants",
    "golden observation",
    "golden action",
    "observation statistics",
];

/// The part of an image whose layout never changes up to `version`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Prelude {
    pub magic: [u8; 8],
    pub version: u16,
    pub reserved: u16,
    pub checksum: u32,
    pub total_len: u32,
    pub header_len: u32,
    pub contract_id: [u8; 8],
}

/// What follows the prelude, in postcard.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Header<'a> {
    pub environment: &'a str,
    pub provenance: &'a str,
    pub period_us: u32,
    pub observation_dim: u32,
    pub action_dim: u32,
    pub arena_len: u32,
    pub state_len: u32,
    /// Bytes of each section.
    pub section_len: [u32; SECTIONS.len()],
}

/// A piece of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub len: usize,
}

impl Span {
    /// The bytes of this piece, `None` outside of `bytes`.
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start..)?.get(..self.len)
    }
}

impl Prelude {
    /// Reads the prelude and checks all that concerns the image as a block of bytes: length, alignment, version, checksum.
    pub fn check(bytes: &[u8]) -> Result<Self, ImageError> {
        let Ok((prelude, _)) = Self::read_from_prefix(bytes) else {
            return Err(ImageError::Truncated {
                needed: PRELUDE_LEN,
                found: bytes.len(),
            });
        };
        if prelude.magic != MAGIC {
            return Err(ImageError::Magic);
        }
        let remainder = bytes.as_ptr().addr() % ALIGNMENT;
        if remainder != 0 {
            return Err(ImageError::Unaligned { remainder });
        }
        if prelude.version != IMAGE_VERSION {
            return Err(ImageError::Version {
                found: prelude.version,
                supported: IMAGE_VERSION,
            });
        }
        let stated = prelude.total_len as usize;
        let found = bytes.len();
        if found < stated {
            return Err(ImageError::Truncated {
                needed: stated,
                found,
            });
        }
        if found > stated {
            return Err(ImageError::TrailingBytes { stated, found });
        }
        let checksum = checksum(bytes);
        if prelude.checksum != checksum {
            return Err(ImageError::Checksum {
                stated: prelude.checksum,
                found: checksum,
            });
        }
        if prelude.reserved != 0 {
            return Err(ImageError::Inconsistent { what: "prelude" });
        }
        Ok(prelude)
    }
}

/// CRC-32 of an image without the four bytes of the checksum itself.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut digest = CRC32.digest();
    digest.update(bytes.get(..CHECKSUM_AT).unwrap_or_default());
    digest.update(
        bytes
            .get(CHECKSUM_AT + size_of::<u32>()..)
            .unwrap_or_default(),
    );
    digest.finalize()
}

/// Writes the checksum of a finished image into it.
#[cfg(feature = "alloc")]
pub(super) fn seal(bytes: &mut [u8]) {
    let checksum = checksum(bytes).to_le_bytes();
    for (byte, of_checksum) in bytes.iter_mut().skip(CHECKSUM_AT).zip(checksum) {
        *byte = of_checksum;
    }
}

/// The least multiple of [`ALIGNMENT`] that is not below `len`.
pub(super) fn aligned(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(ALIGNMENT)
}
