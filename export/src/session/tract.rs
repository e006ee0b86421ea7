//! tract, with any number of inputs and outputs.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tract_onnx::prelude::*;

use super::{Runner, Slot};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;

pub(super) struct TractRunner {
    state: TypedSimpleState,
    inputs: Vec<Slot>,
    outputs: Vec<String>,
}

impl TractRunner {
    pub fn open(path: &Path, slots: &[Slot]) -> Result<Self, ExportError> {
        // tract trusts a model's names and shapes; in a damaged one it panics.
        caught(|| Self::load(path, slots))
    }

    fn load(path: &Path, slots: &[Slot]) -> TractResult<Self> {
        let mut model = onnx().model_for_path(path)?;
        for (index, slot) in slots.iter().enumerate() {
            let fact = InferenceFact::dt_shape(datum_type(slot.dtype)?, &slot.shape);
            model = model.with_input_fact(index, fact)?;
        }
        let outlets = model.output_outlets()?.to_vec();
        let names = outlets.iter().map(|outlet| {
            let label = model.outlet_label(*outlet).map(str::to_string);
            label.unwrap_or_else(|| model.node(outlet.node).name.clone())
        });
        let outputs = names.collect();
        let plan = model.into_optimized()?.into_runnable()?;
        Ok(Self {
            state: plan.spawn()?,
            inputs: slots.to_vec(),
            outputs,
        })
    }

    fn try_run(&mut self, inputs: &[Array]) -> TractResult<BTreeMap<String, Array>> {
        let mut tensors = tvec!();
        for (slot, array) in self.inputs.iter().zip(inputs) {
            let tensor = Tensor::from_shape(&slot.shape, &array.data)?;
            tensors.push(
                tensor
                    .cast_to_dt(datum_type(slot.dtype)?)?
                    .into_owned()
                    .into(),
            );
        }
        let outputs = self.state.run(tensors)?;
        let mut answers = BTreeMap::new();
        for (name, output) in self.outputs.iter().zip(outputs) {
            let is_float = output.datum_type().is_float();
            let cast = output.cast_to::<f64>()?;
            let plain = cast.try_as_plain_ram()?;
            let array = Array {
                shape: output.shape().to_vec(),
                data: plain.as_slice::<f64>()?.to_vec(),
                dtype: if is_float { Dtype::F32 } else { Dtype::I64 },
            };
            answers.insert(name.clone(), array);
        }
        Ok(answers)
    }
}

fn datum_type(dtype: Dtype) -> TractResult<DatumType> {
    Ok(match dtype {
        Dtype::F32 => f32::datum_type(),
        Dtype::F64 => f64::datum_type(),
        Dtype::I64 => i64::datum_type(),
        Dtype::I32 => i32::datum_type(),
        Dtype::I8 => i8::datum_type(),
        Dtype::U8 => u8::datum_type(),
        Dtype::Bool => bool::datum_type(),
        other => {
            return Err(TractError::msg(format!(
                "inputs of {} are not supported",
                other.name()
            )));
        }
    })
}

fn caught<R>(body: impl FnOnce() -> TractResult<R>) -> Result<R, ExportError> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(ExportError::Model(format!("tract: {error:#}"))),
        Err(_) => Err(ExportError::Model(
            "tract: the model is damaged".to_string(),
        )),
    }
}

impl Runner for TractRunner {
    fn inputs(&self) -> &[Slot] {
        &self.inputs
    }

    fn run(&mut self, inputs: &[Array]) -> Result<BTreeMap<String, Array>, ExportError> {
        caught(|| self.try_run(inputs))
    }
}
