//! [`Cycle`]: what one step did; [`CycleStats`]: how well the steps kept time.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::time::Micros;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// A command reached the actuators.
    Acted,
    /// The machine was made safe, or kept so.
    Refused(Fault),
    /// The loop was not running; nothing was touched.
    NotRunning,
    /// The fallback law's command reached the actuators.
    Held(Fault),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Steps since the start, this one included; 0 where the loop was not running before this step.
    pub tick: u32,
    /// When it began.
    pub at: Micros,
    /// How long it took.
    pub duration_us: u32,
    /// Commands moved into their limits.
    pub clamped: u16,
    /// Commands whose change was limited.
    pub slew_limited: u16,
    /// What became of it.
    pub outcome: Outcome,
}

/// How steps kept to the period of the loop. An interval goes from the beginning of a step to the beginning of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleStats {
    period_us: u32,
    n_intervals: u32,
    /// Of the differences between intervals and period.
    sum_us: i64,
    sum_magnitude_us: u64,
    worst_us: u32,
    overruns: u32,
    longest_us: u32,
    n_durations: u32,
    sum_duration_us: u64,
}

impl CycleStats {
    /// Books for a period.
    #[must_use]
    pub const fn new(period_us: u32) -> Self {
        Self {
            period_us,
            n_intervals: 0,
            sum_us: 0,
            sum_magnitude_us: 0,
            worst_us: 0,
            overruns: 0,
            longest_us: 0,
            n_durations: 0,
            sum_duration_us: 0,
        }
    }

    /// Books the interval before a step.
    pub fn add_interval(&mut self, interval_us: u32) {
        let difference = i64::from(interval_us) - i64::from(self.period_us);
        self.n_intervals = self.n_intervals.wrapping_add(1);
        self.sum_us = self.sum_us.wrapping_add(difference);
        self.sum_magnitude_us = self
            .sum_magnitude_us
            .wrapping_add(difference.unsigned_abs());
        self.worst_us = self.worst_us.max(interval_us.abs_diff(self.period_us));
    }

    /// Books how long a step took.
    pub fn add_duration(&mut self, duration_us: u32) {
        self.longest_us = self.longest_us.max(duration_us);
        self.n_durations = self.n_durations.wrapping_add(1);
        self.sum_duration_us = self.sum_duration_us.wrapping_add(duration_us.into());
        self.overruns = self
            .overruns
            .wrapping_add(u32::from(duration_us > self.period_us));
    }

    /// Intervals booked.
    #[must_use]
    pub fn n_intervals(&self) -> u32 {
        self.n_intervals
    }

    /// Mean difference between interval and period, in microseconds: positive is too slow.
    #[must_use]
    pub fn bias_us(&self) -> f32 {
        self.sum_us as f32 / self.n_intervals.max(1) as f32
    }

    /// Mean magnitude of the difference between interval and period, in microseconds.
    #[must_use]
    pub fn jitter_us(&self) -> f32 {
        self.sum_magnitude_us as f32 / self.n_intervals.max(1) as f32
    }

    /// Greatest difference between an interval and the period, in microseconds.
    #[must_use]
    pub fn worst_us(&self) -> u32 {
        self.worst_us
    }

    /// Steps that took longer than a period.
    #[must_use]
    pub fn overruns(&self) -> u32 {
        self.overruns
    }

    /// Mean duration of a step, in microseconds.
    #[must_use]
    pub fn mean_duration_us(&self) -> f32 {
        self.sum_duration_us as f32 / self.n_durations.max(1) as f32
    }

    /// The longest step, in microseconds.
    #[must_use]
    pub fn longest_us(&self) -> u32 {
        self.longest_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_by_hand() {
        let mut stats = CycleStats::new(1000);
        for interval in [990, 1030, 1000, 1100] {
            stats.add_interval(interval);
        }
        for duration in [10, 1000, 1001] {
            stats.add_duration(duration);
        }
        assert_eq!(stats.n_intervals(), 4);
        assert_eq!(stats.bias_us(), 30.0);
        assert_eq!(stats.jitter_us(), 35.0);
        assert_eq!(
            (stats.worst_us(), stats.overruns(), stats.longest_us()),
            (100, 1, 1001)
        );
        assert_eq!(stats.mean_duration_us(), 2011.0 / 3.0);
    }
}
