//! [`Network`]: a perceptron with ReLUs as autograd differentiates it, in double precision, some of its weights held at zero by
//! masks. What is written out is held against it.

use tch::{Kind, Tensor};

use super::masks::Mask;

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
    /// With the numbers of a perceptron of our own: one layer after the other, weights before biases.
    pub(super) fn new(sizes: &[usize], masks: Option<&[Mask]>, numbers: &[f32]) -> Self {
        let mut rest = numbers;
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at(count);
            rest = tail;
            Tensor::from_slice(head).to_kind(Kind::Double)
        };
        let layer = |(index, pair): (usize, &[usize])| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let shape = [outputs as i64, inputs as i64];
            let weight = take(inputs * outputs).view(shape);
            let bias = take(outputs);
            let mask = masks.map(|masks| {
                let tensor = |ones: &[f32]| Tensor::from_slice(ones).to_kind(Kind::Double);
                let mask = &masks[index];
                (tensor(&mask.weight).view(shape), tensor(&mask.bias))
            });
            Layer {
                weight: weight.set_requires_grad(true),
                bias: bias.set_requires_grad(true),
                mask,
            }
        };
        Self {
            layers: sizes.windows(2).enumerate().map(layer).collect(),
        }
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

    /// The derivative of `value` by all parameters, in the order of their numbers.
    pub(super) fn gradient(&self, value: &Tensor) -> Tensor {
        let gradients = Tensor::run_backward(&[value], &self.parameters(), true, false);
        let flat: Vec<Tensor> = gradients.iter().map(|g| g.flatten(0, -1)).collect();
        Tensor::cat(&flat, 0)
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
