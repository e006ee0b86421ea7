//! Frames in streams: whatever is sent arrives, whatever is damaged is refused.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::rounds::rounds;

const CAPACITY: usize = frame_len(400);
const NOISE: usize = if cfg!(miri) { 100 } else { 2000 };

fn frame_of(sequence: u32, values: &[f32]) -> Frame<HostMessage<'_>> {
    Frame {
        session: 0xdead_beef,
        sequence,
        message: HostMessage::Measurement {
            time_us: u64::MAX,
            values: Values::from(values),
        },
    }
}

fn encoded(frame: &Frame<HostMessage<'_>>) -> Vec<u8> {
    let mut buffer = [0; CAPACITY];
    frame.encode(&mut buffer).unwrap().to_vec()
}

/// Every frame a reader finds in a stream, decoded; `Err` for those it refused.
fn read(stream: &[u8]) -> Vec<Result<(u32, Vec<u32>), WireError>> {
    let mut reader = FrameReader::<CAPACITY>::new();
    let mut found = Vec::new();
    for byte in stream {
        if let Some(content) = reader.push(*byte) {
            found.push(content.and_then(|content| {
                let frame = Frame::<HostMessage<'_>>::decode(content)?;
                match frame.message {
                    HostMessage::Measurement { values, .. } => {
                        Ok((frame.sequence, values.iter().map(f32::to_bits).collect()))
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }));
        }
    }
    found
}

/// The same stuffing by the `cobs` crate's plain functions and a checksum by hand, for one small message.
#[test]
fn the_layout_is_the_documented_one() {
    let frame = Frame {
        session: 1,
        sequence: 2,
        message: HostMessage::Reset { episode: 0 },
    };
    let mut buffer = [0xff; 64];
    let bytes = frame.encode(&mut buffer).unwrap();
    let content = [1, 2, 1, 0];
    let mut expected = content.to_vec();
    expected.extend(crate::checksum::CRC32.checksum(&content).to_le_bytes());
    let mut stuffed = [0; 64];
    let stuffed_len = cobs::encode(&expected, &mut stuffed);
    assert_eq!(bytes[0], 0);
    assert_eq!(bytes[1..=stuffed_len], stuffed[..stuffed_len]);
    assert_eq!(bytes[stuffed_len + 1..], [0]);
}

proptest! {
    #[test]
    fn whatever_is_sent_arrives(
        values in prop::collection::vec(any::<u32>(), 0..rounds(400)),
        sequence in any::<u32>(),
    ) {
        let numbers: Vec<f32> = values.iter().map(|bits| f32::from_bits(*bits)).collect();
        prop_assert_eq!(read(&encoded(&frame_of(sequence, &numbers))), vec![Ok((sequence, values))]);
    }

    #[test]
    fn every_message_of_a_host_is_read_back(
        numbers in any::<[u32; 4]>(),
        bits in prop::collection::vec(any::<u32>(), 0..rounds(100)),
        bytes in prop::collection::vec(any::<u8>(), 0..rounds(256)),
    ) {
        let values: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
        let values = Values::from(values.as_slice());
        let [a, b, c, d] = numbers;
        let messages = [
            HostMessage::Hello { version: a as u16, contract_id: u64::from(b) << 32 | u64::from(c) },
            HostMessage::Reset { episode: a },
            HostMessage::Measurement { time_us: u64::from(d), values },
            HostMessage::Bye,
            HostMessage::Setpoint { values },
            HostMessage::Part { first: a, values },
            HostMessage::Update(UpdateMessage::Status),
            HostMessage::Update(UpdateMessage::Begin { manifest: &bytes, signature: &bytes }),
            HostMessage::Update(UpdateMessage::Chunk { offset: a, checksum: b, bytes: &bytes }),
            HostMessage::Update(UpdateMessage::Commit),
        ];
        for message in messages {
            let frame = Frame { session: a, sequence: b, message };
            let mut buffer = [0; CAPACITY];
            let mut reader = FrameReader::<CAPACITY>::new();
            let mut found = 0;
            for byte in frame.encode(&mut buffer).unwrap() {
                if let Some(content) = reader.push(*byte) {
                    prop_assert_eq!(Frame::decode(content.unwrap()), Ok(frame));
                    found += 1;
                }
            }
            prop_assert_eq!(found, 1);
        }
    }

    /// Runs without a zero of every length around 254 are where COBS begins a new group.
    #[test]
    fn long_runs_without_zero_arrive(n in 55..70usize, lead in 1..=0xffu8, sequence in any::<u32>()) {
        let bits = u32::from_le_bytes([lead; 4]);
        let stream = encoded(&frame_of(sequence, &vec![f32::from_bits(bits); n]));
        prop_assert_eq!(read(&stream), vec![Ok((sequence, vec![bits; n]))]);
    }

    #[test]
    fn noise_is_never_a_frame(noise in prop::collection::vec(any::<u8>(), 0..NOISE)) {
        prop_assert!(read(&noise).iter().all(Result::is_err));
    }

    #[test]
    fn a_frame_after_noise_arrives(noise in prop::collection::vec(any::<u8>(), 0..NOISE)) {
        let mut stream = noise;
        stream.extend(encoded(&frame_of(7, &[1.0])));
        prop_assert_eq!(read(&stream).pop(), Some(Ok((7, vec![1.0f32.to_bits()]))));
    }

    #[test]
    fn a_buffer_too_small_is_said(capacity in 0..60usize) {
        let frame = frame_of(1, &[0.1; 12]);
        let mut buffer = vec![0; capacity];
        prop_assert_eq!(frame.encode(&mut buffer), Err(WireError::TooLong { capacity }));
    }
}

#[test]
fn damaged_frames_are_refused() {
    let numbers: Vec<f32> = (0..17).map(|n| n as f32 * 0.37 - 2.0).collect();
    let sent = encoded(&frame_of(3, &numbers));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..rounds(1000) {
        let cut = rng.random_range(1..sent.len() - 1);
        let truncated = [&sent[..cut], &[0]].concat();
        assert!(read(&truncated).iter().all(Result::is_err), "cut to {cut}");
        let mut flipped = sent.clone();
        // The two delimiters carry nothing: without the first the frame is still whole.
        let bit = rng.random_range(8..(sent.len() - 1) * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).iter().all(Result::is_err), "bit {bit}");
    }
}

#[test]
fn a_frame_longer_than_the_reader_is_refused_and_the_next_arrives() {
    let mut reader = FrameReader::<32>::new();
    let mut stream = encoded(&frame_of(1, &[0.5; 20]));
    stream.extend(encoded(&frame_of(2, &[])));
    let mut found = Vec::new();
    for byte in stream {
        if let Some(result) = reader.push(byte) {
            found.push(
                result.map(|content| Frame::<HostMessage<'_>>::decode(content).unwrap().sequence),
            );
        }
    }
    assert_eq!(found, [Err(WireError::TooLong { capacity: 32 }), Ok(2)]);
}

#[test]
fn frame_len_holds_the_largest_message() {
    let text = "x".repeat(32);
    let largest = Frame {
        session: u32::MAX,
        sequence: u32::MAX,
        message: BoardMessage::Hello {
            version: u16::MAX,
            image_version: u16::MAX,
            image_checksum: u32::MAX,
            contract_id: u64::MAX,
            period_us: u32::MAX,
            measurement_dim: u16::MAX,
            command_dim: u16::MAX,
            board: &text,
        },
    };
    assert!(largest.encode(&mut [0; frame_len(0)]).is_ok());
    assert!(frame_len(MAX_VALUES) <= MAX_FRAME_LEN && MAX_VALUES >= 990);
    let values = vec![f32::from_bits(0x1111_1111); MAX_VALUES];
    let most = Frame {
        message: HostMessage::Part {
            first: u32::MAX,
            values: Values::from(values.as_slice()),
        },
        ..frame_of(u32::MAX, &[])
    };
    assert!(most.encode(&mut vec![0; MAX_FRAME_LEN]).is_ok());
    for n in [0, 1, 63, 64, 400] {
        let values = vec![f32::from_bits(0x1111_1111); n];
        let frame = frame_of(u32::MAX, &values);
        assert!(
            frame.encode(&mut vec![0; frame_len(n)]).is_ok(),
            "{n} values"
        );
    }
}

#[test]
fn the_specification_is_of_this_version() {
    let specification = include_str!("../../docs/wire.md");
    let version = std::format!("Current version: **{WIRE_VERSION}**");
    assert!(specification.contains(&version), "{version}");
    let row = std::format!("| {WIRE_VERSION} | ");
    let history = specification.split("## Versions").nth(1).unwrap();
    assert!(
        history.contains(&row),
        "the history has no row for version {WIRE_VERSION}"
    );
    let most = std::format!("({MAX_VALUES} numbers)");
    assert!(specification.contains(&most), "{most}");
    let longest = std::format!("at most {MAX_FRAME_LEN} bytes");
    assert!(specification.contains(&longest), "{longest}");
    for fault in crate::Fault::ALL {
        let row = std::format!("| {} | {fault:?} |", fault.code());
        assert!(specification.contains(&row), "{row}");
    }
}
