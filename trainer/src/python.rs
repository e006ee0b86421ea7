//! Child processes that run Python: for environments and files that exist only there. It refuses to know what they do.
//!
//! The interpreter is `RLFD_PYTHON`, or `python3`; packages are looked for in its own places first, then among those
//! that `cargo xtask setup` unpacks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the interpreter.
const VARIABLE: &str = "RLFD_PYTHON";

/// Where `cargo xtask setup` unpacks wheels.
const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.native/python");

const DEMONSTRATIONS: &str = include_str!("python/demonstrations.py");

/// Why Python did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// No interpreter.
    #[error("cannot run `{program}`: {source}; install Python 3.11, or name another in {VARIABLE}")]
    Start {
        /// What was tried.
        program: String,
        /// The reason.
        source: std::io::Error,
    },
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// It failed.
    #[error("Python failed ({status}): {words}")]
    Failed {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last that it said.
        words: String,
    },
}

/// The interpreter's name.
#[must_use]
pub fn program() -> OsString {
    std::env::var_os(VARIABLE).unwrap_or_else(|| OsString::from("python3"))
}

/// A command that runs `script`, not yet started.
#[must_use]
pub fn command(script: &str) -> Command {
    let mut path: Vec<PathBuf> = std::env::var_os("PYTHONPATH")
        .map(|known| std::env::split_paths(&known).collect())
        .unwrap_or_default();
    path.push(PathBuf::from(UNPACKED));
    let mut command = Command::new(program());
    command.args(["-c", script]);
    if let Ok(path) = std::env::join_paths(path) {
        command.env("PYTHONPATH", path);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The error for an interpreter that did not start.
#[must_use]
pub fn start_error(source: std::io::Error) -> PythonError {
    PythonError::Start {
        program: program().to_string_lossy().into_owned(),
        source,
    }
}

/// Turns arrays of pickled objects into our layout.
///
/// # Errors
/// [`PythonError`].
pub fn convert_objects(old: &Path, new: &Path) -> Result<(), PythonError> {
    demonstrations(&["objects".as_ref(), old.as_os_str(), new.as_os_str()]).map(drop)
}

/// Turns a dataset of Minari into our layout.
///
/// # Errors
/// [`PythonError`].
pub fn read_minari(id: &str, new: &Path) -> Result<(), PythonError> {
    demonstrations(&["from-minari".as_ref(), id.as_ref(), new.as_os_str()]).map(drop)
}

/// Turns a file in our layout into a dataset of Minari, and answers where it lies.
///
/// # Errors
/// [`PythonError`].
pub fn write_minari(
    file: &Path,
    id: &str,
    low: &[f64],
    high: &[f64],
) -> Result<String, PythonError> {
    let list = |bounds: &[f64]| -> String {
        let texts: Vec<String> = bounds.iter().map(f64::to_string).collect();
        texts.join(",")
    };
    // A bound that begins with a minus sign would be no trouble: Python's own options end with the script.
    demonstrations(&[
        "to-minari".as_ref(),
        file.as_os_str(),
        id.as_ref(),
        list(low).as_ref(),
        list(high).as_ref(),
    ])
}

fn demonstrations(arguments: &[&std::ffi::OsStr]) -> Result<String, PythonError> {
    let output = command(DEMONSTRATIONS)
        .args(arguments)
        .output()
        .map_err(start_error)?;
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Some(3) => Err(PythonError::Refused(last_line(&words))),
        _ => Err(PythonError::Failed {
            status: output.status,
            words: last_line(&words),
        }),
    }
}

/// A traceback ends with what went wrong.
#[must_use]
pub fn last_line(words: &str) -> String {
    let mut lines = words.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty());
    last.unwrap_or("it said nothing").to_owned()
}
