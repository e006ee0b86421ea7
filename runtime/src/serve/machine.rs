//! [`LinkedMachine`]: the machine at the other end of the link, as the control loop's `Board`. Its sensors are the last
//! measurement, its actuators the next command, its clock the plant's. Thereby a run is the same whatever the link's speed.

use core::convert::Infallible;

use crate::board::Board;
use crate::time::Micros;
use crate::wire::Values;

/// What goes in and out of one step.
#[derive(Debug)]
pub struct LinkedMachine<'a> {
    time_us: u64,
    measurement: &'a mut [f32],
    /// Numbers of the next measurement that have come in parts.
    received: usize,
    command: &'a mut [f32],
}

impl<'a> LinkedMachine<'a> {
    /// A machine at rest, `measurement` `[measurement_dim]`, `command` `[action_dim]`.
    pub fn new(measurement: &'a mut [f32], command: &'a mut [f32]) -> Self {
        Self {
            time_us: 0,
            measurement,
            received: 0,
            command,
        }
    }

    /// Takes the next numbers of a measurement, of which `first` went before; false, and nothing taken, where they are not
    /// the next or too many.
    pub fn part(&mut self, first: usize, values: Values<'_>) -> bool {
        if first != 0 && first != self.received {
            return false;
        }
        let Some(end) = first.checked_add(values.len()) else {
            return false;
        };
        let taken = self.measurement.get_mut(first..end);
        let is_taken = taken.is_some_and(|place| values.copy_to(place));
        if is_taken {
            self.received = end;
        }
        is_taken
    }

    /// Takes what is left of a measurement, and when it was taken; false where it is then not whole.
    pub fn measured(&mut self, time_us: u64, values: Values<'_>) -> bool {
        let received = core::mem::take(&mut self.received);
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
