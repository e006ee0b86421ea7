//! [`Inspection`] as text for people.

use std::fmt;

use rlfd_models::PolicySpec;

use super::{ImageInspection, Inspection, ModelInspection, TensorRow, gains, limits};
use crate::cost::Estimate;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint { spec, tensors } => {
                writeln!(f, "policy.pt")?;
                write_spec(f, spec)?;
                write_tensors(f, "tensors", tensors)
            }
            Self::Model(model) => model.fmt(f),
            Self::Image(image) => image.fmt(f),
        }
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "ONNX model, IR version {}, operator set {}, by {}",
            self.ir_version, self.opset, self.producer
        )?;
        writeln!(f, "metadata      {}", self.metadata_keys.join(", "))?;
        match &self.spec {
            Some(spec) => write_spec(f, spec)?,
            None => writeln!(f, "contract      none: not written by rlfd")?,
        }
        write_lines(f, "inputs", &self.inputs)?;
        write_lines(f, "outputs", &self.outputs)?;
        write_tensors(f, "constants", &self.constants)?;
        let nodes = self.nodes.iter().map(|node| {
            let mark = if node.is_supported { ' ' } else { '!' };
            format!(
                "{mark} {:<12} {}  ({}) -> {}",
                node.op,
                node.name,
                node.inputs.join(", "),
                node.outputs.join(", ")
            )
        });
        write_lines(f, "nodes", &nodes.collect::<Vec<_>>())?;
        match &self.refusal {
            None => writeln!(f, "image         can be made"),
            Some(reason) => writeln!(f, "image         cannot be made: {reason}"),
        }
    }
}

impl fmt::Display for ImageInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "policy image, {} bytes, CRC-32 {}",
            self.bytes, self.checksum
        )?;
        writeln!(f, "environment   {}", self.environment)?;
        writeln!(f, "provenance    {}", self.provenance)?;
        writeln!(f, "period        {} us", self.period_us)?;
        writeln!(f, "contract id   {}", self.contract_id)?;
        write_lines(f, "observation", &self.observation)?;
        write_lines(f, "action", &self.action)?;
        write_lines(f, "inputs", &self.inputs)?;
        write_lines(f, "outputs", &self.outputs)?;
        write_lines(f, "operations", &self.ops)?;
        writeln!(f, "products      {} multiplied and added", self.macs)?;
        writeln!(
            f,
            "flash         {} bytes, {} of them constants",
            self.bytes, self.constant_bytes
        )?;
        writeln!(
            f,
            "memory        {} bytes, {} of them recurrent state",
            self.arena_bytes, self.state_bytes
        )?;
        let estimates = self.estimates.iter().map(|estimate| {
            let Estimate {
                processor,
                cycles,
                basis,
            } = estimate;
            format!("{processor:<11} {cycles:>12}   ({basis})")
        });
        write_lines(f, "cycles, about", &estimates.collect::<Vec<_>>())?;
        let outcome = if self.self_test { "passed" } else { "FAILED" };
        writeln!(f, "self-test     {outcome}")
    }
}

fn write_spec(f: &mut fmt::Formatter<'_>, spec: &PolicySpec) -> fmt::Result {
    writeln!(f, "environment   {}", spec.environment)?;
    writeln!(f, "period        {} us", spec.period_us)?;
    let observation = spec.observation.iter().map(|term| {
        let clip = term
            .clip
            .map_or(String::new(), |clip| format!(", clip {clip}"));
        format!(
            "{} [{}] ×{} of {:?}, history {}, scale {}, offset {}{clip}",
            term.name, term.unit, term.dim, term.source, term.history, term.scale, term.offset
        )
    });
    write_lines(f, "observation", &observation.collect::<Vec<_>>())?;
    let action = spec.action.iter().map(|term| {
        let rate = term
            .max_rate
            .map_or(String::new(), |rate| format!(", rate {rate}/s"));
        format!(
            "{} [{}] ×{}, scale {}, offset {}, {}{rate}{}",
            term.name,
            term.unit,
            term.dim,
            term.scale,
            term.offset,
            limits(term.low, term.high),
            gains(term.stiffness.unwrap_or(0.0), term.damping.unwrap_or(0.0))
        )
    });
    write_lines(f, "action", &action.collect::<Vec<_>>())?;
    let network = &spec.network;
    writeln!(
        f,
        "network       {} -> {:?} -> {}, {:?}, normalizer {}, head {:?}",
        spec.observation_dim(),
        network.hidden,
        spec.action_dim(),
        network.activation,
        if network.normalizer.is_some() {
            "yes"
        } else {
            "no"
        },
        network.head
    )?;
    let provenance = &spec.provenance;
    writeln!(
        f,
        "provenance    {} by trainer {}, seed {}, {} environment steps, mean return {}, recipe {}",
        provenance.algorithm,
        provenance.trainer,
        provenance.seed,
        provenance.environment_steps,
        provenance
            .mean_return
            .map_or("unknown".to_string(), |mean_return| mean_return.to_string()),
        provenance.recipe_sha256
    )
}

fn write_tensors(f: &mut fmt::Formatter<'_>, title: &str, rows: &[TensorRow]) -> fmt::Result {
    let lines = rows
        .iter()
        .map(|row| format!("{} {} {:?}", row.name, row.dtype, row.shape));
    write_lines(f, title, &lines.collect::<Vec<_>>())
}

/// The first line beside the title, the others below it.
fn write_lines(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    for (i, line) in lines.iter().enumerate() {
        writeln!(f, "{:<13} {line}", if i == 0 { title } else { "" })?;
    }
    Ok(())
}
