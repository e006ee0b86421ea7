//! [`Checkpoint`] to [`Model`]: the network a contract describes, as ONNX nodes, normaliser and head included.

use std::collections::BTreeMap;

use rlfd_models::checkpoint::{Checkpoint, Tensor};
use rlfd_models::{Activation, Head};

use crate::error::ExportError;
use crate::graph::{Attribute, Dim, Graph, Node, Port, Value};
use crate::onnx::{IR_VERSION, Model, OPSET, PRODUCER, SPEC_KEY};

/// Name of the graph's input, `[batch, observation_dim]`.
pub const INPUT: &str = "observation";
/// Name of the graph's output, `[batch, action_dim]`.
pub const OUTPUT: &str = "action";
/// Name of the leading axis of both.
const BATCH: &str = "batch";

/// The model of a checkpoint, its contract in the metadata.
///
/// # Errors
/// The checkpoint's tensors do not match its contract, or the contract contradicts itself.
pub fn model_of(checkpoint: &Checkpoint) -> Result<Model, ExportError> {
    checkpoint.check()?;
    let spec = serde_json::to_string(&checkpoint.spec)?;
    Ok(Model {
        ir_version: IR_VERSION,
        producer: format!("{PRODUCER} {}", env!("CARGO_PKG_VERSION")),
        metadata: vec![(SPEC_KEY.to_string(), spec)],
        graph: graph_of(checkpoint),
    })
}

/// The nodes of a checkpoint that has been checked.
fn graph_of(checkpoint: &Checkpoint) -> Graph {
    let spec = &checkpoint.spec;
    let mut builder = Builder::new(&checkpoint.tensors);
    if let Some(normalizer) = &spec.network.normalizer {
        builder.with_tensor("normalizer.center", "Sub", "normalizer.mean");
        builder.with_tensor("normalizer.scale", "Div", "normalizer.std");
        if let Some(clip) = normalizer.clip {
            builder.clip("normalizer.clip", clip);
        }
    }
    let n_hidden = spec.network.hidden.len();
    for i in 0..=n_hidden {
        builder.gemm(&format!("actor.{i}"));
        if i < n_hidden {
            let op = match spec.network.activation {
                Activation::Relu => "Relu",
                Activation::Elu => "Elu",
                Activation::Tanh => "Tanh",
                Activation::Sigmoid => "Sigmoid",
            };
            builder.node(&format!("actor.{i}.activation"), op, &[]);
        }
    }
    if let Head::Tanh { scale, offset } = &spec.network.head {
        builder.node("head.tanh", "Tanh", &[]);
        // Multiplying by one and adding zero change nothing; leaving them out changes nothing either.
        if scale.iter().any(|x| *x != 1.0) || offset.iter().any(|x| *x != 0.0) {
            builder.with_values("head.scale", "Mul", scale);
            builder.with_values("head.offset", "Add", offset);
        }
    }
    builder.finish(&spec.environment, spec.observation_dim(), spec.action_dim())
}

/// A chain of nodes under construction.
struct Builder<'a> {
    tensors: &'a BTreeMap<String, Tensor>,
    constants: BTreeMap<String, Value>,
    nodes: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(tensors: &'a BTreeMap<String, Tensor>) -> Self {
        Self {
            tensors,
            constants: BTreeMap::new(),
            nodes: Vec::new(),
        }
    }

    /// Appends a node that reads what the last one wrote, and `constants`.
    fn node(&mut self, name: &str, op: &str, constants: &[&str]) -> &mut Node {
        let flow = self.nodes.last().map_or(INPUT, |node| &node.outputs[0]);
        let inputs = [&[flow], constants].concat();
        let node = Node {
            name: name.to_string(),
            op: op.to_string(),
            domain: String::new(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: vec![format!("{name}.result")],
            attributes: BTreeMap::new(),
        };
        self.nodes.push_mut(node)
    }

    /// A node with a tensor of the checkpoint.
    fn with_tensor(&mut self, name: &str, op: &str, tensor: &str) {
        self.tensor(tensor);
        self.node(name, op, &[tensor]);
    }

    /// A node with numbers from the contract. They have a name of their own: engines that make nodes of constants, as
    /// tract does, would otherwise have two of one name.
    fn with_values(&mut self, name: &str, op: &str, values: &[f32]) {
        let constant = format!("{name}.value");
        let value = Value::f32(&[values.len()], values.to_vec());
        self.constants.insert(constant.clone(), value);
        self.node(name, op, &[&constant]);
    }

    fn clip(&mut self, name: &str, bound: f32) {
        let (low, high) = (format!("{name}.min"), format!("{name}.max"));
        for (name, bound) in [(&low, -bound), (&high, bound)] {
            self.constants
                .insert(name.clone(), Value::f32(&[], vec![bound]));
        }
        self.node(name, "Clip", &[&low, &high]);
    }

    fn gemm(&mut self, name: &str) {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.tensor(&weight);
        self.tensor(&bias);
        // PyTorch keeps weights as [out, in].
        let trans_b = ("transB".to_string(), Attribute::Int(1));
        self.node(name, "Gemm", &[&weight, &bias]).attributes = BTreeMap::from([trans_b]);
    }

    fn tensor(&mut self, name: &str) {
        let tensor = &self.tensors[name];
        let value = Value::f32(&tensor.shape, tensor.data.clone());
        self.constants.insert(name.to_string(), value);
    }

    fn finish(mut self, name: &str, observation_dim: usize, action_dim: usize) -> Graph {
        if let Some(last) = self.nodes.last_mut() {
            last.outputs = vec![OUTPUT.to_string()];
        }
        let port = |name: &str, len| Port {
            name: name.to_string(),
            dtype: "float32",
            shape: Some(vec![Dim::Symbol(BATCH.to_string()), Dim::Fixed(len)]),
        };
        Graph {
            name: name.to_string(),
            opset: OPSET,
            inputs: vec![port(INPUT, observation_dim)],
            outputs: vec![port(OUTPUT, action_dim)],
            constants: self.constants,
            nodes: self.nodes,
        }
    }
}
