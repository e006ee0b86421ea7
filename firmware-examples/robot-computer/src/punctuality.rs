//! [`Punctuality`]: how a loop kept its period: how late it woke, how long its cycles took, which deadlines it missed.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::metronome::Beat;

/// The books of a periodic loop. Percentiles are kept to three digits, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Punctuality {
    period: Duration,
    late: Histogram<u64>,
    stepped: Histogram<u64>,
    cycles: u64,
    missed: u64,
    skipped: u64,
    idle: u64,
}

impl Punctuality {
    /// Empty books of a loop with this period.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        let empty =
            || Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        Self {
            period,
            late: empty(),
            stepped: empty(),
            cycles: 0,
            missed: 0,
            skipped: 0,
            idle: 0,
        }
    }

    /// Books a cycle that was done at `done`; `stepped` says that there was a measurement to act on.
    pub fn add(&mut self, beat: &Beat, done: Duration, stepped: bool) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cycles += 1;
        self.skipped += beat.skipped;
        self.late += nanoseconds(beat.woke.saturating_sub(beat.due));
        if stepped {
            self.stepped += nanoseconds(done.saturating_sub(beat.woke));
        } else {
            self.idle += 1;
        }
        if done > beat.due + self.period {
            self.missed += 1;
        }
    }

    /// Cycles that took place.
    #[must_use]
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Cycles without a measurement to act on.
    #[must_use]
    pub fn idle(&self) -> u64 {
        self.idle
    }

    /// Deadlines missed: cycles that ended after the next was due, and cycles that never took place.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed + self.skipped
    }

    /// How late this share of the cycles began at most.
    #[must_use]
    pub fn late_by(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.late.value_at_quantile(quantile))
    }

    /// How long this share of the steps took at most, from waking to the answer.
    #[must_use]
    pub fn step_took(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.stepped.value_at_quantile(quantile))
    }
}

impl fmt::Display for Punctuality {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.cycles + self.skipped;
        writeln!(
            formatter,
            "{total} periods of {} us: {} deadlines missed ({:.3} %), {} periods without a measurement",
            self.period.as_micros(),
            self.missed(),
            100.0 * self.missed() as f64 / total.max(1) as f64,
            self.idle
        )?;
        let mut row = |name: &str, at: &dyn Fn(f64) -> Duration| {
            let us = |quantile| at(quantile).as_secs_f64() * 1e6;
            writeln!(
                formatter,
                "{name:<16} p50 {:>8.1}  p90 {:>8.1}  p99 {:>8.1}  p99.9 {:>8.1}  max {:>8.1}  us",
                us(0.5),
                us(0.9),
                us(0.99),
                us(0.999),
                us(1.0)
            )
        };
        row("woke up late by", &|quantile| self.late_by(quantile))?;
        row("a step took", &|quantile| self.step_took(quantile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_by_hand() {
        let us = Duration::from_micros;
        let mut books = Punctuality::new(us(1000));
        let beat = |due: u64, late: u64, skipped| Beat {
            due: us(due),
            woke: us(due + late),
            skipped,
        };
        for cycle in 0..98 {
            books.add(&beat(1000 * cycle, 10, 0), us(1000 * cycle + 30), true);
        }
        // One ends after the next was due; one comes after two that never took place, and has nothing to do.
        books.add(&beat(98_000, 10, 0), us(99_001), true);
        books.add(&beat(101_000, 500, 2), us(101_600), false);
        assert_eq!((books.cycles(), books.missed(), books.idle()), (100, 3, 1));
        let near = |found: Duration, expected: u64| {
            found.as_nanos().abs_diff(us(expected).as_nanos()) <= us(expected).as_nanos() / 500
        };
        assert!(near(books.late_by(0.5), 10) && near(books.late_by(1.0), 500));
        assert!(near(books.step_took(0.5), 20) && near(books.step_took(1.0), 991));
        let text = books.to_string();
        assert!(
            text.starts_with("102 periods of 1000 us: 3 deadlines missed (2.941 %)"),
            "{text}"
        );
    }
}
