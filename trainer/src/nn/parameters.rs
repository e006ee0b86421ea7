//! [`Parameters`]: the numbers of one or more networks as one flat tensor, so that an optimiser or a Polyak average
//! is a single pass whatever the number of layers.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use super::MlpShape;

/// Standard deviation of a standard normal number that is drawn again while beyond ±2.
const TRUNCATED_STD: f32 = 0.879_625_7;

/// A flat f32 tensor holding `copies` networks of one shape, one after the other.
#[derive(Debug)]
pub struct Parameters {
    flat: Tensor,
}

impl Parameters {
    /// All zeros, `[copies * shape.parameter_count()]`.
    #[must_use]
    pub fn zeros(shape: &MlpShape, copies: usize, device: Device) -> Self {
        let length = (shape.parameter_count() * copies) as i64;
        Self {
            flat: Tensor::zeros([length], (Kind::Float, device)),
        }
    }

    /// Weights and biases uniform in ±1/√fan_in, which is what `torch.nn.Linear` starts from.
    #[must_use]
    pub fn uniform(shape: &MlpShape, copies: usize, device: Device, rng: &mut impl Rng) -> Self {
        let mut values = Vec::with_capacity(shape.parameter_count() * copies);
        for _ in 0..copies {
            for (fan_in, fan_out) in shape.layers() {
                let bound = 1.0 / (fan_in as f32).sqrt();
                values.extend(
                    (0..fan_in * fan_out + fan_out).map(|_| rng.random_range(-bound..bound)),
                );
            }
        }
        Self {
            flat: Tensor::from_slice(&values).to_device(device),
        }
    }

    /// Weights uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16), biases zero.
    #[must_use]
    pub fn glorot(shape: &MlpShape, copies: usize, device: Device, rng: &mut impl Rng) -> Self {
        let mut values = Vec::with_capacity(shape.parameter_count() * copies);
        for _ in 0..copies {
            for (fan_in, fan_out) in shape.layers() {
                let bound = (6.0 / (fan_in + fan_out) as f32).sqrt();
                values.extend((0..fan_in * fan_out).map(|_| rng.random_range(-bound..bound)));
                values.extend(std::iter::repeat_n(0.0, fan_out));
            }
        }
        Self {
            flat: Tensor::from_slice(&values).to_device(device),
        }
    }

    /// Weights normal with variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010, equation 12), none beyond two standard
    /// deviations of the normal numbers they are made from; biases zero.
    #[must_use]
    pub fn glorot_normal(
        shape: &MlpShape,
        copies: usize,
        device: Device,
        rng: &mut impl Rng,
    ) -> Self {
        let mut values = Vec::with_capacity(shape.parameter_count() * copies);
        for _ in 0..copies {
            for (fan_in, fan_out) in shape.layers() {
                let std = (2.0 / (fan_in + fan_out) as f32).sqrt() / TRUNCATED_STD;
                values.extend((0..fan_in * fan_out).map(|_| std * truncated_normal(rng)));
                values.extend(std::iter::repeat_n(0.0, fan_out));
            }
        }
        Self {
            flat: Tensor::from_slice(&values).to_device(device),
        }
    }

    /// One number, `[1]`.
    #[must_use]
    pub fn scalar(value: f32, device: Device) -> Self {
        Self {
            flat: Tensor::from_slice(&[value]).to_device(device),
        }
    }

    /// Followed by numbers that are no network's.
    #[must_use]
    pub fn with_tail(self, tail: &[f32]) -> Self {
        let tail = Tensor::from_slice(tail).to_device(self.flat.device());
        Self {
            flat: Tensor::cat(&[self.flat, tail], 0),
        }
    }

    /// Over numbers that autograd follows.
    #[cfg(test)]
    pub(super) fn from_flat(flat: Tensor) -> Self {
        Self { flat }
    }

    /// A copy with memory of its own.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            flat: self.flat.copy(),
        }
    }

    /// The flat tensor.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// All numbers, on the host.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        let host = self.flat.to_device(Device::Cpu);
        host_slice(&host).to_vec()
    }

    /// Overwrites all numbers.
    ///
    /// # Panics
    /// If `values` has another length: a checkpoint of another network, which its reader has to rule out.
    pub fn copy_from(&mut self, values: &[f32]) {
        self.flat.copy_(&Tensor::from_slice(values));
    }

    /// `self += weight * (other - self)`: the Polyak average of target networks.
    pub fn lerp(&mut self, other: &Self, weight: f64) {
        if self.flat.device() == Device::Cpu {
            let weight = weight as f32;
            let pairs = host_slice_mut(&mut self.flat)
                .iter_mut()
                .zip(host_slice(&other.flat));
            pairs.for_each(|(target, value)| *target += weight * (value - *target));
        } else {
            let _ = self.flat.lerp_(&other.flat, weight);
        }
    }
}

fn truncated_normal(rng: &mut impl Rng) -> f32 {
    loop {
        let number: f32 = rng.sample(StandardNormal);
        if number.abs() <= 2.0 {
            return number;
        }
    }
}

/// The elements of a contiguous f32 tensor in host memory.
///
/// # Panics
/// If the tensor is not f32, not contiguous, or not in host memory.
#[must_use]
pub fn host_slice(tensor: &Tensor) -> &[f32] {
    let (pointer, length) = host_pointer(tensor);
    // SAFETY: `host_pointer` has checked kind, layout and device; the borrow of `tensor` keeps the storage alive.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

/// As [`host_slice`], to be written.
///
/// # Panics
/// If the tensor is not f32, not contiguous, or not in host memory.
#[must_use]
pub fn host_slice_mut(tensor: &mut Tensor) -> &mut [f32] {
    let (pointer, length) = host_pointer(tensor);
    // SAFETY: as above. Views of the same storage exist (layers of a flat tensor) but are only touched by libtorch
    // calls, never while a slice made here is alive.
    unsafe { std::slice::from_raw_parts_mut(pointer, length) }
}

fn host_pointer(tensor: &Tensor) -> (*mut f32, usize) {
    assert_eq!(tensor.kind(), Kind::Float, "an f32 tensor is expected");
    assert_eq!(
        tensor.device(),
        Device::Cpu,
        "a tensor in host memory is expected"
    );
    assert!(tensor.is_contiguous(), "a contiguous tensor is expected");
    (tensor.data_ptr().cast::<f32>(), tensor.numel())
}
