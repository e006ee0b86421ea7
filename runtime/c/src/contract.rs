//! [`Contract`]: what an image says about itself.

use core::ffi::{c_char, c_void};

use rlfd_runtime::{ImagePolicy, PolicyImage, image};

use crate::controller::Controller;
use crate::memory::{answer, len_of, view};
use crate::policy::Policy;
use crate::status::{Status, status_of};

/// Text in UTF-8, not ended by a zero: print it with `printf("%.*s", (int)text.len, text.data)`. It lies in the image.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Text {
    /// First byte.
    pub data: *const c_char,
    /// Bytes.
    pub len: usize,
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self {
            data: text.as_ptr().cast(),
            len: text.len(),
        }
    }
}

/// What an image expects of the machine around it, and what it takes to run it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Contract {
    /// Hash of the observation and action terms: equal ids mean equal wiring.
    pub contract_id: u64,
    /// CRC-32 of the image.
    pub checksum: u32,
    /// Control period in microseconds.
    pub period_us: u32,
    /// Numbers the sensors give per step.
    pub measurement_dim: usize,
    /// Numbers that say what is asked of the machine, see `rlfd_controller_set_setpoint`; 0 for a policy that takes none.
    pub setpoint_dim: usize,
    /// Numbers in one observation, history included.
    pub observation_dim: usize,
    /// Numbers in one action and in one command.
    pub action_dim: usize,
    /// Numbers of recurrent state; 0 for a policy without one.
    pub state_dim: usize,
    /// Terms of the observation, see `rlfd_image_observation_term`.
    pub observation_terms: usize,
    /// Terms of the action, see `rlfd_image_action_term`.
    pub action_terms: usize,
    /// Numbers that the policy works in; `rlfd_updater_new` wants as many again to test another one in.
    pub arena_len: usize,
    /// Bytes of memory that `rlfd_policy_new` takes.
    pub policy_memory: usize,
    /// Bytes of memory that `rlfd_controller_new` takes.
    pub controller_memory: usize,
    /// The observation of the self-test, `observation_dim` numbers in the image.
    pub golden_observation: *const f32,
    /// What the policy answers to it, `action_dim` numbers in the image.
    pub golden_action: *const f32,
    /// The environment the policy was trained in.
    pub environment: Text,
    /// How it came to be, one line.
    pub provenance: Text,
}

/// Where the numbers of an observation term come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// Sensors: part of the measurement.
    Sensor = 0,
    /// What is asked of the machine, see `rlfd_controller_set_setpoint`.
    Setpoint = 1,
    /// The policy's last action, which the controller knows itself.
    LastAction = 2,
}

/// A named group of numbers and how it becomes part of the observation: `clamp(number * scale + offset, -clip, clip)`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ObservationTerm {
    /// e.g. "cart position".
    pub name: Text,
    /// SI unit before scaling, "1" if it has none.
    pub unit: Text,
    /// How many numbers.
    pub dim: u16,
    /// How many consecutive samples are stacked, oldest first; 1 is the newest alone.
    pub history: u16,
    /// Where the numbers come from.
    pub source: Source,
    /// Factor from measurement to observation.
    pub scale: f32,
    /// Added after scaling.
    pub offset: f32,
    /// Symmetric bound on the observation; infinite for none.
    pub clip: f32,
}

/// A named group of commands and how it follows from the action: `clamp(action * scale + offset, low, high)`, changing by at
/// most `max_rate` per second.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ActionTerm {
    /// The actuator, e.g. "slide".
    pub name: Text,
    /// SI unit of the command, e.g. "N".
    pub unit: Text,
    /// How many numbers.
    pub dim: u16,
    /// Factor from action to command.
    pub scale: f32,
    /// Added after scaling, in command units.
    pub offset: f32,
    /// Least command.
    pub low: f32,
    /// Greatest command.
    pub high: f32,
    /// Greatest change of the command per second; infinite for none.
    pub max_rate: f32,
    /// Gain from position error to torque, where the command is a joint's target position; 0 where it is not.
    pub stiffness: f32,
    /// Gain from joint velocity to opposing torque; 0 for none.
    pub damping: f32,
    /// Time constant of the low-pass that smooths the command, in seconds; 0 for none.
    pub time_constant_s: f32,
}

impl From<&PolicyImage<'static>> for Contract {
    fn from(image: &PolicyImage<'static>) -> Self {
        let contract = image.contract();
        let golden = image.golden();
        let loop_len = rlfd_runtime::Controller::<ImagePolicy<'_>>::memory_len(&contract);
        Self {
            contract_id: image.contract_id(),
            checksum: image.checksum(),
            period_us: image.period_us(),
            measurement_dim: contract.measurement_dim(),
            setpoint_dim: contract.setpoint_dim(),
            observation_dim: contract.observation_dim(),
            action_dim: contract.action_dim(),
            state_dim: image.state_len(),
            observation_terms: contract.observation.len(),
            action_terms: contract.action.len(),
            arena_len: image.arena_len(),
            policy_memory: len_of::<Policy>(image.arena_len()),
            controller_memory: len_of::<Controller>(image.arena_len().saturating_add(loop_len)),
            golden_observation: golden.observation.as_ptr(),
            golden_action: golden.action.as_ptr(),
            environment: image.environment().into(),
            provenance: image.provenance().into(),
        }
    }
}

/// Checks an image of `len` bytes, once and for all, and tells what it says about itself.
///
/// # Safety
///
/// `image` is NULL or leads to `len` bytes; `contract` is NULL or leads to an `rlfd_contract`. What is answered points into
/// the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_image_check(
    image: *const c_void,
    len: usize,
    contract: *mut Contract,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { view(image, len) }.and_then(|image| {
        // SAFETY: promised by the caller.
        unsafe { answer(contract, Contract::from(&image)) }
    }))
}

/// Tells the observation's term `index`, counted from 0. The image is checked again, which is for start-up, not for the loop.
///
/// # Safety
///
/// As for `rlfd_image_check`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_image_observation_term(
    image: *const c_void,
    len: usize,
    index: usize,
    term: *mut ObservationTerm,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { view(image, len) }.and_then(|image| {
        let found = image.observation_terms().nth(index).ok_or(Status::Index)?;
        let told = ObservationTerm {
            name: found.name.into(),
            unit: found.unit.into(),
            dim: found.dim,
            history: found.history,
            source: match found.source {
                image::Source::Sensor => Source::Sensor,
                image::Source::Setpoint => Source::Setpoint,
                image::Source::LastAction => Source::LastAction,
            },
            scale: found.scale,
            offset: found.offset,
            clip: found.clip,
        };
        // SAFETY: promised by the caller.
        unsafe { answer(term, told) }
    }))
}

/// Tells the action's term `index`, counted from 0. The image is checked again, which is for start-up, not for the loop.
///
/// # Safety
///
/// As for `rlfd_image_check`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_image_action_term(
    image: *const c_void,
    len: usize,
    index: usize,
    term: *mut ActionTerm,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { view(image, len) }.and_then(|image| {
        let found = image.action_terms().nth(index).ok_or(Status::Index)?;
        let told = ActionTerm {
            name: found.name.into(),
            unit: found.unit.into(),
            dim: found.dim,
            scale: found.scale,
            offset: found.offset,
            low: found.low,
            high: found.high,
            max_rate: found.max_rate,
            stiffness: found.stiffness,
            damping: found.damping,
            time_constant_s: found.time_constant_s,
        };
        // SAFETY: promised by the caller.
        unsafe { answer(term, told) }
    }))
}
