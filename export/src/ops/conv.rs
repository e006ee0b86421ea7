//! `Conv` in one and two dimensions.

use super::{Call, OpDef, Site};
use crate::array::{Array, element_count};
use crate::lower::{ConvShape, Tensor};

pub(super) const OP: OpDef = OpDef {
    name: "Conv",
    arity: (2, 3),
    results: 1,
    attributes: &[
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "pads",
        "strides",
    ],
    fixed: &[1, 2],
    becomes: "Conv",
    evaluate,
    lower,
};

/// The convolution with one dimension seen as the second of two.
fn geometry(call: &Call<'_>) -> Result<(ConvShape, Vec<usize>), String> {
    let (x, w) = (&call.required(0)?.shape, &call.required(1)?.shape);
    let rank = x.len().saturating_sub(2);
    if !(1..=2).contains(&rank) || w.len() != x.len() {
        return Err(format!(
            "{x:?} with weights {w:?} is not supported; one and two dimensions are"
        ));
    }
    if call.node.ints("kernel_shape")?.is_some_and(|shape| {
        shape.len() != rank || shape.iter().zip(&w[2..]).any(|(a, b)| *a != *b as i64)
    }) {
        return Err(format!("its kernel_shape is not that of its weights {w:?}"));
    }
    let list = |name: &str, default: usize, len: usize| -> Result<Vec<usize>, String> {
        let Some(values) = call.node.ints(name)? else {
            return Ok(vec![default; len]);
        };
        let values: Vec<usize> = values
            .iter()
            .filter_map(|v| usize::try_from(*v).ok())
            .collect();
        match values.len() == len && values.iter().all(|v| *v < 1 << 20) {
            true => Ok(values),
            false => Err(format!("attribute `{name}` is not {len} small numbers")),
        }
    };
    let (strides, dilations) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let mut pads = list("pads", 0, 2 * rank)?;
    if strides.contains(&0) || dilations.contains(&0) {
        return Err("a stride or dilation is 0".to_string());
    }
    let groups = usize::try_from(call.node.int("group", 1)?).unwrap_or(0);
    if groups == 0
        || x[1] != w[1].saturating_mul(groups)
        || !w[0].is_multiple_of(groups)
        || w.contains(&0)
    {
        return Err(format!(
            "{groups} groups, input {x:?} and weights {w:?} do not fit"
        ));
    }
    let auto_pad = call.node.text("auto_pad", "NOTSET")?;
    let mut out = Vec::new();
    for axis in 0..rank {
        let (n, kernel) = (x[2 + axis], (w[2 + axis] - 1) * dilations[axis] + 1);
        if matches!(auto_pad, "SAME_UPPER" | "SAME_LOWER") {
            let wanted = n.div_ceil(strides[axis]);
            let total = ((wanted.max(1) - 1) * strides[axis] + kernel).saturating_sub(n);
            let (less, more) = (total / 2, total - total / 2);
            (pads[axis], pads[rank + axis]) = match auto_pad {
                "SAME_UPPER" => (less, more),
                _ => (more, less),
            };
        } else if auto_pad == "VALID" {
            (pads[axis], pads[rank + axis]) = (0, 0);
        } else if auto_pad != "NOTSET" {
            return Err(format!("auto_pad `{auto_pad}` is not known"));
        }
        let padded = n + pads[axis] + pads[rank + axis];
        let steps = padded
            .checked_sub(kernel)
            .ok_or_else(|| format!("its kernel spans {kernel} of {padded} numbers"))?;
        out.push(steps / strides[axis] + 1);
    }
    let two = |values: &[usize], one: usize| match values {
        [a] => [one, *a],
        values => [values[0], values[1]],
    };
    let [height, width] = two(&x[2..], 1);
    let [kernel_height, kernel_width] = two(&w[2..], 1);
    let [out_height, out_width] = two(&out, 1);
    let shape = [&[x[0], w[0]], &out[..]].concat();
    let kernel = [w[1], kernel_height, kernel_width];
    call.work
        .spend(&[&[element_count(&shape)?], &kernel[..]].concat())?;
    let geometry = ConvShape {
        batch: x[0],
        groups,
        inputs: w[1],
        height,
        width,
        outputs: w[0] / groups,
        kernel: [kernel_height, kernel_width],
        out: [out_height, out_width],
        strides: two(&strides, 1),
        pads: two(&pads[..rank], 0),
        dilations: two(&dilations, 1),
    };
    Ok((geometry, shape))
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (g, shape) = geometry(call)?;
    let (x, w) = (call.required(0)?, call.required(1)?);
    let bias = call.optional(2);
    let [kernel_height, kernel_width] = g.kernel;
    let mut data = Vec::with_capacity(element_count(&shape)?);
    let place = |out: usize, k: usize, axis: usize, n: usize| {
        let at = (out * g.strides[axis] + k * g.dilations[axis]).checked_sub(g.pads[axis])?;
        (at < n).then_some(at)
    };
    for sample in 0..g.batch {
        for channel in 0..g.groups * g.outputs {
            let first = channel / g.outputs * g.inputs;
            for row in 0..g.out[0] {
                for column in 0..g.out[1] {
                    let mut sum = bias
                        .and_then(|b| b.data.get(channel))
                        .copied()
                        .unwrap_or(0.0);
                    for input in 0..g.inputs {
                        let plane = (sample * g.groups * g.inputs + first + input) * g.height;
                        for ky in 0..kernel_height {
                            let Some(y) = place(row, ky, 0, g.height) else {
                                continue;
                            };
                            let weights =
                                ((channel * g.inputs + input) * kernel_height + ky) * kernel_width;
                            for kx in 0..kernel_width {
                                if let Some(at) = place(column, kx, 1, g.width) {
                                    sum +=
                                        w.data[weights + kx] * x.data[(plane + y) * g.width + at];
                                }
                            }
                        }
                    }
                    data.push(sum);
                }
            }
        }
    }
    Ok(vec![Array::new(shape, data, x.dtype)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let (geometry, _) = geometry(&site.call)?;
    let x = site.tensor(0)?;
    let weight = site.constant(1)?.ok_or("operand 1 is missing")?.to_f32();
    let bias = site.constant(2)?.map(Array::to_f32);
    Ok(vec![site.build.conv(&x, &geometry, weight, bias)?])
}
