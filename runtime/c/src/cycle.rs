//! [`Cycle`]: what one step did; [`Stats`]: how the steps kept time; [`Event`] and [`Counters`]: what happened besides.

use crate::controller::{Controller, Phase, lent, phase_of};
use crate::fault::code_of;
use crate::memory::answer;
use crate::status::{Status, status_of};

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
    /// Mean duration of a step.
    pub mean_duration_us: f32,
}

/// The loop entered a phase.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Event {
    /// When, on the board's clock.
    pub at_us: u64,
    /// Which.
    pub phase: Phase,
    /// The fault that led there, an `rlfd_fault`; 0 if none did.
    pub fault: u8,
}

/// What happened how often since the controller was made; each counter wraps around.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Counters {
    /// Steps that reached the actuators.
    pub acted: u32,
    /// Steps that were refused.
    pub refused: u32,
    /// Steps in which the fallback law acted.
    pub held: u32,
    /// Commands moved into their limits.
    pub clamped: u32,
    /// Commands whose change was limited.
    pub slew_limited: u32,
    /// Phases that were forgotten because nobody asked for them in time.
    pub forgotten: u32,
    /// Times each `rlfd_fault` was latched, by its number; the first entry is 0.
    pub faults: [u32; RLFD_FAULTS],
}

/// Entries of `rlfd_counters.faults`: one more than there are faults.
pub const RLFD_FAULTS: usize = 12;

const _: () = assert!(RLFD_FAULTS == rlfd_runtime::Fault::ALL.len() + 1);

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
            rlfd_runtime::Outcome::Acted => (Outcome::Acted, None),
            rlfd_runtime::Outcome::Refused(fault) => (Outcome::Refused, Some(fault)),
            rlfd_runtime::Outcome::Held(fault) => (Outcome::Held, Some(fault)),
            rlfd_runtime::Outcome::NotRunning => (Outcome::NotRunning, None),
        };
        let told = Cycle {
            at_us: done.at.0,
            tick: done.tick,
            duration_us: done.duration_us,
            clamped: done.clamped,
            slew_limited: done.slew_limited,
            outcome,
            fault: code_of(fault),
        };
        // SAFETY: promised by the caller.
        unsafe { answer(cycle, told) }
    }))
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
                mean_duration_us: kept.mean_duration_us(),
                bias_us: kept.bias_us(),
                jitter_us: kept.jitter_us(),
            };
            // SAFETY: promised by the caller.
            unsafe { answer(stats, told) }
        });
    status_of(result)
}

/// Takes the oldest phase out of the log, which holds the last eight; `RLFD_STATUS_EMPTY` where there is none.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `event` is NULL or leads to an `rlfd_event`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_next_event(
    controller: *mut Controller,
    event: *mut Event,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { lent(controller) }.and_then(|controller| {
        if event.is_null() {
            return Err(Status::NullPointer);
        }
        let found = controller.listener.log.pop().ok_or(Status::Empty)?;
        let rlfd_runtime::Event::Entered { phase, at } = found else {
            return Err(Status::Empty);
        };
        let (phase, fault) = phase_of(phase);
        let told = Event {
            at_us: at.0,
            phase,
            fault,
        };
        // SAFETY: promised by the caller.
        unsafe { answer(event, told) }
    }))
}

/// What happened how often so far.
///
/// # Safety
///
/// `controller` is NULL or comes from `rlfd_controller_new`; `counters` is NULL or leads to an `rlfd_counters`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_controller_counters(
    controller: *const Controller,
    counters: *mut Counters,
) -> Status {
    // SAFETY: promised by the caller.
    let result = unsafe { controller.as_ref() }
        .ok_or(Status::NullPointer)
        .and_then(|controller| {
            let kept = controller.listener.log.counters();
            let mut faults = [0; RLFD_FAULTS];
            for (place, count) in faults.iter_mut().skip(1).zip(kept.faults) {
                *place = count;
            }
            let told = Counters {
                acted: kept.acted,
                refused: kept.refused,
                held: kept.held,
                clamped: kept.clamped,
                slew_limited: kept.slew_limited,
                forgotten: kept.forgotten,
                faults,
            };
            // SAFETY: promised by the caller.
            unsafe { answer(counters, told) }
        });
    status_of(result)
}
