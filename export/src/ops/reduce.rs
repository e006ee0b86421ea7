//! `ReduceSum` and its kin: one number for many, along axes given as attribute (older operator sets) or as operand.

use super::{Call, OpDef, Site, axes_of};
use crate::array::{Array, Strides};
use crate::lower::{Tensor, reduce};

const fn op(name: &'static str) -> OpDef {
    OpDef {
        name,
        arity: (1, 2),
        results: 1,
        attributes: &["axes", "keepdims", "noop_with_empty_axes"],
        fixed: &[1],
        becomes: "Reduce, after Copy where the axes are not neighbours",
        evaluate,
        lower,
    }
}

pub(super) const L1: OpDef = op("ReduceL1");
pub(super) const L2: OpDef = op("ReduceL2");
pub(super) const MAX: OpDef = op("ReduceMax");
pub(super) const MEAN: OpDef = op("ReduceMean");
pub(super) const MIN: OpDef = op("ReduceMin");
pub(super) const PROD: OpDef = op("ReduceProd");
pub(super) const SUM: OpDef = op("ReduceSum");
pub(super) const SUM_SQUARE: OpDef = op("ReduceSumSquare");

/// The axes that vanish, and the shape of the result.
fn axes(call: &Call<'_>) -> Result<(Vec<usize>, Vec<usize>), String> {
    let shape = &call.required(0)?.shape;
    let rank = shape.len();
    let axes = match call.integers_or(1, "axes")?.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes_of(&axes, rank)?,
        None if call.node.int("noop_with_empty_axes", 0)? != 0 => Vec::new(),
        None => (0..rank).collect(),
    };
    let keeps = call.node.int("keepdims", 1)? != 0;
    let lengths = shape.iter().enumerate();
    let result = lengths.filter_map(|(axis, n)| match axes.contains(&axis) {
        false => Some(*n),
        true => keeps.then_some(1),
    });
    let result = result.collect();
    Ok((axes, result))
}

/// The axes that stay, then those that vanish.
fn order(rank: usize, axes: &[usize]) -> Vec<usize> {
    let stay = (0..rank).filter(|axis| !axes.contains(axis));
    stay.chain(axes.iter().copied()).collect()
}

fn evaluate(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let x = call.required(0)?;
    let (axes, shape) = axes(call)?;
    let len: usize = axes.iter().map(|axis| x.shape[*axis]).product();
    if len == 0 {
        return Err("it reduces nothing".to_string());
    }
    let rows = x.permuted(&order(x.shape.len(), &axes));
    let sum = |row: &[f64]| row.iter().sum::<f64>();
    let fold =
        |row: &[f64], f: fn(f64, f64) -> f64| row.iter().copied().reduce(f).unwrap_or(f64::NAN);
    let f = |row: &[f64]| match call.node.op.as_str() {
        "ReduceL1" => row.iter().map(|x| x.abs()).sum(),
        "ReduceL2" => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        "ReduceMax" => fold(row, |a, b| if a > b || a.is_nan() { a } else { b }),
        "ReduceMin" => fold(row, |a, b| if a < b || a.is_nan() { a } else { b }),
        "ReduceMean" if !x.dtype.is_float() => (sum(row) / len as f64).trunc(),
        "ReduceMean" => sum(row) / len as f64,
        "ReduceProd" => row.iter().product(),
        "ReduceSum" => sum(row),
        _ => row.iter().map(|x| x * x).sum(),
    };
    let data = rows.data.chunks(len).map(f).collect();
    Ok(vec![Array::new(shape, data, x.dtype)?])
}

fn lower(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let function = match site.call.node.op.as_str() {
        "ReduceL1" => reduce::L1,
        "ReduceL2" => reduce::L2,
        "ReduceMax" => reduce::MAX,
        "ReduceMin" => reduce::MIN,
        "ReduceMean" => reduce::MEAN,
        "ReduceProd" => reduce::PROD,
        "ReduceSum" => reduce::SUM,
        _ => reduce::SUM_SQUARE,
    };
    let (axes, _) = axes(&site.call)?;
    let x = site.tensor(0)?;
    if !x.dtype.is_float() && function == reduce::MEAN {
        return Err("the mean of integers is not supported".to_string());
    }
    let shape = x.shape.clone();
    let Some((first, last)) = axes.first().zip(axes.last()) else {
        // Of each number by itself.
        let len = x.len();
        return Ok(vec![site.build.reduce(function, &x, [len, 1, 1])]);
    };
    let between = &shape[*first..=*last];
    let neighbours = axes.len() == between.len();
    let len = axes.iter().map(|axis| shape[*axis]).product();
    Ok(vec![if neighbours {
        let outer = shape[..*first].iter().product();
        let inner = shape[last + 1..].iter().product();
        site.build.reduce(function, &x, [outer, len, inner])
    } else {
        let strides = Strides::of(&shape).permuted(&order(shape.len(), &axes));
        let rows = site.build.strided(&x, &strides);
        site.build
            .reduce(function, &rows, [rows.len() / len, len, 1])
    }])
}
