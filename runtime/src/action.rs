//! [`ActionPipeline`]: from the policy's action to what each step of the loop wants: scale and offset once per action, then
//! hold or interpolation. Limits are the [`SafetyFilter`](crate::SafetyFilter)'s.

use crate::control::Between;
use crate::image::ActionRule;

/// Turns actions into wanted commands, in memory the caller lends.
#[derive(Debug)]
pub struct ActionPipeline<'a> {
    rules: &'a [ActionRule],
    between: Between,
    steps_per_action: u16,
    /// Steps since the last action; it is time for the next where this is 0.
    step: u16,
    /// `[action_dim]`: what the action before the last wanted.
    from: &'a mut [f32],
    /// `[action_dim]`: what the last action wants.
    to: &'a mut [f32],
}

impl<'a> ActionPipeline<'a> {
    /// A pipeline for these rules; `from` and `to` hold one number for each command.
    pub(crate) fn new(rules: &'a [ActionRule], from: &'a mut [f32], to: &'a mut [f32]) -> Self {
        Self {
            rules,
            between: Between::Hold,
            steps_per_action: 1,
            step: 0,
            from,
            to,
        }
    }

    /// For a loop of `steps_per_action` (at least 1) steps in each period of the policy.
    pub(crate) fn set_rate(&mut self, steps_per_action: u16, between: Between) {
        self.steps_per_action = steps_per_action.max(1);
        self.between = between;
    }

    /// Starts again with the next action; until then the machine is where `rest` says.
    pub fn reset(&mut self, rest: &[f32]) {
        self.step = 0;
        for place in [&mut *self.from, &mut *self.to] {
            for (number, rest) in place.iter_mut().zip(rest) {
                *number = *rest;
            }
        }
    }

    /// Whether the next step wants an action first.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.step == 0
    }

    /// Takes an action of the policy.
    pub fn take(&mut self, action: &[f32]) {
        let rules = self
            .rules
            .iter()
            .flat_map(|rule| core::iter::repeat_n(rule, usize::from(rule.dim)));
        let places = self.from.iter_mut().zip(self.to.iter_mut());
        for ((rule, action), (from, to)) in rules.zip(action).zip(places) {
            *from = *to;
            *to = *action * rule.scale + rule.offset;
        }
    }

    /// What this step wants, `[action_dim]`.
    pub fn next(&mut self, wanted: &mut [f32]) {
        let done = self.step.saturating_add(1).min(self.steps_per_action);
        let share = f32::from(done) / f32::from(self.steps_per_action);
        let ends = self.from.iter().zip(self.to.iter());
        for (place, (from, to)) in wanted.iter_mut().zip(ends) {
            *place = match self.between {
                Between::Interpolate if done < self.steps_per_action => {
                    // Two products rather than one of the difference, which may overflow.
                    *from * (1.0 - share) + *to * share
                }
                _ => *to,
            };
        }
        self.step = if done == self.steps_per_action {
            0
        } else {
            done
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: ActionRule = ActionRule {
        dim: 2,
        reserved: 0,
        scale: 0.5,
        offset: 1.0,
        low: -9.0,
        high: 9.0,
        max_rate: f32::INFINITY,
        stiffness: 20.0,
        damping: 1.0,
        time_constant_s: 0.0,
    };

    fn wanted(between: Between, steps_per_action: u16, actions: &[[f32; 2]]) -> std::vec::Vec<f32> {
        let (mut from, mut to) = ([f32::NAN; 2], [f32::NAN; 2]);
        let rules = [TARGET];
        let mut pipeline = ActionPipeline::new(&rules, &mut from, &mut to);
        pipeline.set_rate(steps_per_action, between);
        pipeline.reset(&[1.0, 1.0]);
        let mut second = std::vec::Vec::new();
        for action in actions {
            for step in 0..steps_per_action {
                assert_eq!(pipeline.is_due(), step == 0);
                if pipeline.is_due() {
                    pipeline.take(action);
                }
                let mut place = [f32::NAN; 2];
                pipeline.next(&mut place);
                assert_eq!(place[0], 1.0, "an action of 0 wants the default pose");
                second.push(place[1]);
            }
        }
        second
    }

    #[test]
    fn hold_and_interpolation_by_hand() {
        let actions = [[0.0, 2.0], [0.0, -2.0]];
        assert_eq!(wanted(Between::Hold, 1, &actions), [2.0, 0.0]);
        assert_eq!(wanted(Between::Interpolate, 1, &actions), [2.0, 0.0]);
        assert_eq!(
            wanted(Between::Hold, 4, &actions),
            [2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(
            wanted(Between::Interpolate, 4, &actions),
            [1.25, 1.5, 1.75, 2.0, 1.5, 1.0, 0.5, 0.0]
        );
    }

    #[test]
    fn interpolation_does_not_overflow_and_hides_no_nan() {
        let actions = [[0.0, f32::MAX], [0.0, -f32::MAX]];
        let finite = wanted(Between::Interpolate, 3, &actions);
        assert!(finite.iter().all(|number| number.is_finite()));
        let nan = wanted(Between::Interpolate, 3, &[[0.0, f32::NAN]]);
        assert!(nan.iter().all(|number| number.is_nan()));
    }
}
