//! [`Recorder`]: a board that writes down what passes, around any other board; [`Replay`]: a board made of such a record.

use super::Board;
use crate::time::Micros;

/// Wraps a board and keeps measurement and command of every whole step, in memory the caller lends, until that is full.
#[derive(Debug)]
pub struct Recorder<'a, B> {
    board: B,
    memory: &'a mut [f32],
    /// Numbers of whole steps so far.
    len: usize,
    /// Numbers of the measurement that waits for its command.
    pending: usize,
}

impl<'a, B> Recorder<'a, B> {
    /// Records into `memory`.
    pub fn new(board: B, memory: &'a mut [f32]) -> Self {
        Self {
            board,
            memory,
            len: 0,
            pending: 0,
        }
    }

    /// Measurement and command of each step, one behind the other.
    #[must_use]
    pub fn record(&self) -> &[f32] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    /// The board inside.
    pub fn board_mut(&mut self) -> &mut B {
        &mut self.board
    }

    /// Writes at `offset` behind the whole steps and answers whether there was room.
    fn write(&mut self, offset: usize, numbers: &[f32]) -> bool {
        let free = self.memory.get_mut(self.len + offset..).unwrap_or_default();
        let has_room = free.len() >= numbers.len();
        if has_room {
            for (place, number) in free.iter_mut().zip(numbers) {
                *place = *number;
            }
        }
        has_room
    }
}

impl<B: Board> Board for Recorder<'_, B> {
    type Error = B::Error;

    fn now(&self) -> Micros {
        self.board.now()
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
        self.board.sense(measurement)?;
        self.pending = if self.write(0, measurement) {
            measurement.len()
        } else {
            0
        };
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Self::Error> {
        self.board.actuate(command)?;
        let pending = core::mem::take(&mut self.pending);
        if pending > 0 && self.write(pending, command) {
            self.len += pending + command.len();
        }
        Ok(())
    }

    fn measured_at(&self) -> Micros {
        self.board.measured_at()
    }

    fn make_safe(&mut self) {
        self.board.make_safe();
    }
}

/// The record is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record is over")]
pub struct EndOfRecord;

/// Plays a record back: measurements come from it, commands are compared with it, bit for bit.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    rest: &'a [f32],
    expected: &'a [f32],
    command_dim: usize,
    period_us: u32,
    n_steps: u32,
    n_mismatches: u32,
}

impl<'a> Replay<'a> {
    /// A board out of [`Recorder::record`], its clock one period per step.
    #[must_use]
    pub fn new(record: &'a [f32], command_dim: usize, period_us: u32) -> Self {
        Self {
            rest: record,
            expected: &[],
            command_dim,
            period_us,
            n_steps: 0,
            n_mismatches: 0,
        }
    }

    /// Steps played.
    #[must_use]
    pub fn n_steps(&self) -> u32 {
        self.n_steps
    }

    /// Steps whose command was another than the recorded one.
    #[must_use]
    pub fn n_mismatches(&self) -> u32 {
        self.n_mismatches
    }
}

impl Board for Replay<'_> {
    type Error = EndOfRecord;

    fn now(&self) -> Micros {
        Micros(u64::from(self.n_steps) * u64::from(self.period_us))
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), EndOfRecord> {
        let (sample, rest) = self
            .rest
            .split_at_checked(measurement.len())
            .ok_or(EndOfRecord)?;
        (self.expected, self.rest) = rest.split_at_checked(self.command_dim).ok_or(EndOfRecord)?;
        for (place, number) in measurement.iter_mut().zip(sample) {
            *place = *number;
        }
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), EndOfRecord> {
        let expected = self.expected.iter().map(|number| number.to_bits());
        let is_same = expected.eq(command.iter().map(|number| number.to_bits()));
        self.n_mismatches = self.n_mismatches.wrapping_add(u32::from(!is_same));
        self.n_steps = self.n_steps.wrapping_add(1);
        Ok(())
    }

    fn make_safe(&mut self) {}
}
