//! [`Server`]: answers the host's questions, one at a time, and acts on each once. `runtime/docs/wire.md` is the
//! protocol.

use rlfd_runtime::image::IMAGE_VERSION;
use rlfd_runtime::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, Judgement, Refusal, ReplyCache, UpdateMessage,
    UpdateRefusal, UpdateStatus, Values, WIRE_VERSION, frame_len,
};
use rlfd_runtime::{Event, Outcome, Phase, PolicyImage};

use crate::control_loop::ControlLoop;
use crate::machine::LinkedMachine;
use crate::memory::{
    ANSWER_LEN, COMMAND_DIM, IMAGE, MEASUREMENT_DIM, Memory, QUESTION_LEN, SETPOINT_DIM,
};
use crate::port::Port;
use crate::text::log_hex;

/// The application: the loop and both ends of its side of the link.
#[derive(Debug)]
pub struct Server<'m, U = NoUpdates> {
    reader: &'m mut FrameReader<QUESTION_LEN>,
    responder: Responder<'m, U>,
}

/// What becomes of messages about another policy.
pub trait Updates {
    /// Acts on one.
    ///
    /// # Errors
    /// Why not.
    fn take(&mut self, message: UpdateMessage<'_>) -> Result<UpdateStatus, UpdateRefusal>;
}

/// They are refused.
#[derive(Debug)]
pub struct NoUpdates;

impl Updates for NoUpdates {
    fn take(&mut self, _message: UpdateMessage<'_>) -> Result<UpdateStatus, UpdateRefusal> {
        Err(UpdateRefusal::Unsupported)
    }
}

/// What acts on questions. Apart from the reader, because a question lies in the reader's memory.
#[derive(Debug)]
struct Responder<'m, U> {
    /// `None` if the image is damaged.
    control: Option<ControlLoop<'m>>,
    replies: &'m mut ReplyCache<ANSWER_LEN>,
    bad_frames: u32,
    repeated: u32,
    updates: U,
}

impl<'m> Server<'m> {
    /// Checks the linked-in image and tests the policy, and says so in the log.
    pub fn boot(memory: &'m mut Memory, port: &mut impl Port) -> Self {
        let machine = LinkedMachine::new(&mut memory.measurement, &mut memory.command);
        let mut control =
            ControlLoop::new(&IMAGE.0, &mut memory.arena, &mut memory.control, machine);
        report(&mut control, port);
        Self::open(control, &mut memory.reader, &mut memory.replies, NoUpdates)
    }
}

impl<'m, U: Updates> Server<'m, U> {
    /// Both ends of the link around a loop.
    pub(crate) fn open(
        control: Option<ControlLoop<'m>>,
        reader: &'m mut FrameReader<QUESTION_LEN>,
        replies: &'m mut ReplyCache<ANSWER_LEN>,
        updates: U,
    ) -> Self {
        Self {
            reader,
            responder: Responder {
                control,
                replies,
                bad_frames: 0,
                repeated: 0,
                updates,
            },
        }
    }

    /// What becomes of messages about another policy.
    pub fn updates(&self) -> &U {
        &self.responder.updates
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
    pub fn control(&mut self) -> Option<&mut ControlLoop<'m>> {
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

impl<U: Updates> Responder<'_, U> {
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
                        Outcome::Refused(fault) | Outcome::Held(fault) => Some(fault),
                        Outcome::Acted | Outcome::NotRunning => None,
                    },
                    values: Values::from(control.machine().command()),
                }
            }
            HostMessage::Part { first, values } => {
                if let Err(refusal) = begin_measurement(control, first, values) {
                    return refuse(question, refusal, port);
                }
                BoardMessage::Accepted
            }
            HostMessage::Setpoint { values } => {
                if !control.set_setpoint(values) {
                    let expected = SETPOINT_DIM as u16;
                    return refuse(question, Refusal::Setpoint { expected }, port);
                }
                BoardMessage::Accepted
            }
            HostMessage::Update(message) => match self.updates.take(message) {
                Ok(status) => BoardMessage::Update(status),
                Err(refusal) => return refuse(question, Refusal::Update(refusal), port),
            },
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
fn measure(control: &mut ControlLoop<'_>, time_us: u64, values: Values<'_>) -> Result<(), Refusal> {
    expect_episode(control)?;
    if control.machine().measured(time_us, values) {
        Ok(())
    } else {
        Err(Refusal::Width {
            expected: MEASUREMENT_DIM as u16,
        })
    }
}

/// Hands the next numbers of a measurement to the machine's sensors.
fn begin_measurement(
    control: &mut ControlLoop<'_>,
    first: u32,
    values: Values<'_>,
) -> Result<(), Refusal> {
    expect_episode(control)?;
    let machine = control.machine();
    if usize::try_from(first).is_ok_and(|first| machine.part(first, values)) {
        Ok(())
    } else {
        Err(Refusal::Part {
            expected: machine.received() as u32,
        })
    }
}

fn expect_episode(control: &ControlLoop<'_>) -> Result<(), Refusal> {
    match control.phase() {
        Phase::Running { .. } | Phase::Faulted { .. } | Phase::Fallback { .. } => Ok(()),
        Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => Err(Refusal::NoEpisode),
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
fn announce(
    control: &mut ControlLoop<'_>,
    question: &Frame<HostMessage<'_>>,
    port: &mut impl Port,
) {
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
}
