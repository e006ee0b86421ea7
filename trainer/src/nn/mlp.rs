//! [`Mlp`]: a multi-layer perceptron whose forward and backward passes write into buffers allocated once.

use rlfd_models::Activation;
use tch::{Device, Kind, Tensor};

use super::layer_norm::LayerNorm;
use super::{Parameters, rows};

/// Widths and activation of a perceptron; the last layer has no activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlpShape {
    sizes: Vec<usize>,
    activation: Activation,
    is_normalized: bool,
}

impl MlpShape {
    /// `input -> hidden[0] -> … -> output`.
    #[must_use]
    pub fn new(input: usize, hidden: &[usize], output: usize, activation: Activation) -> Self {
        let mut sizes = Vec::with_capacity(hidden.len() + 2);
        sizes.push(input);
        sizes.extend_from_slice(hidden);
        sizes.push(output);
        Self {
            sizes,
            activation,
            is_normalized: false,
        }
    }

    /// With what enters each activation normalised over the layer's width (Ba, Kiros & Hinton 2016, "Layer
    /// Normalization", equation 4, without gain and bias of its own: the next layer's weights do that).
    #[must_use]
    pub fn with_layer_norm(mut self, is_normalized: bool) -> Self {
        self.is_normalized = is_normalized;
        self
    }

    /// Whether it is [`Self::with_layer_norm`].
    #[must_use]
    pub fn is_normalized(&self) -> bool {
        self.is_normalized
    }

    /// Width of the input.
    #[must_use]
    pub fn input(&self) -> usize {
        self.sizes[0]
    }

    /// (inputs, outputs) of every layer.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.sizes.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// Weights and biases of all layers.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.layers()
            .map(|(inputs, outputs)| inputs * outputs + outputs)
            .sum()
    }
}

/// Views of one network inside a flat [`Parameters`]; also used over a flat gradient of the same layout.
#[derive(Debug)]
pub struct Mlp {
    pub(super) activation: Activation,
    pub(super) is_normalized: bool,
    pub(super) weights: Vec<Tensor>,
    pub(super) biases: Vec<Tensor>,
}

/// What a forward pass leaves for the backward pass: `[rows, width]` per layer.
#[derive(Debug)]
pub struct Tape {
    pub(super) outputs: Vec<Tensor>,
    pub(super) deltas: Vec<Tensor>,
    /// Of each hidden layer, where these are normalised.
    norms: Vec<LayerNorm>,
}

impl Tape {
    /// Buffers for `rows` rows through `shape`.
    #[must_use]
    pub fn new(shape: &MlpShape, rows: usize, device: Device) -> Self {
        let buffers = || {
            let widths = shape.layers().map(|(_, outputs)| outputs as i64);
            widths
                .map(|width| Tensor::zeros([rows as i64, width], (Kind::Float, device)))
                .collect()
        };
        let hidden = shape.layers().count() - 1;
        let norms = shape
            .layers()
            .take(hidden * usize::from(shape.is_normalized));
        Self {
            outputs: buffers(),
            deltas: buffers(),
            norms: norms
                .map(|(_, width)| LayerNorm::new(rows, width, device))
                .collect(),
        }
    }

    /// `[rows, output]`: what the last forward pass answered.
    pub fn output(&self) -> &Tensor {
        self.outputs.last().expect("a network has a layer")
    }

    /// `[rows, output]`: to be filled with the loss's derivative by the output before [`Mlp::backward`].
    pub fn output_delta(&mut self) -> &mut Tensor {
        self.deltas.last_mut().expect("a network has a layer")
    }
}

impl Mlp {
    /// The `index`-th network of `parameters`.
    #[must_use]
    pub fn view(shape: &MlpShape, parameters: &Parameters, index: usize) -> Self {
        let mut offset = (index * shape.parameter_count()) as i64;
        let mut take = |rows: usize, columns: usize| {
            let length = (rows * columns) as i64;
            let view = parameters.flat().narrow(0, offset, length);
            offset += length;
            view.view([rows as i64, columns as i64])
        };
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (inputs, outputs) in shape.layers() {
            weights.push(take(outputs, inputs));
            biases.push(take(1, outputs).squeeze_dim(0));
        }
        Self {
            activation: shape.activation,
            is_normalized: shape.is_normalized,
            weights,
            biases,
        }
    }

    /// Whether its second derivative by the input is zero wherever there is one.
    pub(super) fn is_piecewise_linear(&self) -> bool {
        self.activation == Activation::Relu && !self.is_normalized
    }

    /// `[rows, input] -> [rows, output]`, answered in [`Tape::output`].
    pub fn forward(&self, input: &Tensor, tape: &mut Tape) {
        let last = self.weights.len() - 1;
        for (layer, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            let (before, rest) = tape.outputs.split_at_mut(layer);
            let x = before.last().unwrap_or(input);
            let output = &mut rest[0];
            let activation = (layer < last).then_some(self.activation);
            match (activation, self.is_normalized) {
                (Some(activation), true) => {
                    rows::affine(x, weight, bias, None, output);
                    tape.norms[layer].forward(output);
                    rows::activate(activation, output);
                }
                (activation, _) => rows::affine(x, weight, bias, activation, output),
            }
        }
    }

    /// From [`Tape::output_delta`] back through the layers. With `gradient` (an `Mlp` over a flat gradient of the same
    /// shape) its weights and biases are overwritten by the derivatives by ours, summed over rows; without, only the
    /// way to the input is walked, for [`Mlp::input_delta`].
    pub fn backward(&self, input: &Tensor, tape: &mut Tape, gradient: Option<&Self>) {
        for layer in (0..self.weights.len()).rev() {
            let (before, rest) = tape.deltas.split_at_mut(layer);
            let delta = &rest[0];
            if let Some(gradient) = gradient {
                let x = if layer == 0 {
                    input
                } else {
                    &tape.outputs[layer - 1]
                };
                let _ = delta.tr().mm_out(&gradient.weights[layer], x);
                rows::sum(delta, &gradient.biases[layer]);
            }
            if let Some(below) = before.last_mut() {
                let _ = delta.mm_out(below, &self.weights[layer]);
                rows::activation_backward(self.activation, below, &tape.outputs[layer - 1]);
                if self.is_normalized {
                    tape.norms[layer - 1].backward(below);
                }
            }
        }
    }

    /// After [`Mlp::backward`]: the derivative by input columns `first .. first + count`, `[rows, count]`.
    pub fn input_delta(&self, tape: &Tape, first: usize, count: usize) -> Tensor {
        tape.deltas[0].mm(&self.weights[0].narrow(1, first as i64, count as i64))
    }
}
