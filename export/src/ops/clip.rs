//! `Clip`: bounds as attributes (operator set 6) or as optional scalar operands (from 11 on).

use super::activation::clamp;
use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::{Tensor, map, zip};

pub(super) const OP: OpDef = OpDef {
    name: "Clip",
    arity: (1, 3),
    results: 1,
    attributes: &["min", "max"],
    fixed: &[],
    becomes: "Map, or Zip where a bound is computed",
    evaluate,
    lower,
};

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let bound = |index: usize, name: &str, none: f32| match call.optional(index) {
        None => Ok(f64::from(call.node.float(name, none)?)),
        Some(array) => array.only(name),
    };
    let low = bound(1, "min", f32::NEG_INFINITY)?;
    let high = bound(2, "max", f32::INFINITY)?;
    // As ONNX defines it where the bounds are crossed: the upper one wins.
    Ok(vec![call.required(0)?.map(|x| clamp(x, low, high))])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let x = site.tensor(0)?;
    let computed = |index: usize| {
        site.optional(index)
            .filter(|bound| bound.constant().is_none())
    };
    if computed(1).is_none() && computed(2).is_none() {
        let bound = |index: usize, name: &str, none: f32| match site.constant(index)? {
            None => site.call.node.float(name, none),
            Some(array) => Ok(array.only(name)? as f32),
        };
        let low = bound(1, "min", f32::NEG_INFINITY)?;
        let high = bound(2, "max", f32::INFINITY)?;
        if low.is_nan() || high.is_nan() || low > high {
            return Err(format!("its bounds {low} and {high} are not in order"));
        }
        return Ok(vec![site.build.map(map::CLIP, [low, high], &x)]);
    }
    let mut result = x;
    for (index, function) in [(1, zip::MAX), (2, zip::MIN)] {
        if let Some(bound) = site.optional(index) {
            result = site.build.zip(function, &result, &bound)?;
        }
    }
    Ok(vec![result])
}
