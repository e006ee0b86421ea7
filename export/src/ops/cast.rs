//! `Cast`, `CastLike`: other element types. An engine holds every number as `float32`, so a cast to another floating type
//! is nothing there.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::{Tensor, map};

const fn op(name: &'static str, arity: usize, attributes: &'static [&'static str]) -> OpDef {
    OpDef {
        name,
        arity: (arity, arity),
        results: 1,
        attributes,
        fixed: &[],
        becomes: "Map to integers and booleans, else nothing",
        evaluate,
        lower,
    }
}

pub(super) const CAST: OpDef = op("Cast", 1, &["to", "saturate", "round_mode"]);
pub(super) const CAST_LIKE: OpDef = op("CastLike", 2, &["saturate", "round_mode"]);

fn target(call: &Call<'_>) -> Result<Dtype, String> {
    if call.node.op == "CastLike" {
        return Ok(call.required(1)?.dtype);
    }
    let number = call.node.int("to", 0)?;
    let dtype = i32::try_from(number).ok().and_then(Dtype::of_number);
    dtype.ok_or_else(|| format!("type {number} is not supported"))
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (x, to) = (call.required(0)?, target(call)?);
    let cast = match to {
        // The reference does not round.
        Dtype::F32 | Dtype::F64 | Dtype::F16 => x.clone(),
        _ => x.map(|x| to.cast(x)),
    };
    Ok(vec![cast.typed(to)])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (x, to) = (site.tensor(0)?, target(&site.call)?);
    let from = x.dtype.range();
    let fits = |(low, high): (f64, f64)| from.is_some_and(|(a, b)| low <= a && b <= high);
    Ok(vec![match to {
        Dtype::F32 | Dtype::F64 | Dtype::F16 => x,
        Dtype::Bool => site.build.map(map::BOOL, [0.0; 2], &x),
        // Beyond 2^24 an engine does not hold integers exactly, so wrapping at 2^31 cannot be told.
        Dtype::I32 | Dtype::I64 if !x.dtype.is_float() => x,
        Dtype::I32 | Dtype::I64 => site.build.map(map::TRUNC, [0.0; 2], &x),
        to if to.range().is_some_and(fits) => x,
        to => return Err(format!("to {} may wrap, which is not supported", to.name())),
    }])
}
