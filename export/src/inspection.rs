//! [`Inspection`]: what a policy file holds, to print or to serialise. Shows also what cannot be lowered, and why.

use rlfd_models::PolicySpec;
use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::ImagePolicy;
use rlfd_runtime::image::{PolicyImage, Port as ImagePort};
use serde::Serialize;

use crate::artefact::Artefact;
use crate::cost::{self, Estimate};
use crate::error::ExportError;
use crate::graph::{Dim, Port};
use crate::lower::{LowerOptions, lower};
use crate::onnx::Model;
use crate::operation;
use crate::ops;

mod text;

/// What a file holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Inspection {
    /// `policy.pt`
    Checkpoint {
        /// The contract.
        spec: PolicySpec,
        /// By name.
        tensors: Vec<TensorRow>,
    },
    /// `.onnx`
    Model(ModelInspection),
    /// `.rlfd`
    Image(ImageInspection),
}

/// A tensor in a line.
#[derive(Debug, Serialize)]
pub struct TensorRow {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

/// An ONNX model.
#[derive(Debug, Serialize)]
pub struct ModelInspection {
    ir_version: i64,
    opset: i64,
    producer: String,
    spec: Option<PolicySpec>,
    metadata_keys: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    constants: Vec<TensorRow>,
    nodes: Vec<NodeRow>,
    /// Why no image can be made of it; absent if one can.
    refusal: Option<String>,
}

/// A node in a line.
#[derive(Debug, Serialize)]
pub struct NodeRow {
    name: String,
    op: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    is_supported: bool,
}

/// A policy image.
#[derive(Debug, Serialize)]
pub struct ImageInspection {
    environment: String,
    provenance: String,
    period_us: u32,
    contract_id: String,
    checksum: String,
    bytes: usize,
    /// Of the image that are weights and other constants.
    constant_bytes: usize,
    /// Memory the caller lends.
    arena_bytes: usize,
    /// Of that memory, what is carried from step to step.
    state_bytes: usize,
    /// Multiplications that are added up, for one action.
    macs: u64,
    observation: Vec<String>,
    action: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    ops: Vec<String>,
    /// Cycles of a step on some processors, from a model.
    estimates: Vec<Estimate>,
    /// Whether the engine here computes the golden action, bit for bit.
    self_test: bool,
}

impl Inspection {
    /// Looks into a file.
    ///
    /// # Errors
    /// The contract in a model's metadata is damaged.
    pub fn of(artefact: &Artefact) -> Result<Self, ExportError> {
        match artefact {
            Artefact::Checkpoint(checkpoint) => Ok(Self::of_checkpoint(checkpoint)),
            Artefact::Model(model) => Ok(Self::Model(ModelInspection::of(model)?)),
            Artefact::Image(bytes) => Ok(Self::Image(ImageInspection::of(bytes)?)),
        }
    }

    fn of_checkpoint(checkpoint: &Checkpoint) -> Self {
        let tensors = checkpoint.tensors.iter();
        Self::Checkpoint {
            spec: checkpoint.spec.clone(),
            tensors: tensors
                .map(|(name, tensor)| TensorRow {
                    name: name.clone(),
                    dtype: "float32",
                    shape: tensor.shape.clone(),
                })
                .collect(),
        }
    }
}

impl ModelInspection {
    fn of(model: &Model) -> Result<Self, ExportError> {
        let graph = &model.graph;
        let lowered = model
            .check_opset()
            .and_then(|()| lower(graph, &LowerOptions::default()));
        let nodes = graph.nodes.iter().map(|node| NodeRow {
            name: node.title().to_string(),
            op: match node.domain.as_str() {
                "" => node.op.clone(),
                domain => format!("{domain}.{}", node.op),
            },
            inputs: node.inputs.clone(),
            outputs: node.outputs.clone(),
            is_supported: ops::definition(node).is_ok(),
        });
        let constants = graph.constants.iter().map(|(name, value)| TensorRow {
            name: name.clone(),
            dtype: value.dtype(),
            shape: value.shape.clone(),
        });
        Ok(Self {
            ir_version: model.ir_version,
            opset: model.graph.opset,
            producer: model.producer.clone(),
            spec: model.spec()?,
            metadata_keys: model.metadata.iter().map(|(key, _)| key.clone()).collect(),
            inputs: graph.inputs.iter().map(port).collect(),
            outputs: graph.outputs.iter().map(port).collect(),
            constants: constants.collect(),
            nodes: nodes.collect(),
            refusal: lowered.err().map(|error| error.to_string()),
        })
    }
}

impl ImageInspection {
    fn of(bytes: &[u8]) -> Result<Self, ExportError> {
        let image = PolicyImage::view(bytes)?;
        let mut arena = vec![0.0; image.arena_len()];
        let self_test = ImagePolicy::new(image, &mut arena)?.self_test();
        let observation = image.observation_terms().map(|term| {
            format!(
                "{} [{}] ×{} of {:?}, history {}, scale {}, offset {}, clip {}",
                term.name,
                term.unit,
                term.dim,
                term.source,
                term.history,
                term.scale,
                term.offset,
                term.clip
            )
        });
        let action = image.action_terms().map(|term| {
            format!(
                "{} [{}] ×{}, scale {}, offset {}, {}, rate {}/s{}",
                term.name,
                term.unit,
                term.dim,
                term.scale,
                term.offset,
                limits(term.low, term.high),
                term.max_rate,
                gains(term.stiffness, term.damping)
            )
        });
        Ok(Self {
            environment: image.environment().to_string(),
            provenance: image.provenance().to_string(),
            period_us: image.period_us(),
            contract_id: format!("{:016x}", image.contract_id()),
            checksum: format!("{:08x}", image.checksum()),
            bytes: bytes.len(),
            constant_bytes: size_of_val(image.constants()),
            arena_bytes: image.arena_len() * size_of::<f32>(),
            state_bytes: image.state_len() * size_of::<f32>(),
            macs: image
                .ops()
                .map(|op| operation::macs(&op, image.constants()))
                .sum(),
            observation: observation.collect(),
            action: action.collect(),
            inputs: image.inputs().map(image_port).collect(),
            outputs: image.outputs().map(image_port).collect(),
            ops: image
                .ops()
                .map(|op| operation::describe(&op, image.constants()))
                .collect(),
            estimates: cost::estimates(&image),
            self_test,
        })
    }
}

fn port(port: &Port) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(len) => len.to_string(),
        Dim::Symbol(name) if name.is_empty() => "?".to_string(),
        Dim::Symbol(name) => name.clone(),
    };
    let shape = port.shape.as_ref().map_or_else(
        || "of unknown shape".to_string(),
        |shape| format!("[{}]", shape.iter().map(dim).collect::<Vec<_>>().join(", ")),
    );
    format!("{} {} {shape}", port.name, port.dtype)
}

fn image_port(port: ImagePort<'_>) -> String {
    format!("{} [{}]", port.name, port.shape.replace('x', ", "))
}

fn gains(stiffness: f32, damping: f32) -> String {
    if stiffness == 0.0 && damping == 0.0 {
        return String::new();
    }
    format!(", stiffness {stiffness}, damping {damping}")
}

fn limits(low: f32, high: f32) -> String {
    if (low, high) == (f32::MIN, f32::MAX) {
        return "no limits".to_string();
    }
    format!("limits {low} to {high}")
}
