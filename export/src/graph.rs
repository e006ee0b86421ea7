//! [`Graph`]: a few nodes between named inputs and outputs, as ONNX has them. Knows names and order, not operators.

use std::collections::{BTreeMap, BTreeSet};

use crate::dtype::Dtype;
use crate::error::ExportError;

/// A function as a list of nodes in the order they run.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// e.g. the environment.
    pub name: String,
    /// Version of ONNX's own operator set, which says what an operator means.
    pub opset: i64,
    /// What is fed in; constants are not among them.
    pub inputs: Vec<Port>,
    /// What is asked for.
    pub outputs: Vec<Port>,
    /// Named tensors: weights, and what constant folding found.
    pub constants: BTreeMap<String, Value>,
    /// Each uses inputs, constants and outputs of earlier nodes.
    pub nodes: Vec<Node>,
}

/// A named input or output of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// ONNX's name of its element type, e.g. `float32`.
    pub dtype: &'static str,
    /// Lengths of its axes; `None` if the file does not say.
    pub shape: Option<Vec<Dim>>,
}

/// Length of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Dim {
    /// Known.
    Fixed(usize),
    /// Named, e.g. `batch`; empty if the file says nothing.
    Symbol(String),
}

/// One application of an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// As in the file, possibly empty; see [`Node::title`].
    pub name: String,
    /// Operator, e.g. `Gemm`.
    pub op: String,
    /// Operator set; empty is ONNX's own.
    pub domain: String,
    /// Names of operands; an empty one is an optional operand left out.
    pub inputs: Vec<String>,
    /// Names of results.
    pub outputs: Vec<String>,
    /// Settings by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A tensor.
    Value(Value),
    /// Numbers.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// A kind no supported operator uses, by its number in `onnx.proto`.
    Other(i32),
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Lengths of the axes, slowest first.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Data,
}

/// Elements of a [`Value`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Weights.
    F32(Vec<f32>),
    /// Weights in half precision.
    F16(Vec<f32>),
    /// Weights in double precision.
    F64(Vec<f64>),
    /// Shapes and axes.
    I64(Vec<i64>),
    /// Any other integers, and booleans as 0 and 1.
    Integers(Dtype, Vec<i64>),
    /// An element type no supported operator uses: only its name is kept.
    Other(&'static str),
}

impl Value {
    /// A `float32` tensor.
    #[must_use]
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        Self {
            shape: shape.to_vec(),
            data: Data::F32(data),
        }
    }

    /// ONNX's name of the element type.
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        match self.data {
            Data::F32(_) => "float32",
            Data::F16(_) => "float16",
            Data::F64(_) => "float64",
            Data::I64(_) => "int64",
            Data::Integers(dtype, _) => dtype.name(),
            Data::Other(name) => name,
        }
    }
}

impl Port {
    /// Its element type and shape for one observation: symbolic axes of a batch or a sequence have length 1.
    ///
    /// # Errors
    /// The shape or a length is not known, or the element type is none that an engine holds as numbers.
    pub fn resolved(&self, ones: &BTreeSet<String>) -> Result<(Dtype, Vec<usize>), ExportError> {
        let wrong = |problem: String| ExportError::Tensor {
            name: self.name.clone(),
            problem,
        };
        let dtype = Dtype::of_name(self.dtype)
            .ok_or_else(|| wrong(format!("is {}, numbers are expected", self.dtype)))?;
        let dims = self
            .shape
            .as_ref()
            .ok_or_else(|| wrong("its shape is not given in the file".to_string()))?;
        let mut shape = Vec::new();
        for (axis, dim) in dims.iter().enumerate() {
            match dim {
                Dim::Fixed(len) => shape.push(*len),
                Dim::Symbol(_) if axis == 0 && dims.len() > 1 => shape.push(1),
                Dim::Symbol(name) if ones.contains(name) || is_batch(name) => shape.push(1),
                Dim::Symbol(_) => {
                    let problem = format!("the length of axis {axis} is not given");
                    return Err(wrong(problem));
                }
            }
        }
        let len = shape.iter().copied().fold(1, usize::saturating_mul);
        if !(1..=MAX_PORT).contains(&len) {
            return Err(wrong(format!(
                "shape {shape:?} is not one of 1 to {MAX_PORT} numbers"
            )));
        }
        Ok((dtype, shape))
    }
}

/// Numbers in an input at most: widths of a contract are counted in 16 bits.
const MAX_PORT: usize = u16::MAX as usize;

/// Whether people give this name to an axis that counts samples or steps.
fn is_batch(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["batch", "seq", "time", "steps"]
        .iter()
        .any(|word| name.contains(word))
}

impl Node {
    /// What a message calls it: its name, else that of its first result.
    #[must_use]
    pub fn title(&self) -> &str {
        match (self.name.as_str(), self.outputs.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        }
    }

    /// An error about this node.
    #[must_use]
    pub fn wrong(&self, problem: impl Into<String>) -> ExportError {
        ExportError::Node {
            node: self.title().to_string(),
            op: self.op.clone(),
            problem: problem.into(),
        }
    }
}

impl Graph {
    /// Names of symbolic axes that lead an input: one observation at a time makes them 1 wherever they occur.
    #[must_use]
    pub fn batch_symbols(&self) -> BTreeSet<String> {
        let leading = self
            .inputs
            .iter()
            .filter_map(|port| match port.shape.as_deref() {
                Some([Dim::Symbol(name), _, ..]) if !name.is_empty() => Some(name.clone()),
                _ => None,
            });
        leading.collect()
    }

    /// Checks that each name is made once and before it is used.
    ///
    /// # Errors
    /// Names the node and the name.
    pub fn check_order(&self) -> Result<(), ExportError> {
        let mut known: BTreeSet<&str> = self.constants.keys().map(String::as_str).collect();
        known.extend(self.inputs.iter().map(|port| port.name.as_str()));
        for node in &self.nodes {
            for input in node.inputs.iter().filter(|name| !name.is_empty()) {
                if !known.contains(input.as_str()) {
                    return Err(node.wrong(format!("its operand `{input}` is not known there")));
                }
            }
            for output in node.outputs.iter().filter(|name| !name.is_empty()) {
                if !known.insert(output) {
                    return Err(node.wrong(format!("its result `{output}` exists already")));
                }
            }
        }
        match self
            .outputs
            .iter()
            .find(|port| !known.contains(port.name.as_str()))
        {
            Some(port) => Err(ExportError::Model(format!(
                "no node computes the output `{}`",
                port.name
            ))),
            None => Ok(()),
        }
    }
}
