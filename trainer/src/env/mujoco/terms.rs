//! Names and units of observations and actions, read off the model.

use mujoco_rs::prelude::{MjModel, MjtJoint, MjtObjBase};
use rlfd_models::spec::{ActionTerm, ObservationTerm, Source};

/// A group of `dim` numbers passed on as they are measured.
pub(super) fn term(name: impl Into<String>, unit: &str, dim: usize) -> ObservationTerm {
    ObservationTerm {
        name: name.into(),
        unit: unit.to_owned(),
        source: Source::Sensor,
        dim,
        scale: 1.0,
        offset: 0.0,
        clip: None,
        history: 1,
    }
}

/// The same with a symmetric bound.
pub(super) fn clipped(mut terms: Vec<ObservationTerm>, bound: f32) -> Vec<ObservationTerm> {
    for term in &mut terms {
        term.clip = Some(bound);
    }
    terms
}

/// `qpos` in order, joint by joint, without its first `skip` numbers.
pub(super) fn positions(model: &MjModel, skip: usize) -> Vec<ObservationTerm> {
    let mut names = Vec::new();
    for (joint, kind) in model.jnt_type().iter().enumerate() {
        let name = joint_name(model, joint);
        match kind {
            MjtJoint::mjJNT_SLIDE => names.push((format!("{name} position"), "m")),
            MjtJoint::mjJNT_HINGE => names.push((format!("{name} angle"), "rad")),
            MjtJoint::mjJNT_BALL => {
                names.extend(vec![(format!("{name} orientation"), "1"); 4]);
            }
            MjtJoint::mjJNT_FREE => {
                names.extend(["x", "y", "z"].map(|axis| (format!("{name} {axis} position"), "m")));
                names.extend(vec![(format!("{name} orientation"), "1"); 4]);
            }
        }
    }
    grouped(names.into_iter().skip(skip))
}

/// `qvel` in order, joint by joint.
pub(super) fn velocities(model: &MjModel) -> Vec<ObservationTerm> {
    let mut names = Vec::new();
    for (joint, kind) in model.jnt_type().iter().enumerate() {
        let name = joint_name(model, joint);
        let turning = (format!("{name} angular velocity"), "rad/s");
        match kind {
            MjtJoint::mjJNT_SLIDE => names.push((format!("{name} velocity"), "m/s")),
            MjtJoint::mjJNT_HINGE => names.push(turning),
            MjtJoint::mjJNT_BALL => names.extend(vec![turning; 3]),
            MjtJoint::mjJNT_FREE => {
                names.extend(vec![(format!("{name} velocity"), "m/s"); 3]);
                names.extend(vec![turning; 3]);
            }
        }
    }
    grouped(names.into_iter())
}

/// The actuators in order. A motor's command is its share of the gear's torque or force: with gear
/// 150, a command of 0.5 `[150 N m]` is 75 N m.
pub(super) fn actions(model: &MjModel) -> Vec<ActionTerm> {
    let ranges = model.actuator_ctrlrange();
    let gears = model.actuator_gear();
    let targets = model.actuator_trnid();
    (0..ranges.len())
        .map(|actuator| {
            let joint = usize::try_from(targets[actuator][0]).unwrap_or_default();
            let name = model
                .id_to_name(MjtObjBase::mjOBJ_ACTUATOR, actuator)
                .filter(|name| !name.is_empty())
                .map_or_else(|| joint_name(model, joint), str::to_owned);
            let base = match model.jnt_type()[joint] {
                MjtJoint::mjJNT_SLIDE => "N",
                _ => "N m",
            };
            let gear = gears[actuator][0];
            let [low, high] = ranges[actuator];
            ActionTerm {
                name,
                unit: if gear == 1.0 {
                    base.to_owned()
                } else {
                    format!("{gear} {base}")
                },
                dim: 1,
                scale: 1.0,
                offset: 0.0,
                low: low as f32,
                high: high as f32,
                max_rate: None,
                stiffness: None,
                damping: None,
                time_constant_s: None,
            }
        })
        .collect()
}

fn joint_name(model: &MjModel, joint: usize) -> String {
    match model.id_to_name(MjtObjBase::mjOBJ_JOINT, joint) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("joint {joint}"),
    }
}

/// Neighbours of one name become one term.
fn grouped(names: impl Iterator<Item = (String, &'static str)>) -> Vec<ObservationTerm> {
    let mut terms: Vec<ObservationTerm> = Vec::new();
    for (name, unit) in names {
        match terms.last_mut() {
            Some(last) if last.name == name => last.dim += 1,
            _ => terms.push(term(name, unit, 1)),
        }
    }
    terms
}
