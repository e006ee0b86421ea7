//! [`Session`]: what can be asked of a board, from the greeting to the goodbye. It knows the messages of
//! [`rlfd_runtime::wire`], but neither plant nor policy, and not how a question finds its answer.

use std::fmt;
use std::time::{Duration, Instant};

use rlfd_runtime::image::IMAGE_VERSION;
use rlfd_runtime::wire::{
    BoardMessage, HostMessage, MAX_VALUES, Refusal, UpdateMessage, UpdateRefusal, UpdateStatus,
    Values, WIRE_VERSION,
};
use rlfd_runtime::{Event, Fault, Phase, PolicyImage};

use super::conversation::{Conversation, LinkCounters, Patience, REBUILD};
use super::injector::{Disturbance, InjectorCounters};
use super::latency::Latency;
use super::{HilError, Link};

/// What the host expects of the board's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// [`PolicyImage::contract_id`].
    pub contract_id: u64,
    /// [`PolicyImage::checksum`].
    pub image_checksum: u32,
}

impl From<&PolicyImage<'_>> for Expectation {
    fn from(image: &PolicyImage<'_>) -> Self {
        Self {
            contract_id: image.contract_id(),
            image_checksum: image.checksum(),
        }
    }
}

/// What the board says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardInfo {
    /// Name for people.
    pub board: String,
    /// Control period in microseconds.
    pub period_us: u32,
    /// Numbers in a measurement.
    pub measurement_dim: usize,
    /// Numbers in a command.
    pub command_dim: usize,
    /// CRC-32 of its image.
    pub image_checksum: u32,
}

/// What the board says with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Steps since the reset, this one included.
    pub tick: u32,
    /// How long the step took on the board.
    pub duration: Duration,
    /// Commands moved into their limits.
    pub clamped: u16,
    /// Commands whose change was limited.
    pub slew_limited: u16,
    /// Why the command is the safe one, if it is.
    pub fault: Option<Fault>,
}

/// What the board counted in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardCounters {
    /// Steps that reached the actuators.
    pub acted: u32,
    /// Steps that were refused.
    pub refused: u32,
    /// Frames it did not accept.
    pub bad_frames: u32,
    /// Questions that came more than once.
    pub repeated: u32,
}

/// A conversation with one board.
#[derive(Debug)]
pub struct Session {
    conversation: Conversation,
    board: BoardInfo,
    latency: Latency,
}

impl Session {
    /// Greets the board and checks that it is the expected one.
    ///
    /// # Errors
    /// If the board does not answer, speaks another version, or runs another image.
    pub fn open(
        link: Link,
        expected: Expectation,
        patience: Patience,
        disturbance: Disturbance,
    ) -> Result<Self, HilError> {
        let mut session = Self {
            conversation: Conversation::new(link, patience, disturbance),
            board: BoardInfo::default(),
            latency: Latency::default(),
        };
        session.greet(expected)?;
        Ok(session)
    }

    fn greet(&mut self, expected: Expectation) -> Result<(), HilError> {
        let hello = HostMessage::Hello {
            version: WIRE_VERSION,
            contract_id: expected.contract_id,
        };
        let greeting = self
            .conversation
            .ask("Hello", hello, |message| match message {
                BoardMessage::Hello {
                    version,
                    image_version,
                    image_checksum,
                    contract_id,
                    period_us,
                    measurement_dim,
                    command_dim,
                    board,
                } => Some((
                    version,
                    image_version,
                    contract_id,
                    BoardInfo {
                        board: board.to_owned(),
                        period_us,
                        measurement_dim: measurement_dim.into(),
                        command_dim: command_dim.into(),
                        image_checksum,
                    },
                )),
                _ => None,
            });
        let (version, image_version, contract_id, board) = greeting?;
        self.compare("protocol version", version, WIRE_VERSION)?;
        self.compare("image version", image_version, IMAGE_VERSION)?;
        self.compare("contract", Hex(contract_id), Hex(expected.contract_id))?;
        self.compare(
            "image checksum",
            Hex(board.image_checksum.into()),
            Hex(expected.image_checksum.into()),
        )?;
        self.board = board;
        Ok(())
    }

    fn compare<T: PartialEq + ToString>(
        &self,
        what: &'static str,
        found: T,
        expected: T,
    ) -> Result<(), HilError> {
        if found == expected {
            return Ok(());
        }
        Err(HilError::Mismatch {
            link: self.conversation.name(),
            what,
            found: found.to_string(),
            expected: expected.to_string(),
            advice: REBUILD.to_owned(),
        })
    }

    /// Goes on over another link, as after a cable was plugged in again. A board that was started anew in between knows of no
    /// session, and says so.
    pub fn replace_link(&mut self, link: Link) {
        self.conversation.replace_link(link);
    }

    /// Who answers.
    #[must_use]
    pub fn board(&self) -> &BoardInfo {
        &self.board
    }

    /// Begins an episode; the board forgets what it has seen and clears a latched fault.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn reset(&mut self, episode: u32) -> Result<Phase, HilError> {
        self.conversation.ask(
            "Reset",
            HostMessage::Reset { episode },
            |message| match message {
                BoardMessage::Ready {
                    episode: answered,
                    phase,
                } if answered == episode => Some(phase),
                _ => None,
            },
        )
    }

    /// Sends a measurement and waits for its command, `[command_dim]`.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn step(
        &mut self,
        time_us: u64,
        measurement: &[f32],
        command: &mut [f32],
    ) -> Result<Answer, HilError> {
        let began = Instant::now();
        let rest = self.send_parts(measurement)?;
        let message = HostMessage::Measurement {
            time_us,
            values: Values::from(rest),
        };
        let answer = self.conversation.ask("Measurement", message, |message| {
            take_command(message, command)
        })?;
        self.latency.record(began.elapsed());
        Ok(answer)
    }

    /// Asks something else of the machine, from the policy's next action on.
    ///
    /// # Errors
    /// If the board does not answer or it is no setpoint for its image.
    pub fn setpoint(&mut self, setpoint: &[f32]) -> Result<(), HilError> {
        let message = HostMessage::Setpoint {
            values: Values::from(setpoint),
        };
        self.conversation.ask("Setpoint", message, accepted)
    }

    /// Asks about another policy; a refusal of the policy is an answer.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn update(
        &mut self,
        message: UpdateMessage<'_>,
    ) -> Result<Result<UpdateStatus, UpdateRefusal>, HilError> {
        let answer =
            self.conversation.ask(
                "Update",
                HostMessage::Update(message),
                |message| match message {
                    BoardMessage::Update(status) => Some(status),
                    _ => None,
                },
            );
        match answer {
            Ok(status) => Ok(Ok(status)),
            Err(HilError::Refused {
                source: Refusal::Update(refusal),
                ..
            }) => Ok(Err(refusal)),
            Err(error) => Err(error),
        }
    }

    /// The error of an update that the board refused.
    pub(super) fn refused(&self, what: &'static str, refusal: UpdateRefusal) -> HilError {
        HilError::Refused {
            link: self.conversation.name(),
            what,
            source: Refusal::Update(refusal),
            advice: "it goes on with the policy it runs".to_owned(),
        }
    }

    /// Sends of a measurement what does not fit its last frame, part by part, and answers the rest.
    fn send_parts<'v>(&mut self, measurement: &'v [f32]) -> Result<&'v [f32], HilError> {
        let mut rest = measurement;
        while rest.len() > MAX_VALUES {
            let (values, others) = rest.split_at(MAX_VALUES);
            let message = HostMessage::Part {
                first: (measurement.len() - rest.len()) as u32,
                values: Values::from(values),
            };
            self.conversation.ask("Part", message, accepted)?;
            rest = others;
        }
        Ok(rest)
    }

    /// Sends a measurement once and waits for its command until `deadline`; `None` if it did not come by then.
    ///
    /// # Errors
    /// If the link breaks or the board refuses.
    pub fn step_until(
        &mut self,
        deadline: Instant,
        time_us: u64,
        measurement: &[f32],
        command: &mut [f32],
    ) -> Result<Option<Answer>, HilError> {
        let began = Instant::now();
        let rest = self.send_parts(measurement)?;
        let message = HostMessage::Measurement {
            time_us,
            values: Values::from(rest),
        };
        let take = |message: BoardMessage<'_>| take_command(message, command);
        let answer = (self.conversation).ask_until("Measurement", message, deadline, take)?;
        if answer.is_some() {
            self.latency.record(began.elapsed());
        }
        Ok(answer)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn close(&mut self) -> Result<BoardCounters, HilError> {
        self.conversation
            .ask("Bye", HostMessage::Bye, |message| match message {
                BoardMessage::Bye {
                    acted,
                    refused,
                    bad_frames,
                    repeated,
                } => Some(BoardCounters {
                    acted,
                    refused,
                    bad_frames,
                    repeated,
                }),
                _ => None,
            })
    }

    /// What the host counted so far.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.conversation.counters()
    }

    /// What the injector did so far, to the board and from it.
    #[must_use]
    pub fn disturbed(&self) -> [InjectorCounters; 2] {
        self.conversation.disturbed()
    }

    /// How long commands took.
    #[must_use]
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Takes the events that the board sent since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.conversation.take_events()
    }
}

fn accepted(message: BoardMessage<'_>) -> Option<()> {
    matches!(message, BoardMessage::Accepted).then_some(())
}

fn take_command(message: BoardMessage<'_>, command: &mut [f32]) -> Option<Answer> {
    match message {
        BoardMessage::Command {
            tick,
            duration_ns,
            clamped,
            slew_limited,
            fault,
            values,
        } if values.copy_to(command) => Some(Answer {
            tick,
            duration: Duration::from_nanos(duration_ns.into()),
            clamped,
            slew_limited,
            fault,
        }),
        _ => None,
    }
}

/// Ids are compared by people digit by digit.
#[derive(PartialEq)]
struct Hex(u64);

impl fmt::Display for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}
