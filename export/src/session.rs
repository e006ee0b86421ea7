//! [`Session`]: a graph with named inputs and outputs on one of the engines, one sample after the other. The state of a recurrent
//! policy starts at zero and is carried until a reset, whoever carries it.

mod engine;
#[cfg(feature = "backends")]
mod ort;
#[cfg(feature = "backends")]
mod tract;

use std::collections::BTreeMap;
use std::path::Path;

use crate::array::Array;
use crate::artefact::Artefact;
use crate::dtype::Dtype;
use crate::error::ExportError;
use crate::lower::LowerOptions;
use crate::onnx::Model;
#[cfg(feature = "backends")]
use crate::passes::state_pairs;

/// Who runs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SessionBackend {
    /// Our own engine; an .onnx file is made an image first
    Engine,
    /// tract, in Rust
    #[cfg(feature = "backends")]
    Tract,
    /// ONNX Runtime, a shared library that `ORT_DYLIB_PATH` names
    #[cfg(feature = "backends")]
    Ort,
}

/// An input or output for one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// As in the graph.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
}

/// What runs one sample.
trait Runner {
    /// What it reads, in order.
    fn inputs(&self) -> &[Slot];
    /// Answers the outputs by name.
    fn run(&mut self, inputs: &[Array]) -> Result<BTreeMap<String, Array>, ExportError>;
    /// Forgets a state of its own.
    fn reset(&mut self) {}
}

/// A file ready to run.
pub struct Session {
    runner: Box<dyn Runner>,
    /// Inputs and outputs that are the same state, where the runner knows nothing of it.
    pairs: Vec<(String, String)>,
    state: BTreeMap<String, Array>,
    wanted: Vec<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("inputs", &self.inputs())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Opens `path`, an `.onnx` or, for our engine, `.rlfd` file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it, or what the engine said.
    pub fn open(
        path: &Path,
        backend: SessionBackend,
        options: &LowerOptions,
    ) -> Result<Self, ExportError> {
        let in_file = |error: ExportError| error.in_file(path);
        let artefact = Artefact::open(path)?;
        let session = match (artefact, backend) {
            (Artefact::Image(bytes), SessionBackend::Engine) => Self::on_engine(&bytes),
            #[cfg(feature = "backends")]
            (Artefact::Image(_), _) => Err(ExportError::Model(
                "an image runs on our engine only; give the .onnx".to_string(),
            )),
            (artefact, SessionBackend::Engine) => {
                Self::of_model(&artefact.into_model(path)?, options)
            }
            #[cfg(feature = "backends")]
            (Artefact::Model(model), SessionBackend::Tract) => {
                Self::foreign(&model, options, |slots| {
                    Ok(Box::new(tract::TractRunner::open(path, slots)?))
                })
            }
            #[cfg(feature = "backends")]
            (Artefact::Model(model), SessionBackend::Ort) => {
                Self::foreign(&model, options, |slots| {
                    Ok(Box::new(ort::OrtRunner::open(path, slots)?))
                })
            }
            #[cfg(feature = "backends")]
            (Artefact::Checkpoint(_), _) => Err(ExportError::Model(
                "a checkpoint runs on our engine only; give the .onnx".to_string(),
            )),
        };
        session.map_err(in_file)
    }

    /// A model on our engine.
    ///
    /// # Errors
    /// No image can be made of it.
    pub fn of_model(model: &Model, options: &LowerOptions) -> Result<Self, ExportError> {
        let options = crate::ImageOptions {
            // The period does not matter to the function; a model with a contract has its own.
            period_us: model.spec()?.is_none().then_some(1),
            lower: options.clone(),
            reduced: None,
            statistics: None,
        };
        Self::on_engine(&crate::image_of(model, &options)?)
    }

    /// An image on our engine.
    ///
    /// # Errors
    /// It is damaged.
    pub fn on_engine(image: &[u8]) -> Result<Self, ExportError> {
        let runner = engine::EngineRunner::new(image)?;
        Ok(Self {
            wanted: runner.output_names(),
            runner: Box::new(runner),
            pairs: Vec::new(),
            state: BTreeMap::new(),
        })
    }

    #[cfg(feature = "backends")]
    fn foreign(
        model: &Model,
        options: &LowerOptions,
        open: impl FnOnce(&[Slot]) -> Result<Box<dyn Runner>, ExportError>,
    ) -> Result<Self, ExportError> {
        let symbols = model.graph.batch_symbols();
        let mut slots = Vec::new();
        for port in &model.graph.inputs {
            let (dtype, shape) = port.resolved(&symbols)?;
            slots.push(Slot {
                name: port.name.clone(),
                dtype,
                shape,
            });
        }
        let pairs = match options.state_by_caller {
            true => Vec::new(),
            false => state_pairs(&model.graph),
        };
        let outputs = model.graph.outputs.iter().map(|port| port.name.clone());
        let is_state = |name: &String| pairs.iter().any(|(_, output)| output == name);
        let wanted = match options.outputs.is_empty() {
            true => outputs.filter(|name| !is_state(name)).collect(),
            false => options.outputs.clone(),
        };
        let mut session = Self {
            runner: open(&slots)?,
            pairs,
            state: BTreeMap::new(),
            wanted,
        };
        session.reset();
        Ok(session)
    }

    /// What it reads, without state that it carries.
    #[must_use]
    pub fn inputs(&self) -> Vec<Slot> {
        let inputs = self.runner.inputs().iter();
        inputs
            .filter(|slot| !self.pairs.iter().any(|(input, _)| *input == slot.name))
            .cloned()
            .collect()
    }

    /// Clears the state.
    pub fn reset(&mut self) {
        self.runner.reset();
        for slot in self.runner.inputs() {
            if self.pairs.iter().any(|(input, _)| *input == slot.name) {
                let zeros = Array {
                    shape: slot.shape.clone(),
                    data: vec![0.0; slot.shape.iter().product()],
                    dtype: slot.dtype,
                };
                self.state.insert(slot.name.clone(), zeros);
            }
        }
    }

    /// Runs one sample: its inputs by name, its wanted outputs in order.
    ///
    /// # Errors
    /// An input is missing, or the engine fails.
    pub fn run(
        &mut self,
        inputs: &BTreeMap<String, Array>,
    ) -> Result<Vec<(String, Array)>, ExportError> {
        let mut feeds = Vec::new();
        for slot in self.runner.inputs() {
            let array = self
                .state
                .get(&slot.name)
                .or_else(|| inputs.get(&slot.name));
            let array = array.ok_or_else(|| ExportError::Tensor {
                name: slot.name.clone(),
                problem: "this input is missing".to_string(),
            })?;
            feeds.push(array.clone());
        }
        let mut answers = self.runner.run(&feeds)?;
        for (input, output) in &self.pairs {
            if let (Some(state), Some(next)) = (self.state.get_mut(input), answers.get(output)) {
                state.data.clone_from(&next.data);
            }
        }
        let mut wanted = Vec::new();
        for name in &self.wanted {
            let answer = answers.remove(name).ok_or_else(|| ExportError::Tensor {
                name: name.clone(),
                problem: "there is no such output".to_string(),
            })?;
            wanted.push((name.clone(), answer));
        }
        Ok(wanted)
    }
}
