//! Any bytes as a policy image. Length and checksum are made right first, so that the checks behind them are reached; what is
//! accepted is run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;

/// The prelude up to the checksum, behind it, and the length of the whole.
const CHECKSUM: core::ops::Range<usize> = 12..16;
const LENGTH: core::ops::Range<usize> = 16..20;

/// An image may ask for more memory and work than an execution should take.
const MOST_NUMBERS: usize = 1 << 20;

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
    let Ok(image) = rlfd_runtime::image::OwnedImage::new(&bytes) else {
        return;
    };
    let Ok(view) = image.view() else {
        return;
    };
    let macs = view.ops().map(|op| op.macs(view.constants()));
    let macs = macs.fold(0, u64::saturating_add);
    if view.arena_len() > MOST_NUMBERS || macs > MOST_NUMBERS as u64 {
        return;
    }
    if let Ok(mut policy) = EnginePolicy::from_bytes(&bytes) {
        let shape = policy.shape();
        let mut action = vec![0.0; shape.action_dim];
        policy.act(&vec![0.5; shape.observation_dim], &mut action);
        policy.reset();
    }
});
