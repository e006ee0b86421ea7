//! Any conversation about another policy, over flash whose power may go: what is not signed is never installed, what runs is
//! never touched, and the numbers a board answers are possible ones.

#![no_main]

use core::cell::Cell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rlfd_runtime::PolicyImage;
use rlfd_runtime::image::{
    ActionTerm, Chain, ImageBytes, ImageSource, Layer, ObservationTerm, Source, write,
};
use rlfd_runtime::update::{
    Cut, Flash, Incumbent, Installed, MANIFEST_LEN, Receiver, SIGNATURE_LEN, SimulatedFlash,
    Supply, choose, sign,
};
use rlfd_runtime::wire::UpdateMessage;

const CRC32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
const SEED: [u8; 32] = [7; 32];
const SLOT_LEN: usize = 640;

struct Given {
    key: [u8; 32],
    incumbent: Incumbent,
    file: Vec<u8>,
}

static GIVEN: LazyLock<Given> = LazyLock::new(|| {
    let (factory, new) = (law(-30.0), law(-25.0));
    let new = ImageBytes::new(&new);
    let factory = ImageBytes::new(&factory);
    let view = |bytes| PolicyImage::view(bytes).expect("an image");
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(SEED));
    Given {
        key: *pair.pk,
        incumbent: Incumbent::new(&view(&factory), 1, 0),
        file: sign(&view(&new), &new, 2, SEED).expect("a key"),
    }
});

fn law(gain: f32) -> Vec<u8> {
    let chain = Chain::new(
        1,
        &[Layer::Dense {
            weight: &[gain],
            bias: &[0.0],
            activation: None,
        }],
    );
    write(&ImageSource {
        environment: "",
        provenance: "",
        period_us: 1,
        observation: &[ObservationTerm {
            name: "",
            unit: "",
            source: Source::Sensor,
            dim: 1,
            history: 1,
            scale: 1.0,
            offset: 0.0,
            clip: f32::INFINITY,
        }],
        action: &[ActionTerm {
            name: "",
            unit: "",
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -1.0,
            high: 1.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.expect("a chain").source(),
        golden_observation: &[0.5],
        statistics: None,
    })
    .expect("an image")
}

fuzz_target!(|data: &[u8]| {
    let given = &*GIVEN;
    let supply = Cell::new(Supply::default());
    let mut slots = [
        SimulatedFlash::new(SLOT_LEN, &supply),
        SimulatedFlash::new(SLOT_LEN, &supply),
    ];
    let mut rest = data;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (taken, others) = rest.split_at_checked(n)?;
        rest = others;
        Some(taken)
    };
    // The power goes in some operation, or never.
    let Some(&[operation, cut]) = take(2) else {
        return;
    };
    let cut = [Cut::Before, Cut::Half, Cut::After]
        .get(usize::from(cut))
        .copied();
    supply.set(Supply {
        cut: cut.map(|cut| (operation.into(), cut)),
        ..Supply::default()
    });
    let (manifest, signed) = given.file.split_at(MANIFEST_LEN);
    let (signature, image) = signed.split_at(SIGNATURE_LEN);
    let mut receiver = Receiver::new(&mut slots[1], &given.key, given.incumbent, 8);
    let mut scratch = [0.0; 8];
    while let Some(&[kind]) = take(1) {
        let mut forged = [0; MANIFEST_LEN];
        forged.copy_from_slice(manifest);
        let received = receiver.status().received as usize;
        let message = match kind {
            0 => UpdateMessage::Status,
            1 => UpdateMessage::Begin {
                manifest,
                signature,
            },
            // A manifest with one byte of another value.
            2 => {
                let Some(&[at, value]) = take(2) else { break };
                forged[usize::from(at) % MANIFEST_LEN] = value;
                UpdateMessage::Begin {
                    manifest: &forged,
                    signature,
                }
            }
            3 => {
                let Some(&[len]) = take(1) else { break };
                let Some(signature) = take(len.into()) else {
                    break;
                };
                UpdateMessage::Begin {
                    manifest,
                    signature,
                }
            }
            // The next bytes of the image.
            4 => {
                let Some(&[units]) = take(1) else { break };
                let next = image.get(received..).unwrap_or_default();
                let len = next.len().min(32 * usize::from(units));
                chunk(received, &next[..len])
            }
            // Any bytes anywhere near.
            5 => {
                let Some(&[back, len]) = take(2) else { break };
                let Some(bytes) = take(len.into()) else { break };
                chunk(received.saturating_sub(back.into()), bytes)
            }
            6 => UpdateMessage::Commit,
            // Anything that decodes.
            _ => {
                let Some(&[len]) = take(1) else { break };
                let Some(bytes) = take(len.into()) else { break };
                match postcard::from_bytes(bytes) {
                    Ok(message) => message,
                    Err(_) => break,
                }
            }
        };
        let answer = receiver.take(message, &mut scratch);
        let status = receiver.status();
        assert!(status.received <= status.offered && status.offered <= status.capacity);
        assert_eq!(status.running_counter, 1);
        if let Ok(answered) = answer {
            assert_eq!(answered, status);
        }
    }
    let is_committed = receiver.is_committed();
    let installed = choose(&slots, &mut scratch);
    if let Some(index) = installed {
        let found = Installed::read(&slots[index]).expect("it was chosen");
        assert_eq!((index, found.image), (1, image), "only what was signed");
        assert!(is_committed || supply.get().is_off);
    }
    assert!(installed.is_some() || !is_committed);
    let other = slots[0].bytes();
    assert!(other.iter().all(|byte| *byte == 0xff), "the slot that runs");
});

fn chunk(offset: usize, bytes: &[u8]) -> UpdateMessage<'_> {
    UpdateMessage::Chunk {
        offset: offset as u32,
        checksum: CRC32.checksum(bytes),
        bytes,
    }
}
