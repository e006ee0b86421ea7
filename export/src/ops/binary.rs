//! Operators on pairs of numbers, broadcasting as NumPy does; `Min` and `Max` also of more than two.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::{Tensor, map, zip};

const fn op(
    name: &'static str,
    arity: (usize, usize),
    attributes: &'static [&'static str],
) -> OpDef {
    OpDef {
        name,
        arity,
        results: 1,
        attributes,
        fixed: &[],
        becomes: "Zip",
        evaluate,
        lower,
    }
}

pub(super) const ADD: OpDef = OpDef {
    becomes: "Zip, or the bias of Dense or Conv before it",
    ..op("Add", (2, 2), &[])
};
pub(super) const AND: OpDef = op("And", (2, 2), &[]);
pub(super) const DIV: OpDef = op("Div", (2, 2), &[]);
pub(super) const EQUAL: OpDef = op("Equal", (2, 2), &[]);
pub(super) const GREATER: OpDef = op("Greater", (2, 2), &[]);
pub(super) const GREATER_OR_EQUAL: OpDef = op("GreaterOrEqual", (2, 2), &[]);
pub(super) const LESS: OpDef = op("Less", (2, 2), &[]);
pub(super) const LESS_OR_EQUAL: OpDef = op("LessOrEqual", (2, 2), &[]);
pub(super) const MAX: OpDef = op("Max", (1, usize::MAX), &[]);
pub(super) const MIN: OpDef = op("Min", (1, usize::MAX), &[]);
pub(super) const MOD: OpDef = op("Mod", (2, 2), &["fmod"]);
pub(super) const MUL: OpDef = op("Mul", (2, 2), &[]);
pub(super) const OR: OpDef = op("Or", (2, 2), &[]);
pub(super) const POW: OpDef = OpDef {
    becomes: "Zip, or Map for the exponents 0.5 and -1",
    ..op("Pow", (2, 2), &[])
};
pub(super) const PRELU: OpDef = op("PRelu", (2, 2), &[]);
pub(super) const SUB: OpDef = op("Sub", (2, 2), &[]);
pub(super) const XOR: OpDef = op("Xor", (2, 2), &[]);

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The remainder with the sign of the divisor, as Python's `%`.
fn python_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

fn is_fmod(call: &Call<'_>) -> Result<bool, String> {
    Ok(call.node.int("fmod", 0)? != 0)
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let a = call.required(0)?;
    let is_integer = !a.dtype.is_float();
    let f: fn(f64, f64) -> f64 = match call.node.op.as_str() {
        "Add" => |a, b| a + b,
        "And" => |a, b| truth(a != 0.0 && b != 0.0),
        "Div" if is_integer => |a, b| if b == 0.0 { 0.0 } else { (a / b).trunc() },
        "Div" => |a, b| a / b,
        "Equal" => |a, b| truth(a == b),
        "Greater" => |a, b| truth(a > b),
        "GreaterOrEqual" => |a, b| truth(a >= b),
        "Less" => |a, b| truth(a < b),
        "LessOrEqual" => |a, b| truth(a <= b),
        "Max" => |a, b| if a > b || a.is_nan() { a } else { b },
        "Min" => |a, b| if a < b || a.is_nan() { a } else { b },
        "Mod" if is_fmod(call)? => |a, b| a % b,
        "Mod" => python_mod,
        "Mul" => |a, b| a * b,
        "Or" => |a, b| truth(a != 0.0 || b != 0.0),
        "Pow" => f64::powf,
        "PRelu" => |a, b| if a < 0.0 { a * b } else { a },
        "Sub" => |a, b| a - b,
        "Xor" => |a, b| truth((a != 0.0) != (b != 0.0)),
        other => return Err(format!("{other} is no operator on pairs")),
    };
    let mut result = a.clone();
    for index in 1..call.operands.len() {
        result = result.zip(call.required(index)?, f)?;
    }
    let wraps = is_integer && result.dtype != Dtype::Bool;
    Ok(vec![match call.node.op.as_str() {
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => {
            result.typed(Dtype::Bool)
        }
        _ if wraps => result.map(|x| a.dtype.cast(x)),
        _ => result,
    }])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let a = site.tensor(0)?;
    let is_integer = !a.dtype.is_float();
    let function = match site.call.node.op.as_str() {
        "Pow" => return Ok(vec![power(site)?]),
        "Add" => zip::ADD,
        "And" => zip::AND,
        "Div" => zip::DIV,
        "Equal" => zip::EQUAL,
        "Greater" => zip::GREATER,
        "GreaterOrEqual" => zip::GREATER_OR_EQUAL,
        "Less" => zip::LESS,
        "LessOrEqual" => zip::LESS_OR_EQUAL,
        "Max" => zip::MAX,
        "Min" => zip::MIN,
        "Mod" if is_fmod(&site.call)? => zip::FMOD,
        "Mod" => zip::MOD,
        "Mul" => zip::MUL,
        "Or" => zip::OR,
        "PRelu" => zip::PRELU,
        "Sub" => zip::SUB,
        _ => zip::XOR,
    };
    check_constants(site)?;
    let mut result = a;
    for index in 1..site.operands.len() {
        let b = site.tensor(index)?;
        result = site.build.zip(function, &result, &b)?;
        if is_integer && function == zip::DIV {
            result = site.build.map(map::TRUNC, [0.0; 2], &result);
        }
    }
    Ok(vec![result])
}

/// What would turn every action into no number is refused instead.
fn check_constants(site: &Site<'_>) -> Result<(), String> {
    let op = site.call.node.op.as_str();
    for tensor in site.operands.iter().flatten() {
        let nan = tensor
            .constant()
            .is_some_and(|array| array.data.iter().any(|x| x.is_nan()));
        if nan {
            return Err("its constants are not all numbers".to_string());
        }
    }
    let divisor = site
        .operands
        .get(1)
        .and_then(Option::as_ref)
        .and_then(Tensor::constant);
    let zero = divisor.and_then(|array| array.data.iter().position(|x| *x == 0.0));
    match zero.filter(|_| matches!(op, "Div" | "Mod")) {
        Some(at) => Err(format!("divides by 0 (element {at})")),
        None => Ok(()),
    }
}

fn power(site: &mut Site<'_>) -> Result<Tensor, String> {
    let (a, b) = (site.tensor(0)?, site.tensor(1)?);
    let exponent = b
        .constant()
        .filter(|array| array.data.iter().all(|x| *x == array.data[0]));
    let exponent = exponent.and_then(|array| array.data.first().copied());
    let same_shape = site.shape() == a.shape;
    let is_integer = !a.dtype.is_float();
    let build = &mut *site.build;
    match exponent.filter(|_| same_shape) {
        Some(1.0) => Ok(a),
        Some(2.0) => build.zip(zip::MUL, &a, &a),
        Some(3.0) => {
            let square = build.zip(zip::MUL, &a, &a)?;
            build.zip(zip::MUL, &square, &a)
        }
        Some(0.5) if !is_integer => Ok(build.map(map::SQRT, [0.0; 2], &a)),
        Some(-1.0) if !is_integer => Ok(build.map(map::RECIPROCAL, [0.0; 2], &a)),
        _ => {
            let power = build.zip(zip::POW, &a, &b)?;
            Ok(if is_integer {
                build.map(map::TRUNC, [0.0; 2], &power)
            } else {
                power
            })
        }
    }
}
