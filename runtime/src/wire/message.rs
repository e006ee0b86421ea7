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
mod tests {
    use super::*;
    use crate::control::{Cycle, Outcome};
    use crate::time::Micros;
    use std::string::String;
    use std::vec::Vec;

    fn hex(message: &impl Serialize) -> String {
        let bytes: Vec<u8> = postcard::to_allocvec(message).unwrap();
        bytes
            .iter()
            .map(|byte| std::format!("{byte:02x}"))
            .collect()
    }

    /// The bytes by hand from the postcard specification: variant as varint, u16 and wider as varint, f32 as four bytes.
    #[test]
    fn host_bytes_are_pinned() {
        let hello = HostMessage::Hello {
            version: 1,
            contract_id: 0x0102,
        };
        assert_eq!(hex(&hello), "00018202");
        assert_eq!(hex(&HostMessage::Reset { episode: 300 }), "01ac02");
        let measurement = HostMessage::Measurement {
            time_us: 7,
            values: Values::from([1.0, -2.0].as_slice()),
        };
        assert_eq!(hex(&measurement), "0207080000803f000000c0");
        assert_eq!(hex(&HostMessage::Bye), "03");
        let values = Values::from([1.0].as_slice());
        let setpoint = HostMessage::Setpoint { values };
        assert_eq!(hex(&setpoint), "04040000803f");
        let part = HostMessage::Part { first: 200, values };
        assert_eq!(hex(&part), "05c801040000803f");
        let update = |message| hex(&HostMessage::Update(message));
        assert_eq!(update(UpdateMessage::Status), "0600");
        let begin = UpdateMessage::Begin {
            manifest: &[7, 8],
            signature: &[9],
        };
        assert_eq!(update(begin), "060102070801 09".replace(' ', ""));
        let chunk = UpdateMessage::Chunk {
            offset: 16,
            checksum: 1,
            bytes: &[5],
        };
        assert_eq!(update(chunk), "060210010105");
        assert_eq!(update(UpdateMessage::Commit), "0603");
    }

    #[test]
    fn board_bytes_are_pinned() {
        let hello = BoardMessage::Hello {
            version: 1,
            image_version: 1,
            image_checksum: 2,
            contract_id: 3,
            period_us: 4,
            measurement_dim: 5,
            command_dim: 6,
            board: "m4",
        };
        assert_eq!(hex(&hello), "0001010203040506026d34");
        let ready = BoardMessage::Ready {
            episode: 1,
            phase: Phase::Running { tick: 0 },
        };
        assert_eq!(hex(&ready), "01010300");
        let command = BoardMessage::Command {
            tick: 1,
            duration_ns: 2,
            clamped: 3,
            slew_limited: 4,
            fault: Some(Fault::NonFiniteAction),
            values: Values::from([0.5].as_slice()),
        };
        assert_eq!(hex(&command), "020102030401040400 00003f".replace(' ', ""));
        let event = BoardMessage::Event(Event::Entered {
            phase: Phase::Faulted {
                fault: Fault::Sense,
                at: Micros(9),
            },
            at: Micros(9),
        });
        assert_eq!(hex(&event), "030004020909");
        let event = BoardMessage::Event(Event::Stepped(Cycle {
            tick: 1,
            at: Micros(2),
            duration_us: 3,
            clamped: 4,
            slew_limited: 5,
            outcome: Outcome::Refused(Fault::External),
        }));
        assert_eq!(hex(&event), "0301010203040501 07".replace(' ', ""));
        assert_eq!(
            hex(&BoardMessage::Refused(Refusal::Width { expected: 4 })),
            "040404"
        );
        let bye = BoardMessage::Bye {
            acted: 1,
            refused: 2,
            bad_frames: 3,
            repeated: 4,
        };
        assert_eq!(hex(&bye), "0501020304");
        assert_eq!(hex(&BoardMessage::Accepted), "06");
        let status = UpdateStatus {
            running_checksum: 1,
            running_counter: 2,
            capacity: 3,
            received: 4,
            offered: 5,
            is_committed: true,
        };
        assert_eq!(hex(&BoardMessage::Update(status)), "07010203040501");
        let phase = Phase::Fallback {
            fault: Fault::Stale,
            at: Micros(9),
        };
        let event = BoardMessage::Event(Event::Entered {
            phase,
            at: Micros(9),
        });
        assert_eq!(hex(&event), "030005080909");
        let refusals = [
            UpdateRefusal::Unsupported,
            UpdateRefusal::Unsigned,
            UpdateRefusal::Tampered,
            UpdateRefusal::Replayed { running: 0 },
            UpdateRefusal::Older { running: 0 },
            UpdateRefusal::Oversized { capacity: 0 },
            UpdateRefusal::Memory { capacity: 0 },
            UpdateRefusal::Contract { board: 0 },
            UpdateRefusal::Checksum,
            UpdateRefusal::Order { expected: 0 },
            UpdateRefusal::Manifest,
            UpdateRefusal::Image,
            UpdateRefusal::Golden,
            UpdateRefusal::Flash,
        ];
        for (number, refusal) in refusals.into_iter().enumerate() {
            let bytes = hex(&BoardMessage::Refused(Refusal::Update(refusal)));
            assert_eq!(bytes[..6], std::format!("0408{number:02x}"), "{refusal:?}");
        }
    }

    #[test]
    fn an_unknown_fault_or_a_torn_number_does_not_decode() {
        let good = [2, 1, 2, 3, 4, 1, 4, 4, 0, 0, 0, 0x3f];
        assert!(postcard::from_bytes::<BoardMessage<'_>>(&good).is_ok());
        let unknown_fault = [2, 1, 2, 3, 4, 1, 99, 4, 0, 0, 0, 0x3f];
        assert!(postcard::from_bytes::<BoardMessage<'_>>(&unknown_fault).is_err());
        let torn_number = [2, 1, 2, 3, 4, 1, 4, 3, 0, 0, 0];
        assert!(postcard::from_bytes::<BoardMessage<'_>>(&torn_number).is_err());
    }
}
