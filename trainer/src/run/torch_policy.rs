//! [`TorchPolicy`]: `policy.pt` run by libtorch.

use anyhow::Context;
use rlfd_models::Head;
use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::{Policy, Shape};
use tch::{Device, Kind, Tensor};

use crate::nn::{Mlp, MlpShape, Parameters, Tape};

/// The network of a checkpoint, one observation at a time.
#[derive(Debug)]
pub struct TorchPolicy {
    shape: Shape,
    normalizer: Option<(Tensor, Tensor, f64)>,
    net: Mlp,
    tape: Tape,
    head: Option<(Tensor, Tensor)>,
}

impl TorchPolicy {
    /// From a checkpoint whose reader has compared tensors and contract.
    ///
    /// # Errors
    /// If a tensor is missing.
    pub fn new(checkpoint: &Checkpoint) -> anyhow::Result<Self> {
        let spec = &checkpoint.spec;
        let tensor = |name: &str| {
            checkpoint
                .tensors
                .get(name)
                .map(|tensor| tensor.data.as_slice())
                .with_context(|| format!("no tensor `{name}`"))
        };
        let shape = Shape {
            observation_dim: spec.observation_dim(),
            action_dim: spec.action_dim(),
        };
        let network = &spec.network;
        let layers = MlpShape::new(
            shape.observation_dim,
            &network.hidden,
            shape.action_dim,
            network.activation,
        );
        let mut flat = Vec::with_capacity(layers.parameter_count());
        for index in 0..=network.hidden.len() {
            flat.extend_from_slice(tensor(&format!("actor.{index}.weight"))?);
            flat.extend_from_slice(tensor(&format!("actor.{index}.bias"))?);
        }
        let mut parameters = Parameters::zeros(&layers, 1, Device::Cpu);
        parameters.copy_from(&flat);
        let normalizer = match &network.normalizer {
            None => None,
            Some(normalizer) => Some((
                Tensor::from_slice(tensor("normalizer.mean")?),
                Tensor::from_slice(tensor("normalizer.std")?),
                normalizer.clip.map_or(f64::INFINITY, f64::from),
            )),
        };
        let head = match &network.head {
            Head::Linear => None,
            Head::Tanh { scale, offset } => Some((
                Tensor::from_slice(scale.as_slice()),
                Tensor::from_slice(offset.as_slice()),
            )),
        };
        Ok(Self {
            shape,
            normalizer,
            net: Mlp::view(&layers, &parameters, 0),
            tape: Tape::new(&layers, 1, Device::Cpu),
            head,
        })
    }

    /// `[rows, observation] -> [rows, action]`
    pub fn forward(&mut self, observations: &Tensor) -> Tensor {
        tch::no_grad(|| {
            let input = match &self.normalizer {
                None => observations.shallow_clone(),
                Some((mean, std, clip)) => ((observations - mean) / std).clamp(-clip, *clip),
            };
            self.net.forward(&input, &mut self.tape);
            match &self.head {
                None => self.tape.output().copy(),
                Some((scale, offset)) => self.tape.output().tanh() * scale + offset,
            }
        })
    }
}

impl Policy for TorchPolicy {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn reset(&mut self) {}

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        let input = Tensor::from_slice(observation)
            .view([1, -1])
            .to_kind(Kind::Float);
        self.forward(&input)
            .view([-1])
            .copy_data(action, action.len());
    }
}
