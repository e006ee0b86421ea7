//! [`Progress`]: what is told while a run is going on: to a person on stderr, to a sweep on stdout.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// How often a line is printed where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a sweep hears of steps.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Nothing is told.
    Nobody,
    /// A bar on a terminal, a line now and then elsewhere.
    Person,
    /// A [`Report`] per line of stdout.
    Sweep,
}

/// What a run tells the sweep it belongs to, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Environment steps done.
    pub step: usize,
    /// Something worth a line.
    pub news: Option<String>,
}

/// The voice of one run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    audience: Audience,
    last_line: Instant,
    started: (usize, Instant),
}

impl Progress {
    /// From `done` of `total` environment steps.
    ///
    /// # Panics
    /// Never: the template is constant.
    #[must_use]
    pub fn new(done: usize, total: usize, audience: Audience) -> Self {
        let bar = match audience {
            Audience::Person => ProgressBar::new(total as u64),
            Audience::Nobody | Audience::Sweep => ProgressBar::hidden(),
        };
        let template =
            "{bar:30} {human_pos}/{human_len} steps  {per_sec}  {eta_precise} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        bar.set_position(done as u64);
        bar.reset_eta();
        if audience == Audience::Sweep {
            report(done, None);
        }
        Self {
            bar,
            audience,
            last_line: Instant::now(),
            started: (done, Instant::now()),
        }
    }

    /// `step` of the total are done.
    pub fn advance(&mut self, step: usize) {
        self.bar.set_position(step as u64);
        let audience = self.audience;
        match audience {
            Audience::Person if self.bar.is_hidden() && self.is_due(LINE_INTERVAL) => {
                let rate = (step - self.started.0) as f64 / self.started.1.elapsed().as_secs_f64();
                let total = self.bar.length().unwrap_or_default();
                eprintln!("{step}/{total} steps  {rate:.0}/s  {}", self.bar.message());
            }
            Audience::Sweep if self.is_due(REPORT_INTERVAL) => report(step, None),
            Audience::Nobody | Audience::Person | Audience::Sweep => {}
        }
    }

    /// Something worth a line of its own.
    pub fn say(&mut self, line: &str) {
        self.bar.set_message(line.to_owned());
        match self.audience {
            Audience::Person if self.bar.is_hidden() => {
                self.last_line = Instant::now();
                eprintln!("{line}");
            }
            Audience::Sweep => report(self.bar.position() as usize, Some(line)),
            Audience::Nobody | Audience::Person => {}
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn is_due(&mut self, interval: Duration) -> bool {
        let due = self.last_line.elapsed() >= interval;
        if due {
            self.last_line = Instant::now();
        }
        due
    }
}

/// A sweep that no longer listens is no reason to fail: the end of standard input says the same and is acted upon.
fn report(step: usize, news: Option<&str>) {
    let report = Report {
        step,
        news: news.map(str::to_owned),
    };
    if let Ok(line) = serde_json::to_string(&report) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
