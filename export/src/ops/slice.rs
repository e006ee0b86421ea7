//! `Slice`: bounds as attributes (before operator set 10) or operands, steps of either sign.

use super::{Call, OpDef, Site, axis_of};
use crate::array::{Array, Strides};
use crate::lower::Tensor;

pub(super) const OP: OpDef = OpDef {
    name: "Slice",
    arity: (1, 5),
    results: 1,
    attributes: &["axes", "starts", "ends"],
    fixed: &[1, 2, 3, 4],
    becomes: "nothing where its elements are neighbours, else Copy",
    evaluate,
    lower,
};

fn strides(call: &Call<'_>) -> Result<Strides, String> {
    let x = call.required(0)?;
    let rank = x.shape.len();
    let starts = call
        .integers_or(1, "starts")?
        .ok_or("its starts are missing")?;
    let ends = call.integers_or(2, "ends")?.ok_or("its ends are missing")?;
    let axes = call.integers_or(3, "axes")?;
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.integers(4).unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("its starts, ends, axes and steps are not equally many".to_string());
    }
    let mut strides = Strides::of(&x.shape);
    let mut seen = Vec::new();
    for (i, axis) in axes.iter().enumerate() {
        let axis = axis_of(*axis, rank)?;
        if seen.contains(&axis) {
            return Err(format!("axis {axis} occurs twice"));
        }
        seen.push(axis);
        let n = x.shape[axis] as i64;
        let (step, forward) = match steps[i] {
            0 => return Err("its step is 0".to_string()),
            step => (step, step > 0),
        };
        // A start before the first element or behind the last one means that one.
        let wrap = |bound: i64| {
            if bound < 0 {
                bound.saturating_add(n)
            } else {
                bound
            }
        };
        let (start, end) = if forward {
            (wrap(starts[i]).clamp(0, n), wrap(ends[i]).clamp(0, n))
        } else {
            (
                wrap(starts[i]).clamp(0, n - 1),
                wrap(ends[i]).clamp(-1, n - 1),
            )
        };
        let distance = if forward { end - start } else { start - end };
        let len = if distance <= 0 || n == 0 {
            0
        } else {
            (distance as u64).div_ceil(step.unsigned_abs()) as usize
        };
        strides.dims[axis] = len;
        if len > 0 {
            let moved = strides.steps[axis] * start as isize;
            strides.offset = strides.offset.wrapping_add_signed(moved);
        }
        if len > 1 {
            strides.steps[axis] *= step as isize;
        }
    }
    Ok(strides)
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    Ok(vec![call.required(0)?.strided(&strides(call)?)])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let strides = strides(&site.call)?;
    let x = site.tensor(0)?;
    Ok(vec![site.build.strided(&x, &strides)])
}
