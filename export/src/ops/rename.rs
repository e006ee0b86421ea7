//! Operators that leave every number where it is: they only count axes differently.

use super::{Call, OpDef, Site, axes_of, axis_of};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::Tensor;

const fn op(
    name: &'static str,
    arity: (usize, usize),
    attributes: &'static [&'static str],
    evaluate: fn(&Call<'_>) -> Result<Vec<Array>, String>,
) -> OpDef {
    OpDef {
        name,
        arity,
        results: 1,
        attributes,
        fixed: &[1],
        becomes: "nothing",
        evaluate,
        lower,
    }
}

pub(super) const DROPOUT: OpDef = OpDef {
    results: 2,
    fixed: &[1, 2],
    ..op("Dropout", (1, 3), &["ratio", "seed"], dropout)
};
pub(super) const FLATTEN: OpDef = op("Flatten", (1, 1), &["axis"], flatten);
pub(super) const IDENTITY: OpDef = op("Identity", (1, 1), &[], |call| {
    Ok(vec![call.required(0)?.clone()])
});
pub(super) const RESHAPE: OpDef = op("Reshape", (2, 2), &["allowzero"], reshape);
pub(super) const SQUEEZE: OpDef = op("Squeeze", (1, 2), &["axes"], squeeze);
pub(super) const UNSQUEEZE: OpDef = op("Unsqueeze", (1, 2), &["axes"], unsqueeze);

/// As at inference: nothing is dropped.
fn dropout(call: &Call<'_>) -> Result<Vec<Array>, String> {
    if call
        .optional(2)
        .is_some_and(|training| training.data.iter().any(|x| *x != 0.0))
    {
        return Err("drops numbers at random; that is for training".to_string());
    }
    let x = call.required(0)?;
    let mask = x.map(|_| 1.0).typed(Dtype::Bool);
    Ok([x.clone(), mask]
        .into_iter()
        .take(call.node.outputs.len())
        .collect())
}

fn flatten(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let x = call.required(0)?;
    let rank = x.shape.len();
    let axis = match call.node.int("axis", 1)? {
        // Behind the last axis is a place, too.
        axis if axis == rank as i64 => rank,
        axis => axis_of(axis, rank)?,
    };
    let (rows, columns) = x.shape.split_at(axis);
    let shape = vec![rows.iter().product(), columns.iter().product()];
    Ok(vec![x.reshaped(shape)?])
}

/// 0 keeps an axis (unless `allowzero`), one -1 takes what is left.
fn reshape(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let array = call.required(0)?;
    let zero_keeps = call.node.int("allowzero", 0)? == 0;
    let mut shape = Vec::new();
    let mut open = None;
    for (axis, wanted) in call.required(1)?.data.iter().enumerate() {
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
    Ok(vec![array.reshaped(shape)?])
}

fn squeeze(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let array = call.required(0)?;
    let rank = array.shape.len();
    let axes = match call.integers_or(1, "axes")? {
        Some(axes) => axes_of(&axes, rank)?,
        None => (0..rank).filter(|axis| array.shape[*axis] == 1).collect(),
    };
    let shape = array.shape.iter().enumerate();
    let kept = shape.filter(|(axis, _)| !axes.contains(axis));
    Ok(vec![array.reshaped(kept.map(|(_, n)| *n).collect())?])
}

fn unsqueeze(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let array = call.required(0)?;
    let axes = call.integers_or(1, "axes")?.ok_or("its axes are missing")?;
    let rank = array.shape.len() + axes.len();
    let axes = axes_of(&axes, rank)?;
    let mut old = array.shape.iter();
    let shape = (0..rank).map(|axis| match axes.contains(&axis) {
        true => 1,
        false => old.next().copied().unwrap_or(1),
    });
    Ok(vec![array.reshaped(shape.collect())?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let x = site.tensor(0)?;
    if site.results.len() > 1 {
        return Err("its mask is not supported; only its first result is".to_string());
    }
    let shape = site.shape().to_vec();
    Ok(vec![site.build.reshaped(&x, &shape)])
}
