//! [`OrtPolicy`]: ONNX Runtime, loaded from a shared library at run time.
//!
//! The library is found by the environment variable `ORT_DYLIB_PATH`, else by its usual name. One thread per call: the
//! default pool of ONNX Runtime takes all cores from the control loop it serves.

use std::format;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, TensorRef};

use super::BackendError;
use super::error::read;
use crate::policy::{Policy, Shape};

const ENGINE: &str = "ONNX Runtime";

/// A policy run by ONNX Runtime.
#[derive(Debug)]
pub struct OrtPolicy {
    session: Session,
    shape: Shape,
    /// Dimensions of the input; the batch is 1.
    input_shape: std::vec::Vec<usize>,
}

impl OrtPolicy {
    /// Loads the library, if this is the first, and the model.
    ///
    /// # Errors
    /// File or library cannot be read, or the model is no policy.
    pub fn open(path: &Path) -> Result<Self, BackendError> {
        let model = read(path)?;
        let environment = environment()?;
        let refused = |error: &dyn core::fmt::Display| BackendError::model(ENGINE, path, error);
        let session = Session::builder(&environment)
            .map_err(|error| refused(&error))?
            .with_intra_threads(1)
            .map_err(|error| refused(&error))?
            .with_inter_threads(1)
            .map_err(|error| refused(&error))?
            .commit_from_memory(&model)
            .map_err(|error| refused(&error))?;
        let ([input], [output]) = (session.inputs(), session.outputs()) else {
            let (n_inputs, n_outputs) = (session.inputs().len(), session.outputs().len());
            let what = format!("it has {n_inputs} inputs and {n_outputs} outputs");
            return Err(BackendError::not_a_policy(path, what));
        };
        let (input_shape, observation_dim) = dims(path, input)?;
        let (_, action_dim) = dims(path, output)?;
        Ok(Self {
            shape: Shape {
                observation_dim,
                action_dim,
            },
            input_shape,
            session,
        })
    }

    /// A line of the model's metadata.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<String> {
        self.session.metadata().ok()?.custom(key)
    }

    fn try_act(&mut self, observation: &[f32], action: &mut [f32]) -> ort::Result<bool> {
        let input = TensorRef::from_array_view((self.input_shape.as_slice(), observation))?;
        let outputs = self.session.run(ort::inputs![input])?;
        let Some((_, output)) = outputs.iter().next() else {
            return Ok(false);
        };
        let (_, answer) = output.try_extract_tensor::<f32>()?;
        let is_whole = answer.len() == action.len();
        for (action, answer) in action.iter_mut().zip(answer) {
            *action = *answer;
        }
        Ok(is_whole)
    }
}

impl Policy for OrtPolicy {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn reset(&mut self) {}

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        if !self.try_act(observation, action).unwrap_or(false) {
            action.fill(f32::NAN);
        }
    }
}

/// The one environment ONNX Runtime allows a process, made at the first call.
fn environment() -> Result<Environment, BackendError> {
    static SHARED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut shared = SHARED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(environment) = shared.as_ref() {
        return Ok(environment.clone());
    }
    let path = library_path();
    let failed = |reason: String| BackendError::Library {
        path: path.clone(),
        reason,
    };
    // Not `ort::init`, which panics where the library is missing.
    let builder = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
    let built = builder.with_telemetry(false).build();
    let environment = built.map_err(|error| failed(error.to_string()))?;
    // What goes wrong is returned; the library's own lines on stderr would say it twice.
    environment.set_log_level(LogLevel::Fatal);
    *shared = Some(environment.clone());
    Ok(environment)
}

fn library_path() -> PathBuf {
    let set = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    set.map_or_else(
        || {
            use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
            format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}").into()
        },
        PathBuf::from,
    )
}

/// Dimensions with batch 1, and their product.
fn dims(path: &Path, outlet: &Outlet) -> Result<(std::vec::Vec<usize>, usize), BackendError> {
    let dtype = outlet.dtype();
    let is_f32 = dtype.tensor_type() == Some(TensorElementType::Float32);
    let shape = dtype.tensor_shape().filter(|_| is_f32);
    let dims = match shape.map(|shape| shape.as_ref()) {
        Some([-1 | 1, width]) => usize::try_from(*width)
            .map(|width| std::vec![1, width])
            .ok(),
        Some([width]) => usize::try_from(*width).map(|width| std::vec![width]).ok(),
        _ => None,
    };
    let dims = dims
        .filter(|dims| !dims.contains(&0))
        .ok_or_else(|| BackendError::not_a_policy(path, format!("{} is {dtype}", outlet.name())))?;
    let width = dims.iter().product();
    Ok((dims, width))
}
