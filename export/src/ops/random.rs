//! Operators that sample. They are known so that a branch that nothing needs can go, and so that the one that is needed can
//! be replaced by its mean on request; none runs.

use super::{Call, OpDef};
use crate::array::Array;
use crate::graph::Node;

const fn op(name: &'static str, arity: usize, attributes: &'static [&'static str]) -> OpDef {
    OpDef {
        name,
        arity: (arity, arity),
        results: 1,
        attributes,
        fixed: &[],
        becomes: "nothing where no kept output needs it, else refused",
        evaluate: |call| Err(format!("{} samples at random", call.node.op)),
        lower: |site| Err(format!("{} samples at random", site.call.node.op)),
    }
}

pub(super) const MULTINOMIAL: OpDef = op("Multinomial", 1, &["dtype", "sample_size", "seed"]);
pub(super) const NORMAL: OpDef = op("RandomNormalLike", 1, &["dtype", "mean", "scale", "seed"]);
pub(super) const UNIFORM: OpDef = op("RandomUniformLike", 1, &["dtype", "low", "high", "seed"]);

/// Whether an operator samples; also those that no policy graph has been seen with.
#[must_use]
pub fn is_random(op: &str) -> bool {
    op.starts_with("Random") || matches!(op, "Multinomial" | "Bernoulli")
}

/// What a sampling node gives on average; `None` for one whose mean is no sample.
///
/// # Errors
/// Its operand or settings are wrong.
pub fn mean_of(node: &Node, call: &Call<'_>) -> Result<Option<Array>, String> {
    let mean = match node.op.as_str() {
        "RandomNormalLike" => node.float("mean", 0.0)?,
        "RandomUniformLike" => 0.5 * (node.float("low", 0.0)? + node.float("high", 1.0)?),
        _ => return Ok(None),
    };
    Ok(Some(call.required(0)?.map(|_| f64::from(mean))))
}
