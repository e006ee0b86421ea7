//! [`Inspection`]: what a policy file holds, to print or to serialise. Shows also what cannot be lowered, and why.

use std::fmt;

use rlfd_models::PolicySpec;
use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::ImagePolicy;
use rlfd_runtime::image::{PolicyImage, Port as ImagePort};
use serde::Serialize;

use crate::artefact::Artefact;
use crate::error::ExportError;
use crate::graph::{Dim, Port};
use crate::lower::{LowerOptions, lower};
use crate::onnx::Model;
use crate::operation;
use crate::ops;

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

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint { spec, tensors } => {
                writeln!(f, "policy.pt")?;
                write_spec(f, spec)?;
                write_tensors(f, "tensors", tensors)
            }
            Self::Model(model) => model.fmt(f),
            Self::Image(image) => image.fmt(f),
        }
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ONNX model, IR version {}, operator set {}, by {}",
            self.ir_version, self.opset, self.producer
        )?;
        writeln!(f, "metadata      {}", self.metadata_keys.join(", "))?;
        match &self.spec {
            Some(spec) => write_spec(f, spec)?,
            None => writeln!(f, "contract      none: not written by rlfd")?,
        }
        write_lines(f, "inputs", &self.inputs)?;
        write_lines(f, "outputs", &self.outputs)?;
        write_tensors(f, "constants", &self.constants)?;
        let nodes = self.nodes.iter().map(|node| {
            let mark = if node.is_supported { ' ' } else { '!' };
            format!(
                "{mark} {:<12} {}  ({}) -> {}",
                node.op,
                node.name,
                node.inputs.join(", "),
                node.outputs.join(", ")
            )
        });
        write_lines(f, "nodes", &nodes.collect::<Vec<_>>())?;
        match &self.refusal {
            None => writeln!(f, "image         can be made"),
            Some(reason) => writeln!(f, "image         cannot be made: {reason}"),
        }
    }
}

impl fmt::Display for ImageInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "policy image, {} bytes, CRC-32 {}",
            self.bytes, self.checksum
        )?;
        writeln!(f, "environment   {}", self.environment)?;
        writeln!(f, "provenance    {}", self.provenance)?;
        writeln!(f, "period        {} us", self.period_us)?;
        writeln!(f, "contract id   {}", self.contract_id)?;
        write_lines(f, "observation", &self.observation)?;
        write_lines(f, "action", &self.action)?;
        write_lines(f, "inputs", &self.inputs)?;
        write_lines(f, "outputs", &self.outputs)?;
        write_lines(f, "operations", &self.ops)?;
        writeln!(f, "products      {} multiplied and added", self.macs)?;
        writeln!(
            f,
            "flash         {} bytes, {} of them constants",
            self.bytes, self.constant_bytes
        )?;
        writeln!(
            f,
            "memory        {} bytes, {} of them recurrent state",
            self.arena_bytes, self.state_bytes
        )?;
        let outcome = if self.self_test { "passed" } else { "FAILED" };
        writeln!(f, "self-test     {outcome}")
    }
}

fn write_spec(f: &mut fmt::Formatter<'_>, spec: &PolicySpec) -> fmt::Result {
    writeln!(f, "environment   {}", spec.environment)?;
    writeln!(f, "period        {} us", spec.period_us)?;
    let observation = spec.observation.iter().map(|term| {
        let clip = term
            .clip
            .map_or(String::new(), |clip| format!(", clip {clip}"));
        format!(
            "{} [{}] ×{} of {:?}, history {}, scale {}, offset {}{clip}",
            term.name, term.unit, term.dim, term.source, term.history, term.scale, term.offset
        )
    });
    write_lines(f, "observation", &observation.collect::<Vec<_>>())?;
    let action = spec.action.iter().map(|term| {
        let rate = term
            .max_rate
            .map_or(String::new(), |rate| format!(", rate {rate}/s"));
        format!(
            "{} [{}] ×{}, scale {}, offset {}, {}{rate}{}",
            term.name,
            term.unit,
            term.dim,
            term.scale,
            term.offset,
            limits(term.low, term.high),
            gains(term.stiffness.unwrap_or(0.0), term.damping.unwrap_or(0.0))
        )
    });
    write_lines(f, "action", &action.collect::<Vec<_>>())?;
    let network = &spec.network;
    writeln!(
        f,
        "network       {} -> {:?} -> {}, {:?}, normalizer {}, head {:?}",
        spec.observation_dim(),
        network.hidden,
        spec.action_dim(),
        network.activation,
        if network.normalizer.is_some() {
            "yes"
        } else {
            "no"
        },
        network.head
    )?;
    let provenance = &spec.provenance;
    writeln!(
        f,
        "provenance    {} by trainer {}, seed {}, {} environment steps, mean return {}, recipe {}",
        provenance.algorithm,
        provenance.trainer,
        provenance.seed,
        provenance.environment_steps,
        provenance
            .mean_return
            .map_or("unknown".to_string(), |mean_return| mean_return.to_string()),
        provenance.recipe_sha256
    )
}

fn write_tensors(f: &mut fmt::Formatter<'_>, title: &str, rows: &[TensorRow]) -> fmt::Result {
    let lines = rows
        .iter()
        .map(|row| format!("{} {} {:?}", row.name, row.dtype, row.shape));
    write_lines(f, title, &lines.collect::<Vec<_>>())
}

/// The first line beside the title, the others below it.
fn write_lines(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    for (i, line) in lines.iter().enumerate() {
        writeln!(f, "{:<13} {line}", if i == 0 { title } else { "" })?;
    }
    Ok(())
}
