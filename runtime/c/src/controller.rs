//! [`Controller`]: the whole loop, for whoever has a timer.

use core::ffi::c_void;

use rlfd_runtime::image::Statistics;
use rlfd_runtime::{ImagePolicy, SafetyLimits};

use crate::board::{Board, Calls, Listener};
use crate::fault::code_of;
use crate::memory::{answer, array, copy_out, divide, view};
use crate::status::{Status, status_of};

/// cbindgen:ignore
type Loop = rlfd_runtime::Controller<'static, ImagePolicy<'static>>;

/// What the board allows one command, in its units. An image may tighten this, never loosen it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Limits {
    /// Least command; -INFINITY leaves it to the image.
    pub low: f32,
    /// Greatest command; INFINITY leaves it to the image.
    pub high: f32,
    /// Greatest change per second; INFINITY for none.
    pub max_rate: f32,
}

/// Where the loop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing is known about this machine yet.
    Idle = 0,
    /// The policy computes its golden action.
    SelfTest = 1,
    /// Ready to run.
    Armed = 2,
    /// In control.
    Running = 3,
    /// The machine was made safe; only a reset leads out.
    Faulted = 4,
    /// The fallback law is in control; a reset leads out, a second fault to `RLFD_PHASE_FAULTED`.
    Fallback = 5,
}

/// A policy, a board's limits and a contract, joined once and then stepped. It lives in memory that the caller lends.
#[derive(Debug)]
pub struct Controller {
    pub(crate) control: Loop,
    pub(crate) board: Calls,
    pub(crate) listener: Listener,
    /// What the image says of its training.
    pub(crate) statistics: Option<Statistics<'static>>,
    golden: rlfd_runtime::image::Golden<'static>,
}

/// A phase and the number of the fault that is latched in it.
pub(crate) fn phase_of(phase: rlfd_runtime::Phase) -> (Phase, u8) {
    let told = match phase {
        rlfd_runtime::Phase::Idle => Phase::Idle,
        rlfd_runtime::Phase::SelfTest => Phase::SelfTest,
        rlfd_runtime::Phase::Armed { .. } => Phase::Armed,
        rlfd_runtime::Phase::Running { .. } => Phase::Running,
        rlfd_runtime::Phase::Faulted { .. } => Phase::Faulted,
        rlfd_runtime::Phase::Fallback { .. } => Phase::Fallback,
    };
    (told, code_of(phase.fault()))
}

/// A controller that C lends back.
///
/// # Safety
///
/// `controller` is NULL or comes from [`rlfd_controller_new`], and nobody else uses it meanwhile.
pub(crate) unsafe fn lent<'a>(controller: *mut Controller) -> Result<&'a mut Controller, Status> {
    // SAFETY: promised.
    unsafe { controller.as_mut() }.ok_or(Status::NullPointer)
}

/// Makes a controller of an image, a board and its limits, one for each of the `limits_len` commands, in the `memory_len` bytes
/// at `memory`, at least `rlfd_contract.controller_memory` of them. The loop is then in `RLFD_PHASE_IDLE`. There is nothing to
/// free.
///
/// # Safety
///
/// `image`, `limits` and `memory` are NULL or lead to as much as is said, which nobody else changes for as long as the
/// controller is used; `board` is NULL or leads to an `rlfd_board`, which is copied, whose functions may be called for
/// as long; `controller` is NULL or leads to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_new(
    image: *const c_void,
    image_len: usize,
    board: *const Board,
    limits: *const Limits,
    limits_len: usize,
    memory: *mut c_void,
    memory_len: usize,
    controller: *mut *mut Controller,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { view(image, image_len) }.and_then(|image| {
        let contract = image.contract();
        let loop_len = Loop::memory_len(&contract);
        // SAFETY: promised by the caller; an `rlfd_limits` has the fields of a `SafetyLimits`, which are written below.
        unsafe {
            let (calls, listener) = board.as_ref().ok_or(Status::NullPointer)?.connect()?;
            let limits = array(limits, limits_len)?;
            if limits.len() != contract.action_dim() {
                return Err(Status::Width);
            }
            let numbers = image.arena_len().saturating_add(loop_len);
            let (object, numbers) = divide::<Controller>(memory, memory_len, numbers)?;
            let (arena, rest) = numbers
                .split_at_mut_checked(image.arena_len())
                .ok_or(Status::MemoryTooSmall)?;
            let policy = ImagePolicy::new(image, arena)?;
            let control = Loop::new(policy, &contract, as_safety_limits(limits), rest)?;
            answer(controller, object)?;
            object.write(Controller {
                control,
                board: calls,
                listener,
                statistics: image.statistics(),
                golden: image.golden(),
            });
        }
        Ok(())
    }))
}

/// The same numbers under the runtime's name.
fn as_safety_limits(limits: &'static [Limits]) -> &'static [SafetyLimits] {
    const {
        assert!(size_of::<Limits>() == size_of::<SafetyLimits>());
        assert!(align_of::<Limits>() == align_of::<SafetyLimits>());
        assert!(core::mem::offset_of!(SafetyLimits, low) == core::mem::offset_of!(Limits, low));
        assert!(core::mem::offset_of!(SafetyLimits, high) == core::mem::offset_of!(Limits, high));
        assert!(
            core::mem::offset_of!(SafetyLimits, max_rate)
                == core::mem::offset_of!(Limits, max_rate)
        );
    }
    // SAFETY: both are three `f32` at the same offsets, as asserted.
    unsafe { core::slice::from_raw_parts(limits.as_ptr().cast(), limits.len()) }
}

/// `RLFD_PHASE_IDLE` to `RLFD_PHASE_ARMED`, or to `RLFD_PHASE_FAULTED` and `RLFD_STATUS_SELF_TEST` where the policy does not
/// compute the golden action bit for bit.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_self_test(controller: *mut Controller) -> Status {
    // SAFETY: promised by the caller.
    let controller = match unsafe { lent(controller) } {
        Ok(controller) => controller,
        Err(status) => return status,
    };
    let tested = controller.control.self_test(
        controller.golden,
        &mut controller.board,
        &mut controller.listener,
    );
    match tested {
        Ok(rlfd_runtime::Phase::Faulted { .. }) => Status::SelfTest,
        Ok(_) => Status::Ok,
        Err(_) => Status::WrongPhase,
    }
}

/// `RLFD_PHASE_ARMED` to `RLFD_PHASE_RUNNING`: the next step moves the machine.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_start(controller: *mut Controller) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        let now = rlfd_runtime::Board::now(&controller.board);
        let started = controller.control.start(now, &mut controller.listener);
        started.map_err(|_| Status::WrongPhase)
    }))
}

/// `RLFD_PHASE_RUNNING` to `RLFD_PHASE_ARMED`, the machine made safe.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_stop(controller: *mut Controller) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        let stopped = controller
            .control
            .stop(&mut controller.board, &mut controller.listener);
        stopped.map_err(|_| Status::WrongPhase)
    }))
}

/// `RLFD_PHASE_ARMED` or `RLFD_PHASE_RUNNING` to `RLFD_PHASE_IDLE`, the machine made safe: it runs again only after another
/// self-test. From `RLFD_PHASE_FALLBACK` to `RLFD_PHASE_FAULTED`, as `rlfd_controller_stop`: a latched fault is not stopped away.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_disarm(controller: *mut Controller) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        let disarmed = controller
            .control
            .disarm(&mut controller.board, &mut controller.listener);
        disarmed.map_err(|_| Status::WrongPhase)
    }))
}

/// Any phase to `RLFD_PHASE_FAULTED`, the machine made safe. `fault` is an `rlfd_fault`; of several faults the first stands.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_trip(controller: *mut Controller, fault: u8) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        let fault = rlfd_runtime::Fault::try_from(fault).map_err(|_| Status::UnknownFault)?;
        controller
            .control
            .trip(fault, &mut controller.board, &mut controller.listener);
        Ok(())
    }))
}

/// Any phase to `RLFD_PHASE_IDLE`, the machine made safe and the latch cleared: somebody has looked and taken responsibility.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_reset(controller: *mut Controller) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.map(|controller| {
        controller
            .control
            .reset(&mut controller.board, &mut controller.listener);
    }))
}

/// Asks something else of the machine, from the next action on: `len` finite numbers in the order of the observation terms that are
/// setpoints. Where they are refused, with `RLFD_STATUS_WIDTH`, the ones before stay.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `setpoint` is NULL or leads to `len` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_set_setpoint(
    controller: *mut Controller,
    setpoint: *const f32,
    len: usize,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        // SAFETY: promised by the caller.
        let setpoint = unsafe { array(setpoint, len)? };
        let set = controller.control.set_setpoint(setpoint);
        set.map_err(|_| Status::Width)
    }))
}

/// The last command, `action_dim` numbers in the actuators' units; meaningful after a step that acted or held.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `command` is NULL or leads to memory for `len` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_command(
    controller: *mut Controller,
    command: *mut f32,
    len: usize,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe {
        lent(controller).and_then(|controller| copy_out(controller.control.command(), command, len))
    })
}

/// The last command before `rlfd_options.joints` turned it into torques, `action_dim` numbers in the contract's units; before the
/// first one, where the machine rests.
///
/// # Safety
///
/// As for `rlfd_controller_command`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_target(
    controller: *mut Controller,
    target: *mut f32,
    len: usize,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe {
        lent(controller).and_then(|controller| copy_out(controller.control.target(), target, len))
    })
}

/// Takes the machine to be where `target` says rather than at rest: for a controller that takes over from another in the middle
/// of a motion, after `rlfd_controller_start`, with the other's `rlfd_controller_target` and the `tick` of its last cycle, from
/// which the count goes on. `RLFD_STATUS_WRONG_PHASE` where it does not run.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `target` is NULL or leads to `len` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_take_over(
    controller: *mut Controller,
    target: *const f32,
    len: usize,
    tick: u32,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        // SAFETY: promised by the caller.
        let target = unsafe { array(target, len)? };
        if target.len() != controller.control.target().len() {
            return Err(Status::Width);
        }
        if phase_of(controller.control.phase()).0 != Phase::Running {
            return Err(Status::WrongPhase);
        }
        controller.control.take_over(target, tick);
        Ok(())
    }))
}

/// Where the loop stands; `RLFD_PHASE_IDLE` for NULL.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_phase(controller: *const Controller) -> Phase {
    // SAFETY: promised by the caller.
    unsafe { controller.as_ref() }.map_or(Phase::Idle, |controller| {
        phase_of(controller.control.phase()).0
    })
}

/// The fault that is latched, an `rlfd_fault`; 0 if none is.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_fault(controller: *const Controller) -> u8 {
    // SAFETY: promised by the caller.
    let controller = unsafe { controller.as_ref() };
    controller.map_or(0, |controller| phase_of(controller.control.phase()).1)
}

/// Which number of the measurement does not move, where that led to `RLFD_FAULT_STUCK`; -1 otherwise.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_stuck(controller: *const Controller) -> i32 {
    // SAFETY: promised by the caller.
    let controller = unsafe { controller.as_ref() };
    let stuck = controller.and_then(|controller| controller.control.stuck());
    stuck.map_or(-1, i32::from)
}
