//! [`LinkAddress`]: how a board is named on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::HilError;
use super::emulator::{self, Machine};

/// Where the board is.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkAddress {
    /// An emulator that this process starts and ends.
    Qemu {
        /// The emulated board.
        machine: &'static Machine,
        /// The program to run; `None` takes the one that the firmware workspace builds.
        elf: Option<PathBuf>,
    },
    /// A serial port.
    Serial {
        /// e.g. `/dev/ttyACM0`.
        device: String,
        /// Bits per second.
        baud: u32,
    },
    /// A byte stream behind a network socket.
    Tcp {
        /// Name or number.
        host: String,
        /// Port.
        port: u16,
    },
}

impl FromStr for LinkAddress {
    type Err = HilError;

    fn from_str(text: &str) -> Result<Self, HilError> {
        let refuse = |reason: String| HilError::Address {
            text: text.to_owned(),
            reason,
        };
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| refuse("no kind before a colon".to_owned()))?;
        match kind {
            "qemu" => {
                let (board, elf) = match rest.split_once('=') {
                    Some((board, elf)) => (board, Some(PathBuf::from(elf))),
                    None => (rest, None),
                };
                let machine = emulator::machine(board)
                    .ok_or_else(|| refuse(format!("no board is called `{board}`")))?;
                Ok(Self::Qemu { machine, elf })
            }
            "serial" => {
                let (device, baud) = rest
                    .rsplit_once('@')
                    .ok_or_else(|| refuse("no @BAUD after the device".to_owned()))?;
                let baud =
                    baud.parse().ok().filter(|baud| *baud > 0).ok_or_else(|| {
                        refuse(format!("`{baud}` is no number of bits per second"))
                    })?;
                if device.is_empty() {
                    return Err(refuse("no device before @".to_owned()));
                }
                Ok(Self::Serial {
                    device: device.to_owned(),
                    baud,
                })
            }
            "tcp" => {
                let (host, port) = rest
                    .rsplit_once(':')
                    .ok_or_else(|| refuse("no :PORT after the host".to_owned()))?;
                let port = port
                    .parse()
                    .map_err(|_| refuse(format!("`{port}` is no port")))?;
                if host.is_empty() {
                    return Err(refuse("no host before the port".to_owned()));
                }
                Ok(Self::Tcp {
                    host: host.to_owned(),
                    port,
                })
            }
            other => Err(refuse(format!("`{other}` is no kind of link"))),
        }
    }
}

impl fmt::Display for LinkAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu { machine, elf: None } => write!(formatter, "qemu:{}", machine.name),
            Self::Qemu {
                machine,
                elf: Some(elf),
            } => write!(formatter, "qemu:{}={}", machine.name, elf.display()),
            Self::Serial { device, baud } => write!(formatter, "serial:{device}@{baud}"),
            Self::Tcp { host, port } => write!(formatter, "tcp:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_survives_a_round_trip() {
        for text in [
            "qemu:mps2-an386",
            "qemu:riscv-virt",
            "qemu:mps2-an386=some/firmware.elf",
            "serial:/dev/ttyACM0@115200",
            "tcp:localhost:5555",
            "tcp:[::1]:5555",
        ] {
            let address: LinkAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn a_bad_one_says_what_is_wrong_and_what_is_expected() {
        for (text, reason) in [
            ("mps2-an386", "no kind before a colon"),
            ("qemu:mps3", "no board is called `mps3`"),
            ("serial:/dev/ttyACM0", "no @BAUD"),
            ("serial:/dev/ttyACM0@fast", "`fast` is no number"),
            ("serial:/dev/ttyACM0@0", "`0` is no number"),
            ("serial:@9600", "no device"),
            ("tcp:localhost", "no :PORT"),
            ("tcp:localhost:70000", "`70000` is no port"),
            ("tcp::80", "no host"),
            ("can:0", "`can` is no kind of link"),
        ] {
            let message = text.parse::<LinkAddress>().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
            assert!(
                message.contains("expected qemu:BOARD (one of mps2-an386, riscv-virt, microbit,"),
                "{message}"
            );
        }
    }
}
