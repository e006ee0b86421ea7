//! Layers of integers with AVX2: eight words of packed weights, 32 products, at a time.

use core::arch::x86_64::*;

use super::{LANES, has_avx2};
use crate::nn::dense::PANEL;
use crate::nn::requantize::requantized;

mod narrow;

/// Pairs of outputs in a panel.
const PAIRS: usize = PANEL / 2;

pub(in crate::nn) fn sum_i16(input: &[i16]) -> Option<i32> {
    // SAFETY: the processor has AVX2.
    has_avx2().then(|| unsafe { sum_i16_avx2(input) })
}

#[target_feature(enable = "avx2")]
fn sum_i16_avx2(input: &[i16]) -> i32 {
    let (sixteens, rest) = input.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for sixteen in sixteens {
        // SAFETY: sixteen numbers of two bytes.
        let numbers = unsafe { _mm256_loadu_si256(sixteen.as_ptr().cast()) };
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(numbers, _mm256_set1_epi16(1)));
    }
    let mut lanes = [0; LANES];
    store(&mut lanes, sums);
    let rest = rest.iter().map(|x| i32::from(*x));
    rest.chain(lanes).fold(0, i32::wrapping_add)
}

pub(in crate::nn) fn panel_i8(
    panel: &[[u8; 4]],
    bias: &[i32],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]],
) -> bool {
    let width = sums.len();
    let fits = (1..=PAIRS).contains(&width) && panel.len() == input.len() / 2 * width;
    if !fits || !has_avx2() {
        return false;
    }
    // Where the last bias is missing it is 0.
    let mut padded = [0; PANEL];
    let bias = match bias.first_chunk() {
        Some(bias) => bias,
        None => {
            let places = padded.iter_mut();
            places.zip(bias).for_each(|(place, bias)| *place = *bias);
            &padded
        }
    };
    // SAFETY: the processor has AVX2.
    unsafe {
        match sums.first_chunk_mut() {
            Some(sums) => full_panel(panel, bias, surplus, input, sums),
            None => narrow::panel(panel, bias, surplus, input, sums),
        }
    }
    true
}

#[target_feature(enable = "avx2")]
fn load(sums: &[i32; LANES]) -> __m256i {
    // SAFETY: eight words.
    unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(sums: &mut [i32; LANES], register: __m256i) {
    // SAFETY: eight words.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), register) }
}

#[target_feature(enable = "avx2")]
fn load_weights(weights: &[[u8; 4]; LANES]) -> __m256i {
    // SAFETY: eight words.
    unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) }
}

/// A pair of inputs in every lane.
#[target_feature(enable = "avx2")]
fn both(pair: &[i16; 2]) -> __m256i {
    // SAFETY: a pair has as many bytes as a word.
    _mm256_set1_epi32(unsafe { pair.as_ptr().cast::<i32>().read_unaligned() })
}

/// Adds to the sums of the words `256 b + (a + 128)`, and to those of the `b` in them, see `dense_quantized`.
#[target_feature(enable = "avx2")]
fn add_products([words, odd]: &mut [__m256i; 2], weights: __m256i, x: __m256i) {
    *words = _mm256_add_epi32(*words, _mm256_madd_epi16(weights, x));
    let weights = _mm256_srai_epi16::<8>(weights);
    *odd = _mm256_add_epi32(*odd, _mm256_madd_epi16(weights, x));
}

#[target_feature(enable = "avx2")]
fn add_row<const N: usize>(sums: &mut [[__m256i; 2]; N], row: &[[[u8; 4]; LANES]; N], x: __m256i) {
    for (sum, weights) in sums.iter_mut().zip(row) {
        add_products(sum, load_weights(weights), x);
    }
}

#[target_feature(enable = "avx2")]
fn full_panel(
    panel: &[[u8; 4]],
    bias: &[i32; PANEL],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]; PAIRS],
) {
    const N: usize = PAIRS / LANES;
    let surplus = _mm256_set1_epi32(surplus);
    let (biases, _) = bias.as_chunks().0.as_chunks::<2>();
    let mut sum = [[_mm256_setzero_si256(); 2]; N];
    for (sum, [low, high]) in sum.iter_mut().zip(biases) {
        let [even, odd] = apart(load(low), load(high));
        let even = _mm256_sub_epi32(even, surplus);
        *sum = [_mm256_add_epi32(even, _mm256_slli_epi32::<8>(odd)), odd];
    }
    let (rows, _) = panel.as_chunks::<LANES>().0.as_chunks::<N>();
    let (inputs, _) = input.as_chunks();
    let (two_rows, last_row) = rows.as_chunks::<2>();
    let (two_inputs, last_input) = inputs.as_chunks::<2>();
    for (rows, inputs) in two_rows.iter().zip(two_inputs) {
        for (row, x) in rows.iter().zip(inputs) {
            add_row(&mut sum, row, both(x));
        }
    }
    for (row, x) in last_row.iter().zip(last_input) {
        add_row(&mut sum, row, both(x));
    }
    let (places, _) = sums
        .as_flattened_mut()
        .as_chunks_mut()
        .0
        .as_chunks_mut::<2>();
    for ([low, high], [words, odd]) in places.iter_mut().zip(sum) {
        let even = _mm256_sub_epi32(words, _mm256_slli_epi32::<8>(odd));
        let [first, second] = alternating(even, odd);
        store(low, first);
        store(high, second);
    }
}

/// Eight pairs, `[a0 b0 a1 ... b3]` and `[a4 b4 a5 ... b7]`, as `[a0 ... a7]` and `[b0 ... b7]`.
#[target_feature(enable = "avx2")]
fn apart(low: __m256i, high: __m256i) -> [__m256i; 2] {
    let [low, high] = [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)];
    // Within the halves of a register; then the quarters change places.
    let a = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
    let b = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
    [
        _mm256_permute4x64_epi64::<0b11_01_10_00>(a),
        _mm256_permute4x64_epi64::<0b11_01_10_00>(b),
    ]
}

/// The opposite of [`apart`].
#[target_feature(enable = "avx2")]
fn alternating(a: __m256i, b: __m256i) -> [__m256i; 2] {
    let (low, high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    [
        _mm256_permute2x128_si256::<0x20>(low, high),
        _mm256_permute2x128_si256::<0x31>(low, high),
    ]
}

pub(in crate::nn) fn requantize(
    sums: &[i32],
    multipliers: &[f32],
    bounds: [i16; 2],
    values: &mut [i16],
) -> usize {
    if !has_avx2() {
        return 0;
    }
    // SAFETY: the processor has AVX2.
    unsafe { requantize_avx2(sums, multipliers, bounds, values) };
    values.len().min(sums.len()).min(multipliers.len())
}

/// The portable arithmetic, compiled for wider registers.
#[target_feature(enable = "avx2")]
fn requantize_avx2(sums: &[i32], multipliers: &[f32], [low, high]: [i16; 2], values: &mut [i16]) {
    for (value, (sum, multiplier)) in values.iter_mut().zip(sums.iter().zip(multipliers)) {
        *value = requantized(*sum, *multiplier, low, high);
    }
}
