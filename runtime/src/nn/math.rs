//! `exp`, `tanh` and `sigmoid` of this crate.

/// `e^x`
#[inline]
#[must_use]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `e^x - 1` for `x <= 0`.
#[inline]
#[must_use]
pub fn exp_m1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// `tanh(x)`
#[inline]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

/// `1 / (1 + exp(-x))`
#[inline]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
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

/// The greatest integer that is not above `x`.
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
