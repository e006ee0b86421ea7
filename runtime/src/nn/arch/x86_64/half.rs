//! Dense layers with weights in half precision: F16C widens eight at a time, exactly.

use core::arch::x86_64::*;

use std::is_x86_feature_detected;

use super::{LANES, has_avx2, load, store};
use crate::nn::dense::PANEL;
use crate::nn::dense_half::widened;

pub(in crate::nn) fn accumulate_half(weight: &[u16], input: &[f32], sums: &mut [f32]) -> bool {
    if !(has_avx2() && is_x86_feature_detected!("f16c")) {
        return false;
    }
    let mut rest = weight;
    for sums in sums.chunks_mut(PANEL) {
        let Some((panel, following)) = rest.split_at_checked(input.len() * sums.len()) else {
            break;
        };
        // SAFETY: the processor has AVX2 and F16C.
        unsafe {
            if sums.len() == PANEL {
                columns::<{ PANEL / LANES }>(panel, PANEL, 0, input, sums);
            } else {
                narrow_panel(panel, input, sums);
            }
        }
        rest = following;
    }
    true
}

/// `N` times eight columns, from `start` on, of a panel `width` wide.
#[target_feature(enable = "avx2,f16c")]
fn columns<const N: usize>(
    panel: &[u16],
    width: usize,
    start: usize,
    input: &[f32],
    sums: &mut [f32],
) {
    let Some(sums) = sums.as_chunks_mut().0.first_chunk_mut::<N>() else {
        return;
    };
    let mut sum = [_mm256_setzero_ps(); N];
    for (sum, numbers) in sum.iter_mut().zip(&*sums) {
        *sum = load(numbers);
    }
    for (row, x) in panel.chunks_exact(width).zip(input) {
        let row = row.get(start..).unwrap_or_default();
        let Some(weights) = row.as_chunks::<LANES>().0.first_chunk::<N>() else {
            return;
        };
        let x = _mm256_set1_ps(*x);
        for (sum, weights) in sum.iter_mut().zip(weights) {
            // SAFETY: eight halves.
            let weights = unsafe { _mm_loadu_si128(weights.as_ptr().cast()) };
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(_mm256_cvtph_ps(weights), x));
        }
    }
    for (numbers, sum) in sums.iter_mut().zip(sum) {
        store(numbers, sum);
    }
}

/// Eight columns at a time, and what remains one by one.
#[target_feature(enable = "avx2,f16c")]
fn narrow_panel(panel: &[u16], input: &[f32], sums: &mut [f32]) {
    let width = sums.len().max(1);
    let mut start = 0;
    for sums in sums.chunks_mut(LANES) {
        if sums.len() == LANES {
            columns::<1>(panel, width, start, input, sums);
        } else {
            for (row, x) in panel.chunks_exact(width).zip(input) {
                let row = row.get(start..).unwrap_or_default();
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += widened(*weight) * x;
                }
            }
        }
        start += LANES;
    }
}
