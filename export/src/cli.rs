//! The command line: `onnx`, `image`, `inspect`, `verify`, `run`, `rust`, `keygen`, `sign`. The one place that prints and chooses exit
//! codes.

mod image;
mod inspect;
mod onnx;
mod run;
mod rust;
mod sign;
mod verify;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::LowerOptions;

/// Turns policy.pt into ONNX and into a policy image.
///
/// `export` is also a word of the shell: type `cargo export …`, `rlfd-export …` or a path.
///
/// Exit status: 0 done, 1 ran and the answer is no, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "rlfd-export", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Onnx(onnx::Onnx),
    Image(image::Image),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Run(run::Run),
    Rust(rust::Rust),
    Keygen(sign::Keygen),
    Sign(sign::Sign),
}

/// What a command that ran has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

/// Runs the program on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let answer = match Cli::parse().command {
        Command::Onnx(command) => command.run(),
        Command::Image(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Rust(command) => command.run(),
        Command::Keygen(command) => command.run(),
        Command::Sign(command) => command.run(),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Puts a result on stdout. A reader that has seen enough, such as `head`, is no error.
fn print(result: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(result.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("stdout"),
    }
}

/// Which part of an ONNX model is the policy.
#[derive(Debug, clap::Args)]
struct Selection {
    /// Output that belongs to the action; may be repeated [default: all that depend on an input and are no state]
    #[arg(
        id = "output",
        long = "output",
        alias = "output-name",
        value_name = "NAME"
    )]
    outputs: Vec<String>,
    /// Who carries recurrent state that is recognised by its names
    #[arg(long, value_enum, default_value_t = Carrier::Policy)]
    state: Carrier,
    /// What becomes of nodes that sample, such as RandomNormalLike, where an output needs them
    #[arg(long, value_enum, default_value_t = Sampling::Refuse)]
    sampling: Sampling,
}

/// Who carries recurrent state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Carrier {
    /// The policy, until it is reset
    Policy,
    /// The caller: it stays inputs and outputs
    Caller,
}

/// What becomes of nodes that sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sampling {
    /// A policy that needs one is refused
    Refuse,
    /// They give their mean
    Mean,
}

impl Selection {
    fn options(&self) -> LowerOptions {
        LowerOptions {
            outputs: self.outputs.clone(),
            state_by_caller: self.state == Carrier::Caller,
            sampling_mean: self.sampling == Sampling::Mean,
            precision: None,
        }
    }
}

/// Where a conversion writes to.
#[derive(Debug, clap::Args)]
struct Destination {
    /// File to write [default: beside the input, with the other suffix]
    #[arg(short, long)]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Destination {
    /// The file to write, which may be replaced.
    fn path(&self, input: &Path, suffix: &str) -> Result<PathBuf> {
        let path = match &self.out {
            Some(path) => path.clone(),
            None => input.with_extension(suffix),
        };
        let exists = path
            .try_exists()
            .with_context(|| path.display().to_string())?;
        if exists && !self.force {
            bail!("{} exists; --force replaces it", path.display());
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn no_two_arguments_share_a_name() {
        Cli::command().debug_assert();
    }
}
