//! [`Emulator`]: QEMU running a board's firmware, for as long as the value lives. It does not know what the bytes mean.

use std::env;
use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tempfile::NamedTempFile;

use super::HilError;

/// How long QEMU may take to open its end of the link on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// An emulated board.
#[derive(Debug, PartialEq)]
pub struct Machine {
    /// Name of the board, of its package and of its program.
    pub name: &'static str,
    /// What its firmware is compiled for.
    pub target: &'static str,
    /// The emulator.
    pub program: &'static str,
    /// Debian's package with the emulator.
    pub package: &'static str,
    /// What makes the emulator this board.
    pub arguments: &'static [&'static str],
}

/// What connects a board's network chip to a network that reaches nothing: QEMU warns of a chip without one.
const ISLAND: [&str; 2] = ["-nic", "user,restrict=on"];

/// A board whose emulator is QEMU's for Arm.
const fn arm(
    name: &'static str,
    target: &'static str,
    arguments: &'static [&'static str],
) -> Machine {
    Machine {
        name,
        target,
        program: "qemu-system-arm",
        package: "qemu-system-arm",
        arguments,
    }
}

/// The boards of `firmware-examples` that an emulator can be.
pub const MACHINES: [Machine; 6] = [
    arm(
        "mps2-an386",
        "thumbv7em-none-eabihf",
        &["-machine", "mps2-an386", ISLAND[0], ISLAND[1]],
    ),
    Machine {
        name: "riscv-virt",
        target: "riscv32imafc-unknown-none-elf",
        program: "qemu-system-riscv32",
        package: "qemu-system-misc",
        arguments: &["-machine", "virt", "-bios", "none"],
    },
    arm("microbit", "thumbv6m-none-eabi", &["-machine", "microbit"]),
    arm(
        "lm3s6965evb",
        "thumbv7m-none-eabi",
        &["-machine", "lm3s6965evb", ISLAND[0], ISLAND[1]],
    ),
    arm(
        "mps2-an500",
        "thumbv7em-none-eabihf",
        &["-machine", "mps2-an500", ISLAND[0], ISLAND[1]],
    ),
    arm(
        "mps2-an505",
        "thumbv8m.main-none-eabihf",
        &["-machine", "mps2-an505", ISLAND[0], ISLAND[1]],
    ),
];

/// The board of that name.
#[must_use]
pub fn machine(name: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name == name)
}

pub(super) fn names() -> String {
    MACHINES.map(|machine| machine.name).join(", ")
}

impl Machine {
    /// Where the firmware workspace puts this board's program: in the nearest `firmware-examples` in or above the
    /// current folder.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn firmware(&'static self) -> Result<PathBuf, HilError> {
        let start = env::current_dir().unwrap_or_default();
        let workspace = start
            .ancestors()
            .map(|folder| folder.join("firmware-examples"))
            .find(|folder| folder.join("Cargo.toml").is_file())
            .ok_or(HilError::NoFirmwareFolder {
                start: start.clone(),
                board: self.name,
            })?;
        Ok(workspace
            .join("target")
            .join(self.target)
            .join("release")
            .join(self.name))
    }
}

/// A running emulator. Dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    said: NamedTempFile,
}

impl Emulator {
    /// Starts `machine` with the program `elf`; the stream is the board's UART.
    ///
    /// # Errors
    /// If there is no such file, QEMU is not installed, or it ends at once.
    pub fn start(machine: &'static Machine, elf: &Path) -> Result<(Self, UnixStream), HilError> {
        if !elf.is_file() {
            return Err(HilError::NoFirmware {
                path: elf.to_owned(),
                board: machine.name,
            });
        }
        let link_error = |source| HilError::Link {
            link: format!("qemu:{}", machine.name),
            action: "cannot open a socket for the board's UART",
            source,
        };
        let folder = tempfile::tempdir().map_err(link_error)?;
        let socket = folder.path().join("uart");
        let listener = UnixListener::bind(&socket).map_err(link_error)?;
        let said = NamedTempFile::new().map_err(link_error)?;
        let mut command = Command::new(machine.program);
        command
            .args(machine.arguments)
            .args(["-nodefaults", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .arg("-chardev")
            .arg(format!("socket,id=uart,path={}", escape(&socket)))
            .args(["-serial", "chardev:uart"])
            .arg("-kernel")
            .arg(elf)
            .stdin(Stdio::null())
            .stdout(said.as_file().try_clone().map_err(link_error)?)
            .stderr(said.as_file().try_clone().map_err(link_error)?);
        end_with_parent(&mut command);
        let child = command.spawn().map_err(|source| HilError::NoEmulator {
            program: machine.program,
            package: machine.package,
            source,
        })?;
        let mut emulator = Self { child, said };
        let stream = emulator.accept(&listener).map_err(|error| match error {
            AcceptError::Socket(source) => link_error(source),
            AcceptError::Ended(status) => HilError::EmulatorEnded {
                program: machine.program,
                status,
                said: emulator.said(),
            },
        })?;
        Ok((emulator, stream))
    }

    /// What the emulator and the board's log have said so far.
    #[must_use]
    pub fn said(&self) -> String {
        match fs::read(self.said.path()) {
            Ok(text) if text.trim_ascii().is_empty() => "nothing".to_owned(),
            Ok(text) => String::from_utf8_lossy(&text).trim().replace('\n', "; "),
            Err(error) => format!("(unreadable: {error})"),
        }
    }

    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream, AcceptError> {
        listener
            .set_nonblocking(true)
            .map_err(AcceptError::Socket)?;
        let began = Instant::now();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(AcceptError::Socket)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(AcceptError::Socket(error)),
            }
            if let Some(status) = self.child.try_wait().map_err(AcceptError::Socket)? {
                return Err(AcceptError::Ended(status.to_string()));
            }
            if began.elapsed() > START_TIMEOUT {
                return Err(AcceptError::Socket(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

enum AcceptError {
    Socket(io::Error),
    Ended(String),
}

/// Has the kernel end the child when the thread that starts it ends, however that ends: a killed process drops nothing.
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let arrange = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that was gone before this arrangement sends no signal any more.
        match getppid() {
            Some(now) if now.as_raw_nonzero().get().cast_unsigned() == parent => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    };
    // SAFETY: between fork and exec only system calls happen, which take no lock and allocate nothing.
    unsafe { command.pre_exec(arrange) };
}

/// QEMU splits its options at commas; a doubled comma is one.
fn escape(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
