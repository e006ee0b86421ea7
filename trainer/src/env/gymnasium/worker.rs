//! [`Worker`]: a child process with one environment of Gymnasium, and the frames that go to and fro. The format is
//! described in `worker.py`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde::Deserialize;

use crate::python;

const SCRIPT: &str = include_str!("worker.py");

/// Longest answer that is believed, in bytes.
const MAX_FRAME: usize = 64 << 20;

/// What the child says about its environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// Names and lengths of what an observation is joined from.
    pub observation: Vec<(String, usize)>,
    pub goal: Option<Goal>,
    pub action_low: Vec<f64>,
    pub action_high: Vec<f64>,
    pub period_s: f64,
    pub max_episode_steps: Option<u32>,
    pub reward_threshold: Option<f64>,
}

/// What the reward is a function of; the observation then ends with the desired goal and the achieved one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Goal {
    pub dim: usize,
    pub threshold: f64,
    pub reward: Reward,
}

/// `-1` beyond the threshold, or minus the distance.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reward {
    Sparse,
    Dense,
}

/// What a step told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub reward: f64,
    pub terminated: bool,
    pub truncated: bool,
}

/// A child process.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    /// Absent once the child has failed.
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// What the child says besides. A file, not a pipe: nobody reads while it works.
    words: File,
    frame: Vec<u8>,
}

impl Worker {
    /// Starts a child and learns what its environment is.
    pub fn start(id: &str) -> Result<(Self, Description), String> {
        let words = tempfile::tempfile().map_err(|error| error.to_string())?;
        let errors = words.try_clone().map_err(|error| error.to_string())?;
        let mut child = python::command(SCRIPT)
            .arg(id)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| python::start_error(error).to_string())?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child has no pipes".to_owned());
        };
        let mut worker = Self {
            child,
            input: Some(input),
            output,
            words,
            frame: Vec::new(),
        };
        worker.receive(b'D')?;
        let description = serde_json::from_slice(&worker.frame[1..])
            .map_err(|error| format!("it describes itself as nobody does: {error}"))?;
        Ok((worker, description))
    }

    /// Begins an episode.
    pub fn reset(&mut self, seed: u64, observation: &mut [f64]) -> Result<(), String> {
        self.frame.clear();
        self.frame.push(b'R');
        self.frame.extend(seed.to_le_bytes());
        self.exchange()?;
        self.numbers(observation, 0).map(drop)
    }

    /// Applies an action.
    pub fn step(&mut self, action: &[f64], observation: &mut [f64]) -> Result<Outcome, String> {
        self.frame.clear();
        self.frame.push(b'S');
        for number in action {
            self.frame.extend(number.to_le_bytes());
        }
        self.exchange()?;
        match self.numbers(observation, 10)? {
            [a, b, c, d, e, f, g, h, terminated, truncated] => Ok(Outcome {
                reward: f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
                terminated: *terminated != 0,
                truncated: *truncated != 0,
            }),
            _ => Err("an answer of another length".to_owned()),
        }
    }

    /// Reads the observation out of an answer and leaves the `rest` bytes behind it.
    fn numbers(&self, observation: &mut [f64], rest: usize) -> Result<&[u8], String> {
        let (found, expected) = (self.frame.len(), 1 + 8 * observation.len() + rest);
        if found != expected {
            return Err(format!("an answer of {found} bytes, expected {expected}"));
        }
        let (numbers, rest) = self.frame[1..].split_at(8 * observation.len());
        let (numbers, _) = numbers.as_chunks::<8>();
        for (number, bytes) in observation.iter_mut().zip(numbers) {
            *number = f64::from_le_bytes(*bytes);
        }
        Ok(rest)
    }

    /// Sends the frame and puts the answer in its place.
    fn exchange(&mut self) -> Result<(), String> {
        let len = (self.frame.len() as u32).to_le_bytes();
        let sent = match &mut self.input {
            Some(input) => input
                .write_all(&len)
                .and_then(|()| input.write_all(&self.frame))
                .and_then(|()| input.flush()),
            None => return Err("it has ended".to_owned()),
        };
        match sent {
            Ok(()) => self.receive(b'O'),
            Err(_) => Err(self.obituary()),
        }
    }

    fn receive(&mut self, kind: u8) -> Result<(), String> {
        let mut len = [0; 4];
        if self.output.read_exact(&mut len).is_err() {
            return Err(self.obituary());
        }
        let len = u32::from_le_bytes(len) as usize;
        if len == 0 || len > MAX_FRAME {
            return Err(format!("an answer of {len} bytes"));
        }
        self.frame.resize(len, 0);
        if self.output.read_exact(&mut self.frame).is_err() {
            return Err(self.obituary());
        }
        match self.frame[0] {
            found if found == kind => Ok(()),
            b'E' => Err(String::from_utf8_lossy(&self.frame[1..]).into_owned()),
            found => Err(format!("an answer of kind {found}")),
        }
    }

    /// How the child ended and what it said last.
    fn obituary(&mut self) -> String {
        self.input = None;
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let mut words = Vec::new();
        let read = self
            .words
            .rewind()
            .and_then(|()| self.words.read_to_end(&mut words));
        match read {
            Ok(_) => {
                let last = python::last_line(&String::from_utf8_lossy(&words));
                format!("its process ended ({status}): {last}")
            }
            Err(_) => format!("its process ended ({status})"),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The child ends with its input; one that hangs is not waited for.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
