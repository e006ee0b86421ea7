//! [`Screen`]: what a person sees of a sweep, on stderr: a line for each member in work and one for the whole; where no
//! bars can be drawn, a line for each thing that happens.

use std::collections::HashMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::run::Report;

/// The lines of one sweep.
#[derive(Debug)]
pub struct Screen {
    bars: MultiProgress,
    whole: ProgressBar,
    members: HashMap<usize, ProgressBar>,
    quiet: bool,
    lines: bool,
}

impl Screen {
    /// Of `done` of `total` members.
    ///
    /// # Panics
    /// Never: the template is constant.
    #[must_use]
    pub fn new(done: usize, total: usize, quiet: bool) -> Self {
        let bars = MultiProgress::new();
        let lines = !quiet && bars.is_hidden();
        let whole = match quiet {
            true => ProgressBar::hidden(),
            false => bars.add(ProgressBar::new(total as u64)),
        };
        let template = "{bar:30} {pos}/{len} members finished  {elapsed_precise}  {msg}";
        whole.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        whole.set_position(done as u64);
        Self {
            bars,
            whole,
            members: HashMap::new(),
            quiet,
            lines,
        }
    }

    /// A member of `total` environment steps begins or goes on.
    ///
    /// # Panics
    /// Never: the template is constant.
    pub fn begin(&mut self, index: usize, name: &str, total: usize) {
        if self.lines {
            eprintln!("{name}: begins");
        }
        if self.quiet {
            return;
        }
        let bar = ProgressBar::new(total as u64);
        let bar = self.bars.insert_before(&self.whole, bar);
        let template = "{bar:30} {human_pos}/{human_len} steps  {prefix}  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template"));
        bar.set_prefix(name.to_owned());
        self.members.insert(index, bar);
    }

    /// A member goes on.
    pub fn report(&mut self, index: usize, report: &Report) {
        let Some(bar) = self.members.get(&index) else {
            return;
        };
        bar.set_position(report.step as u64);
        if let Some(news) = &report.news {
            bar.set_message(news.clone());
            if self.lines {
                eprintln!("{}: {news}", bar.prefix());
            }
        }
    }

    /// A member is over; `done` are finished, `failed` are not.
    pub fn end(&mut self, index: usize, word: &str, (done, failed): (usize, usize)) {
        if let Some(bar) = self.members.remove(&index) {
            if self.lines {
                let total = self.whole.length().unwrap_or_default();
                eprintln!(
                    "{}: {word} ({done} of {total} members finished)",
                    bar.prefix()
                );
            }
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.whole.set_position(done as u64);
        if failed > 0 {
            self.whole.set_message(format!("{failed} failed"));
        }
    }

    /// Something about the whole.
    pub fn say(&self, line: &str) {
        self.whole.set_message(line.to_owned());
        if self.lines {
            eprintln!("{line}");
        }
    }

    /// Removes all bars.
    pub fn finish(&self) {
        self.whole.finish_and_clear();
        let _ = self.bars.clear();
    }
}
