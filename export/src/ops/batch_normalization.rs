//! `BatchNormalization` as at inference: `(x - mean) / sqrt(variance + epsilon) * scale + bias` of each channel.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "BatchNormalization",
    arity: (5, 5),
    results: 5,
    attributes: &["epsilon", "momentum", "spatial", "training_mode", "is_test"],
    fixed: &[1, 2, 3, 4],
    becomes: "part of Dense or Conv before it, else two Zip",
    evaluate,
    lower,
};

/// Factor and offset of each channel.
fn affine(call: &Call<'_>) -> Result<[Vec<f64>; 2], String> {
    let node = call.node;
    if node.int("training_mode", 0)? != 0
        || node.outputs.iter().skip(1).any(|name| !name.is_empty())
    {
        return Err("is set to train".to_string());
    }
    if node.int("spatial", 1)? == 0 {
        return Err("spatial = 0 is not supported".to_string());
    }
    let epsilon = f64::from(node.float("epsilon", 1e-5)?);
    let part = |index: usize| -> Result<&[f64], String> { Ok(&call.required(index)?.data) };
    let (scale, bias, mean, variance) = (part(1)?, part(2)?, part(3)?, part(4)?);
    let x = call.required(0)?;
    let channels = x.shape.get(1).copied().unwrap_or(1);
    if [scale, bias, mean, variance]
        .iter()
        .any(|part| part.len() != channels)
    {
        return Err(format!("its parameters are not {channels} numbers each"));
    }
    let factor: Vec<f64> = (0..channels)
        .map(|i| scale[i] / (variance[i] + epsilon).sqrt())
        .collect();
    let offset = (0..channels)
        .map(|i| bias[i] - mean[i] * factor[i])
        .collect();
    Ok([factor, offset])
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let [factor, offset] = affine(call)?;
    let mut y = call.required(0)?.clone();
    let inner: usize = y.shape.iter().skip(2).product();
    for (i, x) in y.data.iter_mut().enumerate() {
        let channel = i / inner % factor.len();
        *x = *x * factor[channel] + offset[channel];
    }
    Ok(vec![y])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let [factor, offset] = affine(&site.call)?;
    let x = site.tensor(0)?;
    Ok(vec![site.build.affine(&x, factor, offset)?])
}
