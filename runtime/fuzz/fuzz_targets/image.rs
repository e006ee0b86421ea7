//! Any bytes as a policy image. Length and checksum are made right first, so that the checks behind them are reached; what is
//! accepted is run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlfd_runtime::image::{ImageBytes, PolicyImage};

/// The prelude up to the checksum, behind it, and the length of the whole.
const CHECKSUM: core::ops::Range<usize> = 12..16;
const LENGTH: core::ops::Range<usize> = 16..20;

/// An image may ask for more memory and work than an execution should take.
const MOST_NUMBERS: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    if bytes.len() < LENGTH.end {
        return;
    }
    let len = bytes.len() as u32;
    bytes[LENGTH].copy_from_slice(&len.to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    digest.update(&bytes[..CHECKSUM.start]);
    digest.update(&bytes[CHECKSUM.end..]);
    bytes[CHECKSUM].copy_from_slice(&digest.finalize().to_le_bytes());
    let bytes = ImageBytes::new(&bytes);
    let Ok(image) = PolicyImage::view(&bytes) else {
        return;
    };
    let macs = image.ops().map(|op| op.macs(image.constants()));
    let macs = macs.fold(0, u64::saturating_add);
    if image.arena_len() > MOST_NUMBERS || macs > MOST_NUMBERS as u64 {
        return;
    }
    let shape = image.shape();
    let mut arena = vec![0.0; image.arena_len()];
    let mut action = vec![0.0; shape.action_dim];
    let program = image.program();
    program.act(&mut arena, &vec![0.5; shape.observation_dim], &mut action);
    program.reset(&mut arena);
});
