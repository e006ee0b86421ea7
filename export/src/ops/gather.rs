//! `Gather`: elements along an axis by index; an index below 0 counts from the end.

use super::{Call, OpDef, Site};
use crate::array::{Array, Strides, element_count};
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Gather",
    arity: (2, 2),
    results: 1,
    attributes: &["axis"],
    fixed: &[],
    becomes: "Gather, or nothing or Copy for one constant index",
    evaluate,
    lower,
};

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (x, indices) = (call.required(0)?, call.required(1)?);
    let axis = call.axis("axis", 0, x.shape.len())?;
    let n = x.shape[axis];
    let inner: usize = x.shape[axis + 1..].iter().product();
    let outer: usize = x.shape[..axis].iter().product();
    let shape = [&x.shape[..axis], &indices.shape, &x.shape[axis + 1..]].concat();
    let mut data = Vec::with_capacity(element_count(&shape)?);
    for row in 0..outer {
        for index in &indices.data {
            let start = (row * n + position(*index, n)?) * inner;
            data.extend_from_slice(&x.data[start..start + inner]);
        }
    }
    Ok(vec![Array::new(shape, data, x.dtype)?])
}

fn position(index: f64, n: usize) -> Result<usize, String> {
    let from_start = if index < 0.0 { index + n as f64 } else { index };
    if (0.0..n as f64).contains(&from_start) {
        Ok(from_start as usize)
    } else {
        Err(format!("index {index} is none of {n}"))
    }
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (x, indices) = (site.tensor(0)?, site.tensor(1)?);
    let axis = site.call.axis("axis", 0, x.shape.len())?;
    if let Some([index]) = indices.constant().map(|array| array.data.as_slice()) {
        let start = position(*index, x.shape[axis])?;
        let strides = Strides::of(&x.shape).narrowed(axis, start, 1);
        return Ok(vec![site.build.strided(&x, &strides)]);
    }
    let outer = x.shape[..axis].iter().product();
    let inner = x.shape[axis + 1..].iter().product();
    Ok(vec![site.build.gather(
        &x,
        &indices,
        [outer, x.shape[axis], inner],
    )])
}
