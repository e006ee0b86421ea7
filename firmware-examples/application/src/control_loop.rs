//! [`control_loop`]: the linked-in image, or another, in the runtime's loop, with the options that the build chose.

use rlfd_runtime::control::Familiarity;
use rlfd_runtime::serve::{LinkedLoop, LinkedMachine, MAX_INTERVAL_PERIODS};
use rlfd_runtime::{ControlOptions, Controller, ImagePolicy, PolicyImage, SafetyLimits};

use crate::memory::{COMMAND_DIM, FAMILIARITY, LAW, MAX_REPEATS, MAX_STUCK};

/// A policy image in control of the machine at the other end of the link.
pub type ControlLoop<'m> = LinkedLoop<'m, ImagePolicy<'m>>;

/// These boards have no actuators of their own to protect, so the image's limits stand.
static LIMITS: [SafetyLimits; COMMAND_DIM] = [SafetyLimits::NONE; COMMAND_DIM];

/// Views the image, which checks its CRC, and joins it to the loop. `None` if it is damaged.
pub(crate) fn control_loop<'m>(
    image: &'m [u8],
    arena: &'m mut [f32],
    control: &'m mut [f32],
    machine: LinkedMachine<'m>,
) -> Option<ControlLoop<'m>> {
    let image = PolicyImage::view(image).ok()?;
    let policy = ImagePolicy::new(image, arena).ok()?;
    let contract = image.contract();
    let controller = Controller::new(policy, &contract, &LIMITS, control).ok()?;
    let familiarity = FAMILIARITY.zip(image.statistics());
    let options = ControlOptions {
        max_interval_us: contract.period_us.saturating_mul(MAX_INTERVAL_PERIODS),
        max_repeats: MAX_REPEATS,
        max_stuck: MAX_STUCK,
        familiarity: familiarity.map(|((max_deviations, patience), statistics)| Familiarity {
            statistics,
            max_deviations,
            patience,
        }),
        fallback: LAW,
        ..ControlOptions::DEFAULT
    };
    let controller = controller.with_options(options).ok()?;
    Some(LinkedLoop::new(image, image.golden(), controller, machine))
}
