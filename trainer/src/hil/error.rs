//! [`HilError`]: why a board cannot be reached, or answers what it should not.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rlfd_runtime::image::ImageError;
use rlfd_runtime::wire::{Refusal, WireError};
use thiserror::Error;

use crate::env::EnvError;

/// Why hardware in the loop does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HilError {
    /// The text names no link.
    #[error(
        "link `{text}`: {reason}; expected qemu:BOARD (one of {boards}), qemu:BOARD=ELF, \
         serial:DEVICE@BAUD or tcp:HOST:PORT",
        boards = super::emulator::names()
    )]
    Address {
        /// As given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No firmware to run.
    #[error(
        "{}: no firmware for {board}; build it with `cargo xtask firmware build --board {board} --image FILE`",
        path.display()
    )]
    NoFirmware {
        /// Where it was looked for.
        path: PathBuf,
        /// For which board.
        board: &'static str,
    },
    /// `firmware-examples` is not in sight.
    #[error(
        "no folder `firmware-examples` in or above {}; run from the repository or give qemu:{board}=ELF",
        start.display()
    )]
    NoFirmwareFolder {
        /// Where the search began.
        start: PathBuf,
        /// For which board.
        board: &'static str,
    },
    /// The emulator's program did not start.
    #[error(
        "cannot run {program} of Debian's package {package} (`cargo xtask doctor` tells what else is missing)"
    )]
    NoEmulator {
        /// The program.
        program: &'static str,
        /// Its Debian package.
        package: &'static str,
        /// Why it did not start.
        source: io::Error,
    },
    /// The emulator ended by itself.
    #[error("{program} ended by itself ({status}); it said: {said}")]
    EmulatorEnded {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: String,
        /// Its output and the board's.
        said: String,
    },
    /// Bytes cannot be sent or received.
    #[error("link {link}: {action}")]
    Link {
        /// The link as text.
        link: String,
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The other end closed the link.
    #[error("link {link}: closed by the other end; {hint}")]
    Closed {
        /// The link as text.
        link: String,
        /// What the board said last, if it can be known.
        hint: String,
    },
    /// No valid answer.
    #[error(
        "link {link}: no valid answer to {what} after {attempts} attempts in {waited:?}; {hint}"
    )]
    Silent {
        /// The link as text.
        link: String,
        /// The message that was not answered.
        what: &'static str,
        /// How often it was sent.
        attempts: u32,
        /// How long that took.
        waited: Duration,
        /// What the board said, if it can be known.
        hint: String,
    },
    /// The board speaks another version, runs another image or wires up another contract.
    #[error("link {link}: the board's {what} is {found}, expected {expected}; {advice}")]
    Mismatch {
        /// The link as text.
        link: String,
        /// What differs.
        what: &'static str,
        /// On the board.
        found: String,
        /// On this side.
        expected: String,
        /// What to do.
        advice: String,
    },
    /// The board cannot answer.
    #[error("link {link}: the board refused {what}; {advice}")]
    Refused {
        /// The link as text.
        link: String,
        /// The message it refused.
        what: &'static str,
        /// Why.
        source: Refusal,
        /// What to do.
        advice: String,
    },
    /// A question does not fit a frame.
    #[error("link {link}: the measurement does not fit a frame")]
    Encode {
        /// The link as text.
        link: String,
        /// Why.
        source: WireError,
    },
    /// The board answered something else than asked.
    #[error("link {link}: the board answered {found} to {what}")]
    Unexpected {
        /// The link as text.
        link: String,
        /// The message it answered.
        what: &'static str,
        /// Its answer.
        found: String,
    },
    /// The image file is no image.
    #[error("{}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ImageError,
    },
    /// The file for an update is no signed image.
    #[error(
        "{}: not a signed image; sign a .rlfd file with `cargo export sign FILE.rlfd --key NAME.key --counter N`",
        path.display()
    )]
    NotSigned {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Image and environment do not fit together.
    #[error(
        "environment {env} and the image's contract differ: {what}: expected {expected}, found {found}"
    )]
    Contract {
        /// The environment.
        env: String,
        /// What differs.
        what: String,
        /// In the environment.
        expected: String,
        /// In the image.
        found: String,
    },
    /// The environment does not open.
    #[error(transparent)]
    Env(#[from] EnvError),
}

impl HilError {
    /// Whether a board did not take another policy, and goes on with the one it runs.
    #[must_use]
    pub fn is_refused_update(&self) -> bool {
        let Self::Refused { source, .. } = self else {
            return false;
        };
        matches!(source, Refusal::Update(_))
    }
}
