//! ONNX Runtime, with any number of inputs and outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorElementType};

use super::{Runner, Slot};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::ExportError;

pub(super) struct OrtRunner {
    session: Session,
    inputs: Vec<Slot>,
}

impl OrtRunner {
    pub fn open(path: &Path, slots: &[Slot]) -> Result<Self, ExportError> {
        let environment = environment()?;
        let session = Session::builder(&environment)
            .map_err(|error| failed(&error))?
            .with_intra_threads(1)
            .map_err(|error| failed(&error))?
            // On processors without VNNI it would otherwise add pairs of integer products in 16 bits, which saturate.
            .with_config_entry("session.x64quantprecision", "1")
            .map_err(|error| failed(&error))?
            .commit_from_file(path)
            .map_err(|error| failed(&error))?;
        Ok(Self {
            session,
            inputs: slots.to_vec(),
        })
    }
}

/// The one environment ONNX Runtime allows a process, made at the first call.
fn environment() -> Result<Environment, ExportError> {
    static SHARED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(environment) = shared.as_ref() {
        return Ok(environment.clone());
    }
    let set = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    let path = set.map_or_else(
        || {
            use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
            PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}"))
        },
        PathBuf::from,
    );
    let missing =
        |error: &dyn std::fmt::Display| ExportError::Model(format!("{}: {error}", path.display()));
    // Not `ort::init`, which panics where the library is missing.
    let builder = ort::init_from(&path).map_err(|error| missing(&error))?;
    let environment = builder
        .with_telemetry(false)
        .build()
        .map_err(|error| missing(&error))?;
    environment.set_log_level(LogLevel::Fatal);
    *shared = Some(environment.clone());
    Ok(environment)
}

fn failed(error: &dyn std::fmt::Display) -> ExportError {
    ExportError::Model(format!("ONNX Runtime: {error}"))
}

fn value_of(slot: &Slot, array: &Array) -> Result<DynValue, ExportError> {
    macro_rules! tensor {
        ($type:ty) => {{
            let data: Vec<$type> = array.data.iter().map(|x| *x as $type).collect();
            Tensor::from_array((slot.shape.clone(), data)).map(Tensor::into_dyn)
        }};
    }
    let value = match slot.dtype {
        Dtype::F32 => tensor!(f32),
        Dtype::F64 => tensor!(f64),
        Dtype::I64 => tensor!(i64),
        Dtype::I32 => tensor!(i32),
        Dtype::I8 => tensor!(i8),
        Dtype::U8 => tensor!(u8),
        Dtype::Bool => {
            let data: Vec<bool> = array.data.iter().map(|x| *x != 0.0).collect();
            Tensor::from_array((slot.shape.clone(), data)).map(Tensor::into_dyn)
        }
        other => {
            return Err(failed(&format!(
                "inputs of {} are not supported",
                other.name()
            )));
        }
    };
    value.map_err(|error| failed(&error))
}

fn array_of(value: &DynValue) -> Result<Array, ExportError> {
    macro_rules! array {
        ($type:ty, $dtype:expr) => {{
            let (shape, data) = value
                .try_extract_tensor::<$type>()
                .map_err(|error| failed(&error))?;
            Array {
                shape: shape
                    .iter()
                    .map(|n| usize::try_from(*n).unwrap_or(0))
                    .collect(),
                data: data.iter().map(|x| *x as f64).collect(),
                dtype: $dtype,
            }
        }};
    }
    Ok(match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => array!(f32, Dtype::F32),
        Some(TensorElementType::Float64) => array!(f64, Dtype::F64),
        Some(TensorElementType::Int64) => array!(i64, Dtype::I64),
        Some(TensorElementType::Int32) => array!(i32, Dtype::I32),
        Some(TensorElementType::Int8) => array!(i8, Dtype::I8),
        Some(TensorElementType::Uint8) => array!(u8, Dtype::U8),
        Some(TensorElementType::Bool) => {
            let (shape, data) = value
                .try_extract_tensor::<bool>()
                .map_err(|error| failed(&error))?;
            Array {
                shape: shape
                    .iter()
                    .map(|n| usize::try_from(*n).unwrap_or(0))
                    .collect(),
                data: data.iter().map(|x| f64::from(u8::from(*x))).collect(),
                dtype: Dtype::Bool,
            }
        }
        other => return Err(failed(&format!("outputs of {other:?} are not supported"))),
    })
}

impl Runner for OrtRunner {
    fn inputs(&self) -> &[Slot] {
        &self.inputs
    }

    fn run(&mut self, inputs: &[Array]) -> Result<BTreeMap<String, Array>, ExportError> {
        let mut values: Vec<(String, SessionInputValue<'_>)> = Vec::new();
        for (slot, array) in self.inputs.iter().zip(inputs) {
            values.push((slot.name.clone(), value_of(slot, array)?.into()));
        }
        let outputs = self.session.run(values).map_err(|error| failed(&error))?;
        let mut answers = BTreeMap::new();
        for (name, value) in outputs {
            answers.insert(name.to_string(), array_of(&value)?);
        }
        Ok(answers)
    }
}
