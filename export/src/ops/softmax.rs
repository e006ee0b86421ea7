//! `Softmax` and `LogSoftmax`: along one axis from operator set 13 on, before that along all axes from `axis` on.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::Tensor;

const fn op(name: &'static str) -> OpDef {
    OpDef {
        name,
        arity: (1, 1),
        results: 1,
        attributes: &["axis"],
        fixed: &[],
        becomes: "Softmax",
        evaluate,
        lower,
    }
}

pub(super) const LOG_SOFTMAX: OpDef = op("LogSoftmax");
pub(super) const SOFTMAX: OpDef = op("Softmax");

/// Numbers before, along and behind the axis.
fn extent(call: &Call<'_>) -> Result<[usize; 3], String> {
    let shape = &call.required(0)?.shape;
    let is_one_axis = call.opset >= 13;
    let default = if is_one_axis { -1 } else { 1 };
    let axis = call.axis("axis", default, shape.len())?;
    let outer = shape[..axis].iter().product();
    Ok(if is_one_axis {
        [outer, shape[axis], shape[axis + 1..].iter().product()]
    } else {
        [outer, shape[axis..].iter().product(), 1]
    })
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let [outer, n, inner] = extent(call)?;
    let mut y = call.required(0)?.clone();
    for row in 0..outer {
        for column in 0..inner {
            let at = |i: usize| (row * n + i) * inner + column;
            let greatest = (0..n)
                .map(|i| y.data[at(i)])
                .fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..n).map(|i| (y.data[at(i)] - greatest).exp()).sum();
            for i in 0..n {
                let x = y.data[at(i)] - greatest;
                y.data[at(i)] = match call.node.op.as_str() {
                    "Softmax" => x.exp() / sum,
                    _ => x - sum.ln(),
                };
            }
        }
    }
    Ok(vec![y])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let extent = extent(&site.call)?;
    let x = site.tensor(0)?;
    let function = u8::from(site.call.node.op == "LogSoftmax");
    Ok(vec![site.build.softmax(function, &x, extent)])
}
