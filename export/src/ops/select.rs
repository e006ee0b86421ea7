//! `Where`: one number or another.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Where",
    arity: (3, 3),
    results: 1,
    attributes: &[],
    fixed: &[],
    becomes: "Select",
    evaluate,
    lower,
};

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (condition, a, b) = (call.required(0)?, call.required(1)?, call.required(2)?);
    // The shape of all three; the numbers do not matter yet.
    let shape = condition.zip(&a.zip(b, |a, _| a)?, |c, _| c)?.shape;
    let (condition, a, b) = (
        condition.broadcast(&shape)?,
        a.broadcast(&shape)?,
        b.broadcast(&shape)?,
    );
    let pairs = condition.data.iter().zip(a.data.iter().zip(&b.data));
    let data = pairs
        .map(|(c, (a, b))| if *c != 0.0 { *a } else { *b })
        .collect();
    Ok(vec![Array::new(shape, data, a.dtype)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let shape = site.shape().to_vec();
    let (condition, a, b) = (site.tensor(0)?, site.tensor(1)?, site.tensor(2)?);
    Ok(vec![site.build.select(&condition, &a, &b, &shape)?])
}
