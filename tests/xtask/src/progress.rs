//! Shows how far something long has come: a moving bar on a terminal, a line every ten seconds in a log.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(10);

/// Bytes done out of bytes to do.
#[derive(Debug)]
pub struct Progress {
    label: String,
    total: u64,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn bytes(label: impl Into<String>, total: u64) -> Self {
        let label = label.into();
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{msg:38} {bar:28} {decimal_bytes:>9} of {decimal_total_bytes:9} {eta:>4}",
            )
            .expect("the template is valid");
            let bar = ProgressBar::new(total).with_style(style);
            bar.set_message(label.clone());
            bar
        });
        Self {
            label,
            total,
            started: now,
            last_line: now,
            bar,
        }
    }

    pub fn set(&mut self, done: u64) {
        // pip copies a large file once more at its end; the bar is then full, not more than full.
        let done = done.min(self.total);
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                eprintln!("{}: {} of {} MB", self.label, mega(done), mega(self.total));
            }
            None => {}
        }
    }

    /// Ends the display with one line that stays.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!(
            "{}: {} MB in {:.1} s",
            self.label,
            mega(self.total),
            self.started.elapsed().as_secs_f32()
        );
    }
}

fn mega(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
