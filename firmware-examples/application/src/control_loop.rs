//! [`ControlLoop`]: the linked-in image in the runtime's `Controller`, with the machine it moves. Knows no frames.

use rlfd_runtime::wire::Values;
use rlfd_runtime::{
    ControlOptions, Controller, Cycle, EventLog, ImagePolicy, Phase, PolicyImage, SafetyLimits,
};

use crate::machine::LinkedMachine;
use crate::memory::{COMMAND_DIM, LAW, MAX_REPEATS, SETPOINT_DIM};

/// Measurements may stay away for this many periods of the plant's clock before the loop counts as late.
pub const MAX_INTERVAL_PERIODS: u32 = 5;

/// These boards have no actuators of their own to protect, so the image's limits stand.
static LIMITS: [SafetyLimits; COMMAND_DIM] = [SafetyLimits::NONE; COMMAND_DIM];

/// A policy in control of the machine at the other end of the link.
#[derive(Debug)]
pub struct ControlLoop<'m> {
    image: PolicyImage<'m>,
    controller: Controller<'m, ImagePolicy<'m>>,
    machine: LinkedMachine<'m>,
    events: EventLog<4>,
}

impl<'m> ControlLoop<'m> {
    /// Views the image, which checks its CRC, and joins it to the loop. `None` if it is damaged.
    pub fn new(
        image: &'m [u8],
        arena: &'m mut [f32],
        control: &'m mut [f32],
        machine: LinkedMachine<'m>,
    ) -> Option<Self> {
        let image = PolicyImage::view(image).ok()?;
        let policy = ImagePolicy::new(image, arena).ok()?;
        let contract = image.contract();
        let controller = Controller::new(policy, &contract, &LIMITS, control).ok()?;
        let options = ControlOptions {
            max_interval_us: contract.period_us.saturating_mul(MAX_INTERVAL_PERIODS),
            max_repeats: MAX_REPEATS,
            fallback: LAW,
            ..ControlOptions::DEFAULT
        };
        Some(Self {
            image,
            controller: controller.with_options(options).ok()?,
            machine,
            events: EventLog::new(),
        })
    }

    /// The image it runs.
    #[must_use]
    pub fn image(&self) -> &PolicyImage<'m> {
        &self.image
    }

    /// Where the loop stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.controller.phase()
    }

    /// Asks something else of the machine; false where it is no setpoint for this image.
    pub fn set_setpoint(&mut self, values: Values<'_>) -> bool {
        let mut setpoint = [0.0; SETPOINT_DIM];
        values.copy_to(&mut setpoint) && self.controller.set_setpoint(&setpoint).is_ok()
    }

    /// The machine it moves.
    pub fn machine(&mut self) -> &mut LinkedMachine<'m> {
        &mut self.machine
    }

    /// What happened, and how often.
    pub fn events(&mut self) -> &mut EventLog<4> {
        &mut self.events
    }

    /// Clears everything, counters included, and tests itself: `Armed`, or `Faulted` where this machine does not
    /// compute the golden action.
    pub fn restart(&mut self) -> Phase {
        self.events = EventLog::new();
        self.arm()
    }

    /// Begins an episode: clears history and latch, tests itself and runs.
    pub fn begin(&mut self) -> Phase {
        self.arm();
        // Not armed means faulted, which the phase tells.
        let now = rlfd_runtime::Board::now(&self.machine);
        let _ = self.controller.start(now, &mut self.events);
        self.controller.phase()
    }

    /// Goes on where another policy stopped, its commands at `target` after `tick` steps.
    #[cfg(feature = "update")]
    pub fn resume(&mut self, target: &[f32], tick: u32) {
        self.begin();
        self.controller.take_over(target, tick);
    }

    /// The last command.
    #[cfg(feature = "update")]
    #[must_use]
    pub fn target(&self) -> &[f32] {
        self.controller.target()
    }

    /// One step on the machine's measurement; the command is then the machine's.
    pub fn step(&mut self) -> Cycle {
        self.controller.step(&mut self.machine, &mut self.events)
    }

    fn arm(&mut self) -> Phase {
        self.controller.reset(&mut self.machine, &mut self.events);
        let golden = self.image.golden();
        let tested = self
            .controller
            .self_test(golden, &mut self.machine, &mut self.events);
        // After a reset the loop is idle, from where a self-test may start.
        tested.unwrap_or(self.controller.phase())
    }
}
