//! Derivatives of a perceptron's passes along a direction of its input or of its parameters, the R-operator of Pearlmutter (1994,
//! "Fast Exact Multiplication by the Hessian"): what the gradient of a gradient's norm takes, and the product with a Fisher matrix, at
//! the price of a second pair of passes.

use tch::Tensor;

use super::{Mlp, Tape, rows};

impl Mlp {
    /// After [`Mlp::forward`]: how the output changes when the weights and biases change along `direction` (an `Mlp` over
    /// flat parameters of the same shape), `[rows, output]`.
    ///
    /// # Panics
    /// If layers are normalised, which no network needs that is asked for this.
    pub fn tangent(&self, direction: &Self, input: &Tensor, tape: &Tape) -> Tensor {
        assert!(!self.is_normalized, "layers without normalisation");
        let last = self.weights.len() - 1;
        let mut change: Option<Tensor> = None;
        for layer in 0..=last {
            let x = match layer {
                0 => input,
                _ => &tape.outputs[layer - 1],
            };
            let weight = direction.weights[layer].tr();
            let mut next = direction.biases[layer].addmm(x, &weight);
            if let Some(change) = change {
                next += change.mm(&self.weights[layer].tr());
            }
            if layer < last {
                rows::activation_backward(self.activation, &mut next, &tape.outputs[layer]);
            }
            change = Some(next);
        }
        change.expect("a network has a layer")
    }

    /// After [`Mlp::forward`] left `tape`: the derivative of its output along `direction` `[rows, input]`, answered in
    /// [`Tape::output`] of `along`, a tape of the same sizes.
    ///
    /// # Panics
    /// If the layers are normalised or their activation is not ReLU, whose second derivative is nowhere needed.
    pub fn forward_along(&self, direction: &Tensor, tape: &Tape, along: &mut Tape) {
        assert!(self.is_piecewise_linear(), "ReLUs without normalisation");
        let last = self.weights.len() - 1;
        for (layer, weight) in self.weights.iter().enumerate() {
            let (before, rest) = along.outputs.split_at_mut(layer);
            let x = before.last().unwrap_or(direction);
            let _ = x.mm_out(&rest[0], &weight.tr());
            if layer < last {
                rows::activation_backward(self.activation, &mut rest[0], &tape.outputs[layer]);
            }
        }
    }

    /// After [`Mlp::backward`] without a gradient and [`Mlp::forward_along`]: from the derivative of the output's delta in
    /// [`Tape::output_delta`] of `along` back through the layers, for [`Mlp::input_delta`] of `along`. `gradient` is
    /// overwritten by the derivatives of the loss itself and of its derivative along `direction`, both together.
    ///
    /// # Panics
    /// As [`Mlp::forward_along`].
    pub fn backward_along(
        &self,
        (input, direction): (&Tensor, &Tensor),
        tape: &Tape,
        along: &mut Tape,
        gradient: &Self,
    ) {
        assert!(self.is_piecewise_linear(), "ReLUs without normalisation");
        for layer in (0..self.weights.len()).rev() {
            let (before, rest) = along.deltas.split_at_mut(layer);
            if let Some(below) = before.last_mut() {
                let _ = rest[0].mm_out(below, &self.weights[layer]);
                rows::activation_backward(self.activation, below, &tape.outputs[layer - 1]);
            }
            let (x, x_along) = match layer {
                0 => (input, direction),
                _ => (&tape.outputs[layer - 1], &along.outputs[layer - 1]),
            };
            let (delta, both) = (&tape.deltas[layer], &rest[0] + &tape.deltas[layer]);
            let mut weight = gradient.weights[layer].shallow_clone();
            let _ = both.tr().mm_out(&weight, x);
            let _ = weight.addmm_(&delta.tr(), x_along);
            rows::sum(&both, &gradient.biases[layer]);
        }
    }

    /// After [`Mlp::backward`] without a gradient and [`Mlp::forward_along`]: `gradient` is overwritten by the derivatives of
    /// `Σ delta · (∂output along direction)` alone, delta being what was in [`Tape::output_delta`] of `tape`, which is that of the
    /// derivative by the input along `direction`. It does not depend on biases.
    ///
    /// # Panics
    /// As [`Mlp::forward_along`].
    pub fn slope_gradient(&self, direction: &Tensor, tape: &Tape, along: &Tape, gradient: &Self) {
        assert!(self.is_piecewise_linear(), "ReLUs without normalisation");
        for (layer, weight) in gradient.weights.iter().enumerate() {
            let x_along = match layer {
                0 => direction,
                _ => &along.outputs[layer - 1],
            };
            let _ = tape.deltas[layer].tr().mm_out(weight, x_along);
            let _ = gradient.biases[layer].shallow_clone().zero_();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rlfd_models::Activation;
    use tch::{Device, Kind};

    use super::*;
    use crate::nn::{MlpShape, Parameters};

    /// `Σ f(x)²` and its derivative along a direction, against libtorch's autograd.
    #[test]
    fn passes_along_a_direction_are_autograds() {
        let shape = MlpShape::new(3, &[20, 16], 2, Activation::Relu);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let parameters = Parameters::uniform(&shape, 1, Device::Cpu, &mut rng);
        let gradient = Parameters::zeros(&shape, 1, Device::Cpu);
        let [net, net_gradient] =
            [&parameters, &gradient].map(|parameters| Mlp::view(&shape, parameters, 0));
        tch::manual_seed(1);
        let [x, direction] = [0, 1].map(|_| Tensor::randn([7, 3], (Kind::Float, Device::Cpu)));

        let [mut tape, mut along] = [0, 1].map(|_| Tape::new(&shape, 7, Device::Cpu));
        net.forward(&x, &mut tape);
        let delta = tape.output() * 2.0;
        tape.output_delta().copy_(&delta);
        net.backward(&x, &mut tape, None);
        net.forward_along(&direction, &tape, &mut along);
        let delta = along.output() * 2.0;
        along.output_delta().copy_(&delta);
        net.backward_along((&x, &direction), &tape, &mut along, &net_gradient);

        let leaf = parameters.flat().detach().copy().set_requires_grad(true);
        let theirs = Parameters::from_flat(leaf.shallow_clone());
        let reference = Mlp::view(&shape, &theirs, 0);
        let x = x.set_requires_grad(true);
        let mut h = x.shallow_clone();
        for (layer, (weight, bias)) in reference.weights.iter().zip(&reference.biases).enumerate() {
            h = if layer > 0 { h.relu() } else { h };
            h = bias.addmm(&h, &weight.tr());
        }
        let value = h.square().sum(Kind::Float);
        let by_input = Tensor::run_backward(&[&value], &[&x], true, true).remove(0);
        let slope = (&by_input * &direction).sum(Kind::Float);
        let expected_along = Tensor::run_backward(&[&slope], &[&x], true, false).remove(0);
        let expected = Tensor::run_backward(&[value + slope], &[&leaf], false, false).remove(0);
        let largest = |difference: Tensor| difference.abs().max().double_value(&[]);
        assert!(largest(expected.shallow_clone()) > 0.1);
        assert!(largest(gradient.flat() - expected) < 1e-5);
        assert!(largest(net.input_delta(&tape, 0, 3) - by_input) < 1e-5);
        assert!(largest(net.input_delta(&along, 0, 3) - expected_along) < 1e-5);
    }
}
