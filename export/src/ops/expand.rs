//! `Expand` and `Tile`: the same numbers several times.

use super::{Call, OpDef, Site};
use crate::array::{Array, Strides, broadcast_shape, element_count};
use crate::lower::Tensor;

const fn op(name: &'static str) -> OpDef {
    OpDef {
        name,
        arity: (2, 2),
        results: 1,
        attributes: &[],
        fixed: &[1],
        becomes: "Copy, or nothing where nothing repeats",
        evaluate,
        lower,
    }
}

pub(super) const EXPAND: OpDef = op("Expand");
pub(super) const TILE: OpDef = op("Tile");

/// The selection and the shape it is called by: each axis of a tile is two, the repetition and the axis itself.
fn strides(call: &Call<'_>) -> Result<(Strides, Vec<usize>), String> {
    let shape = &call.required(0)?.shape;
    let counts = call.integers(1).ok_or("operand 1 is missing")?;
    let counts = counts
        .into_iter()
        .map(usize::try_from)
        .collect::<Result<Vec<_>, _>>();
    let counts = counts.map_err(|_| "a length is negative".to_string())?;
    if call.node.op == "Expand" {
        let shape = broadcast_shape(shape, &counts)?;
        let strides = Strides::of(&call.required(0)?.shape).broadcast(&shape)?;
        return Ok((strides, shape));
    }
    if counts.len() != shape.len() {
        return Err(format!(
            "{} repetitions for {} axes",
            counts.len(),
            shape.len()
        ));
    }
    let whole = Strides::of(shape);
    let mut tiled = Strides::of(&[]);
    let mut result = Vec::new();
    for (axis, count) in counts.into_iter().enumerate() {
        tiled.dims.extend([count, shape[axis]]);
        tiled.steps.extend([0, whole.steps[axis]]);
        result.push(count.saturating_mul(shape[axis]));
    }
    element_count(&result)?;
    Ok((tiled, result))
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (strides, shape) = strides(call)?;
    Ok(vec![call.required(0)?.strided(&strides).reshaped(shape)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (strides, _) = strides(&site.call)?;
    let x = site.tensor(0)?;
    Ok(vec![site.build.strided(&x, &strides)])
}
