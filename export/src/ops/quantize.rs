//! `QuantizeLinear` and `DequantizeLinear`, with one scale or one for each index along an axis.

use super::{Call, OpDef, Site};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::lower::{Tensor, map, zip};

pub(super) const QUANTIZE: OpDef = OpDef {
    name: "QuantizeLinear",
    arity: (2, 3),
    results: 1,
    attributes: &[
        "axis",
        "saturate",
        "block_size",
        "output_dtype",
        "precision",
    ],
    fixed: &[1, 2],
    becomes: "Quantize, or part of DenseQuantized before it; with many scales Zip and Map",
    evaluate: quantize,
    lower: lower_quantize,
};
pub(super) const DEQUANTIZE: OpDef = OpDef {
    name: "DequantizeLinear",
    arity: (2, 3),
    results: 1,
    attributes: &["axis", "block_size", "output_dtype"],
    fixed: &[1, 2],
    becomes: "Dequantize, or part of DenseQuantized behind it; with many scales Zip",
    evaluate: |call| {
        let scheme = Scheme::of(call, false)?;
        let x = call.required(0)?;
        let result = x.zip(&scheme.zero, |q, zero| q - zero)?;
        Ok(vec![
            result
                .zip(&scheme.scale, |q, scale| q * scale)?
                .typed(scheme.scale.dtype),
        ])
    },
    lower: lower_dequantize,
};

/// How integers stand for numbers: `(q - zero) * scale`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// Broadcasts to the array.
    pub scale: Array,
    /// Broadcasts to the array; its type is that of the integers.
    pub zero: Array,
}

impl Scheme {
    /// The scheme of a node of either operator.
    ///
    /// # Errors
    /// Its operands do not fit.
    pub fn of(call: &Call<'_>, is_quantize: bool) -> Result<Self, String> {
        let (x, scale) = (call.required(0)?, call.required(1)?);
        if call.node.int("block_size", 0)? != 0 {
            return Err("scales of blocks are not supported".to_string());
        }
        let dtype = match (call.optional(2), is_quantize) {
            (Some(zero), _) => zero.dtype,
            (None, false) => x.dtype,
            (None, true) => match call.node.int("output_dtype", 0)? {
                0 => Dtype::U8,
                number => i32::try_from(number)
                    .ok()
                    .and_then(Dtype::of_number)
                    .ok_or_else(|| format!("type {number} is not supported"))?,
            },
        };
        if dtype.is_float() || dtype == Dtype::Bool {
            return Err(format!("to or from {} is not supported", dtype.name()));
        }
        let zero = match call.optional(2) {
            Some(zero) => zero.clone(),
            None => Array::zeros(&scale.shape, dtype)?,
        };
        if scale.data.iter().any(|s| !s.is_finite() || *s <= 0.0) && !call.node.op.is_empty() {
            return Err("its scales are not all above 0".to_string());
        }
        let shaped = |array: &Array| match array.data.len() {
            1 => array.reshaped(Vec::new()),
            n => {
                let axis = call.axis("axis", 1, x.shape.len())?;
                if n != x.shape[axis] {
                    return Err(format!("{n} scales for an axis of {}", x.shape[axis]));
                }
                let mut shape = vec![1; x.shape.len()];
                shape[axis] = n;
                array.reshaped(shape)
            }
        };
        Ok(Self {
            scale: shaped(scale)?,
            zero: shaped(&zero)?.typed(dtype),
        })
    }

    /// The only scale and zero point, if there is one of each.
    fn single(&self) -> Option<(f32, i32)> {
        match (self.scale.data.as_slice(), self.zero.data.as_slice()) {
            ([scale], [zero]) => Some((*scale as f32, *zero as i32)),
            _ => None,
        }
    }
}

/// The quotient is a single, as in an engine: in double precision halves would round to another side.
fn quantize(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let scheme = Scheme::of(call, true)?;
    let dtype = scheme.zero.dtype;
    let (low, high) = dtype.range().unwrap_or((f64::MIN, f64::MAX));
    let steps = call.required(0)?.zip(&scheme.scale, |x, scale| {
        f64::from((x as f32 / scale as f32).round_ties_even())
    })?;
    let result = steps.zip(&scheme.zero, |q, zero| (q + zero).clamp(low, high))?;
    Ok(vec![result.typed(dtype)])
}

fn lower_quantize(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let scheme = Scheme::of(&site.call, true)?;
    let x = site.tensor(0)?;
    let dtype = scheme.zero.dtype;
    // A number less its zero point has 16 bits: of a 16-bit one only if that point is 0.
    if let Some((scale, zero)) = scheme
        .single()
        .filter(|(_, zero)| dtype != Dtype::I16 || *zero == 0)
        && let Some(function) = [Dtype::I8, Dtype::U8, Dtype::I16]
            .iter()
            .position(|d| *d == dtype)
    {
        return Ok(vec![site.build.quantize(
            &x,
            function as u8,
            scale,
            zero,
            dtype,
        )]);
    }
    let Some((low, high)) = dtype.range().filter(|(low, high)| high - low < 1e6) else {
        return Err(format!("to {} is not supported", dtype.name()));
    };
    let build = &mut *site.build;
    let steps = build.zip(zip::DIV, &x, &Tensor::of(scheme.scale))?;
    let steps = build.map(map::ROUND, [0.0; 2], &steps);
    let shifted = match scheme.zero.data.iter().all(|zero| *zero == 0.0) {
        true => steps,
        false => build.zip(zip::ADD, &steps, &Tensor::of(scheme.zero))?,
    };
    Ok(vec![build.map(
        map::CLIP,
        [low as f32, high as f32],
        &shifted,
    )])
}

fn lower_dequantize(site: &mut Site<'_>) -> Result<Vec<Tensor>, String> {
    let scheme = Scheme::of(&site.call, false)?;
    let x = site.tensor(0)?;
    let build = &mut *site.build;
    if let Some((scale, zero)) = scheme.single()
        && let Some(scaled) = build.dequantized(&x, scale, zero)
    {
        return Ok(vec![scaled]);
    }
    let shifted = match scheme.zero.data.iter().all(|zero| *zero == 0.0) {
        true => x,
        false => build.zip(zip::SUB, &x, &Tensor::of(scheme.zero))?,
    };
    Ok(vec![build.zip(
        zip::MUL,
        &shifted,
        &Tensor::of(scheme.scale),
    )?])
}
