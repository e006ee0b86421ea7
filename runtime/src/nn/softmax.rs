//! Softmax and its logarithm along an axis.

use super::math::exp;

/// `exp(a - max a) / Σ exp(a - max a)` along the middle axis of `[outer, axis, inner]`, or with `log` its logarithm
/// `a - max a - log Σ exp(a - max a)`.
///
/// The sum runs in ascending order. NaN anywhere on a line makes the whole line NaN.
pub fn softmax(log: bool, a: &[f32], [axis, inner]: [usize; 2], out: &mut [f32]) {
    let inner = inner.max(1);
    let block = axis.saturating_mul(inner).max(1);
    for (out, a) in out.chunks_mut(block).zip(a.chunks(block)) {
        for index in 0..inner {
            let line = || a.iter().skip(index).step_by(inner).copied();
            let max = line().fold(
                f32::NEG_INFINITY,
                |a, b| if a > b || a.is_nan() { a } else { b },
            );
            let sum = super::reduce::sum(line().map(|x| exp(x - max)));
            let results = out.iter_mut().skip(index).step_by(inner);
            if log {
                let log_sum = libm::logf(sum);
                results
                    .zip(line())
                    .for_each(|(out, x)| *out = x - max - log_sum);
            } else {
                results
                    .zip(line())
                    .for_each(|(out, x)| *out = exp(x - max) / sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_like_scipy() {
        // scipy.special.softmax([[1, 2], [3, 2], [1000, -1000]], axis=0) and log_softmax of [1, 2, 3]
        let mut out = [0.0; 6];
        softmax(
            false,
            &[1.0, 2.0, 3.0, 2.0, 1000.0, -1000.0],
            [3, 2],
            &mut out,
        );
        assert_eq!(out, [0.0, 0.5, 0.0, 0.5, 1.0, 0.0]);
        let mut out = [0.0; 3];
        softmax(true, &[1.0, 2.0, 3.0], [3, 1], &mut out);
        let expected = [-2.407_606, -1.407_606, -0.407_606];
        for (out, expected) in out.iter().zip(expected) {
            assert!((out - expected).abs() < 1e-6, "{out} {expected}");
        }
    }
}
