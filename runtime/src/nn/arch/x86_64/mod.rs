//! x86-64 with AVX2, found at run time. Each lane sums one output, so the order is that of the image format; a product and a
//! sum are two instructions.

use core::arch::x86_64::*;

use std::is_x86_feature_detected;

use crate::nn::dense::PANEL;
use crate::nn::{Function, ZipFunction};

#[cfg(feature = "quantized")]
mod half;
#[cfg(feature = "quantized")]
mod integers;
#[cfg(feature = "quantized")]
pub(in crate::nn) use half::accumulate_half;
#[cfg(feature = "quantized")]
pub(in crate::nn) use integers::{panel_i8, requantize, sum_i16};

/// Numbers in a register.
const LANES: usize = 8;

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(in crate::nn) fn dense(
    weight: &[f32],
    bias: Option<&[f32]>,
    input: &[f32],
    sums: &mut [f32],
) -> bool {
    if !has_avx2() {
        return false;
    }
    // SAFETY: the processor has AVX2.
    unsafe { panels(weight, bias.unwrap_or_default(), input, sums) };
    true
}

pub(in crate::nn) fn apply(function: Function, p: [f32; 2], values: &mut [f32]) -> usize {
    if !has_avx2() {
        return 0;
    }
    // SAFETY: the processor has AVX2.
    unsafe { apply_avx2(function, p, values) };
    values.len()
}

pub(in crate::nn) fn zip(
    function: ZipFunction,
    swapped: bool,
    values: &mut [f32],
    others: &[f32],
) -> usize {
    if !has_avx2() {
        return 0;
    }
    // SAFETY: the processor has AVX2.
    unsafe { zip_avx2(function, swapped, values, others) }
}

/// What recurrent cells are made of, whole registers at a time.
#[target_feature(enable = "avx2")]
fn zip_avx2(function: ZipFunction, swapped: bool, values: &mut [f32], others: &[f32]) -> usize {
    let (values, _) = values.as_chunks_mut();
    let (others, _) = others.as_chunks();
    let pairs = values.iter_mut().zip(others);
    let done = LANES * pairs.len();
    match (function, swapped) {
        (ZipFunction::Add, _) => pairs.for_each(|(a, b)| store(a, _mm256_add_ps(load(a), load(b)))),
        (ZipFunction::Mul, _) => pairs.for_each(|(a, b)| store(a, _mm256_mul_ps(load(a), load(b)))),
        (ZipFunction::Sub, false) => {
            pairs.for_each(|(a, b)| store(a, _mm256_sub_ps(load(a), load(b))));
        }
        _ => return 0,
    }
    done
}

/// The portable loops, compiled for wider registers.
#[target_feature(enable = "avx2")]
fn apply_avx2(function: Function, p: [f32; 2], values: &mut [f32]) {
    match function {
        Function::Relu => relu(values),
        _ => function.apply_portable(p, values),
    }
}

/// The compiler would store through masks, which takes some processors dozens of cycles.
#[target_feature(enable = "avx2")]
fn relu(values: &mut [f32]) {
    let (whole, rest) = values.as_chunks_mut();
    for numbers in whole {
        // The second operand where one of them is NaN.
        let positive = _mm256_max_ps(_mm256_setzero_ps(), load(numbers));
        store(numbers, positive);
    }
    Function::Relu.apply_portable([0.0; 2], rest);
}

/// Sums start at their bias; where that is missing, at what they hold.
#[target_feature(enable = "avx2")]
fn panels(weight: &[f32], bias: &[f32], input: &[f32], sums: &mut [f32]) {
    let (mut rest, mut biases) = (weight, bias);
    for sums in sums.chunks_mut(PANEL) {
        let (bias, later) = biases.split_at_checked(sums.len()).unwrap_or((biases, &[]));
        biases = later;
        let panel = rest.split_at_checked(input.len() * sums.len());
        let (panel, following) = panel.unwrap_or_default();
        rest = following;
        if let Some(sums) = sums.as_chunks_mut().0.first_chunk_mut() {
            let bias = bias.as_chunks().0.first_chunk();
            full_panel(panel, input, bias, sums);
            continue;
        }
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum = *bias;
        }
        match (sums.len() / LANES, sums.len() % LANES) {
            (0, 1) => one_column(panel, input, sums),
            (0, _) => columns::<0>(panel, input, sums),
            (1, _) => columns::<1>(panel, input, sums),
            (2, _) => columns::<2>(panel, input, sums),
            (3, _) => columns::<3>(panel, input, sums),
            (4, _) => columns::<4>(panel, input, sums),
            (5, _) => columns::<5>(panel, input, sums),
            (6, _) => columns::<6>(panel, input, sums),
            _ => columns::<7>(panel, input, sums),
        }
    }
}

#[target_feature(enable = "avx2")]
fn load(numbers: &[f32; LANES]) -> __m256 {
    // SAFETY: there are eight numbers.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}

#[target_feature(enable = "avx2")]
fn store(numbers: &mut [f32; LANES], register: __m256) {
    // SAFETY: there is room for eight numbers.
    unsafe { _mm256_storeu_ps(numbers.as_mut_ptr(), register) }
}

#[target_feature(enable = "avx2")]
fn add_products<const N: usize>(sums: &mut [__m256; N], weights: &[[f32; LANES]; N], x: __m256) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = _mm256_add_ps(*sum, _mm256_mul_ps(load(weight), x));
    }
}

/// The registers of a full panel.
const FULL: usize = PANEL / LANES;

#[target_feature(enable = "avx2")]
fn full_panel(
    panel: &[f32],
    input: &[f32],
    bias: Option<&[[f32; LANES]; FULL]>,
    sums: &mut [[f32; LANES]; FULL],
) {
    let mut sum = [_mm256_setzero_ps(); FULL];
    for (sum, numbers) in sum.iter_mut().zip(bias.unwrap_or(sums)) {
        *sum = load(numbers);
    }
    let (rows, _) = panel.as_chunks().0.as_chunks::<FULL>();
    let (fours, rest_rows) = rows.as_chunks::<4>();
    let (inputs, rest) = input.as_chunks::<4>();
    for (rows, inputs) in fours.iter().zip(inputs) {
        for (row, x) in rows.iter().zip(inputs) {
            add_products(&mut sum, row, _mm256_set1_ps(*x));
        }
    }
    for (row, x) in rest_rows.iter().zip(rest) {
        add_products(&mut sum, row, _mm256_set1_ps(*x));
    }
    for (numbers, sum) in sums.iter_mut().zip(sum) {
        store(numbers, sum);
    }
}

/// A panel of any width from `8 * N` to `8 * N + 7`: the last columns through a mask.
#[target_feature(enable = "avx2")]
fn columns<const N: usize>(panel: &[f32], input: &[f32], sums: &mut [f32]) {
    let width = sums.len().max(1);
    let (sums, rest) = sums.as_chunks_mut();
    let (Some(sums), rest_len) = (sums.first_chunk_mut::<N>(), rest.len()) else {
        return;
    };
    let mask = _mm256_cmpgt_epi32(
        _mm256_set1_epi32(rest_len as i32),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
    );
    let mut sum = [_mm256_setzero_ps(); N];
    for (sum, numbers) in sum.iter_mut().zip(&*sums) {
        *sum = load(numbers);
    }
    // A store through a mask takes some processors dozens of cycles.
    let mut last_sums = [0.0; LANES];
    for (place, number) in last_sums.iter_mut().zip(&*rest) {
        *place = *number;
    }
    let mut last = load(&last_sums);
    for (row, x) in panel.chunks_exact(width).zip(input) {
        let x = _mm256_set1_ps(*x);
        let (weights, rest) = row.as_chunks();
        let (Some(weights), true) = (weights.first_chunk::<N>(), rest.len() == rest_len) else {
            return;
        };
        add_products(&mut sum, weights, x);
        // SAFETY: the mask has as many lanes as there are weights.
        let weight = unsafe { _mm256_maskload_ps(rest.as_ptr(), mask) };
        last = _mm256_add_ps(last, _mm256_mul_ps(weight, x));
    }
    for (numbers, sum) in sums.iter_mut().zip(sum) {
        store(numbers, sum);
    }
    store(&mut last_sums, last);
    for (number, sum) in rest.iter_mut().zip(last_sums) {
        *number = sum;
    }
}

/// A panel one wide: eight products at a time, summed one after the other.
#[target_feature(enable = "avx2")]
fn one_column(panel: &[f32], input: &[f32], sums: &mut [f32]) {
    let [sum] = sums else { return };
    let (weights, rest) = panel.as_chunks::<LANES>();
    let (inputs, rest_inputs) = input.as_chunks::<LANES>();
    for (weights, inputs) in weights.iter().zip(inputs) {
        let mut products = [0.0; LANES];
        store(&mut products, _mm256_mul_ps(load(weights), load(inputs)));
        for product in products {
            *sum += product;
        }
    }
    for (weight, x) in rest.iter().zip(rest_inputs) {
        *sum += weight * x;
    }
}
