//! [`ObservationTerm`] and [`ActionTerm`]: the contract as people read it, and the contract id.

use super::{ActionRule, ObservationRule, Source};

/// A named group of numbers and how it becomes part of the observation, see [`ObservationRule`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservationTerm<'a> {
    /// e.g. `cart position`.
    pub name: &'a str,
    /// SI unit before scaling, `1` if it has none.
    pub unit: &'a str,
    /// Where the numbers come from.
    pub source: Source,
    /// How many numbers.
    pub dim: u16,
    /// How many consecutive samples are stacked, oldest first; 1 is the newest alone.
    pub history: u16,
    /// Factor to the observation.
    pub scale: f32,
    /// Added after scaling.
    pub offset: f32,
    /// Symmetric bound on the observation; infinite for none.
    pub clip: f32,
}

/// A named group of commands and how it follows from the action, see [`ActionRule`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionTerm<'a> {
    /// The actuator, e.g. `slide`.
    pub name: &'a str,
    /// SI unit of the command, e.g. `N`.
    pub unit: &'a str,
    /// How many numbers.
    pub dim: u16,
    /// Factor from action to command.
    pub scale: f32,
    /// Added after scaling, in command units.
    pub offset: f32,
    /// Least command.
    pub low: f32,
    /// Greatest command.
    pub high: f32,
    /// Greatest change of the command per second; infinite for none.
    pub max_rate: f32,
    /// Gain from position error to torque, where the command is the target position of a joint, e.g. in N m/rad; 0 where
    /// it is not.
    pub stiffness: f32,
    /// Gain from joint velocity to opposing torque, e.g. in N m s/rad; 0 for none.
    pub damping: f32,
    /// Time constant of the first-order low-pass that smooths the command, in seconds; 0 for none.
    pub time_constant_s: f32,
}

impl<'a> ObservationTerm<'a> {
    /// The numbers, without name and unit.
    #[must_use]
    pub fn rule(&self) -> ObservationRule {
        ObservationRule {
            dim: self.dim,
            history: self.history,
            source: self.source as u16,
            reserved: 0,
            scale: self.scale,
            offset: self.offset,
            clip: self.clip,
        }
    }

    pub(super) fn new((name, unit): (&'a str, &'a str), rule: &ObservationRule) -> Self {
        Self {
            name,
            unit,
            // A checked rule has a source.
            source: rule.source().unwrap_or_default(),
            dim: rule.dim,
            history: rule.history,
            scale: rule.scale,
            offset: rule.offset,
            clip: rule.clip,
        }
    }
}

impl<'a> ActionTerm<'a> {
    /// The numbers, without name and unit.
    #[must_use]
    pub fn rule(&self) -> ActionRule {
        ActionRule {
            dim: self.dim,
            reserved: 0,
            scale: self.scale,
            offset: self.offset,
            low: self.low,
            high: self.high,
            max_rate: self.max_rate,
            stiffness: self.stiffness,
            damping: self.damping,
            time_constant_s: self.time_constant_s,
        }
    }

    pub(super) fn new((name, unit): (&'a str, &'a str), rule: &ActionRule) -> Self {
        Self {
            name,
            unit,
            dim: rule.dim,
            scale: rule.scale,
            offset: rule.offset,
            low: rule.low,
            high: rule.high,
            max_rate: rule.max_rate,
            stiffness: rule.stiffness,
            damping: rule.damping,
            time_constant_s: rule.time_constant_s,
        }
    }
}

/// FNV-1a, 64 bits, over the terms in order: two machines with the same id wire up the same measurements and commands. It
/// guards against mistakes, not against malice.
#[cfg(feature = "alloc")]
pub(super) fn contract_id<'a>(
    observation: impl Iterator<Item = ObservationTerm<'a>>,
    action: impl Iterator<Item = ActionTerm<'a>>,
) -> u64 {
    let mut hash = Fnv1a(0xcbf2_9ce4_8422_2325);
    for term in observation {
        hash.write(b"o");
        hash.text(term.name);
        hash.text(term.unit);
        hash.write(&term.dim.to_le_bytes());
        hash.write(&term.history.to_le_bytes());
        hash.write(&(term.source as u16).to_le_bytes());
        for number in [term.scale, term.offset, term.clip] {
            hash.write(&number.to_le_bytes());
        }
    }
    for term in action {
        hash.write(b"a");
        hash.text(term.name);
        hash.text(term.unit);
        hash.write(&term.dim.to_le_bytes());
        let numbers = [
            term.scale,
            term.offset,
            term.low,
            term.high,
            term.max_rate,
            term.stiffness,
            term.damping,
            term.time_constant_s,
        ];
        for number in numbers {
            hash.write(&number.to_le_bytes());
        }
    }
    hash.0
}

#[cfg(feature = "alloc")]
struct Fnv1a(u64);

#[cfg(feature = "alloc")]
impl Fnv1a {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The terminating zero keeps "ab", "c" apart from "a", "bc".
    fn text(&mut self, text: &str) {
        self.write(text.as_bytes());
        self.write(&[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_fnv_1a_vectors() {
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            let mut hash = Fnv1a(0xcbf2_9ce4_8422_2325);
            hash.write(text.as_bytes());
            assert_eq!(hash.0, expected, "{text}");
        }
    }

    #[test]
    fn every_field_counts() {
        let observation = ObservationTerm {
            name: "angle",
            unit: "rad",
            source: Source::Sensor,
            dim: 1,
            history: 1,
            scale: 1.0,
            offset: 0.0,
            clip: f32::INFINITY,
        };
        let action = ActionTerm {
            name: "torque",
            unit: "N m",
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -1.0,
            high: 1.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        };
        let id = |o: ObservationTerm<'static>, a: ActionTerm<'static>| {
            contract_id([o].into_iter(), [a].into_iter())
        };
        let ids = [
            id(observation, action),
            id(
                ObservationTerm {
                    name: "angl",
                    unit: "erad",
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    unit: "deg",
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    dim: 2,
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    history: 2,
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    scale: 2.0,
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    offset: 2.0,
                    ..observation
                },
                action,
            ),
            id(
                ObservationTerm {
                    clip: 2.0,
                    ..observation
                },
                action,
            ),
            id(
                observation,
                ActionTerm {
                    name: "force",
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    unit: "N",
                    ..action
                },
            ),
            id(observation, ActionTerm { dim: 2, ..action }),
            id(
                observation,
                ActionTerm {
                    scale: 2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    offset: 2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    low: -2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    high: 2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    max_rate: 2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    stiffness: 2.0,
                    ..action
                },
            ),
            id(
                ObservationTerm {
                    source: Source::Setpoint,
                    ..observation
                },
                action,
            ),
            id(
                observation,
                ActionTerm {
                    time_constant_s: 2.0,
                    ..action
                },
            ),
            id(
                observation,
                ActionTerm {
                    damping: 2.0,
                    ..action
                },
            ),
        ];
        let distinct: std::collections::BTreeSet<u64> = ids.into_iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
