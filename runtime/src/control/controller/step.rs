//! One period: sense, observe, act, limit, drive, actuate, record; and what holds the machine where that fails.

use super::Controller;
use crate::board::Board;
use crate::control::{Cycle, Drive, Outcome, Phase, Signal};
use crate::fault::Fault;
use crate::observation::Sample;
use crate::policy::Policy;
use crate::safety::Interventions;
use crate::servo::Servo;
use crate::telemetry::{Event, Telemetry};
use crate::time::Micros;

/// What is known of the measurement within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    NotYet,
    Good,
    Bad,
}

impl<'a, P: Policy> Controller<'a, P> {
    /// One step. In `Running` the policy moves the machine, in `Fallback` the fallback law; in `Faulted` the machine is made
    /// safe once more; anywhere else nothing is touched.
    pub fn step(&mut self, board: &mut impl Board, telemetry: &mut impl Telemetry) -> Cycle {
        let at = board.now();
        let mut tick = 0;
        let (outcome, interventions) = match self.phase {
            Phase::Running { tick: before } => {
                tick = before.wrapping_add(1);
                self.phase = Phase::Running { tick };
                let mut seen = Seen::NotYet;
                let done = self.act(at, board, &mut seen).and_then(|interventions| {
                    let duration_us = board.now().since(at);
                    if duration_us > self.options.max_duration_us {
                        return Err(Fault::Overrun);
                    }
                    Ok(interventions)
                });
                match done {
                    Ok(interventions) => (Outcome::Acted, interventions),
                    Err(fault) => self.fail(fault, at, seen, board, telemetry),
                }
            }
            Phase::Fallback { fault, .. } => {
                self.watch.begin(at);
                match self.hold(fault, at, Seen::NotYet, board) {
                    Ok(interventions) => (Outcome::Held(fault), interventions),
                    Err(_) => {
                        self.trip(fault, board, telemetry);
                        (Outcome::Refused(fault), Interventions::default())
                    }
                }
            }
            Phase::Faulted { fault, .. } => {
                board.make_safe();
                (Outcome::Refused(fault), Interventions::default())
            }
            Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => {
                (Outcome::NotRunning, Interventions::default())
            }
        };
        let cycle = Cycle {
            tick,
            at,
            duration_us: board.now().since(at),
            clamped: interventions.clamped,
            slew_limited: interventions.slew_limited,
            outcome,
        };
        if matches!(outcome, Outcome::Acted | Outcome::Held(_)) {
            self.stats.add_duration(cycle.duration_us);
        }
        telemetry.record(Event::Stepped(cycle));
        cycle
    }

    /// The policy's step.
    fn act(
        &mut self,
        at: Micros,
        board: &mut impl Board,
        seen: &mut Seen,
    ) -> Result<Interventions, Fault> {
        let is_first = self.watch.is_first();
        if let Some(interval_us) = self.watch.begin(at) {
            self.stats.add_interval(interval_us);
            if interval_us > self.options.max_interval_us {
                return Err(Fault::Late);
            }
        }
        *seen = Seen::Bad;
        self.sense(at, board)?;
        *seen = Seen::Good;
        if let (true, false, Some(servo)) = (is_first, self.has_command, self.servo()) {
            // A joint rests where it is.
            servo.positions(self.measurement, self.wanted);
            self.filter.rest_at(self.wanted);
            self.actions.reset(self.filter.previous());
        }
        if self.actions.is_due() {
            let observation = self.pipeline.observe(Sample {
                measurement: self.measurement,
                setpoint: self.setpoint,
                action: self.action,
            });
            if let Some(familiarity) = &self.options.familiarity {
                self.watch.check_familiarity(familiarity, observation)?;
            }
            self.policy.act(observation, self.action);
            self.actions.take(self.action);
        }
        self.actions.next(self.wanted);
        self.drive(board)
    }

    /// The fallback law's step; it repeats the last command for as long as it may where it cannot see.
    fn hold(
        &mut self,
        fault: Fault,
        at: Micros,
        seen: Seen,
        board: &mut impl Board,
    ) -> Result<Interventions, Fault> {
        let Some(law) = self.options.fallback else {
            return Err(fault);
        };
        let needs_eyes = !law.gains.is_empty() || self.servo().is_some();
        let sees = match seen {
            _ if !needs_eyes => true,
            Seen::NotYet => self.sense(at, board).is_ok(),
            Seen::Good => true,
            Seen::Bad => false,
        };
        if sees {
            self.blind = 0;
            law.law(self.measurement, self.wanted);
            return self.drive(board);
        }
        if !self.has_command || self.blind >= law.patience {
            return Err(fault);
        }
        self.blind += 1;
        board.actuate(self.command).map_err(|_| Fault::Actuate)?;
        Ok(Interventions::default())
    }

    /// From what is wanted to the actuators.
    fn drive(&mut self, board: &mut impl Board) -> Result<Interventions, Fault> {
        let mut interventions = self.filter.limit(self.wanted, self.command)?;
        if let Some(servo) = self.servo() {
            interventions.clamped += servo.drive(self.measurement, self.command)?;
        }
        board.actuate(self.command).map_err(|_| Fault::Actuate)?;
        self.has_command = true;
        Ok(interventions)
    }

    fn sense(&mut self, at: Micros, board: &mut impl Board) -> Result<(), Fault> {
        board.sense(self.measurement).map_err(|_| Fault::Sense)?;
        if !self.measurement.iter().all(|number| number.is_finite()) {
            return Err(Fault::NonFiniteMeasurement);
        }
        if at.since(board.measured_at()) > self.options.max_age_us {
            return Err(Fault::Stale);
        }
        self.watch
            .check_repeats(&self.options, &self.contract, self.measurement)
    }

    fn servo(&self) -> Option<Servo<'a>> {
        match self.options.drive {
            Drive::Direct => None,
            Drive::Torque(joints) => Some(Servo {
                rules: self.contract.action,
                joints,
            }),
        }
    }

    /// A fault in `Running`: the fallback law takes over within the same step, or the machine is made safe.
    fn fail(
        &mut self,
        fault: Fault,
        at: Micros,
        seen: Seen,
        board: &mut impl Board,
        telemetry: &mut impl Telemetry,
    ) -> (Outcome, Interventions) {
        if fault.is_survivable() && self.options.fallback.is_some() {
            self.blind = 0;
            let held = self.hold(fault, at, seen, board);
            // `Running` takes this signal.
            let _ = self.raise(Signal::FallBack, Some(fault), at, telemetry);
            if let Ok(interventions) = held {
                return (Outcome::Held(fault), interventions);
            }
        }
        self.trip(fault, board, telemetry);
        (Outcome::Refused(fault), Interventions::default())
    }
}
