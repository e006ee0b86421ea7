//! [`FaultInjector`]: a board that breaks on purpose, around any other board.

use super::Board;
use super::random::SplitMix64;
use crate::time::Micros;

/// How often each thing goes wrong, in times per thousand steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// The sensors do not answer.
    pub sense_error: u16,
    /// One number of the measurement is NaN.
    pub not_a_number: u16,
    /// The measurement is the one of the step before.
    pub held: u16,
    /// One number of the measurement has a wrong bit.
    pub bit_flip: u16,
    /// The actuators do not answer.
    pub actuate_error: u16,
    /// The command is lost without a word; the last one stays.
    pub command_lost: u16,
}

/// What an injector answers besides the errors of the board it wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectedError<E> {
    /// On purpose.
    #[error("injected")]
    Injected,
    /// By itself.
    #[error(transparent)]
    Board(E),
}

/// Wraps a board and breaks it, the same way for the same seed. It never touches `make_safe`.
#[derive(Debug)]
pub struct FaultInjector<'a, B> {
    board: B,
    rates: FaultRates,
    random: SplitMix64,
    /// The last `delay` measurements, oldest first.
    late: &'a mut [f32],
    n_sensed: u32,
    delay: u16,
    n_injected: u32,
}

impl<'a, B> FaultInjector<'a, B> {
    /// Breaks `board` at these rates.
    pub fn new(board: B, rates: FaultRates, seed: u64) -> Self {
        Self {
            board,
            rates,
            random: SplitMix64(seed),
            late: &mut [],
            n_sensed: 0,
            delay: 0,
            n_injected: 0,
        }
    }

    /// Hands every measurement over `delay` steps late; the first is repeated until then. `memory` holds
    /// `(delay + 1) * measurement_dim` numbers.
    #[must_use]
    pub fn with_delay(mut self, delay: u16, memory: &'a mut [f32]) -> Self {
        self.delay = delay;
        self.late = memory;
        self
    }

    /// Things that went wrong on purpose so far.
    #[must_use]
    pub fn n_injected(&self) -> u32 {
        self.n_injected
    }

    /// The board inside.
    pub fn board_mut(&mut self) -> &mut B {
        &mut self.board
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        let happens = self.random.chance(per_mille);
        self.n_injected = self.n_injected.wrapping_add(u32::from(happens));
        happens
    }

    /// Exchanges the newest measurement for one of the past.
    fn make_late(&mut self, measurement: &mut [f32]) {
        let width = measurement.len();
        let places = usize::from(self.delay) + 1;
        let is_first = self.n_sensed == 0;
        self.n_sensed = self.n_sensed.wrapping_add(1);
        if width == 0 || self.late.len() != places * width {
            return;
        }
        let mut kept = self.late.chunks_exact_mut(width);
        let Some(mut place) = kept.next() else {
            return;
        };
        for newer in kept {
            let from = if is_first { &*measurement } else { &*newer };
            copy(from, place);
            place = newer;
        }
        copy(measurement, place);
        if let Some(oldest) = self.late.get(..width) {
            copy(oldest, measurement);
        }
    }
}

impl<B: Board> Board for FaultInjector<'_, B> {
    type Error = InjectedError<B::Error>;

    fn now(&self) -> Micros {
        self.board.now()
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
        let rates = self.rates;
        if self.happens(rates.sense_error) {
            return Err(InjectedError::Injected);
        }
        // The caller's memory still holds the measurement of the step before.
        if self.n_sensed == 0 || !self.happens(rates.held) {
            self.board
                .sense(measurement)
                .map_err(InjectedError::Board)?;
            self.make_late(measurement);
        }
        let chosen = self.random.next();
        let index = (chosen >> 32) as usize % measurement.len().max(1);
        if self.happens(rates.not_a_number)
            && let Some(number) = measurement.get_mut(index)
        {
            *number = f32::NAN;
        }
        if self.happens(rates.bit_flip)
            && let Some(number) = measurement.get_mut(index)
        {
            *number = f32::from_bits(number.to_bits() ^ (1 << (chosen % 32)));
        }
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Self::Error> {
        if self.happens(self.rates.actuate_error) {
            return Err(InjectedError::Injected);
        }
        if self.happens(self.rates.command_lost) {
            return Ok(());
        }
        self.board.actuate(command).map_err(InjectedError::Board)
    }

    fn measured_at(&self) -> Micros {
        self.board.measured_at()
    }

    fn make_safe(&mut self) {
        self.board.make_safe();
    }
}

fn copy(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts its measurements: 1, 2, 3, ….
    struct Counting(f32);

    impl Board for Counting {
        type Error = core::convert::Infallible;

        fn now(&self) -> Micros {
            Micros(0)
        }

        fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
            self.0 += 1.0;
            measurement.fill(self.0);
            Ok(())
        }

        fn actuate(&mut self, _command: &[f32]) -> Result<(), Self::Error> {
            Ok(())
        }

        fn make_safe(&mut self) {}
    }

    #[test]
    fn a_delay_hands_over_the_past() {
        let mut memory = [0.0; 8];
        let mut board =
            FaultInjector::new(Counting(0.0), FaultRates::default(), 0).with_delay(3, &mut memory);
        let mut seen = [0.0; 6];
        for place in &mut seen {
            let mut measurement = [0.0; 2];
            board.sense(&mut measurement).unwrap();
            *place = measurement[0];
            assert_eq!(measurement[0], measurement[1]);
        }
        assert_eq!(seen, [1.0, 1.0, 1.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn rates_are_met() {
        let rates = FaultRates {
            sense_error: 100,
            not_a_number: 50,
            actuate_error: 200,
            ..FaultRates::default()
        };
        let mut board = FaultInjector::new(Counting(0.0), rates, 7);
        let (mut errors, mut nans, mut refusals) = (0, 0, 0);
        for _ in 0..10_000 {
            let mut measurement = [0.0; 3];
            errors += i32::from(board.sense(&mut measurement).is_err());
            nans += i32::from(measurement.iter().any(|number| number.is_nan()));
            refusals += i32::from(board.actuate(&[]).is_err());
        }
        // Three standard deviations of a binomial of 10,000 draws are under 120.
        assert!((880..1120).contains(&errors), "{errors}");
        assert!((330..570).contains(&nans), "{nans}");
        assert!((1880..2120).contains(&refusals), "{refusals}");
        assert_eq!(
            board.n_injected(),
            u32::try_from(errors + nans + refusals).unwrap()
        );
    }
}
