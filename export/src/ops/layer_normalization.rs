//! `LayerNormalization`: `(x - mean) / sqrt(variance + epsilon) * scale + bias` over the axes from `axis` on.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "LayerNormalization",
    arity: (2, 3),
    results: 3,
    attributes: &["axis", "epsilon", "stash_type"],
    fixed: &[],
    becomes: "LayerNorm",
    evaluate,
    lower,
};

/// Rows and numbers in each.
fn extent(call: &Call<'_>) -> Result<(usize, usize), String> {
    if call
        .node
        .outputs
        .iter()
        .skip(1)
        .any(|name| !name.is_empty())
    {
        return Err("its mean and deviation are not supported as results".to_string());
    }
    let shape = &call.required(0)?.shape;
    let axis = call.axis("axis", -1, shape.len())?;
    let (rows, len) = shape.split_at(axis);
    Ok((rows.iter().product(), len.iter().product()))
}

/// Scale or bias for each number of a row.
fn wide(call: &Call<'_>, index: usize, rows: usize) -> Result<Option<Array>, String> {
    let Some(array) = call.optional(index) else {
        return Ok(None);
    };
    let shape = &call.required(0)?.shape;
    let mut own = shape.clone();
    let mut product = 1;
    for n in &mut own {
        if product < rows {
            product *= *n;
            *n = 1;
        }
    }
    match array.broadcast(&own) {
        Ok(wide) => Ok(Some(wide)),
        Err(problem) => Err(format!("scale or bias: {problem}")),
    }
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (rows, len) = extent(call)?;
    let epsilon = f64::from(call.node.float("epsilon", 1e-5)?);
    let (scale, bias) = (wide(call, 1, rows)?, wide(call, 2, rows)?);
    let mut y = call.required(0)?.clone();
    for row in y.data.chunks_mut(len.max(1)) {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        for (i, x) in row.iter_mut().enumerate() {
            *x = (*x - mean) / (variance + epsilon).sqrt();
            *x = *x * scale.as_ref().map_or(1.0, |s| s.data[i])
                + bias.as_ref().map_or(0.0, |b| b.data[i]);
        }
    }
    Ok(vec![y])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (rows, len) = extent(&site.call)?;
    let epsilon = site.call.node.float("epsilon", 1e-5)?;
    let x = site.tensor(0)?;
    let mut parameters = Vec::new();
    for index in [1, 2] {
        parameters.push(match site.optional(index) {
            None => None,
            Some(tensor) if tensor.constant().is_some() => {
                wide(&site.call, index, rows)?.map(Tensor::of)
            }
            Some(tensor) if tensor.len() == len => Some(tensor),
            Some(_) => return Err("a computed scale or bias does not broadcast".to_string()),
        });
    }
    let bias = parameters.pop().flatten();
    let scale = parameters.pop().flatten();
    Ok(vec![site.build.layer_norm(
        &x,
        rows,
        len,
        epsilon,
        scale.as_ref(),
        bias.as_ref(),
    )])
}
