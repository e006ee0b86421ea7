//! [`Metadata`]: what other trainers write beside a policy about the joints it moves: mjlab as lists with commas, holosoma as JSON.
//! What contradicts itself is left out with a warning: a contract that is partly guessed would move a robot wrongly.

use std::collections::BTreeMap;

/// Metadata that has been read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    values: BTreeMap<String, String>,
    /// Names of what makes up the observation, as they stand.
    pub observation_names: Option<String>,
    /// What was left out and why.
    pub warnings: Vec<String>,
}

/// The joints an action moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Joints {
    /// In the order of the action.
    pub names: Vec<String>,
    /// How an action becomes target positions, if all of that is given.
    pub targets: Option<Targets>,
}

/// `position = action * scale + offset` for each joint.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// Radians for an action of 1.
    pub scale: Vec<f32>,
    /// Default positions in radians.
    pub offset: Vec<f32>,
    /// Stiffness and damping of the position controller.
    pub gains: Option<(Vec<f32>, Vec<f32>)>,
}

/// The keys that name joints.
const NAMES: [&str; 2] = ["joint_names", "dof_names"];
const OFFSETS: [&str; 2] = ["default_joint_pos", "default_dof_pos"];
const SCALES: [&str; 1] = ["action_scale"];
const STIFFNESS: [&str; 2] = ["joint_stiffness", "kp"];
const DAMPING: [&str; 2] = ["joint_damping", "kd"];

impl Metadata {
    /// Reads keys and values in the file's order. A key that occurs with different values counts as absent.
    #[must_use]
    pub fn of(entries: &[(String, String)]) -> Self {
        let mut metadata = Self::default();
        let mut torn: Vec<&str> = Vec::new();
        for (key, value) in entries {
            match metadata.values.insert(key.clone(), value.clone()) {
                Some(other) if other != *value && !torn.contains(&key.as_str()) => torn.push(key),
                _ => {}
            }
        }
        for key in torn {
            metadata.values.remove(key);
            metadata.warnings.push(format!(
                "metadata `{key}` occurs with different values; it is not used"
            ));
        }
        metadata.observation_names = metadata.values.get("observation_names").cloned();
        metadata
    }

    /// The joints, as far as names, scales, default positions and gains are equally many.
    pub fn joints(&mut self) -> Option<Joints> {
        let (key, names) = self.find(&NAMES)?;
        let names = texts(&names);
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        if names.is_empty() || names.iter().any(String::is_empty) || distinct.len() != names.len() {
            self.warnings.push(format!(
                "metadata `{key}` does not name each joint once; joints are not used"
            ));
            return None;
        }
        let n_joints = names.len();
        let gains = match (
            self.numbers(&STIFFNESS, n_joints),
            self.numbers(&DAMPING, n_joints),
        ) {
            (Some(stiffness), Some(damping)) => {
                let is_gain = |gain: &f32| *gain >= 0.0;
                let hold = stiffness.iter().chain(&damping).all(is_gain);
                if !hold {
                    self.warnings
                        .push("a stiffness or damping is negative; gains are not used".to_string());
                }
                hold.then_some((stiffness, damping))
            }
            _ => None,
        };
        let scale = self.numbers(&SCALES, n_joints);
        let offset = self.numbers(&OFFSETS, n_joints);
        let targets = match (scale, offset) {
            (Some(scale), Some(offset)) => Some(Targets {
                scale,
                offset,
                gains,
            }),
            (scale, offset) => {
                let missing = match (scale, offset) {
                    (None, None) => "scale of the action and default positions",
                    (None, _) => "scale of the action",
                    _ => "default positions",
                };
                self.warnings.push(format!(
                    "metadata name {n_joints} joints without {missing}; actions stay plain numbers without gains"
                ));
                None
            }
        };
        Some(Joints { names, targets })
    }

    fn find(&self, keys: &[&str]) -> Option<(String, String)> {
        let mut found = keys
            .iter()
            .filter_map(|key| self.values.get_key_value(*key));
        found
            .next()
            .map(|(key, value)| (key.clone(), value.clone()))
    }

    /// One number for each joint; a single one stands for all.
    fn numbers(&mut self, keys: &[&str], n_joints: usize) -> Option<Vec<f32>> {
        let (key, value) = self.find(keys)?;
        let numbers: Option<Vec<f32>> =
            texts(&value).iter().map(|text| text.parse().ok()).collect();
        match numbers.filter(|numbers| numbers.iter().all(|x| x.is_finite())) {
            Some(numbers) if numbers.len() == n_joints => Some(numbers),
            Some(numbers) if numbers.len() == 1 => Some(vec![numbers[0]; n_joints]),
            Some(numbers) => {
                self.warnings.push(format!(
                    "metadata `{key}` has {} numbers for {n_joints} joints; it is not used",
                    numbers.len()
                ));
                None
            }
            None => {
                self.warnings.push(format!(
                    "metadata `{key}` is no list of numbers; it is not used"
                ));
                None
            }
        }
    }
}

/// The elements of a JSON list or of a list with commas.
fn texts(list: &str) -> Vec<String> {
    if let Ok(elements) = serde_json::from_str::<Vec<serde_json::Value>>(list) {
        let text = |element: &serde_json::Value| match element {
            serde_json::Value::String(text) => text.trim().to_string(),
            other => other.to_string(),
        };
        return elements.iter().map(text).collect();
    }
    let list = list.trim().trim_start_matches('[').trim_end_matches(']');
    list.split(',')
        .map(|text| text.trim().trim_matches('"').to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> (Option<Joints>, Vec<String>) {
        let entries: Vec<_> = entries
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let mut metadata = Metadata::of(&entries);
        let joints = metadata.joints();
        (joints, metadata.warnings)
    }

    const COMPLETE: [(&str, &str); 5] = [
        ("joint_names", "hip,knee"),
        ("joint_stiffness", "20.0,30.0"),
        ("joint_damping", "0.5,1.0"),
        ("default_joint_pos", "0.1,-0.2"),
        ("action_scale", "0.25"),
    ];

    #[test]
    fn mjlab_gives_targets_with_gains() {
        let (joints, warnings) = read(&COMPLETE);
        let targets = joints.unwrap().targets.unwrap();
        assert_eq!(targets.scale, [0.25, 0.25]);
        assert_eq!(targets.offset, [0.1, -0.2]);
        assert_eq!(targets.gains, Some((vec![20.0, 30.0], vec![0.5, 1.0])));
        assert!(warnings.is_empty());
    }

    #[test]
    fn what_contradicts_itself_is_left_out_with_a_warning() {
        for (change, expected) in [
            (
                ("action_scale", "0.5"),
                "`action_scale` occurs with different values",
            ),
            (
                ("default_joint_pos", "0.1"),
                "`default_joint_pos` occurs with different values",
            ),
        ] {
            let entries = [&COMPLETE[..], &[change]].concat();
            let (joints, warnings) = read(&entries);
            assert_eq!(joints.unwrap().targets, None);
            assert!(warnings[0].contains(expected), "{warnings:?}");
        }
        let mut entries = COMPLETE;
        entries[3].1 = "0.1,0.2,0.3";
        let (joints, warnings) = read(&entries);
        assert_eq!(joints.unwrap().targets, None);
        assert!(
            warnings[0].contains("3 numbers for 2 joints"),
            "{warnings:?}"
        );
        entries = COMPLETE;
        entries[0].1 = "hip,hip";
        assert_eq!(read(&entries).0, None);
        entries = COMPLETE;
        entries[1].1 = "20.0,-1.0";
        let (joints, warnings) = read(&entries);
        assert_eq!(joints.unwrap().targets.unwrap().gains, None);
        assert!(warnings[0].contains("negative"));
    }

    #[test]
    fn holosoma_names_joints_without_targets() {
        let (joints, warnings) = read(&[
            ("dof_names", r#"["hüfte", "knie"]"#),
            ("kp", "[1.5, 2]"),
            ("kd", "[0.1, 0.2]"),
        ]);
        let joints = joints.unwrap();
        assert_eq!(joints.names, ["hüfte", "knie"]);
        assert_eq!(joints.targets, None);
        assert!(
            warnings[0].contains("without scale of the action and default positions"),
            "{warnings:?}"
        );
    }
}
