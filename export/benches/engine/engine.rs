//! The engines side by side: each takes an observation and leaves an action, and keeps a recurrent state between steps.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::TensorRef;
use rlfd_export::{ImageOptions, image_of};
use rlfd_runtime::PolicyImage;
use rlfd_runtime::image::ImageBytes;
use tract_onnx::prelude::*;

use super::generated;
use super::plain_c::{self, Step};
use super::workload::Workload;

pub trait Engine {
    fn name(&self) -> &'static str;
    fn step(&mut self, observation: &[f32], action: &mut [f32]);
}

/// The image's bytes.
pub fn image(workload: &Workload) -> Result<Vec<u8>> {
    let options = ImageOptions {
        period_us: Some(10_000),
        ..ImageOptions::default()
    };
    Ok(image_of(&workload.model, &options)?)
}

pub struct Ours {
    image: PolicyImage<'static>,
    arena: Vec<f32>,
}

impl Ours {
    /// The copy of the image is leaked: a measurement ends with the process.
    pub fn open(bytes: &[u8]) -> Result<Self> {
        let bytes: &'static [u8] = Box::leak(Box::new(ImageBytes::new(bytes)));
        let image = PolicyImage::view(bytes).map_err(|error| anyhow!("{error}"))?;
        let mut arena = vec![0.0; image.arena_len()];
        image.program().reset(&mut arena);
        Ok(Self { image, arena })
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "rlfd"
    }

    fn step(&mut self, observation: &[f32], action: &mut [f32]) {
        self.image
            .program()
            .act(&mut self.arena, observation, action);
    }
}

/// ONNX Runtime with one thread and all its optimisations.
pub struct Ort {
    session: Session,
    shape: Vec<usize>,
    state_shape: Vec<usize>,
    state: Vec<f32>,
}

/// ONNX Runtime allows one per process.
pub fn ort_environment() -> Result<Environment> {
    let path = std::env::var_os("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH names no library")?;
    Ok(ort::init_from(path)?.with_telemetry(false).build()?)
}

impl Ort {
    pub fn open(environment: &Environment, workload: &Workload, onnx: &[u8]) -> Result<Self> {
        let refused = |error: &dyn std::fmt::Display| anyhow!("{error}");
        let session = Session::builder(environment)
            .map_err(|error| refused(&error))?
            .with_intra_threads(1)
            .map_err(|error| refused(&error))?
            .with_inter_threads(1)
            .map_err(|error| refused(&error))?
            .commit_from_memory(onnx)
            .map_err(|error| refused(&error))?;
        Ok(Self {
            session,
            shape: shape_of(workload),
            state_shape: vec![1, 1, workload.state_dim],
            state: vec![0.0; workload.state_dim],
        })
    }

    fn try_step(&mut self, observation: &[f32], action: &mut [f32]) -> ort::Result<()> {
        let input = TensorRef::from_array_view((self.shape.as_slice(), observation))?;
        let outputs = if self.state.is_empty() {
            self.session.run(ort::inputs![input])?
        } else {
            let state = self.state.as_slice();
            let state = TensorRef::from_array_view((self.state_shape.as_slice(), state))?;
            self.session.run(ort::inputs![input, state])?
        };
        action.copy_from_slice(outputs[0].try_extract_tensor::<f32>()?.1);
        if !self.state.is_empty() {
            let (_, next) = outputs[1].try_extract_tensor::<f32>()?;
            self.state.copy_from_slice(next);
        }
        Ok(())
    }
}

impl Engine for Ort {
    fn name(&self) -> &'static str {
        "ort"
    }

    fn step(&mut self, observation: &[f32], action: &mut [f32]) {
        self.try_step(observation, action).unwrap();
    }
}

/// tract with a state that is reused.
pub struct Tract {
    run: TypedSimpleState,
    shape: Vec<usize>,
    state: Option<Tensor>,
}

impl Tract {
    pub fn open(workload: &Workload, onnx: &[u8]) -> Result<Self> {
        let model = tract_onnx::onnx().model_for_read(&mut std::io::Cursor::new(onnx))?;
        let plan = model.into_optimized()?.into_runnable()?;
        let state_shape = [1, 1, workload.state_dim];
        let zeros = vec![0.0_f32; workload.state_dim];
        let state = (workload.state_dim > 0)
            .then(|| Tensor::from_shape(&state_shape, &zeros))
            .transpose()?;
        Ok(Self {
            run: plan.spawn()?,
            shape: shape_of(workload),
            state,
        })
    }

    fn try_step(&mut self, observation: &[f32], action: &mut [f32]) -> TractResult<()> {
        let input = Tensor::from_shape(&self.shape, observation)?;
        let mut inputs: TVec<TValue> = tvec![input.into()];
        inputs.extend(self.state.take().map(TValue::from));
        let mut outputs = self.run.run(inputs)?;
        if outputs.len() > 1 {
            self.state = outputs.pop().map(TValue::into_tensor);
        }
        action.copy_from_slice(outputs[0].try_as_plain_ram()?.as_slice::<f32>()?);
        Ok(())
    }
}

impl Engine for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn step(&mut self, observation: &[f32], action: &mut [f32]) {
        self.try_step(observation, action).unwrap();
    }
}

/// A function in a library that was compiled for the measurement.
pub struct Compiled {
    name: &'static str,
    step: Step,
}

impl Compiled {
    pub fn plain_c(workload: &Workload, folder: &Path) -> Result<Self> {
        Ok(Self {
            name: "plain C",
            step: plain_c::load(workload, folder)?,
        })
    }

    /// Our policy as source, from the library of all of them.
    pub fn source(workload: &Workload, library: &Path) -> Result<Self> {
        Ok(Self {
            name: "source",
            step: generated::load(library, workload)?,
        })
    }
}

impl Engine for Compiled {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&mut self, observation: &[f32], action: &mut [f32]) {
        // SAFETY: the program reads and writes as many numbers as the workload has, which the caller passes.
        unsafe { (self.step)(observation.as_ptr(), action.as_mut_ptr()) };
    }
}

fn shape_of(workload: &Workload) -> Vec<usize> {
    match workload.state_dim {
        0 => vec![1, workload.observation_dim],
        _ => vec![1, 1, workload.observation_dim],
    }
}
