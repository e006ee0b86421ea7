//! [`Servo`]: the position loop of joints whose drives take torques: from target positions to `stiffness (q* - q) - damping q'`.

use crate::bounded::bounded;
use crate::control::Joint;
use crate::fault::Fault;
use crate::image::ActionRule;

/// Gains from the image, joints from the board.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Servo<'a> {
    pub rules: &'a [ActionRule],
    pub joints: &'a [Joint],
}

impl Servo<'_> {
    /// Where each joint with a position loop is; `rest` `[action_dim]` keeps the others.
    pub fn positions(&self, measurement: &[f32], rest: &mut [f32]) {
        for ((rule, joint), place) in self.channels().zip(rest) {
            if rule.stiffness > 0.0
                && let Some(position) = measurement.get(usize::from(joint.position))
            {
                *place = *position + joint.offset;
            }
        }
    }

    /// Turns targets into torques, in place, and says how many were bounded.
    ///
    /// # Errors
    /// [`Fault::NonFiniteAction`] where a torque is not a number; `command` is then left as it was.
    pub fn drive(&self, measurement: &[f32], command: &mut [f32]) -> Result<u16, Fault> {
        let torques = |targets: &[f32]| -> bool {
            let mut channels = self.channels().zip(targets);
            channels.all(|((rule, joint), target)| {
                torque(rule, joint, measurement, *target).is_finite()
            })
        };
        if !torques(command) {
            return Err(Fault::NonFiniteAction);
        }
        let mut clamped = 0;
        for ((rule, joint), place) in self.channels().zip(command) {
            let wanted = torque(rule, joint, measurement, *place);
            *place = bounded(wanted, -joint.max_torque, joint.max_torque);
            clamped += u16::from(*place != wanted);
        }
        Ok(clamped)
    }

    fn channels(&self) -> impl Iterator<Item = (&ActionRule, &Joint)> {
        let rules = self
            .rules
            .iter()
            .flat_map(|rule| core::iter::repeat_n(rule, usize::from(rule.dim)));
        rules.zip(self.joints)
    }
}

fn torque(rule: &ActionRule, joint: &Joint, measurement: &[f32], target: f32) -> f32 {
    if rule.stiffness == 0.0 {
        return target;
    }
    let number = |index: u16| measurement.get(usize::from(index)).copied();
    match (number(joint.position), number(joint.velocity)) {
        (Some(position), Some(velocity)) => {
            rule.stiffness * (target - (position + joint.offset)) - rule.damping * velocity
        }
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIP: ActionRule = ActionRule {
        dim: 1,
        reserved: 0,
        scale: 0.25,
        offset: 0.0,
        low: -3.0,
        high: 3.0,
        max_rate: f32::INFINITY,
        stiffness: 20.0,
        damping: 0.5,
        time_constant_s: 0.0,
    };
    const JOINT: Joint = Joint {
        position: 0,
        velocity: 1,
        offset: 0.1,
        max_torque: 8.0,
    };

    #[test]
    fn torques_by_hand() {
        let wheel = ActionRule {
            stiffness: 0.0,
            damping: 0.0,
            ..HIP
        };
        let rules = [HIP, wheel, HIP];
        let joints = [
            JOINT,
            JOINT,
            Joint {
                position: 2,
                ..JOINT
            },
        ];
        let servo = Servo {
            rules: &rules,
            joints: &joints,
        };
        // Position 0.3 + 0.1, velocity 2; the third joint is at -0.9 + 0.1.
        let measurement = [0.3, 2.0, -0.9];
        let mut command = [0.5, 3.0, 0.5];
        assert_eq!(servo.drive(&measurement, &mut command), Ok(1));
        // 20 (0.5 - 0.4) - 0.5 * 2; untouched; 20 (0.5 + 0.8) - 1, bounded.
        assert!((command[0] - 1.0).abs() < 1e-5, "{command:?}");
        assert_eq!(command[1..], [3.0, 8.0]);
        let mut rest = [9.0; 3];
        servo.positions(&measurement, &mut rest);
        assert!((rest[0] - 0.4).abs() < 1e-6 && rest[1] == 9.0);
    }

    #[test]
    fn what_is_no_torque_changes_nothing() {
        let servo = Servo {
            rules: &[HIP],
            joints: &[JOINT],
        };
        let mut command = [0.5];
        assert_eq!(
            servo.drive(&[f32::NAN, 0.0], &mut command),
            Err(Fault::NonFiniteAction)
        );
        assert_eq!(
            servo.drive(&[0.0, f32::MAX], &mut command),
            Ok(1),
            "a great torque is bounded"
        );
        let mut command = [0.5];
        assert!(servo.drive(&[f32::MAX, f32::MAX], &mut command).is_err());
        assert_eq!(command, [0.5]);
    }
}
