//! [`Potential`]: Φ as plain numbers, and [`PotentialShard`], which answers it and its derivative by the action.
//!
//! A flow with masked weights is a stack of ordinary perceptrons, so that [`Mlp`] serves here as it does for critics.

use std::collections::BTreeMap;
use std::path::Path;

use rlfd_models::Activation;
use rlfd_models::checkpoint::{self, CheckpointError};
use tch::{Device, Kind, Tensor};
use thiserror::Error;

use super::demonstrated::Statistics;
use super::flow::{LOG_SCALE_MAX, LOG_SCALE_MIN, log_normal};
use super::{Demonstrated, Fitting, PotentialModel, PotentialSettings, fit};
use crate::algo::Dimensions;
use crate::nn::{Mlp, MlpShape, Parameters, Tape};

/// Φ of a flow is `w softplus(log p + 5) / 5`: `w (log(p + e⁻⁵) + 5) / 5` without ever forming p. It vanishes far from the
/// demonstrations and is about w where p = 1.
const LOG_DENSITY_OFFSET: f64 = 5.0;

/// Φ(s, a), the mean of an ensemble; never changed once it is fitted.
#[derive(Debug)]
pub struct Potential {
    dimensions: Dimensions,
    model: PotentialModel,
    weight: f64,
    statistics: Statistics,
    shape: MlpShape,
    /// The networks of each member, in the order in which they answer.
    members: Vec<Vec<Parameters>>,
}

/// Why a file holds no potential of a run.
#[derive(Debug, Error)]
pub enum PotentialError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// A tensor is absent or of another shape than the run's recipe gives it.
    #[error("tensor `{name}`: expected shape {expected:?}, found {found}")]
    Tensor {
        /// Its name.
        name: String,
        /// By the recipe.
        expected: Vec<usize>,
        /// Its shape, or that there is none.
        found: String,
    },
    /// More tensors than a potential of the run's recipe has: of another model, or of more layers or members.
    #[error("tensor `{name}`: {expected} has none of that name")]
    Stranger {
        /// Its name.
        name: String,
        /// The recipe's model in a few words.
        expected: String,
    },
    /// A number that is infinite or none, or a deviation that is not positive.
    #[error("tensor `{name}`: holds {found}, expected {expected}")]
    Number {
        /// Its name.
        name: String,
        /// The number.
        found: f32,
        /// In words.
        expected: &'static str,
    },
}

impl Potential {
    /// Learns from `data`; nothing if `fitting` was broken off. The number of threads changes no bit, nor do restarts.
    ///
    /// # Panics
    /// If the lengths of `data` are not those of whole rows, or there is none: the caller's bug.
    #[must_use]
    pub fn fit(
        data: &Demonstrated,
        dimensions: Dimensions,
        settings: &PotentialSettings,
        device: Device,
        fitting: &Fitting<'_>,
    ) -> Option<Self> {
        let rows = data.observation.len() / dimensions.observation;
        assert!(rows > 0, "a demonstrated state");
        assert_eq!(data.observation.len(), rows * dimensions.observation);
        assert_eq!(data.action.len(), rows * dimensions.action);
        let fitted = fit::fit(data, dimensions, settings, fitting)?;
        Some(Self::assemble(
            dimensions,
            settings,
            device,
            fitted.statistics,
            &fitted.members,
        ))
    }

    fn assemble(
        dimensions: Dimensions,
        settings: &PotentialSettings,
        device: Device,
        statistics: Statistics,
        members: &[Vec<Vec<f32>>],
    ) -> Self {
        let shape = shape(dimensions, settings);
        let parameters = |numbers: &Vec<f32>| {
            let mut parameters = Parameters::zeros(&shape, 1, device);
            parameters.copy_from(numbers);
            parameters
        };
        Self {
            members: members
                .iter()
                .map(|networks| networks.iter().map(parameters).collect())
                .collect(),
            dimensions,
            model: settings.potential,
            weight: settings.potential_weight,
            statistics,
            shape,
        }
    }

    /// Normalises an observation `[observation_dim]` by the demonstrations' mean and deviation, as Φ reads it.
    pub fn normalize(&self, observation: &mut [f32]) {
        self.statistics.apply(observation);
    }

    /// Buffers for `rows` rows.
    #[must_use]
    pub fn shard(&self, rows: usize) -> PotentialShard {
        let device = self.members[0][0].flat().device();
        let layer = |parameters: &Parameters| Layer {
            net: Mlp::view(&self.shape, parameters, 0),
            tape: Tape::new(&self.shape, rows, device),
            input: Tensor::new(),
            normal: Tensor::new(),
            scale: Tensor::new(),
        };
        let members = self.members.iter().map(|networks| Member {
            layers: networks.iter().map(layer).collect(),
            log_density: Tensor::new(),
        });
        PotentialShard {
            dimensions: self.dimensions,
            is_flow: self.model.is_flow(),
            factor: self.weight / self.members.len() as f64,
            members: members.collect(),
        }
    }

    /// Φ of `[rows * observation_dim]` observations, not normalised, with `[rows * action_dim]` actions in -1 … 1: `[rows]`.
    #[must_use]
    pub fn values(&self, observations: &[f32], actions: &[f32]) -> Vec<f32> {
        let mut observations = observations.to_vec();
        let width = self.dimensions.observation;
        observations
            .chunks_exact_mut(width)
            .for_each(|row| self.normalize(row));
        let rows = observations.len() / width;
        let device = self.members[0][0].flat().device();
        let rectangle = |numbers: &[f32]| {
            let tensor = Tensor::from_slice(numbers).view([rows as i64, -1]);
            tensor.to_device(device)
        };
        let values = tch::no_grad(|| {
            let mut shard = self.shard(rows);
            shard.value(&rectangle(&observations), &rectangle(actions))
        });
        let mut numbers = vec![0.0; rows];
        let values = values.to_device(Device::Cpu).view([-1]);
        values.copy_data(&mut numbers, rows);
        numbers
    }

    /// Writes the numbers as a dictionary of tensors that `torch.load` opens: `normalizer.mean`, `normalizer.std` and
    /// `MODEL.M.network.N.layer.L.weight`, `….bias` of member M, masks applied.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, path: &Path) -> Result<(), PotentialError> {
        let mut tensors = BTreeMap::new();
        let mut put = |name: String, shape: Vec<usize>, data: &[f32]| {
            let data = data.to_vec();
            tensors.insert(name, checkpoint::Tensor { shape, data });
        };
        let width = vec![self.dimensions.observation];
        put(MEAN.to_owned(), width.clone(), &self.statistics.mean);
        put(STD.to_owned(), width, &self.statistics.std);
        for (m, networks) in self.members.iter().enumerate() {
            for (n, network) in networks.iter().enumerate() {
                let numbers = network.to_vec();
                let mut rest = numbers.as_slice();
                for (name, shape) in layout(self.model, &self.shape, m, n) {
                    let (data, tail) = rest.split_at(shape.iter().product());
                    put(name, shape, data);
                    rest = tail;
                }
            }
        }
        Ok(checkpoint::write_tensors(path, &tensors)?)
    }

    /// What [`Potential::write`] wrote for the same settings; the weight w is that of `settings`.
    ///
    /// # Errors
    /// If the file is damaged or a potential of other settings.
    pub fn read(
        path: &Path,
        dimensions: Dimensions,
        settings: &PotentialSettings,
        device: Device,
    ) -> Result<Self, PotentialError> {
        let mut tensors = checkpoint::read_tensors(path)?;
        let mut take = |name: &str, shape: &[usize]| match tensors.remove(name) {
            Some(tensor) if tensor.shape == shape => {
                match tensor.data.iter().find(|number| !number.is_finite()) {
                    None => Ok(tensor.data),
                    Some(found) => Err(PotentialError::Number {
                        name: name.to_owned(),
                        found: *found,
                        expected: "finite numbers",
                    }),
                }
            }
            other => Err(PotentialError::Tensor {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: other.map_or_else(|| "none".to_owned(), |t| format!("{:?}", t.shape)),
            }),
        };
        let width = [dimensions.observation];
        let statistics = Statistics {
            mean: take(MEAN, &width)?,
            std: take(STD, &width)?,
        };
        if let Some(found) = statistics.std.iter().find(|number| **number <= 0.0) {
            return Err(PotentialError::Number {
                name: STD.to_owned(),
                found: *found,
                expected: "positive numbers",
            });
        }
        let is_flow = settings.potential.is_flow();
        let networks = if is_flow { settings.flow_layers } else { 1 };
        let network_shape = shape(dimensions, settings);
        let mut members = Vec::new();
        for m in 0..settings.potential_ensemble {
            let mut member = Vec::new();
            for n in 0..networks {
                let mut numbers = Vec::new();
                for (name, shape) in layout(settings.potential, &network_shape, m, n) {
                    numbers.extend(take(&name, &shape)?);
                }
                member.push(numbers);
            }
            members.push(member);
        }
        if let Some(name) = tensors.into_keys().next() {
            let (model, count) = (settings.potential.name(), settings.potential_ensemble);
            let expected = format!("a `{model}` of {count} members with {networks} networks each");
            return Err(PotentialError::Stranger { name, expected });
        }
        Ok(Self::assemble(
            dimensions, settings, device, statistics, &members,
        ))
    }
}

const MEAN: &str = "normalizer.mean";
const STD: &str = "normalizer.std";

fn shape(dimensions: Dimensions, settings: &PotentialSettings) -> MlpShape {
    let dim = dimensions.observation + dimensions.action;
    let is_flow = settings.potential.is_flow();
    let output = if is_flow { 2 * dim } else { 1 };
    MlpShape::new(dim, &settings.potential_hidden, output, Activation::Relu)
}

/// Names and shapes of the tensors of network `n` of member `m`. Flows of both kinds have the same shapes, so that the model
/// is part of the names.
fn layout(
    model: PotentialModel,
    shape: &MlpShape,
    m: usize,
    n: usize,
) -> Vec<(String, Vec<usize>)> {
    let layers = shape.layers().enumerate();
    let pair = |(l, (inputs, outputs)): (usize, (usize, usize))| {
        let stem = format!("{}.{m}.network.{n}.layer.{l}", model.name());
        [
            (format!("{stem}.weight"), vec![outputs, inputs]),
            (format!("{stem}.bias"), vec![outputs]),
        ]
    };
    layers.flat_map(pair).collect()
}

/// Φ for some rows of a batch, with buffers of its own.
#[derive(Debug)]
pub struct PotentialShard {
    dimensions: Dimensions,
    is_flow: bool,
    /// Weight w, divided by the members of the ensemble.
    factor: f64,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    layers: Vec<Layer>,
    /// `[rows, 1]`, of a flow.
    log_density: Tensor,
}

/// A network and what a flow's backward pass needs of its forward pass, each `[rows, dim]`.
#[derive(Debug)]
struct Layer {
    net: Mlp,
    tape: Tape,
    input: Tensor,
    normal: Tensor,
    scale: Tensor,
}

impl PotentialShard {
    /// Φ of observations `[rows, observation]`, already through [`Potential::normalize`], and actions `[rows, action]` in
    /// -1 … 1: `[rows, 1]`.
    pub fn value(&mut self, observation: &Tensor, action: &Tensor) -> Tensor {
        let input = Tensor::cat(&[observation, action], 1);
        let is_flow = self.is_flow;
        let each = self
            .members
            .iter_mut()
            .map(|member| member.answer(&input, is_flow));
        each.sum::<Tensor>() * self.factor
    }

    /// `∂Φ/∂a` where [`PotentialShard::value`] was asked last: `[rows, action]`.
    pub fn action_gradient(&mut self) -> Tensor {
        let Dimensions {
            observation,
            action,
        } = self.dimensions;
        let is_flow = self.is_flow;
        let each = self.members.iter_mut().map(|member| {
            if is_flow {
                let gradient = member.density_gradient(observation + action);
                gradient.narrow(1, observation as i64, action as i64)
            } else {
                member.critic_gradient(observation, action)
            }
        });
        each.sum::<Tensor>() * self.factor
    }
}

impl Member {
    fn answer(&mut self, input: &Tensor, is_flow: bool) -> Tensor {
        if is_flow {
            self.log_density = self.log_density(input);
            (&self.log_density + LOG_DENSITY_OFFSET).softplus() / LOG_DENSITY_OFFSET
        } else {
            let Layer { net, tape, .. } = &mut self.layers[0];
            net.forward(input, tape);
            tape.output().copy()
        }
    }

    /// As the trained flow answers it.
    fn log_density(&mut self, input: &Tensor) -> Tensor {
        let (rows, dim) = input.size2().expect("rows of numbers");
        let mut x = input.shallow_clone();
        let mut log_det = Tensor::zeros([rows, 1], (Kind::Float, input.device()));
        for (index, layer) in self.layers.iter_mut().enumerate() {
            if index > 0 {
                x = x.flip([1]);
            }
            layer.net.forward(&x, &mut layer.tape);
            let output = layer.tape.output();
            let log_scale = output
                .narrow(1, dim, dim)
                .clamp(LOG_SCALE_MIN, LOG_SCALE_MAX);
            log_det -= log_scale.sum_dim_intlist(1, true, Kind::Float);
            layer.scale = log_scale.neg().exp();
            layer.normal = (&x - output.narrow(1, 0, dim)) * &layer.scale;
            layer.input = x;
            x = layer.normal.shallow_clone();
        }
        log_normal(&x) + log_det
    }

    /// Derivative of `softplus(log p + 5) / 5` by the input, `[rows, dim]`. With g the derivative by a layer's
    /// `z = (x - m) exp(-α)` and s that by log p, the derivatives are `-g exp(-α)` by m, `-g z - s` by α and `g exp(-α)` by x
    /// besides the way through the network.
    fn density_gradient(&mut self, dim: usize) -> Tensor {
        let seed = (&self.log_density + LOG_DENSITY_OFFSET).sigmoid() / LOG_DENSITY_OFFSET;
        let last = &self.layers.last().expect("a flow has a layer").normal;
        let mut gradient = last * &seed * -1.0;
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let direct = &gradient * &layer.scale;
            let by_scale = (&gradient * &layer.normal + &seed) * -1.0;
            let delta = layer.tape.output_delta();
            delta.narrow(1, 0, dim as i64).copy_(&direct.neg());
            delta.narrow(1, dim as i64, dim as i64).copy_(&by_scale);
            layer.net.backward(&layer.input, &mut layer.tape, None);
            gradient = direct + layer.net.input_delta(&layer.tape, 0, dim);
            if index > 0 {
                gradient = gradient.flip([1]);
            }
        }
        gradient
    }

    fn critic_gradient(&mut self, first: usize, count: usize) -> Tensor {
        let Layer {
            net, tape, input, ..
        } = &mut self.layers[0];
        let _ = tape.output_delta().fill_(1.0);
        net.backward(input, tape, None);
        net.input_delta(tape, first, count)
    }
}

#[cfg(test)]
mod tests;
