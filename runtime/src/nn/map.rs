//! [`Function`]: functions of one number, applied to each number of a slice in place.
//!
//! Every function sends NaN to NaN, except [`Function::Not`] and [`Function::Bool`], whose results are truth values and
//! for which NaN, like everything that is not zero, is true.

use super::arch;
#[cfg(feature = "functions")]
use super::math;

/// A function applied number by number. `p` are its parameters; a parameter that is not named is not read.
///
/// The discriminants are the codes of the image format (`docs/image.md`) and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Function {
    /// `max(x, 0)`
    Relu = 1,
    /// `x` if positive, else `p0 * (exp(x) - 1)`
    Elu = 2,
    /// `tanh(x)`
    Tanh = 3,
    /// `1 / (1 + exp(-x))`
    Sigmoid = 4,
    /// `x` if not negative, else `p0 * x`
    LeakyRelu = 5,
    /// `p1 * x` if positive, else `p1 * (p0 * (exp(x) - 1))`
    Selu = 6,
    /// `ln(1 + exp(x))`
    Softplus = 7,
    /// `x / (1 + |x|)`
    Softsign = 8,
    /// `x * (1 + erf(x / sqrt(2))) / 2`
    Gelu = 9,
    /// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`
    GeluTanh = 10,
    /// `p0 * x + p1` moved into `[0, 1]`
    HardSigmoid = 11,
    /// `x * HardSigmoid(x)` with `p0 = 1/6` and `p1 = 1/2`
    HardSwish = 12,
    /// `x * tanh(ln(1 + exp(x)))`
    Mish = 13,
    /// `x / (1 + exp(-x))`
    Silu = 14,
    /// `min(max(x, p0), p1)`
    Clip = 15,
    /// `-x`
    Neg = 16,
    /// `|x|`
    Abs = 17,
    /// Square root, NaN for negative numbers.
    Sqrt = 18,
    /// `e^x`
    Exp = 19,
    /// Natural logarithm, NaN for negative numbers.
    Log = 20,
    /// `1 / x`
    Reciprocal = 21,
    /// The greatest integer that is not above `x`.
    Floor = 22,
    /// The least integer that is not below `x`.
    Ceil = 23,
    /// The nearest integer; of two equally near ones the even one.
    Round = 24,
    /// -1, 0 or 1
    Sign = 25,
    /// The error function.
    Erf = 26,
    /// Sine of radians.
    Sin = 27,
    /// Cosine of radians.
    Cos = 28,
    /// 1 if `x` is 0, else 0
    Not = 29,
    /// `x` without its fraction, and zero without its sign: what a cast to an integer leaves.
    Trunc = 30,
    /// 0 if `x` is 0, else 1
    Bool = 31,
}

impl Function {
    /// All functions in the order of their codes.
    pub const ALL: [Self; 31] = [
        Self::Relu,
        Self::Elu,
        Self::Tanh,
        Self::Sigmoid,
        Self::LeakyRelu,
        Self::Selu,
        Self::Softplus,
        Self::Softsign,
        Self::Gelu,
        Self::GeluTanh,
        Self::HardSigmoid,
        Self::HardSwish,
        Self::Mish,
        Self::Silu,
        Self::Clip,
        Self::Neg,
        Self::Abs,
        Self::Sqrt,
        Self::Exp,
        Self::Log,
        Self::Reciprocal,
        Self::Floor,
        Self::Ceil,
        Self::Round,
        Self::Sign,
        Self::Erf,
        Self::Sin,
        Self::Cos,
        Self::Not,
        Self::Trunc,
        Self::Bool,
    ];

    /// The function of a code, `None` for a code this version does not know.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// The code in the image.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether this build has the function; [`Function::apply`] leaves the numbers as they are if it has not.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.feature().is_none_or(super::is_built)
    }

    /// The feature of this crate that the function needs: ReLU none, what takes more of `libm` than a square root `tensor`.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Relu => None,
            Self::Softplus
            | Self::Gelu
            | Self::Mish
            | Self::Log
            | Self::Erf
            | Self::Sin
            | Self::Cos => Some("tensor"),
            _ => Some("functions"),
        }
    }

    /// Applies the function to each number in place.
    ///
    /// Functions that policies have between their layers are loops of their own, which vectorise; the others share one loop
    /// that calls them, so that an engine on a small machine stays small.
    pub fn apply(self, p: [f32; 2], values: &mut [f32]) {
        let done = arch::apply(self, p, values);
        let rest = values.get_mut(done..).unwrap_or_default();
        if !rest.is_empty() {
            self.apply_portable(p, rest);
        }
    }

    /// What [`apply`](Self::apply) computes, on any processor.
    #[inline]
    #[cfg_attr(not(feature = "functions"), allow(unused_variables))]
    pub(super) fn apply_portable(self, p: [f32; 2], values: &mut [f32]) {
        match self {
            Self::Relu => each(values, relu),
            #[cfg(feature = "functions")]
            _ => self.apply_others(p, values),
            #[cfg(not(feature = "functions"))]
            _ => {}
        }
    }

    #[cfg(feature = "functions")]
    #[inline(always)]
    fn apply_others(self, p: [f32; 2], values: &mut [f32]) {
        let [p0, p1] = p;
        match self {
            Self::Relu => {}
            Self::Elu => each(values, |x| elu(x, p0)),
            Self::Tanh => each(values, math::tanh),
            Self::Sigmoid => each(values, math::sigmoid),
            Self::LeakyRelu => each(values, |x| leaky_relu(x, p0)),
            Self::Selu => each(values, |x| p1 * elu(x, p0)),
            Self::GeluTanh => each(values, gelu_tanh),
            Self::Silu => each(values, silu),
            Self::Exp => each(values, math::exp),
            Self::Clip => each(values, |x| clip(x, p)),
            Self::Neg => each(values, |x| -x),
            Self::Abs => each(values, f32::abs),
            Self::Reciprocal => each(values, |x| 1.0 / x),
            Self::HardSigmoid => call(values, p, hard_sigmoid),
            Self::HardSwish => call(values, p, |x, _| x * hard_sigmoid(x, [1.0 / 6.0, 0.5])),
            Self::Softsign => call(values, p, |x, _| x / (1.0 + x.abs())),
            Self::Sqrt => call(values, p, |x, _| libm::sqrtf(x)),
            Self::Floor => call(values, p, |x, _| math::floor(x)),
            Self::Ceil => call(values, p, |x, _| math::ceil(x)),
            Self::Round => call(values, p, |x, _| math::round_even(x)),
            Self::Trunc => call(values, p, |x, _| math::trunc(x) + 0.0),
            Self::Sign => call(values, p, |x, _| sign(x)),
            Self::Not => call(values, p, |x, _| truth(x == 0.0)),
            Self::Bool => call(values, p, |x, _| truth(x != 0.0)),
            #[cfg(feature = "tensor")]
            Self::Softplus => call(values, p, |x, _| softplus(x)),
            #[cfg(feature = "tensor")]
            Self::Gelu => call(values, p, |x, _| gelu(x)),
            #[cfg(feature = "tensor")]
            Self::Mish => call(values, p, |x, _| mish(x)),
            #[cfg(feature = "tensor")]
            Self::Log => call(values, p, |x, _| libm::logf(x)),
            #[cfg(feature = "tensor")]
            Self::Erf => call(values, p, |x, _| libm::erff(x)),
            #[cfg(feature = "tensor")]
            Self::Sin => call(values, p, |x, _| libm::sinf(x)),
            #[cfg(feature = "tensor")]
            Self::Cos => call(values, p, |x, _| libm::cosf(x)),
            #[cfg(not(feature = "tensor"))]
            Self::Softplus
            | Self::Gelu
            | Self::Mish
            | Self::Log
            | Self::Erf
            | Self::Sin
            | Self::Cos => {}
        }
    }
}

/// Inlined for certain: where it is called in a function for wider registers, it is compiled for them.
#[inline(always)]
fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

#[cfg(feature = "functions")]
#[inline(never)]
fn call(values: &mut [f32], p: [f32; 2], function: fn(f32, [f32; 2]) -> f32) {
    for value in values {
        *value = function(*value, p);
    }
}

/// Truth as numbers hold it.
#[cfg(any(feature = "functions", feature = "zip"))]
pub(super) fn truth(is: bool) -> f32 {
    if is { 1.0 } else { 0.0 }
}

/// Not `f32::max`, which answers 0 to NaN.
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[cfg(feature = "functions")]
fn elu(x: f32, alpha: f32) -> f32 {
    let negative = alpha * math::exp_m1_of_negative(x);
    if x > 0.0 { x } else { negative }
}

#[cfg(feature = "functions")]
fn leaky_relu(x: f32, alpha: f32) -> f32 {
    if x < 0.0 { alpha * x } else { x }
}

#[cfg(feature = "functions")]
fn silu(x: f32) -> f32 {
    x / (1.0 + math::exp(-x))
}

/// `(1 + tanh(u)) / 2` is `1 / (1 + exp(-2 u))`, which keeps its digits where the tanh is close to -1.
#[cfg(feature = "functions")]
fn gelu_tanh(x: f32) -> f32 {
    const MINUS_TWO_SQRT_TWO_OVER_PI: f32 = -1.595_769;
    let u = x + 0.044_715 * x * x * x;
    x / (1.0 + math::exp(MINUS_TWO_SQRT_TWO_OVER_PI * u))
}

#[cfg(feature = "functions")]
fn clip(x: f32, [low, high]: [f32; 2]) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

#[cfg(feature = "functions")]
fn hard_sigmoid(x: f32, [alpha, beta]: [f32; 2]) -> f32 {
    clip(alpha * x + beta, [0.0, 1.0])
}

#[cfg(feature = "functions")]
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // Zero without its sign; NaN.
        x + 0.0
    }
}

/// `max(x, 0) + ln(1 + exp(-|x|))`: the exponential cannot overflow.
#[cfg(feature = "tensor")]
fn softplus(x: f32) -> f32 {
    relu(x) + libm::log1pf(math::exp(-x.abs()))
}

/// By the complementary function, which keeps its digits where the error function is close to -1.
#[cfg(feature = "tensor")]
fn gelu(x: f32) -> f32 {
    0.5 * x * libm::erfcf(-core::f32::consts::FRAC_1_SQRT_2 * x)
}

/// With `e = exp(x)`, `tanh(ln(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2)`; for positive `x` divided by `e^2`, so that
/// nothing overflows.
#[cfg(feature = "tensor")]
fn mish(x: f32) -> f32 {
    let e = math::exp(-x.abs());
    let (numerator, rest) = if x > 0.0 {
        (1.0 + 2.0 * e, 2.0 * e * e)
    } else {
        (e * e + 2.0 * e, 2.0)
    };
    x * (numerator / (numerator + rest))
}

#[cfg(test)]
mod tests;
