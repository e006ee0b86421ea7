//! What Linux can do for a thread that must not be late: a real-time priority and memory that stays. It may be denied both, and
//! then says so.

use rustix::mm::{MlockAllFlags, mlockall};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Above the kernel's threaded interrupt handlers, which have 50, and below its watchdogs.
pub const PRIORITY: u8 = 80;

/// Asks for `SCHED_FIFO` for this thread and for memory that is never swapped out or fetched later; a line about each.
#[must_use]
pub fn ask() -> [String; 2] {
    let scheduled = ThreadPriorityValue::try_from(PRIORITY)
        .map_err(|error| error.to_owned())
        .and_then(|value| {
            set_thread_priority_and_policy(
                thread_native_id(),
                ThreadPriority::Crossplatform(value),
                ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
            )
            .map_err(|error| format!("{error:?}"))
        });
    let locked = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE);
    [
        match scheduled {
            Ok(()) => format!("SCHED_FIFO with priority {PRIORITY}"),
            Err(why) => {
                format!("no SCHED_FIFO ({why}): give the program CAP_SYS_NICE or an rtprio limit")
            }
        },
        match locked {
            Ok(()) => "memory locked".to_owned(),
            Err(why) => format!(
                "memory not locked ({why}): give the program CAP_IPC_LOCK or a memlock limit"
            ),
        },
    ]
}
