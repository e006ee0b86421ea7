//! `Split`: lengths as attribute, as operand (from operator set 13 on), or equal ones (`num_outputs` from 18 on).

use super::{Call, OpDef, Site};
use crate::array::{Array, Strides};
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Split",
    arity: (1, 2),
    results: usize::MAX,
    attributes: &["axis", "split", "num_outputs"],
    fixed: &[1],
    becomes: "nothing where its elements are neighbours, else Copy",
    evaluate,
    lower,
};

fn strides(call: &Call<'_>) -> Result<Vec<Strides>, String> {
    let x = call.required(0)?;
    let axis = call.axis("axis", 0, x.shape.len())?;
    let (n, parts) = (x.shape[axis], call.node.outputs.len());
    let lengths: Vec<usize> = match call.integers_or(1, "split")? {
        Some(lengths) => {
            let lengths = lengths
                .into_iter()
                .map(usize::try_from)
                .collect::<Result<_, _>>();
            lengths.map_err(|_| "a part has a negative length".to_string())?
        }
        None => {
            // The last part is the shorter one.
            let len = n.div_ceil(parts);
            (0..parts)
                .map(|i| n.saturating_sub(i * len).min(len))
                .collect()
        }
    };
    let sum = lengths
        .iter()
        .try_fold(0_usize, |sum, len| sum.checked_add(*len));
    if lengths.len() != parts || sum != Some(n) {
        return Err(format!(
            "{n} cannot be split into {lengths:?} for {parts} results"
        ));
    }
    let mut start = 0;
    let whole = Strides::of(&x.shape);
    Ok(lengths
        .into_iter()
        .map(|len| {
            start += len;
            whole.clone().narrowed(axis, start - len, len)
        })
        .collect())
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let x = call.required(0)?;
    Ok(strides(call)?.iter().map(|part| x.strided(part)).collect())
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let x = site.tensor(0)?;
    let parts = strides(&site.call)?;
    Ok(parts
        .iter()
        .map(|part| site.build.strided(&x, part))
        .collect())
}
