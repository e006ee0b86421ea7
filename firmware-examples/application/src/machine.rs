//! [`LinkedMachine`]: the machine at the other end of the link, as the control loop's `Board`. Its sensors are the
//! last measurement, its actuators the next command, its clock the plant's. Thereby a run is the same whatever the
//! link's speed.

use core::convert::Infallible;

use rlfd_runtime::{Board, Micros};

/// What goes in and out of one step.
#[derive(Debug)]
pub struct LinkedMachine<'a> {
    time_us: u64,
    measurement: &'a mut [f32],
    command: &'a mut [f32],
}

impl<'a> LinkedMachine<'a> {
    /// A machine at rest, `measurement` `[measurement_dim]`, `command` `[command_dim]`.
    pub fn new(measurement: &'a mut [f32], command: &'a mut [f32]) -> Self {
        Self {
            time_us: 0,
            measurement,
            command,
        }
    }

    /// Where the next measurement goes, and the time it was taken at.
    pub fn measured_at(&mut self, time_us: u64) -> &mut [f32] {
        self.time_us = time_us;
        self.measurement
    }

    /// What the actuators do now.
    #[must_use]
    pub fn command(&self) -> &[f32] {
        self.command
    }
}

impl Board for LinkedMachine<'_> {
    type Error = Infallible;

    fn now(&self) -> Micros {
        Micros(self.time_us)
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Infallible> {
        for (place, number) in measurement.iter_mut().zip(self.measurement.iter()) {
            *place = *number;
        }
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Infallible> {
        for (place, number) in self.command.iter_mut().zip(command) {
            *place = *number;
        }
        Ok(())
    }

    /// All commands 0: motors without torque.
    fn make_safe(&mut self) {
        for place in self.command.iter_mut() {
            *place = 0.0;
        }
    }
}
