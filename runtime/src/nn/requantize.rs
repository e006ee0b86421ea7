//! From a sum of 32 bits to the next layer's activation: one multiplication by an f32, one rounding to an integer.
//!
//! The arithmetic is that of ONNX Runtime and defined in f32: `clamp(round_half_even(sum as f32 * multiplier), low, high)`,
//! where the conversion and the product are rounded to the nearest f32. Processors without a floating-point unit get the
//! same bits from integers.

use super::arch;

#[cfg(any(
    target_arch = "riscv32",
    all(target_arch = "arm", not(target_abi = "eabihf"))
))]
pub use by_integers as requantized;

#[cfg(not(any(
    target_arch = "riscv32",
    all(target_arch = "arm", not(target_abi = "eabihf"))
)))]
pub use by_floats as requantized;

/// Each sum with its multiplier, to integers in `[low, high]`. The shortest slice decides.
pub fn requantize(sums: &[i32], multipliers: &[f32], [low, high]: [i16; 2], values: &mut [i16]) {
    let done = arch::requantize(sums, multipliers, [low, high], values);
    let sums = sums.get(done..).unwrap_or_default();
    let multipliers = multipliers.get(done..).unwrap_or_default();
    let values = values.get_mut(done..).unwrap_or_default();
    for (value, (sum, multiplier)) in values.iter_mut().zip(sums.iter().zip(multipliers)) {
        *value = requantized(*sum, *multiplier, low, high);
    }
}

/// `sum as f32 * multiplier`
#[inline]
#[must_use]
pub fn dequantized(sum: i32, multiplier: f32) -> f32 {
    sum as f32 * multiplier
}

/// `clamp(round_half_even(sum as f32 * multiplier), low, high)`. NaN, which no finite multiplier gives, becomes `low`.
#[inline]
#[must_use]
pub fn by_floats(sum: i32, multiplier: f32, low: i16, high: i16) -> i16 {
    nearest(
        dequantized(sum, multiplier),
        f32::from(low),
        f32::from(high),
    )
}

/// The integer nearest to `x`, the even one of two, in `[low, high]`: integers that an i16 holds. NaN becomes `low`.
///
/// Moving `x` between integers commutes with rounding it, so that it comes first.
#[inline]
#[must_use]
pub fn nearest(x: f32, low: f32, high: f32) -> i16 {
    // 1.5 * 2^23: adding it leaves the integer, in two's complement, in the low bits.
    const INTEGER: f32 = 12_582_912.0;
    let x = if x > low { x } else { low };
    let x = if x < high { x } else { high };
    (x + INTEGER).to_bits() as i16
}

/// [`by_floats`] without a floating-point operation, for a multiplier that is positive and finite.
///
/// The exact product decides, except where it lies so close to the middle of two integers that the rounding to f32 could
/// move it there.
#[inline]
#[must_use]
pub fn by_integers(sum: i32, multiplier: f32, low: i16, high: i16) -> i16 {
    let bits = multiplier.to_bits();
    // The significand with its leading bit at 2^31; the product is sum * significand / 2^32 / 2^shift.
    let significand = (bits << 8) | 0x8000_0000;
    let shift = 126u32.wrapping_sub(bits >> 23);
    let exact_in_f32 = sum.wrapping_add(1 << 24).cast_unsigned() < 1 << 25;
    let rounded = if exact_in_f32 && (3..31).contains(&shift) {
        let floor = ((i64::from(sum) * i64::from(significand)) >> 32) as i32;
        let half = 1i32 << (shift - 1);
        let raised = floor.wrapping_add(half);
        // `floor` is within 2^24 and has lost less than 1; half the distance of two f32 there is no more than 1/2.
        if raised.wrapping_add(2).cast_unsigned() & ((2 << (shift - 1)) - 1) <= 4 {
            rounded_twice(sum, bits)
        } else {
            raised >> shift
        }
    } else {
        rounded_twice(sum, bits)
    };
    rounded.max(i32::from(low)).min(i32::from(high)) as i16
}

/// `round_half_even(sum as f32 * multiplier)`, the roundings one after the other; beyond 2^30 it is 2^30.
#[cold]
#[inline(never)]
fn rounded_twice(sum: i32, multiplier: u32) -> i32 {
    const HIGHEST: u64 = 1 << 30;
    let exponent = (multiplier >> 23) as i32;
    // A subnormal multiplier makes every sum 0.
    if sum == 0 || exponent == 0 {
        return 0;
    }
    let (magnitude, scale) = to_24_bits(u64::from(sum.unsigned_abs()));
    let significand = (multiplier & 0x7f_ffff) | 0x80_0000;
    let (product, more) = to_24_bits(u64::from(magnitude) * u64::from(significand));
    let shift = 150 - exponent - scale - more;
    let rounded = if shift <= 0 {
        HIGHEST
    } else {
        half_even(u64::from(product), shift.unsigned_abs().min(63)).min(HIGHEST)
    };
    if sum < 0 {
        -(rounded as i32)
    } else {
        rounded as i32
    }
}

/// `(m, e)` with `m < 2^25` and `m * 2^e` the f32 nearest to `x`.
fn to_24_bits(x: u64) -> (u32, i32) {
    let excess = 40u32.saturating_sub(x.leading_zeros());
    (half_even(x, excess) as u32, excess.cast_signed())
}

/// `x / 2^shift` rounded to the nearest integer, of two equally near ones to the even one. `x < 2^62`, `shift < 64`.
fn half_even(x: u64, shift: u32) -> u64 {
    let floor = x >> shift;
    let below_half = (1u64 << shift >> 1).saturating_sub(1) + (floor & 1);
    if shift == 0 {
        x
    } else {
        (x + below_half) >> shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    /// The definition with the standard library's conversions and rounding.
    fn by_definition(sum: i32, multiplier: f32, low: i16, high: i16) -> i16 {
        let rounded = (sum as f32 * multiplier).round_ties_even();
        rounded.clamp(f32::from(low), f32::from(high)) as i16
    }

    fn check(sum: i32, multiplier: f32, low: i16, high: i16) {
        let expected = by_definition(sum, multiplier, low, high);
        let actual = [
            by_floats(sum, multiplier, low, high),
            by_integers(sum, multiplier, low, high),
        ];
        assert_eq!(
            actual, [expected; 2],
            "{sum} * {multiplier:e} in {low}..={high}"
        );
    }

    const BOUNDS: [(i16, i16); 4] = [(-128, 127), (0, 255), (-32768, 32767), (-200, 55)];

    #[test]
    fn random_sums_and_multipliers() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        for round in 0..4_000_000u32 {
            // Magnitudes of all sizes, so that every branch is taken.
            let sum = rng.random::<i32>() >> (round % 31);
            let multiplier = f32::from_bits(rng.random_range(0..0x7f80_0000));
            let usual = f32::from_bits(rng.random_range(0x3580_0000..0x4000_0000));
            let (low, high) = BOUNDS[round as usize % BOUNDS.len()];
            check(sum, multiplier, low, high);
            check(sum, usual, low, high);
        }
    }

    /// Products at and beside the middle of two integers, where the rounding to f32 decides.
    #[test]
    fn products_between_two_integers() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        for round in 0..2_000_000u32 {
            let sum = (rng.random::<i32>() >> (round % 27)) | 1;
            let middle = f64::from(rng.random_range(-32_768i32..32_768) >> (round % 14)) + 0.5;
            let multiplier = (middle / f64::from(sum)).abs() as f32;
            for bits in multiplier.to_bits().saturating_sub(2)..=multiplier.to_bits() + 2 {
                check(sum, f32::from_bits(bits), -32768, 32767);
            }
        }
    }

    #[test]
    fn powers_of_two_and_extremes() {
        for exponent in 0..255 {
            let multiplier = f32::from_bits(exponent << 23);
            let largest = f32::from_bits((exponent << 23) | 0x7f_ffff);
            for sum in [
                0,
                1,
                -1,
                2,
                3,
                127,
                -128,
                0xff_ffff,
                1 << 24,
                i32::MAX,
                i32::MIN,
            ] {
                for (low, high) in BOUNDS {
                    check(sum, multiplier, low, high);
                    check(sum, largest, low, high);
                }
            }
            for bit in 0..31 {
                for sum in [(1 << bit) + (1 << bit >> 1), (1 << bit) - 1, -(1 << bit)] {
                    check(sum, multiplier, -128, 127);
                }
            }
        }
    }

    #[test]
    fn shortest_slice_decides() {
        let mut values = [9; 3];
        requantize(&[10, 20], &[0.25; 3], [-128, 127], &mut values);
        assert_eq!(values, [2, 5, 9]);
    }
}
