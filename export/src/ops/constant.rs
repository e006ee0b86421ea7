//! `Constant`, `ConstantOfShape`, `Range`: always computed when an image is made.

use super::{Call, OpDef};
use crate::array::{Array, MAX_LEN};
use crate::dtype::Dtype;
use crate::graph::Attribute;

const fn op(
    name: &'static str,
    arity: usize,
    attributes: &'static [&'static str],
    evaluate: fn(&Call<'_>) -> Result<Vec<Array>, String>,
) -> OpDef {
    OpDef {
        name,
        arity: (arity, arity),
        results: 1,
        attributes,
        fixed: &[0, 1, 2],
        becomes: "nothing: computed when the image is made",
        evaluate,
        lower: |_| Err("it is a constant".to_string()),
    }
}

pub(super) const CONSTANT: OpDef = op(
    "Constant",
    0,
    &[
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    ],
    constant,
);
pub(super) const CONSTANT_OF_SHAPE: OpDef = op("ConstantOfShape", 1, &["value"], constant_of_shape);
pub(super) const RANGE: OpDef = op("Range", 3, &[], range);

fn constant(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let vector = |data: Vec<f64>, dtype| Array::new(vec![data.len()], data, dtype);
    let attributes: Vec<&Attribute> = call.node.attributes.values().collect();
    Ok(vec![match attributes.as_slice() {
        [Attribute::Value(value)] => Array::of(value)?,
        [Attribute::Float(value)] => Array::scalar(f64::from(*value), Dtype::F32),
        [Attribute::Int(value)] => Array::scalar(*value as f64, Dtype::I64),
        [Attribute::Floats(values)] => {
            vector(values.iter().map(|x| f64::from(*x)).collect(), Dtype::F32)?
        }
        [Attribute::Ints(values)] => {
            vector(values.iter().map(|x| *x as f64).collect(), Dtype::I64)?
        }
        _ => return Err("one numeric attribute is expected".to_string()),
    }])
}

fn constant_of_shape(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let (value, dtype) = match call.node.attributes.get("value") {
        None => (0.0, Dtype::F32),
        Some(Attribute::Value(value)) => {
            let array = Array::of(value)?;
            (array.only("its value")?, array.dtype)
        }
        Some(_) => return Err("attribute `value` is not a tensor".to_string()),
    };
    let shape = call.integers(0).ok_or("operand 0 is missing")?;
    let shape = shape
        .into_iter()
        .map(usize::try_from)
        .collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| "a length is negative".to_string())?;
    Ok(vec![Array::zeros(&shape, dtype)?.map(|_| value)])
}

fn range(call: &Call<'_>) -> Result<Vec<Array>, String> {
    let first = call.required(0)?;
    let number = |index: usize| call.required(index)?.only("a bound");
    let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
    let count = ((limit - start) / step).ceil().max(0.0);
    if count.is_nan() || count > MAX_LEN as f64 {
        return Err(format!(
            "from {start} to {limit} by {step} is not supported"
        ));
    }
    let data: Vec<f64> = (0..count as usize)
        .map(|i| start + i as f64 * step)
        .collect();
    Ok(vec![Array::new(vec![data.len()], data, first.dtype)?])
}
