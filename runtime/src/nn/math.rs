//! `exp`, `tanh`, `sigmoid` and rounding, written out in f32.
//!
//! Only `+ - * /`, comparisons that select a value, and arithmetic on bit patterns, each rounded by itself, in the order
//! that stands here: the same bits on every machine. No branch, so a loop over any of them becomes SIMD where there is
//! SIMD; on a Cortex-M4F the compiler makes about 40 instructions of a `tanh`, one of them a division.
//!
//! The coefficients come from weighted least squares on Chebyshev points in double precision, repeated with the weights
//! of Lawson's iteration until the relative error is level (for the rational after Sanathanan and Koerner, with the last
//! denominator as a weight), then rounded to f32. Those of `tanh` were moved from there by a few units in the last place,
//! at random, as long as that made the largest error of the evaluation in f32 smaller. The errors stated are measured
//! by the tests, over all f32, against double precision.

/// `e^x`: relative error at most 8.4e-8 where the result is a normal number.
///
/// A result above the greatest f32 is infinite, one below the least normal number (`x < -87.33654`) is 0. NaN is NaN.
#[inline]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const HIGHEST: f32 = 88.722_84;
    const LOWEST: f32 = -87.336_54;
    let (power, fraction) = split(x);
    // 1 + fraction lies between 0.7 and 1.5; its exponent takes the power of two, here up to 2^128.
    let product = f32::from_bits((1.0 + fraction).to_bits().wrapping_add(power << 23));
    let product = if x > HIGHEST { f32::INFINITY } else { product };
    let product = if x < LOWEST { 0.0 } else { product };
    if x.is_nan() { x } else { product }
}

/// `e^x - 1` for `x <= 0`: absolute error at most 4.3e-8, relative error at most 8.7e-8. NaN is NaN.
///
/// What it gives for positive `x` is some number that means nothing.
#[cfg(feature = "functions")]
#[inline]
#[must_use]
pub(super) fn exp_m1_of_negative(x: f32) -> f32 {
    // From here down the result rounds to -1.
    const LOWEST: f32 = -18.0;
    let x = if x < LOWEST { LOWEST } else { x };
    let (power, fraction) = split(x);
    let two_to_power = f32::from_bits(power.wrapping_add(127) << 23);
    // The first term is 0 for |x| < 0.34, so that small results keep all their digits.
    (two_to_power - 1.0) + two_to_power * fraction
}

/// `(n, f)` with `e^x = 2^n (1 + f)` and `|f| < 0.42`; `n` is the low 9 bits of an integer in two's complement, what lies
/// above them is to be shifted out.
#[inline]
fn split(x: f32) -> (u32, f32) {
    // 1.5 * 2^23: adding it leaves the nearest integer in the low bits.
    const INTEGER: f32 = 12_582_912.0;
    // ln 2 in two parts; the product of the first, 355/512, with a power of two's exponent is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // (e^r - 1 - r) / r^2 for |r| < ln(2) / 2.
    const Q: [f32; 5] = [
        0.499_999_94,
        0.166_665_2,
        0.041_668_39,
        0.008_368_745,
        0.001_381_454,
    ];
    let shifted = x * core::f32::consts::LOG2_E + INTEGER;
    let power = shifted - INTEGER;
    let r = (x - power * LN_2_HIGH) - power * LN_2_LOW;
    (shifted.to_bits(), polynomial(Q, r) * (r * r) + r)
}

/// `tanh(x)`: absolute error at most 3.6e-7, 6 units in the last place; never outside `[-1, 1]`.
///
/// Odd to the bit; `tanh(-0)` is -0, what rounds to 1 beyond |x| = 9.1 is 1, NaN is NaN.
#[inline]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    clamped(odd_rational(x, TANH_SQUARE, TANH_P, TANH_Q), 1.0)
}

/// `1 / (1 + exp(-x))`: absolute error at most 2.0e-7; never outside `[0, 1]`. NaN is NaN.
///
/// It is `(1 + tanh(x / 2)) / 2` by the rational of [`tanh`], the halves multiplied into its coefficients. Below about
/// -17 it is 0; where the digits of small results matter, take `1 / (1 + exp(-x))` as it stands.
#[inline]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    const P: [f32; 5] = halved_argument(TANH_P, 0.25);
    const Q: [f32; 5] = halved_argument(TANH_Q, 1.0);
    0.5 + clamped(odd_rational(x, 4.0 * TANH_SQUARE, P, Q), 0.5)
}

/// `tanh(x)` is about `x P(x^2) / Q(x^2)` up to this `x^2`. From there on the quotient stays and `x` grows: the result passes
/// 1 at once.
pub(super) const TANH_SQUARE: f32 = 75.0;
pub(super) const TANH_P: [f32; 5] = [
    1.0,
    0.134_023_94,
    0.003_521_044_3,
    2.103_238_5e-5,
    1.395_288_7e-8,
];
pub(super) const TANH_Q: [f32; 5] = [1.0, 0.467_357_13, 0.025_973_612, 3.327_437e-4, 8.018_722e-7];

/// The coefficients of `scale * p(t / 4)`; exact, because they are multiplied by powers of two.
pub(super) const fn halved_argument([c0, c1, c2, c3, c4]: [f32; 5], scale: f32) -> [f32; 5] {
    [
        scale * c0,
        scale * c1 / 4.0,
        scale * c2 / 16.0,
        scale * c3 / 64.0,
        scale * c4 / 256.0,
    ]
}

/// `x p(t) / q(t)` with `t = min(x^2, square)`.
#[inline]
fn odd_rational(x: f32, square: f32, p: [f32; 5], q: [f32; 5]) -> f32 {
    let t = x * x;
    let t = if t > square { square } else { t };
    x * polynomial(p, t) / polynomial(q, t)
}

/// `c0 + t (c1 + t (c2 + t (c3 + t c4)))`
#[inline]
fn polynomial([c0, c1, c2, c3, c4]: [f32; 5], t: f32) -> f32 {
    c0 + t * (c1 + t * (c2 + t * (c3 + t * c4)))
}

/// `x` moved into `[-limit, limit]`; NaN stays.
#[inline]
fn clamped(x: f32, limit: f32) -> f32 {
    let x = if x > limit { limit } else { x };
    if x < -limit { -limit } else { x }
}

/// 2^23: from here on every number is an integer, and adding it pushes a fraction out by rounding half to even.
const INTEGERS: f32 = 8_388_608.0;

/// The nearest integer; of two equally near ones the even one. Keeps the sign of zero.
#[inline]
#[must_use]
pub fn round_even(x: f32) -> f32 {
    let magnitude = x.abs();
    let rounded = (magnitude + INTEGERS) - INTEGERS;
    let rounded = if magnitude < INTEGERS {
        rounded
    } else {
        magnitude
    };
    rounded.copysign(x)
}

/// The greatest integer that is not above `x`. Keeps the sign of zero.
#[inline]
#[must_use]
pub fn floor(x: f32) -> f32 {
    let rounded = round_even(x);
    if rounded > x { rounded - 1.0 } else { rounded }
}

/// The least integer that is not below `x`. Keeps the sign of zero.
#[inline]
#[must_use]
pub fn ceil(x: f32) -> f32 {
    -floor(-x)
}

/// `x` without its fraction. Keeps the sign of zero.
#[inline]
#[must_use]
pub fn trunc(x: f32) -> f32 {
    floor(x.abs()).copysign(x)
}

#[cfg(test)]
mod tests;
