//! [`Frame`]: a message with its numbers as bytes between two zeros, and [`FrameReader`], which finds frames in a stream.

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::checksum::{CRC32, Digest};

/// The longest frame either side may send, delimiters included: 1,000 values and room.
pub const MAX_FRAME_LEN: usize = 4096;

/// Ends a frame; COBS keeps it out of the content.
const DELIMITER: u8 = 0;

/// Bytes of the checksum behind the content.
const CHECKSUM_LEN: usize = size_of::<u32>();

/// A message on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame<M> {
    /// Chosen by the host for its `Hello`, repeated by everybody.
    pub session: u32,
    /// Number of the question; an answer repeats it.
    pub sequence: u32,
    /// What is said.
    pub message: M,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More bytes than the reader holds, or than the buffer takes.
    #[error("frame longer than {capacity} bytes")]
    TooLong {
        /// Bytes that fit.
        capacity: usize,
    },
    /// The byte stuffing is broken: bytes were lost or altered.
    #[error("broken byte stuffing")]
    Stuffing,
    /// Checksum and content disagree.
    #[error("checksum does not match")]
    Checksum,
    /// The content is no message this version knows.
    #[error("content does not decode")]
    Content,
}

/// Bytes that hold any frame of this protocol whose message carries up to `n_values` numbers and 32 bytes of text.
#[must_use]
pub const fn frame_len(n_values: usize) -> usize {
    // Session, sequence and the largest message around its values, every varint at its longest: under 96 bytes.
    let content = 96 + 4 * n_values + CHECKSUM_LEN;
    // One leading and one trailing delimiter, one byte of stuffing for every 254 and one more.
    content + content / 254 + 3
}

/// Numbers that one message can carry at most: a measurement with more goes in parts.
pub const MAX_VALUES: usize = {
    // What `frame_len` adds, by hand: delimiters, stuffing, checksum and the message around its values.
    let content = MAX_FRAME_LEN - 3 - MAX_FRAME_LEN / 254;
    (content - 96 - CHECKSUM_LEN) / 4
};

impl<M: Serialize> Frame<M> {
    /// Writes the frame, delimiters included, and lends the part of `buffer` it fills.
    ///
    /// # Errors
    /// [`WireError::TooLong`] where the buffer, or [`MAX_FRAME_LEN`], is too short.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], WireError> {
        let len = self.encoded_len(buffer)?;
        Ok(buffer.get(..len).unwrap_or_default())
    }

    fn encoded_len(&self, buffer: &mut [u8]) -> Result<usize, WireError> {
        let capacity = buffer.len().min(MAX_FRAME_LEN);
        let too_long = WireError::TooLong { capacity };
        let room = buffer.get_mut(..capacity).unwrap_or_default();
        let (first, rest) = room.split_first_mut().ok_or(too_long)?;
        *first = DELIMITER;
        let stuffing = Stuffing {
            encoder: CobsEncoder::new(rest),
            digest: CRC32.digest(),
        };
        let stuffed_len = postcard::serialize_with_flavor(self, stuffing).map_err(|_| too_long)?;
        // The leading delimiter and the content; the last delimiter goes behind them.
        let end = 1 + stuffed_len;
        *room.get_mut(end).ok_or(too_long)? = DELIMITER;
        Ok(end + 1)
    }
}

impl<'de, M: Deserialize<'de>> Frame<M> {
    /// Reads the content a [`FrameReader`] found.
    ///
    /// # Errors
    /// [`WireError::Content`] where it is no message, or there is something behind it.
    pub fn decode(content: &'de [u8]) -> Result<Self, WireError> {
        match postcard::take_from_bytes(content) {
            Ok((frame, [])) => Ok(frame),
            _ => Err(WireError::Content),
        }
    }
}

/// Where postcard writes: through the checksum into the byte stuffing.
struct Stuffing<'b> {
    encoder: CobsEncoder<'b>,
    digest: Digest,
}

impl Flavor for Stuffing<'_> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.digest.update(bytes);
        let pushed = self.encoder.push(bytes);
        pushed.map_err(|_| postcard::Error::SerializeBufferFull)
    }

    fn finalize(mut self) -> postcard::Result<usize> {
        let checksum = self.digest.finalize().to_le_bytes();
        let pushed = self.encoder.push(&checksum);
        pushed.map_err(|_| postcard::Error::SerializeBufferFull)?;
        Ok(self.encoder.finalize())
    }
}

/// Finds frames in a stream of bytes, however it is cut, and checks them; holds up to `N` bytes of content and checksum.
#[derive(Debug)]
pub struct FrameReader<const N: usize> {
    content: [u8; N],
    len: usize,
    state: DecoderState,
    /// What is wrong with the frame under way; the rest of it is skipped.
    refused: Option<WireError>,
}

impl<const N: usize> Default for FrameReader<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> FrameReader<N> {
    /// A reader at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            content: [0; N],
            len: 0,
            state: DecoderState::Idle,
            refused: None,
        }
    }

    /// Takes one byte. At the end of a frame answers its content for [`Frame::decode`], or why it is none; empty
    /// frames, which are what two delimiters in a row look like, are passed over.
    pub fn push(&mut self, byte: u8) -> Option<Result<&[u8], WireError>> {
        if byte == DELIMITER {
            return self.end();
        }
        if self.refused.is_none() {
            self.refused = self.take(byte).err();
        }
        None
    }

    fn take(&mut self, byte: u8) -> Result<(), WireError> {
        match self.state.feed(byte) {
            Ok(DecodeResult::DataContinue(byte)) => {
                let place = self.content.get_mut(self.len);
                *place.ok_or(WireError::TooLong { capacity: N })? = byte;
                self.len += 1;
                Ok(())
            }
            Ok(DecodeResult::NoData | DecodeResult::DataStart) => Ok(()),
            Ok(DecodeResult::DataComplete) | Err(_) => Err(WireError::Stuffing),
        }
    }

    fn end(&mut self) -> Option<Result<&[u8], WireError>> {
        let begun = !matches!(self.state, DecoderState::Idle);
        let refused = self.refused.take();
        let complete = matches!(self.state.feed(DELIMITER), Ok(DecodeResult::DataComplete));
        self.state = DecoderState::Idle;
        let len = core::mem::take(&mut self.len);
        if let Some(error) = refused {
            return Some(Err(error));
        }
        if !begun {
            return None;
        }
        if !complete {
            return Some(Err(WireError::Stuffing));
        }
        let received = self.content.get(..len).unwrap_or_default();
        let Some((content, checksum)) = received.split_last_chunk::<CHECKSUM_LEN>() else {
            return Some(Err(WireError::Checksum));
        };
        if CRC32.checksum(content) != u32::from_le_bytes(*checksum) {
            return Some(Err(WireError::Checksum));
        }
        Some(Ok(content))
    }
}
