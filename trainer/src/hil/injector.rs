//! [`Injector`]: a bad cable. It loses, damages, repeats and holds back frames, without knowing what is in them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// How bad the cable is. The default is a perfect one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disturbance {
    /// Probability that a frame is lost.
    pub drop: f64,
    /// Probability that bits of a frame flip.
    pub corrupt: f64,
    /// Probability that a frame arrives twice.
    pub duplicate: f64,
    /// Each frame is held back for a random time up to this; later frames may overtake it.
    pub delay: Duration,
    /// Of the random stream.
    pub seed: u64,
}

impl Disturbance {
    /// Whether it does anything.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.drop == 0.0 && self.corrupt == 0.0 && self.duplicate == 0.0 && self.delay.is_zero()
    }
}

/// What has been done to frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InjectorCounters {
    /// Frames that entered.
    pub frames: u64,
    /// Lost.
    pub dropped: u64,
    /// Damaged.
    pub corrupted: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Held back.
    pub delayed: u64,
}

/// One direction of a bad cable.
#[derive(Debug)]
pub struct Injector {
    disturbance: Disturbance,
    rng: ChaCha8Rng,
    held: VecDeque<(Instant, Vec<u8>)>,
    counters: InjectorCounters,
}

impl Injector {
    /// `stream` tells the two directions of one cable apart.
    #[must_use]
    pub fn new(disturbance: Disturbance, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(disturbance.seed);
        rng.set_stream(stream);
        Self {
            disturbance,
            rng,
            held: VecDeque::new(),
            counters: InjectorCounters::default(),
        }
    }

    /// Takes a whole frame, delimiter included, at the time `now`.
    pub fn push(&mut self, frame: &[u8], now: Instant) {
        self.counters.frames += 1;
        if self.rng.random_bool(self.disturbance.drop) {
            self.counters.dropped += 1;
            return;
        }
        let mut frame = frame.to_vec();
        if self.rng.random_bool(self.disturbance.corrupt) && !frame.is_empty() {
            self.counters.corrupted += 1;
            for _ in 0..self.rng.random_range(1..=8) {
                let index = self.rng.random_range(0..frame.len());
                frame[index] ^= 1 << self.rng.random_range(0..8);
            }
        }
        let copies = if self.rng.random_bool(self.disturbance.duplicate) {
            self.counters.duplicated += 1;
            2
        } else {
            1
        };
        for _ in 0..copies {
            let delay = self.delay();
            self.held.push_back((now + delay, frame.clone()));
        }
    }

    /// The next frame whose time has come.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        let index = self.held.iter().position(|(due, _)| *due <= now)?;
        self.held.remove(index).map(|(_, frame)| frame)
    }

    /// When the next frame will be due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|(due, _)| *due).min()
    }

    /// What has been done so far.
    #[must_use]
    pub fn counters(&self) -> InjectorCounters {
        self.counters
    }

    fn delay(&mut self) -> Duration {
        if self.disturbance.delay.is_zero() {
            return Duration::ZERO;
        }
        self.counters.delayed += 1;
        self.disturbance.delay.mul_f64(self.rng.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u64 = 10_000;

    /// Everything that comes out of `n` frames, in order.
    fn through(disturbance: Disturbance) -> (Vec<Vec<u8>>, InjectorCounters) {
        let mut injector = Injector::new(disturbance, 0);
        let now = Instant::now();
        for index in 0..N {
            injector.push(&index.to_le_bytes(), now);
        }
        let later = now + disturbance.delay;
        let out = std::iter::from_fn(|| injector.pop(later)).collect();
        (out, injector.counters())
    }

    #[test]
    fn a_perfect_cable_changes_nothing() {
        let (out, _) = through(Disturbance::default());
        let expected: Vec<_> = (0..N).map(|index| index.to_le_bytes().to_vec()).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn rates_are_the_stated_ones() {
        let (out, counters) = through(Disturbance {
            drop: 0.2,
            corrupt: 0.1,
            duplicate: 0.3,
            ..Disturbance::default()
        });
        // Binomial: six standard deviations are at most 0.03 of N.
        let share = |count: u64| count as f64 / N as f64;
        assert!((share(counters.dropped) - 0.2).abs() < 0.03);
        assert!((share(counters.corrupted) - 0.08).abs() < 0.03);
        assert!((share(counters.duplicated) - 0.24).abs() < 0.03);
        assert_eq!(out.len() as u64, N - counters.dropped + counters.duplicated);
        let damaged = out
            .iter()
            .filter(|frame| u64::from_le_bytes(frame.as_slice().try_into().unwrap()) >= N)
            .count();
        assert!(damaged > 0);
    }

    #[test]
    fn held_frames_come_when_due_and_may_overtake() {
        let delay = Duration::from_millis(10);
        let mut injector = Injector::new(
            Disturbance {
                delay,
                ..Disturbance::default()
            },
            0,
        );
        let now = Instant::now();
        for index in 0..100_u8 {
            injector.push(&[index], now);
        }
        assert!(injector.pop(now).is_none());
        let due = injector.next_due().unwrap();
        assert!(due > now && due <= now + delay);
        let mut order = Vec::new();
        for millisecond in 0..=10 {
            while let Some(frame) = injector.pop(now + Duration::from_millis(millisecond)) {
                order.push(frame[0]);
            }
        }
        assert_eq!(order.len(), 100);
        assert!(!order.is_sorted());
    }

    #[test]
    fn the_same_seed_does_the_same_and_directions_differ() {
        let disturbance = Disturbance {
            drop: 0.5,
            seed: 3,
            ..Disturbance::default()
        };
        assert_eq!(through(disturbance), through(disturbance));
        let survivors = |stream| {
            let mut injector = Injector::new(disturbance, stream);
            let now = Instant::now();
            (0..64_u8).for_each(|index| injector.push(&[index], now));
            std::iter::from_fn(|| injector.pop(now)).collect::<Vec<_>>()
        };
        assert_ne!(survivors(0), survivors(1));
    }
}
