//! [`Metronome`]: beats at multiples of a period on the monotonic clock. Deadlines are absolute, so that being late once does not
//! move the ones after it. It does not know what happens on a beat.

use std::io;
use std::time::Duration;

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// When a beat was due and when the thread was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// On the monotonic clock.
    pub due: Duration,
    /// On the same clock, not before `due`.
    pub woke: Duration,
    /// Beats before this one that had passed altogether when the thread looked.
    pub skipped: u64,
}

/// Beats once per period.
#[derive(Clone, Copy, Debug)]
pub struct Metronome {
    period: Duration,
    next: Duration,
}

impl Metronome {
    /// The first beat is a period from now.
    ///
    /// # Errors
    /// If the period is zero.
    pub fn new(period: Duration) -> io::Result<Self> {
        if period.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a period of 0"));
        }
        let next = now()? + period;
        Ok(Self { period, next })
    }

    /// Time from beat to beat.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The clock it beats by.
    ///
    /// # Errors
    /// If the clock tells a time before its beginning.
    pub fn now(&self) -> io::Result<Duration> {
        now()
    }

    /// Sleeps until the next beat that is not over yet.
    ///
    /// # Errors
    /// If the clock does not tell the time.
    pub fn wait(&mut self) -> io::Result<Beat> {
        let late = now()?.saturating_sub(self.next);
        // A beat whose successor is due as well is over.
        let skipped = u64::try_from(late.as_nanos() / self.period.as_nanos()).unwrap_or(u64::MAX);
        let due = self.next
            + self
                .period
                .saturating_mul(skipped.try_into().unwrap_or(u32::MAX));
        while now()? < due {
            let until = Timespec {
                tv_sec: due.as_secs().try_into().map_err(io::Error::other)?,
                tv_nsec: due.subsec_nanos().into(),
            };
            match clock_nanosleep_absolute(ClockId::Monotonic, &until) {
                Ok(()) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.next = due + self.period;
        Ok(Beat {
            due,
            woke: now()?,
            skipped,
        })
    }
}

fn now() -> io::Result<Duration> {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn beats_are_multiples_of_the_period_even_after_one_was_slept_through() {
        let period = Duration::from_millis(4);
        let mut metronome = Metronome::new(period).unwrap();
        let first = metronome.wait().unwrap();
        let second = metronome.wait().unwrap();
        assert!(first.woke >= first.due && second.woke >= second.due);
        let between = second.due - first.due;
        assert_eq!(between, period * (1 + second.skipped as u32));
        sleep(period * 5 / 2);
        let third = metronome.wait().unwrap();
        assert!(third.skipped >= 1, "{third:?}");
        assert_eq!(third.due - second.due, period * (1 + third.skipped as u32));
        assert!(third.woke - third.due < period || third.woke > third.due);
        assert!(Metronome::new(Duration::ZERO).is_err());
    }
}
