//! [`Crew`]: members as processes on this machine. Each has a pipe as its standard input whose end means "stop": a member
//! leaves a checkpoint when it is asked to, and also when the sweep itself was killed and the system closed the pipe.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::Context;

use super::{Ending, Event, Job, Workers};
use crate::run::{Report, RunDirectory};

/// Of a failed member's log.
const LAST_LINES: usize = 5;

/// Processes, each at one member.
#[derive(Debug)]
pub struct Crew {
    program: PathBuf,
    places: usize,
    at_work: Vec<Worker>,
    stopping: bool,
    /// Endings of members that could not even be started.
    unstarted: Vec<Event>,
}

#[derive(Debug)]
struct Worker {
    job: Job,
    child: Child,
    /// Held open while the member may go on.
    input: Option<ChildStdin>,
    reports: Receiver<Report>,
}

impl Crew {
    /// Runs up to `places` members at a time, with this very program.
    ///
    /// # Errors
    /// If the system cannot say what this program is.
    pub fn new(places: usize) -> anyhow::Result<Self> {
        Ok(Self {
            program: std::env::current_exe().context("the path of this program")?,
            places,
            at_work: Vec::new(),
            stopping: false,
            unstarted: Vec::new(),
        })
    }

    /// Whether no member is at work.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.at_work.is_empty()
    }

    fn spawn(&self, job: &Job) -> anyhow::Result<Worker> {
        let directory = RunDirectory::open(&job.folder)?.0;
        let path = directory.log();
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("{}: cannot be opened", path.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(["fit", "--member", "--resume"])
            .arg(&job.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C on a terminal reaches the whole group; the members hear of it from here.
            .process_group(0);
        // A member is no rank, whatever started the sweep.
        for (name, _) in std::env::vars_os() {
            let launcher = ["OMPI_", "PMIX_", "PMI_"];
            if launcher
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                command.env_remove(&name);
            }
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("{}: cannot be started", self.program.display()))?;
        let reports = listen(child.stdout.take().context("the output is a pipe")?)?;
        Ok(Worker {
            job: job.clone(),
            input: child.stdin.take(),
            child,
            reports,
        })
    }
}

impl Workers for Crew {
    fn places(&self) -> usize {
        self.places
    }

    fn start(&mut self, job: &Job) -> anyhow::Result<bool> {
        if self.stopping || self.at_work.len() >= self.places {
            return Ok(false);
        }
        match self.spawn(job) {
            Ok(worker) => self.at_work.push(worker),
            Err(error) => {
                let ending = Ending::Failed(format!("{error:#}"));
                self.unstarted.push(Event::Ended(job.index, ending));
            }
        }
        Ok(true)
    }

    fn poll(&mut self) -> anyhow::Result<Vec<Event>> {
        let mut events = std::mem::take(&mut self.unstarted);
        let mut still_at_work = Vec::new();
        for mut worker in self.at_work.drain(..) {
            let ended = worker.child.try_wait().context("the state of a member")?;
            let reports = worker.reports.try_iter();
            events.extend(reports.map(|report| Event::Report(worker.job.index, report)));
            match ended {
                None => still_at_work.push(worker),
                Some(status) => {
                    let ending = judge(&worker.job, status, self.stopping);
                    events.push(Event::Ended(worker.job.index, ending));
                }
            }
        }
        self.at_work = still_at_work;
        Ok(events)
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.stopping = true;
        for worker in &mut self.at_work {
            worker.input = None;
        }
        Ok(())
    }
}

fn judge(job: &Job, status: ExitStatus, stopping: bool) -> Ending {
    let directory = RunDirectory::open(&job.folder);
    match directory {
        Ok((directory, _)) if status.success() && directory.outcome().exists() => Ending::Finished,
        Ok(_) if status.code() == Some(1) && stopping => Ending::Stopped,
        Ok((directory, _)) => {
            let log = last_lines(&directory.log()).unwrap_or_default();
            let lines = log.iter().map(|line| format!("\n    {line}"));
            Ending::Failed(format!("{status}{}", lines.collect::<String>()))
        }
        Err(error) => Ending::Failed(format!("{status}; {error:#}")),
    }
}

/// Reads a member's reports on a thread of its own, so that a full pipe never holds it up. The thread ends with the member.
fn listen(output: ChildStdout) -> anyhow::Result<Receiver<Report>> {
    let (sender, receiver) = channel();
    let read = move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            // A member killed in mid-line leaves half a report.
            if let Ok(report) = serde_json::from_str(&line) {
                let _ = sender.send(report);
            }
        }
    };
    std::thread::Builder::new()
        .name("member".to_owned())
        .spawn(read)
        .context("a thread that reads what a member reports")?;
    Ok(receiver)
}

fn last_lines(path: &Path) -> std::io::Result<VecDeque<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(16 * 1024)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let mut lines = VecDeque::new();
    for line in String::from_utf8_lossy(&bytes).lines() {
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let lines = last_lines(&path).unwrap();
        assert_eq!(
            lines,
            (4995..5000)
                .map(|n| format!("line {n}"))
                .collect::<Vec<_>>()
        );
    }
}
