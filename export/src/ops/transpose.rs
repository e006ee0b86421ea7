//! `Transpose`: axes in another order.

use super::{Call, OpDef, Site, axes_of, axis_of};
use crate::array::{Array, Strides};
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Transpose",
    arity: (1, 1),
    results: 1,
    attributes: &["perm"],
    fixed: &[],
    becomes: "nothing where only axes of length 1 move, else Copy",
    evaluate,
    lower,
};

fn strides(call: &Call<'_>) -> Result<Strides, String> {
    let shape = &call.required(0)?.shape;
    let rank = shape.len();
    let order = match call.node.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(order) => {
            if axes_of(order, rank)?.len() != rank {
                return Err(format!("{order:?} does not order {rank} axes"));
            }
            order
                .iter()
                .map(|axis| axis_of(*axis, rank))
                .collect::<Result<Vec<_>, _>>()?
        }
    };
    Ok(Strides::of(shape).permuted(&order))
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    Ok(vec![call.required(0)?.strided(&strides(call)?)])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let strides = strides(&site.call)?;
    let x = site.tensor(0)?;
    Ok(vec![site.build.strided(&x, &strides)])
}
