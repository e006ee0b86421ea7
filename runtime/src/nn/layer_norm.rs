//! Layer normalisation (Ba et al. 2016).

use super::reduce::{Reduction, sum};

/// `(a - mean) / sqrt(variance + epsilon) * scale + bias` for each row of `len` numbers; scale and bias `[len]` may be left out. The
/// variance is the mean of the squared differences from the mean.
pub fn layer_norm(
    a: &[f32],
    len: usize,
    epsilon: f32,
    scale: Option<&[f32]>,
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let len = len.max(1);
    for (out, a) in out.chunks_mut(len).zip(a.chunks(len)) {
        let mut mean = [0.0];
        Reduction::Mean.apply(a, [len, 1], &mut mean);
        let [mean] = mean;
        for (out, x) in out.iter_mut().zip(a) {
            *out = x - mean;
        }
        let squares = sum(out.iter().map(|x| x * x));
        let deviation = libm::sqrtf(squares / len as f32 + epsilon);
        out.iter_mut().for_each(|x| *x /= deviation);
        for (x, scale) in out.iter_mut().zip(scale.unwrap_or_default()) {
            *x *= scale;
        }
        for (x, bias) in out.iter_mut().zip(bias.unwrap_or_default()) {
            *x += bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_norm_like_torch() {
        // torch.nn.functional.layer_norm(tensor([[1, 2, 4], [0, 0, 3.]]), (3,), tensor([1, 2, .5]), tensor([0, 1, 0.]), 1e-5)
        let mut out = [0.0; 6];
        layer_norm(
            &[1.0, 2.0, 4.0, 0.0, 0.0, 3.0],
            3,
            1e-5,
            Some(&[1.0, 2.0, 0.5]),
            Some(&[0.0, 1.0, 0.0]),
            &mut out,
        );
        let expected = [
            -1.069_041_6,
            0.465_479_2,
            0.668_150_96,
            -0.707_105,
            -0.414_210_2,
            0.707_105,
        ];
        for (out, expected) in out.iter().zip(expected) {
            assert!((out - expected).abs() < 1e-5, "{out} {expected}");
        }
    }
}
