//! `Elu`: `x` if positive, else `alpha * (exp(x) - 1)`. Engines know `alpha = 1` alone.

use rlfd_runtime::Activation;

use super::{OpDef, Site, required};
use crate::array::Array;
use crate::graph::Node;
use crate::stage::Stage;

pub(super) const OP: OpDef = OpDef {
    name: "Elu",
    arity: (1, 1),
    attributes: &["alpha"],
    evaluate,
    lower,
};

fn evaluate(node: &Node, operands: &[Option<&Array>]) -> Result<Array, String> {
    let alpha = f64::from(node.float("alpha", 1.0)?);
    let elu = |x: f64| if x > 0.0 { x } else { alpha * x.exp_m1() };
    Ok(required(operands, 0)?.map(elu))
}

fn lower(site: &Site<'_>) -> Result<Vec<Stage>, String> {
    match site.node.float("alpha", 1.0)? {
        1.0 => Ok(vec![Stage::Activate(Activation::Elu)]),
        alpha => Err(format!("alpha {alpha} is not supported; 1 is")),
    }
}
