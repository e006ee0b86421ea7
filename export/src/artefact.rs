//! [`Artefact`]: any of the three policy files, told apart by suffix, and [`Runner`]: one of them ready to act.

use std::fmt;
use std::path::{Path, PathBuf};

use rlfd_models::checkpoint::Checkpoint;
use rlfd_runtime::Policy;
use rlfd_runtime::backend::EnginePolicy;
#[cfg(feature = "backends")]
use rlfd_runtime::backend::{ort::OrtPolicy, tract::TractPolicy};
use rlfd_runtime::image::{ImageBytes, PolicyImage};

use crate::error::ExportError;
use crate::evaluate::Evaluator;
use crate::lower::LowerOptions;
use crate::onnx::Model;
use crate::policy_graph::model_of;

/// A policy file that has been read and checked.
#[derive(Debug)]
pub enum Artefact {
    /// `policy.pt`
    Checkpoint(Box<Checkpoint>),
    /// `.onnx`, ours or foreign.
    Model(Box<Model>),
    /// `.rlfd`, checked.
    Image(ImageBytes),
}

/// Who runs an `.onnx` file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// tract, in Rust.
    #[cfg(feature = "backends")]
    #[default]
    Tract,
    /// ONNX Runtime, a shared library that `ORT_DYLIB_PATH` names.
    #[cfg(feature = "backends")]
    Ort,
    /// Our own evaluation in float64.
    #[cfg_attr(not(feature = "backends"), default)]
    Reference,
}

impl Artefact {
    /// Opens `path`.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("pt") => Ok(Self::Checkpoint(Box::new(Checkpoint::read(path)?))),
            Some("onnx") => Ok(Self::Model(Box::new(Model::read(path)?))),
            Some("rlfd") => {
                let bytes =
                    std::fs::read(path).map_err(|error| ExportError::from(error).in_file(path))?;
                let bytes = ImageBytes::new(&bytes);
                PolicyImage::view(&bytes)
                    .map_err(|error| ExportError::from(error).in_file(path))?;
                Ok(Self::Image(bytes))
            }
            _ => Err(
                ExportError::Model("its suffix is none of .pt, .onnx and .rlfd".to_string())
                    .in_file(path),
            ),
        }
    }

    /// As ONNX, for what is no image.
    ///
    /// # Errors
    /// An image holds layers, no graph to convert.
    pub fn into_model(self, path: &Path) -> Result<Model, ExportError> {
        match self {
            Self::Checkpoint(checkpoint) => {
                model_of(&checkpoint).map_err(|error| error.in_file(path))
            }
            Self::Model(model) => Ok(*model),
            Self::Image(_) => Err(ExportError::Model(
                "is an image already; give the .pt or .onnx it was made of".to_string(),
            )
            .in_file(path)),
        }
    }
}

/// A policy ready to act.
pub struct Runner {
    path: PathBuf,
    engine: Engine,
}

enum Engine {
    Reference(Box<Evaluator>),
    Policy(&'static str, Box<dyn Policy>),
}

impl Runner {
    /// Opens `path` with the engine that its kind asks for: a checkpoint is evaluated in float64, an image runs on our
    /// engine, an ONNX file on `backend`.
    ///
    /// # Errors
    /// Names the file and what is wrong with it, or what the engine said.
    pub fn open(path: &Path, backend: Backend) -> Result<Self, ExportError> {
        let reference = |model: &Model| -> Result<Engine, ExportError> {
            model.check_opset()?;
            let evaluator = Evaluator::new(&model.graph, &LowerOptions::default())?;
            Ok(Engine::Reference(Box::new(evaluator)))
        };
        let engine = match (Artefact::open(path)?, backend) {
            (Artefact::Checkpoint(checkpoint), _) => {
                model_of(&checkpoint).and_then(|model| reference(&model))
            }
            (Artefact::Model(model), Backend::Reference) => reference(&model),
            // These name the file themselves.
            #[cfg(feature = "backends")]
            (Artefact::Model(_), Backend::Tract) => {
                let policy = TractPolicy::open(path)?;
                Ok(Engine::Policy("tract", Box::new(policy)))
            }
            #[cfg(feature = "backends")]
            (Artefact::Model(_), Backend::Ort) => {
                let policy = OrtPolicy::open(path)?;
                Ok(Engine::Policy("ONNX Runtime", Box::new(policy)))
            }
            (Artefact::Image(bytes), _) => EnginePolicy::from_bytes(&bytes)
                .map(|policy| Engine::Policy("rlfd-runtime", Box::new(policy)))
                .map_err(ExportError::from),
        };
        Ok(Self {
            path: path.to_owned(),
            engine: engine.map_err(|error| error.in_file(path))?,
        })
    }

    /// The engine's name.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match &self.engine {
            Engine::Reference(_) => "float64 reference",
            Engine::Policy(name, _) => name,
        }
    }

    /// Numbers in one observation.
    #[must_use]
    pub fn observation_dim(&self) -> usize {
        match &self.engine {
            Engine::Reference(evaluator) => evaluator.observation_dim(),
            Engine::Policy(_, policy) => policy.shape().observation_dim,
        }
    }

    /// The action for one observation `[observation_dim]`.
    ///
    /// # Errors
    /// Names the node whose operands do not fit.
    pub fn act(&mut self, observation: &[f32]) -> Result<Vec<f64>, ExportError> {
        match &mut self.engine {
            Engine::Reference(evaluator) => {
                let observation: Vec<f64> = observation.iter().map(|x| f64::from(*x)).collect();
                evaluator
                    .evaluate(&observation)
                    .map_err(|error| error.in_file(&self.path))
            }
            Engine::Policy(_, policy) => {
                let mut action = vec![0.0; policy.shape().action_dim];
                policy.act(observation, &mut action);
                Ok(action.iter().map(|x| f64::from(*x)).collect())
            }
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({}, {})", self.path.display(), self.engine())
    }
}
