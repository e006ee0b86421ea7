//! [`Server`]: answers the host's questions, one at a time, and acts on each once. `runtime/docs/wire.md` is the
//! protocol.

use rlfd_runtime::image::IMAGE_VERSION;
use rlfd_runtime::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, Judgement, Refusal, ReplyCache, Values,
    WIRE_VERSION, frame_len,
};
use rlfd_runtime::{Event, Outcome, Phase, PolicyImage};

use crate::control_loop::ControlLoop;
use crate::machine::LinkedMachine;
use crate::memory::{COMMAND_DIM, IMAGE, MEASUREMENT_DIM, Memory};
use crate::port::Port;
use crate::text::log_hex;

/// The application: the loop and both ends of its side of the link.
#[derive(Debug)]
pub struct Server {
    reader: &'static mut FrameReader<{ frame_len(MEASUREMENT_DIM) }>,
    responder: Responder,
}

/// What acts on questions. Apart from the reader, because a question lies in the reader's memory.
#[derive(Debug)]
struct Responder {
    /// `None` if the image is damaged.
    control: Option<ControlLoop>,
    replies: &'static mut ReplyCache<{ frame_len(COMMAND_DIM) }>,
    bad_frames: u32,
    repeated: u32,
}

impl Server {
    /// Checks the linked-in image and tests the policy, and says so in the log.
    pub fn boot(memory: &'static mut Memory, port: &mut impl Port) -> Self {
        let machine = LinkedMachine::new(&mut memory.measurement, &mut memory.command);
        let mut control =
            ControlLoop::new(&IMAGE.0, &mut memory.arena, &mut memory.control, machine);
        report(&mut control, port);
        Self {
            reader: &mut memory.reader,
            responder: Responder {
                control,
                replies: &mut memory.replies,
                bad_frames: 0,
                repeated: 0,
            },
        }
    }

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
    pub fn control(&mut self) -> Option<&mut ControlLoop> {
        self.responder.control.as_mut()
    }

    /// Takes one byte, and answers if it completes a question.
    pub fn receive(&mut self, byte: u8, port: &mut impl Port) {
        let Some(received) = self.reader.push(byte) else {
            return;
        };
        match received.and_then(Frame::<HostMessage<'_>>::decode) {
            Ok(question) => self.responder.respond(&question, port),
            Err(_) => self.responder.bad_frames = self.responder.bad_frames.wrapping_add(1),
        }
    }
}

impl Responder {
    fn respond<P: Port>(&mut self, question: &Frame<HostMessage<'_>>, port: &mut P) {
        let opens = matches!(question.message, HostMessage::Hello { .. });
        match self.replies.judge(question, opens) {
            Judgement::New => self.act(question, port),
            Judgement::Repeated => {
                self.repeated = self.repeated.wrapping_add(1);
                send(self.replies.reply(), port);
            }
            Judgement::Stale => self.repeated = self.repeated.wrapping_add(1),
            Judgement::Stranger => refuse(question, Refusal::NoSession, port),
        }
    }

    fn act<P: Port>(&mut self, question: &Frame<HostMessage<'_>>, port: &mut P) {
        let Some(control) = &mut self.control else {
            return refuse(question, Refusal::Image, port);
        };
        let answer = match question.message {
            HostMessage::Hello {
                version,
                contract_id,
            } => {
                if let Err(refusal) = agree(control.image(), version, contract_id) {
                    return refuse(question, refusal, port);
                }
                self.bad_frames = 0;
                self.repeated = 0;
                control.restart();
                announce(control, question, port);
                greeting(control.image(), P::NAME)
            }
            HostMessage::Reset { episode } => {
                let phase = control.begin();
                announce(control, question, port);
                BoardMessage::Ready { episode, phase }
            }
            HostMessage::Measurement { time_us, values } => {
                if let Err(refusal) = measure(control, time_us, values) {
                    return refuse(question, refusal, port);
                }
                let began_ns = port.now_ns();
                let cycle = control.step();
                let duration_ns = port.now_ns().wrapping_sub(began_ns) as u32;
                announce(control, question, port);
                BoardMessage::Command {
                    tick: cycle.tick,
                    duration_ns,
                    clamped: cycle.clamped,
                    slew_limited: cycle.slew_limited,
                    fault: match cycle.outcome {
                        Outcome::Refused(fault) => Some(fault),
                        Outcome::Acted | Outcome::NotRunning => None,
                    },
                    values: Values::from(control.machine().command()),
                }
            }
            HostMessage::Bye => {
                let counters = control.events().counters();
                control.restart();
                announce(control, question, port);
                BoardMessage::Bye {
                    acted: counters.acted,
                    refused: counters.refused,
                    bad_frames: self.bad_frames,
                    repeated: self.repeated,
                }
            }
        };
        // The answer's buffer is made for the longest one, so there is no error to tell the host about.
        if let Ok(bytes) = self.replies.answer(&numbered(question, answer)) {
            send(bytes, port);
        }
    }
}

fn agree(image: &PolicyImage<'_>, version: u16, contract_id: u64) -> Result<(), Refusal> {
    if version != WIRE_VERSION {
        return Err(Refusal::Version {
            board: WIRE_VERSION,
        });
    }
    if contract_id != image.contract_id() {
        return Err(Refusal::Contract {
            board: image.contract_id(),
        });
    }
    Ok(())
}

fn greeting<'a>(image: &PolicyImage<'_>, board: &'a str) -> BoardMessage<'a> {
    BoardMessage::Hello {
        version: WIRE_VERSION,
        image_version: IMAGE_VERSION,
        image_checksum: image.checksum(),
        contract_id: image.contract_id(),
        period_us: image.period_us(),
        measurement_dim: MEASUREMENT_DIM as u16,
        command_dim: COMMAND_DIM as u16,
        board,
    }
}

/// Hands a measurement to the machine's sensors.
fn measure(control: &mut ControlLoop, time_us: u64, values: Values<'_>) -> Result<(), Refusal> {
    if !matches!(
        control.phase(),
        Phase::Running { .. } | Phase::Faulted { .. }
    ) {
        return Err(Refusal::NoEpisode);
    }
    if values.copy_to(control.machine().measured_at(time_us)) {
        Ok(())
    } else {
        Err(Refusal::Width {
            expected: MEASUREMENT_DIM as u16,
        })
    }
}

fn numbered<'a>(
    question: &Frame<HostMessage<'_>>,
    message: BoardMessage<'a>,
) -> Frame<BoardMessage<'a>> {
    Frame {
        session: question.session,
        sequence: question.sequence,
        message,
    }
}

/// Tells the host of every phase entered since the last time.
fn announce(control: &mut ControlLoop, question: &Frame<HostMessage<'_>>, port: &mut impl Port) {
    while let Some(event) = control.events().pop() {
        if matches!(event, Event::Entered { .. }) {
            send_once(&numbered(question, BoardMessage::Event(event)), port);
        }
    }
}

fn refuse(question: &Frame<HostMessage<'_>>, refusal: Refusal, port: &mut impl Port) {
    send_once(&numbered(question, BoardMessage::Refused(refusal)), port);
}

/// Sends a message that is not remembered: whoever misses it asks again, or can do without.
fn send_once(message: &Frame<BoardMessage<'_>>, port: &mut impl Port) {
    let mut buffer = [0; frame_len(0)];
    if let Ok(bytes) = message.encode(&mut buffer) {
        send(bytes, port);
    }
}

fn send(bytes: &[u8], port: &mut impl Port) {
    for byte in bytes {
        port.write(*byte);
    }
}

fn report<P: Port>(control: &mut Option<ControlLoop>, port: &mut P) {
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
}
