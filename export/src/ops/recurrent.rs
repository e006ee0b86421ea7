//! What `LSTM` and `GRU` share: weights, directions, the walk along the sequence. Sequences are unrolled, so an image grows
//! with their length; a policy that is asked once per period has length 1.

use super::{Call, Site};
use crate::array::{Array, Strides};
use crate::graph::Attribute;
use crate::lower::{Builder, Tensor};

/// A kind of cell.
pub(super) struct Cell {
    /// Gates, each with weights `[hidden, input]` and `[hidden, hidden]`.
    pub gates: usize,
    /// Whether it has a second state.
    pub has_cell: bool,
    /// Activations of one direction, as ONNX names its defaults.
    pub activations: &'static [&'static str],
    /// One step of one sample: input, state, second state.
    pub step: fn(&Call<'_>, &Weights<'_>, &[f64], &mut [f64], &mut [f64]),
    /// One step of all samples; `None` is a state of zeros.
    pub lower: fn(&Call<'_>, &mut Builder, &Weights<'_>, &Tensor, State) -> Result<State, String>,
}

/// State and second state, each `[batch, hidden]`; `None` is zeros.
pub(super) type State = [Option<Tensor>; 2];

/// The weights of one direction, gate by gate.
pub(super) struct Weights<'a> {
    /// `[gates * hidden, input]`
    pub input: &'a [f64],
    /// `[gates * hidden, hidden]`
    pub hidden: &'a [f64],
    /// `[gates * hidden]`, added to the products with the input.
    pub input_bias: Vec<f64>,
    /// `[gates * hidden]`, added to the products with the state.
    pub hidden_bias: Vec<f64>,
    /// Width of the state.
    pub width: usize,
}

impl Weights<'_> {
    /// `weight · x` for gate `gate`.
    pub fn gate(&self, weight: &[f64], gate: usize, x: &[f64]) -> Vec<f64> {
        let rows = weight
            .chunks_exact(x.len())
            .skip(gate * self.width)
            .take(self.width);
        rows.map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
            .collect()
    }
}

struct Extent {
    sequence: usize,
    batch: usize,
    input: usize,
    hidden: usize,
    directions: usize,
    batch_first: bool,
}

fn extent(call: &Call<'_>, cell: &Cell) -> Result<Extent, String> {
    let (x, w, r) = (call.required(0)?, call.required(1)?, call.required(2)?);
    let batch_first = call.node.int("layout", 0)? != 0;
    let &[first, second, input] = x.shape.as_slice() else {
        return Err(format!("input {:?} has not three axes", x.shape));
    };
    let (sequence, batch) = if batch_first {
        (second, first)
    } else {
        (first, second)
    };
    let directions = match call.node.text("direction", "forward")? {
        "forward" | "reverse" => 1,
        "bidirectional" => 2,
        other => return Err(format!("direction `{other}` is not known")),
    };
    let hidden = r.shape.last().copied().unwrap_or(0);
    let rows = cell.gates.saturating_mul(hidden);
    if hidden == 0
        || input == 0
        || w.shape != [directions, rows, input]
        || r.shape != [directions, rows, hidden]
    {
        return Err(format!(
            "input {:?} and weights {:?} and {:?} do not fit",
            x.shape, w.shape, r.shape
        ));
    }
    if call.node.int("hidden_size", hidden as i64)? != hidden as i64 {
        return Err(format!("its hidden_size is not {hidden}"));
    }
    if call
        .optional(3)
        .is_some_and(|b| b.shape != [directions, 2 * rows])
    {
        return Err("its biases do not fit its weights".to_string());
    }
    for index in [5, 6] {
        let state = if batch_first {
            [batch, directions, hidden]
        } else {
            [directions, batch, hidden]
        };
        if call.optional(index).is_some_and(|s| s.shape != state) {
            return Err(format!("a state of shape {state:?} is expected"));
        }
    }
    let whole = |lengths: &Array| lengths.data.iter().all(|len| *len == sequence as f64);
    if !call.optional(4).is_none_or(whole) {
        return Err("sequences of unequal length are not supported".to_string());
    }
    if call.optional(7).is_some() {
        return Err("peepholes are not supported".to_string());
    }
    if call.node.int("input_forget", 0)? != 0 {
        return Err("input_forget is not supported".to_string());
    }
    if call.node.attributes.contains_key("clip") {
        return Err("attribute `clip` is not supported".to_string());
    }
    match call.node.attributes.get("activations") {
        None => {}
        Some(Attribute::Texts(names)) => {
            let expected = cell
                .activations
                .iter()
                .cycle()
                .take(cell.activations.len() * directions);
            if !names
                .iter()
                .map(|name| name.to_lowercase())
                .eq(expected.map(|name| name.to_lowercase()))
            {
                return Err(format!(
                    "activations {names:?} are not supported; the default ones are"
                ));
            }
        }
        Some(_) => return Err("attribute `activations` is not a list of texts".to_string()),
    }
    call.work
        .spend(&[sequence, batch, directions, rows, input + hidden])?;
    Ok(Extent {
        sequence,
        batch,
        input,
        hidden,
        directions,
        batch_first,
    })
}

/// Weights of a direction.
fn weights<'a>(
    call: &Call<'a>,
    extent: &Extent,
    cell: &Cell,
    direction: usize,
) -> Result<Weights<'a>, String> {
    let rows = cell.gates * extent.hidden;
    let part = |index: usize, len: usize| -> Result<&'a [f64], String> {
        Ok(&call.required(index)?.data[direction * len..(direction + 1) * len])
    };
    let biases = match call.optional(3) {
        Some(_) => part(3, 2 * rows)?.to_vec(),
        None => vec![0.0; 2 * rows],
    };
    Ok(Weights {
        input: part(1, rows * extent.input)?,
        hidden: part(2, rows * extent.hidden)?,
        input_bias: biases[..rows].to_vec(),
        hidden_bias: biases[rows..].to_vec(),
        width: extent.hidden,
    })
}

/// Steps of a direction in the order they run.
fn order(call: &Call<'_>, extent: &Extent, direction: usize) -> Result<Vec<usize>, String> {
    let is_reverse = direction == 1 || call.node.text("direction", "forward")? == "reverse";
    let steps = 0..extent.sequence;
    Ok(if is_reverse {
        steps.rev().collect()
    } else {
        steps.collect()
    })
}

impl Extent {
    /// Shape of all states.
    fn outputs(&self) -> Vec<usize> {
        match self.batch_first {
            true => vec![self.batch, self.sequence, self.directions, self.hidden],
            false => vec![self.sequence, self.directions, self.batch, self.hidden],
        }
    }

    /// Shape of the last states.
    fn last(&self) -> Vec<usize> {
        match self.batch_first {
            true => vec![self.batch, self.directions, self.hidden],
            false => vec![self.directions, self.batch, self.hidden],
        }
    }

    /// Where the state of a direction lies in an initial one: `[batch, hidden]`.
    fn state(&self, direction: usize) -> Strides {
        let strides = Strides::of(&self.last());
        let (direction_axis, batch_axis) = if self.batch_first { (1, 0) } else { (0, 1) };
        let strides = strides.narrowed(direction_axis, direction, 1);
        Strides {
            dims: vec![self.batch, self.hidden],
            steps: vec![strides.steps[batch_axis], 1],
            offset: strides.offset,
        }
    }

    /// Where the input of a step lies: `[batch, input]`.
    fn step(&self, step: usize) -> Strides {
        let (step_stride, batch_stride) = match self.batch_first {
            true => (self.input, self.sequence * self.input),
            false => (self.batch * self.input, self.input),
        };
        Strides {
            dims: vec![self.batch, self.input],
            steps: vec![batch_stride as isize, 1],
            offset: step * step_stride,
        }
    }
}

pub(super) fn evaluate(call: &Call<'_>, cell: &Cell) -> Result<Vec<Array>, String> {
    let extent = extent(call, cell)?;
    let x = call.required(0)?;
    let mut outputs = Array::zeros(&extent.outputs(), x.dtype)?;
    let mut last = [
        Array::zeros(&extent.last(), x.dtype)?,
        Array::zeros(&extent.last(), x.dtype)?,
    ];
    for direction in 0..extent.directions {
        let weights = weights(call, &extent, cell, direction)?;
        let start = |index: usize| match call.optional(index) {
            Some(state) => extent.state(direction).take(&state.data),
            None => vec![0.0; extent.batch * extent.hidden],
        };
        let (h, c) = (start(5), start(6));
        for sample in 0..extent.batch {
            let part = sample * extent.hidden..(sample + 1) * extent.hidden;
            let (mut h, mut c) = (h[part.clone()].to_vec(), c[part].to_vec());
            for step in order(call, &extent, direction)? {
                let row = extent.step(step).narrowed(0, sample, 1).take(&x.data);
                (cell.step)(call, &weights, &row, &mut h, &mut c);
                let at = match extent.batch_first {
                    true => (sample * extent.sequence + step) * extent.directions + direction,
                    false => (step * extent.directions + direction) * extent.batch + sample,
                };
                outputs.data[at * extent.hidden..(at + 1) * extent.hidden].copy_from_slice(&h);
            }
            let at = extent.state(direction).narrowed(0, sample, 1).offset;
            last[0].data[at..at + extent.hidden].copy_from_slice(&h);
            last[1].data[at..at + extent.hidden].copy_from_slice(&c);
        }
    }
    let [h, c] = last;
    let results = if cell.has_cell {
        vec![outputs, h, c]
    } else {
        vec![outputs, h]
    };
    Ok(results.into_iter().take(call.node.outputs.len()).collect())
}

pub(super) fn lower(site: &mut Site<'_>, cell: &Cell) -> Result<Vec<Tensor>, String> {
    let extent = extent(&site.call, cell)?;
    let x = site.tensor(0)?;
    let mut states: Vec<Vec<Option<Tensor>>> = vec![vec![None; extent.sequence]; extent.directions];
    let mut last: Vec<State> = Vec::new();
    for (direction, states) in states.iter_mut().enumerate() {
        let weights = weights(&site.call, &extent, cell, direction)?;
        let mut state: State = [None, None];
        for (slot, index) in state.iter_mut().zip([5, 6]) {
            let initial = site.optional(index);
            let is_zero = initial
                .as_ref()
                .and_then(Tensor::constant)
                .is_some_and(|s| s.data.iter().all(|x| *x == 0.0));
            if let Some(initial) = initial.filter(|_| !is_zero) {
                *slot = Some(site.build.strided(&initial, &extent.state(direction)));
            }
        }
        for step in order(&site.call, &extent, direction)? {
            let row = site.build.strided(&x, &extent.step(step));
            state = (cell.lower)(&site.call, site.build, &weights, &row, state)?;
            states[step].clone_from(&state[0]);
        }
        last.push(state);
    }
    // All states, as [sequence, direction, batch, hidden] or batch first.
    let steps =
        (0..extent.sequence).flat_map(|step| states.iter().filter_map(move |d| d[step].clone()));
    let steps: Vec<Tensor> = steps
        .map(|h| h.with_shape(&[1, extent.batch, extent.hidden]))
        .collect();
    let gather = |build: &mut Builder, parts: &[Tensor]| {
        let all = build.concat(parts, 0);
        match extent.batch_first {
            false => all,
            true => build.strided(&all, &Strides::of(&all.shape).permuted(&[1, 0, 2])),
        }
    };
    let mut results = Vec::new();
    for index in 0..site.results.len() {
        let is_used = site
            .call
            .node
            .outputs
            .get(index)
            .is_some_and(|name| !name.is_empty());
        results.push(match index {
            // An unused result costs nothing.
            0 if !is_used => Tensor::of(Array::zeros(&site.results[0].1, site.results[0].0)?),
            0 => gather(site.build, &steps),
            _ => {
                let parts: Vec<Tensor> = last
                    .iter()
                    .filter_map(|state| state[index - 1].clone())
                    .collect();
                let parts: Vec<Tensor> = parts
                    .into_iter()
                    .map(|h| h.with_shape(&[1, extent.batch, extent.hidden]))
                    .collect();
                gather(site.build, &parts)
            }
        });
    }
    Ok(results)
}

/// `[rows]` numbers as singles.
pub(super) fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}
