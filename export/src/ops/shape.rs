//! `Shape` and `Size`: lengths, which are known when an image is made.

use super::{Call, OpDef};
use crate::array::Array;
use crate::dtype::Dtype;

const fn op(
    name: &'static str,
    attributes: &'static [&'static str],
    evaluate: fn(&Call<'_>) -> Result<Vec<Array>, String>,
) -> OpDef {
    OpDef {
        name,
        arity: (1, 1),
        results: 1,
        attributes,
        fixed: &[],
        becomes: "nothing: computed when the image is made",
        evaluate,
        lower: |_| Err("it is a constant".to_string()),
    }
}

pub(super) const SHAPE: OpDef = op("Shape", &["start", "end"], |call| {
    let shape = &call.required(0)?.shape;
    let rank = shape.len() as i64;
    let bound = |name: &str, default: i64| -> Result<usize, String> {
        let bound = call.node.int(name, default)?;
        let from_start = if bound < 0 {
            bound.saturating_add(rank)
        } else {
            bound
        };
        Ok(from_start.clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let part = shape.get(start..end).unwrap_or_default();
    Ok(vec![Array::integers(part.iter().copied())])
});

pub(super) const SIZE: OpDef = op("Size", &[], |call| {
    let len = call.required(0)?.data.len() as f64;
    Ok(vec![Array::scalar(len, Dtype::I64)])
});
