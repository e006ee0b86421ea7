//! The dense layer: `y = W x + b`, weights in panels of [`PANEL`] outputs.
//!
//! A panel holds, for each input in order, the weights of its 16 outputs side by side: `[panel][input][16]`. The last
//! panel is as narrow as the outputs that remain: `[input][rest]`. So the weights are read once, as one forward stream, and
//! SIMD runs across outputs.
//!
//! The order of summation is part of the image format: output `o` is `b[o]`, then `+ W[o][0] * x[0]`, then
//! `+ W[o][1] * x[1]` and so on, every product and every sum rounded by itself. Outputs are independent, so any number
//! of them may be computed at once; that changes speed and no bit.

/// Outputs per panel: four SSE registers, or half the single-precision registers of a Cortex-M4F.
pub const PANEL: usize = 16;

/// Outputs per group in the last, narrower panel.
const GROUP: usize = 4;

/// `output = W input + bias`.
///
/// `weight` is in panels and holds `input.len() * output.len()` numbers, `bias` and `output` are of one length.
/// Output numbers for which weights or bias are missing stay as they are.
pub fn dense(weight: &[f32], bias: &[f32], input: &[f32], output: &mut [f32]) {
    let (full_bias, rest_bias) = bias.as_chunks::<PANEL>();
    let (full_output, rest_output) = output.as_chunks_mut::<PANEL>();
    let full_len = input.len() * PANEL * full_output.len();
    let Some((full_weight, rest_weight)) = weight.split_at_checked(full_len) else {
        return;
    };
    let (mut rows, _) = full_weight.as_chunks::<PANEL>();
    for (output, bias) in full_output.iter_mut().zip(full_bias) {
        let Some((panel, following)) = rows.split_at_checked(input.len()) else {
            return;
        };
        *output = full_panel(panel, bias, input);
        rows = following;
    }
    narrow_panel(rest_weight, rest_bias, input, rest_output);
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

/// Sixteen accumulators stay in registers while the weights pass by.
fn full_panel(panel: &[[f32; PANEL]], bias: &[f32; PANEL], input: &[f32]) -> [f32; PANEL] {
    let mut sum = *bias;
    for (row, x) in panel.iter().zip(input) {
        for (sum, weight) in sum.iter_mut().zip(row) {
            *sum += weight * x;
        }
    }
    sum
}

fn narrow_panel(weight: &[f32], bias: &[f32], input: &[f32], output: &mut [f32]) {
    let width = output.len();
    let (bias_groups, bias_rest) = bias.as_chunks::<GROUP>();
    let (output_groups, output_rest) = output.as_chunks_mut::<GROUP>();
    let mut column = 0;
    for (output, bias) in output_groups.iter_mut().zip(bias_groups) {
        *output = columns(weight, width, column, bias, input);
        column += GROUP;
    }
    for (output, bias) in output_rest.iter_mut().zip(bias_rest) {
        [*output] = columns(weight, width, column, &[*bias], input);
        column += 1;
    }
}

/// `N` neighbouring outputs, from `column` on, of a panel `width` wide.
fn columns<const N: usize>(
    weight: &[f32],
    width: usize,
    column: usize,
    bias: &[f32; N],
    input: &[f32],
) -> [f32; N] {
    let mut sum = *bias;
    let mut rows = weight.get(column..).unwrap_or_default();
    for x in input {
        let Some(row) = rows.first_chunk::<N>() else {
            break;
        };
        for (sum, weight) in sum.iter_mut().zip(row) {
            *sum += weight * x;
        }
        rows = rows.get(width..).unwrap_or_default();
    }
    sum
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
            for output_dim in 1..=50 {
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
    fn missing_weights_touch_nothing() {
        let mut output = [7.0; 20];
        dense(&[1.0; 10], &[0.0; 20], &[1.0; 3], &mut output);
        assert_eq!(output, [7.0; 20]);
    }
}
