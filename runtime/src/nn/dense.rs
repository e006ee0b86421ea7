//! The dense layer: `y = W x + b`, weights in panels of [`PANEL`] outputs.
//!
//! A panel holds, for each input in order, the weights of its 64 outputs side by side: `[panel][input][64]`. The last
//! panel is as narrow as the outputs that remain: `[input][rest]`. So the weights are read once, as one forward stream, and
//! SIMD runs across outputs.
//!
//! The order of summation is part of the image format: output `o` is `b[o]`, then `+ W[o][0] * x[0]`, then
//! `+ W[o][1] * x[1]` and so on, every product and every sum rounded by itself. Outputs are independent, so any number
//! of them may be computed at once; that changes speed and no bit.

use super::arch;

/// Outputs per panel: eight AVX registers; a Cortex-M4F takes a quarter of it at a time.
pub const PANEL: usize = 64;

/// `output = W input + bias`.
///
/// `weight` is in panels and holds `input.len() * output.len()` numbers, `bias` and `output` are of one length.
/// Without its weights a panel adds nothing; where the bias is missing the output stays what it was.
pub fn dense(weight: &[f32], bias: &[f32], input: &[f32], output: &mut [f32]) {
    if arch::dense(weight, Some(bias), input, output) {
        return;
    }
    for (output, bias) in output.iter_mut().zip(bias) {
        *output = *bias;
    }
    accumulate(weight, input, output);
}

/// `output = output + W input`: as [`dense`], where the output holds the bias already.
pub fn accumulate(weight: &[f32], input: &[f32], output: &mut [f32]) {
    if !arch::dense(weight, None, input, output) {
        accumulate_portable(weight, input, output);
    }
}

/// What [`accumulate`] computes, on any processor.
pub(super) fn accumulate_portable(weight: &[f32], input: &[f32], output: &mut [f32]) {
    let mut rest = weight;
    for output in output.chunks_mut(PANEL) {
        let len = input.len() * output.len();
        let Some((panel, following)) = rest.split_at_checked(len) else {
            return;
        };
        accumulate_panel(panel, input, output);
        rest = following;
    }
}

/// One panel, as wide as `output`: sixteen accumulators at a time, then four, then one.
fn accumulate_panel(panel: &[f32], input: &[f32], output: &mut [f32]) {
    let width = output.len();
    let (sixteens, rest) = output.as_chunks_mut::<16>();
    let (fours, ones) = rest.as_chunks_mut::<4>();
    let mut column = 0;
    for sums in sixteens {
        accumulate_columns(panel, width, column, input, sums);
        column += sums.len();
    }
    for sums in fours {
        accumulate_columns(panel, width, column, input, sums);
        column += sums.len();
    }
    for sum in ones {
        accumulate_columns(panel, width, column, input, core::array::from_mut(sum));
        column += 1;
    }
}

/// `N` neighbouring outputs from `column` on: their sums stay in registers while the weights pass by.
fn accumulate_columns<const N: usize>(
    panel: &[f32],
    width: usize,
    column: usize,
    input: &[f32],
    sums: &mut [f32; N],
) {
    let mut sum = *sums;
    for (row, x) in panel.chunks_exact(width.max(1)).zip(input) {
        let Some(row) = row.get(column..).and_then(|row| row.first_chunk::<N>()) else {
            break;
        };
        for (sum, weight) in sum.iter_mut().zip(row) {
            *sum += weight * x;
        }
    }
    *sums = sum;
}

/// Number of weights of a layer, `None` where it does not fit an address.
#[must_use]
pub fn weight_len(input_dim: usize, output_dim: usize) -> Option<usize> {
    input_dim.checked_mul(output_dim)
}

/// Where the weight from input `i` to output `o` lies among the panels.
#[must_use]
pub fn weight_index(input_dim: usize, output_dim: usize, o: usize, i: usize) -> usize {
    let panel = o / PANEL;
    let width = PANEL.min(output_dim - panel * PANEL);
    panel * PANEL * input_dim + i * width + o % PANEL
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use std::vec::Vec;

    /// The definition, number by number, from a row-major `[out, in]` matrix.
    fn by_definition(weight: &[f32], bias: &[f32], input: &[f32]) -> Vec<f32> {
        let mut output = Vec::new();
        for (o, bias) in bias.iter().enumerate() {
            let mut sum = *bias;
            for (i, x) in input.iter().enumerate() {
                let product = weight[o * input.len() + i] * x;
                sum += product;
            }
            output.push(sum);
        }
        output
    }

    fn panels(weight: &[f32], input_dim: usize, output_dim: usize) -> Vec<f32> {
        let mut panels = std::vec![f32::NAN; weight.len()];
        for o in 0..output_dim {
            for i in 0..input_dim {
                panels[weight_index(input_dim, output_dim, o, i)] = weight[o * input_dim + i];
            }
        }
        assert!(
            panels.iter().all(|weight| !weight.is_nan()),
            "every place is filled once"
        );
        panels
    }

    #[test]
    fn every_width_equals_the_definition_bit_for_bit() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for input_dim in [1, 2, 3, 4, 7, 16, 17, 33] {
            for output_dim in (1..=50).chain([63, 64, 65, 80, 128, 131, 200]) {
                let mut number = || rng.random_range(-2.0..2.0f32);
                let weight: Vec<f32> = (0..input_dim * output_dim).map(|_| number()).collect();
                let bias: Vec<f32> = (0..output_dim).map(|_| number()).collect();
                let input: Vec<f32> = (0..input_dim).map(|_| number()).collect();
                let mut output = std::vec![0.0; output_dim];
                dense(
                    &panels(&weight, input_dim, output_dim),
                    &bias,
                    &input,
                    &mut output,
                );
                assert_eq!(
                    output,
                    by_definition(&weight, &bias, &input),
                    "{input_dim} to {output_dim}"
                );
            }
        }
    }

    #[test]
    fn missing_weights_add_nothing_and_a_missing_bias_writes_nothing() {
        let mut output = [7.0; 20];
        dense(&[1.0; 10], &[3.0; 19], &[1.0; 3], &mut output);
        assert_eq!(output[..19], [3.0; 19]);
        assert_eq!(output[19], 7.0);
    }
}
