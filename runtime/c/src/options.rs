//! [`Options`]: how the loop runs, beyond image and limits.

use rlfd_runtime::ControlOptions;
use rlfd_runtime::control::{self, Drive, Fallback, Familiarity};

use crate::controller::{Controller, Phase, lent, phase_of};
use crate::memory::array_or_none;
use crate::status::{Status, status_of};

/// What becomes of commands between two actions of a policy that is slower than the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Between {
    /// They stay.
    Hold = 0,
    /// They move in a straight line from one action's to the next's, and arrive one period of the policy late.
    Interpolate = 1,
}

/// Where the state of a joint is measured, and what its motor may do.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Joint {
    /// Which number of the measurement is its position.
    pub position: u16,
    /// Which number of the measurement is its velocity.
    pub velocity: u16,
    /// Added to the measured position: where that counts from a default pose, the default position.
    pub offset: f32,
    /// Greatest magnitude of the torque; above 0, INFINITY for none.
    pub max_torque: f32,
}

/// One number of the measurement fed back to one command.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Gain {
    /// Which command.
    pub command: u16,
    /// Which number of the measurement.
    pub measurement: u16,
    /// Where that number should be.
    pub target: f32,
    /// Command units per unit of the measurement; negative pulls towards the target.
    pub gain: f32,
}

/// How the loop runs. Zero in a field is its default, so that `rlfd_options options = {0};` is a loop without watchdogs, with one
/// step per action, that makes the machine safe at the first fault. Arrays are not copied: they stay where they are for as long
/// as the controller is used.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Options {
    /// Latches `RLFD_FAULT_LATE` where a step begins more than this after the one before; 0: never.
    pub max_interval_us: u32,
    /// Latches `RLFD_FAULT_OVERRUN` where a step takes longer than this; 0: never.
    pub max_duration_us: u32,
    /// Latches `RLFD_FAULT_STALE` where a measurement is older than this, see `rlfd_board.measured_at_us`; 0: never.
    pub max_age_us: u32,
    /// Latches `RLFD_FAULT_STALE` where more than this many measurements in a row repeat the one before bit for bit; 0: never.
    pub max_repeats: u16,
    /// Steps of the loop in each period of the policy; 0 and 1: one.
    pub steps_per_action: u16,
    /// What becomes of commands between two actions, an `rlfd_between`; 0: they stay.
    pub between: u8,
    /// Latches `RLFD_FAULT_UNFAMILIAR` at this many observations in a row further than `max_deviations` from the training's mean.
    pub unfamiliar_patience: u16,
    /// Greatest distance from the training's mean, in standard deviations; 0: any.
    pub max_deviations: f32,
    /// For each observation term in how many steps in a row a number of it may stay, bit for bit, while others move, before
    /// `RLFD_FAULT_STUCK` is latched; `UINT16_MAX` for a sensor that may rest. NULL: no sensor is watched.
    pub max_stuck: *const u16,
    /// Entries of `max_stuck`.
    pub max_stuck_len: usize,
    /// One for each command, where the actuators take torques and the contract's commands are target positions:
    /// `stiffness (target - position) - damping velocity` in each step of the loop. NULL: the actuators take the commands.
    pub joints: *const Joint,
    /// Entries of `joints`.
    pub joints_len: usize,
    /// What holds the machine after a survivable fault: `command = constant + sum of gain (measurement - target)`, one constant for
    /// each command. NULL: the machine is made safe instead.
    pub fallback: *const f32,
    /// Entries of `fallback`.
    pub fallback_len: usize,
    /// What the fallback law feeds back; NULL: nothing.
    pub gains: *const Gain,
    /// Entries of `gains`.
    pub gains_len: usize,
    /// Steps in a row for which the fallback law repeats the last command where sensors cannot be used.
    pub fallback_patience: u16,
}

/// The same numbers under the runtime's names.
fn as_joints(joints: &'static [Joint]) -> &'static [control::Joint] {
    use core::mem::offset_of;
    const {
        assert!(size_of::<Joint>() == size_of::<control::Joint>());
        assert!(align_of::<Joint>() == align_of::<control::Joint>());
        assert!(offset_of!(Joint, position) == offset_of!(control::Joint, position));
        assert!(offset_of!(Joint, velocity) == offset_of!(control::Joint, velocity));
        assert!(offset_of!(Joint, offset) == offset_of!(control::Joint, offset));
        assert!(offset_of!(Joint, max_torque) == offset_of!(control::Joint, max_torque));
    }
    // SAFETY: the same fields at the same offsets, as asserted.
    unsafe { core::slice::from_raw_parts(joints.as_ptr().cast(), joints.len()) }
}

/// The same numbers under the runtime's names.
fn as_gains(gains: &'static [Gain]) -> &'static [control::Gain] {
    use core::mem::offset_of;
    const {
        assert!(size_of::<Gain>() == size_of::<control::Gain>());
        assert!(align_of::<Gain>() == align_of::<control::Gain>());
        assert!(offset_of!(Gain, command) == offset_of!(control::Gain, command));
        assert!(offset_of!(Gain, measurement) == offset_of!(control::Gain, measurement));
        assert!(offset_of!(Gain, target) == offset_of!(control::Gain, target));
        assert!(offset_of!(Gain, gain) == offset_of!(control::Gain, gain));
    }
    // SAFETY: the same fields at the same offsets, as asserted.
    unsafe { core::slice::from_raw_parts(gains.as_ptr().cast(), gains.len()) }
}

impl Options {
    /// What the runtime calls them.
    ///
    /// # Safety
    ///
    /// Every array is NULL or as long as is said, and nobody changes it for as long as the controller is used.
    unsafe fn read(&self, controller: &Controller) -> Result<ControlOptions<'static>, Status> {
        let limit = |number: u32| if number == 0 { u32::MAX } else { number };
        // SAFETY: promised.
        let (max_stuck, joints, constant, gains) = unsafe {
            (
                array_or_none::<u16>(self.max_stuck, self.max_stuck_len)?,
                array_or_none::<Joint>(self.joints, self.joints_len)?,
                array_or_none::<f32>(self.fallback, self.fallback_len)?,
                array_or_none::<Gain>(self.gains, self.gains_len)?,
            )
        };
        let familiarity = if self.max_deviations == 0.0 {
            None
        } else {
            Some(Familiarity {
                statistics: controller.statistics.ok_or(Status::OptionFamiliarity)?,
                max_deviations: self.max_deviations,
                patience: self.unfamiliar_patience,
            })
        };
        let between = match self.between {
            0 => control::Between::Hold,
            1 => control::Between::Interpolate,
            _ => return Err(Status::OptionSteps),
        };
        if constant.is_empty() && !gains.is_empty() {
            return Err(Status::OptionFallback);
        }
        Ok(ControlOptions {
            max_interval_us: limit(self.max_interval_us),
            max_duration_us: limit(self.max_duration_us),
            max_age_us: limit(self.max_age_us),
            max_repeats: match self.max_repeats {
                0 => u16::MAX,
                some => some,
            },
            max_stuck,
            steps_per_action: self.steps_per_action.max(1),
            between,
            drive: match joints {
                [] => Drive::Direct,
                joints => Drive::Torque(as_joints(joints)),
            },
            familiarity,
            fallback: (!constant.is_empty()).then_some(Fallback {
                constant,
                gains: as_gains(gains),
                patience: self.fallback_patience,
            }),
        })
    }
}

/// Runs as `options` say, from the next start on. Possible in `RLFD_PHASE_IDLE` and `RLFD_PHASE_ARMED`; where one does not fit the
/// image, `RLFD_STATUS_OPTION_...` names it and the ones before stay.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `options` is NULL or leads to an `rlfd_options`, whose arrays are as
/// long as is said and do not change for as long as the controller is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_set_options(
    controller: *mut Controller,
    options: *const Options,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        // SAFETY: promised by the caller.
        let options = unsafe { options.as_ref() }.ok_or(Status::NullPointer)?;
        let (phase, _) = phase_of(controller.control.phase());
        if !matches!(phase, Phase::Idle | Phase::Armed) {
            return Err(Status::WrongPhase);
        }
        // SAFETY: promised by the caller.
        let options = unsafe { options.read(controller)? };
        Ok(controller.control.set_options(options)?)
    }))
}
