//! The last panel of a layer of integers, which is as narrow as the outputs that remain. Integer sums have no order to keep.

use core::arch::x86_64::*;

use super::{LANES, PAIRS, PANEL, add_products, both, load_weights, store};

/// A panel as wide as `sums`, which are fewer than those of a full one.
#[target_feature(enable = "avx2")]
pub(super) fn panel(
    panel: &[[u8; 4]],
    bias: &[i32; PANEL],
    surplus: i32,
    input: &[i16],
    sums: &mut [[i32; 2]],
) {
    let mut found = [[0; 2]; PAIRS];
    match sums.len() {
        1 => put(&mut found, few_columns::<1>(panel, input)),
        2 => put(&mut found, few_columns::<2>(panel, input)),
        3 => put(&mut found, few_columns::<3>(panel, input)),
        4 => put(&mut found, few_columns::<4>(panel, input)),
        width => columns(panel, width, input, &mut found),
    }
    let (biases, _) = bias.as_chunks();
    for ((sums, [words, odd]), [a, b]) in sums.iter_mut().zip(found).zip(biases) {
        let even = words.wrapping_sub(odd << 8).wrapping_sub(surplus);
        *sums = [even.wrapping_add(*a), odd.wrapping_add(*b)];
    }
}

fn put<const W: usize>(places: &mut [[i32; 2]; PAIRS], sums: [[i32; 2]; W]) {
    for (place, sums) in places.iter_mut().zip(sums) {
        *place = sums;
    }
}

/// `W` pairs of outputs, up to four: eight rows are `W` registers full of words. In register `j`, lane `l` is word `8 j + l`, of
/// row `(8 j + l) / W` and column `(8 j + l) % W`.
#[target_feature(enable = "avx2")]
fn few_columns<const W: usize>(panel: &[[u8; 4]], input: &[i16]) -> [[i32; 2]; W] {
    let mut rows = [_mm256_setzero_si256(); W];
    for (j, rows) in rows.iter_mut().enumerate() {
        let row = |l: usize| ((LANES * j + l) / W) as i32;
        *rows = _mm256_setr_epi32(
            row(0),
            row(1),
            row(2),
            row(3),
            row(4),
            row(5),
            row(6),
            row(7),
        );
    }
    let mut sums = [[_mm256_setzero_si256(); 2]; W];
    let (eights, _) = panel.as_chunks::<LANES>().0.as_chunks::<W>();
    let (inputs, last_inputs) = input.as_chunks::<{ 2 * LANES }>();
    for (words, inputs) in eights.iter().zip(inputs) {
        // SAFETY: eight pairs.
        let inputs = unsafe { _mm256_loadu_si256(inputs.as_ptr().cast()) };
        for ((sum, weights), rows) in sums.iter_mut().zip(words).zip(rows) {
            let x = _mm256_permutevar8x32_epi32(inputs, rows);
            add_products(sum, load_weights(weights), x);
        }
    }
    let mut found = [[[0; LANES]; W]; 2];
    let [all_words, all_odd] = &mut found;
    for ((words, odd), [sum_words, sum_odd]) in all_words.iter_mut().zip(all_odd).zip(sums) {
        store(words, sum_words);
        store(odd, sum_odd);
    }
    let mut columns = [[0_i32; 2]; W];
    for (kind, numbers) in found.iter().enumerate() {
        for row in numbers.as_flattened().chunks_exact(W) {
            for (column, number) in columns.iter_mut().zip(row) {
                if let Some(sum) = column.get_mut(kind) {
                    *sum = sum.wrapping_add(*number);
                }
            }
        }
    }
    let last = panel.get(inputs.len() * LANES * W..).unwrap_or_default();
    for (row, x) in last.chunks_exact(W).zip(last_inputs.as_chunks().0) {
        for (column, word) in columns.iter_mut().zip(row) {
            add_word(column, word, x);
        }
    }
    columns
}

/// What `add_products` adds in one lane.
fn add_word([words, odd]: &mut [i32; 2], [a0, b0, a1, b1]: &[u8; 4], x: &[i16; 2]) {
    let weights = [[*a0, *b0], [*a1, *b1]].map(i16::from_le_bytes);
    for (weight, x) in weights.iter().zip(x) {
        let x = i32::from(*x);
        *words = words.wrapping_add(i32::from(*weight) * x);
        *odd = odd.wrapping_add(i32::from(*weight >> 8) * x);
    }
}

/// Eight columns at a time, the last ones through a mask.
#[target_feature(enable = "avx2")]
fn columns(panel: &[[u8; 4]], width: usize, input: &[i16], sums: &mut [[i32; 2]; PAIRS]) {
    let (inputs, _) = input.as_chunks();
    let mut left = width;
    for (index, sums) in sums.chunks_mut(LANES).enumerate() {
        let mask = _mm256_cmpgt_epi32(
            _mm256_set1_epi32(left.min(LANES) as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
        );
        let mut sum = [_mm256_setzero_si256(); 2];
        for (row, x) in panel.chunks_exact(width).zip(inputs) {
            let Some(weights) = row.get(LANES * index..) else {
                return;
            };
            // SAFETY: the mask has no more lanes than there are words left in the row.
            let weights = unsafe { _mm256_maskload_epi32(weights.as_ptr().cast(), mask) };
            add_products(&mut sum, weights, both(x));
        }
        let [mut words, mut odd] = [[0; LANES]; 2];
        store(&mut words, sum[0]);
        store(&mut odd, sum[1]);
        for (sums, both) in sums.iter_mut().zip(words.into_iter().zip(odd)) {
            *sums = both.into();
        }
        left = left.saturating_sub(LANES);
        if left == 0 {
            return;
        }
    }
}
