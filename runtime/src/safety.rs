//! [`SafetyFilter`]: the guard between action and command. It bounds what can be bounded, refuses what cannot be judged, and
//! stays refusing until it is reset. It does not know how to make a machine safe: that is the board's.

use crate::bounded::bounded;
use crate::control::ControlError;
use crate::fault::Fault;
use crate::image::{ActionRule, Contract};

/// What a board allows one command, in its units. An image may tighten this, never loosen it.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// Limits of image and board, the last commands, and the latch.
#[derive(Debug)]
pub struct SafetyFilter<'a> {
    rules: &'a [ActionRule],
    board: &'a [SafetyLimits],
    period_s: f32,
    /// `[action_dim]`: the last commands that passed.
    previous: &'a mut [f32],
    latched: Option<Fault>,
}

/// Limits of one command, after image and board agreed.
struct Channel<'r> {
    rule: &'r ActionRule,
    low: f32,
    high: f32,
    /// Greatest change in one period.
    max_change: f32,
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
        let mut filter = Self {
            rules: contract.action,
            board,
            period_s: contract.period_us as f32 * 1e-6,
            previous,
            latched: None,
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

    /// Clears the latch and takes the machine to be at rest: the next change is limited from the command nearest to 0.
    pub fn reset(&mut self) {
        self.latched = None;
        for (channel, previous) in
            channels(self.rules, self.board, self.period_s).zip(self.previous.iter_mut())
        {
            *previous = bounded(0.0, channel.low, channel.high);
        }
    }

    /// Why everything is refused, if it is.
    #[must_use]
    pub fn latched(&self) -> Option<Fault> {
        self.latched
    }

    /// Refuses everything from here on; the first reason stands.
    pub fn latch(&mut self, fault: Fault) {
        self.latched.get_or_insert(fault);
    }

    /// Refuses a measurement with a number that is not finite.
    ///
    /// # Errors
    /// The latched fault.
    pub fn check_measurement(&mut self, measurement: &[f32]) -> Result<(), Fault> {
        if !measurement.iter().all(|number| number.is_finite()) {
            self.latch(Fault::NonFiniteMeasurement);
        }
        self.latched.map_or(Ok(()), Err)
    }

    /// Turns an action into a command: scale, limits, rate. Of a refused action nothing reaches the state, and what `command`
    /// then holds must not be used.
    ///
    /// # Errors
    /// The latched fault.
    pub fn filter(&mut self, action: &[f32], command: &mut [f32]) -> Result<Interventions, Fault> {
        let mut interventions = Interventions::default();
        let mut is_finite = true;
        let channels = channels(self.rules, self.board, self.period_s);
        let numbers = action
            .iter()
            .zip(command.iter_mut())
            .zip(self.previous.iter());
        for (channel, ((action, command), previous)) in channels.zip(numbers) {
            let wanted = *action * channel.rule.scale + channel.rule.offset;
            is_finite &= wanted.is_finite();
            let allowed = bounded(wanted, channel.low, channel.high);
            let reachable = bounded(
                allowed,
                *previous - channel.max_change,
                *previous + channel.max_change,
            );
            interventions.clamped += u16::from(allowed != wanted);
            interventions.slew_limited += u16::from(reachable != allowed);
            // Rounding of the reachable bounds must not leave the limits.
            *command = bounded(reachable, channel.low, channel.high);
        }
        if !is_finite {
            self.latch(Fault::NonFiniteAction);
        }
        if let Some(fault) = self.latched {
            return Err(fault);
        }
        for (previous, command) in self.previous.iter_mut().zip(command.iter()) {
            *previous = *command;
        }
        Ok(interventions)
    }

    fn channels(&self) -> impl Iterator<Item = Channel<'a>> + use<'a> {
        channels(self.rules, self.board, self.period_s)
    }
}

fn channels<'r>(
    rules: &'r [ActionRule],
    board: &'r [SafetyLimits],
    period_s: f32,
) -> impl Iterator<Item = Channel<'r>> + use<'r> {
    let rules = rules
        .iter()
        .flat_map(|rule| core::iter::repeat_n(rule, usize::from(rule.dim)));
    rules.zip(board).map(move |(rule, board)| Channel {
        rule,
        low: rule.low.max(board.low),
        high: rule.high.min(board.high),
        max_change: rule.max_rate.min(board.max_rate) * period_s,
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
    };
    /// Half a unit per period of 10 ms.
    const FORCE: ActionRule = ActionRule {
        dim: 1,
        reserved: 0,
        scale: 2.0,
        offset: 0.5,
        low: -3.0,
        high: 3.0,
        max_rate: 50.0,
        stiffness: 0.0,
        damping: 0.0,
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
        let mut step = |action: [f32; 2]| {
            let interventions = filter.filter(&action, &mut command).unwrap();
            (command, interventions.clamped, interventions.slew_limited)
        };
        // 2 * -0.15 + 0.5 is 0.2, within half a unit of rest.
        let (command, clamped, slew_limited) = step([-0.15, 1.0]);
        assert!((command[0] - 0.2).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (1.0, 0, 0));
        // 2.5 is wanted and allowed, 0.7 reachable.
        let (command, clamped, slew_limited) = step([1.0, 8.0]);
        assert!((command[0] - 0.7).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (4.0, 1, 1));
        // Down to the image's least valve position; force limited in rate and range.
        let (command, clamped, slew_limited) = step([-1e30, -1.0]);
        assert!((command[0] - 0.2).abs() < 1e-6);
        assert_eq!((command[1], clamped, slew_limited), (0.25, 2, 1));
    }

    #[test]
    fn what_is_not_finite_latches_and_the_first_reason_stands() {
        let rules = [FORCE];
        let contract = contract(&rules);
        let mut previous = [0.0];
        let mut filter =
            SafetyFilter::new(&contract, &[SafetyLimits::NONE], &mut previous).unwrap();
        let mut command = [0.0];
        assert_eq!(filter.check_measurement(&[1.0]), Ok(()));
        assert_eq!(
            filter.filter(&[f32::NAN], &mut command),
            Err(Fault::NonFiniteAction)
        );
        assert_eq!(
            filter.filter(&[0.0], &mut command),
            Err(Fault::NonFiniteAction)
        );
        filter.latch(Fault::External);
        assert_eq!(
            filter.check_measurement(&[f32::INFINITY]),
            Err(Fault::NonFiniteAction)
        );
        filter.reset();
        assert_eq!(filter.latched(), None);
        assert!(filter.filter(&[0.0], &mut command).is_ok());
        // Finite in the action, infinite in the command.
        assert_eq!(
            filter.filter(&[f32::MAX], &mut command),
            Err(Fault::NonFiniteAction)
        );
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
                    filter.filter(&[action], &mut command).unwrap();
                    assert!(command[0] >= low.max(0.25) && command[0] <= high.min(9.0));
                }
            }
        }
    }
}
