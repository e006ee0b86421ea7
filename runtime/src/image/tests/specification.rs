//! The bytes of an image against `docs/image.md`.

use std::vec::Vec;

use super::{HIDDEN, Net, image_of};
use crate::image::IMAGE_VERSION;

#[test]
fn the_specification_is_of_this_version() {
    let specification = include_str!("../../../docs/image.md");
    let version = std::format!("Current version: **{IMAGE_VERSION}**");
    assert!(specification.contains(&version), "{version}");
    let row = std::format!("| {IMAGE_VERSION} | ");
    let history = specification.split("## Versions").nth(1).unwrap();
    assert!(
        history.contains(&row),
        "the history has no row for version {IMAGE_VERSION}"
    );
}

/// Reads an image by the tables of `docs/image.md` alone, sharing nothing with the reader above.
#[test]
fn the_bytes_are_the_specified_ones() {
    let net = Net::new(3);
    let bytes = image_of(&net);
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let f32_at = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(bytes[..8], [0x89, 0x52, 0x4c, 0x46, 0x44, 0x0d, 0x0a, 0x1a]);
    assert_eq!(bytes[8..12], [3, 0, 0, 0]);
    let mut crc = 0xffff_ffffu32;
    for byte in bytes[..12].iter().chain(&bytes[16..]) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    assert_eq!(u32_at(12), !crc as usize);
    assert_eq!(u32_at(16), bytes.len());
    let header = &bytes[32..32 + u32_at(20)];
    let texts = b"\x06Arm-v0\x0etest 1, seed 7";
    assert_eq!(header[..texts.len()], *texts);
    // 10,000 as a varint, then widths, arena and state.
    let numbers = &header[texts.len()..];
    assert_eq!(numbers[..6], [0x90, 0x4e, 5, 2, 42, 0]);
    // Labels: lengths and letters of three pairs of name and unit and of two names without shape.
    let terms_len = (1 + 14) + (1 + 3) + (1 + 14) + (1 + 5) + (1 + 6) + (1 + 3);
    let labels_len = terms_len + (1 + 11) + 1 + (1 + 6) + 1;
    let dense_len = |n: usize, m: usize| [n * m, m].map(|len: usize| len.next_multiple_of(4) * 4);
    let [first, first_bias] = dense_len(5, HIDDEN);
    let [second, second_bias] = dense_len(HIDDEN, 2);
    // Normaliser and clamp of 5 in steps of 8 numbers; the last array, two offsets, ends the section.
    let constants_len = 4 * 32 + first + first_bias + second + second_bias + 16 + 8;
    let lens = [
        2 * 20,
        36,
        8,
        8,
        labels_len,
        9 * 60,
        constants_len,
        5 * 4,
        2 * 4,
        0,
    ];
    let mut varints = Vec::new();
    for mut len in lens {
        while len >= 0x80 {
            varints.push(len as u8 | 0x80);
            len >>= 7;
        }
        varints.push(len as u8);
    }
    assert_eq!(numbers[6..], varints);
    let mut starts = Vec::new();
    let mut end = 32 + header.len();
    for len in lens {
        let start = end.next_multiple_of(16);
        assert!(
            bytes[end..start].iter().all(|byte| *byte == 0),
            "gaps are zeros"
        );
        starts.push(start);
        end = start + len;
    }
    assert_eq!(end, bytes.len());
    // The second observation term.
    let velocity = starts[0] + 20;
    assert_eq!(bytes[velocity..velocity + 8], [1, 0, 2, 0, 0, 0, 0, 0]);
    assert_eq!(
        [8, 12, 16].map(|at| f32_at(velocity + at)),
        [0.1, 0.5, 10.0]
    );
    assert_eq!(
        [12, 16, 20].map(|at| f32_at(starts[1] + at)),
        [-3.0, 3.0, 50.0]
    );
    assert_eq!((u32_at(starts[2]), u32_at(starts[2] + 4)), (0, 5));
    // The fifth operation: dense, ELU, 5 to 21, from the first place to the second.
    let dense = starts[5] + 4 * 60;
    assert_eq!(bytes[dense..dense + 4], [1, 2, 0, 0]);
    let (n, m) = (5, HIDDEN);
    assert_eq!([4, 8].map(|at| u32_at(dense + at)), [HIDDEN, m]);
    assert_eq!([12, 16].map(|at| u32_at(dense + at)), [0, n]);
    let [weights, bias] = [20, 28].map(|at| u32_at(dense + at) & 0x7fff_ffff);
    assert_eq!(u32_at(dense + 20) >> 31, 1);
    assert_eq!([24, 32].map(|at| u32_at(dense + at)), [n * m, m]);
    assert_eq!([36, 40, 44].map(|at| u32_at(dense + at)), [n, m, 1]);
    for o in 0..m {
        for i in 0..n {
            let number = 64 * (o / 64) * n + i * 64.min(m - 64 * (o / 64)) + o % 64;
            let weight = f32_at(starts[6] + 4 * (weights + number));
            assert_eq!(weight, net.weights[0][o * n + i]);
        }
    }
    assert_eq!(f32_at(starts[6] + 4 * bias), net.biases[0][0]);
    assert_eq!(f32_at(starts[7] + 4), -0.2);
    assert_eq!(f32_at(starts[0] + 16), f32::INFINITY);
}
