//! [`LinkedRobot`]: the robot at the other end of the stream, as the control loop's `Board`. Its sensors are the last
//! measurement, its actuators the next command, its clock the plant's.

use std::convert::Infallible;

use rlfd_runtime::{Board, Micros};

/// What goes in and out of one step.
#[derive(Clone, Debug)]
pub struct LinkedRobot {
    time_us: u64,
    measurement: Vec<f32>,
    command: Vec<f32>,
}

impl LinkedRobot {
    /// A robot at rest.
    #[must_use]
    pub fn new(measurement_dim: usize, command_dim: usize) -> Self {
        Self {
            time_us: 0,
            measurement: vec![0.0; measurement_dim],
            command: vec![0.0; command_dim],
        }
    }

    /// Where the next measurement goes, and the time it was taken at.
    pub fn measured_at(&mut self, time_us: u64) -> &mut [f32] {
        self.time_us = time_us;
        &mut self.measurement
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
