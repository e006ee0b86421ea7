//! The operators we know: one per file, [`TABLE`] lists them. An operator can be evaluated in `f64`, which is the
//! reference, and lowered to [`Stage`]s, which is what an image is made of.

mod add;
mod clip;
mod constant;
mod div;
mod elementwise;
mod elu;
mod flatten;
mod gemm;
mod identity;
mod matmul;
mod mul;
mod relu;
mod reshape;
mod sigmoid;
mod squeeze;
mod sub;
mod tanh;
mod unsqueeze;

#[cfg(test)]
mod tests;

use crate::array::Array;
use crate::error::ExportError;
use crate::graph::{Attribute, Node, Value};
use crate::stage::Stage;

/// What must be known of an operator. Problems are sentences; the caller adds which node.
#[derive(Debug)]
pub struct OpDef {
    /// Its name in ONNX.
    pub name: &'static str,
    /// Fewest and most operands.
    pub arity: (usize, usize),
    /// The settings it may have; any other is refused.
    pub attributes: &'static [&'static str],
    /// Its result for these operands; `None` is an optional one left out.
    pub evaluate: fn(&Node, &[Option<&Array>]) -> Result<Array, String>,
    /// What it does to the vector that flows through the policy.
    pub lower: fn(&Site<'_>) -> Result<Vec<Stage>, String>,
}

/// All operators, by name.
pub const TABLE: [&OpDef; 17] = [
    &add::OP,
    &clip::OP,
    &constant::OP,
    &div::OP,
    &elu::OP,
    &flatten::OP,
    &gemm::OP,
    &identity::OP,
    &matmul::OP,
    &mul::OP,
    &relu::OP,
    &reshape::OP,
    &sigmoid::OP,
    &squeeze::OP,
    &sub::OP,
    &tanh::OP,
    &unsqueeze::OP,
];

/// A node where it stands in a chain: which operand is the flowing vector, which are constants, and how long the vector
/// is before and after.
#[derive(Debug)]
pub struct Site<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its operands in order.
    pub operands: Vec<Operand<'a>>,
    /// Shape of the flowing vector before.
    pub input_shape: &'a [usize],
    /// And after.
    pub output_shape: &'a [usize],
}

/// An operand of a node in a chain.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// The flowing vector.
    Flow,
    /// A constant.
    Constant(&'a Value),
    /// An optional operand left out.
    Absent,
}

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
        let names: Vec<&str> = TABLE.iter().map(|op| op.name).collect();
        return Err(node.wrong(format!(
            "operator{domain} is not supported; supported are {}",
            names.join(", ")
        )));
    };
    let (fewest, most) = op.arity;
    if !(fewest..=most).contains(&node.inputs.len()) {
        return Err(node.wrong(format!(
            "{} operands, {fewest} to {most} are expected",
            node.inputs.len()
        )));
    }
    if node.outputs.len() != 1 {
        return Err(node.wrong(format!("{} results, 1 is expected", node.outputs.len())));
    }
    let mut names = node.attributes.keys();
    if let Some(name) = names.find(|name| !op.attributes.contains(&name.as_str())) {
        return Err(node.wrong(format!("attribute `{name}` is not supported")));
    }
    Ok(op)
}

impl Node {
    /// Attribute `name`, a number.
    fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not a number")),
        }
    }

    /// Attribute `name`, an integer.
    fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(format!("attribute `{name}` is not an integer")),
        }
    }

    /// Attribute `name`, integers; `None` if it is absent.
    fn ints(&self, name: &str) -> Result<Option<&[i64]>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(format!("attribute `{name}` is not a list of integers")),
        }
    }
}

/// Operand `index`, which this operator cannot do without.
fn required<'a>(operands: &[Option<&'a Array>], index: usize) -> Result<&'a Array, String> {
    operand(operands, index).ok_or_else(|| format!("operand {index} is missing"))
}

/// Operand `index`, if it is there.
fn operand<'a>(operands: &[Option<&'a Array>], index: usize) -> Option<&'a Array> {
    operands.get(index).copied().flatten()
}

/// Lowering of what only renames axes: the vector stays as it is.
fn lower_nothing(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    site.flow_first()?;
    Ok(Vec::new())
}

impl<'a> Site<'a> {
    /// Length of the flowing vector before.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Length of the flowing vector after.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output_shape.iter().product()
    }

    /// Checks that the first operand is the flowing vector and no other one is.
    fn flow_first(&self) -> Result<(), String> {
        let flows = |operand: &Operand<'_>| matches!(operand, Operand::Flow);
        match self.operands.split_first() {
            Some((first, rest)) if flows(first) && !rest.iter().any(flows) => Ok(()),
            _ => Err("only its first operand may depend on the observation".to_string()),
        }
    }

    /// Constant operand `index`; `None` if it is left out.
    fn constant(&self, index: usize) -> Result<Option<&'a Value>, String> {
        match self.operands.get(index) {
            None | Some(Operand::Absent) => Ok(None),
            Some(Operand::Constant(value)) => Ok(Some(value)),
            Some(Operand::Flow) => Err(format!(
                "operand {index} depends on the observation, a constant is expected"
            )),
        }
    }
}
