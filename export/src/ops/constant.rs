//! `Constant`: a tensor written in the node. Always folded away before lowering.

use super::OpDef;
use crate::array::Array;
use crate::graph::{Attribute, Node};

pub(super) const OP: OpDef = OpDef {
    name: "Constant",
    arity: (0, 0),
    attributes: &[
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    ],
    evaluate,
    lower: |_| Err("it does not depend on the observation".to_string()),
};

fn evaluate(node: &Node, _: &[Option<&Array>]) -> Result<Array, String> {
    let vector = |data: Vec<f64>| Array {
        shape: vec![data.len()],
        data,
    };
    let scalar = |value: f64| Array {
        shape: Vec::new(),
        data: vec![value],
    };
    match node.attributes.values().collect::<Vec<_>>().as_slice() {
        [Attribute::Value(value)] => Array::of(value),
        [Attribute::Float(value)] => Ok(scalar(f64::from(*value))),
        [Attribute::Int(value)] => Ok(scalar(*value as f64)),
        [Attribute::Floats(values)] => Ok(vector(values.iter().map(|x| f64::from(*x)).collect())),
        [Attribute::Ints(values)] => Ok(vector(values.iter().map(|x| *x as f64).collect())),
        _ => Err("one numeric attribute is expected".to_string()),
    }
}
