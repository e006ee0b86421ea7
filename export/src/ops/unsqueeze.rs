//! `Unsqueeze`: adds axes of length 1, named as in [`Squeeze`](super::squeeze) and counted in the result.

use super::squeeze::axes;
use super::{OpDef, lower_nothing, operand, required};
use crate::array::Array;
use crate::graph::Node;

pub(super) const OP: OpDef = OpDef {
    name: "Unsqueeze",
    arity: (1, 2),
    attributes: &["axes"],
    evaluate,
    lower: lower_nothing,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let array = required(operands, 0)?;
    let n_new = match (node.ints("axes")?, operand(operands, 1)) {
        (Some(axes), _) => axes.len(),
        (None, Some(axes)) => axes.data.len(),
        (None, None) => return Err("its axes are missing".to_string()),
    };
    let rank = array.shape.len() + n_new;
    let axes = axes(node, operands, rank)?.unwrap_or_default();
    let mut old = array.shape.iter();
    let shape = (0..rank).map(|axis| match axes.contains(&axis) {
        true => 1,
        false => old.next().copied().unwrap_or(1),
    });
    array.reshaped(shape.collect())
}
