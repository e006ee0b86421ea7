//! [`ZipFunction`]: functions of two numbers, one operand in place and the other repeated along it.

#[cfg(feature = "zip")]
use super::arch;
#[cfg(feature = "zip")]
use super::map::truth;
#[cfg(feature = "tensor")]
use super::remainder::remainder;

/// A function of two numbers `a` and `b`.
///
/// Truth is 1 and 0; as an operand everything that is not 0 is true. Comparisons with NaN are false. All other functions
/// give NaN where an operand is NaN, except that [`ZipFunction::Pow`] follows C (`pow(1, NaN)` and `pow(NaN, 0)` are 1) and
/// [`ZipFunction::PRelu`] does not read the slope of an `a` that is not negative.
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
    #[must_use]
    pub fn is_available(self) -> bool {
        super::is_built(self.feature())
    }

    /// The feature of this crate that the function needs: what takes `libm` comes with `tensor`.
    #[must_use]
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Pow | Self::Fmod | Self::Mod => "tensor",
            _ => "zip",
        }
    }

    /// `values[o, m, i] = f(values[o, m, i], other[m])`, with the operands exchanged if `swapped`.
    ///
    /// `values` is `[outer, mid, inner]` and `other` `[mid]`. Numbers without a partner stay as they are.
    #[cfg(feature = "zip")]
    pub fn apply(
        self,
        swapped: bool,
        [outer, mid, inner]: [usize; 3],
        values: &mut [f32],
        other: &[f32],
    ) {
        let len = outer
            .checked_mul(mid)
            .and_then(|len| len.checked_mul(inner));
        let values = len.and_then(|len| values.get_mut(..len));
        let (Some(mut values), Some(mut other)) = (values, other.get(..mid)) else {
            return;
        };
        if values.len() == other.len() {
            // Number by number, a processor's own kernel may take the start.
            let done = arch::zip(self, swapped, values, other);
            if done == values.len() {
                return;
            }
            values = values.get_mut(done..).unwrap_or_default();
            other = other.get(done..).unwrap_or_default();
        }
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
            (Self::Fmod, false) => along.call(remainder),
            #[cfg(feature = "tensor")]
            (Self::Fmod, true) => along.call(|a, b| remainder(b, a)),
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
#[cfg(feature = "zip")]
struct Along<'a> {
    values: &'a mut [f32],
    other: &'a [f32],
    inner: usize,
}

#[cfg(feature = "zip")]
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
#[cfg(feature = "zip")]
fn min(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

#[cfg(feature = "zip")]
fn max(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

#[cfg(feature = "zip")]
fn prelu(a: f32, slope: f32) -> f32 {
    if a < 0.0 { slope * a } else { a }
}

/// The remainder is exact; the correction of its sign is one rounded sum, as in Python and numpy.
#[cfg(feature = "tensor")]
fn modulo(a: f32, b: f32) -> f32 {
    let rest = remainder(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use std::vec::Vec;

    /// The functions by their definitions. `%`, `powf`, `rem_euclid` and so on are the standard library's.
    fn reference(function: ZipFunction, a: f32, b: f32) -> f32 {
        let truth = |is: bool| f32::from(u8::from(is));
        match function {
            ZipFunction::Add => a + b,
            ZipFunction::Sub => a - b,
            ZipFunction::Mul => a * b,
            ZipFunction::Div => a / b,
            ZipFunction::Pow => f64::from(a).powf(f64::from(b)) as f32,
            ZipFunction::Min => a.min(b),
            ZipFunction::Max => a.max(b),
            ZipFunction::Less => truth(a < b),
            ZipFunction::LessOrEqual => truth(a <= b),
            ZipFunction::Greater => truth(a > b),
            ZipFunction::GreaterOrEqual => truth(a >= b),
            ZipFunction::Equal => truth(a == b),
            ZipFunction::And => truth(a != 0.0) * truth(b != 0.0),
            ZipFunction::Or => truth(a != 0.0).max(truth(b != 0.0)),
            ZipFunction::Xor => (truth(a != 0.0) - truth(b != 0.0)).abs(),
            ZipFunction::PRelu => a.max(0.0) + b * a.min(0.0),
            ZipFunction::Fmod => a % b,
            // For b > 0 the remainder of Euclid; otherwise that of -a and -b with its sign turned.
            ZipFunction::Mod => {
                if b > 0.0 {
                    a.rem_euclid(b)
                } else {
                    -(-a).rem_euclid(-b)
                }
            }
        }
    }

    fn close(function: ZipFunction, actual: f32, expected: f32) -> bool {
        if function == ZipFunction::Pow {
            return (actual.is_nan() && expected.is_nan())
                || actual == expected
                || (actual - expected).abs() <= 2e-7 * expected.abs();
        }
        actual == expected || (actual.is_nan() && expected.is_nan())
    }

    #[test]
    fn every_shape_and_order_equals_the_definition() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        // Few different numbers, so that equal ones and zeros meet.
        let mut number = || rng.random_range(-6..=6) as f32 * 0.5;
        for function in ZipFunction::ALL {
            for swapped in [false, true] {
                for [outer, mid, inner] in [
                    [1, 37, 1],
                    [5, 7, 1],
                    [1, 1, 23],
                    [3, 1, 5],
                    [1, 4, 9],
                    [2, 3, 4],
                    [3, 2, 1],
                ] {
                    let a: Vec<f32> = (0..outer * mid * inner).map(|_| number()).collect();
                    let b: Vec<f32> = (0..mid).map(|_| number()).collect();
                    let mut values = a.clone();
                    function.apply(swapped, [outer, mid, inner], &mut values, &b);
                    for (at, (a, actual)) in a.into_iter().zip(values).enumerate() {
                        let b = b[at / inner % mid];
                        let expected = if swapped {
                            reference(function, b, a)
                        } else {
                            reference(function, a, b)
                        };
                        assert!(
                            close(function, actual, expected),
                            "{function:?} of {a} and {b}, swapped {swapped}: {actual}, not {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn not_a_number_in_either_operand() {
        for function in ZipFunction::ALL {
            for (a, b) in [(f32::NAN, 2.0), (2.0, f32::NAN)] {
                let mut values = [a];
                function.apply(false, [1, 1, 1], &mut values, &[b]);
                let [result] = values;
                match function {
                    ZipFunction::Less
                    | ZipFunction::LessOrEqual
                    | ZipFunction::Greater
                    | ZipFunction::GreaterOrEqual
                    | ZipFunction::Equal
                    | ZipFunction::Xor => assert_eq!(result, 0.0),
                    ZipFunction::And | ZipFunction::Or => assert_eq!(result, 1.0),
                    ZipFunction::PRelu if b.is_nan() => assert_eq!(result, 2.0),
                    _ => assert!(result.is_nan(), "{function:?}"),
                }
            }
        }
    }

    /// numpy 2.4: `np.mod` and `np.fmod` of `[-7, 7, -7.5]` and `[3, -3, 2]`.
    #[test]
    fn remainders_as_in_numpy() {
        let operands = [-7.0, 7.0, -7.5];
        let mut values = operands;
        ZipFunction::Mod.apply(false, [1, 3, 1], &mut values, &[3.0, -3.0, 2.0]);
        assert_eq!(values, [2.0, -2.0, 0.5]);
        let mut values = operands;
        ZipFunction::Fmod.apply(false, [1, 3, 1], &mut values, &[3.0, -3.0, 2.0]);
        assert_eq!(values, [-1.0, 1.0, -1.5]);
    }

    #[test]
    fn lengths_that_do_not_match_write_nothing() {
        let mut values = [1.0; 6];
        ZipFunction::Add.apply(false, [2, 3, 1], &mut values, &[1.0; 2]);
        ZipFunction::Add.apply(false, [3, 3, 1], &mut values, &[1.0; 3]);
        ZipFunction::Add.apply(false, [usize::MAX, 2, 1], &mut values, &[1.0; 2]);
        ZipFunction::Add.apply(false, [0, 0, 0], &mut values, &[]);
        assert_eq!(values, [1.0; 6]);
    }

    #[test]
    fn codes_round_trip() {
        for (function, code) in ZipFunction::ALL.into_iter().zip(1..) {
            assert_eq!(function.code(), code);
            assert_eq!(ZipFunction::from_code(code), Some(function));
        }
        assert_eq!(ZipFunction::from_code(0), None);
        assert_eq!(ZipFunction::from_code(19), None);
    }
}
