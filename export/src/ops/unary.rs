//! Operators on each number by itself, without settings.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::{Tensor, map};

const fn op(name: &'static str, becomes: &'static str) -> OpDef {
    OpDef {
        name,
        arity: (1, 1),
        results: 1,
        attributes: &[],
        fixed: &[],
        becomes,
        evaluate,
        lower,
    }
}

pub(super) const ABS: OpDef = op("Abs", "Map");
pub(super) const CEIL: OpDef = op("Ceil", "Map");
pub(super) const COS: OpDef = op("Cos", "Map");
pub(super) const ERF: OpDef = op("Erf", "Map");
pub(super) const EXP: OpDef = op("Exp", "Map");
pub(super) const FLOOR: OpDef = op("Floor", "Map");
pub(super) const LOG: OpDef = op("Log", "Map");
pub(super) const NEG: OpDef = op("Neg", "Map");
pub(super) const NOT: OpDef = op("Not", "Map");
pub(super) const RECIPROCAL: OpDef = op("Reciprocal", "Map");
pub(super) const ROUND: OpDef = op("Round", "Map");
pub(super) const SIGN: OpDef = op("Sign", "Map");
pub(super) const SIN: OpDef = op("Sin", "Map");
pub(super) const SQRT: OpDef = op("Sqrt", "Map");

type Function = fn(f64) -> f64;

/// The function and its code in an image.
fn function(name: &str) -> Result<(Function, u8), String> {
    Ok(match name {
        "Abs" => (f64::abs, map::ABS),
        "Ceil" => (f64::ceil, map::CEIL),
        "Cos" => (f64::cos, map::COS),
        "Erf" => (libm::erf, map::ERF),
        "Exp" => (f64::exp, map::EXP),
        "Floor" => (f64::floor, map::FLOOR),
        "Log" => (f64::ln, map::LOG),
        "Neg" => (|x| -x, map::NEG),
        "Not" => (|x| f64::from(u8::from(x == 0.0)), map::NOT),
        "Reciprocal" => (f64::recip, map::RECIPROCAL),
        "Round" => (f64::round_ties_even, map::ROUND),
        "Sign" => (|x| if x == 0.0 { 0.0 } else { x.signum() }, map::SIGN),
        "Sin" => (f64::sin, map::SIN),
        "Sqrt" => (f64::sqrt, map::SQRT),
        other => return Err(format!("{other} is no operator on one number")),
    })
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (f, _) = function(&call.node.op)?;
    let result = call.required(0)?.map(f);
    Ok(vec![match call.node.op.as_str() {
        "Not" => result.typed(Dtype::Bool),
        _ => result,
    }])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (_, code) = function(&site.call.node.op)?;
    let x = site.tensor(0)?;
    Ok(vec![site.build.map(code, [0.0; 2], &x)])
}
