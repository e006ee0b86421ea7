//! [`LinkedLoop`]: a `Controller` with the machine at the other end of the link, and the log of what happened. Knows no frames.

use super::LinkedMachine;
use crate::board::Board;
use crate::control::{Controller, Cycle, Phase};
use crate::image::{Golden, PolicyImage};
use crate::policy::Policy;
use crate::telemetry::{Counters, EventLog};
use crate::wire::Values;

/// A policy in control of the machine at the other end of the link.
#[derive(Debug)]
pub struct LinkedLoop<'a, P> {
    image: PolicyImage<'a>,
    golden: Golden<'a>,
    controller: Controller<'a, P>,
    machine: LinkedMachine<'a>,
    /// A reset, a self-test, armed and running: no question leads to more phases.
    events: EventLog<4>,
}

impl<'a, P: Policy> LinkedLoop<'a, P> {
    /// A controller for `image`, whose policy has to compute `golden`: the image's own pair, or where another engine runs the same
    /// policy, what that one answers.
    pub fn new(
        image: PolicyImage<'a>,
        golden: Golden<'a>,
        controller: Controller<'a, P>,
        machine: LinkedMachine<'a>,
    ) -> Self {
        Self {
            image,
            golden,
            controller,
            machine,
            events: EventLog::new(),
        }
    }

    /// The image it runs.
    #[must_use]
    pub fn image(&self) -> &PolicyImage<'a> {
        &self.image
    }

    /// Where the loop stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.controller.phase()
    }

    /// What is asked of the machine.
    #[must_use]
    pub fn setpoint(&self) -> &[f32] {
        self.controller.setpoint()
    }

    /// Asks something else of the machine; false where it is no setpoint for this image.
    pub fn set_setpoint(&mut self, values: Values<'_>) -> bool {
        self.controller.ask(values.iter()).is_ok()
    }

    /// The machine it moves.
    pub fn machine(&mut self) -> &mut LinkedMachine<'a> {
        &mut self.machine
    }

    /// What happened, and how often.
    pub fn events(&mut self) -> &mut EventLog<4> {
        &mut self.events
    }

    /// The last command, before a drive turned it into torques.
    #[must_use]
    pub fn target(&self) -> &[f32] {
        self.controller.target()
    }

    /// Clears everything, counters included, and tests itself: `Armed`, or `Faulted` where this machine does not compute the
    /// golden action.
    pub fn restart(&mut self) -> Phase {
        self.events = EventLog::new();
        self.arm()
    }

    /// Begins an episode: clears history and latch, tests itself and runs.
    pub fn begin(&mut self) -> Phase {
        self.arm();
        // Not armed means faulted, which the phase tells.
        let now = self.machine.now();
        let _ = self.controller.start(now, &mut self.events);
        self.controller.phase()
    }

    /// Goes on where another policy of the same contract stopped, asked for `setpoint`, its commands at `target` after `tick`
    /// steps, if it was in control, and counts on.
    pub fn resume(
        &mut self,
        target: &[f32],
        setpoint: &[f32],
        tick: Option<u32>,
        counters: Counters,
    ) {
        self.events = EventLog::counting_on(counters);
        // The contract is the same, so it fits.
        let _ = self.controller.set_setpoint(setpoint);
        match tick {
            Some(tick) => {
                self.begin();
                self.controller.take_over(target, tick);
            }
            None => {
                self.arm();
            }
        }
    }

    /// One step on the machine's measurement; the command is then the machine's.
    pub fn step(&mut self) -> Cycle {
        self.controller.step(&mut self.machine, &mut self.events)
    }

    fn arm(&mut self) -> Phase {
        self.controller.reset(&mut self.machine, &mut self.events);
        let tested = self
            .controller
            .self_test(self.golden, &mut self.machine, &mut self.events);
        // After a reset the loop is idle, from where a self-test may start.
        tested.unwrap_or(self.controller.phase())
    }
}
