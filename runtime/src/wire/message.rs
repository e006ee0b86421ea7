//! What host and board say to each other. In postcard a variant is the number of its place, so variants are only ever
//! appended; a test pins the numbers.

use serde::{Deserialize, Serialize};

use super::Values;
use crate::control::Phase;
use crate::fault::Fault;
use crate::telemetry::Event;

/// Version of the protocol, exchanged in the first message each way.
pub const WIRE_VERSION: u16 = 3;

/// From the host, which is the plant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum HostMessage<'a> {
    /// Opens a session; answered by [`BoardMessage::Hello`] or [`BoardMessage::Refused`].
    Hello {
        /// [`WIRE_VERSION`] of the host.
        version: u16,
        /// The contract the host's plant wires up; the board refuses another than its image's.
        contract_id: u64,
    },
    /// A new episode begins: forget everything seen and clear a latched fault. Answered by [`BoardMessage::Ready`].
    Reset {
        /// Counted by the host.
        episode: u32,
    },
    /// One step of the plant; answered by [`BoardMessage::Command`].
    Measurement {
        /// The plant's clock.
        time_us: u64,
        /// In the order of the observation terms of sensors, one sample each; of a measurement that was begun by
        /// [`Part`](Self::Part)s, what is left of it.
        #[serde(borrow)]
        values: Values<'a>,
    },
    /// Ends the session; answered by [`BoardMessage::Bye`].
    Bye,
    /// Asks something else of the machine, from the next action on; answered by [`BoardMessage::Accepted`].
    Setpoint {
        /// In the order of the observation terms of setpoints.
        #[serde(borrow)]
        values: Values<'a>,
    },
    /// The next numbers of a measurement too long for one frame; answered by [`BoardMessage::Accepted`].
    Part {
        /// How many numbers of this measurement went before; 0 begins it anew.
        first: u32,
        /// As in `Measurement`.
        #[serde(borrow)]
        values: Values<'a>,
    },
    /// About another policy for the board; answered by [`BoardMessage::Update`].
    Update(#[serde(borrow)] UpdateMessage<'a>),
}

/// The steps of replacing a policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum UpdateMessage<'a> {
    /// How far the board is.
    Status,
    /// Offers an image; what was received of another is forgotten.
    Begin {
        /// What is offered, [`Manifest`](crate::update::Manifest) as bytes.
        manifest: &'a [u8],
        /// Ed25519 over the manifest; empty for none, which boards refuse.
        signature: &'a [u8],
    },
    /// The next bytes of the image.
    Chunk {
        /// How many bytes went before.
        offset: u32,
        /// CRC-32 of the bytes.
        checksum: u32,
        /// A multiple of 16 bytes, but for the last.
        bytes: &'a [u8],
    },
    /// All bytes are there: check them, and switch at the next cycle.
    Commit,
}

/// From the board, which runs the policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum BoardMessage<'a> {
    /// Who answers.
    Hello {
        /// [`WIRE_VERSION`] of the board.
        version: u16,
        /// [`IMAGE_VERSION`](crate::image::IMAGE_VERSION) of the board.
        image_version: u16,
        /// CRC-32 of its image.
        image_checksum: u32,
        /// Contract of its image.
        contract_id: u64,
        /// Control period in microseconds.
        period_us: u32,
        /// Numbers in a measurement.
        measurement_dim: u16,
        /// Numbers in a command.
        command_dim: u16,
        /// Which board, for people.
        board: &'a str,
    },
    /// The episode may begin, or why not.
    Ready {
        /// As in the question.
        episode: u32,
        /// Where the loop stands.
        phase: Phase,
    },
    /// What to do until the next measurement.
    Command {
        /// Steps since the reset, this one included; 0 once a fault is latched.
        tick: u32,
        /// How long the step took, in nanoseconds of the board's clock; 0 where it has none.
        duration_ns: u32,
        /// Commands moved into their limits.
        clamped: u16,
        /// Commands whose change was limited.
        slew_limited: u16,
        /// Why the command is the safe one, if it is.
        fault: Option<Fault>,
        /// In the order of the action terms.
        #[serde(borrow)]
        values: Values<'a>,
    },
    /// Something happened; goes before the answer it belongs to and carries its number.
    Event(Event),
    /// The question cannot be answered.
    Refused(Refusal),
    /// The session is over.
    Bye {
        /// Steps that reached the actuators since the greeting.
        acted: u32,
        /// Steps that were refused.
        refused: u32,
        /// Frames the board did not accept.
        bad_frames: u32,
        /// Questions that came more than once.
        repeated: u32,
    },
    /// Done.
    Accepted,
    /// How far the replacement of the policy is.
    Update(UpdateStatus),
}

/// How far the replacement of a policy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateStatus {
    /// CRC-32 of the image that runs.
    pub running_checksum: u32,
    /// Rollback counter of the image that runs; 0 for the one that was flashed with the firmware.
    pub running_counter: u32,
    /// Bytes an image may have.
    pub capacity: u32,
    /// Bytes of the offered image received so far.
    pub received: u32,
    /// Bytes of the offered image; 0 where none is offered.
    pub offered: u32,
    /// Whether it passed everything and takes over at the next cycle.
    pub is_committed: bool,
}

/// Why a question cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Another version of the protocol.
    #[error("protocol version {board} on the board")]
    Version {
        /// [`WIRE_VERSION`] of the board.
        board: u16,
    },
    /// Another wiring than the image's.
    #[error("contract {board:#018x} on the board")]
    Contract {
        /// Contract of the board's image.
        board: u64,
    },
    /// The first message of a session is `Hello`.
    #[error("no session: the board expects Hello first")]
    NoSession,
    /// A measurement before the first reset.
    #[error("no episode: the board expects Reset first")]
    NoEpisode,
    /// A measurement with another number of values.
    #[error("measurements have {expected} numbers")]
    Width {
        /// Numbers in a measurement.
        expected: u16,
    },
    /// The board's image does not view.
    #[error("the board has no valid image")]
    Image,
    /// A setpoint that is none for this image.
    #[error("setpoints have {expected} finite numbers")]
    Setpoint {
        /// Numbers in a setpoint.
        expected: u16,
    },
    /// A part of a measurement that is not the next one.
    #[error("the next part of the measurement begins at number {expected}")]
    Part {
        /// Numbers received so far.
        expected: u32,
    },
    /// Another policy is refused; the one that runs goes on.
    #[error("{0}")]
    Update(UpdateRefusal),
}

/// Why another policy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum UpdateRefusal {
    /// The board's firmware was built without updates, or without a key.
    #[error("this firmware takes no updates")]
    Unsupported,
    /// There is no signature.
    #[error("the image is not signed")]
    Unsigned,
    /// The signature is not the key's over this manifest, or the image is not the one the manifest describes.
    #[error("signature, manifest and image do not belong together")]
    Tampered,
    /// It is the image that runs.
    #[error("the image is the one that runs, or one with its counter {running}")]
    Replayed {
        /// Counter of the image that runs.
        running: u32,
    },
    /// Its rollback counter is lower than that of an image the board has run.
    #[error("the image is older: counter {running} runs")]
    Older {
        /// Counter of the image that runs.
        running: u32,
    },
    /// It does not fit a slot.
    #[error("the image is too large: slots hold {capacity} bytes")]
    Oversized {
        /// Bytes an image may have.
        capacity: u32,
    },
    /// It needs more working memory than the board lends.
    #[error("the image works in more memory than the {capacity} numbers the board lends")]
    Memory {
        /// Numbers it may work in.
        capacity: u32,
    },
    /// It wires up another machine.
    #[error("the image is for contract and period other than {board:#018x}")]
    Contract {
        /// Contract of the image that runs.
        board: u64,
    },
    /// The bytes of a chunk were altered, or did not arrive in the flash as they were sent.
    #[error("a chunk's checksum does not match")]
    Checksum,
    /// A chunk that is not the next one, or a commit before the last.
    #[error("out of order: {expected} bytes were received")]
    Order {
        /// Bytes received so far.
        expected: u32,
    },
    /// The manifest is not one of this version.
    #[error("the manifest is not one this firmware reads")]
    Manifest,
    /// The bytes are signed and are no policy image.
    #[error("the bytes are no policy image that this firmware runs")]
    Image,
    /// It does not compute its golden action here.
    #[error("the image does not compute its golden action on this board")]
    Golden,
    /// The flash does not erase or write.
    #[error("the flash cannot be written")]
    Flash,
}

#[cfg(test)]
mod tests;
