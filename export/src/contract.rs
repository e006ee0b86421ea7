//! [`Contract`]: what an image says about itself besides its numbers: our own contract, or what metadata of others give.

use rlfd_models::{ActionTerm, ObservationTerm, PolicySpec, Source};
use rlfd_runtime::image;

use crate::error::ExportError;
use crate::foreign::{Joints, Metadata};
use crate::lower::{Lowered, NamedPort};
use crate::observation_names::{self, Part};
use crate::onnx::Model;

/// Terms and texts of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Where it was trained.
    pub environment: String,
    /// How it came to be.
    pub provenance: String,
    /// Control period in microseconds.
    pub period_us: u32,
    /// What it observes, in order.
    pub observation: Vec<ObservationTerm>,
    /// What it commands, in order.
    pub action: Vec<ActionTerm>,
    /// What a person should know about how this was found.
    pub notes: Vec<String>,
}

impl Contract {
    /// The contract of our own trainer.
    ///
    /// # Errors
    /// `period_us` contradicts it.
    pub fn of_spec(spec: &PolicySpec, period_us: Option<u32>) -> Result<Self, ExportError> {
        if let Some(period_us) = period_us.filter(|p| *p != spec.period_us) {
            return Err(ExportError::Model(format!(
                "its contract says period_us = {}, --period-us says {period_us}; a policy runs at the period it was \
                 trained at",
                spec.period_us
            )));
        }
        Ok(Self {
            environment: spec.environment.clone(),
            provenance: serde_json::to_string(&spec.provenance)?,
            period_us: spec.period_us,
            observation: spec.observation.clone(),
            action: spec.action.clone(),
            notes: Vec::new(),
        })
    }

    /// One observation term for each input and one action term for each output, without scale or limits; where the metadata name the
    /// joints, one action term for each of them, and where they name what is observed, one observation term for each of that.
    ///
    /// # Errors
    /// The control period is not given.
    pub fn of_foreign(
        model: &Model,
        lowered: &Lowered,
        period_us: Option<u32>,
    ) -> Result<Self, ExportError> {
        let period_us = period_us.filter(|period_us| *period_us > 0).ok_or_else(|| {
            ExportError::Model(
                "it has no rlfd contract, so its control period is not known: give --period-us (microseconds, above 0)"
                    .to_string(),
            )
        })?;
        let mut metadata = Metadata::of(&model.metadata);
        let joints = metadata.joints();
        let mut notes = metadata.warnings;
        let mut provenance = format!("onnx by {}", model.producer);
        if let Some(names) = &metadata.observation_names {
            provenance.push_str(&format!("; observes {names}"));
        }
        let n_actions = lowered.outputs.iter().map(NamedPort::len).sum();
        let n_joints = joints
            .as_ref()
            .map_or(n_actions, |joints| joints.names.len());
        let observation = observation_of_names(
            metadata.observation_names.as_deref(),
            &lowered.inputs,
            (n_joints, n_actions),
            &mut notes,
        );
        let action = match joints {
            Some(joints) => action_of_joints(&joints, &lowered.outputs, &mut notes),
            None => lowered.outputs.iter().map(generic_action).collect(),
        };
        Ok(Self {
            environment: model.graph.name.clone(),
            provenance,
            period_us,
            observation,
            action,
            notes,
        })
    }

    /// Checks that the contract counts as many numbers as the graph.
    ///
    /// # Errors
    /// It does not.
    pub fn check_dims(&self, lowered: &Lowered) -> Result<(), ExportError> {
        let observation: usize = self.observation.iter().map(|t| t.dim * t.history).sum();
        let action: usize = self.action.iter().map(|t| t.dim).sum();
        for (what, ports, contract) in [
            ("input", &lowered.inputs, observation),
            ("output", &lowered.outputs, action),
        ] {
            let graph: usize = ports.iter().map(NamedPort::len).sum();
            if contract != graph {
                let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
                return Err(ExportError::Model(format!(
                    "its {what} `{}` has {graph} numbers, its contract {contract}",
                    names.join("`, `")
                )));
            }
        }
        Ok(())
    }
}

/// One term for each input, or for each part of the only one. What is asked of the robot and the policy's last action are told
/// from sensors by their names, and so is the reader.
fn observation_of_names(
    names: Option<&str>,
    inputs: &[NamedPort],
    (n_joints, n_actions): (usize, usize),
    notes: &mut Vec<String>,
) -> Vec<ObservationTerm> {
    let whole = |port: &NamedPort| Part {
        name: port.name.clone(),
        dim: port.len(),
        source: observation_names::source(&port.name, port.len(), n_actions),
    };
    let parts = match (names, inputs) {
        (Some(names), [port]) => {
            match observation_names::parts(names, port.len(), n_joints, n_actions) {
                Ok(parts) => parts,
                Err(reason) => {
                    notes.push(format!(
                        "its metadata name what `{}` is made of, but {reason}; it stays one term of sensors, the last action and \
                         commands included",
                        port.name
                    ));
                    vec![whole(port)]
                }
            }
        }
        _ => inputs.iter().map(whole).collect(),
    };
    for part in &parts {
        let Part { name, dim, source } = part;
        let becomes = match source {
            Source::Sensor => continue,
            Source::Setpoint => "a setpoint: the board is told it",
            Source::LastAction => "the policy's last action: the controller fills it in",
        };
        notes.push(format!("`{name}`, {dim} numbers, is {becomes}"));
    }
    parts.into_iter().map(observation_part).collect()
}

fn observation_part(part: Part) -> ObservationTerm {
    ObservationTerm {
        name: part.name,
        unit: "1".to_string(),
        source: part.source,
        dim: part.dim,
        scale: 1.0,
        offset: 0.0,
        clip: None,
        history: 1,
    }
}

fn generic_action(port: &NamedPort) -> ActionTerm {
    ActionTerm {
        name: port.name.clone(),
        unit: "1".to_string(),
        dim: port.len(),
        scale: 1.0,
        offset: 0.0,
        // An image needs finite limits; the board's own are applied on top.
        low: f32::MIN,
        high: f32::MAX,
        max_rate: None,
        stiffness: None,
        damping: None,
        time_constant_s: None,
    }
}

/// One term for each joint in place of the one output that has as many numbers.
fn action_of_joints(
    joints: &Joints,
    outputs: &[NamedPort],
    notes: &mut Vec<String>,
) -> Vec<ActionTerm> {
    let n_joints = joints.names.len();
    let fits = |port: &&NamedPort| port.len() == n_joints;
    if outputs.iter().filter(fits).count() != 1 {
        let lengths: Vec<String> = outputs
            .iter()
            .map(|port| format!("`{}` {}", port.name, port.len()))
            .collect();
        notes.push(format!(
            "its metadata name {n_joints} joints, its outputs have other counts ({}); joints are not used",
            lengths.join(", ")
        ));
        return outputs.iter().map(generic_action).collect();
    }
    let mut terms = Vec::new();
    for port in outputs {
        let generic = generic_action(port);
        if port.len() != n_joints {
            terms.push(generic);
            continue;
        }
        for (i, name) in joints.names.iter().enumerate() {
            let named = ActionTerm {
                name: name.clone(),
                dim: 1,
                ..generic.clone()
            };
            terms.push(match &joints.targets {
                // A position is one only with scale and offset; without them the number stays what the graph answers.
                None => named,
                Some(targets) => ActionTerm {
                    unit: "rad".to_string(),
                    scale: targets.scale[i],
                    offset: targets.offset[i],
                    stiffness: targets.gains.as_ref().map(|(stiffness, _)| stiffness[i]),
                    damping: targets.gains.as_ref().map(|(_, damping)| damping[i]),
                    ..named
                },
            });
        }
    }
    terms
}

/// Widths are counted in 16 bits; contracts and graphs with wider terms have been refused before.
fn small(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// A term as the runtime has it.
#[must_use]
pub fn observation_term(term: &ObservationTerm) -> image::ObservationTerm<'_> {
    image::ObservationTerm {
        name: &term.name,
        unit: &term.unit,
        source: match term.source {
            Source::Sensor => image::Source::Sensor,
            Source::Setpoint => image::Source::Setpoint,
            Source::LastAction => image::Source::LastAction,
        },
        dim: small(term.dim),
        history: small(term.history),
        scale: term.scale,
        offset: term.offset,
        clip: term.clip.unwrap_or(f32::INFINITY),
    }
}

/// A term as the runtime has it.
#[must_use]
pub fn action_term(term: &ActionTerm) -> image::ActionTerm<'_> {
    image::ActionTerm {
        name: &term.name,
        unit: &term.unit,
        dim: small(term.dim),
        scale: term.scale,
        offset: term.offset,
        low: term.low,
        high: term.high,
        max_rate: term.max_rate.unwrap_or(f32::INFINITY),
        stiffness: term.stiffness.unwrap_or(0.0),
        damping: term.damping.unwrap_or(0.0),
        time_constant_s: term.time_constant_s.unwrap_or(0.0),
    }
}
