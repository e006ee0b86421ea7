//! [`Server`]: answers the host's questions, one at a time, and acts on each once.

use super::LinkedLoop;
use crate::control::{Cycle, Outcome, Phase};
use crate::image::{IMAGE_VERSION, PolicyImage};
use crate::policy::Policy;
use crate::telemetry::Event;
use crate::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, Judgement, Refusal, ReplyCache, UpdateMessage,
    UpdateRefusal, UpdateStatus, Values, WIRE_VERSION, frame_len,
};

/// What carries the answers.
pub trait Channel {
    /// Who answers, for people; 32 bytes at most.
    const NAME: &'static str;

    /// Sends bytes. Those that find no room may be lost: whoever misses an answer asks again.
    fn send(&mut self, bytes: &[u8]);

    /// Nanoseconds of any clock, by which the host is told how long a step took.
    fn now_ns(&mut self) -> u64;
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
#[derive(Clone, Copy, Debug)]
pub struct NoUpdates;

impl Updates for NoUpdates {
    fn take(&mut self, _message: UpdateMessage<'_>) -> Result<UpdateStatus, UpdateRefusal> {
        Err(UpdateRefusal::Unsupported)
    }
}

/// What was wrong with the questions of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames that were not accepted.
    pub bad_frames: u32,
    /// Questions that came more than once.
    pub repeated: u32,
}

/// A loop and both ends of its side of the link, over buffers for questions of up to `QUESTION` bytes and answers of up to
/// `ANSWER`.
#[derive(Debug)]
pub struct Server<'a, P, U, const QUESTION: usize, const ANSWER: usize> {
    reader: &'a mut FrameReader<QUESTION>,
    responder: Responder<'a, P, U, ANSWER>,
}

/// What acts on questions. Apart from the reader, because a question lies in the reader's memory.
#[derive(Debug)]
struct Responder<'a, P, U, const ANSWER: usize> {
    /// `None` if the image is damaged.
    control: Option<LinkedLoop<'a, P>>,
    replies: &'a mut ReplyCache<ANSWER>,
    updates: U,
    tally: Tally,
}

impl<'a, P: Policy, U: Updates, const QUESTION: usize, const ANSWER: usize>
    Server<'a, P, U, QUESTION, ANSWER>
{
    /// Serves a loop; without one, as where the image is damaged, every question is refused. The buffers may hold a session
    /// that was opened before, which then goes on with its `tally`.
    pub fn new(
        control: Option<LinkedLoop<'a, P>>,
        reader: &'a mut FrameReader<QUESTION>,
        replies: &'a mut ReplyCache<ANSWER>,
        updates: U,
        tally: Tally,
    ) -> Self {
        Self {
            reader,
            responder: Responder {
                control,
                replies,
                updates,
                tally,
            },
        }
    }

    /// What becomes of messages about another policy.
    pub fn updates(&self) -> &U {
        &self.responder.updates
    }

    /// What was wrong with the questions so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.responder.tally
    }

    /// The loop it serves; `None` if the image is damaged.
    pub fn control(&mut self) -> Option<&mut LinkedLoop<'a, P>> {
        self.responder.control.as_mut()
    }

    /// Takes one byte, and answers if it completes a question; what the loop did is answered here too, if that led to a step.
    pub fn receive(&mut self, byte: u8, channel: &mut impl Channel) -> Option<Cycle> {
        let received = self.reader.push(byte)?;
        match received.and_then(Frame::<HostMessage<'_>>::decode) {
            Ok(question) => self.responder.respond(&question, channel),
            Err(_) => {
                let tally = &mut self.responder.tally;
                tally.bad_frames = tally.bad_frames.wrapping_add(1);
                None
            }
        }
    }
}

impl<P: Policy, U: Updates, const ANSWER: usize> Responder<'_, P, U, ANSWER> {
    fn respond<C: Channel>(
        &mut self,
        question: &Frame<HostMessage<'_>>,
        channel: &mut C,
    ) -> Option<Cycle> {
        let opens = matches!(question.message, HostMessage::Hello { .. });
        match self.replies.judge(question, opens) {
            Judgement::New => match self.act(question, channel) {
                Ok(cycle) => {
                    channel.send(self.replies.reply());
                    return cycle;
                }
                Err(refusal) => refuse(question, refusal, channel),
            },
            Judgement::Repeated => {
                self.tally.repeated = self.tally.repeated.wrapping_add(1);
                channel.send(self.replies.reply());
            }
            Judgement::Stale => self.tally.repeated = self.tally.repeated.wrapping_add(1),
            Judgement::Stranger => refuse(question, Refusal::NoSession, channel),
        }
        None
    }

    /// Acts on a new question and leaves the answer in `replies`.
    fn act<C: Channel>(
        &mut self,
        question: &Frame<HostMessage<'_>>,
        channel: &mut C,
    ) -> Result<Option<Cycle>, Refusal> {
        let control = self.control.as_mut().ok_or(Refusal::Image)?;
        let mut stepped = None;
        let answer = match question.message {
            HostMessage::Hello {
                version,
                contract_id,
            } => {
                agree(control.image(), version, contract_id)?;
                self.tally = Tally::default();
                control.restart();
                announce(control, question, channel);
                greeting(control.image(), C::NAME)
            }
            HostMessage::Reset { episode } => {
                let phase = control.begin();
                announce(control, question, channel);
                BoardMessage::Ready { episode, phase }
            }
            HostMessage::Measurement { time_us, values } => {
                measure(control, time_us, values)?;
                let began_ns = channel.now_ns();
                let cycle = control.step();
                let duration_ns = channel.now_ns().wrapping_sub(began_ns) as u32;
                announce(control, question, channel);
                stepped = Some(cycle);
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
                begin_measurement(control, first, values)?;
                BoardMessage::Accepted
            }
            HostMessage::Setpoint { values } => {
                if !control.set_setpoint(values) {
                    return Err(Refusal::Setpoint {
                        expected: control.setpoint().len() as u16,
                    });
                }
                BoardMessage::Accepted
            }
            HostMessage::Update(message) => {
                BoardMessage::Update(self.updates.take(message).map_err(Refusal::Update)?)
            }
            HostMessage::Bye => {
                let counters = control.events().counters();
                control.restart();
                announce(control, question, channel);
                BoardMessage::Bye {
                    acted: counters.acted,
                    refused: counters.refused,
                    bad_frames: self.tally.bad_frames,
                    repeated: self.tally.repeated,
                }
            }
        };
        // The answer's buffer is made for the longest one, so there is no error to tell the host about.
        let _ = self.replies.answer(&numbered(question, answer));
        Ok(stepped)
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

fn greeting<'b>(image: &PolicyImage<'_>, board: &'b str) -> BoardMessage<'b> {
    let contract = image.contract();
    BoardMessage::Hello {
        version: WIRE_VERSION,
        image_version: IMAGE_VERSION,
        image_checksum: image.checksum(),
        contract_id: image.contract_id(),
        period_us: image.period_us(),
        measurement_dim: contract.measurement_dim() as u16,
        command_dim: contract.action_dim() as u16,
        board,
    }
}

/// Hands a measurement to the machine's sensors.
fn measure<P: Policy>(
    control: &mut LinkedLoop<'_, P>,
    time_us: u64,
    values: Values<'_>,
) -> Result<(), Refusal> {
    expect_episode(control)?;
    let machine = control.machine();
    if machine.measured(time_us, values) {
        return Ok(());
    }
    Err(Refusal::Width {
        expected: machine.measurement_dim() as u16,
    })
}

/// Hands the next numbers of a measurement to the machine's sensors.
fn begin_measurement<P: Policy>(
    control: &mut LinkedLoop<'_, P>,
    first: u32,
    values: Values<'_>,
) -> Result<(), Refusal> {
    expect_episode(control)?;
    let machine = control.machine();
    if usize::try_from(first).is_ok_and(|first| machine.part(first, values)) {
        return Ok(());
    }
    Err(Refusal::Part {
        expected: machine.received() as u32,
    })
}

fn expect_episode<P: Policy>(control: &LinkedLoop<'_, P>) -> Result<(), Refusal> {
    match control.phase() {
        Phase::Running { .. } | Phase::Faulted { .. } | Phase::Fallback { .. } => Ok(()),
        Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => Err(Refusal::NoEpisode),
    }
}

fn numbered<'m>(
    question: &Frame<HostMessage<'_>>,
    message: BoardMessage<'m>,
) -> Frame<BoardMessage<'m>> {
    Frame {
        session: question.session,
        sequence: question.sequence,
        message,
    }
}

/// Tells the host of every phase entered since the last time.
fn announce<P: Policy>(
    control: &mut LinkedLoop<'_, P>,
    question: &Frame<HostMessage<'_>>,
    channel: &mut impl Channel,
) {
    while let Some(event) = control.events().pop() {
        if matches!(event, Event::Entered { .. }) {
            send_once(&numbered(question, BoardMessage::Event(event)), channel);
        }
    }
}

fn refuse(question: &Frame<HostMessage<'_>>, refusal: Refusal, channel: &mut impl Channel) {
    send_once(&numbered(question, BoardMessage::Refused(refusal)), channel);
}

/// Sends a message that is not remembered: whoever misses it asks again, or can do without.
fn send_once(message: &Frame<BoardMessage<'_>>, channel: &mut impl Channel) {
    let mut buffer = [0; frame_len(0)];
    if let Ok(bytes) = message.encode(&mut buffer) {
        channel.send(bytes);
    }
}
