//! [`Controller`]: the whole loop, for whoever has a timer.

use core::ffi::c_void;

use rlfd_runtime::{ImagePolicy, SafetyLimits};

use crate::board::{Board, Calls, Listener};
use crate::fault::Fault;
use crate::memory::{answer, array, divide, view};
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

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// A command reached the actuators.
    Acted = 0,
    /// The machine was made safe, or kept so.
    Refused = 1,
    /// The loop was not running; nothing was touched.
    NotRunning = 2,
    /// The fallback law's command reached the actuators.
    Held = 3,
}

/// One step.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Cycle {
    /// When it began, on the board's clock.
    pub at_us: u64,
    /// Steps since the start, this one included; 0 where the loop was not running before this step.
    pub tick: u32,
    /// How long it took.
    pub duration_us: u32,
    /// Commands moved into their limits.
    pub clamped: u16,
    /// Commands whose change was limited.
    pub slew_limited: u16,
    /// What became of it, an `rlfd_outcome`.
    pub outcome: Outcome,
    /// Why it was refused or held, an `rlfd_fault`; 0 if it was not.
    pub fault: u8,
}

/// How steps kept to the period of the policy. An interval goes from the beginning of a step to the beginning of the next.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Stats {
    /// Intervals so far.
    pub intervals: u32,
    /// Steps that took longer than the period.
    pub overruns: u32,
    /// Largest difference between an interval and the period.
    pub worst_us: u32,
    /// The longest step.
    pub longest_us: u32,
    /// Mean difference between interval and period: positive is too slow.
    pub bias_us: f32,
    /// Mean magnitude of the difference between interval and period.
    pub jitter_us: f32,
}

/// A policy, a board's limits and a contract, joined once and then stepped. It lives in memory that the caller lends.
#[derive(Debug)]
pub struct Controller {
    control: Loop,
    board: Calls,
    listener: Listener,
    golden: rlfd_runtime::image::Golden<'static>,
}

pub(crate) fn phase_of(phase: rlfd_runtime::Phase) -> (Phase, Option<rlfd_runtime::Fault>) {
    let told = match phase {
        rlfd_runtime::Phase::Idle => Phase::Idle,
        rlfd_runtime::Phase::SelfTest => Phase::SelfTest,
        rlfd_runtime::Phase::Armed { .. } => Phase::Armed,
        rlfd_runtime::Phase::Running { .. } => Phase::Running,
        rlfd_runtime::Phase::Faulted { .. } => Phase::Faulted,
        rlfd_runtime::Phase::Fallback { .. } => Phase::Fallback,
    };
    (told, phase.fault())
}

/// A controller that C lends back.
///
/// # Safety
///
/// `controller` is NULL or comes from [`rlfd_controller_new`], and nobody else uses it meanwhile.
unsafe fn lent<'a>(controller: *mut Controller) -> Result<&'a mut Controller, Status> {
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

/// Latches `RLFD_FAULT_LATE` where a step begins more than this after the one before. Without it, never.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_set_max_interval(
    controller: *mut Controller,
    max_interval_us: u32,
) -> Status {
    // SAFETY: promised by the caller. The loop is moved out and back without anything in between that could fail.
    unsafe {
        if controller.is_null() {
            return Status::NullPointer;
        }
        let place = &raw mut (*controller).control;
        place.write(place.read().with_max_interval_us(max_interval_us));
    }
    Status::Ok
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

/// One step, once per period: senses, acts, bounds, actuates. Whatever goes wrong makes the machine safe, is latched and told.
/// `cycle` may be NULL.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `cycle` is NULL or leads to an `rlfd_cycle`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_step(
    controller: *mut Controller,
    cycle: *mut Cycle,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        let done = controller
            .control
            .step(&mut controller.board, &mut controller.listener);
        if cycle.is_null() {
            return Ok(());
        }
        let (outcome, fault) = match done.outcome {
            rlfd_runtime::Outcome::Acted => (Outcome::Acted, Fault::None as u8),
            rlfd_runtime::Outcome::Refused(fault) => (Outcome::Refused, fault.code()),
            rlfd_runtime::Outcome::Held(fault) => (Outcome::Held, fault.code()),
            rlfd_runtime::Outcome::NotRunning => (Outcome::NotRunning, Fault::None as u8),
        };
        let told = Cycle {
            at_us: done.at.0,
            tick: done.tick,
            duration_us: done.duration_us,
            clamped: done.clamped,
            slew_limited: done.slew_limited,
            outcome,
            fault,
        };
        // SAFETY: promised by the caller.
        unsafe { answer(cycle, told) }
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
    let fault = controller.and_then(|controller| phase_of(controller.control.phase()).1);
    fault.map_or(Fault::None as u8, |fault| fault.code())
}

/// How the steps kept time so far.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `stats` is NULL or leads to an `rlfd_stats`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_stats(
    controller: *const Controller,
    stats: *mut Stats,
) -> Status {
    // SAFETY: promised by the caller.
    let result = unsafe { controller.as_ref() }
        .ok_or(Status::NullPointer)
        .and_then(|controller| {
            let kept = controller.control.stats();
            let told = Stats {
                intervals: kept.n_intervals(),
                overruns: kept.overruns(),
                worst_us: kept.worst_us(),
                longest_us: kept.longest_us(),
                bias_us: kept.bias_us(),
                jitter_us: kept.jitter_us(),
            };
            // SAFETY: promised by the caller.
            unsafe { answer(stats, told) }
        });
    status_of(result)
}
