//! [`parts`]: what an observation is made of, by the names that rsl_rl and mjlab write beside a policy. They give no widths; those
//! follow from the joints and from what is left, or the observation stays in one piece. It knows no graphs.

use rlfd_models::Source;

/// A run of an observation's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// As the file has it.
    pub name: String,
    /// How many numbers.
    pub dim: usize,
    /// Where they come from.
    pub source: Source,
}

/// Names of the policy's own last action.
const LAST_ACTION: [&str; 6] = [
    "actions",
    "action",
    "last_action",
    "last_actions",
    "prev_actions",
    "previous_actions",
];

/// Names of what is asked of the robot, besides those that end in `_command` or `_commands`.
const SETPOINT: [&str; 2] = ["command", "commands"];

/// Names with a number for each joint.
const JOINTS: [&str; 6] = [
    "joint_pos",
    "joint_vel",
    "joint_pos_rel",
    "joint_vel_rel",
    "dof_pos",
    "dof_vel",
];

/// Names with a number for each direction of space.
const VECTORS: [&str; 4] = [
    "base_lin_vel",
    "base_ang_vel",
    "projected_gravity",
    "imu_ang_vel",
];

/// Where numbers of this name come from, of a policy that answers `n_actions`; sensors, where the name says nothing.
#[must_use]
pub fn source(name: &str, dim: usize, n_actions: usize) -> Source {
    if LAST_ACTION.contains(&name) && dim == n_actions {
        return Source::LastAction;
    }
    let is_asked = SETPOINT.contains(&name)
        || ["_command", "_commands"]
            .iter()
            .any(|end| name.ends_with(end));
    if is_asked {
        Source::Setpoint
    } else {
        Source::Sensor
    }
}

/// Takes an observation of `width` numbers apart by its names, a list with commas, for a robot of `n_joints` and a policy that
/// answers `n_actions`. One name of unknown width takes what the others leave.
///
/// # Errors
/// Why the widths do not follow, as part of a sentence.
pub fn parts(
    names: &str,
    width: usize,
    n_joints: usize,
    n_actions: usize,
) -> Result<Vec<Part>, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let known = |name: &str| -> Option<usize> {
        if LAST_ACTION.contains(&name) {
            return Some(n_actions);
        }
        if JOINTS.contains(&name) {
            return Some(n_joints);
        }
        VECTORS.contains(&name).then_some(3)
    };
    let unknown: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| known(name).is_none())
        .collect();
    let sum: usize = names.iter().filter_map(|name| known(name)).sum();
    let left = width.checked_sub(sum);
    let rest = match (unknown.as_slice(), left) {
        ([], Some(0)) => 0,
        ([_], Some(left)) if left > 0 => left,
        ([] | [_], _) => {
            return Err(format!(
                "the names whose widths are known make {sum} of its {width} numbers"
            ));
        }
        _ => {
            return Err(format!(
                "the widths of {} are not known",
                unknown.join(", ")
            ));
        }
    };
    let part = |name: &str| {
        let dim = known(name).unwrap_or(rest);
        Part {
            name: name.to_owned(),
            dim,
            source: source(name, dim, n_actions),
        }
    };
    Ok(names.into_iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A velocity task of mjlab's on a quadruped with twelve joints.
    const VELOCITY: &str =
        "base_lin_vel,base_ang_vel,projected_gravity,joint_pos,joint_vel,actions,command";

    fn told(names: &str, width: usize) -> Result<Vec<(String, usize, Source)>, String> {
        let found = parts(names, width, 12, 12)?;
        let told = |part: Part| (part.name, part.dim, part.source);
        Ok(found.into_iter().map(told).collect())
    }

    #[test]
    fn a_velocity_task_has_a_last_action_and_a_setpoint() {
        let found = told(VELOCITY, 48).unwrap();
        let dims: Vec<usize> = found.iter().map(|part| part.1).collect();
        assert_eq!(dims, [3, 3, 3, 12, 12, 12, 3]);
        let sources: Vec<Source> = found.iter().map(|part| part.2).collect();
        assert_eq!(sources[..5], [Source::Sensor; 5]);
        assert_eq!(sources[5..], [Source::LastAction, Source::Setpoint]);
        // Isaac Lab's names, and a map of heights as wide as it has to be.
        let names = "velocity_commands, joint_pos_rel, last_action, height_scan";
        assert!(told(names, 200).is_err(), "two widths are not known");
        let found = told("joint_pos_rel, last_action, height_scan", 211).unwrap();
        assert_eq!(found[2], ("height_scan".to_owned(), 187, Source::Sensor));
    }

    #[test]
    fn widths_that_do_not_follow_are_not_guessed() {
        for (names, width, reason) in [
            (VELOCITY, 45, "45 of its 45"),
            (VELOCITY, 20, "45 of its 20"),
            ("joint_pos,joint_vel", 25, "24 of its 25"),
            ("phase,command", 5, "phase, command"),
        ] {
            let refused = told(names, width).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
        // A last action of another width than the policy's is a sensor like any other.
        assert_eq!(source("last_action", 7, 12), Source::Sensor);
    }
}
