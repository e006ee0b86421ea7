//! [`Opened`]: a policy file opened with a backend, for the commands that run one here.

use std::path::Path;

use anyhow::{Context, bail};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_models::{ActionTerm, ObservationTerm, PolicySpec, Source};
use rlfd_runtime::backend::EnginePolicy;
use rlfd_runtime::backend::ort::OrtPolicy;
use rlfd_runtime::backend::tract::TractPolicy;
use rlfd_runtime::{Policy, PolicyImage};

use crate::run::TorchPolicy;

/// Where the contract lies in an `.onnx` file.
const ONNX_CONTRACT: &str = "rlfd.policy_spec";

/// A policy that has been opened, with its contract.
pub(super) struct Opened {
    pub policy: Box<dyn Policy>,
    pub environment: Option<String>,
    pub terms: Option<(Vec<ObservationTerm>, Vec<ActionTerm>)>,
}

/// The backend that a file of this kind is run with unless another is asked for.
pub(super) fn default_backend(file: &Path) -> anyhow::Result<&'static str> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("pt") => Ok("torch"),
        Some("onnx") => Ok("ort"),
        Some("rlfd") => Ok("engine"),
        _ => bail!("{}: expected a .pt, .onnx or .rlfd file", file.display()),
    }
}

/// Opens a file with torch, tract, ort or engine.
pub(super) fn open(file: &Path, backend: &str) -> anyhow::Result<Opened> {
    let (extension, exporting) = match backend {
        "torch" => ("pt", "it runs policy.pt as the trainer left it"),
        "engine" => ("rlfd", "make one with `export image`"),
        _ => ("onnx", "make one with `export onnx`"),
    };
    if file.extension().and_then(|found| found.to_str()) != Some(extension) {
        bail!(
            "{}: backend `{backend}` runs .{extension} files ({exporting})",
            file.display()
        );
    }
    let name = || file.display().to_string();
    match backend {
        "torch" => {
            let checkpoint = Checkpoint::read(file)?;
            let policy = Box::new(TorchPolicy::new(&checkpoint).with_context(name)?);
            Ok(Opened::with_spec(policy, checkpoint.spec))
        }
        "engine" => {
            let bytes = std::fs::read(file).with_context(name)?;
            let policy = EnginePolicy::from_bytes(&bytes).with_context(name)?;
            let image = policy.image().view().with_context(name)?;
            let (environment, terms) = (
                Some(image.environment().to_owned()),
                Some(image_terms(&image)),
            );
            Ok(Opened {
                policy: Box::new(policy),
                environment,
                terms,
            })
        }
        "tract" => {
            let policy = TractPolicy::open(file)?;
            let contract = policy.metadata(ONNX_CONTRACT);
            Opened::with_contract(Box::new(policy), contract, file)
        }
        _ => {
            let policy = OrtPolicy::open(file)?;
            let contract = policy.metadata(ONNX_CONTRACT);
            Opened::with_contract(Box::new(policy), contract, file)
        }
    }
}

impl Opened {
    fn with_spec(policy: Box<dyn Policy>, spec: PolicySpec) -> Self {
        Self {
            policy,
            environment: Some(spec.environment),
            terms: Some((spec.observation, spec.action)),
        }
    }

    fn with_contract(
        policy: Box<dyn Policy>,
        contract: Option<String>,
        file: &Path,
    ) -> anyhow::Result<Self> {
        match contract {
            None => Ok(Self {
                policy,
                environment: None,
                terms: None,
            }),
            Some(json) => {
                let spec: PolicySpec = serde_json::from_str(&json).with_context(|| {
                    format!(
                        "{}: metadata `{ONNX_CONTRACT}` is not a contract",
                        file.display()
                    )
                })?;
                Ok(Self::with_spec(policy, spec))
            }
        }
    }
}

fn image_terms(image: &PolicyImage<'_>) -> (Vec<ObservationTerm>, Vec<ActionTerm>) {
    let bounded = |value: f32| value.is_finite().then_some(value);
    let gain = |value: f32| (value > 0.0).then_some(value);
    let observation = image.observation_terms().map(|term| ObservationTerm {
        name: term.name.to_owned(),
        unit: term.unit.to_owned(),
        source: match term.source {
            rlfd_runtime::image::Source::Sensor => Source::Sensor,
            rlfd_runtime::image::Source::Setpoint => Source::Setpoint,
            rlfd_runtime::image::Source::LastAction => Source::LastAction,
        },
        dim: term.dim.into(),
        scale: term.scale,
        offset: term.offset,
        clip: bounded(term.clip),
        history: term.history.into(),
    });
    let action = image.action_terms().map(|term| ActionTerm {
        name: term.name.to_owned(),
        unit: term.unit.to_owned(),
        dim: term.dim.into(),
        scale: term.scale,
        offset: term.offset,
        low: term.low,
        high: term.high,
        max_rate: bounded(term.max_rate),
        stiffness: gain(term.stiffness),
        damping: gain(term.damping),
        time_constant_s: gain(term.time_constant_s),
    });
    (observation.collect(), action.collect())
}
