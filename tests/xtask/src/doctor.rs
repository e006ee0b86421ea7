//! `cargo xtask doctor`: what was found, where, and what is missing. Changes nothing.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cross::{self, Cross};
use crate::native::{self, LIBRARIES, Library, Origin};
use crate::process;
use crate::system::{self, NEEDS, Probe};
use crate::wheels::Wheels;
use crate::workspace::Workspace;

/// One line of the report.
struct Finding {
    title: String,
    result: std::result::Result<String, String>,
}

/// Prints the report on standard output and returns whether nothing needed is missing.
///
/// # Errors
/// If the list of wheels cannot be read or nobody reads the report.
pub fn doctor(workspace: &Workspace) -> Result<bool> {
    let wheels = Wheels::read(&workspace.path("tests/xtask/wheels.toml"))?;
    let mut findings = vec![rust()];
    findings.extend(LIBRARIES.map(|library| native_library(workspace, &wheels, library)));
    findings.extend(packages(workspace, &wheels));
    findings.push(python(&wheels));
    findings.extend(NEEDS.iter().map(need));
    findings.push(firmware(workspace));
    let mut out = std::io::stdout().lock();
    for Finding { title, result } in &findings {
        match result {
            Ok(text) => writeln!(out, "ok       {title:<24} {text}")?,
            Err(text) => writeln!(out, "MISSING  {title:<24} {text}")?,
        }
    }
    let missing = findings
        .iter()
        .filter(|finding| finding.result.is_err())
        .count();
    writeln!(out, "{} found, {missing} missing", findings.len() - missing)?;
    Ok(missing == 0)
}

fn finding(title: impl Into<String>, result: std::result::Result<String, String>) -> Finding {
    Finding {
        title: title.into(),
        result,
    }
}

fn first_line(program: &Path, argument: &str) -> Option<String> {
    let text = process::output(Command::new(program).arg(argument)).ok()?;
    text.lines().next().map(str::to_owned)
}

fn rust() -> Finding {
    let version = process::output(Command::new("rustc").arg("--version"));
    finding(
        "Rust",
        version
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("{error:#}")),
    )
}

fn native_library(workspace: &Workspace, wheels: &Wheels, library: Library) -> Finding {
    let result = match library.origin(workspace) {
        Err(error) => Err(format!("{error:#}")),
        Ok(Origin::User { variable, path }) if path.exists() => {
            Ok(format!("yours, {variable}={}", path.display()))
        }
        Ok(Origin::User { variable, path }) => Err(format!(
            "{variable} is set to {}, which does not exist",
            path.display()
        )),
        Ok(Origin::Wheel) => {
            let mut of_part = wheels.iter().filter(|wheel| wheel.part == library.part);
            let whole = of_part
                .clone()
                .all(|wheel| native::is_unpacked(workspace, wheel));
            let version = of_part.next().map_or("", |wheel| &wheel.version);
            if whole && workspace.path(library.default).exists() {
                Ok(format!("{version}, {}", library.default))
            } else {
                Err("run `cargo xtask setup`".to_owned())
            }
        }
    };
    finding(library.title, result)
}

/// Assets and Python packages, which no variable replaces.
fn packages(workspace: &Workspace, wheels: &Wheels) -> Vec<Finding> {
    wheels
        .iter()
        .filter(|wheel| Library::of(wheel.part).is_none())
        .map(|wheel| {
            let result = if native::is_unpacked(workspace, wheel) {
                Ok(format!("{}, .native/{}", wheel.version, wheel.into))
            } else {
                Err("run `cargo xtask setup`".to_owned())
            };
            finding(wheel.name.as_str(), result)
        })
        .collect()
}

/// The tests compare with Python's Gymnasium and onnx, whose compiled parts are for one version of CPython.
fn python(wheels: &Wheels) -> Finding {
    let script = "import sys; print('%d.%d %s' % (*sys.version_info[:2], sys.executable))";
    let result = match process::output(Command::new("python3").args(["-c", script])) {
        Err(_) => Err(format!(
            "no python3 that runs; `{}`",
            system::install_command(&system::PIP_PACKAGES)
        )),
        Ok(text) => {
            let text = text.trim().to_owned();
            match text.split_once(' ') {
                Some((version, path)) if version == wheels.python => {
                    Ok(format!("{version}, {path}"))
                }
                _ => Err(format!(
                    "python3 is {text}, and the tests that compare with Gymnasium and onnx need {}: put a python3 of \
                     that version first on PATH; everything else works without",
                    wheels.python
                )),
            }
        }
    };
    finding("Python for the tests", result)
}

fn need(need: &system::Need) -> Finding {
    let result = match need.found() {
        Some(path) => {
            let version = match need.probe {
                Probe::Program("ffmpeg") => first_line(&path, "-version"),
                Probe::Program(_) => first_line(&path, "--version"),
                Probe::Library(_) | Probe::Llvm(_) => None,
            };
            Ok([version, Some(path.display().to_string())]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "))
        }
        None => Err(format!(
            "{}; `{}`",
            need.purpose,
            system::install_command(need.packages)
        )),
    };
    finding(need.title, result)
}

fn firmware(workspace: &Workspace) -> Finding {
    let result = match cross::found(workspace) {
        Some(Cross::Toolchain(path)) => Ok(format!(
            "{} in {}",
            cross::TARGETS.join(", "),
            path.display()
        )),
        Some(Cross::Sysroot(path)) => Ok(format!(
            "{}: Debian's rustc, core in {}",
            cross::TARGETS.join(", "),
            path.display()
        )),
        None => Err(cross::advice()),
    };
    finding("firmware targets", result)
}
