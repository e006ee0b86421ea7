//! [`image_of`]: a [`Model`] to the bytes of a policy image. The layout is the runtime's; here contract and program are put
//! together.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rlfd_models::PolicySpec;
use rlfd_runtime::image::{self, ImageError, ImageSource, Statistics};

use crate::calibration;
use crate::contract::{Contract, action_term, observation_term};
use crate::error::ExportError;
use crate::graph::Data;
use crate::lower::{LowerOptions, Lowered, NamedPort, Precision, lower};
use crate::onnx::Model;

/// What a model leaves open.
#[derive(Clone, Debug, Default)]
pub struct ImageOptions {
    /// Control period in microseconds; needed where the model has no contract.
    pub period_us: Option<u32>,
    /// Which outputs, and what becomes of state and sampling.
    pub lower: LowerOptions,
    /// Fewer bits than 32.
    pub reduced: Option<Reduced>,
    /// Mean and deviation of what the policy observes, where the model has no normaliser to take them from.
    pub statistics: Option<ObservationStatistics>,
}

/// Mean and standard deviation of every number of an observation.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationStatistics {
    /// `[observation_dim]`
    pub mean: Vec<f32>,
    /// `[observation_dim]`, not negative.
    pub deviation: Vec<f32>,
}

/// Fewer bits, and observations to find scales with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// How many bits.
    pub precision: Precision,
    /// Observations from the use the policy is made for, each as long as the policy's; [`Precision::F16`] needs none.
    pub calibration: Vec<Vec<f32>>,
}

/// An image and what was found on the way to it.
#[derive(Clone, Debug)]
pub struct MadeImage {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The program in it.
    pub lowered: Lowered,
    /// What a person should know: state that was recognised, metadata that was left out.
    pub notes: Vec<String>,
}

/// Makes the image of a model. A foreign one, without contract, gets terms named after its inputs and outputs, or after the joints its
/// metadata name.
///
/// # Errors
/// Names the node or tensor that is not supported, or what the contract lacks or contradicts.
pub fn make_image(model: &Model, options: &ImageOptions) -> Result<MadeImage, ExportError> {
    let Some(reduced) = &options.reduced else {
        return make(model, options, &options.lower);
    };
    let full = make(model, options, &options.lower)?;
    let ranges = calibration::ranges(&full.bytes, &reduced.calibration)?;
    let lower = LowerOptions {
        precision: Some((reduced.precision, ranges)),
        ..options.lower.clone()
    };
    let mut made = make(model, options, &lower)?;
    let price = calibration::price(&full.bytes, &made.bytes, &reduced.calibration)?;
    made.notes.push(price);
    Ok(made)
}

fn make(
    model: &Model,
    options: &ImageOptions,
    lowering: &LowerOptions,
) -> Result<MadeImage, ExportError> {
    model.check_opset()?;
    let spec = model.spec()?;
    let lowered = lower(&model.graph, lowering)?;
    let contract = match &spec {
        Some(spec) => Contract::of_spec(spec, options.period_us)?,
        None => Contract::of_foreign(model, &lowered, options.period_us)?,
    };
    contract.check_dims(&lowered)?;
    let statistics = spec
        .as_ref()
        .and_then(|spec| normaliser(spec, model))
        .or_else(|| options.statistics.clone());
    let observation: Vec<_> = contract.observation.iter().map(observation_term).collect();
    let action: Vec<_> = contract.action.iter().map(action_term).collect();
    let (inputs, outputs) = (
        Lowered::ports(&lowered.inputs),
        Lowered::ports(&lowered.outputs),
    );
    let write = |start: f32| {
        image::write(&ImageSource {
            environment: &contract.environment,
            provenance: &contract.provenance,
            period_us: contract.period_us,
            observation: &observation,
            action: &action,
            program: lowered.source(&inputs, &outputs),
            golden_observation: &golden_observation(&lowered.inputs, start),
            statistics: statistics.as_ref().map(|statistics| Statistics {
                mean: &statistics.mean,
                deviation: &statistics.deviation,
            }),
        })
    };
    // A function that has no number for some observation, such as a logarithm, may have one for another.
    let bytes = write(-1.0).or_else(|error| match error {
        ImageError::Golden { what: "action", .. } => write(0.5),
        error => Err(error),
    })?;
    let state = lowered.state.iter().map(|pair| {
        format!(
            "`{}` becomes `{}` of the next step: {} numbers of recurrent state, carried inside and cleared by a reset \
             (--state caller leaves them to you)",
            pair.output, pair.input, pair.len
        )
    });
    Ok(MadeImage {
        bytes,
        notes: state.chain(contract.notes).collect(),
        lowered,
    })
}

/// What our own trainer's normaliser knows of the observations it was fitted on.
fn normaliser(spec: &PolicySpec, model: &Model) -> Option<ObservationStatistics> {
    spec.network.normalizer.as_ref()?;
    let numbers = |name: &str| -> Option<Vec<f32>> {
        let value = model.graph.constants.get(name)?;
        let Data::F32(numbers) = &value.data else {
            return None;
        };
        (numbers.len() == spec.observation_dim()).then(|| numbers.clone())
    };
    Some(ObservationStatistics {
        mean: numbers("normalizer.mean")?,
        deviation: numbers("normalizer.std")?,
    })
}

/// The bytes of [`make_image`].
///
/// # Errors
/// As [`make_image`].
pub fn image_of(model: &Model, options: &ImageOptions) -> Result<Vec<u8>, ExportError> {
    Ok(make_image(model, options)?.bytes)
}

/// The observation every image of these inputs is tested with on its board: uniform over a width of 2 from `start` on, from one fixed
/// stream; 0 where an input is a whole number.
fn golden_observation(inputs: &[NamedPort], start: f32) -> Vec<f32> {
    let mut stream = ChaCha8Rng::from_seed(*b"golden observation of rlfd image");
    // 24 bits are exact in f32, so the vector does not depend on any library's idea of uniform.
    let mut unit = || (stream.next_u32() >> 8) as f32 / (1 << 23) as f32 + start;
    let mut observation = Vec::new();
    for port in inputs {
        let is_float = port.dtype.is_float();
        observation.extend((0..port.len()).map(|_| if is_float { unit() } else { 0.0 }));
    }
    observation
}
