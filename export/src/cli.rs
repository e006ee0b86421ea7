//! The command line: `onnx`, `image`, `inspect`, `verify`. The one place that prints and chooses exit codes.

mod image;
mod inspect;
mod onnx;
mod verify;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

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
