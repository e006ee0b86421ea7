//! `Clip`: bounds as attributes (operator set 6) or as optional scalar operands (from 11 on).

use super::{OpDef, Site, operand, required};
use crate::array::Array;
use crate::graph::{Data, Node};
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Clip",
    arity: (1, 3),
    attributes: &["min", "max"],
    evaluate,
    lower,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let bound = |index: usize, name: &str, none: f32| match operand(operands, index) {
        None => Ok(f64::from(node.float(name, none)?)),
        Some(array) => match array.data.as_slice() {
            [bound] => Ok(*bound),
            _ => Err(format!("{name} is not one number")),
        },
    };
    let low = bound(1, "min", f32::NEG_INFINITY)?;
    let high = bound(2, "max", f32::INFINITY)?;
    // As ONNX defines it where the bounds are crossed: the upper one wins.
    Ok(required(operands, 0)?.map(|x| x.max(low).min(high)))
}

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    site.flow_first()?;
    let bound = |index: usize, name: &str, none: f32| match site.constant(index)? {
        None => site.node.float(name, none),
        Some(value) => match &value.data {
            Data::F32(data) if data.len() == 1 => Ok(data[0]),
            _ => Err(format!("{name} is not one float32 number")),
        },
    };
    let low = bound(1, "min", f32::NEG_INFINITY)?;
    let high = bound(2, "max", f32::INFINITY)?;
    if low.is_nan() || high.is_nan() || low > high {
        return Err(format!("its bounds {low} and {high} are not in order"));
    }
    Ok(vec![Stage::Clamp {
        low: vec![low; site.output_len()],
        high: vec![high; site.output_len()],
    }])
}
