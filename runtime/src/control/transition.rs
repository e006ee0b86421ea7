//! [`State`] and [`Signal`]: the state machine of the loop, on one page. It knows neither clocks nor boards: what a
//! transition does to the machine is the [`Controller`](super::Controller)'s. `docs/control.md` holds the same table; a test
//! compares.

/// Where the loop stands, without what is true there alone; see [`Phase`](super::Phase).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is known about this machine yet.
    Idle,
    /// The policy computes its golden action. Left within the call that enters it.
    SelfTest,
    /// Ready to run.
    Armed,
    /// The policy is in control.
    Running,
    /// A fault is latched and the fallback law is in control.
    Fallback,
    /// A fault is latched and the machine was made safe.
    Faulted,
}

/// What moves the loop from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// A self-test is asked for.
    Test,
    /// The self-test passed: the loop is armed.
    Arm,
    /// Control is asked for.
    Start,
    /// Control is taken back; the loop stays armed.
    Stop,
    /// Control is taken back and must be tested for again.
    Disarm,
    /// A fault that the fallback law can live with, where there is one.
    FallBack,
    /// A fault.
    Trip,
    /// Somebody has looked and takes responsibility.
    Reset,
}

/// What a step does in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actuation {
    /// Nothing is touched.
    Untouched,
    /// The policy's command.
    Policy,
    /// The fallback law's command.
    Fallback,
    /// The machine is made safe, once more.
    Safe,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::SelfTest,
        Self::Armed,
        Self::Running,
        Self::Fallback,
        Self::Faulted,
    ];

    /// Where a signal leads; `None` where it is refused and nothing happens.
    #[must_use]
    pub const fn on(self, signal: Signal) -> Option<Self> {
        match (self, signal) {
            (Self::Idle, Signal::Test) => Some(Self::SelfTest),
            (Self::SelfTest, Signal::Arm) => Some(Self::Armed),
            (Self::Armed, Signal::Start) => Some(Self::Running),
            (Self::Running, Signal::Stop) => Some(Self::Armed),
            (Self::Armed | Self::Running, Signal::Disarm) => Some(Self::Idle),
            (Self::Running, Signal::FallBack) => Some(Self::Fallback),
            // A latched fault is not stopped away: the machine becomes safe and the reason stays.
            (Self::Fallback, Signal::Stop | Signal::Disarm) => Some(Self::Faulted),
            (_, Signal::Trip) => Some(Self::Faulted),
            (_, Signal::Reset) => Some(Self::Idle),
            _ => None,
        }
    }

    /// What a step does here.
    #[must_use]
    pub const fn actuation(self) -> Actuation {
        match self {
            Self::Idle | Self::SelfTest | Self::Armed => Actuation::Untouched,
            Self::Running => Actuation::Policy,
            Self::Fallback => Actuation::Fallback,
            Self::Faulted => Actuation::Safe,
        }
    }
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 8] = [
        Self::Test,
        Self::Arm,
        Self::Start,
        Self::Stop,
        Self::Disarm,
        Self::FallBack,
        Self::Trip,
        Self::Reset,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    /// The table as `docs/control.md` has it.
    fn table() -> String {
        let mut text = String::from("| state |");
        for signal in Signal::ALL {
            text += &format!(" {signal:?} |");
        }
        text += " a step |\n|---|";
        text += &"---|".repeat(Signal::ALL.len() + 1);
        for state in State::ALL {
            text += &format!("\n| **{state:?}** |");
            for signal in Signal::ALL {
                text += &match state.on(signal) {
                    Some(next) => format!(" {next:?} |"),
                    None => String::from(" · |"),
                };
            }
            text += &format!(" {:?} |", state.actuation());
        }
        text
    }

    #[test]
    fn the_documented_table_is_the_one_that_runs() {
        let document = include_str!("../../docs/control.md");
        let table = table();
        assert!(document.contains(&table), "docs/control.md lacks\n{table}");
    }

    #[test]
    fn every_state_is_reached_and_only_a_reset_leads_out_of_a_fault() {
        for state in State::ALL {
            let reached = State::ALL
                .into_iter()
                .any(|from| Signal::ALL.into_iter().any(|s| from.on(s) == Some(state)));
            assert!(reached, "{state:?}");
            assert_eq!(state.on(Signal::Reset), Some(State::Idle));
            assert_eq!(state.on(Signal::Trip), Some(State::Faulted));
        }
        for latched in [State::Fallback, State::Faulted] {
            for signal in Signal::ALL {
                if let Some(next) = latched.on(signal) {
                    assert!(
                        signal == Signal::Reset || next == State::Faulted,
                        "{latched:?} {signal:?}"
                    );
                }
            }
        }
    }
}
