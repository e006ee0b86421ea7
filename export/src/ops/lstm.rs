//! `LSTM`: gates input, output, forget and candidate, in that order.

use super::activation::sigmoid;
use super::recurrent::{self, Cell, State, Weights, singles};
use super::{Call, OpDef};
use crate::array::Strides;
use crate::lower::{Bias, Builder, Tensor, map, zip};

pub(super) const OP: OpDef = OpDef {
    name: "LSTM",
    arity: (3, 8),
    results: 3,
    attributes: &[
        "activations",
        "clip",
        "direction",
        "hidden_size",
        "input_forget",
        "layout",
        "output_sequence",
    ],
    fixed: &[1, 2, 3, 4],
    becomes: "two Dense, then Map and Zip, for each step",
    evaluate: |call| recurrent::evaluate(call, &CELL),
    lower: |site| recurrent::lower(site, &CELL),
};

const CELL: Cell = Cell {
    gates: 4,
    has_cell: true,
    activations: &["Sigmoid", "Tanh", "Tanh"],
    step,
    lower,
};

fn step(_: &Call<'_>, weights: &Weights<'_>, x: &[f64], h: &mut [f64], c: &mut [f64]) {
    let gates: Vec<Vec<f64>> = (0..4)
        .map(|gate| {
            let (from_x, from_h) = (
                weights.gate(weights.input, gate, x),
                weights.gate(weights.hidden, gate, h),
            );
            let bias = gate * weights.width;
            let sum = |i: usize| {
                from_x[i] + from_h[i] + weights.input_bias[bias + i] + weights.hidden_bias[bias + i]
            };
            (0..weights.width).map(sum).collect()
        })
        .collect();
    for i in 0..weights.width {
        c[i] = sigmoid(gates[2][i]) * c[i] + sigmoid(gates[0][i]) * gates[3][i].tanh();
        h[i] = sigmoid(gates[1][i]) * c[i].tanh();
    }
}

fn lower(
    _: &Call<'_>,
    build: &mut Builder,
    weights: &Weights<'_>,
    x: &Tensor,
    [h, c]: State,
) -> Result<State, String> {
    let (rows, width) = (x.shape[0], weights.width);
    let bias = weights
        .input_bias
        .iter()
        .zip(&weights.hidden_bias)
        .map(|(a, b)| (a + b) as f32);
    let mut gates = build.dense(
        x,
        rows,
        singles(weights.input),
        4 * width,
        Bias::Constant(bias.collect()),
    )?;
    if let Some(h) = h {
        gates = build.dense(
            &h,
            rows,
            singles(weights.hidden),
            4 * width,
            Bias::Tensor(gates),
        )?;
    }
    let gates = gates.with_shape(&[rows, 4 * width]);
    let part = |build: &mut Builder, of: &Tensor, first: usize, count: usize| {
        build.strided(
            of,
            &Strides::of(&of.shape).narrowed(1, first * width, count * width),
        )
    };
    let candidate = part(build, &gates, 3, 1);
    let three = part(build, &gates, 0, 3);
    let three = build.map(map::SIGMOID, [0.0; 2], &three);
    let candidate = build.map(map::TANH, [0.0; 2], &candidate);
    let input = part(build, &three, 0, 1);
    let mut cell = build.zip(zip::MUL, &candidate, &input)?;
    if let Some(c) = c {
        let forget = part(build, &three, 2, 1);
        let kept = build.zip(zip::MUL, &c, &forget)?;
        cell = build.zip(zip::ADD, &kept, &cell)?;
    }
    let squashed = build.map(map::TANH, [0.0; 2], &cell);
    let output = part(build, &three, 1, 1);
    let hidden = build.zip(zip::MUL, &squashed, &output)?;
    Ok([Some(hidden), Some(cell)])
}
