//! `Squeeze`: drops axes of length 1; which, an attribute says (operator set 12 and below) or an operand (from 13 on).

use super::{OpDef, lower_nothing, operand, required};
use crate::array::Array;
use crate::graph::Node;

pub(super) const OP: OpDef = OpDef {
    name: "Squeeze",
    arity: (1, 2),
    attributes: &["axes"],
    evaluate,
    lower: lower_nothing,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let array = required(operands, 0)?;
    let Some(axes) = axes(node, operands, array.shape.len())? else {
        return array.reshaped(array.shape.iter().copied().filter(|n| *n != 1).collect());
    };
    let mut shape = Vec::new();
    for (axis, n) in array.shape.iter().enumerate() {
        match axes.contains(&axis) {
            true if *n != 1 => return Err(format!("axis {axis} has length {n}, not 1")),
            true => {}
            false => shape.push(*n),
        }
    }
    array.reshaped(shape)
}

/// The axes named, counted from the front; `None` if none are named.
pub(super) fn axes(
    node: &Node,
    operands: &[Option<&Array>],
    rank: usize,
) -> Result<Option<Vec<usize>>, String> {
    let named: Vec<i64> = match (node.ints("axes")?, operand(operands, 1)) {
        (Some(axes), _) => axes.to_vec(),
        (None, Some(axes)) => axes.data.iter().map(|axis| *axis as i64).collect(),
        (None, None) => return Ok(None),
    };
    let mut axes = Vec::new();
    for axis in named {
        let front = if axis < 0 {
            axis.saturating_add(rank as i64)
        } else {
            axis
        };
        match usize::try_from(front) {
            Ok(front) if front < rank && !axes.contains(&front) => axes.push(front),
            _ => return Err(format!("axis {axis} of {rank}")),
        }
    }
    Ok(Some(axes))
}
