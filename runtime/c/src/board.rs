//! [`Board`]: sensors, actuators and clock as C functions.

use core::ffi::c_void;

use rlfd_runtime::{Event, EventLog, Micros, Telemetry};

use crate::controller::{Phase, phase_of};
use crate::status::Status;

/// What a machine can do. Every function gets `context`; all but `entered` and `measured_at_us` must be there. A function may be called only
/// from within a call of the controller, and must not call the controller itself.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Board {
    /// Handed to every function, for the caller's use.
    pub context: *mut c_void,
    /// The board's clock in microseconds.
    pub now_us: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Fills `measurement` with `len` numbers, in the order of the observation terms; false if the sensors do not answer,
    /// which makes the machine safe.
    pub sense: Option<
        unsafe extern "C" fn(context: *mut c_void, measurement: *mut f32, len: usize) -> bool,
    >,
    /// Carries out the `len` numbers of `command`, in the order of the action terms; false if the actuators do not answer,
    /// which makes the machine safe.
    pub actuate:
        Option<unsafe extern "C" fn(context: *mut c_void, command: *const f32, len: usize) -> bool>,
    /// Brings the machine into the state in which it harms nobody. Cannot fail, may be called at any time and again.
    pub make_safe: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Told of every phase the loop enters, with the fault that led there if there is one. May be NULL.
    pub entered:
        Option<unsafe extern "C" fn(context: *mut c_void, phase: Phase, fault: u8, at_us: u64)>,
    /// When the last measurement was taken, by the clock of `now_us`, where sensors are read elsewhere, by an interrupt or at the
    /// other end of a bus; `rlfd_options.max_age_us` bounds its age. NULL where a measurement is as old as the call of `sense`.
    pub measured_at_us: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
}

/// The functions of a [`Board`], all there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    context: *mut c_void,
    now_us: unsafe extern "C" fn(*mut c_void) -> u64,
    sense: unsafe extern "C" fn(*mut c_void, *mut f32, usize) -> bool,
    actuate: unsafe extern "C" fn(*mut c_void, *const f32, usize) -> bool,
    make_safe: unsafe extern "C" fn(*mut c_void),
    measured_at_us: Option<unsafe extern "C" fn(*mut c_void) -> u64>,
}

/// Phases that are remembered until they are asked for.
const REMEMBERED: usize = 8;

/// The function that is told of phases, if there is one, and the log.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    context: *mut c_void,
    entered: Option<unsafe extern "C" fn(*mut c_void, Phase, u8, u64)>,
    /// The last phases that were entered, and how often everything happened.
    pub log: EventLog<REMEMBERED>,
}

/// Sensors or actuators did not answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoAnswer;

impl Board {
    /// Calls and listener of a board.
    ///
    /// # Errors
    /// [`Status::NullPointer`] where a function is missing.
    pub(crate) fn connect(&self) -> Result<(Calls, Listener), Status> {
        let (Some(now_us), Some(sense), Some(actuate), Some(make_safe)) =
            (self.now_us, self.sense, self.actuate, self.make_safe)
        else {
            return Err(Status::NullPointer);
        };
        let calls = Calls {
            context: self.context,
            now_us,
            sense,
            actuate,
            make_safe,
            measured_at_us: self.measured_at_us,
        };
        let listener = Listener {
            context: self.context,
            entered: self.entered,
            log: EventLog::new(),
        };
        Ok((calls, listener))
    }
}

// SAFETY of the calls: whoever made the controller promised that the functions may be called with the context for as long as
// the controller is used, and the slices' lengths are told.
impl rlfd_runtime::Board for Calls {
    type Error = NoAnswer;

    fn now(&self) -> Micros {
        // SAFETY: see above.
        Micros(unsafe { (self.now_us)(self.context) })
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), NoAnswer> {
        // SAFETY: see above.
        let answered =
            unsafe { (self.sense)(self.context, measurement.as_mut_ptr(), measurement.len()) };
        answered.then_some(()).ok_or(NoAnswer)
    }

    fn measured_at(&self) -> Micros {
        match self.measured_at_us {
            // SAFETY: see above.
            Some(measured_at_us) => Micros(unsafe { measured_at_us(self.context) }),
            None => self.now(),
        }
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), NoAnswer> {
        // SAFETY: see above.
        let answered = unsafe { (self.actuate)(self.context, command.as_ptr(), command.len()) };
        answered.then_some(()).ok_or(NoAnswer)
    }

    fn make_safe(&mut self) {
        // SAFETY: see above.
        unsafe { (self.make_safe)(self.context) };
    }
}

impl Telemetry for Listener {
    fn record(&mut self, event: Event) {
        let Event::Entered { phase, at } = event else {
            // One for each step would drive the phases out of the log.
            self.log.count(&event);
            return;
        };
        self.log.record(event);
        if let Some(entered) = self.entered {
            let (phase, fault) = phase_of(phase);
            // SAFETY: see above.
            unsafe { entered(self.context, phase, fault, at.0) };
        }
    }
}
