//! How a controller gets from phase to phase: tested, started, stopped, tripped and reset. The table is [`State::on`].

use super::Controller;
use crate::board::Board;
use crate::control::{Phase, Signal, State, WrongPhase};
use crate::fault::Fault;
use crate::image::Golden;
use crate::policy::Policy;
use crate::telemetry::{Event, Telemetry};
use crate::time::Micros;

impl<P: Policy> Controller<'_, P> {
    /// `Idle` to `Armed`, or to `Faulted` where the policy does not compute the golden action bit for bit.
    ///
    /// # Errors
    /// [`WrongPhase`] from any phase but `Idle`.
    pub fn self_test(
        &mut self,
        golden: Golden<'_>,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<Phase, WrongPhase> {
        self.signal(Signal::Test, board.now(), telemetry)?;
        self.policy.reset();
        self.policy.act(golden.observation, self.action);
        let passed = golden.matches(self.action);
        self.forget();
        if passed {
            self.signal(Signal::Arm, board.now(), telemetry)?;
        } else {
            self.trip(Fault::SelfTest, board, telemetry);
        }
        Ok(self.phase)
    }

    /// `Armed` to `Running`: the next step moves the machine.
    ///
    /// # Errors
    /// [`WrongPhase`] from any phase but `Armed`.
    pub fn start(&mut self, now: Micros, telemetry: &mut impl Telemetry) -> Result<(), WrongPhase> {
        self.signal(Signal::Start, now, telemetry)?;
        self.forget();
        Ok(())
    }

    /// `Running` to `Armed`, the machine made safe; from `Fallback` to `Faulted`: a latched fault is not stopped away.
    ///
    /// # Errors
    /// [`WrongPhase`] from any other phase.
    pub fn stop(
        &mut self,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.signal(Signal::Stop, board.now(), telemetry)?;
        board.make_safe();
        Ok(())
    }

    /// `Armed` or `Running` to `Idle`, the machine made safe: it runs again only after another self-test. From `Fallback` to
    /// `Faulted`, as [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`WrongPhase`] from any other phase.
    pub fn disarm(
        &mut self,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.signal(Signal::Disarm, board.now(), telemetry)?;
        board.make_safe();
        Ok(())
    }

    /// Any phase to `Faulted`, the machine made safe. Of several faults the first stands.
    pub fn trip(&mut self, fault: Fault, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        if self.phase.state() != State::Faulted {
            // Every phase takes this signal.
            let _ = self.raise(Signal::Trip, Some(fault), board.now(), telemetry);
        }
    }

    /// Any phase to `Idle`, the machine made safe and the latch cleared: somebody has looked and taken responsibility.
    pub fn reset(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) {
        board.make_safe();
        self.forget();
        // Every phase takes this signal.
        let _ = self.signal(Signal::Reset, board.now(), telemetry);
    }

    /// Back to how it was before the first step, statistics and setpoint apart.
    fn forget(&mut self) {
        self.policy.reset();
        self.pipeline.reset();
        self.filter.reset();
        self.actions.reset(self.filter.previous());
        self.watch.reset();
        self.has_command = false;
        self.blind = 0;
        for number in self.action.iter_mut() {
            *number = 0.0;
        }
    }

    fn signal(
        &mut self,
        signal: Signal,
        at: Micros,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        self.raise(signal, None, at, telemetry)
    }

    /// Moves along the table of [`State::on`], keeping the first fault.
    pub(super) fn raise(
        &mut self,
        signal: Signal,
        fault: Option<Fault>,
        at: Micros,
        telemetry: &mut impl Telemetry,
    ) -> Result<(), WrongPhase> {
        let found = self.phase;
        let next = found.state().on(signal).ok_or(WrongPhase { found })?;
        // Only a signal with a fault, or a latched one, leads where a fault is latched.
        let fault = found.fault().or(fault).unwrap_or(Fault::External);
        self.phase = match next {
            State::Idle => Phase::Idle,
            State::SelfTest => Phase::SelfTest,
            State::Armed => Phase::Armed { since: at },
            State::Running => Phase::Running { tick: 0 },
            State::Fallback => Phase::Fallback { fault, at },
            State::Faulted => Phase::Faulted { fault, at },
        };
        telemetry.record(Event::Entered {
            phase: self.phase,
            at,
        });
        Ok(())
    }
}
