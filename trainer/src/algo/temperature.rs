//! [`Temperature`]: the weight α of a policy's entropy, learned (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and
//! Applications", section 5).

use tch::{Device, Tensor};

use crate::nn::{Adam, Parameters};

/// log α and its optimiser.
#[derive(Debug)]
pub struct Temperature {
    /// `[1]`
    pub log: Parameters,
    pub adam: Adam,
}

impl Temperature {
    /// Starting at `alpha`.
    pub fn new(alpha: f64, learning_rate: f64, device: Device) -> Self {
        let log = Parameters::scalar(alpha.ln() as f32, device);
        let adam = Adam::new(log.flat(), learning_rate);
        Self { log, adam }
    }

    /// Equation 18 in log α: descend `-log α (log π + H̄)`, `log_prob` being the batch's mean.
    pub fn step(&mut self, log_prob: &Tensor, target_entropy: f64) {
        let gradient = (log_prob + target_entropy).neg().view([1]);
        self.adam.step_parameters(&mut self.log, &[&gradient]);
    }
}
