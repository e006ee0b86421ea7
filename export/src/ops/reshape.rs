//! `Reshape`: 0 keeps an axis (unless `allowzero`), one -1 takes what is left.

use super::{OpDef, lower_nothing, required};
use crate::array::Array;
use crate::graph::Node;

pub(super) const OP: OpDef = OpDef {
    name: "Reshape",
    arity: (2, 2),
    attributes: &["allowzero"],
    evaluate,
    lower: lower_nothing,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let array = required(operands, 0)?;
    let zero_keeps = node.int("allowzero", 0)? == 0;
    let mut shape = Vec::new();
    let mut open = None;
    for (axis, wanted) in required(operands, 1)?.data.iter().enumerate() {
        let len = match *wanted {
            -1.0 if open.replace(axis).is_some() => {
                return Err("its shape has two axes of length -1".to_string());
            }
            -1.0 => 1,
            0.0 if zero_keeps => *array
                .shape
                .get(axis)
                .ok_or_else(|| format!("its shape keeps axis {axis}, which there is not"))?,
            len if len >= 0.0 => len as usize,
            len => return Err(format!("its shape has an axis of length {len}")),
        };
        shape.push(len);
    }
    if let Some(axis) = open {
        let rest = shape.iter().copied().fold(1, usize::saturating_mul);
        shape[axis] = array.data.len().checked_div(rest).unwrap_or(0);
    }
    array.reshaped(shape)
}
