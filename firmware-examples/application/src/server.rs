//! [`Server`]: the runtime's server over the program's memory and a board's port.

use rlfd_runtime::serve::{self, Channel, LinkedMachine, NoUpdates, Tally, Updates};
use rlfd_runtime::{ImagePolicy, Phase};

use crate::control_loop::{ControlLoop, control_loop};
use crate::memory::{ANSWER_LEN, FAMILIARITY, IMAGE, Memory, QUESTION_LEN};
use crate::port::Port;
use crate::text::log_hex;

/// The application: the loop and both ends of its side of the link.
#[derive(Debug)]
pub struct Server<'m, U = NoUpdates>(
    pub(crate) serve::Server<'m, ImagePolicy<'m>, U, QUESTION_LEN, ANSWER_LEN>,
);

/// A board's port as the server sees it.
struct Line<'p, P>(&'p mut P);

impl<P: Port> Channel for Line<'_, P> {
    const NAME: &'static str = P::NAME;

    fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0.write(*byte);
        }
    }

    fn now_ns(&mut self) -> u64 {
        self.0.now_ns()
    }
}

impl<'m> Server<'m> {
    /// Checks the linked-in image and tests the policy, and says so in the log.
    pub fn boot(memory: &'m mut Memory, port: &mut impl Port) -> Self {
        let machine = LinkedMachine::new(&mut memory.measurement, &mut memory.command);
        let mut control = control_loop(&IMAGE.0, &mut memory.arena, &mut memory.control, machine);
        report(&mut control, port);
        let (reader, replies) = (&mut memory.reader, &mut memory.replies);
        let tally = Tally::default();
        Self(serve::Server::new(
            control, reader, replies, NoUpdates, tally,
        ))
    }
}

impl<'m, U: Updates> Server<'m, U> {
    /// Serves for good.
    pub fn serve(&mut self, port: &mut impl Port) -> ! {
        loop {
            match port.read() {
                Some(byte) => self.receive(byte, port),
                None => port.wait(),
            }
        }
    }

    /// The loop it serves; `None` if the image is damaged.
    pub fn control(&mut self) -> Option<&mut ControlLoop<'m>> {
        self.0.control()
    }

    /// Takes one byte, and answers if it completes a question.
    pub fn receive(&mut self, byte: u8, port: &mut impl Port) {
        self.0.receive(byte, &mut Line(port));
    }
}

pub(crate) fn report<P: Port>(control: &mut Option<ControlLoop<'_>>, port: &mut P) {
    port.log("rlfd on ");
    port.log(P::NAME);
    let Some(control) = control else {
        port.log(": the image is damaged, every question will be refused\n");
        return;
    };
    port.log(": image ");
    log_hex(control.image().checksum(), port);
    port.log(" for ");
    port.log(control.image().environment());
    port.log(match control.restart() {
        Phase::Armed { .. } => ", self-test passed, waiting for Hello\n",
        _ => ", SELF-TEST FAILED\n",
    });
    if FAMILIARITY.is_some() && control.image().statistics().is_none() {
        port.log("it has no statistics: NO GUARD against unfamiliar observations\n");
    }
}
