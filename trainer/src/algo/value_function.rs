//! [`ValueFunction`]: what a state is worth under the policy that acts, fitted to its own bootstrapped returns:
//! `L = mean (V(s) - R)²` in minibatches, every state once a pass.

use rand::Rng;
use rand::seq::SliceRandom;
use tch::{Device, Kind, Tensor};

use super::OnPolicySettings;
use super::scalar_network::ScalarNetwork;
use crate::nn::{MlpShape, host_slice};

/// The critic of an on-policy learner.
#[derive(Debug)]
pub(super) struct ValueFunction {
    pub(super) network: ScalarNetwork,
    passes: usize,
    rows: usize,
}

impl ValueFunction {
    /// Freshly initialised from `rng`, for minibatches of `rows` states.
    pub(super) fn new(
        shape: MlpShape,
        settings: &OnPolicySettings,
        rows: usize,
        device: Device,
        rng: &mut impl Rng,
    ) -> Self {
        Self {
            network: ScalarNetwork::new(shape, settings.value_learning_rate, device, rng),
            passes: settings.value_passes,
            rows,
        }
    }

    /// `[rows, observation] -> [rows]`
    pub(super) fn values(&mut self, observation: &Tensor) -> Vec<f32> {
        let answer = self.network.forward(observation);
        host_slice(&answer.to_device(Device::Cpu).contiguous()).to_vec()
    }

    /// Regresses `returns` `[rows]` in all passes; answers the loss of the last one, measured before each of its steps.
    pub(super) fn fit(
        &mut self,
        observation: &Tensor,
        returns: &Tensor,
        rng: &mut impl Rng,
    ) -> f64 {
        let rows = returns.size()[0];
        let device = observation.device();
        let mut order: Vec<i64> = (0..rows).collect();
        let mut loss = 0.0;
        for pass in 0..self.passes {
            order.shuffle(rng);
            for chosen in order.chunks(self.rows) {
                let index = Tensor::from_slice(chosen).to_device(device);
                let seen = observation.index_select(0, &index);
                let apart = self.network.forward(&seen) - returns.index_select(0, &index);
                self.network
                    .descend(&seen, &(&apart * (2.0 / chosen.len() as f64)));
                if pass + 1 == self.passes {
                    loss += apart.square().sum(Kind::Double).double_value(&[]);
                }
            }
        }
        loss / rows as f64
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rlfd_models::Activation;

    use super::*;

    /// Every row is used once a pass, the last minibatch being smaller, and a linear function of the state is found.
    #[test]
    fn a_linear_value_is_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let settings = OnPolicySettings {
            value_passes: 300,
            value_learning_rate: 0.02,
            ..OnPolicySettings::small()
        };
        let shape = MlpShape::new(2, &[], 1, Activation::Relu);
        let mut value = ValueFunction::new(shape, &settings, 16, Device::Cpu, &mut rng);
        let states: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin()).collect();
        let observation = value.network.rows(&states);
        let returns: Vec<f32> = states.chunks(2).map(|s| 2.0 * s[0] - s[1] + 3.0).collect();
        let loss = value.fit(&observation, &Tensor::from_slice(&returns), &mut rng);
        assert!(loss < 1e-4, "{loss}");
        for (value, expected) in value.values(&observation).iter().zip(&returns) {
            assert!((value - expected).abs() < 0.05, "{value} {expected}");
        }
    }
}
