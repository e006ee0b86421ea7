//! `ArgMax` and `ArgMin`: where the greatest or least number is.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::Tensor;

const fn op(name: &'static str) -> OpDef {
    OpDef {
        name,
        arity: (1, 1),
        results: 1,
        attributes: &["axis", "keepdims", "select_last_index"],
        fixed: &[],
        becomes: "ArgMax",
        evaluate,
        lower,
    }
}

pub(super) const ARG_MAX: OpDef = op("ArgMax");
pub(super) const ARG_MIN: OpDef = op("ArgMin");

struct Search {
    /// Numbers before, along and behind the axis.
    extent: [usize; 3],
    shape: Vec<usize>,
    is_min: bool,
    takes_last: bool,
}

fn search(call: &Call<'_>) -> Result<Search, String> {
    let shape = &call.required(0)?.shape;
    let axis = call.axis("axis", 0, shape.len())?;
    let mut result = shape.clone();
    match call.node.int("keepdims", 1)? {
        0 => drop(result.remove(axis)),
        _ => result[axis] = 1,
    }
    Ok(Search {
        extent: [
            shape[..axis].iter().product(),
            shape[axis],
            shape[axis + 1..].iter().product(),
        ],
        shape: result,
        is_min: call.node.op == "ArgMin",
        takes_last: call.node.int("select_last_index", 0)? != 0,
    })
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let search = search(call)?;
    let x = call.required(0)?;
    let [outer, n, inner] = search.extent;
    let mut data = Vec::new();
    for row in 0..outer {
        for column in 0..inner {
            let at = |i: usize| x.data[(row * n + i) * inner + column];
            let mut best = 0;
            for i in 1..n {
                let (new, old) = if search.is_min {
                    (-at(i), -at(best))
                } else {
                    (at(i), at(best))
                };
                if new > old || (search.takes_last && new == old) {
                    best = i;
                }
            }
            data.push(best as f64);
        }
    }
    Ok(vec![Array::new(search.shape, data, Dtype::I64)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let search = search(&site.call)?;
    let x = site.tensor(0)?;
    let function = 2 * u8::from(search.is_min) + u8::from(search.takes_last);
    Ok(vec![site.build.arg_max(function, &x, search.extent)])
}
