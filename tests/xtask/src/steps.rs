//! A list of named commands, run one after the other, with a table of what each took. Stops at the first that fails.
//! Does not know what the commands check.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// The steps that ran so far.
#[derive(Debug, Default)]
pub struct Steps {
    done: Vec<Done>,
}

#[derive(Debug)]
struct Done {
    name: String,
    took: Duration,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed(Option<Tally>),
    Failed(Option<Tally>),
    Skipped(String),
}

/// Sum of the results that Rust's test programs print.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Steps {
    /// Runs a command whose standard output is shown and searched for test results.
    ///
    /// # Errors
    /// If the command fails.
    pub fn command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let mut tally = None;
        let started = announce(name);
        let result = stream(command, |line| {
            if let Some(found) = test_result(line) {
                let sum = tally.get_or_insert(Tally::default());
                sum.passed += found.passed;
                sum.failed += found.failed;
            }
        });
        self.record(name, started, tally, &result);
        result
    }

    /// Runs a step that is not a command.
    ///
    /// # Errors
    /// Whatever the step answers.
    pub fn call<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = announce(name);
        let result = step();
        self.record(name, started, None, &result);
        result
    }

    /// Puts into the table that a step cannot run here, and why.
    pub fn skip(&mut self, name: &str, reason: &str) {
        eprintln!("\n=== {name} is skipped: {reason}");
        self.done.push(Done {
            name: name.to_owned(),
            took: Duration::ZERO,
            outcome: Outcome::Skipped(reason.to_owned()),
        });
    }

    fn record<T>(
        &mut self,
        name: &str,
        started: Instant,
        tally: Option<Tally>,
        result: &Result<T>,
    ) {
        self.done.push(Done {
            name: name.to_owned(),
            took: started.elapsed(),
            outcome: match result {
                Ok(_) => Outcome::Passed(tally),
                Err(_) => Outcome::Failed(tally),
            },
        });
    }

    /// One line for each step, and the time of all.
    pub fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|done| done.name.chars().count())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for Done {
            name,
            took,
            outcome,
        } in &self.done
        {
            let (word, tally) = match outcome {
                Outcome::Passed(tally) => ("ok", tally),
                Outcome::Failed(tally) => ("FAILED", tally),
                Outcome::Skipped(reason) => {
                    text += &format!("{name:width$}  {:>9}  skipped: {reason}\n", "-");
                    continue;
                }
            };
            let tests = tally.map_or(String::new(), |tally| {
                format!("  {} tests passed, {} failed", tally.passed, tally.failed)
            });
            text += &format!(
                "{name:width$}  {:>7.1} s  {word}{tests}\n",
                took.as_secs_f32()
            );
        }
        let total: Duration = self.done.iter().map(|done| done.took).sum();
        text + &format!("{:width$}  {:>7.1} s\n", "all", total.as_secs_f32())
    }

    /// Tests of all steps.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for done in &self.done {
            if let Outcome::Passed(Some(tally)) | Outcome::Failed(Some(tally)) = &done.outcome {
                sum.passed += tally.passed;
                sum.failed += tally.failed;
            }
        }
        sum
    }
}

fn announce(name: &str) -> Instant {
    eprintln!("\n=== {name}");
    Instant::now()
}

fn stream(command: &mut Command, mut each_line: impl FnMut(&str)) -> Result<()> {
    let text = process::shown(command);
    eprintln!("{text}");
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{text}`"))?;
    let output = child.stdout.take().context("the output is a pipe")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(io::stdout(), "{line}")?;
        each_line(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Reads `test result: ok. 11 passed; 0 failed; …`.
fn test_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.split_once("test result: ")?.1.split_once(". ")?;
    let count = |word: &str| {
        counts
            .split(';')
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_are_read_with_and_without_colour() {
        let tally = |passed, failed| Some(Tally { passed, failed });
        let line = "test result: ok. 11 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.06s";
        assert_eq!(test_result(line), tally(11, 2));
        let line = "test result: \u{1b}[31mFAILED\u{1b}[m. 3 passed; 1 failed; 0 ignored";
        assert_eq!(test_result(line), tally(3, 1));
        assert_eq!(test_result("test result of the day"), None);
    }

    #[test]
    fn a_step_that_fails_is_in_the_table() {
        let mut steps = Steps::default();
        let script = "echo some output; exit 1";
        let result = steps.command("unit tests", Command::new("sh").args(["-c", script]));
        assert!(result.is_err());
        assert!(steps.call("other", || Ok(())).is_ok());
        steps.skip("third", "nothing to run it with");
        let table = steps.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[0].starts_with("unit tests ") && lines[0].ends_with("FAILED"),
            "{table}"
        );
        assert!(
            lines[1].starts_with("other ") && lines[1].ends_with("ok"),
            "{table}"
        );
        assert!(
            lines[2].starts_with("third ") && lines[2].ends_with("skipped: nothing to run it with"),
            "{table}"
        );
    }

    #[test]
    fn tests_are_summed_over_steps_whether_they_pass_or_not() {
        let mut steps = Steps::default();
        let tally = |passed, failed| Some(Tally { passed, failed });
        steps.record("a", Instant::now(), tally(4, 0), &Ok(()));
        steps.record::<()>(
            "b",
            Instant::now(),
            tally(3, 1),
            &Err(anyhow::anyhow!("no")),
        );
        steps.record("c", Instant::now(), None, &Ok(()));
        assert_eq!(
            steps.tally(),
            Tally {
                passed: 7,
                failed: 1
            }
        );
    }
}
