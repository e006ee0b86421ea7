//! The dense layer with weights in half precision: the panels and the order of [`dense`](super::dense), each weight widened exactly before it
//! is multiplied.

use super::arch;
use super::dense::PANEL;

/// Accumulators that stay in registers while the weights pass by.
const GROUP: usize = 16;

/// `output = output + W input`, `weight` the bits of IEEE 754 halves in panels.
pub fn accumulate(weight: &[u16], input: &[f32], output: &mut [f32]) {
    if !arch::accumulate_half(weight, input, output) {
        accumulate_portable(weight, input, output);
    }
}

/// What [`accumulate`] computes, on any processor.
pub(super) fn accumulate_portable(weight: &[u16], input: &[f32], output: &mut [f32]) {
    let mut rest = weight;
    for output in output.chunks_mut(PANEL) {
        let len = input.len() * output.len();
        let Some((panel, following)) = rest.split_at_checked(len) else {
            return;
        };
        let width = output.len();
        for (index, sums) in output.chunks_mut(GROUP).enumerate() {
            match sums.as_mut_array::<GROUP>() {
                Some(sums) => full_group(panel, width, index * GROUP, input, sums),
                None => columns(panel, width, index * GROUP, input, sums),
            }
        }
        rest = following;
    }
}

fn full_group(panel: &[u16], width: usize, column: usize, input: &[f32], sums: &mut [f32; GROUP]) {
    let mut sum = *sums;
    for (row, x) in panel.chunks_exact(width.max(1)).zip(input) {
        let Some(row) = row.get(column..).and_then(|row| row.first_chunk::<GROUP>()) else {
            break;
        };
        for (sum, weight) in sum.iter_mut().zip(row) {
            *sum += widened(*weight) * x;
        }
    }
    *sums = sum;
}

fn columns(panel: &[u16], width: usize, column: usize, input: &[f32], sums: &mut [f32]) {
    for (row, x) in panel.chunks_exact(width.max(1)).zip(input) {
        let row = row.get(column..).unwrap_or_default();
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += widened(*weight) * x;
        }
    }
}

/// The number that 16 bits stand for. Exact for every finite half; infinity and NaN, which weights are not, become 65536 and above.
#[inline]
#[must_use]
pub fn widened(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    // Fraction and exponent move to their places in a single; 2^112 makes up for the difference of the exponents' biases.
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(sign | magnitude.to_bits())
}

/// Whether a half is neither infinite nor NaN.
#[must_use]
pub const fn is_finite(half: u16) -> bool {
    half & 0x7c00 != 0x7c00
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::dense;
    use rand::{RngExt, SeedableRng};
    use std::vec::Vec;

    /// By the definition of the format: sign, exponent, fraction.
    fn by_definition(half: u16) -> f64 {
        let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
        let (exponent, fraction) = (
            i32::from(half >> 10 & 0x1f),
            f64::from(half & 0x3ff) / 1024.0,
        );
        sign * match exponent {
            0 => fraction * 2f64.powi(-14),
            _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
        }
    }

    #[test]
    fn every_finite_half_is_widened_exactly() {
        for half in (0..=u16::MAX).filter(|half| is_finite(*half)) {
            let widened = widened(half);
            assert_eq!(f64::from(widened), by_definition(half), "{half:#06x}");
            assert_eq!(widened.is_sign_negative(), half & 0x8000 != 0);
        }
        assert!(!is_finite(0x7c00) && !is_finite(0xfe01));
    }

    #[test]
    fn like_the_same_weights_in_single_precision() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for inputs in [1, 2, 7, 33] {
            for outputs in (1..40).chain([63, 64, 65, 131]) {
                let halves: Vec<u16> = (0..inputs * outputs)
                    .map(|_| rng.random_range(0x2000..0x4000) | rng.random::<u16>() & 0x8000)
                    .collect();
                let singles: Vec<f32> = halves.iter().map(|half| widened(*half)).collect();
                let input: Vec<f32> = (0..inputs).map(|_| rng.random_range(-2.0..2.0)).collect();
                let mut output = std::vec![0.25; outputs];
                let mut expected = output.clone();
                accumulate(&halves, &input, &mut output);
                dense::accumulate(&singles, &input, &mut expected);
                assert_eq!(output, expected, "{inputs} to {outputs}");
            }
        }
    }
}
