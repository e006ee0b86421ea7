//! `Flatten`: two axes, split before `axis`.

use super::{OpDef, lower_nothing, required};
use crate::array::Array;
use crate::graph::Node;

pub(super) const OP: OpDef = OpDef {
    name: "Flatten",
    arity: (1, 1),
    attributes: &["axis"],
    evaluate,
    lower: lower_nothing,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let array = required(operands, 0)?;
    let rank = array.shape.len() as i64;
    let axis = node.int("axis", 1)?;
    if !(-rank..=rank).contains(&axis) {
        return Err(format!("axis {axis} of {rank}"));
    }
    let at = if axis < 0 { axis + rank } else { axis } as usize;
    let (rows, columns) = array.shape.split_at(at);
    array.reshaped(vec![rows.iter().product(), columns.iter().product()])
}
