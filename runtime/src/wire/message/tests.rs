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
