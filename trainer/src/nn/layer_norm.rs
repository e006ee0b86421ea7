//! [`LayerNorm`]: normalisation of the rows of a layer, forth and back (Ba, Kiros & Hinton 2016, "Layer Normalization",
//! equation 4). It has no parameters.

use multiversion::multiversion;
use tch::{Device, Kind, Tensor};

use super::{host_slice, host_slice_mut};

/// Added to the variance, as `torch.nn.LayerNorm` does.
const EPSILON: f32 = 1e-5;

/// What the way back needs of the way forth.
#[derive(Debug)]
pub(super) struct LayerNorm {
    /// `[rows, width]`: what was answered.
    normalized: Tensor,
    /// `[rows, 1]`: one over the standard deviation.
    inverse_std: Tensor,
}

impl LayerNorm {
    pub(super) fn new(rows: usize, width: usize, device: Device) -> Self {
        let zeros = |columns| Tensor::zeros([rows as i64, columns], (Kind::Float, device));
        Self {
            normalized: zeros(width as i64),
            inverse_std: zeros(1),
        }
    }

    /// `x = (x - mean) / √(variance + ε)`, row by row of `[rows, width]`.
    pub(super) fn forward(&mut self, x: &mut Tensor) {
        if x.device() == Device::Cpu {
            let width = self.normalized.size()[1] as usize;
            let inverse_std = host_slice_mut(&mut self.inverse_std);
            normalize_rows(host_slice_mut(x), width, inverse_std);
        } else {
            let centred = &*x - x.mean_dim(1, true, Kind::Float);
            let variance = centred.square().mean_dim(1, true, Kind::Float);
            self.inverse_std
                .copy_(&(variance + f64::from(EPSILON)).rsqrt());
            x.copy_(&(centred * &self.inverse_std));
        }
        self.normalized.copy_(x);
    }

    /// From the derivative by what was answered to the one by what was asked, in place: with `y` the answer,
    /// `(δ - mean δ - y · mean(δ y)) / std`.
    pub(super) fn backward(&self, delta: &mut Tensor) {
        if delta.device() == Device::Cpu {
            let (y, inverse_std) = (host_slice(&self.normalized), host_slice(&self.inverse_std));
            normalize_rows_backward(host_slice_mut(delta), y, inverse_std);
        } else {
            let along = (&*delta * &self.normalized).mean_dim(1, true, Kind::Float);
            let mean = delta.mean_dim(1, true, Kind::Float);
            let straight = &*delta - mean - &self.normalized * along;
            delta.copy_(&(straight * &self.inverse_std));
        }
    }
}

/// Sums in eight places at once, which the compiler does not do by itself because it changes the rounding.
#[inline(always)]
fn sum(row: impl Iterator<Item = f32>) -> f32 {
    let mut sums = [0.0; 8];
    for (index, number) in row.enumerate() {
        sums[index % 8] += number;
    }
    sums.iter().sum()
}

#[multiversion(targets("x86_64+avx2"))]
fn normalize_rows(rows: &mut [f32], width: usize, inverse_std: &mut [f32]) {
    let one_over = 1.0 / width as f32;
    for (row, inverse_std) in rows.chunks_exact_mut(width).zip(inverse_std) {
        let mean = sum(row.iter().copied()) * one_over;
        row.iter_mut().for_each(|x| *x -= mean);
        let variance = sum(row.iter().map(|x| x * x)) * one_over;
        *inverse_std = 1.0 / (variance + EPSILON).sqrt();
        row.iter_mut().for_each(|x| *x *= *inverse_std);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn normalize_rows_backward(delta: &mut [f32], normalized: &[f32], inverse_std: &[f32]) {
    let width = delta.len() / inverse_std.len();
    let one_over = 1.0 / width as f32;
    let rows = delta
        .chunks_exact_mut(width)
        .zip(normalized.chunks_exact(width));
    for ((delta, y), inverse_std) in rows.zip(inverse_std) {
        let mean = sum(delta.iter().copied()) * one_over;
        let along = sum(delta.iter().zip(y).map(|(d, y)| d * y)) * one_over;
        for (d, y) in delta.iter_mut().zip(y) {
            *d = (*d - mean - y * along) * inverse_std;
        }
    }
}
