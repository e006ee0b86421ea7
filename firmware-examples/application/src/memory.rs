//! [`Memory`]: everything the application keeps in RAM besides the stack, sized for the linked-in image at compile
//! time.

use core::cell::Cell;

use critical_section::Mutex;
use rlfd_runtime::control::Fallback;
use rlfd_runtime::wire::{FrameReader, MAX_VALUES, ReplyCache, frame_len};

include!(concat!(env!("OUT_DIR"), "/sizes.rs"));

/// The linked-in policy image.
pub static IMAGE: &rlfd_runtime::image::Aligned<[u8]> =
    &rlfd_runtime::image::Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/policy.rlfd")));

/// Bytes of the longest question. A measurement too long for one comes in parts.
pub(crate) const QUESTION_LEN: usize = frame_len(at_most(
    MAX_VALUES,
    at_least(UPDATE_VALUES, at_least(SETPOINT_DIM, MEASUREMENT_DIM)),
));

/// As many numbers as have the bytes of a question about another policy: 256 of the image and what is said about them.
const UPDATE_VALUES: usize = if cfg!(feature = "update") { 72 } else { 0 };

/// Bytes of the longest answer.
pub(crate) const ANSWER_LEN: usize = frame_len(COMMAND_DIM);

/// What holds the machine after a fault.
pub(crate) const LAW: Option<Fallback<'static>> = FALLBACK;

const fn at_least(least: usize, n: usize) -> usize {
    if n > least { n } else { least }
}

const fn at_most(most: usize, n: usize) -> usize {
    if n < most { n } else { most }
}

/// Lent to the application for good.
#[derive(Debug)]
pub struct Memory {
    pub(crate) arena: [f32; ARENA_LEN],
    pub(crate) control: [f32; LOOP_LEN],
    pub(crate) measurement: [f32; MEASUREMENT_DIM],
    pub(crate) command: [f32; COMMAND_DIM],
    pub(crate) reader: FrameReader<QUESTION_LEN>,
    pub(crate) replies: ReplyCache<ANSWER_LEN>,
    /// Where another policy is tested while the first one runs.
    #[cfg(feature = "update")]
    pub(crate) scratch: [f32; ARENA_LEN],
    /// Where the commands of one policy end and those of the next begin.
    #[cfg(feature = "update")]
    pub(crate) target: [f32; COMMAND_DIM],
    /// What was asked of the machine when a policy ended.
    #[cfg(feature = "update")]
    pub(crate) setpoint: [f32; SETPOINT_DIM],
}

impl Memory {
    /// The program's one `Memory`, the first time; `None` when asked again.
    pub fn take() -> Option<&'static mut Self> {
        // A Cortex-M0 cannot exchange a flag in one instruction; with interrupts masked nobody comes in between.
        static TAKEN: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));
        static mut MEMORY: Memory = Memory {
            arena: [0.0; ARENA_LEN],
            control: [0.0; LOOP_LEN],
            measurement: [0.0; MEASUREMENT_DIM],
            command: [0.0; COMMAND_DIM],
            reader: FrameReader::new(),
            replies: ReplyCache::new(),
            #[cfg(feature = "update")]
            scratch: [0.0; ARENA_LEN],
            #[cfg(feature = "update")]
            target: [0.0; COMMAND_DIM],
            #[cfg(feature = "update")]
            setpoint: [0.0; SETPOINT_DIM],
        };
        if critical_section::with(|token| TAKEN.borrow(token).replace(true)) {
            return None;
        }
        // SAFETY: the flag lets only the first caller through, so this is the only reference.
        unsafe { (&raw mut MEMORY).as_mut() }
    }
}
