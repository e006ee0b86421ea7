//! The kernels of this processor beside the portable ones: the same bits, for every width.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::vec::Vec;

use super::*;
use crate::nn::{Function, ZipFunction, dense};

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn dense_layers_of_every_width() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for outputs in 1..=200 {
        for inputs in [0, 1, 2, 3, 5, 8, 9, 16, 33] {
            let mut numbers =
                |count| -> Vec<f32> { (0..count).map(|_| rng.random_range(-2.0..2.0)).collect() };
            // One number more on each side: no alignment, and whatever is written beyond is seen.
            let (weight, input) = (numbers(inputs * outputs + 1), numbers(inputs + 1));
            let mut sums = numbers(outputs + 1);
            let mut expected = sums.clone();
            let (weight, input) = (&weight[1..], &input[1..]);
            dense::accumulate_portable(weight, input, &mut expected[..outputs]);
            let bias = sums.clone();
            if dense(weight, None, input, &mut sums[..outputs]) {
                assert!(same_bits(&sums, &expected), "{inputs} to {outputs}");
                sums[..outputs].fill(f32::NAN);
                dense(weight, Some(&bias[..outputs]), input, &mut sums[..outputs]);
                assert!(
                    same_bits(&sums, &expected),
                    "{inputs} to {outputs}, with a bias"
                );
            }
        }
    }
}

#[test]
fn functions_of_every_kind_of_number() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for function in Function::ALL {
        for count in [0, 1, 7, 8, 9, 64, 200] {
            let mut values: Vec<f32> = (0..count)
                .map(|_| match rng.random_range(0..8) {
                    0 => f32::from_bits(rng.random()),
                    1 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0][rng.random_range(0..4)],
                    _ => rng.random_range(-12.0..12.0),
                })
                .collect();
            let p = [1.5, 0.75];
            let mut expected = values.clone();
            function.apply_portable(p, &mut expected);
            let done = apply(function, p, &mut values);
            for (value, expected) in values.iter().zip(&expected).take(done) {
                let same = value.to_bits() == expected.to_bits();
                assert!(
                    same || value.is_nan() && expected.is_nan(),
                    "{function:?}: {value} instead of {expected}"
                );
            }
        }
    }
}

#[test]
fn zips_say_how_far_they_came() {
    let (mut values, others) = ([3.0_f32; 11], [2.0; 11]);
    let done = zip(ZipFunction::Sub, false, &mut values, &others);
    assert_eq!(values[..done], [1.0; 11][..done]);
    assert_eq!(values[done..], [3.0; 11][done..]);
}

/// No result of the rationals comes near its limit below the `x` where Cortex-M stops looking.
#[test]
fn tanh_stays_below_one_where_nothing_holds_it_there() {
    let mut x = 3.9_f32;
    while x * x <= 25.1 {
        assert!(crate::nn::math::tanh(x) < 1.0, "{x}");
        assert!(crate::nn::math::sigmoid(2.0 * x) < 1.0, "{x}");
        x = x.next_up();
    }
}

#[cfg(feature = "quantized")]
mod quantized {
    use super::*;
    use crate::nn::dense_half;
    use crate::nn::dense_quantized::panel_i8 as portable;
    use crate::nn::requantize::requantized;

    #[test]
    fn integer_panels_of_every_width() {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        for width in 1..=32 {
            for inputs in [0, 2, 4, 6, 8, 16, 18, 34, 50] {
                let panel: Vec<[u8; 4]> = (0..inputs / 2 * width).map(|_| rng.random()).collect();
                let input: Vec<i16> = (0..inputs).map(|_| rng.random()).collect();
                for outputs in [2 * width - 1, 2 * width] {
                    let bias: Vec<i32> = (0..outputs).map(|_| rng.random()).collect();
                    let surplus = rng.random();
                    let mut sums = std::vec![[1; 2]; width];
                    let mut expected = std::vec![[2; 2]; width];
                    portable(&panel, &bias, surplus, &input, &mut expected);
                    if panel_i8(&panel, &bias, surplus, &input, &mut sums) {
                        assert_eq!(sums, expected, "{inputs} to {outputs}");
                    }
                }
            }
        }
    }

    #[test]
    fn layers_of_half_precision_of_every_width() {
        let mut rng = ChaCha8Rng::seed_from_u64(16);
        for outputs in 1..=200 {
            for inputs in [0, 1, 2, 7, 17] {
                let weight: Vec<u16> = (0..inputs * outputs)
                    .map(|_| rng.random::<u16>() & 0xBFFF)
                    .collect();
                let input: Vec<f32> = (0..inputs).map(|_| rng.random_range(-2.0..2.0)).collect();
                let mut sums: Vec<f32> = (0..outputs).map(|_| rng.random()).collect();
                let mut expected = sums.clone();
                dense_half::accumulate_portable(&weight, &input, &mut expected);
                if accumulate_half(&weight, &input, &mut sums) {
                    assert!(same_bits(&sums, &expected), "{inputs} to {outputs}");
                }
            }
        }
    }

    #[test]
    fn sums_of_activations_of_every_count() {
        let mut rng = ChaCha8Rng::seed_from_u64(15);
        for count in (0..=70).step_by(2) {
            let input: Vec<i16> = (0..count).map(|_| rng.random()).collect();
            let expected: i32 = input.iter().map(|x| i32::from(*x)).sum();
            assert!(sum_i16(&input).is_none_or(|sum| sum == expected));
        }
    }

    #[test]
    fn activations_from_sums_of_every_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(14);
        for count in [0, 1, 2, 3, 8, 15, 64] {
            for _ in 0..200 {
                let sums: Vec<i32> = (0..count)
                    .map(|_| rng.random::<i32>() >> rng.random_range(0..31))
                    .collect();
                let multipliers: Vec<f32> = (0..count)
                    .map(|_| f32::from_bits(rng.random_range(0x3000_0000..0x4000_0000)))
                    .collect();
                let [low, high] = [[-128, 127], [0, 127], [-255, 0], [i16::MIN, i16::MAX]]
                    [rng.random_range(0..4)];
                let mut values = std::vec![0; count];
                let done = requantize(&sums, &multipliers, [low, high], &mut values);
                for index in 0..done {
                    let expected = requantized(sums[index], multipliers[index], low, high);
                    assert_eq!(values[index], expected);
                }
            }
        }
    }
}
