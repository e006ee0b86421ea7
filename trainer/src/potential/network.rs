//! [`Network`]: a perceptron with ReLUs that autograd can differentiate, some of its weights held at zero by masks.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use tch::{Kind, Tensor};

use super::masks::Mask;
use crate::nn::host_slice;

/// Standard deviation of a standard normal number that is drawn again while beyond ±2.
const TRUNCATED_STD: f32 = 0.879_625_7;

/// Leaves of an autograd graph.
#[derive(Debug)]
pub(super) struct Network {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// `[outputs, inputs]`
    weight: Tensor,
    /// `[outputs]`
    bias: Tensor,
    /// Of weight and bias.
    mask: Option<(Tensor, Tensor)>,
}

impl Network {
    /// Weights after Glorot & Bengio (2010), normal and truncated; biases zero.
    pub(super) fn new(sizes: &[usize], masks: Option<&[Mask]>, rng: &mut impl Rng) -> Self {
        let layer = |(index, pair): (usize, &[usize])| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let std = (2.0 / (inputs + outputs) as f32).sqrt() / TRUNCATED_STD;
            let weights: Vec<f32> = (0..inputs * outputs)
                .map(|_| std * truncated(rng))
                .collect();
            let shape = [outputs as i64, inputs as i64];
            Layer {
                weight: Tensor::from_slice(&weights).view(shape),
                bias: Tensor::zeros([outputs as i64], tch::kind::FLOAT_CPU),
                mask: masks.map(|masks| {
                    let mask = &masks[index];
                    let weight = Tensor::from_slice(&mask.weight).view(shape);
                    (weight, Tensor::from_slice(&mask.bias))
                }),
            }
        };
        let layers = sizes.windows(2).enumerate().map(layer).collect();
        let network = Self { layers };
        network.require_gradients()
    }

    /// `[rows, inputs] -> [rows, outputs]`
    pub(super) fn forward(&self, input: &Tensor) -> Tensor {
        let mut x = input.shallow_clone();
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x = x.relu();
            }
            let (weight, bias) = layer.effective();
            x = bias.addmm(&x, &weight.tr());
        }
        x
    }

    /// Weight and bias of each layer.
    pub(super) fn parameters(&self) -> Vec<Tensor> {
        let both = |layer: &Layer| [layer.weight.shallow_clone(), layer.bias.shallow_clone()];
        self.layers.iter().flat_map(both).collect()
    }

    /// What is left of weights and biases under the masks, one layer after the other, weights before biases.
    pub(super) fn frozen(&self) -> Vec<f32> {
        tch::no_grad(|| {
            let mut numbers = Vec::new();
            for layer in &self.layers {
                let (weight, bias) = layer.effective();
                for tensor in [weight, bias] {
                    numbers.extend_from_slice(host_slice(&tensor.to_kind(Kind::Float)));
                }
            }
            numbers
        })
    }

    fn require_gradients(self) -> Self {
        for tensor in self.parameters() {
            let _ = tensor.set_requires_grad(true);
        }
        self
    }

    /// With the numbers of [`Network::frozen`].
    #[cfg(test)]
    pub(super) fn with_numbers(sizes: &[usize], masks: &[Mask], numbers: &[f32]) -> Self {
        use rand::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let network = Self::new(sizes, Some(masks), &mut rng);
        let mut rest = numbers;
        tch::no_grad(|| {
            for mut parameter in network.parameters() {
                let (head, tail) = rest.split_at(parameter.numel());
                parameter.copy_(&Tensor::from_slice(head).view_as(&parameter));
                rest = tail;
            }
        });
        network
    }

    /// A copy in another precision.
    #[cfg(test)]
    pub(super) fn to_kind(&self, kind: Kind) -> Self {
        let carry = |tensor: &Tensor| tensor.detach().to_kind(kind).copy();
        let layers = self.layers.iter().map(|layer| Layer {
            weight: carry(&layer.weight),
            bias: carry(&layer.bias),
            mask: layer.mask.as_ref().map(|(w, b)| (carry(w), carry(b))),
        });
        let network = Self {
            layers: layers.collect(),
        };
        network.require_gradients()
    }
}

impl Layer {
    fn effective(&self) -> (Tensor, Tensor) {
        match &self.mask {
            Some((weight, bias)) => (&self.weight * weight, &self.bias * bias),
            None => (self.weight.shallow_clone(), self.bias.shallow_clone()),
        }
    }
}

fn truncated(rng: &mut impl Rng) -> f32 {
    loop {
        let number: f32 = rng.sample(StandardNormal);
        if number.abs() <= 2.0 {
            return number;
        }
    }
}
