//! [`SafetyFilter`]: the guard between what is wanted and what is commanded. It bounds what can be bounded and refuses what
//! cannot be judged. It does not know how to make a machine safe: that is the board's; nor what a fault leads to: that is
//! the controller's.

use crate::bounded::bounded;
use crate::control::ControlError;
use crate::fault::Fault;
use crate::image::{ActionRule, Contract};

/// What a board allows one command, in its units. An image may tighten this, never loosen it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct SafetyLimits {
    /// Least command.
    pub low: f32,
    /// Greatest command.
    pub high: f32,
    /// Greatest change per second; infinite for none.
    pub max_rate: f32,
}

impl SafetyLimits {
    /// A board that leaves all limits to the image.
    pub const NONE: Self = Self {
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
        max_rate: f32::INFINITY,
    };
}

/// How often the filter had to step in, in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interventions {
    /// Commands moved into their limits.
    pub clamped: u16,
    /// Commands whose change was limited.
    pub slew_limited: u16,
}

/// Limits of image and board, and the last commands.
#[derive(Debug)]
pub struct SafetyFilter<'a> {
    rules: &'a [ActionRule],
    board: &'a [SafetyLimits],
    /// Of the policy.
    period_s: f32,
    /// Of the loop.
    step_s: f32,
    /// `[action_dim]`: the last commands that passed.
    previous: &'a mut [f32],
}

/// Limits of one command, after image and board agreed.
struct Channel<'r> {
    rule: &'r ActionRule,
    low: f32,
    high: f32,
    /// Greatest change in one step.
    max_change: f32,
    /// Share of the way that a smoothed command goes in one step.
    share: f32,
}

impl<'a> SafetyFilter<'a> {
    /// A filter for a contract on a board, `board` and `previous` `[action_dim]`.
    ///
    /// # Errors
    /// [`ControlError::Limits`] where a board's limits are not limits or leave nothing of the image's,
    /// [`ControlError::Channels`] and [`ControlError::Memory`] where a length is wrong.
    pub fn new(
        contract: &Contract<'a>,
        board: &'a [SafetyLimits],
        previous: &'a mut [f32],
    ) -> Result<Self, ControlError> {
        let needed = contract.action_dim();
        if board.len() != needed {
            return Err(ControlError::Channels {
                needed,
                found: board.len(),
            });
        }
        if previous.len() != needed {
            return Err(ControlError::Memory {
                needed,
                found: previous.len(),
            });
        }
        let period_s = contract.period_us as f32 * 1e-6;
        let mut filter = Self {
            rules: contract.action,
            board,
            period_s,
            step_s: period_s,
            previous,
        };
        for (index, (channel, limits)) in filter.channels().zip(board).enumerate() {
            // Written so that NaN anywhere makes a claim false.
            let holds =
                limits.low <= limits.high && limits.max_rate > 0.0 && channel.low <= channel.high;
            if !holds {
                return Err(ControlError::Limits { index });
            }
        }
        filter.reset();
        Ok(filter)
    }

    /// For a loop of this many steps in each period of the policy; rates and time constants count per step then.
    pub fn set_steps_per_action(&mut self, steps_per_action: u16) {
        self.step_s = self.period_s / f32::from(steps_per_action.max(1));
    }

    /// Takes the machine to be at rest: target positions at their offset, which is the default pose, other commands at 0, each
    /// within its limits. The next change is limited, and smoothed, from there.
    pub fn reset(&mut self) {
        let channels = channels(self.rules, self.board, self.step_s);
        for (channel, previous) in channels.zip(self.previous.iter_mut()) {
            let rest = if channel.rule.stiffness > 0.0 {
                channel.rule.offset
            } else {
                0.0
            };
            *previous = bounded(rest, channel.low, channel.high);
        }
    }

    /// Takes the machine to be where `commands` `[action_dim]` says; what is not finite or out of its limits is moved there.
    pub fn rest_at(&mut self, commands: &[f32]) {
        let channels = channels(self.rules, self.board, self.step_s);
        let places = self.previous.iter_mut().zip(commands);
        for (channel, (previous, command)) in channels.zip(places) {
            if command.is_finite() {
                *previous = bounded(*command, channel.low, channel.high);
            }
        }
    }

    /// The last commands that passed, or where the machine rests.
    #[must_use]
    pub fn previous(&self) -> &[f32] {
        self.previous
    }

    /// Limits what is wanted, in command units: range, then smoothing, then rate. Of a refused command nothing reaches
    /// `command` or the state.
    ///
    /// Smoothing is `y += (x - y) T / (time constant + T)`, the first-order low-pass by backward differences.
    ///
    /// # Errors
    /// [`Fault::NonFiniteAction`].
    pub fn limit(&mut self, wanted: &[f32], command: &mut [f32]) -> Result<Interventions, Fault> {
        if !wanted.iter().all(|number| number.is_finite()) {
            return Err(Fault::NonFiniteAction);
        }
        let mut interventions = Interventions::default();
        let channels = channels(self.rules, self.board, self.step_s);
        let numbers = wanted
            .iter()
            .zip(command.iter_mut())
            .zip(self.previous.iter_mut());
        for (channel, ((wanted, command), previous)) in channels.zip(numbers) {
            let allowed = bounded(*wanted, channel.low, channel.high);
            // Two products rather than one of the difference, which may overflow.
            let smoothed = if channel.share < 1.0 {
                *previous * (1.0 - channel.share) + allowed * channel.share
            } else {
                allowed
            };
            let reachable = bounded(
                smoothed,
                *previous - channel.max_change,
                *previous + channel.max_change,
            );
            interventions.clamped += u16::from(allowed != *wanted);
            interventions.slew_limited += u16::from(reachable != smoothed);
            // Rounding of the reachable bounds must not leave the limits.
            *command = bounded(reachable, channel.low, channel.high);
            *previous = *command;
        }
        Ok(interventions)
    }

    fn channels(&self) -> impl Iterator<Item = Channel<'a>> + use<'a> {
        channels(self.rules, self.board, self.step_s)
    }
}

fn channels<'r>(
    rules: &'r [ActionRule],
    board: &'r [SafetyLimits],
    step_s: f32,
) -> impl Iterator<Item = Channel<'r>> + use<'r> {
    let rules = rules
        .iter()
        .flat_map(|rule| core::iter::repeat_n(rule, usize::from(rule.dim)));
    rules.zip(board).map(move |(rule, board)| Channel {
        rule,
        low: rule.low.max(board.low),
        high: rule.high.min(board.high),
        max_change: rule.max_rate.min(board.max_rate) * step_s,
        share: if rule.time_constant_s > 0.0 {
            step_s / (rule.time_constant_s + step_s)
        } else {
            1.0
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ObservationRule;

    const OBSERVATION: ObservationRule = ObservationRule {
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
        ..ObservationRule::SENSOR
    };
    /// Half a unit per period of 10 ms.
    const FORCE: ActionRule = ActionRule {
        dim: 1,
        reserved: 0,
        scale: 1.0,
        offset: 0.0,
        low: -3.0,
        high: 3.0,
        max_rate: 50.0,
        stiffness: 0.0,
        damping: 0.0,
        time_constant_s: 0.0,
    };
    const VALVE: ActionRule = ActionRule {
        dim: 1,
        reserved: 0,
        scale: 1.0,
        offset: 0.0,
        low: 0.25,
        high: 9.0,
        max_rate: f32::INFINITY,
        stiffness: 0.0,
        damping: 0.0,
        time_constant_s: 0.0,
    };

    fn contract(action: &[ActionRule]) -> Contract<'_> {
        Contract {
            period_us: 10_000,
            observation: &[OBSERVATION],
            action,
        }
    }

    #[test]
    fn scale_limits_and_rate_by_hand() {
        let rules = [FORCE, VALVE];
        let contract = contract(&rules);
        let board = [
            SafetyLimits::NONE,
            SafetyLimits {
                high: 4.0,
                ..SafetyLimits::NONE
            },
        ];
        let mut previous = [0.0; 2];
        let mut filter = SafetyFilter::new(&contract, &board, &mut previous).unwrap();
        let mut command = [f32::NAN; 2];
        let mut step = |wanted: [f32; 2]| {
            let interventions = filter.limit(&wanted, &mut command).unwrap();
            (command, interventions.clamped, interventions.slew_limited)
        };
        // 0.2 is within half a unit of rest.
        let (command, clamped, slew_limited) = step([0.2, 1.0]);
        assert!((command[0] - 0.2).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (1.0, 0, 0));
        // 2.5 is wanted and allowed, 0.7 reachable.
        let (command, clamped, slew_limited) = step([2.5, 8.0]);
        assert!((command[0] - 0.7).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (4.0, 1, 1));
        // Down to the image's least valve position; force limited in rate and range.
        let (command, clamped, slew_limited) = step([-1e30, -1.0]);
        assert!((command[0] - 0.2).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (0.25, 2, 1));
    }

    #[test]
    fn what_is_not_finite_is_refused_and_leaves_no_trace() {
        let rules = [FORCE];
        let contract = contract(&rules);
        let mut previous = [0.0];
        let mut filter =
            SafetyFilter::new(&contract, &[SafetyLimits::NONE], &mut previous).unwrap();
        let mut command = [0.0];
        filter.limit(&[0.3], &mut command).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = filter.limit(&[bad], &mut command);
            assert_eq!(refused, Err(Fault::NonFiniteAction));
            assert_eq!((filter.previous(), command), (&[0.3][..], [0.3]));
        }
        assert!(filter.limit(&[0.0], &mut command).is_ok());
    }

    /// The step response of `y += (x - y) / 4` is `1 - 0.75^n`.
    #[test]
    fn a_smoothed_command_follows_in_closed_form_and_at_any_rate_of_the_loop() {
        let rules = [ActionRule {
            time_constant_s: 0.03,
            max_rate: f32::INFINITY,
            ..FORCE
        }];
        let contract = contract(&rules);
        for steps_per_action in [1_u16, 5] {
            let mut previous = [0.0];
            let mut filter =
                SafetyFilter::new(&contract, &[SafetyLimits::NONE], &mut previous).unwrap();
            filter.set_steps_per_action(steps_per_action);
            let share = 1.0 / (1.0 + 3.0 * f64::from(steps_per_action));
            let mut command = [0.0];
            for n in 1..=40 {
                filter.limit(&[2.0], &mut command).unwrap();
                let expected = 2.0 * (1.0 - (1.0 - share).powi(n));
                assert!((f64::from(command[0]) - expected).abs() < 1e-5, "step {n}");
            }
        }
    }

    #[test]
    fn rest_is_the_default_pose_of_a_target_and_0_of_anything_else() {
        let knee = ActionRule {
            stiffness: 20.0,
            offset: -1.5,
            ..FORCE
        };
        let rules = [knee, FORCE, VALVE];
        let contract = contract(&rules);
        let mut previous = [9.0; 3];
        let board = [SafetyLimits::NONE; 3];
        let mut filter = SafetyFilter::new(&contract, &board, &mut previous).unwrap();
        assert_eq!(filter.previous(), [-1.5, 0.0, 0.25]);
        filter.rest_at(&[1.0, f32::NAN, 100.0]);
        assert_eq!(filter.previous(), [1.0, 0.0, 9.0]);
    }

    #[test]
    fn an_image_may_tighten_what_a_board_allows_never_loosen_it() {
        let rules = [VALVE];
        let contract = contract(&rules);
        for (low, high, max_rate, holds) in [
            (0.0, 10.0, 1.0, true),
            (5.0, 6.0, 1.0, true),
            (9.0, 10.0, 1.0, true),
            (9.5, 10.0, 1.0, false),
            (-1.0, 0.0, 1.0, false),
            (6.0, 5.0, 1.0, false),
            (5.0, 6.0, 0.0, false),
            (f32::NAN, 6.0, 1.0, false),
            (5.0, f32::NAN, 1.0, false),
            (5.0, 6.0, f32::NAN, false),
        ] {
            let board = [SafetyLimits {
                low,
                high,
                max_rate,
            }];
            let mut previous = [0.0];
            let built = SafetyFilter::new(&contract, &board, &mut previous);
            assert_eq!(built.is_ok(), holds, "{board:?}");
            if let Ok(mut filter) = built {
                let mut command = [0.0];
                for action in [-1e9, 0.0, 5.5, 1e9] {
                    filter.limit(&[action], &mut command).unwrap();
                    assert!(command[0] >= low.max(0.25) && command[0] <= high.min(9.0));
                }
            }
        }
    }
}
