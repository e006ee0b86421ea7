//! [`Stop`]: the wish that a run ends early, with a checkpoint. It comes from a signal or from the program that started
//! this one; the run asks for it between steps.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set once, never taken back; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Asked for by SIGINT (Ctrl-C) or SIGTERM. The second of these ends the program where it stands, with status 130.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn on_signals() -> anyhow::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // Handlers run in the order of their registration: the first signal finds the flag still down.
            flag::register_conditional_shutdown(signal, 130, stop.asked.clone())
                .and_then(|_| flag::register(signal, stop.asked.clone()))
                .with_context(|| format!("signal {signal} cannot be handled"))?;
        }
        Ok(stop)
    }

    /// Asked for, too, when standard input ends. Whoever holds its other end need not live to say so: the system closes
    /// the pipe of a program that was killed.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn when_input_ends(&self) -> anyhow::Result<()> {
        let stop = self.clone();
        let wait = move || {
            let mut buffer = [0; 64];
            let mut input = std::io::stdin().lock();
            while matches!(input.read(&mut buffer), Ok(1..)) {}
            stop.ask();
        };
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(wait)
            .context("a thread that waits for the end of standard input")?;
        Ok(())
    }

    /// Ends the run at its next step.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}
