//! Layers of integers with AVX2: eight words of packed weights, 32 products, at a time.

use core::arch::x86_64::*;

use super::{LANES, has_avx2};
use crate::nn::dense::PANEL;
use crate::nn::requantize::requantized;

/// Pairs of outputs in a panel.
const PAIRS: usize = PANEL / 2;

pub(in crate::nn) fn sum_i16(input: &[i16]) -> Option<i32> {
    // SAFETY: the processor has AVX2.
    has_avx2().then(|| unsafe { sum_i16_avx2(input) })
}

/// The portable sum, compiled for wider registers.
#[target_feature(enable = "avx2")]
fn sum_i16_avx2(input: &[i16]) -> i32 {
    let (sixteens, rest) = input.as_chunks::<16>();
    let mut sums = [0_i32; 8];
    for sixteen in sixteens {
        let (pairs, _) = sixteen.as_chunks::<2>();
        for (sum, [x0, x1]) in sums.iter_mut().zip(pairs) {
            *sum = sum.wrapping_add(i32::from(*x0) + i32::from(*x1));
        }
    }
    let rest = rest.iter().map(|x| i32::from(*x));
    rest.chain(sums).fold(0, i32::wrapping_add)
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
    // SAFETY: the processor has AVX2.
    unsafe {
        let mut split = Sums::start(bias, surplus);
        match width {
            PAIRS => full_panel(panel, input, &mut split),
            _ => narrow_panel(panel, width, input, &mut split),
        }
        split.put(sums);
    }
    true
}

/// Sums of the words `256 b + (a + 128)`, and sums of the `b` in them, see `dense_quantized`.
struct Sums {
    words: [[i32; LANES]; PAIRS / LANES],
    odd: [[i32; LANES]; PAIRS / LANES],
}

impl Sums {
    /// A bias that is missing is 0.
    #[target_feature(enable = "avx2")]
    fn start(bias: &[i32], surplus: i32) -> Self {
        // As wide as can be, so that the loop below is one of known length.
        let mut biases = [[0; 2]; PAIRS];
        let places = biases.as_flattened_mut().iter_mut();
        places.zip(bias).for_each(|(place, bias)| *place = *bias);
        let mut split = Self {
            words: Default::default(),
            odd: Default::default(),
        };
        let words = split.words.as_flattened_mut().iter_mut();
        let places = words.zip(split.odd.as_flattened_mut());
        for ((word, odd), [a, b]) in places.zip(&biases) {
            *word = a.wrapping_sub(surplus).wrapping_add(b << 8);
            *odd = *b;
        }
        split
    }

    #[target_feature(enable = "avx2")]
    fn put(&self, sums: &mut [[i32; 2]]) {
        let mut both = [[0; 2]; PAIRS];
        let found = self.words.as_flattened().iter();
        let found = found.zip(self.odd.as_flattened());
        for ([a, b], (word, odd)) in both.iter_mut().zip(found) {
            *a = word.wrapping_sub(odd << 8);
            *b = *odd;
        }
        sums.iter_mut()
            .zip(both)
            .for_each(|(sums, both)| *sums = both);
    }
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

/// A pair of inputs in every lane.
#[target_feature(enable = "avx2")]
fn both([x0, x1]: &[i16; 2]) -> __m256i {
    let [low, high] = [x0.cast_unsigned(), x1.cast_unsigned()].map(u32::from);
    _mm256_set1_epi32((high << 16 | low).cast_signed())
}

#[target_feature(enable = "avx2")]
fn add_products([words, odd]: &mut [__m256i; 2], weights: __m256i, x: __m256i) {
    *words = _mm256_add_epi32(*words, _mm256_madd_epi16(weights, x));
    let weights = _mm256_srai_epi16::<8>(weights);
    *odd = _mm256_add_epi32(*odd, _mm256_madd_epi16(weights, x));
}

#[target_feature(enable = "avx2")]
fn add_row<const N: usize>(sums: &mut [[__m256i; 2]; N], row: &[[[u8; 4]; LANES]; N], x: __m256i) {
    for (sum, weights) in sums.iter_mut().zip(row) {
        // SAFETY: eight words.
        let weights = unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) };
        add_products(sum, weights, x);
    }
}

#[target_feature(enable = "avx2")]
fn full_panel(panel: &[[u8; 4]], input: &[i16], sums: &mut Sums) {
    const N: usize = PAIRS / LANES;
    let mut sum = [[_mm256_setzero_si256(); 2]; N];
    for (sum, (words, odd)) in sum.iter_mut().zip(sums.words.iter().zip(&sums.odd)) {
        *sum = [load(words), load(odd)];
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
    for ([sum_words, sum_odd], (words, odd)) in sum
        .into_iter()
        .zip(sums.words.iter_mut().zip(&mut sums.odd))
    {
        store(words, sum_words);
        store(odd, sum_odd);
    }
}

/// A panel `width` wide: eight columns at a time, the last ones through a mask.
#[target_feature(enable = "avx2")]
fn narrow_panel(panel: &[[u8; 4]], width: usize, input: &[i16], sums: &mut Sums) {
    let (inputs, _) = input.as_chunks();
    let mut left = width;
    for (index, (words, odd)) in sums.words.iter_mut().zip(&mut sums.odd).enumerate() {
        let mask = _mm256_cmpgt_epi32(
            _mm256_set1_epi32(left.min(LANES) as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
        );
        let mut sum = [load(words), load(odd)];
        for (row, x) in panel.chunks_exact(width).zip(inputs) {
            let Some(weights) = row.get(LANES * index..) else {
                return;
            };
            // SAFETY: the mask has no more lanes than there are words left in the row.
            let weights = unsafe { _mm256_maskload_epi32(weights.as_ptr().cast(), mask) };
            add_products(&mut sum, weights, both(x));
        }
        store(words, sum[0]);
        store(odd, sum[1]);
        left = left.saturating_sub(LANES);
        if left == 0 {
            return;
        }
    }
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
