//! The link protocol between a board and a host, both directions: messages in postcard, a CRC-32 behind each, COBS around it.
//! `docs/wire.md` is the specification. The protocol knows neither UARTs nor sockets: it turns messages into bytes and back.
//!
//! The host asks, the board answers, one question at a time. A question has a number; the answer repeats it. A host
//! that hears nothing asks the same question again, and [`ReplyCache`] makes sure that the board acts on it once.

mod frame;
mod message;
mod reply_cache;
mod values;

pub use frame::{Frame, FrameReader, MAX_FRAME_LEN, MAX_VALUES, WireError, frame_len};
pub use message::{
    BoardMessage, HostMessage, Refusal, UpdateMessage, UpdateRefusal, UpdateStatus, WIRE_VERSION,
};
pub use reply_cache::{Judgement, ReplyCache};
pub use values::Values;

#[cfg(test)]
mod tests;
