//! [`ZipFunction`]: functions of two numbers, one operand in place and the other repeated along it.

use super::map::truth;

/// A function of two numbers `a` and `b`.
///
/// Truth is 1 and 0; as an operand everything that is not 0 is true. Comparisons with NaN are false. All other functions
/// give NaN where an operand is NaN, except that [`ZipFunction::Pow`] follows C: `pow(1, NaN)` and `pow(NaN, 0)` are 1.
///
/// The discriminants are the codes of the image format (`docs/image.md`) and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum ZipFunction {
    /// `a + b`
    Add = 1,
    /// `a - b`
    Sub = 2,
    /// `a * b`
    Mul = 3,
    /// `a / b`
    Div = 4,
    /// `a` to the power of `b`
    Pow = 5,
    /// The lesser of `a` and `b`.
    Min = 6,
    /// The greater of `a` and `b`.
    Max = 7,
    /// `a < b`
    Less = 8,
    /// `a <= b`
    LessOrEqual = 9,
    /// `a > b`
    Greater = 10,
    /// `a >= b`
    GreaterOrEqual = 11,
    /// `a == b`
    Equal = 12,
    /// Both are true.
    And = 13,
    /// At least one is true.
    Or = 14,
    /// Exactly one is true.
    Xor = 15,
    /// `a` if not negative, else `b * a`
    PRelu = 16,
    /// `a - b * trunc(a / b)`, computed exactly: the remainder with the sign of `a`.
    Fmod = 17,
    /// `a - b * floor(a / b)`, the remainder with the sign of `b`.
    Mod = 18,
}

impl ZipFunction {
    /// All functions in the order of their codes.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Pow,
        Self::Min,
        Self::Max,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Equal,
        Self::And,
        Self::Or,
        Self::Xor,
        Self::PRelu,
        Self::Fmod,
        Self::Mod,
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

    /// Whether this build has the function; [`ZipFunction::apply`] leaves the numbers as they are if it has not.
    ///
    /// What needs `libm` comes with the feature `tensor`.
    #[must_use]
    pub const fn is_available(self) -> bool {
        cfg!(feature = "tensor") || !matches!(self, Self::Pow | Self::Fmod | Self::Mod)
    }

    /// `values[o, m, i] = f(values[o, m, i], other[m])`, with the operands exchanged if `swapped`.
    ///
    /// `values` is `[outer, mid, inner]` and `other` `[mid]`. Numbers without a partner stay as they are.
    pub fn apply(
        self,
        swapped: bool,
        [outer, mid, inner]: [usize; 3],
        values: &mut [f32],
        other: &[f32],
    ) {
        let Some(other) = other.get(..mid) else {
            return;
        };
        let Some(values) = outer
            .checked_mul(mid)
            .and_then(|len| len.checked_mul(inner))
            .and_then(|len| values.get_mut(..len))
        else {
            return;
        };
        let along = Along {
            values,
            other,
            inner,
        };
        match (self, swapped) {
            (Self::Add, _) => along.each(|a, b| a + b),
            (Self::Sub, false) => along.each(|a, b| a - b),
            (Self::Sub, true) => along.each(|a, b| b - a),
            (Self::Mul, _) => along.each(|a, b| a * b),
            (Self::Div, false) => along.each(|a, b| a / b),
            (Self::Div, true) => along.each(|a, b| b / a),
            (Self::Min, _) => along.each(min),
            (Self::Max, _) => along.each(max),
            (Self::Less, false) | (Self::Greater, true) => along.call(|a, b| truth(a < b)),
            (Self::Less, true) | (Self::Greater, false) => along.call(|a, b| truth(a > b)),
            (Self::LessOrEqual, false) | (Self::GreaterOrEqual, true) => {
                along.call(|a, b| truth(a <= b));
            }
            (Self::LessOrEqual, true) | (Self::GreaterOrEqual, false) => {
                along.call(|a, b| truth(a >= b));
            }
            (Self::Equal, _) => along.call(|a, b| truth(a == b)),
            (Self::And, _) => along.call(|a, b| truth(a != 0.0 && b != 0.0)),
            (Self::Or, _) => along.call(|a, b| truth(a != 0.0 || b != 0.0)),
            (Self::Xor, _) => along.call(|a, b| truth((a != 0.0) != (b != 0.0))),
            (Self::PRelu, false) => along.call(prelu),
            (Self::PRelu, true) => along.call(|a, b| prelu(b, a)),
            #[cfg(feature = "tensor")]
            (Self::Pow, false) => along.call(libm::powf),
            #[cfg(feature = "tensor")]
            (Self::Pow, true) => along.call(|a, b| libm::powf(b, a)),
            #[cfg(feature = "tensor")]
            (Self::Fmod, false) => along.call(libm::fmodf),
            #[cfg(feature = "tensor")]
            (Self::Fmod, true) => along.call(|a, b| libm::fmodf(b, a)),
            #[cfg(feature = "tensor")]
            (Self::Mod, false) => along.call(modulo),
            #[cfg(feature = "tensor")]
            (Self::Mod, true) => along.call(|a, b| modulo(b, a)),
            #[cfg(not(feature = "tensor"))]
            (Self::Pow | Self::Fmod | Self::Mod, _) => {}
        }
    }
}

/// `values` `[outer, mid, inner]` along which `other` `[mid]` is repeated.
struct Along<'a> {
    values: &'a mut [f32],
    other: &'a [f32],
    inner: usize,
}

impl Along<'_> {
    /// Two loops that vectorise: a row against a row, and a run against one number.
    #[inline]
    fn each(self, function: impl Fn(f32, f32) -> f32) {
        if let &[b] = self.other {
            for a in self.values {
                *a = function(*a, b);
            }
        } else if self.inner == 1 {
            for row in self.values.chunks_mut(self.other.len().max(1)) {
                for (a, b) in row.iter_mut().zip(self.other) {
                    *a = function(*a, *b);
                }
            }
        } else {
            let runs = self.values.chunks_mut(self.inner.max(1));
            for (run, b) in runs.zip(self.other.iter().cycle()) {
                for a in run {
                    *a = function(*a, *b);
                }
            }
        }
    }

    /// One loop for all functions that are not worth a loop of their own.
    #[inline(never)]
    fn call(self, function: fn(f32, f32) -> f32) {
        self.each(function);
    }
}

/// Not `f32::min`, which drops NaN.
fn min(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

fn max(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

fn prelu(a: f32, slope: f32) -> f32 {
    if a < 0.0 { slope * a } else { a }
}

/// The remainder is exact; the correction of its sign is one rounded sum, as in Python and numpy.
#[cfg(feature = "tensor")]
fn modulo(a: f32, b: f32) -> f32 {
    let remainder = libm::fmodf(a, b);
    if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) {
        remainder + b
    } else {
        remainder
    }
}
