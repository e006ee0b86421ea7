//! Where MuJoCo's own messages go: to stderr, a few of them, instead of a file in the working folder.

use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use mujoco_rs::logging::set_log_handler;
use mujoco_rs::wrappers::mj_logging::{MjLogMessage, MjtLogLevel};

/// Warnings shown per process. A policy that explores can make a simulation diverge in every
/// episode; MuJoCo then starts that simulation anew and says so each time.
const MAX_WARNINGS: u32 = 5;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

static INSTALL: Once = Once::new();
static WARNINGS: AtomicU32 = AtomicU32::new(0);

/// Takes over MuJoCo's messages; later calls do nothing.
pub(super) fn install() {
    INSTALL.call_once(|| {
        // SAFETY: models are loaded by `Simulation::open` only, which comes here first, so no thread
        // uses MuJoCo before this returns.
        unsafe { set_log_handler(show) };
    });
}

/// Runs `load` without showing its warnings: they speak of the style of a public model's file, which
/// whoever trains on it cannot change. What is wrong with a file comes back as an error.
pub(super) fn quietly<T>(load: impl FnOnce() -> T) -> T {
    IS_QUIET.set(true);
    let loaded = load();
    IS_QUIET.set(false);
    loaded
}

fn show(message: &MjLogMessage) {
    let subject = message.subject();
    match message.level() {
        // The process ends as soon as this returns: MuJoCo cannot continue after an error.
        MjtLogLevel::mjLOG_ERROR => eprintln!("error: MuJoCo: {subject}"),
        MjtLogLevel::mjLOG_WARNING if IS_QUIET.get() => {}
        MjtLogLevel::mjLOG_WARNING => {
            let shown = WARNINGS.fetch_add(1, Ordering::Relaxed);
            if shown < MAX_WARNINGS {
                eprintln!("warning: MuJoCo: {subject}");
            }
            if shown + 1 == MAX_WARNINGS {
                eprintln!("warning: MuJoCo: further warnings are not shown");
            }
        }
        MjtLogLevel::mjLOG_INFO | MjtLogLevel::mjLOG_DEBUG => {}
    }
}
