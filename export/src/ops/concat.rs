//! `Concat`: arrays behind each other along an axis.

use super::{Call, OpDef, Site};
use crate::array::{Array, element_count};
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Concat",
    arity: (1, usize::MAX),
    results: 1,
    attributes: &["axis"],
    fixed: &[],
    becomes: "nothing where the parts can be computed in place, else Copy",
    evaluate,
    lower,
};

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let first = call.required(0)?;
    let axis = call.axis("axis", 0, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    let mut parts = Vec::new();
    for index in 0..call.operands.len() {
        let part = call.required(index)?;
        let fits = part.shape.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || part.shape[i] == shape[i]);
        if !fits {
            return Err(format!("{:?} and {:?} do not fit", first.shape, part.shape));
        }
        shape[axis] += part.shape[axis];
        parts.push(part);
    }
    let mut data = Vec::with_capacity(element_count(&shape)?);
    let outer: usize = shape[..axis].iter().product();
    for row in 0..outer {
        for part in &parts {
            let len = part.data.len() / outer;
            data.extend_from_slice(&part.data[row * len..(row + 1) * len]);
        }
    }
    Ok(vec![Array::new(shape, data, first.dtype)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let mut parts = Vec::new();
    for index in 0..site.operands.len() {
        parts.push(site.tensor(index)?);
    }
    let axis = site.call.axis("axis", 0, parts[0].shape.len())?;
    Ok(vec![site.build.concat(&parts, axis)])
}
