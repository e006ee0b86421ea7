//! Whether a [`PolicySpec`] is consistent and a set of tensors is the one it asks for.

use std::collections::BTreeMap;

use crate::checkpoint::{CheckpointError, Tensor};
use crate::spec::{Head, PolicySpec, SPEC_VERSION, Source};

/// Checks a contract: version, dimensions above zero, finite scales, ordered limits, a head as wide as the action.
///
/// # Errors
/// [`CheckpointError::Spec`] names the key that is wrong.
pub fn check_spec(spec: &PolicySpec) -> Result<(), CheckpointError> {
    require(
        spec.version == SPEC_VERSION,
        "version",
        format_args!("{} where {SPEC_VERSION} is supported", spec.version),
    )?;
    require(
        spec.period_us > 0,
        "period_us",
        format_args!("must be above 0"),
    )?;
    require(
        !spec.observation.is_empty(),
        "observation",
        format_args!("has no term"),
    )?;
    require(
        !spec.action.is_empty(),
        "action",
        format_args!("has no term"),
    )?;
    for (i, term) in spec.observation.iter().enumerate() {
        let key = |field: &str| format!("observation[{i}] `{}`.{field}", term.name);
        require_width(term.dim, &key("dim"))?;
        require_width(term.history, &key("history"))?;
        require_finite(term.scale, &key("scale"))?;
        require_finite(term.offset, &key("offset"))?;
        require_bound(term.clip, &key("clip"))?;
        require(
            term.source != Source::LastAction || term.dim == spec.action_dim(),
            &key("dim"),
            format_args!("{} where the action has {}", term.dim, spec.action_dim()),
        )?;
    }
    require(
        spec.observation.iter().any(|term| term.source.is_sensor()),
        "observation",
        format_args!("has no term of a sensor"),
    )?;
    for (i, term) in spec.action.iter().enumerate() {
        let key = |field: &str| format!("action[{i}] `{}`.{field}", term.name);
        require_width(term.dim, &key("dim"))?;
        require_finite(term.scale, &key("scale"))?;
        require_finite(term.offset, &key("offset"))?;
        require_finite(term.low, &key("low"))?;
        require_finite(term.high, &key("high"))?;
        require_bound(term.max_rate, &key("max_rate"))?;
        require_bound(term.time_constant_s, &key("time_constant_s"))?;
        for (gain, field) in [(term.stiffness, "stiffness"), (term.damping, "damping")] {
            let gain = gain.unwrap_or(0.0);
            require_finite(gain, &key(field))?;
            require(gain >= 0.0, &key(field), format_args!("{gain} is negative"))?;
        }
        require(
            term.low <= term.high,
            &key("low"),
            format_args!("{} is above high, {}", term.low, term.high),
        )?;
    }
    for (i, width) in spec.network.hidden.iter().enumerate() {
        require_width(*width, &format!("network.hidden[{i}]"))?;
    }
    if let Some(normalizer) = &spec.network.normalizer {
        require_bound(normalizer.clip, "network.normalizer.clip")?;
    }
    if let Head::Tanh { scale, offset } = &spec.network.head {
        for (field, values) in [("scale", scale), ("offset", offset)] {
            let key = format!("network.head.{field}");
            require(
                values.len() == spec.action_dim(),
                &key,
                format_args!(
                    "{} numbers, the action has {}",
                    values.len(),
                    spec.action_dim()
                ),
            )?;
            for value in values {
                require_finite(*value, &key)?;
            }
        }
    }
    Ok(())
}

/// Checks that `tensors` are exactly those of `spec.network`, in name, shape and finiteness, and that no standard
/// deviation is zero or negative.
pub(super) fn check_tensors(
    spec: &PolicySpec,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<(), CheckpointError> {
    let expected = expected_shapes(spec);
    for (name, shape) in &expected {
        let tensor = tensors
            .get(name)
            .ok_or_else(|| wrong(name, format!("missing; shape {shape:?} is expected")))?;
        if tensor.shape != *shape {
            return Err(wrong(
                name,
                format!("shape {:?}, {shape:?} is expected", tensor.shape),
            ));
        }
        if tensor.data.len() != shape.iter().product::<usize>() {
            return Err(wrong(
                name,
                format!("{} numbers for shape {shape:?}", tensor.data.len()),
            ));
        }
        if let Some(at) = tensor.data.iter().position(|x| !x.is_finite()) {
            return Err(wrong(name, format!("element {at} is {}", tensor.data[at])));
        }
    }
    if let Some(std) = tensors.get("normalizer.std")
        && let Some(at) = std
            .data
            .iter()
            .position(|x| x.recip() <= 0.0 || x.recip().is_infinite())
    {
        return Err(wrong(
            "normalizer.std",
            format!(
                "element {at} is {}, which nothing can be divided by",
                std.data[at]
            ),
        ));
    }
    match tensors.keys().find(|name| !expected.contains_key(*name)) {
        Some(name) => Err(wrong(name, "is not part of the network".to_string())),
        None => Ok(()),
    }
}

/// The tensors a network has, by name.
fn expected_shapes(spec: &PolicySpec) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = BTreeMap::new();
    let mut width = spec.observation_dim();
    if spec.network.normalizer.is_some() {
        shapes.insert("normalizer.mean".to_string(), vec![width]);
        shapes.insert("normalizer.std".to_string(), vec![width]);
    }
    let action_dim = spec.action_dim();
    for (i, out) in spec.network.hidden.iter().chain([&action_dim]).enumerate() {
        shapes.insert(format!("actor.{i}.weight"), vec![*out, width]);
        shapes.insert(format!("actor.{i}.bias"), vec![*out]);
        width = *out;
    }
    shapes
}

/// Widest layer, term and history. An image counts them in 16 bits.
const MAX_WIDTH: usize = u16::MAX as usize;

fn require_width(width: usize, key: &str) -> Result<(), CheckpointError> {
    require(
        (1..=MAX_WIDTH).contains(&width),
        key,
        format_args!("{width} is not in 1..={MAX_WIDTH}"),
    )
}

fn require_finite(value: f32, key: &str) -> Result<(), CheckpointError> {
    require(
        value.is_finite(),
        key,
        format_args!("{value} is not finite"),
    )
}

fn require_bound(bound: Option<f32>, key: &str) -> Result<(), CheckpointError> {
    require(
        bound.is_none_or(|bound| bound > 0.0 && bound.is_finite()),
        key,
        format_args!("{} is not above 0 and finite", bound.unwrap_or_default()),
    )
}

fn require(
    claim: bool,
    key: &str,
    problem: std::fmt::Arguments<'_>,
) -> Result<(), CheckpointError> {
    if claim {
        return Ok(());
    }
    Err(CheckpointError::Spec {
        key: key.to_string(),
        problem: problem.to_string(),
    })
}

fn wrong(name: &str, problem: String) -> CheckpointError {
    CheckpointError::Tensor {
        name: name.to_string(),
        problem,
    }
}
