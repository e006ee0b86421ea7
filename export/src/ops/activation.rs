//! Activations: functions of each number by itself with settings of their own.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::lower::{Tensor, map, zip};

const fn op(name: &'static str, attributes: &'static [&'static str]) -> OpDef {
    OpDef {
        name,
        arity: (1, 1),
        results: 1,
        attributes,
        fixed: &[],
        becomes: "Map, or part of Dense or Conv before it",
        evaluate,
        lower,
    }
}

pub(super) const ELU: OpDef = op("Elu", &["alpha"]);
pub(super) const GELU: OpDef = op("Gelu", &["approximate"]);
pub(super) const HARD_SIGMOID: OpDef = op("HardSigmoid", &["alpha", "beta"]);
pub(super) const HARD_SWISH: OpDef = op("HardSwish", &[]);
pub(super) const LEAKY_RELU: OpDef = op("LeakyRelu", &["alpha"]);
pub(super) const MISH: OpDef = op("Mish", &[]);
pub(super) const RELU: OpDef = op("Relu", &[]);
pub(super) const SELU: OpDef = op("Selu", &["alpha", "gamma"]);
pub(super) const SIGMOID: OpDef = op("Sigmoid", &[]);
pub(super) const SOFTPLUS: OpDef = op("Softplus", &[]);
pub(super) const SOFTSIGN: OpDef = op("Softsign", &[]);
pub(super) const SWISH: OpDef = op("Swish", &["alpha"]);
pub(super) const TANH: OpDef = op("Tanh", &[]);

/// The settings, as ONNX's defaults have them: first and second parameter.
fn settings(call: &Call<'_>) -> Result<[f32; 2], String> {
    let node = call.node;
    Ok(match node.op.as_str() {
        "Elu" => [node.float("alpha", 1.0)?, 0.0],
        "HardSigmoid" => [node.float("alpha", 0.2)?, node.float("beta", 0.5)?],
        "LeakyRelu" => [node.float("alpha", 0.01)?, 0.0],
        "Selu" => [
            node.float("alpha", 1.673_263_2)?,
            node.float("gamma", 1.050_701)?,
        ],
        "Swish" => [node.float("alpha", 1.0)?, 0.0],
        _ => [0.0; 2],
    })
}

/// Whether `Gelu` is the one with `tanh`.
fn is_tanh(call: &Call<'_>) -> Result<bool, String> {
    match call.node.text("approximate", "none")? {
        "none" => Ok(false),
        "tanh" => Ok(true),
        other => Err(format!(
            "approximate `{other}` is not supported; none and tanh are"
        )),
    }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let x = call.required(0)?;
    let [a, b] = settings(call)?.map(f64::from);
    let gelu_is_tanh = is_tanh(call)?;
    Ok(vec![match call.node.op.as_str() {
        "Elu" => x.map(|x| if x < 0.0 { a * x.exp_m1() } else { x }),
        "Gelu" if gelu_is_tanh => x.map(|x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }),
        "Gelu" => x.map(|x| 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2))),
        // Comparisons instead of max and min, which would lose a NaN.
        "HardSigmoid" => x.map(|x| clamp(a * x + b, 0.0, 1.0)),
        "HardSwish" => x.map(|x| x * clamp(x / 6.0 + 0.5, 0.0, 1.0)),
        "LeakyRelu" => x.map(|x| if x < 0.0 { a * x } else { x }),
        "Mish" => x.map(|x| x * softplus(x).tanh()),
        "Relu" => x.map(|x| if x < 0.0 { 0.0 } else { x }),
        "Selu" => x.map(|x| b * if x > 0.0 { x } else { a * x.exp_m1() }),
        "Sigmoid" => x.map(sigmoid),
        "Softplus" => x.map(softplus),
        "Softsign" => x.map(|x| x / (1.0 + x.abs())),
        "Swish" => x.map(|x| x * sigmoid(a * x)),
        "Tanh" => x.map(f64::tanh),
        other => return Err(format!("{other} is no activation")),
    }])
}

/// NaN stays NaN.
pub(super) fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let raised = if x < low { low } else { x };
    if raised > high { high } else { raised }
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let x = site.tensor(0)?;
    let settings = settings(&site.call)?;
    let code = match site.call.node.op.as_str() {
        "Elu" => map::ELU,
        "Gelu" if is_tanh(&site.call)? => map::GELU_TANH,
        "Gelu" => map::GELU,
        "HardSigmoid" => map::HARD_SIGMOID,
        "HardSwish" => map::HARD_SWISH,
        "LeakyRelu" => map::LEAKY_RELU,
        "Mish" => map::MISH,
        "Relu" => map::RELU,
        "Selu" => map::SELU,
        "Sigmoid" => map::SIGMOID,
        "Softplus" => map::SOFTPLUS,
        "Softsign" => map::SOFTSIGN,
        "Swish" if settings[0] == 1.0 => map::SILU,
        "Swish" => {
            let scaled = site.build.scaled(&x, f64::from(settings[0]))?;
            let gate = site.build.map(map::SIGMOID, [0.0; 2], &scaled);
            return Ok(vec![site.build.zip(zip::MUL, &x, &gate)?]);
        }
        _ => map::TANH,
    };
    Ok(vec![site.build.map(code, settings, &x)])
}
