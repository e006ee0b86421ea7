//! [`Actor`]: a policy network with its optimiser, and the small forward pass that picks actions.

use rand::Rng;
use tch::{Device, Tensor};

use super::ActorLayer;
use crate::nn::{Adam, Mlp, MlpShape, Parameters, Tape};

/// The policy network of an actor-critic.
#[derive(Debug)]
pub struct Actor {
    shape: MlpShape,
    pub parameters: Parameters,
    pub adam: Adam,
    net: Mlp,
    tape: Option<(usize, Tape)>,
}

/// One thread's view of an actor, with a gradient and buffers of its own.
#[derive(Debug)]
pub struct ActorShard {
    pub net: Mlp,
    pub tape: Tape,
    pub flat_gradient: Parameters,
    gradient: Mlp,
}

impl Actor {
    /// Freshly initialised from `rng` as `torch.nn.Linear` is.
    pub fn new(shape: MlpShape, learning_rate: f64, device: Device, rng: &mut impl Rng) -> Self {
        let parameters = Parameters::uniform(&shape, 1, device, rng);
        Self::from_parameters(shape, parameters, learning_rate)
    }

    /// Freshly initialised from `rng` with Glorot's weights.
    pub fn glorot(shape: MlpShape, learning_rate: f64, device: Device, rng: &mut impl Rng) -> Self {
        let parameters = Parameters::glorot(&shape, 1, device, rng);
        Self::from_parameters(shape, parameters, learning_rate)
    }

    fn from_parameters(shape: MlpShape, parameters: Parameters, learning_rate: f64) -> Self {
        let adam = Adam::new(parameters.flat(), learning_rate);
        let net = Mlp::view(&shape, &parameters, 0);
        Self {
            shape,
            parameters,
            adam,
            net,
            tape: None,
        }
    }

    /// Widths of the layers.
    pub fn shape(&self) -> &MlpShape {
        &self.shape
    }

    /// Views and buffers for `rows` rows of a batch.
    pub fn shard(&self, rows: usize) -> ActorShard {
        let device = self.parameters.flat().device();
        let flat_gradient = Parameters::zeros(&self.shape, 1, device);
        ActorShard {
            net: Mlp::view(&self.shape, &self.parameters, 0),
            tape: Tape::new(&self.shape, rows, device),
            gradient: Mlp::view(&self.shape, &flat_gradient, 0),
            flat_gradient,
        }
    }

    /// `[rows * observation] -> [rows, output]`
    pub fn answer(&mut self, observations: &[f32]) -> &Tensor {
        let inputs = self.shape.input();
        let rows = observations.len() / inputs;
        let device = self.parameters.flat().device();
        let input = Tensor::from_slice(observations)
            .view([rows as i64, inputs as i64])
            .to_device(device);
        if self
            .tape
            .as_ref()
            .is_none_or(|(tape_rows, _)| *tape_rows != rows)
        {
            self.tape = Some((rows, Tape::new(&self.shape, rows, device)));
        }
        let (_, tape) = self.tape.as_mut().expect("made above");
        tch::no_grad(|| self.net.forward(&input, tape));
        tape.output()
    }

    /// `[rows * observation] -> [rows, actions]`: the first `actions` outputs, squashed by tanh.
    pub fn deterministic(&mut self, observations: &[f32], actions: usize) -> Tensor {
        let output = self.answer(observations).narrow(1, 0, actions as i64);
        output.contiguous().tanh()
    }

    /// One optimiser step along the sum of the shards' gradients.
    pub fn step(&mut self, gradients: &[&Tensor]) {
        self.adam.step_parameters(&mut self.parameters, gradients);
    }

    /// The layers as plain numbers; of the last, only the first `outputs` rows.
    pub fn layers(&self, outputs: usize) -> Vec<ActorLayer> {
        layers(&self.shape, &self.parameters.to_vec(), outputs)
    }
}

impl ActorShard {
    /// Fills this shard's gradient from the tape's output delta.
    pub fn backward(&mut self, input: &Tensor) {
        self.net
            .backward(input, &mut self.tape, Some(&self.gradient));
    }
}

/// The layers of a network whose parameters are the first of `flat`; of the last, only the first `outputs` rows.
pub fn layers(shape: &MlpShape, flat: &[f32], outputs: usize) -> Vec<ActorLayer> {
    let mut rest = flat;
    let mut layers: Vec<ActorLayer> = Vec::new();
    for (fan_in, fan_out) in shape.layers() {
        let (weight, tail) = rest.split_at(fan_in * fan_out);
        let (bias, tail) = tail.split_at(fan_out);
        rest = tail;
        layers.push(ActorLayer {
            weight: weight.to_vec(),
            bias: bias.to_vec(),
            inputs: fan_in,
        });
    }
    let last = layers.last_mut().expect("a network has a layer");
    last.weight.truncate(outputs * last.inputs);
    last.bias.truncate(outputs);
    layers
}
