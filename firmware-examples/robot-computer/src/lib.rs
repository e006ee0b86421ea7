//! The control loop of the boards on a robot's Linux computer: the same `Controller`, with the engine, tract or ONNX Runtime, once
//! per period of an absolute clock. The robot is at the other end of a byte stream, where `trainer hil --link tcp:…` simulates
//! it in MuJoCo; what is kept and accounted for here is the time.

pub mod machine;
pub mod metronome;
pub mod punctuality;
pub mod real_time;
pub mod server;

use std::io::{self, Read, Write};
use std::net::TcpStream;

use metronome::Metronome;
use punctuality::Punctuality;
use rlfd_runtime::Policy;
use server::Server;

/// Serves the plant at the other end of `stream` until it hangs up: once per period of the metronome, reads what has come,
/// steps, and answers.
///
/// # Errors
/// If the stream breaks otherwise, or the clock does not tell the time.
pub fn serve<P: Policy>(
    server: &mut Server<'_, P>,
    stream: &mut TcpStream,
    mut metronome: Metronome,
) -> io::Result<Punctuality> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut punctuality = Punctuality::new(metronome.period());
    let mut arrived = [0; 4096];
    loop {
        let beat = metronome.wait()?;
        let n_arrived = match stream.read(&mut arrived) {
            Ok(0) => return Ok(punctuality),
            Ok(n_arrived) => n_arrived,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(punctuality),
            Err(error) => return Err(error),
        };
        let steps_before = server.steps();
        let mut answer = Vec::new();
        for byte in arrived.iter().take(n_arrived) {
            server.receive(*byte, &mut answer);
        }
        match stream.write(&answer) {
            // An answer that finds no room is lost like any frame; the plant asks again.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(punctuality),
            Err(error) => return Err(error),
        }
        let stepped = server.steps() != steps_before;
        punctuality.add(&beat, metronome.now()?, stepped);
    }
}
