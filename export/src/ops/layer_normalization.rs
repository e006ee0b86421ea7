//! `LayerNormalization`: `(x - mean) / sqrt(variance + epsilon) * scale + bias` over the axes from `axis` on.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::{Tensor, map, reduce, zip};

pub(super) const OP: OpDef = OpDef {
    name: "LayerNormalization",
    arity: (2, 3),
    results: 3,
    attributes: &["axis", "epsilon", "stash_type"],
    fixed: &[],
    becomes: "LayerNorm; its mean and deviation Reduce, Zip and Map",
    evaluate,
    lower,
};

/// Rows and numbers in each.
fn extent(call: &Call<'_>) -> Result<(usize, usize), String> {
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
    let (mut means, mut inverse) = (Vec::new(), Vec::new());
    for row in y.data.chunks_mut(len.max(1)) {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        means.push(mean);
        inverse.push((variance + epsilon).sqrt().recip());
        for (i, x) in row.iter_mut().enumerate() {
            *x = (*x - mean) / (variance + epsilon).sqrt();
            *x = *x * scale.as_ref().map_or(1.0, |s| s.data[i])
                + bias.as_ref().map_or(0.0, |b| b.data[i]);
        }
    }
    let axis = call.axis("axis", -1, y.shape.len())?;
    let mut shape = y.shape.clone();
    shape[axis..].fill(1);
    let results = [
        Array::new(shape.clone(), means, y.dtype)?,
        Array::new(shape, inverse, y.dtype)?,
    ];
    Ok([y]
        .into_iter()
        .chain(results)
        .take(call.node.outputs.len())
        .collect())
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
    let build = &mut *site.build;
    let mut results = vec![build.layer_norm(&x, rows, len, epsilon, scale.as_ref(), bias.as_ref())];
    if site.results.len() > 1 {
        let x = x.with_shape(&[rows, len]);
        let mean = build.reduce(reduce::MEAN, &x, [rows, len, 1]);
        let mean = mean.with_shape(&[rows, 1]);
        let centred = build.zip(zip::SUB, &x, &mean)?;
        let squares = build.zip(zip::MUL, &centred, &centred)?;
        let variance = build.reduce(reduce::MEAN, &squares, [rows, len, 1]);
        let epsilon = Tensor::of(Array::scalar(f64::from(epsilon), x.dtype));
        let variance = build.zip(zip::ADD, &variance, &epsilon)?;
        let deviation = build.map(map::SQRT, [0.0; 2], &variance);
        results.extend([mean, build.map(map::RECIPROCAL, [0.0; 2], &deviation)]);
    }
    Ok(results)
}
