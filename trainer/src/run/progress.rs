//! [`Progress`]: what is told while a run is going on: to a person on stderr, to a sweep on stdout.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// How often a line is printed where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a sweep hears of what comes before the first step.
const NEWS_INTERVAL: Duration = Duration::from_secs(30);
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

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Of environments.
    Steps,
    /// Over the demonstrations, for what is named; a sweep counts steps, and these are none.
    Passes(&'static str),
}

/// The voice of one run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    unit: Unit,
    audience: Audience,
    last_line: Instant,
    started: (usize, Instant),
}

impl Progress {
    /// From `done` of `total` environment steps.
    #[must_use]
    pub fn new(done: usize, total: usize, audience: Audience) -> Self {
        let this = Self::counting(Unit::Steps, done, total, audience);
        if audience == Audience::Sweep {
            report(done, None);
        }
        this
    }

    /// From `done` of `total` passes over the demonstrations, made for `purpose`.
    pub(super) fn of_passes(
        purpose: &'static str,
        done: usize,
        total: usize,
        audience: Audience,
    ) -> Self {
        Self::counting(Unit::Passes(purpose), done, total, audience)
    }

    fn counting(unit: Unit, done: usize, total: usize, audience: Audience) -> Self {
        let bar = match audience {
            Audience::Person => ProgressBar::new(total as u64),
            Audience::Nobody | Audience::Sweep => ProgressBar::hidden(),
        };
        let counted = unit.name();
        let template = format!(
            "{{bar:30}} {{human_pos}}/{{human_len}} {counted}  {{per_sec}}  {{eta_precise}} left  {{msg}}"
        );
        let style = ProgressStyle::with_template(&template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(done as u64);
        bar.reset_eta();
        Self {
            bar,
            unit,
            audience,
            last_line: Instant::now(),
            started: (done, Instant::now()),
        }
    }

    /// `done` of the total are done.
    pub fn advance(&mut self, done: usize) {
        self.bar.set_position(done as u64);
        let (unit, total) = (self.unit.name(), self.bar.length().unwrap_or_default());
        match (self.audience, self.unit) {
            (Audience::Person, _) if self.bar.is_hidden() && self.is_due(LINE_INTERVAL) => {
                let rate = (done - self.started.0) as f64 / self.started.1.elapsed().as_secs_f64();
                eprintln!("{done}/{total} {unit}  {rate:.0}/s  {}", self.bar.message());
            }
            (Audience::Sweep, Unit::Steps) if self.is_due(REPORT_INTERVAL) => report(done, None),
            (Audience::Sweep, Unit::Passes(purpose)) if self.is_due(NEWS_INTERVAL) => {
                report(0, Some(&format!("{purpose}: {done}/{total} {unit}")));
            }
            (Audience::Nobody | Audience::Person | Audience::Sweep, _) => {}
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
            Audience::Sweep => {
                let step = match self.unit {
                    Unit::Steps => self.bar.position() as usize,
                    Unit::Passes(_) => 0,
                };
                report(step, Some(line));
            }
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

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Passes(_) => "passes",
        }
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
