//! Every refusal by its reason, and the power cut in every operation of the flash.

use core::cell::Cell;
use proptest::prelude::*;
use std::string::String;
use std::vec;
use std::vec::Vec;

use zerocopy::IntoBytes;

use super::*;
use crate::PolicyImage;
use crate::checksum::CRC32;
use crate::image::{
    self, ActionTerm, Chain, ImageBytes, ImageSource, Layer, ObservationTerm, Source,
};
use crate::rounds::rounds;
use crate::wire::{UpdateMessage, UpdateRefusal, UpdateStatus};

const SEED: [u8; 32] = [7; 32];
const SLOT_LEN: usize = 2048;
const ARENA_LEN: usize = 16;

fn key() -> [u8; 32] {
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(SEED));
    *pair.pk
}

/// A law with two gains; `unit` decides the contract.
fn law(gains: [f32; 2], unit: &str, period_us: u32, wide: usize) -> Vec<u8> {
    let term = |name| ObservationTerm {
        name,
        unit,
        source: Source::Sensor,
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
    };
    let (weights, biases) = (vec![0.5; 2 * wide], vec![0.0; wide]);
    let last = vec![0.25; wide];
    let mut layers = vec![Layer::Dense {
        weight: &gains,
        bias: &[0.0],
        activation: None,
    }];
    if wide > 0 {
        layers = vec![
            Layer::Dense {
                weight: &weights,
                bias: &biases,
                activation: None,
            },
            Layer::Dense {
                weight: &last,
                bias: &[0.0],
                activation: None,
            },
        ];
    }
    let chain = Chain::new(2, &layers).unwrap();
    image::write(&ImageSource {
        environment: "test",
        provenance: "by hand",
        period_us,
        observation: &[term("angle"), term("speed")],
        action: &[ActionTerm {
            name: "torque",
            unit: "N m",
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -10.0,
            high: 10.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.source(),
        golden_observation: &[0.1, -0.2],
        statistics: None,
    })
    .unwrap()
}

fn signed(bytes: &[u8], counter: u32) -> Vec<u8> {
    let aligned = ImageBytes::new(bytes);
    sign(&PolicyImage::view(&aligned).unwrap(), bytes, counter, SEED).unwrap()
}

fn factory() -> Vec<u8> {
    law([-30.0, -8.0], "rad", 10_000, 0)
}

fn incumbent(bytes: &[u8], counter: u32, sequence: u32) -> Incumbent {
    let aligned = ImageBytes::new(bytes);
    Incumbent::new(&PolicyImage::view(&aligned).unwrap(), counter, sequence)
}

/// A board's receiver over RAM.
fn with_receiver<R>(
    counter: u32,
    body: impl FnOnce(&mut Receiver<'_, RamFlash<SLOT_LEN>>) -> R,
) -> R {
    let mut slot = RamFlash::new();
    let (key, incumbent) = (key(), incumbent(&factory(), counter, 0));
    body(&mut Receiver::new(&mut slot, &key, incumbent, ARENA_LEN))
}

/// Sends a whole file, in chunks of `chunk_len`, as a host does.
fn send<F: Flash>(
    receiver: &mut Receiver<'_, F>,
    file: &[u8],
    chunk_len: usize,
) -> Result<UpdateStatus, UpdateRefusal> {
    let mut scratch = [0.0; ARENA_LEN];
    let (manifest, rest) = file.split_at(MANIFEST_LEN);
    let (signature, image) = rest.split_at(SIGNATURE_LEN);
    let begin = UpdateMessage::Begin {
        manifest,
        signature,
    };
    receiver.take(begin, &mut scratch)?;
    for (index, bytes) in image.chunks(chunk_len).enumerate() {
        receiver.take(chunk(index * chunk_len, bytes), &mut scratch)?;
    }
    receiver.take(UpdateMessage::Commit, &mut scratch)
}

fn chunk(offset: usize, bytes: &[u8]) -> UpdateMessage<'_> {
    UpdateMessage::Chunk {
        offset: offset as u32,
        checksum: CRC32.checksum(bytes),
        bytes,
    }
}

/// RFC 8032, section 7.1, test 2.
#[test]
fn the_signature_scheme_is_the_published_one() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(core::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let expected = hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let seed = ed25519_compact::Seed::from_slice(&seed).unwrap();
    let pair = ed25519_compact::KeyPair::from_seed(seed);
    assert_eq!(*pair.pk, public[..]);
    assert_eq!(*pair.sk.sign([0x72], None), expected[..]);
}

#[test]
fn a_signed_image_arrives_whatever_the_chunks() {
    let new = law([-25.0, -7.0], "rad", 10_000, 0);
    let file = signed(&new, 1);
    let lengths: &[usize] = match cfg!(miri) {
        true => &[3 * UNIT],
        false => &[UNIT, 3 * UNIT, 1024, 4096],
    };
    for &chunk_len in lengths {
        let mut slots = [RamFlash::<SLOT_LEN>::new(), RamFlash::new()];
        assert_eq!(choose(&slots, &mut [0.0; ARENA_LEN]), None);
        let key = key();
        let mut receiver =
            Receiver::new(&mut slots[1], &key, incumbent(&factory(), 0, 0), ARENA_LEN);
        let status = send(&mut receiver, &file, chunk_len).unwrap();
        assert!(status.is_committed && receiver.is_committed());
        assert_eq!(
            (status.received, status.offered),
            (new.len() as u32, new.len() as u32)
        );
        // The slot is full until the board runs it.
        let again = send(&mut receiver, &signed(&factory(), 9), chunk_len);
        assert_eq!(again, Err(UpdateRefusal::Order { expected: 0 }));
        assert_eq!(choose(&slots, &mut [0.0; ARENA_LEN]), Some(1));
        let installed = Installed::read(&slots[1]).unwrap();
        assert_eq!((installed.image, installed.sequence), (&new[..], 1));
        assert!(installed.runs(&mut [0.0; ARENA_LEN]));
        assert!(!installed.runs(&mut []), "no memory to work in");
    }
}

#[test]
#[cfg_attr(miri, ignore = "a signature for each refusal, seconds each")]
fn every_refusal_has_its_reason() {
    let new = law([-25.0, -7.0], "rad", 10_000, 0);
    let good = signed(&new, 5);
    let board = incumbent(&factory(), 0, 0).contract_id;
    let altered = |at: usize| {
        let mut file = good.clone();
        file[at] ^= 1;
        file
    };
    let other_key = {
        let aligned = ImageBytes::new(&new);
        sign(&PolicyImage::view(&aligned).unwrap(), &new, 5, [8; 32]).unwrap()
    };
    // Signed by the right key, with a golden action that nothing computes and checksums put right.
    let wrong_golden = {
        let mut bytes = new.clone();
        // The last section but the empty one behind it.
        let at = bytes.len() - 16;
        bytes[at] ^= 1;
        let checksum = {
            let mut digest = CRC32.digest();
            digest.update(&bytes[..12]);
            digest.update(&bytes[16..]);
            digest.finalize()
        };
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        signed(&bytes, 5)
    };
    // Signed, described as the good image, and none.
    let no_image = {
        let aligned = ImageBytes::new(&new);
        let manifest = Manifest::new(&PolicyImage::view(&aligned).unwrap(), new.len() as u32, 5);
        let bytes = vec![0x5a; new.len()];
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(SEED));
        let signature = pair.sk.sign([manifest.as_bytes(), &bytes].concat(), None);
        [manifest.as_bytes(), &*signature, &bytes].concat()
    };
    let mut unknown = good.clone();
    unknown[8] = 2;
    let wide = law([0.0; 2], "rad", 10_000, 20);
    let huge = law([0.0; 2], "rad", 10_000, 300);
    let capacity = (SLOT_LEN - IMAGE_AT) as u32;
    let table: [(&str, Vec<u8>, u32, UpdateRefusal); 13] = [
        (
            "an altered weight",
            altered(MANIFEST_LEN + SIGNATURE_LEN + 200),
            0,
            UpdateRefusal::Tampered,
        ),
        (
            "an altered signature",
            altered(MANIFEST_LEN),
            0,
            UpdateRefusal::Tampered,
        ),
        (
            "a counter raised by hand",
            altered(12),
            0,
            UpdateRefusal::Tampered,
        ),
        ("another's key", other_key, 0, UpdateRefusal::Tampered),
        (
            "the counter that runs",
            good.clone(),
            5,
            UpdateRefusal::Replayed { running: 5 },
        ),
        (
            "the image that runs",
            signed(&factory(), 1),
            0,
            UpdateRefusal::Replayed { running: 0 },
        ),
        (
            "a counter below",
            good.clone(),
            6,
            UpdateRefusal::Older { running: 6 },
        ),
        (
            "more than a slot holds",
            signed(&huge, 1),
            0,
            UpdateRefusal::Oversized { capacity },
        ),
        (
            "more memory than lent",
            signed(&wide, 1),
            0,
            UpdateRefusal::Memory {
                capacity: ARENA_LEN as u32,
            },
        ),
        (
            "another contract",
            signed(&law([0.0; 2], "deg", 10_000, 0), 1),
            0,
            UpdateRefusal::Contract { board },
        ),
        (
            "another period",
            signed(&law([0.0; 2], "rad", 9_999, 0), 1),
            0,
            UpdateRefusal::Contract { board },
        ),
        (
            "a golden action of its own",
            wrong_golden,
            0,
            UpdateRefusal::Golden,
        ),
        (
            "a manifest of another version",
            unknown,
            0,
            UpdateRefusal::Manifest,
        ),
    ];
    for (name, file, counter, expected) in table {
        with_receiver(counter, |receiver| {
            assert_eq!(send(receiver, &file, 512), Err(expected), "{name}");
            assert!(!receiver.is_committed());
            assert_eq!(receiver.status().offered, 0, "{name}: nothing is left");
            // And a good one still gets in.
            let better = signed(&law([-20.0, -6.0], "rad", 10_000, 0), 7);
            assert!(send(receiver, &better, 512).unwrap().is_committed, "{name}");
        });
    }
    with_receiver(0, |receiver| {
        assert_eq!(send(receiver, &no_image, 512), Err(UpdateRefusal::Image));
        let begin = UpdateMessage::Begin {
            manifest: &good[..MANIFEST_LEN],
            signature: &[],
        };
        assert_eq!(receiver.take(begin, &mut []), Err(UpdateRefusal::Unsigned));
    });
}

#[test]
fn chunks_out_of_order_or_damaged_cost_nothing_but_themselves() {
    let new = law([-25.0, -7.0], "rad", 10_000, 0);
    let file = signed(&new, 1);
    with_receiver(0, |receiver| {
        let mut scratch = [0.0; ARENA_LEN];
        let early = receiver.take(chunk(0, &new[..UNIT]), &mut scratch);
        assert_eq!(early, Err(UpdateRefusal::Order { expected: 0 }));
        let early = receiver.take(UpdateMessage::Commit, &mut scratch);
        assert_eq!(early, Err(UpdateRefusal::Order { expected: 0 }));
        let begin = UpdateMessage::Begin {
            manifest: &file[..MANIFEST_LEN],
            signature: &file[MANIFEST_LEN..][..SIGNATURE_LEN],
        };
        receiver.take(begin, &mut scratch).unwrap();
        receiver.take(chunk(0, &new[..64]), &mut scratch).unwrap();
        let expected = Err(UpdateRefusal::Order { expected: 64 });
        for (offset, bytes) in [
            (0, &new[..64]),
            (128, &new[128..160]),
            (64, &[]),
            // Not a whole unit, and not the end.
            (64, &new[64..95]),
            // Beyond the end.
            (64, &vec![0; new.len()]),
        ] {
            assert_eq!(receiver.take(chunk(offset, bytes), &mut scratch), expected);
        }
        assert_eq!(receiver.take(UpdateMessage::Commit, &mut scratch), expected);
        let damaged = UpdateMessage::Chunk {
            offset: 64,
            checksum: 0,
            bytes: &new[64..96],
        };
        let refused = receiver.take(damaged, &mut scratch);
        assert_eq!(refused, Err(UpdateRefusal::Checksum));
        let status = receiver.take(UpdateMessage::Status, &mut scratch).unwrap();
        assert_eq!(status.received, 64);
        receiver.take(chunk(64, &new[64..]), &mut scratch).unwrap();
        assert!(receiver.take(UpdateMessage::Commit, &mut scratch).is_ok());
    });
}

/// Installs `file` into the slot that does not run, on flash whose power may go; then the board starts again.
fn power_cycle(slots: &mut [SimulatedFlash<'_>; 2], file: &[u8]) -> Result<(), UpdateRefusal> {
    let mut arena = [0.0; ARENA_LEN];
    let running = board(slots);
    let index = choose(slots, &mut arena);
    let [first, second] = slots;
    let target = if index == Some(0) { second } else { first };
    let key = key();
    let mut receiver = Receiver::new(target, &key, running, ARENA_LEN);
    send(&mut receiver, file, 96).map(|_| ())
}

/// What runs after power-on.
fn board(slots: &[SimulatedFlash<'_>; 2]) -> Incumbent {
    match choose(slots, &mut [0.0; ARENA_LEN]) {
        None => incumbent(&factory(), 0, 0),
        Some(index) => {
            let installed = Installed::read(&slots[index]).unwrap();
            let manifest = installed.manifest;
            incumbent(installed.image, manifest.counter(), installed.sequence)
        }
    }
}

/// Three generations, the power cut in every operation of each installation: what runs afterwards is the old image or the
/// new one, whole, and the new one can still be installed.
#[test]
#[cfg_attr(miri, ignore = "hundreds of signatures, seconds each")]
fn power_that_goes_at_any_operation_leaves_a_policy_that_runs() {
    let generations: Vec<Vec<u8>> = (1..=3_u8)
        .map(|n| {
            signed(
                &law([-20.0 - f32::from(n), -7.0], "rad", 10_000, 0),
                n.into(),
            )
        })
        .collect();
    let mut cuts = 0;
    let mut table = String::new();
    for generation in 0..generations.len() {
        let supply = Cell::new(Supply::default());
        let mut slots = [
            SimulatedFlash::new(SLOT_LEN, &supply),
            SimulatedFlash::new(SLOT_LEN, &supply),
        ];
        for file in &generations[..generation] {
            power_cycle(&mut slots, file).unwrap();
        }
        let old = board(&slots);
        assert_eq!(old.counter as usize, generation);
        let before = slots.each_ref().map(|slot| slot.bytes().to_vec());
        supply.set(Supply::default());
        power_cycle(&mut slots, &generations[generation]).unwrap();
        let operations = supply.get().operations;
        let new = board(&slots);
        assert_eq!(new.counter as usize, generation + 1);
        let mut survivors = [0, 0];
        for operation in 0..operations {
            for cut in [Cut::Before, Cut::Half, Cut::After] {
                supply.set(Supply::default());
                let mut slots = before
                    .each_ref()
                    .map(|held| SimulatedFlash::holding(held, &supply));
                supply.set(Supply {
                    cut: Some((operation, cut)),
                    ..Supply::default()
                });
                let outcome = power_cycle(&mut slots, &generations[generation]);
                assert_eq!(outcome, Err(UpdateRefusal::Flash));
                supply.set(Supply::default());
                let runs = board(&slots);
                let is_new = (operation, cut) == (operations - 1, Cut::After);
                assert_eq!(runs, if is_new { new } else { old }, "{operation} {cut:?}");
                survivors[usize::from(is_new)] += 1;
                cuts += 1;
                // Power is back: the same file gets in, unless it did.
                let again = power_cycle(&mut slots, &generations[generation]);
                assert_eq!(again.is_ok(), !is_new);
                assert_eq!(board(&slots), new);
            }
        }
        table += &std::format!(
            "generation {}: {operations} operations, cut {} times; the old image ran {} times, the new one {}\n",
            generation + 1,
            3 * operations,
            survivors[0],
            survivors[1]
        );
    }
    std::println!("{table}{cuts} cuts in all");
    assert!(cuts > 100, "{cuts}");
}

#[test]
fn an_image_that_rots_in_its_slot_is_passed_over() {
    let supply = Cell::new(Supply::default());
    let mut slots = [
        SimulatedFlash::new(SLOT_LEN, &supply),
        SimulatedFlash::new(SLOT_LEN, &supply),
    ];
    for n in 1..=2_u8 {
        let file = signed(
            &law([-20.0 - f32::from(n), -7.0], "rad", 10_000, 0),
            n.into(),
        );
        power_cycle(&mut slots, &file).unwrap();
    }
    assert_eq!(board(&slots).counter, 2);
    let (first, second) = (slots[0].bytes().to_vec(), slots[1].bytes().to_vec());
    let len = IMAGE_AT + law([-21.0, -7.0], "rad", 10_000, 0).len();
    let apart = if cfg!(miri) { 150 } else { 1 };
    let places = (0..len).filter(|at| !(MANIFEST_AT_END..IMAGE_AT).contains(at));
    for at in places.step_by(apart) {
        let mut rotten = second.clone();
        rotten[at] ^= 0x10;
        let slots = [&first, &rotten].map(|held| SimulatedFlash::holding(held, &supply));
        assert_eq!(board(&slots).counter, 1, "byte {at}");
    }
}

/// The signature was checked before the record was written, and is not looked at again.
const MANIFEST_AT_END: usize = slot::MANIFEST_AT + MANIFEST_LEN;

proptest! {
    #[test]
    fn a_signed_file_is_read_back(counter in any::<u32>(), gain in -50.0f32..50.0) {
        let image = law([gain, -7.0], "rad", 10_000, 0);
        let file = signed(&image, counter);
        let read = SignedImage::read(&file).unwrap();
        prop_assert_eq!((read.manifest.counter(), read.image), (counter, &image[..]));
        prop_assert!(read.manifest.is_signed(read.image, read.signature, &key()));
        prop_assert!(!read.manifest.is_signed(&read.image[1..], read.signature, &key()));
        prop_assert!(SignedImage::read(&file[..file.len() - 1]).is_none());
    }

    /// Whatever is said in whatever order, the image that runs is not touched and nothing unsigned gets in.
    #[test]
    fn no_conversation_installs_what_is_not_signed(
        script in prop::collection::vec((0..4_u8, any::<u32>(), prop::collection::vec(any::<u8>(), 0..100)), 0..rounds(40)),
    ) {
        let image = law([-25.0, -7.0], "rad", 10_000, 0);
        let file = signed(&image, 3);
        let mut slots = [RamFlash::<SLOT_LEN>::new(), RamFlash::new()];
        let key = key();
        let mut receiver = Receiver::new(&mut slots[1], &key, incumbent(&factory(), 0, 0), ARENA_LEN);
        for (kind, number, bytes) in &script {
            let message = match kind {
                0 => UpdateMessage::Status,
                1 => UpdateMessage::Begin {
                    manifest: &file[..MANIFEST_LEN],
                    signature: if number % 2 == 0 { &file[MANIFEST_LEN..][..SIGNATURE_LEN] } else { bytes },
                },
                2 => chunk(*number as usize % 256, bytes),
                _ => UpdateMessage::Commit,
            };
            let _ = receiver.take(message, &mut [0.0; ARENA_LEN]);
        }
        prop_assert!(!receiver.is_committed());
        prop_assert_eq!(choose(&slots, &mut [0.0; ARENA_LEN]), None);
    }
}
