//! The files that `c/refusals.c` hands to the library: an image, others that are wrong in one thing each, and updates to refuse.

use std::fs;
use std::path::Path;

use ed25519_compact::{KeyPair, Seed};
use rlfd_runtime::PolicyImage;
use rlfd_runtime::image::{
    ActionTerm, Chain, ImageBytes, ImageSource, Layer, ObservationTerm, Source, Statistics, write,
};
use rlfd_runtime::update::{MANIFEST_LEN, SIGNATURE_LEN, sign};

const SEED: [u8; 32] = [3; 32];

/// The prelude's checksum, and what it is not about.
const CHECKSUM: std::ops::Range<usize> = 12..16;

/// A law over two measured numbers, one asked and the last action, through `hidden` numbers in between that change nothing.
struct Law {
    weight: [f32; 4],
    unit: &'static str,
    hidden: usize,
    has_statistics: bool,
}

const LAW: Law = Law {
    weight: [-1.0, -1.0, 1.0, 0.25],
    unit: "m",
    hidden: 0,
    has_statistics: true,
};

impl Law {
    fn image(&self) -> Vec<u8> {
        let term = |name, dim, source| ObservationTerm {
            name,
            unit: self.unit,
            source,
            dim,
            history: 1,
            scale: 1.0,
            offset: 0.0,
            clip: f32::INFINITY,
        };
        let (into, out_of) = (vec![0.0; 4 * self.hidden], vec![0.0; self.hidden]);
        let hidden = vec![0.0; self.hidden];
        let dense = |weight, bias| Layer::Dense {
            weight,
            bias,
            activation: None,
        };
        let layers = match self.hidden {
            0 => vec![dense(&self.weight, &[0.0])],
            _ => vec![dense(&into, &hidden), dense(&out_of, &[0.0])],
        };
        let chain = Chain::new(4, &layers).unwrap();
        let source = ImageSource {
            environment: "none",
            provenance: "by hand",
            period_us: 10_000,
            observation: &[
                term("place and speed", 2, Source::Sensor),
                term("goal", 1, Source::Setpoint),
                term("last action", 1, Source::LastAction),
            ],
            action: &[ActionTerm {
                name: "force",
                unit: "N",
                dim: 1,
                scale: 1.0,
                offset: 0.0,
                low: -10.0,
                high: 10.0,
                max_rate: f32::INFINITY,
                stiffness: 1.0,
                damping: 0.0,
                time_constant_s: 0.0,
            }],
            program: chain.source(),
            golden_observation: &[0.5, -0.5, 1.0, 0.25],
            statistics: self.has_statistics.then_some(Statistics {
                mean: &[1.0, 1.0, 0.0, 0.0],
                deviation: &[1.0, 1.0, 1.0, 10.0],
            }),
        };
        write(&source).unwrap()
    }
}

fn signed(image: &[u8], counter: u32, seed: [u8; 32]) -> Vec<u8> {
    let aligned = ImageBytes::new(image);
    sign(&PolicyImage::view(&aligned).unwrap(), image, counter, seed).unwrap()
}

/// CRC-32 as in the specification, bit by bit.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

pub fn write_files(folder: &Path) {
    let file = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let law = LAW.image();
    let plain = Law {
        has_statistics: false,
        ..LAW
    }
    .image();
    // Without statistics the golden action is the last section; the checksum is put right again.
    let mut golden = plain.clone();
    let at = golden.len() - 16;
    golden[at] ^= 1;
    let outside = |(at, _): &(usize, u8)| !CHECKSUM.contains(at);
    let bytes = golden.clone().into_iter().enumerate().filter(outside);
    let checksum = crc32(bytes.map(|(_, byte)| byte));
    golden[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    file("law.rlfd", &law);
    file("plain.rlfd", &plain);
    file("golden.rlfd", &golden);

    let pair = KeyPair::from_seed(Seed::new(SEED));
    file("key", &*pair.pk);
    let faster = Law {
        weight: [-2.0, -1.0, 1.0, 0.0],
        ..LAW
    };
    let good = signed(&faster.image(), 5, SEED);
    let mut tampered = good.clone();
    tampered[MANIFEST_LEN + SIGNATURE_LEN + 300] ^= 1;
    file("good.rlfu", &good);
    file("tampered.rlfu", &tampered);
    file("stranger.rlfu", &signed(&faster.image(), 5, [4; 32]));
    file("same.rlfu", &signed(&law, 1, SEED));
    file("last.rlfu", &signed(&plain, 6, SEED));
    for (name, changed) in [
        ("huge.rlfu", Law { hidden: 300, ..LAW }),
        ("wide.rlfu", Law { hidden: 20, ..LAW }),
        ("contract.rlfu", Law { unit: "ft", ..LAW }),
    ] {
        file(name, &signed(&changed.image(), 1, SEED));
    }
    file("golden.rlfu", &signed(&golden, 1, SEED));
    // Signed by the right key, described as the good image, and none.
    let image = faster.image();
    let described = signed(&image, 1, SEED);
    let manifest = &described[..MANIFEST_LEN];
    let nothing = vec![0x5a; image.len()];
    let signature = pair.sk.sign([manifest, &nothing].concat(), None);
    file("nothing.rlfu", &[manifest, &*signature, &nothing].concat());
}
