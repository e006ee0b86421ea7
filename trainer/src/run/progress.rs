//! [`Progress`]: what a person sees while a run is going on, on stderr.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is printed where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere, nothing when quiet.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    last_line: Instant,
    started: (usize, Instant),
}

impl Progress {
    /// From `done` of `total` environment steps.
    ///
    /// # Panics
    /// Never: the template is constant.
    #[must_use]
    pub fn new(done: usize, total: usize, quiet: bool) -> Self {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(total as u64)
        };
        let template =
            "{bar:30} {human_pos}/{human_len} steps  {per_sec}  {eta_precise} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        bar.set_position(done as u64);
        bar.reset_eta();
        let lines = !quiet && bar.is_hidden();
        Self {
            bar,
            lines,
            last_line: Instant::now(),
            started: (done, Instant::now()),
        }
    }

    /// `step` of the total are done.
    pub fn advance(&mut self, step: usize) {
        self.bar.set_position(step as u64);
        if self.lines && self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            let rate = (step - self.started.0) as f64 / self.started.1.elapsed().as_secs_f64();
            let total = self.bar.length().unwrap_or_default();
            eprintln!("{step}/{total} steps  {rate:.0}/s  {}", self.bar.message());
        }
    }

    /// Something worth a line of its own.
    pub fn say(&mut self, line: &str) {
        self.bar.set_message(line.to_owned());
        if self.lines {
            self.last_line = Instant::now();
            eprintln!("{line}");
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
