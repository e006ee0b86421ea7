//! The dense layer in integers: weights of 8 or 16 bits, activations of 16 bits, sums of 32 bits.
//!
//! `sum[o] = bias[o] + W[o][0] * x[0] + W[o][1] * x[1] + ...` modulo 2^32, so that no order of summation matters, and then
//! one multiplier per output: see [`requantize`](super::requantize). An odd number of inputs is padded with a zero, in
//! the activations as in the weights.
//!
//! How the weights lie says [`pairs`](super::pairs).

use super::arch;
use super::dense::PANEL;
use super::requantize::{dequantized, requantize};
use core::array::from_mut;

/// Where a quantised layer puts its results. Both slices are as long as the bias.
#[derive(Debug)]
pub enum Output<'a> {
    /// As integers for the next layer, moved into `[low, high]`. A slice longer than the bias ends in zeros: padding.
    Integers {
        /// The activations.
        values: &'a mut [i16],
        /// The least activation.
        low: i16,
        /// The greatest activation.
        high: i16,
    },
    /// As numbers.
    Reals(&'a mut [f32]),
}

impl Output<'_> {
    /// The results of the outputs from `start` on.
    fn put(&mut self, start: usize, sums: &[i32], multipliers: &[f32]) {
        match self {
            Self::Integers { values, low, high } => {
                let values = values.get_mut(start..).unwrap_or_default();
                requantize(sums, multipliers, [*low, *high], values);
            }
            Self::Reals(values) => {
                let values = values.get_mut(start..).unwrap_or_default();
                for (value, (sum, multiplier)) in
                    values.iter_mut().zip(sums.iter().zip(multipliers))
                {
                    *value = dequantized(*sum, *multiplier);
                }
            }
        }
    }

    fn pad(&mut self, outputs: usize) {
        if let Self::Integers { values, .. } = self {
            values.get_mut(outputs..).unwrap_or_default().fill(0);
        }
    }
}

/// The layer with weights of 8 bits.
///
/// `bias` and `multiplier` hold a number for each output; `input` is of even length. Outputs whose weights are missing stay
/// as they are.
pub fn dense_i8(
    weight: &[u8],
    bias: &[i32],
    multiplier: &[f32],
    input: &[i16],
    mut output: Output<'_>,
) {
    // What the 128 in the weights of every even output add up to.
    let surplus = arch::sum_i16(input)
        .unwrap_or_else(|| sum(input))
        .wrapping_mul(128);
    let (pairs, _) = weight.as_chunks::<4>();
    let mut rest = pairs;
    let mut sums = [[0; 2]; PANEL / 2];
    let panels = bias.chunks(PANEL).zip(multiplier.chunks(PANEL));
    for (panel, (bias, multiplier)) in panels.enumerate() {
        let width = bias.len().div_ceil(2);
        let used = sums.get_mut(..width).unwrap_or_default();
        let Some((weights, following)) = rest.split_at_checked(input.len() / 2 * width) else {
            return;
        };
        if !arch::panel_i8(weights, bias, surplus, input, used) {
            panel_i8(weights, bias, surplus, input, used);
        }
        output.put(panel * PANEL, used.as_flattened(), multiplier);
        rest = following;
    }
    output.pad(bias.len());
}

/// The layer with weights of 16 bits; otherwise as [`dense_i8`].
pub fn dense_i16(
    weight: &[i16],
    bias: &[i32],
    multiplier: &[f32],
    input: &[i16],
    mut output: Output<'_>,
) {
    let (pairs, _) = weight.as_chunks::<2>();
    let mut rest = pairs;
    let panels = bias.chunks(PANEL).zip(multiplier.chunks(PANEL));
    for (panel, (bias, multiplier)) in panels.enumerate() {
        let mut sums = [0; PANEL];
        let used = sums.get_mut(..bias.len()).unwrap_or_default();
        used.copy_from_slice(bias);
        let Some((weights, following)) = rest.split_at_checked(input.len() / 2 * bias.len()) else {
            return;
        };
        accumulate_i16(weights, input, used);
        output.put(panel * PANEL, used, multiplier);
        rest = following;
    }
    output.pad(bias.len());
}

/// The sum of all activations, modulo 2^32.
fn sum(input: &[i16]) -> i32 {
    input
        .iter()
        .fold(0, |sum: i32, x| sum.wrapping_add(i32::from(*x)))
}

/// The sums of a panel, `surplus` taken off the even ones, see [`dense_i8`]. Without its last bias an odd sum starts at 0.
pub(super) fn panel_i8(
    panel: &[[u8; 4]],
    bias: &[i32],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]],
) {
    // Where no kernel of this processor does the work, full panels are most of it.
    if cfg!(not(target_arch = "arm")) && bias.len() == PANEL && sums.len() == PANEL / 2 {
        full_panel_i8(panel, bias, surplus, input, sums);
        return;
    }
    let biases = bias.iter().copied().chain(core::iter::repeat(0));
    for (sum, bias) in sums.as_flattened_mut().iter_mut().zip(biases) {
        *sum = bias;
    }
    for [even, _] in &mut *sums {
        *even = even.wrapping_sub(surplus);
    }
    let width = sums.len();
    let (threes, ones) = sums.as_chunks_mut::<3>();
    let mut column = 0;
    for sums in threes {
        columns(panel, width, column, input, sums, add_i8);
        column += sums.len();
    }
    for sum in ones {
        let sums = from_mut(sum);
        columns(panel, width, column, input, sums, add_i8);
        column += 1;
    }
}

/// Four pairs of outputs at a time; with the distance of the rows known, all their sums stay in registers of a RISC-V.
fn full_panel_i8(
    panel: &[[u8; 4]],
    bias: &[i32],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]],
) {
    let (rows, _) = panel.as_chunks::<{ PANEL / 2 }>();
    let (fours, _) = sums.as_chunks_mut::<4>();
    let (biases, _) = bias.as_chunks::<8>();
    let mut column = 0;
    for (sums, bias) in fours.iter_mut().zip(biases) {
        for (sum, bias) in sums.as_flattened_mut().iter_mut().zip(bias) {
            *sum = *bias;
        }
        for [even, _] in &mut *sums {
            *even = even.wrapping_sub(surplus);
        }
        full_columns(rows, column, input, sums);
        column += sums.len();
    }
}

fn accumulate_i16(panel: &[[i16; 2]], input: &[i16], sums: &mut [i32]) {
    let width = sums.len();
    let (eights, ones) = sums.as_chunks_mut::<8>();
    let mut column = 0;
    for sums in eights {
        columns(panel, width, column, input, sums, add_i16);
        column += sums.len();
    }
    for sum in ones {
        let sums = from_mut(sum);
        columns(panel, width, column, input, sums, add_i16);
        column += 1;
    }
}

/// [`pass`] over a panel `width` wide.
///
/// A function of its own has all registers to itself: 3.4 instructions per product on an RV32IMC, against 3.9 where the
/// compiler merges it into its caller.
#[inline(never)]
fn columns<const N: usize, W, S: Copy>(
    panel: &[W],
    width: usize,
    column: usize,
    input: &[i16],
    sums: &mut [S; N],
    add: impl Fn(&mut S, &W, &[i16; 2]),
) {
    pass(panel.chunks_exact(width.max(1)), column, input, sums, add);
}

/// [`columns`] of a panel whose width is known, which leaves one register more.
#[inline(never)]
fn full_columns(
    rows: &[[[u8; 4]; PANEL / 2]],
    column: usize,
    input: &[i16],
    sums: &mut [[i32; 2]; 4],
) {
    pass(rows.iter(), column, input, sums, add_i8);
}

/// `N` neighbouring sums, from `column` on, of a panel in rows: they stay in registers while the weights pass by.
#[inline(always)]
fn pass<'a, const N: usize, R, W, S>(
    rows: impl Iterator<Item = &'a R>,
    column: usize,
    input: &[i16],
    sums: &mut [S; N],
    add: impl Fn(&mut S, &W, &[i16; 2]),
) where
    R: AsRef<[W]> + ?Sized + 'a,
    S: Copy,
{
    let (pairs, _) = input.as_chunks::<2>();
    let mut local = *sums;
    for (row, x) in rows.zip(pairs) {
        let weights = row.as_ref().get(column..);
        let Some(weights) = weights.and_then(<[W]>::first_chunk::<N>) else {
            return;
        };
        for (sum, weight) in local.iter_mut().zip(weights) {
            add(sum, weight, x);
        }
    }
    *sums = local;
}

#[inline]
fn add_i8([even, odd]: &mut [i32; 2], [a0, b0, a1, b1]: &[u8; 4], [x0, x1]: &[i16; 2]) {
    let (x0, x1) = (i32::from(*x0), i32::from(*x1));
    *even = even.wrapping_add(i32::from(*a0) * x0);
    *odd = odd.wrapping_add(i32::from(b0.cast_signed()) * x0);
    *even = even.wrapping_add(i32::from(*a1) * x1);
    *odd = odd.wrapping_add(i32::from(b1.cast_signed()) * x1);
}

#[inline]
fn add_i16(sum: &mut i32, [w0, w1]: &[i16; 2], [x0, x1]: &[i16; 2]) {
    *sum = sum.wrapping_add(i32::from(*w0) * i32::from(*x0));
    *sum = sum.wrapping_add(i32::from(*w1) * i32::from(*x1));
}

#[cfg(test)]
mod tests;
