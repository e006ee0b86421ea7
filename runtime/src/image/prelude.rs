//! The fixed 32 bytes at the start of an image, and the header behind them. Layout: `docs/image.md`.

#[cfg(feature = "alloc")]
use serde::Serialize;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "alloc", derive(Serialize))]
pub(super) struct Header<'a> {
    /// UTF-8, as is the next; in postcard text and bytes lie alike.
    pub environment: &'a [u8],
    pub provenance: &'a [u8],
    pub period_us: u32,
    pub observation_dim: u32,
    pub action_dim: u32,
    pub arena_len: u32,
    pub state_len: u32,
    /// Bytes of each section.
    pub section_len: [u32; SECTIONS.len()],
}

impl<'a> Header<'a> {
    /// Reads what postcard wrote; `None` where it is something else, or more. Written out, because the general way takes more of a
    /// device's flash than all that a perceptron computes with.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let header = Self {
            environment: fields.bytes()?,
            provenance: fields.bytes()?,
            period_us: fields.number()?,
            observation_dim: fields.number()?,
            action_dim: fields.number()?,
            arena_len: fields.number()?,
            state_len: fields.number()?,
            section_len: {
                let mut lengths = [0; SECTIONS.len()];
                for len in &mut lengths {
                    *len = fields.number()?;
                }
                lengths
            },
        };
        fields.0.is_empty().then_some(header)
    }
}

/// Fields in postcard, from the first that is left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Seven bits per byte, lowest first; the highest bit says that more follow. Many numbers, one copy of the code.
    #[inline(never)]
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                // Of the fifth byte four bits have a place.
                return (shift < 28 || *byte < 16).then_some(number);
            }
        }
        None
    }

    /// Their number, then the bytes.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(len as usize)?;
        self.0 = rest;
        Some(bytes)
    }
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

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_postcard_reads_it(
            environment: std::vec::Vec<u8>,
            numbers: [u32; 14],
            shift in 0..32_u32,
            cut in 0..200_usize,
        ) {
            let [period_us, observation_dim, action_dim, arena_len, state_len, ..] = numbers.map(|n| n >> shift);
            let mut section_len = [0; SECTIONS.len()];
            section_len.iter_mut().zip(numbers).for_each(|(len, number)| *len = number >> shift);
            let header = Header {
                environment: &environment,
                provenance: b"test",
                period_us,
                observation_dim,
                action_dim,
                arena_len,
                state_len,
                section_len,
            };
            let bytes = postcard::to_allocvec(&header).unwrap();
            prop_assert_eq!(Header::decode(&bytes), Some(header));
            let cut = cut % bytes.len();
            prop_assert_eq!(Header::decode(&bytes[..cut]), None);
        }

        #[test]
        fn any_bytes_are_the_number_that_postcard_finds(bytes: [u8; 6]) {
            let found = Fields(&bytes).number();
            prop_assert_eq!(found, postcard::take_from_bytes::<u32>(&bytes).ok().map(|(number, _)| number));
        }
    }
}
