//! Sums, means, extremes and lengths along an axis.

/// What becomes of the numbers along the axis; the discriminants are the codes of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reduction {
    /// Their sum.
    Sum = 1,
    /// Their sum divided by their count.
    Mean = 2,
    /// The greatest; NaN if one is NaN.
    Max = 3,
    /// The least; NaN if one is NaN.
    Min = 4,
    /// Their product.
    Product = 5,
    /// The sum of their magnitudes.
    L1 = 6,
    /// The square root of the sum of their squares.
    L2 = 7,
    /// The sum of their squares.
    SumOfSquares = 8,
}

impl Reduction {
    /// The reduction of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Sum,
            2 => Self::Mean,
            3 => Self::Max,
            4 => Self::Min,
            5 => Self::Product,
            6 => Self::L1,
            7 => Self::L2,
            8 => Self::SumOfSquares,
            _ => return None,
        })
    }

    /// From `a` `[outer, axis, inner]` to `out` `[outer, inner]`, in ascending order along the axis.
    pub fn apply(self, a: &[f32], [axis, inner]: [usize; 2], out: &mut [f32]) {
        let inner = inner.max(1);
        let block = axis.saturating_mul(inner).max(1);
        for (out, a) in out.chunks_mut(inner).zip(a.chunks(block)) {
            for (index, out) in out.iter_mut().enumerate() {
                let numbers = a.iter().skip(index).step_by(inner).copied();
                *out = self.of(numbers, axis);
            }
        }
    }

    fn of(self, numbers: impl Iterator<Item = f32>, count: usize) -> f32 {
        match self {
            Self::Sum => sum(numbers),
            Self::Mean => sum(numbers) / count as f32,
            Self::Max => numbers.fold(
                f32::NEG_INFINITY,
                |a, b| if a > b || a.is_nan() { a } else { b },
            ),
            Self::Min => numbers.fold(
                f32::INFINITY,
                |a, b| if a < b || a.is_nan() { a } else { b },
            ),
            Self::Product => numbers.fold(1.0, |product, x| product * x),
            Self::L1 => sum(numbers.map(f32::abs)),
            Self::L2 => libm::sqrtf(sum(numbers.map(|x| x * x))),
            Self::SumOfSquares => sum(numbers.map(|x| x * x)),
        }
    }
}

/// In the order given, from 0.
pub(super) fn sum(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(0.0, |sum, x| sum + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_numpy_along_the_middle_axis() {
        // a = numpy.array([1, -2, 3, 4, -5, 6, 7, 8, -9, 10, 11, 12.]).reshape(2, 3, 2)
        let a = [1., -2., 3., 4., -5., 6., 7., 8., -9., 10., 11., 12.];
        for (reduction, expected) in [
            (Reduction::Sum, [-1.0, 8.0, 9.0, 30.0]),
            (Reduction::Mean, [-1.0 / 3.0, 8.0 / 3.0, 3.0, 10.0]),
            (Reduction::Max, [3.0, 6.0, 11.0, 12.0]),
            (Reduction::Min, [-5.0, -2.0, -9.0, 8.0]),
            (Reduction::Product, [-15.0, -48.0, -693.0, 960.0]),
            (Reduction::L1, [9.0, 12.0, 27.0, 30.0]),
            (Reduction::SumOfSquares, [35.0, 56.0, 251.0, 308.0]),
            (
                Reduction::L2,
                [5.916_079_5, 7.483_315, 15.842_98, 17.549_93],
            ),
        ] {
            let mut out = [0.0; 4];
            reduction.apply(&a, [3, 2], &mut out);
            for (out, expected) in out.iter().zip(expected) {
                assert!(
                    (out - expected).abs() < 1e-5,
                    "{reduction:?}: {out} {expected}"
                );
            }
            assert_eq!(Reduction::from_code(reduction as u8), Some(reduction));
        }
    }

    #[test]
    fn not_a_number_stays() {
        for code in 1..=8 {
            for place in 0..3 {
                let mut a = [1.0, 2.0, 3.0];
                a[place] = f32::NAN;
                let mut out = [0.0];
                Reduction::from_code(code)
                    .unwrap()
                    .apply(&a, [3, 1], &mut out);
                assert!(out[0].is_nan(), "{code} {place}");
            }
        }
    }
}
