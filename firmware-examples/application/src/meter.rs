//! [`measure`]: what the firmware costs on this board, found out by holding a conversation with itself. The wire's
//! time is not in it: that depends on the wire.

use rlfd_runtime::PolicyImage;
use rlfd_runtime::wire::{Frame, HostMessage, Values, WIRE_VERSION, frame_len};

use crate::memory::{IMAGE, MEASUREMENT_DIM, Memory};
use crate::port::Port;
use crate::server::Server;
use crate::stack::Stack;

/// Enough for the board's coarsest clock to tell single instructions apart.
const STEPS: u32 = 100;

/// Boots, serves a scripted host and writes one `name value` line per finding to the log.
pub fn measure(memory: &'static mut Memory, stack: &Stack, port: &mut impl Port) {
    let mut server = Server::boot(memory, port);
    let Ok(image) = PolicyImage::view(&IMAGE.0) else {
        return;
    };
    let measurement = [0.1; MEASUREMENT_DIM];
    let mut host = Host {
        port,
        sequence: 0,
        answered: 0,
    };
    host.ask(
        &mut server,
        HostMessage::Hello {
            version: WIRE_VERSION,
            contract_id: image.contract_id(),
        },
    );
    host.ask(&mut server, HostMessage::Reset { episode: 0 });
    let mut answering = 0;
    for step in 0..STEPS {
        answering += host.ask(
            &mut server,
            HostMessage::Measurement {
                time_us: u64::from(step) * u64::from(image.period_us()),
                values: Values::from(measurement.as_slice()),
            },
        );
    }
    let answered = host.answered;
    let Some(control) = server.control() else {
        return;
    };
    control.begin();
    control
        .machine()
        .measured(0, Values::from(measurement.as_slice()));
    let began = port.instructions();
    for _ in 0..STEPS {
        control.step();
    }
    let stepping = port.instructions().wrapping_sub(began);

    finding("stack_bytes", stack.high_water() as u64, port);
    finding("instructions_per_step", stepping / u64::from(STEPS), port);
    finding(
        "instructions_per_answer",
        answering / u64::from(STEPS),
        port,
    );
    finding("bytes_per_answer", answered / u64::from(STEPS + 2), port);
}

/// A host at no distance: what it asks is there at once, what it is told it counts.
struct Host<'p, P> {
    port: &'p mut P,
    sequence: u32,
    answered: u64,
}

impl<P: Port> Host<'_, P> {
    /// Instructions from the first byte of the question to the last of the answer.
    fn ask(&mut self, server: &mut Server<'_>, message: HostMessage<'_>) -> u64 {
        self.sequence += 1;
        let question = Frame {
            session: 1,
            sequence: self.sequence,
            message,
        };
        let mut buffer = [0; frame_len(MEASUREMENT_DIM)];
        let Ok(bytes) = question.encode(&mut buffer) else {
            return 0;
        };
        let began = self.port.instructions();
        for byte in bytes {
            server.receive(*byte, self);
        }
        self.port.instructions().wrapping_sub(began)
    }
}

impl<P: Port> Port for Host<'_, P> {
    const NAME: &'static str = P::NAME;

    fn read(&mut self) -> Option<u8> {
        None
    }

    fn write(&mut self, _byte: u8) {
        self.answered += 1;
    }

    fn wait(&mut self) {}

    fn now_ns(&mut self) -> u64 {
        self.port.now_ns()
    }

    fn instructions(&mut self) -> u64 {
        self.port.instructions()
    }

    fn log(&mut self, text: &str) {
        self.port.log(text);
    }
}

fn finding(name: &str, value: u64, port: &mut impl Port) {
    port.log(name);
    port.log(" ");
    crate::text::log_decimal(value, port);
    port.log("\n");
}
