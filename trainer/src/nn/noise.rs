//! [`Noise`]: a tensor of normal deviates from a stream of our own, so that a run repeats on any device and resumes.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use super::host_slice_mut;

/// `[rows, columns]` standard normal numbers, refilled in place.
#[derive(Debug)]
pub struct Noise {
    host: Tensor,
    device: Tensor,
}

impl Noise {
    /// Zeros until the first [`Noise::draw`].
    #[must_use]
    pub fn new(rows: usize, columns: usize, device: Device) -> Self {
        let host = Tensor::zeros([rows as i64, columns as i64], (Kind::Float, Device::Cpu));
        // On the CPU both names mean the same memory.
        let device = host.to_device(device);
        Self { host, device }
    }

    /// New numbers everywhere.
    pub fn draw(&mut self, rng: &mut impl Rng) {
        for value in host_slice_mut(&mut self.host) {
            *value = rng.sample(StandardNormal);
        }
        if self.device.device() != Device::Cpu {
            self.device.copy_(&self.host);
        }
    }

    /// Rows `first .. first + count`, a view.
    pub fn rows(&self, first: usize, count: usize) -> Tensor {
        self.device.narrow(0, first as i64, count as i64)
    }
}
