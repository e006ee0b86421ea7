//! [`LinkedRobot`]: the robot at the other end of the stream, as the control loop's `Board`. Its sensors are the last
//! measurement, its actuators the next command, its clock the plant's.

use std::convert::Infallible;

use rlfd_runtime::wire::Values;
use rlfd_runtime::{Board, Micros};

/// What goes in and out of one step.
#[derive(Clone, Debug)]
pub struct LinkedRobot {
    time_us: u64,
    measurement: Vec<f32>,
    /// Numbers of the next measurement that have come in parts.
    received: usize,
    command: Vec<f32>,
}

impl LinkedRobot {
    /// A robot at rest.
    #[must_use]
    pub fn new(measurement_dim: usize, command_dim: usize) -> Self {
        Self {
            time_us: 0,
            measurement: vec![0.0; measurement_dim],
            received: 0,
            command: vec![0.0; command_dim],
        }
    }

    /// Takes the next numbers of a measurement, of which `first` went before; false, and nothing taken, where they are not the
    /// next or too many.
    pub fn part(&mut self, first: usize, values: Values<'_>) -> bool {
        if first != 0 && first != self.received {
            return false;
        }
        let end = first + values.len();
        let taken = self.measurement.get_mut(first..end);
        let is_taken = taken.is_some_and(|place| values.copy_to(place));
        if is_taken {
            self.received = end;
        }
        is_taken
    }

    /// Takes what is left of a measurement, and when it was taken; false where it is then not whole.
    pub fn measured(&mut self, time_us: u64, values: Values<'_>) -> bool {
        let received = std::mem::take(&mut self.received);
        let rest = self.measurement.get_mut(received..);
        let is_whole = rest.is_some_and(|place| values.copy_to(place));
        if is_whole {
            self.time_us = time_us;
        }
        is_whole
    }

    /// Numbers of the next measurement that have come in parts.
    #[must_use]
    pub fn received(&self) -> usize {
        self.received
    }

    /// Numbers of a measurement.
    #[must_use]
    pub fn measurement_dim(&self) -> usize {
        self.measurement.len()
    }

    /// What the actuators do now.
    #[must_use]
    pub fn command(&self) -> &[f32] {
        &self.command
    }
}

impl Board for LinkedRobot {
    type Error = Infallible;

    fn now(&self) -> Micros {
        Micros(self.time_us)
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Infallible> {
        measurement.copy_from_slice(&self.measurement);
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Infallible> {
        self.command.copy_from_slice(command);
        Ok(())
    }

    /// All commands 0: motors without torque.
    fn make_safe(&mut self) {
        self.command.fill(0.0);
    }
}
