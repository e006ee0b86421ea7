//! Layers of integers against their definition in 64 bits.

use super::super::pairs::{pack_i8, pack_i16};
use super::*;
use rand::{RngExt, SeedableRng};
use std::vec::Vec;

const SIZES: [(usize, usize); 13] = [
    (1, 1),
    (2, 1),
    (3, 2),
    (17, 8),
    (6, 9),
    (5, 63),
    (4, 64),
    (7, 65),
    (8, 72),
    (16, 127),
    (33, 128),
    (3, 131),
    (256, 6),
];

/// The layer by its definition in 64 bits; the examples do not overflow 32.
fn sums(weights: &[i64], bias: &[i32], input: &[i16]) -> Vec<i32> {
    let rows = weights.chunks(input.len()).zip(bias);
    rows.map(|(row, bias)| {
        let products = row.iter().zip(input).map(|(w, x)| w * i64::from(*x));
        i32::try_from(i64::from(*bias) + products.sum::<i64>()).unwrap()
    })
    .collect()
}

fn padded(mut input: Vec<i16>) -> Vec<i16> {
    input.resize(input.len().next_multiple_of(2), 0);
    input
}

struct Case {
    inputs: usize,
    outputs: usize,
    weights: Vec<i16>,
    bias: Vec<i32>,
    multiplier: Vec<f32>,
    input: Vec<i16>,
}

/// Weights and activations up to the given magnitudes, the extremes among them.
fn cases(weight: i16, activation: i16) -> impl Iterator<Item = Case> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
    SIZES.into_iter().map(move |(inputs, outputs)| {
        let mut weights: Vec<i16> = (0..inputs * outputs)
            .map(|_| rng.random_range(-weight..weight))
            .collect();
        weights[0] = -weight;
        let mut input: Vec<i16> = (0..inputs)
            .map(|_| rng.random_range(-activation..=activation))
            .collect();
        input[0] = -activation;
        Case {
            inputs,
            outputs,
            weights,
            bias: (0..outputs)
                .map(|_| rng.random_range(-99_999..99_999))
                .collect(),
            multiplier: (0..outputs).map(|_| rng.random_range(1e-4..1e-2)).collect(),
            input,
        }
    })
}

fn check(case: &Case, layer: impl Fn(&[i16], Output<'_>)) {
    let weights: Vec<i64> = case.weights.iter().map(|w| i64::from(*w)).collect();
    let sums = sums(&weights, &case.bias, &case.input);
    let scaled = sums.iter().zip(&case.multiplier);
    let products: Vec<f32> = scaled.map(|(sum, m)| *sum as f32 * m).collect();
    let input = padded(case.input.clone());
    let mut reals = std::vec![f32::NAN; case.outputs];
    layer(&input, Output::Reals(&mut reals));
    assert_eq!(reals, products, "{} to {}", case.inputs, case.outputs);

    let (low, high) = (-128, 127);
    let mut values = std::vec![99; case.outputs.next_multiple_of(2)];
    layer(
        &input,
        Output::Integers {
            values: &mut values,
            low,
            high,
        },
    );
    let bounded = |x: &f32| x.round_ties_even().clamp(low.into(), high.into()) as i16;
    assert_eq!(values, padded(products.iter().map(bounded).collect()));
}

#[test]
fn eight_bits_equal_the_definition() {
    for case in cases(128, 255) {
        let weights: Vec<i8> = case.weights.iter().map(|w| *w as i8).collect();
        let packed = pack_i8(&weights, case.inputs, case.outputs).unwrap();
        check(&case, |input, output| {
            dense_i8(&packed, &case.bias, &case.multiplier, input, output);
        });
    }
}

#[test]
fn sixteen_bits_equal_the_definition() {
    for case in cases(2048, 2047) {
        let packed = pack_i16(&case.weights, case.inputs, case.outputs).unwrap();
        check(&case, |input, output| {
            dense_i16(&packed, &case.bias, &case.multiplier, input, output);
        });
    }
}

/// Modulo 2^32: a sum that leaves the range and comes back is right.
#[test]
fn sums_wrap() {
    let packed = pack_i16(&[i16::MIN, i16::MIN, 1, 0], 4, 1).unwrap();
    let input = [i16::MIN, i16::MIN, -3, 0];
    let mut reals = [0.0];
    dense_i16(
        &packed,
        &[i32::MIN],
        &[1.0],
        &input,
        Output::Reals(&mut reals),
    );
    assert_eq!(reals, [-3.0]);
}

#[test]
fn missing_weights_touch_nothing() {
    let mut reals = [7.0; 20];
    dense_i8(
        &[1; 30],
        &[0; 20],
        &[1.0; 20],
        &[1; 4],
        Output::Reals(&mut reals),
    );
    dense_i16(
        &[1; 30],
        &[0; 20],
        &[1.0; 20],
        &[1; 4],
        Output::Reals(&mut reals),
    );
    assert_eq!(reals, [7.0; 20]);
}
