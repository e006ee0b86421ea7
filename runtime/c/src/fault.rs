//! [`Fault`]: why the loop refuses to act, as C sees it.

use core::ffi::{CStr, c_char};

/// Why the loop made the machine safe; 0 is no fault. The numbers are those of the link protocol and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// None.
    None = 0,
    /// The policy does not compute its golden action on this machine.
    SelfTest = 1,
    /// The board could not read its sensors.
    Sense = 2,
    /// A measurement is NaN or infinite.
    NonFiniteMeasurement = 3,
    /// The policy answered NaN or infinity.
    NonFiniteAction = 4,
    /// The board could not set its actuators.
    Actuate = 5,
    /// A step began later after the previous one than allowed.
    Late = 6,
    /// Somebody outside of the loop stopped it.
    External = 7,
    /// Measurements are older than allowed.
    Stale = 8,
    /// A step took longer than allowed.
    Overrun = 9,
    /// Observations are unlike those of the training.
    Unfamiliar = 10,
    /// A number of the measurement does not move by a bit while others do.
    Stuck = 11,
}

const NAMES: [(Fault, &CStr); 12] = [
    (Fault::None, c"no fault"),
    (Fault::SelfTest, c"self-test failed"),
    (Fault::Sense, c"sensors could not be read"),
    (Fault::NonFiniteMeasurement, c"a measurement is not finite"),
    (Fault::NonFiniteAction, c"an action is not finite"),
    (Fault::Actuate, c"actuators could not be set"),
    (Fault::Late, c"a step began too late"),
    (Fault::External, c"stopped from outside"),
    (Fault::Stale, c"measurements are stale"),
    (Fault::Overrun, c"a step took too long"),
    (
        Fault::Unfamiliar,
        c"observations are unlike those of the training",
    ),
    (Fault::Stuck, c"a sensor is stuck"),
];

/// What a number of type `rlfd_fault` says, as text for people; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rlfd_fault_name(fault: u8) -> *const c_char {
    let mut all = NAMES.iter();
    let found = all.find(|(candidate, _)| *candidate as u8 == fault);
    found.map_or(c"unknown fault", |(_, name)| name).as_ptr()
}

/// The number of a fault, 0 for none.
pub(crate) fn code_of(fault: Option<rlfd_runtime::Fault>) -> u8 {
    fault.map_or(Fault::None as u8, rlfd_runtime::Fault::code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_fault_of_the_runtime_has_its_number_and_its_name() {
        assert_eq!(NAMES.len(), rlfd_runtime::Fault::ALL.len() + 1);
        for ((fault, name), theirs) in NAMES.iter().skip(1).zip(rlfd_runtime::Fault::ALL) {
            assert_eq!(*fault as u8, theirs.code());
            assert_eq!(name.to_str().unwrap(), theirs.to_string());
        }
    }
}
