//! What host and board say to each other. In postcard a variant is the number of its place, so variants are only ever
//! appended; a test pins the numbers.

use serde::{Deserialize, Serialize};

use super::Values;
use crate::control::Phase;
use crate::fault::Fault;
use crate::telemetry::Event;

/// Version of the protocol, exchanged in the first message each way.
pub const WIRE_VERSION: u16 = 1;

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
        /// In the order of the observation terms, one sample each.
        #[serde(borrow)]
        values: Values<'a>,
    },
    /// Ends the session; answered by [`BoardMessage::Bye`].
    Bye,
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
        /// Steps that reached the actuators, in this session.
        acted: u32,
        /// Steps that were refused.
        refused: u32,
        /// Frames the board did not accept.
        bad_frames: u32,
        /// Questions that came more than once.
        repeated: u32,
    },
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
