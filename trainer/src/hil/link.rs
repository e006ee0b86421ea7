//! [`Link`]: bytes to and from a board, with a time limit on waiting. It does not know what they mean.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serialport::SerialPort;

use super::emulator::Emulator;
use super::{HilError, LinkAddress};

/// An open link. Dropping it closes it, and ends the emulator behind it if there is one.
#[derive(Debug)]
pub struct Link {
    stream: Stream,
    name: String,
    emulator: Option<Emulator>,
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Serial(Box<dyn SerialPort>),
}

impl Link {
    /// Opens the link, starting the emulator if the address names one.
    ///
    /// # Errors
    /// If there is nothing at the other end, or no firmware to start.
    pub fn open(address: &LinkAddress) -> Result<Self, HilError> {
        let name = address.to_string();
        let failed = |source| HilError::Link {
            link: name.clone(),
            action: "cannot open",
            source,
        };
        let (stream, emulator) = match address {
            LinkAddress::Qemu { machine, elf } => {
                let elf = match elf {
                    Some(elf) => elf.clone(),
                    None => machine.firmware()?,
                };
                let (emulator, stream) = Emulator::start(machine, &elf)?;
                (Stream::Unix(stream), Some(emulator))
            }
            LinkAddress::Serial { device, baud } => {
                let port = serialport::new(device, *baud)
                    .timeout(Duration::from_millis(1))
                    .open()
                    .map_err(|error| failed(error.into()))?;
                (Stream::Serial(port), None)
            }
            LinkAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).map_err(failed)?;
                // A frame is small and waited for: it must not wait for company.
                stream.set_nodelay(true).map_err(failed)?;
                (Stream::Tcp(stream), None)
            }
        };
        Ok(Self {
            stream,
            name,
            emulator,
        })
    }

    /// The address it was opened with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What can be known about the other end when it does not answer.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.emulator {
            Some(emulator) => format!("the emulator and the board said: {}", emulator.said()),
            None => "is the board powered, flashed and wired, and the baud rate right?".to_owned(),
        }
    }

    /// How long a question of `len` bytes and an answer no longer than that are on a serial wire, ten bits per byte.
    #[must_use]
    pub fn wire_time(&self, len: usize) -> Duration {
        match &self.stream {
            Stream::Serial(port) => {
                let bits = 2.0 * 10.0 * len as f64;
                let baud = port.baud_rate().unwrap_or(9_600).max(1);
                Duration::from_secs_f64(bits / f64::from(baud))
            }
            Stream::Unix(_) | Stream::Tcp(_) => Duration::ZERO,
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// If the link is broken.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), HilError> {
        let sent = match &mut self.stream {
            Stream::Unix(stream) => stream.write_all(bytes),
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Serial(port) => port.write_all(bytes),
        };
        sent.map_err(|source| match source.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.closed(),
            _ => self.failed("cannot send", source),
        })
    }

    /// Receives what is there into `buffer`, waiting up to `timeout` for the first byte; `0` if none came.
    ///
    /// # Errors
    /// If the link is broken or closed.
    pub fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, HilError> {
        // A zero time limit would mean none.
        let timeout = timeout.max(Duration::from_micros(1));
        let received = match &mut self.stream {
            Stream::Unix(stream) => stream
                .set_read_timeout(Some(timeout))
                .and_then(|()| stream.read(buffer)),
            Stream::Tcp(stream) => stream
                .set_read_timeout(Some(timeout))
                .and_then(|()| stream.read(buffer)),
            Stream::Serial(port) => port
                .set_timeout(timeout.max(Duration::from_millis(1)))
                .map_err(io::Error::from)
                .and_then(|()| port.read(buffer)),
        };
        match received {
            Ok(0) => Err(self.closed()),
            Ok(n) => Ok(n),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => Ok(0),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Err(self.closed()),
                _ => Err(self.failed("cannot receive", error)),
            },
        }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> HilError {
        HilError::Link {
            link: self.name.clone(),
            action,
            source,
        }
    }

    fn closed(&self) -> HilError {
        HilError::Closed {
            link: self.name.clone(),
            hint: self.hint(),
        }
    }
}
