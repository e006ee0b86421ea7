//! `GRU`: gates update, reset and candidate, in that order; `linear_before_reset` multiplies the candidate's product with the
//! state by the reset gate, otherwise the state itself is multiplied.

use super::activation::sigmoid;
use super::recurrent::{self, Cell, State, Weights, singles};
use super::{Call, OpDef};
use crate::array::{Array, Strides};
use crate::lower::{Bias, Builder, Tensor, map, zip};

pub(super) const OP: OpDef = OpDef {
    name: "GRU",
    arity: (3, 6),
    results: 2,
    attributes: &[
        "activations",
        "clip",
        "direction",
        "hidden_size",
        "layout",
        "linear_before_reset",
        "output_sequence",
    ],
    fixed: &[1, 2, 3, 4],
    becomes: "three Dense, then Map and Zip, for each step",
    evaluate: |call| recurrent::evaluate(call, &CELL),
    lower: |site| recurrent::lower(site, &CELL),
};

const CELL: Cell = Cell {
    gates: 3,
    has_cell: false,
    activations: &["Sigmoid", "Tanh"],
    step,
    lower,
};

fn is_linear(call: &Call<'_>) -> bool {
    call.node
        .int("linear_before_reset", 0)
        .is_ok_and(|value| value != 0)
}

fn step(call: &Call<'_>, weights: &Weights<'_>, x: &[f64], h: &mut [f64], _: &mut [f64]) {
    let width = weights.width;
    let from_x = |gate: usize| {
        let mut sum = weights.gate(weights.input, gate, x);
        sum.iter_mut()
            .zip(&weights.input_bias[gate * width..])
            .for_each(|(s, b)| *s += b);
        sum
    };
    let from_h = |gate: usize, h: &[f64]| {
        let mut sum = weights.gate(weights.hidden, gate, h);
        sum.iter_mut()
            .zip(&weights.hidden_bias[gate * width..])
            .for_each(|(s, b)| *s += b);
        sum
    };
    let gate = |gate: usize| -> Vec<f64> {
        from_x(gate)
            .iter()
            .zip(from_h(gate, h))
            .map(|(a, b)| sigmoid(a + b))
            .collect()
    };
    let (update, reset) = (gate(0), gate(1));
    let recurrent = if is_linear(call) {
        from_h(2, h)
            .iter()
            .zip(&reset)
            .map(|(h, r)| h * r)
            .collect()
    } else {
        let masked: Vec<f64> = h.iter().zip(&reset).map(|(h, r)| h * r).collect();
        from_h(2, &masked)
    };
    let candidate = from_x(2)
        .into_iter()
        .zip(recurrent)
        .map(|(a, b)| (a + b).tanh());
    for (i, n) in candidate.enumerate() {
        h[i] = (1.0 - update[i]) * n + update[i] * h[i];
    }
}

fn lower(
    call: &Call<'_>,
    build: &mut Builder,
    weights: &Weights<'_>,
    x: &Tensor,
    [h, _]: State,
) -> Result<State, String> {
    let (rows, width) = (x.shape[0], weights.width);
    let linear = is_linear(call);
    // What is added behind both products is added to the first one; behind a reset gate it is not.
    let apart = if linear { 2 * width } else { 3 * width };
    let mut bias = singles(&weights.input_bias);
    for (sum, hidden) in bias.iter_mut().zip(&weights.hidden_bias).take(apart) {
        *sum = (f64::from(*sum) + hidden) as f32;
    }
    let from_x = build.dense(
        x,
        rows,
        singles(weights.input),
        3 * width,
        Bias::Constant(bias),
    )?;
    let from_x = from_x.with_shape(&[rows, 3 * width]);
    let part = |build: &mut Builder, of: &Tensor, first: usize, count: usize| {
        build.strided(
            of,
            &Strides::of(&of.shape).narrowed(1, first * width, count * width),
        )
    };
    let mut gates = part(build, &from_x, 0, 2);
    let candidate = part(build, &from_x, 2, 1);
    let hidden_bias = singles(&weights.hidden_bias[2 * width..]);
    let hidden = singles(&weights.hidden[2 * width * width..]);
    if let Some(h) = &h {
        let both = singles(&weights.hidden[..2 * width * width]);
        gates = build.dense(h, rows, both, 2 * width, Bias::Tensor(gates))?;
    }
    let gates = gates.with_shape(&[rows, 2 * width]);
    let gates = build.map(map::SIGMOID, [0.0; 2], &gates);
    let (update, reset) = (part(build, &gates, 0, 1), part(build, &gates, 1, 1));
    let sum = match (&h, linear) {
        (Some(h), true) => {
            let product = build.dense(h, rows, hidden, width, Bias::Constant(hidden_bias))?;
            let product = product.with_shape(&[rows, width]);
            let product = build.zip(zip::MUL, &product, &reset)?;
            build.zip(zip::ADD, &product, &candidate)?
        }
        (Some(h), false) => {
            let masked = build.zip(zip::MUL, &reset, h)?;
            build.dense(&masked, rows, hidden, width, Bias::Tensor(candidate))?
        }
        (None, true) => {
            let bias = Array::new(
                vec![width],
                weights.hidden_bias[2 * width..].to_vec(),
                x.dtype,
            )?;
            let product = build.zip(zip::MUL, &reset, &Tensor::of(bias))?;
            build.zip(zip::ADD, &product, &candidate)?
        }
        (None, false) => candidate,
    };
    let sum = sum.with_shape(&[rows, width]);
    let candidate = build.map(map::TANH, [0.0; 2], &sum);
    // (1 - z) * n + z * h = n + z * (h - n)
    let next = match &h {
        Some(h) => {
            let difference = build.zip(zip::SUB, h, &candidate)?;
            let difference = build.zip(zip::MUL, &difference, &update)?;
            build.zip(zip::ADD, &difference, &candidate)?
        }
        None => {
            let kept = build.zip(zip::MUL, &update, &candidate)?;
            build.zip(zip::SUB, &candidate, &kept)?
        }
    };
    Ok([Some(next), None])
}
