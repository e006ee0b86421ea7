//! The operators we know: a family per file, [`TABLE`] lists them. An operator can be evaluated in `f64`, which is the
//! reference, and lowered to the operations of an image.

mod activation;
mod arg;
mod batch_normalization;
mod binary;
mod cast;
mod clip;
mod concat;
mod constant;
mod conv;
mod expand;
mod gather;
mod gemm;
mod gru;
mod layer_normalization;
mod lstm;
mod matmul;
mod quantize;
mod random;
mod recurrent;
mod reduce;
mod rename;
mod select;
mod shape;
mod slice;
mod softmax;
mod split;
mod transpose;
mod unary;

#[cfg(test)]
mod tests;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;
use crate::graph::{Attribute, Node};
use crate::lower::{Builder, Tensor};
use crate::work::Work;

pub use quantize::Scheme;
pub use random::{is_random, mean_of};

/// What must be known of an operator. Problems are sentences; the caller adds which node.
#[derive(Debug)]
pub struct OpDef {
    /// Its name in ONNX.
    pub name: &'static str,
    /// Fewest and most operands.
    pub arity: (usize, usize),
    /// Most results.
    pub results: usize,
    /// The settings it may have; any other is refused.
    pub attributes: &'static [&'static str],
    /// Operands that must be constants when it is lowered: they decide shapes.
    pub fixed: &'static [usize],
    /// Which operations of an image it becomes, for the documentation.
    pub becomes: &'static str,
    /// Its results for these operands.
    pub evaluate: fn(&Call<'_>) -> Result<Vec<Array>, String>,
    /// Its results as operations of an image.
    pub lower: fn(&mut Site<'_>) -> Result<Vec<Tensor>, String>,
}

/// All operators, by name.
pub const TABLE: [&OpDef; 90] = [
    &unary::ABS,
    &binary::ADD,
    &binary::AND,
    &arg::ARG_MAX,
    &arg::ARG_MIN,
    &batch_normalization::OP,
    &cast::CAST,
    &cast::CAST_LIKE,
    &unary::CEIL,
    &clip::OP,
    &concat::OP,
    &constant::CONSTANT,
    &constant::CONSTANT_OF_SHAPE,
    &conv::OP,
    &unary::COS,
    &quantize::DEQUANTIZE,
    &binary::DIV,
    &rename::DROPOUT,
    &activation::ELU,
    &binary::EQUAL,
    &unary::ERF,
    &unary::EXP,
    &expand::EXPAND,
    &rename::FLATTEN,
    &unary::FLOOR,
    &gru::OP,
    &gather::OP,
    &activation::GELU,
    &gemm::OP,
    &binary::GREATER,
    &binary::GREATER_OR_EQUAL,
    &activation::HARD_SIGMOID,
    &activation::HARD_SWISH,
    &rename::IDENTITY,
    &lstm::OP,
    &layer_normalization::OP,
    &activation::LEAKY_RELU,
    &binary::LESS,
    &binary::LESS_OR_EQUAL,
    &unary::LOG,
    &softmax::LOG_SOFTMAX,
    &matmul::OP,
    &binary::MAX,
    &binary::MIN,
    &activation::MISH,
    &binary::MOD,
    &binary::MUL,
    &random::MULTINOMIAL,
    &unary::NEG,
    &unary::NOT,
    &binary::OR,
    &binary::PRELU,
    &binary::POW,
    &quantize::QUANTIZE,
    &random::NORMAL,
    &random::UNIFORM,
    &constant::RANGE,
    &unary::RECIPROCAL,
    &reduce::L1,
    &reduce::L2,
    &reduce::MAX,
    &reduce::MEAN,
    &reduce::MIN,
    &reduce::PROD,
    &reduce::SUM,
    &reduce::SUM_SQUARE,
    &activation::RELU,
    &rename::RESHAPE,
    &unary::ROUND,
    &activation::SELU,
    &shape::SHAPE,
    &activation::SIGMOID,
    &unary::SIGN,
    &unary::SIN,
    &shape::SIZE,
    &slice::OP,
    &softmax::SOFTMAX,
    &activation::SOFTPLUS,
    &activation::SOFTSIGN,
    &split::OP,
    &unary::SQRT,
    &rename::SQUEEZE,
    &binary::SUB,
    &activation::SWISH,
    &activation::TANH,
    &expand::TILE,
    &transpose::OP,
    &rename::UNSQUEEZE,
    &select::OP,
    &binary::XOR,
];

/// The definition of a node's operator, its operands counted and its attributes known.
///
/// # Errors
/// Names the node, its operator and what is supported.
pub fn definition(node: &Node) -> Result<&'static OpDef, ExportError> {
    let known = TABLE.iter().find(|op| op.name == node.op);
    let Some(op) = known.filter(|_| node.domain.is_empty()) else {
        let domain = match node.domain.as_str() {
            "" => String::new(),
            domain => format!(" of domain `{domain}`"),
        };
        let names: Vec<&str> = TABLE
            .iter()
            .map(|op| op.name)
            .filter(|name| !is_random(name))
            .collect();
        return Err(node.wrong(format!(
            "operator{domain} is not supported; supported are {}",
            names.join(", ")
        )));
    };
    let (fewest, most) = op.arity;
    if !(fewest..=most).contains(&node.inputs.len()) {
        let expected = if most == usize::MAX {
            format!("at least {fewest}")
        } else {
            format!("{fewest} to {most}")
        };
        return Err(node.wrong(format!(
            "{} operands, {expected} are expected",
            node.inputs.len()
        )));
    }
    if node.outputs.is_empty() || node.outputs.len() > op.results {
        return Err(node.wrong(format!(
            "{} results, 1 to {} are expected",
            node.outputs.len(),
            op.results
        )));
    }
    let mut names = node.attributes.keys();
    if let Some(name) = names.find(|name| !op.attributes.contains(&name.as_str())) {
        return Err(node.wrong(format!("attribute `{name}` is not supported")));
    }
    Ok(op)
}

/// A node with its operands.
#[derive(Debug)]
pub struct Call<'a> {
    /// The node.
    pub node: &'a Node,
    /// Version of the operator set that says what it means.
    pub opset: i64,
    /// In order; `None` is an optional one left out. Where a node is lowered, an operand that depends on the observation is
    /// zeros of its shape.
    pub operands: Vec<Option<&'a Array>>,
    /// What evaluating it is taken off of.
    pub work: &'a Work,
}

impl<'a> Call<'a> {
    /// Operand `index`, which this operator cannot do without.
    fn required(&self, index: usize) -> Result<&'a Array, String> {
        self.optional(index)
            .ok_or_else(|| format!("operand {index} is missing"))
    }

    /// Operand `index`, if it is there.
    fn optional(&self, index: usize) -> Option<&'a Array> {
        self.operands.get(index).copied().flatten()
    }

    /// The integers of operand `index`, if it is there.
    fn integers(&self, index: usize) -> Option<Vec<i64>> {
        self.optional(index)
            .map(|array| array.data.iter().map(|x| *x as i64).collect())
    }

    /// Integers that an older operator set has as attribute `name` and a newer one as operand `index`.
    fn integers_or(&self, index: usize, name: &str) -> Result<Option<Vec<i64>>, String> {
        match self.integers(index) {
            Some(values) => Ok(Some(values)),
            None => Ok(self.node.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// Attribute `axis` as an axis of `rank`.
    fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, String> {
        axis_of(self.node.int(name, default)?, rank)
    }
}

/// An axis counted from either end.
fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(from_start) {
        Ok(found) if found < rank => Ok(found),
        _ => Err(format!("axis {axis} is none of {rank} axes")),
    }
}

/// Axes counted from either end, each once, in rising order.
fn axes_of(axes: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let mut found = axes
        .iter()
        .map(|axis| axis_of(*axis, rank))
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    match found.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("axis {} occurs twice", pair[0])),
        None => Ok(found),
    }
}

/// A node where it is lowered.
#[derive(Debug)]
pub struct Site<'a> {
    /// The node; operands that depend on the observation are zeros of their shape.
    pub call: Call<'a>,
    /// Its operands.
    pub operands: Vec<Option<Tensor>>,
    /// Type and shape of each result.
    pub results: Vec<(Dtype, Vec<usize>)>,
    /// The image under construction.
    pub build: &'a mut Builder,
}

impl Site<'_> {
    /// Operand `index`, which this operator cannot do without.
    fn tensor(&self, index: usize) -> Result<Tensor, String> {
        self.optional(index)
            .ok_or_else(|| format!("operand {index} is missing"))
    }

    /// Operand `index`, if it is there.
    fn optional(&self, index: usize) -> Option<Tensor> {
        self.operands.get(index).cloned().flatten()
    }

    /// Constant operand `index`; `None` if it is left out.
    fn constant(&self, index: usize) -> Result<Option<&Array>, String> {
        match self.operands.get(index).and_then(Option::as_ref) {
            None => Ok(None),
            Some(tensor) if tensor.constant().is_some() => Ok(tensor.constant()),
            Some(_) => Err(format!(
                "operand {index} depends on the observation, a constant is expected"
            )),
        }
    }

    /// Shape of the first result.
    fn shape(&self) -> &[usize] {
        &self.results[0].1
    }
}

impl Node {
    /// Attribute `name`, a number.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not a number")),
        }
    }

    /// Attribute `name`, an integer.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not an integer")),
        }
    }

    /// Attribute `name`, integers; `None` if it is absent.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&[i64]>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute `{name}` is not a list of integers")),
        }
    }

    /// Attribute `name`, text.
    pub(crate) fn text(&self, name: &str, default: &'static str) -> Result<&str, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Text(text)) => Ok(text),
            Some(_) => Err(format!("attribute `{name}` is not text")),
        }
    }
}
