//! [`TractPolicy`]: tract, an ONNX engine in Rust.

use core::cell::Cell;
use std::boxed::Box;
use std::format;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::string::String;
use std::sync::Once;
use std::vec;
use std::vec::Vec;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

use super::BackendError;
use super::error::read;
use crate::policy::{Policy, Shape};

const ENGINE: &str = "tract";

/// A policy run by tract, one observation at a time.
#[derive(Debug)]
pub struct TractPolicy {
    state: TypedSimpleState,
    shape: Shape,
    input_shape: TVec<usize>,
    properties: std::collections::HashMap<String, Arc<Tensor>>,
}

impl TractPolicy {
    /// Reads and optimises the model for a batch of one.
    ///
    /// # Errors
    /// The file cannot be read, or the model is no policy.
    pub fn open(path: &Path) -> Result<Self, BackendError> {
        let model = read(path)?;
        // tract trusts a model's names and shapes; in a damaged one it panics.
        let loaded = quietly(|| Self::load(path, model));
        loaded.unwrap_or_else(|| Err(BackendError::model(ENGINE, path, &"the model is damaged")))
    }

    fn load(path: &Path, model: Vec<u8>) -> Result<Self, BackendError> {
        let refused = |error: TractError| BackendError::model(ENGINE, path, &format!("{error:#}"));
        let mut reader = std::io::Cursor::new(model);
        let model = onnx().model_for_read(&mut reader).map_err(refused)?;
        let (n_inputs, n_outputs) = (model.inputs.len(), model.outputs.len());
        if (n_inputs, n_outputs) != (1, 1) {
            let what = format!("it has {n_inputs} inputs and {n_outputs} outputs");
            return Err(BackendError::not_a_policy(path, what));
        }
        let properties = model.properties.clone();
        let fact = model.input_fact(0).map_err(refused)?.clone();
        let input_shape = batch_of_one(&fact)
            .ok_or_else(|| BackendError::not_a_policy(path, format!("the input is {fact:?}")))?;
        let model = model
            .with_input_fact(0, f32::fact(&input_shape).into())
            .and_then(|model| model.into_optimized())
            .map_err(refused)?;
        let output = model.output_fact(0).map_err(refused)?;
        let is_f32 = output.datum_type == f32::datum_type();
        let action_dim = match output.shape.as_concrete().filter(|_| is_f32) {
            Some([width] | [1, width]) => *width,
            _ => {
                return Err(BackendError::not_a_policy(
                    path,
                    format!("the output is {output:?}"),
                ));
            }
        };
        let plan = model.into_runnable().map_err(refused)?;
        Ok(Self {
            state: plan.spawn().map_err(refused)?,
            shape: Shape {
                observation_dim: input_shape.iter().product(),
                action_dim,
            },
            input_shape,
            properties,
        })
    }

    /// A line of the model's metadata.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<String> {
        let value = self.properties.get(&format!("onnx.metadata_props.{key}"))?;
        value
            .try_as_plain_ram()
            .ok()?
            .to_scalar::<String>()
            .ok()
            .cloned()
    }

    fn try_act(&mut self, observation: &[f32], action: &mut [f32]) -> TractResult<bool> {
        let input = Tensor::from_shape(&self.input_shape, observation)?;
        let outputs = self.state.run(tvec!(input.into()))?;
        let Some(output) = outputs.first() else {
            return Ok(false);
        };
        let plain = output.try_as_plain_ram()?;
        let answer = plain.as_slice::<f32>()?;
        let is_whole = answer.len() == action.len();
        for (action, answer) in action.iter_mut().zip(answer) {
            *action = *answer;
        }
        Ok(is_whole)
    }
}

impl Policy for TractPolicy {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn reset(&mut self) {}

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        let acted = quietly(|| self.try_act(observation, action).unwrap_or(false));
        if acted != Some(true) {
            action.fill(f32::NAN);
        }
    }
}

/// `[n]` as it is, `[batch, n]` with batch 1; `None` for everything else.
fn batch_of_one(fact: &InferenceFact) -> Option<TVec<usize>> {
    let datum_type = fact.datum_type.concretize()?;
    let rank = usize::try_from(fact.shape.rank().concretize()?).ok()?;
    let width = fact
        .shape
        .dim(rank.checked_sub(1)?)?
        .concretize()?
        .to_usize()
        .ok()?;
    let shape: TVec<usize> = match rank {
        1 => tvec![width],
        2 => tvec![1, width],
        _ => return None,
    };
    (datum_type == f32::datum_type() && width > 0).then_some(shape)
}

/// Runs `body` and answers `None` if it panics, without a word on the panic: it is an answer about the model, not a bug to
/// report. Panics of other threads are reported as before.
fn quietly<R>(body: impl FnOnce() -> R) -> Option<R> {
    std::thread_local! {
        static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                report(info);
            }
        }));
    });
    IS_QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    IS_QUIET.set(false);
    result.ok()
}
