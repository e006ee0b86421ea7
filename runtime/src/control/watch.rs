//! [`Watch`]: what must be remembered between steps to notice that time, sensors or the world are not as they should be. It
//! knows no actuators.

use super::Familiarity;
use crate::fault::Fault;
use crate::time::Micros;

/// Times, fingerprints and counts of what is suspicious.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    previous_step: Option<Micros>,
    /// Of the last measurement.
    fingerprint: Option<u64>,
    repeats: u16,
    unfamiliar: u16,
}

impl Watch {
    /// Whether no step has begun yet.
    pub fn is_first(&self) -> bool {
        self.previous_step.is_none()
    }

    /// Notes the beginning of a step and answers the microseconds since the one before.
    pub fn begin(&mut self, at: Micros) -> Option<u32> {
        let previous = self.previous_step.replace(at)?;
        Some(at.since(previous))
    }

    /// Counts measurements that repeat the one before.
    ///
    /// # Errors
    /// [`Fault::Stale`] at more than `max_repeats` in a row.
    pub fn check_repeats(&mut self, max_repeats: u16, measurement: &[f32]) -> Result<(), Fault> {
        if max_repeats == u16::MAX {
            return Ok(());
        }
        let fingerprint = fingerprint(measurement);
        let is_repeated = self.fingerprint.replace(fingerprint) == Some(fingerprint);
        self.repeats = match is_repeated {
            true => self.repeats.saturating_add(1),
            false => 0,
        };
        if self.repeats > max_repeats {
            return Err(Fault::Stale);
        }
        Ok(())
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

/// FNV-1a over whole words: not a hash to rely on against malice, but two measurements that differ in one bit never have the
/// same.
fn fingerprint(measurement: &[f32]) -> u64 {
    measurement
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, number| {
            (hash ^ u64::from(number.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Statistics;

    #[test]
    fn repeats_are_counted_bit_for_bit() {
        let mut watch = Watch::default();
        let steps = [
            ([1.0, 0.0], true),
            ([1.0, 0.0], true),
            ([1.0, 0.0], true),
            ([1.0, -0.0], true),
            ([1.0, -0.0], true),
            ([1.0, -0.0], true),
            ([1.0, -0.0], false),
        ];
        for (measurement, expected) in steps {
            assert_eq!(watch.check_repeats(2, &measurement).is_ok(), expected);
        }
        let mut watch = Watch::default();
        for _ in 0..70_000 {
            assert!(watch.check_repeats(u16::MAX, &[1.0]).is_ok(), "never asked");
        }
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
        let mut watch = Watch::default();
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
