//! [`ScalarNetwork`]: a network that answers one number per row, with its optimiser. What the number means is not known here.

use rand::Rng;
use tch::{Device, Tensor};

use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// Network, gradient and optimiser.
#[derive(Debug)]
pub(super) struct ScalarNetwork {
    shape: MlpShape,
    pub(super) parameters: Parameters,
    pub(super) adam: Adam,
    net: Mlp,
    gradient: Parameters,
    net_gradient: Mlp,
    tape: Option<(usize, Tape)>,
}

impl ScalarNetwork {
    /// Freshly initialised from `rng` with Glorot's weights. `shape` has one output.
    pub(super) fn new(
        shape: MlpShape,
        learning_rate: f64,
        device: Device,
        rng: &mut impl Rng,
    ) -> Self {
        let parameters = Parameters::glorot(&shape, 1, device, rng);
        let gradient = Parameters::zeros(&shape, 1, device);
        Self {
            adam: Adam::new(parameters.flat(), learning_rate),
            net: Mlp::view(&shape, &parameters, 0),
            net_gradient: Mlp::view(&shape, &gradient, 0),
            shape,
            parameters,
            gradient,
            tape: None,
        }
    }

    /// `[rows * input]` as a tensor `[rows, input]` where the network is.
    pub(super) fn rows(&self, numbers: &[f32]) -> Tensor {
        Tensor::from_slice(numbers)
            .view([-1, self.shape.input() as i64])
            .to_device(self.parameters.flat().device())
    }

    /// `[rows, input] -> [rows]`; the next forward pass overwrites the answer.
    pub(super) fn forward(&mut self, input: &Tensor) -> Tensor {
        let rows = input.size()[0] as usize;
        let device = input.device();
        let tape = match &mut self.tape {
            Some((size, tape)) if *size == rows => tape,
            other => &mut other.insert((rows, Tape::new(&self.shape, rows, device))).1,
        };
        self.net.forward(input, tape);
        tape.output().squeeze_dim(1)
    }

    /// One step of the optimiser down a loss whose derivative by the last [`ScalarNetwork::forward`]'s answer is `delta`
    /// `[rows]`; `input` is that of the forward pass.
    pub(super) fn descend(&mut self, input: &Tensor, delta: &Tensor) {
        let (_, tape) = self.tape.as_mut().expect("a forward pass was made");
        tape.output_delta().copy_(&delta.unsqueeze(1));
        self.net.backward(input, tape, Some(&self.net_gradient));
        self.adam
            .step_parameters(&mut self.parameters, &[self.gradient.flat()]);
    }

    /// The gradient of the last step.
    #[cfg(test)]
    pub(super) fn gradient(&self) -> &Tensor {
        self.gradient.flat()
    }
}
