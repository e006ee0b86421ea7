//! [`image_of`]: a [`Model`] to the bytes of a policy image. The layout is the runtime's; here the contract and the layers
//! are gathered.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_models::{ActionTerm, ObservationTerm, PolicySpec};
use rlfd_runtime::image::{self, ImageSource, Layer};

use crate::error::ExportError;
use crate::lower::{Chain, lower};
use crate::onnx::Model;
use crate::stage::Stage;

/// What a model without a contract leaves open.
#[derive(Clone, Debug, Default)]
pub struct ImageOptions {
    /// Control period in microseconds; needed where the model has no contract.
    pub period_us: Option<u32>,
    /// Which output is the action; needed where there are several.
    pub output: Option<String>,
}

/// Makes the image of a model. A foreign one, without contract, gets one observation term and one action term named
/// after its input and output, without scale or limits.
///
/// # Errors
/// Names the node or tensor that is not supported, or what the contract lacks or contradicts.
pub fn image_of(model: &Model, options: &ImageOptions) -> Result<Vec<u8>, ExportError> {
    model.check_opset()?;
    let spec = model.spec()?;
    let chain = lower(&model.graph, options.output.as_deref())?;
    let contract = match &spec {
        Some(spec) => Contract::of_spec(spec, options)?,
        None => Contract::of_foreign(model, &chain, options)?,
    };
    contract.check_dims(&chain)?;
    let observation: Vec<_> = contract.observation.iter().map(observation_term).collect();
    let action: Vec<_> = contract.action.iter().map(action_term).collect();
    let neutral = Neutral::new(&chain);
    let layers: Vec<Layer<'_>> = chain.stages.iter().map(|s| neutral.layer(s)).collect();
    Ok(image::write(&ImageSource {
        environment: &contract.environment,
        provenance: &contract.provenance,
        period_us: contract.period_us,
        observation: &observation,
        action: &action,
        layers: &layers,
        golden_observation: &golden_observation(chain.input_dim),
    })?)
}

/// Zeros and ones, for the half of a layer that a stage does not have.
struct Neutral {
    zeros: Vec<f32>,
    ones: Vec<f32>,
}

impl Neutral {
    fn new(chain: &Chain) -> Self {
        let width = |stage: &Stage| match stage {
            Stage::Add(c) | Stage::Mul(c) => c.len(),
            Stage::MatMul { out, .. } => *out,
            _ => 0,
        };
        let widest = chain.stages.iter().map(width).max().unwrap_or(0);
        Self {
            zeros: vec![0.0; widest],
            ones: vec![1.0; widest],
        }
    }

    fn layer<'a>(&'a self, stage: &'a Stage) -> Layer<'a> {
        match stage {
            Stage::Add(offset) => Layer::ScaleShift {
                scale: &self.ones[..offset.len()],
                offset,
            },
            Stage::Mul(scale) => Layer::ScaleShift {
                scale,
                offset: &self.zeros[..scale.len()],
            },
            Stage::MatMul { weight, out } => Layer::Dense {
                weight,
                bias: &self.zeros[..*out],
                activation: None,
            },
            Stage::Activate(activation) => Layer::Activate(*activation),
            Stage::Clamp { low, high } => Layer::Clamp { low, high },
            Stage::Normalize {
                mean,
                std_reciprocal,
            } => Layer::Normalize {
                mean,
                std_reciprocal,
            },
            Stage::ScaleShift { scale, offset } => Layer::ScaleShift { scale, offset },
            Stage::Dense {
                weight,
                bias,
                activation,
            } => Layer::Dense {
                weight,
                bias,
                activation: *activation,
            },
        }
    }
}

/// What an image says about itself besides its numbers.
struct Contract {
    environment: String,
    provenance: String,
    period_us: u32,
    observation: Vec<ObservationTerm>,
    action: Vec<ActionTerm>,
}

impl Contract {
    fn of_spec(spec: &PolicySpec, options: &ImageOptions) -> Result<Self, ExportError> {
        if let Some(period_us) = options.period_us.filter(|p| *p != spec.period_us) {
            return Err(ExportError::Model(format!(
                "its contract says period_us = {}, --period-us says {period_us}; a policy runs at the period it was \
                 trained at",
                spec.period_us
            )));
        }
        Ok(Self {
            environment: spec.environment.clone(),
            provenance: serde_json::to_string(&spec.provenance)?,
            period_us: spec.period_us,
            observation: spec.observation.clone(),
            action: spec.action.clone(),
        })
    }

    fn of_foreign(
        model: &Model,
        chain: &Chain,
        options: &ImageOptions,
    ) -> Result<Self, ExportError> {
        let period_us = options.period_us.filter(|period_us| *period_us > 0);
        let period_us = period_us.ok_or_else(|| {
            ExportError::Model(
                "it has no rlfd contract, so its control period is not known: give --period-us (microseconds, above 0)"
                    .to_string(),
            )
        })?;
        let observation = ObservationTerm {
            name: chain.input.clone(),
            unit: "1".to_string(),
            dim: chain.input_dim,
            scale: 1.0,
            offset: 0.0,
            clip: None,
            history: 1,
        };
        let action = ActionTerm {
            name: chain.output.clone(),
            unit: "1".to_string(),
            dim: chain.output_dim,
            scale: 1.0,
            offset: 0.0,
            // An image needs finite limits; the board's own are applied on top.
            low: f32::MIN,
            high: f32::MAX,
            max_rate: None,
        };
        Ok(Self {
            environment: model.graph.name.clone(),
            provenance: format!("onnx by {}", model.producer),
            period_us,
            observation: vec![observation],
            action: vec![action],
        })
    }

    fn check_dims(&self, chain: &Chain) -> Result<(), ExportError> {
        let observation: usize = self.observation.iter().map(|t| t.dim * t.history).sum();
        let action: usize = self.action.iter().map(|t| t.dim).sum();
        for (what, name, contract, graph) in [
            ("input", &chain.input, observation, chain.input_dim),
            ("output", &chain.output, action, chain.output_dim),
        ] {
            if contract != graph {
                return Err(ExportError::Model(format!(
                    "its {what} `{name}` has {graph} numbers, its contract {contract}"
                )));
            }
        }
        Ok(())
    }
}

/// Widths are counted in 16 bits; contracts and graphs with wider terms have been refused before.
fn small(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn observation_term(term: &ObservationTerm) -> image::ObservationTerm<'_> {
    image::ObservationTerm {
        name: &term.name,
        unit: &term.unit,
        dim: small(term.dim),
        history: small(term.history),
        scale: term.scale,
        offset: term.offset,
        clip: term.clip.unwrap_or(f32::INFINITY),
    }
}

fn action_term(term: &ActionTerm) -> image::ActionTerm<'_> {
    image::ActionTerm {
        name: &term.name,
        unit: &term.unit,
        dim: small(term.dim),
        scale: term.scale,
        offset: term.offset,
        low: term.low,
        high: term.high,
        max_rate: term.max_rate.unwrap_or(f32::INFINITY),
    }
}

/// The observation every image of this width is tested with on its board: uniform in [-1, 1), from one fixed stream.
fn golden_observation(len: usize) -> Vec<f32> {
    let mut stream = ChaCha8Rng::from_seed(*b"golden observation of rlfd image");
    // 24 bits are exact in f32, so the vector does not depend on any library's idea of uniform.
    let unit = |bits: u32| (bits >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..len).map(|_| unit(stream.next_u32())).collect()
}
