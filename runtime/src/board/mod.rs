//! The hardware seam: [`Board`]. A board knows its sensors, its actuators and its clock, and no policy.
//!
//! [`FaultInjector`] and [`Recorder`] wrap any board and are boards themselves, [`Replay`] is a board made of a record: what
//! happened on the machine can be looked at on a desk, through the same loop.

mod fault_injector;
mod random;
mod recorder;

pub use fault_injector::{FaultInjector, FaultRates, InjectedError};
pub use recorder::{EndOfRecord, Recorder, Replay};

use crate::time::Micros;

/// A machine that can be measured, commanded and made safe.
pub trait Board {
    /// Why sensors or actuators do not answer.
    type Error;

    /// Its clock.
    fn now(&self) -> Micros;

    /// Fills `measurement` `[measurement_dim]`, in the order of the observation terms.
    ///
    /// # Errors
    /// The sensors did not answer; the loop makes the machine safe.
    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error>;

    /// When the last measurement was taken, by the clock of [`now`](Self::now). A board whose sensors are read elsewhere, by
    /// an interrupt or at the other end of a bus, answers when; for others a measurement is as old as the call that took it.
    fn measured_at(&self) -> Micros {
        self.now()
    }

    /// Carries out `command` `[action_dim]`, in the order of the action terms.
    ///
    /// # Errors
    /// The actuators did not answer; the loop makes the machine safe.
    fn actuate(&mut self, command: &[f32]) -> Result<(), Self::Error>;

    /// Brings the machine into the state in which it harms nobody. Cannot fail, may be called at any time and again.
    fn make_safe(&mut self);
}

impl<B: Board + ?Sized> Board for &mut B {
    type Error = B::Error;

    fn now(&self) -> Micros {
        (**self).now()
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
        (**self).sense(measurement)
    }

    fn measured_at(&self) -> Micros {
        (**self).measured_at()
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Self::Error> {
        (**self).actuate(command)
    }

    fn make_safe(&mut self) {
        (**self).make_safe();
    }
}
