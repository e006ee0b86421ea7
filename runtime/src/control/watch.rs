//! [`Watch`]: what must be remembered between steps to notice that time, sensors or the world are not as they should be. It
//! knows no actuators.

use super::{ControlOptions, Familiarity};
use crate::fault::Fault;
use crate::image::Contract;
use crate::time::Micros;

/// Times, the last measurement and counts of what is suspicious.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    previous_step: Option<Micros>,
    /// `[measurement_dim]`: the last measurement, where there was one.
    last: &'a mut [f32],
    has_last: bool,
    /// Measurements in a row that repeat the one before as a whole.
    repeats: u16,
    /// `[measurement_dim]`: steps in a row in which a number stayed while another moved, at most [`u16::MAX`].
    stayed: &'a mut [f32],
    stuck: Option<u16>,
    unfamiliar: u16,
}

impl<'a> Watch<'a> {
    /// Nothing seen yet, both `[measurement_dim]`.
    pub fn new(last: &'a mut [f32], stayed: &'a mut [f32]) -> Self {
        Self {
            previous_step: None,
            last,
            has_last: false,
            repeats: 0,
            stayed,
            stuck: None,
            unfamiliar: 0,
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.previous_step = None;
        self.has_last = false;
        self.repeats = 0;
        self.stuck = None;
        self.unfamiliar = 0;
        for count in self.stayed.iter_mut() {
            *count = 0.0;
        }
    }

    /// Whether no step has begun yet.
    pub fn is_first(&self) -> bool {
        self.previous_step.is_none()
    }

    /// Which number of the measurement was found stuck first.
    pub fn stuck(&self) -> Option<u16> {
        self.stuck
    }

    /// Notes the beginning of a step and answers the microseconds since the one before.
    pub fn begin(&mut self, at: Micros) -> Option<u32> {
        let previous = self.previous_step.replace(at)?;
        Some(at.since(previous))
    }

    /// Counts measurements that repeat the one before, and numbers that do while others move.
    ///
    /// # Errors
    /// [`Fault::Stale`] at more than `max_repeats` in a row, [`Fault::Stuck`] at more than a term's `max_stuck`.
    pub fn check_repeats(
        &mut self,
        options: &ControlOptions<'_>,
        contract: &Contract<'_>,
        measurement: &[f32],
    ) -> Result<(), Fault> {
        if options.max_repeats == u16::MAX && options.max_stuck.is_empty() {
            return Ok(());
        }
        let mut has_moved = !self.has_last;
        for (last, now) in self.last.iter().zip(measurement) {
            has_moved |= last.to_bits() != now.to_bits();
        }
        if !has_moved {
            self.repeats = self.repeats.saturating_add(1);
            return match self.repeats > options.max_repeats {
                true => Err(Fault::Stale),
                false => Ok(()),
            };
        }
        self.repeats = 0;
        let has_stayed = |last: f32, now: f32| self.has_last && last.to_bits() == now.to_bits();
        let most = f32::from(u16::MAX);
        for ((count, last), now) in self
            .stayed
            .iter_mut()
            .zip(self.last.iter_mut())
            .zip(measurement)
        {
            *count = match has_stayed(*last, *now) {
                true if *count < most => *count + 1.0,
                true => most,
                false => 0.0,
            };
            *last = *now;
        }
        self.has_last = true;
        let limits = options.stuck_limits(contract);
        let mut counts = self.stayed.iter().zip(limits);
        let Some(index) = counts.position(|(count, limit)| *count > f32::from(limit)) else {
            return Ok(());
        };
        self.stuck = self.stuck.or(u16::try_from(index).ok());
        Err(Fault::Stuck)
    }

    /// Counts observations unlike those of the training.
    ///
    /// # Errors
    /// [`Fault::Unfamiliar`] at as many in a row as patience lasts.
    pub fn check_familiarity(
        &mut self,
        familiarity: &Familiarity<'_>,
        observation: &[f32],
    ) -> Result<(), Fault> {
        let statistics = &familiarity.statistics;
        if statistics.covers(observation, familiarity.max_deviations) {
            self.unfamiliar = 0;
            return Ok(());
        }
        self.unfamiliar = self.unfamiliar.saturating_add(1);
        if self.unfamiliar >= familiarity.patience {
            return Err(Fault::Unfamiliar);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::tests::TORQUE;
    use crate::image::{ObservationRule, Source, Statistics};

    /// Plays measurements and answers the first fault with its step and the number found stuck.
    fn watched<const N: usize>(
        options: ControlOptions<'_>,
        observation: &[ObservationRule],
        mut measure: impl FnMut(u32) -> [f32; N],
    ) -> Option<(u32, Fault, Option<u16>)> {
        let contract = Contract {
            period_us: 1,
            observation,
            action: &[TORQUE],
        };
        assert_eq!(contract.measurement_dim(), N);
        let (mut last, mut stayed) = ([f32::NAN; N], [0.0; N]);
        let mut watch = Watch::new(&mut last, &mut stayed);
        (0..70_000).find_map(|step| {
            let checked = watch.check_repeats(&options, &contract, &measure(step));
            checked.err().map(|fault| (step, fault, watch.stuck()))
        })
    }

    const TWO: ObservationRule = ObservationRule {
        dim: 2,
        ..ObservationRule::SENSOR
    };

    #[test]
    fn repeats_are_counted_bit_for_bit() {
        let twice = ControlOptions {
            max_repeats: 2,
            ..ControlOptions::DEFAULT
        };
        let found = watched(twice, &[TWO], |step| match step {
            0..3 => [1.0, 0.0],
            _ => [1.0, -0.0],
        });
        assert_eq!(found, Some((6, Fault::Stale, None)));
        let still = |_| [1.0, 1.0];
        assert_eq!(watched(ControlOptions::DEFAULT, &[TWO], still), None);
        // A whole machine at rest has no single sensor that is stuck.
        let watched_singly = ControlOptions {
            max_stuck: &[2],
            ..ControlOptions::DEFAULT
        };
        assert_eq!(watched(watched_singly, &[TWO], still), None);
    }

    #[test]
    fn one_number_that_stays_while_others_move_is_stuck() {
        let observation = [
            ObservationRule::SENSOR,
            ObservationRule::SENSOR.of(Source::Setpoint),
            TWO,
        ];
        let options = |max_stuck| ControlOptions {
            max_stuck,
            ..ControlOptions::DEFAULT
        };
        // The last number stays from step 10 on, the others never do.
        let third = |step: u32| {
            let now = step as f32;
            [now, -now, now.min(10.0)]
        };
        let limits = [3, 0, 3];
        let found = watched(options(&limits), &observation, third);
        assert_eq!(found, Some((14, Fault::Stuck, Some(2))));
        // The term that may rest is the one before.
        let found = watched(options(&[u16::MAX, 0, 3]), &observation, third);
        assert_eq!(found, Some((14, Fault::Stuck, Some(2))));
        let found = watched(options(&[3, 0, u16::MAX]), &observation, third);
        assert_eq!(found, None, "it may rest, for longer than counts go");
        // Steps in which nothing moves do not count, and a bit is enough of a move.
        let halting = |step: u32| {
            let now = (step / 2) as f32;
            [now, -now, now.min(10.0)]
        };
        let found = watched(options(&limits), &observation, halting);
        assert_eq!(found, Some((28, Fault::Stuck, Some(2))));
        let trembling = |step: u32| {
            let now = step as f32;
            let last_bit = u32::from(step.is_multiple_of(4));
            [now, -now, f32::from_bits(1.0_f32.to_bits() + last_bit)]
        };
        assert_eq!(watched(options(&limits), &observation, trembling), None);
    }

    #[test]
    fn one_strange_observation_is_not_yet_a_strange_world() {
        let familiarity = Familiarity {
            statistics: Statistics {
                mean: &[1.0, 0.0],
                deviation: &[0.5, 0.0],
            },
            max_deviations: 4.0,
            patience: 3,
        };
        let mut watch = Watch::new(&mut [], &mut []);
        // 3 is four deviations away, 3.1 more; the second number is not judged.
        let steps = [
            ([3.0, 1e9], true),
            ([3.1, 0.0], true),
            ([-1.1, 0.0], true),
            ([1.0, 0.0], true),
            ([3.1, 0.0], true),
            ([3.1, 0.0], true),
            ([f32::NAN, 0.0], false),
        ];
        for (observation, expected) in steps {
            let result = watch.check_familiarity(&familiarity, &observation);
            assert_eq!(result.is_ok(), expected, "{observation:?}");
        }
    }
}
