//! The control loop of the boards on a robot's Linux computer: the same `Controller`, with the engine, tract or ONNX Runtime, once
//! per period of an absolute clock. The robot is at the other end of a byte stream, where `trainer hil --link tcp:…` simulates
//! it in MuJoCo; what is kept and accounted for here is the time.

pub mod metronome;
pub mod punctuality;
pub mod real_time;
pub mod server;

use std::io::{self, Read, Write};
use std::net::TcpStream;

use metronome::Metronome;
use punctuality::Punctuality;
use rlfd_runtime::Policy;
use server::{Answers, Server};

/// Serves the plant at the other end of `stream` until it hangs up: once per period of the metronome, reads what has come,
/// steps, and answers. Told are the punctuality and the steps done.
///
/// # Errors
/// If the stream breaks otherwise, or the clock does not tell the time.
pub fn serve<P: Policy>(
    server: &mut Server<'_, P>,
    stream: &mut TcpStream,
    mut metronome: Metronome,
) -> io::Result<(Punctuality, u64)> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut punctuality = Punctuality::new(metronome.period());
    let mut arrived = [0; 4096];
    let mut answers = Answers::new();
    let mut steps = 0;
    loop {
        let beat = metronome.wait()?;
        let n_arrived = match stream.read(&mut arrived) {
            Ok(0) => return Ok((punctuality, steps)),
            Ok(n_arrived) => n_arrived,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Ok((punctuality, steps));
            }
            Err(error) => return Err(error),
        };
        let steps_before = steps;
        answers.bytes.clear();
        for byte in arrived.iter().take(n_arrived) {
            steps += u64::from(server.receive(*byte, &mut answers).is_some());
        }
        match stream.write(&answers.bytes) {
            // An answer that finds no room is lost like any frame; the plant asks again.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok((punctuality, steps));
            }
            Err(error) => return Err(error),
        }
        punctuality.add(&beat, metronome.now()?, steps != steps_before);
    }
}
