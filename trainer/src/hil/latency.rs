//! [`Latency`]: how long answers took.

use std::fmt;
use std::time::Duration;

/// Times from a measurement's first sending to its command.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    samples: Vec<Duration>,
}

impl Latency {
    /// Adds one.
    pub fn record(&mut self, sample: Duration) {
        self.samples.push(sample);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: &Self) {
        self.samples.extend_from_slice(&other.samples);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.samples.len()
    }

    /// The smallest sample that at least `share` of all samples do not exceed (nearest rank); `None` without samples.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.samples.iter().max().copied()
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds =
            |sample: Option<Duration>| sample.unwrap_or_default().as_secs_f64() * 1e3;
        write!(
            formatter,
            "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms over {} commands",
            milliseconds(self.quantile(0.5)),
            milliseconds(self.quantile(0.99)),
            milliseconds(self.max()),
            self.count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_nearest_rank() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for millisecond in (1..=100).rev() {
            latency.record(Duration::from_millis(millisecond));
        }
        assert_eq!(latency.quantile(0.5), Some(Duration::from_millis(50)));
        assert_eq!(latency.quantile(0.99), Some(Duration::from_millis(99)));
        assert_eq!(latency.quantile(1.0), latency.max());
        assert_eq!(latency.quantile(0.0), Some(Duration::from_millis(1)));
    }
}
