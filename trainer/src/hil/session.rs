//! [`Session`]: questions to a board and its answers, over a link that may lose, damage, repeat and delay them. It knows
//! the protocol of [`rlfd_runtime::wire`], but neither plant nor policy.
//!
//! One question is open at a time. It is sent again until it is answered, and the board acts on it once, so the host
//! sees what it would see over a perfect link, only later.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use rlfd_runtime::Event;
use rlfd_runtime::Phase;
use rlfd_runtime::image::IMAGE_VERSION;
use rlfd_runtime::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, MAX_FRAME_LEN, MAX_VALUES, Refusal,
    UpdateMessage, UpdateRefusal, UpdateStatus, Values, WIRE_VERSION,
};
use rlfd_runtime::{Fault, PolicyImage};

use super::injector::{Disturbance, Injector, InjectorCounters};
use super::latency::Latency;
use super::{HilError, Link};

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an answer, before the question is sent again; the time on a serial wire comes on top.
    pub retry: Duration,
    /// In all, before the board is given up.
    pub give_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(200),
            give_up: Duration::from_secs(60),
        }
    }
}

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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What the host counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Questions asked.
    pub questions: u64,
    /// Sent again for want of an answer.
    pub retransmitted: u64,
    /// Frames that did not pass checksum or decoding.
    pub bad_frames: u64,
    /// Answers to questions already answered.
    pub late_answers: u64,
    /// Deadlines that passed without an answer, in real time.
    pub missed_deadlines: u64,
}

impl fmt::Display for LinkCounters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} questions, {} sent again, {} bad frames, {} late answers, {} missed deadlines",
            self.questions,
            self.retransmitted,
            self.bad_frames,
            self.late_answers,
            self.missed_deadlines
        )
    }
}

/// A conversation with one board.
#[derive(Debug)]
pub struct Session {
    link: Link,
    patience: Patience,
    to_board: Injector,
    from_board: Injector,
    /// Bytes of the frame that is arriving.
    arriving: Vec<u8>,
    reader: FrameReader<MAX_FRAME_LEN>,
    session: u32,
    sequence: u32,
    board: BoardInfo,
    counters: LinkCounters,
    latency: Latency,
    events: Vec<Event>,
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
            link,
            patience,
            to_board: Injector::new(disturbance, 0),
            from_board: Injector::new(disturbance, 1),
            arriving: Vec::new(),
            reader: FrameReader::new(),
            // Another number than that of a session a board may still remember.
            session: RandomState::new().build_hasher().finish() as u32,
            sequence: 0,
            board: BoardInfo {
                board: String::new(),
                period_us: 0,
                measurement_dim: 0,
                command_dim: 0,
                image_checksum: 0,
            },
            counters: LinkCounters::default(),
            latency: Latency::default(),
            events: Vec::new(),
        };
        session.greet(expected)?;
        Ok(session)
    }

    fn greet(&mut self, expected: Expectation) -> Result<(), HilError> {
        let hello = HostMessage::Hello {
            version: WIRE_VERSION,
            contract_id: expected.contract_id,
        };
        let greeting = self.ask("Hello", hello, |message| match message {
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
            link: self.link.name().to_owned(),
            what,
            found: found.to_string(),
            expected: expected.to_string(),
            advice: self.rebuild(),
        })
    }

    fn rebuild(&self) -> String {
        "build the firmware with this image (`cargo xtask firmware build --image FILE`) and flash it".to_owned()
    }

    /// Goes on over another link, as after a cable was plugged in again. A board that was started anew in between knows of no
    /// session, and says so.
    pub fn replace_link(&mut self, link: Link) {
        self.link = link;
        self.arriving.clear();
        self.reader = FrameReader::new();
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
        self.ask(
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
        let answer = self.ask("Measurement", message, |message| {
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
        self.ask("Setpoint", message, accepted)
    }

    /// Asks about another policy; a refusal of the policy is an answer.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn update(
        &mut self,
        message: UpdateMessage<'_>,
    ) -> Result<Result<UpdateStatus, UpdateRefusal>, HilError> {
        let answer = self.ask(
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
            link: self.link.name().to_owned(),
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
            self.ask("Part", message, accepted)?;
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
        let question = self.number(message);
        let mut take = |message: BoardMessage<'_>| take_command(message, command);
        self.send(&question)?;
        let answer = self.await_answer("Measurement", deadline, &mut take)?;
        match answer {
            Some(_) => self.latency.record(began.elapsed()),
            None => self.counters.missed_deadlines += 1,
        }
        Ok(answer)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// If the board does not answer.
    pub fn close(&mut self) -> Result<BoardCounters, HilError> {
        self.ask("Bye", HostMessage::Bye, |message| match message {
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
        self.counters
    }

    /// What the injector did so far, to the board and from it.
    #[must_use]
    pub fn disturbed(&self) -> [InjectorCounters; 2] {
        [self.to_board.counters(), self.from_board.counters()]
    }

    /// How long commands took.
    #[must_use]
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Takes the events that the board sent since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Asks until `take` finds the answer in what comes back.
    fn ask<T>(
        &mut self,
        what: &'static str,
        message: HostMessage<'_>,
        mut take: impl FnMut(BoardMessage<'_>) -> Option<T>,
    ) -> Result<T, HilError> {
        let question = self.number(message);
        let began = Instant::now();
        let mut attempts = 0;
        while began.elapsed() < self.patience.give_up {
            let len = self.send(&question)?;
            attempts += 1;
            if attempts > 1 {
                self.counters.retransmitted += 1;
            }
            let deadline = Instant::now() + self.patience.retry + self.link.wire_time(len);
            if let Some(answer) = self.await_answer(what, deadline, &mut take)? {
                return Ok(answer);
            }
        }
        Err(HilError::Silent {
            link: self.link.name().to_owned(),
            what,
            attempts,
            waited: began.elapsed(),
            hint: self.link.hint(),
        })
    }

    fn number<'m>(&mut self, message: HostMessage<'m>) -> Frame<HostMessage<'m>> {
        self.counters.questions += 1;
        self.sequence = self.sequence.wrapping_add(1);
        Frame {
            session: self.session,
            sequence: self.sequence,
            message,
        }
    }

    /// Answers how many bytes went out.
    fn send(&mut self, question: &Frame<HostMessage<'_>>) -> Result<usize, HilError> {
        let mut buffer = [0; MAX_FRAME_LEN];
        let bytes = question
            .encode(&mut buffer)
            .map_err(|error| HilError::Encode {
                link: self.link.name().to_owned(),
                source: error,
            })?;
        self.to_board.push(bytes, Instant::now());
        self.pass_on()?;
        Ok(bytes.len())
    }

    /// Sends what the injector no longer holds back.
    fn pass_on(&mut self) -> Result<(), HilError> {
        while let Some(frame) = self.to_board.pop(Instant::now()) {
            self.link.send(&frame)?;
        }
        Ok(())
    }

    fn await_answer<T>(
        &mut self,
        what: &'static str,
        deadline: Instant,
        take: &mut impl FnMut(BoardMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, HilError> {
        let mut buffer = [0; MAX_FRAME_LEN];
        loop {
            self.pass_on()?;
            while let Some(frame) = self.from_board.pop(Instant::now()) {
                if let Some(answer) = self.read_frame(what, &frame, take)? {
                    return Ok(Some(answer));
                }
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            let held = [self.to_board.next_due(), self.from_board.next_due()];
            let until = held.into_iter().flatten().fold(deadline, Instant::min);
            let n = self
                .link
                .receive(&mut buffer, until.saturating_duration_since(now))?;
            self.collect(&buffer[..n]);
        }
    }

    /// Cuts the stream into frames for the injector, which must not tear them.
    fn collect(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.arriving.push(*byte);
            if *byte == 0 {
                // A zero alone is the beginning of a frame, not a frame.
                if self.arriving.len() > 1 {
                    self.from_board.push(&self.arriving, Instant::now());
                }
                self.arriving.clear();
            }
        }
    }

    fn read_frame<T>(
        &mut self,
        what: &'static str,
        frame: &[u8],
        take: &mut impl FnMut(BoardMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, HilError> {
        let mut answer = None;
        // The delimiter in front, which `collect` took away, keeps a damaged end from spoiling the next frame.
        for byte in [0].iter().chain(frame) {
            let Some(content) = self.reader.push(*byte) else {
                continue;
            };
            let decoded = content.and_then(Frame::<BoardMessage<'_>>::decode);
            let Ok(Frame {
                session,
                sequence,
                message,
            }) = decoded
            else {
                self.counters.bad_frames += 1;
                continue;
            };
            if session != self.session {
                continue;
            }
            match message {
                BoardMessage::Event(event) => self.events.push(event),
                _ if sequence != self.sequence => self.counters.late_answers += 1,
                BoardMessage::Refused(refusal) => {
                    return Err(HilError::Refused {
                        link: self.link.name().to_owned(),
                        what,
                        source: refusal,
                        advice: self.rebuild(),
                    });
                }
                message => {
                    answer = take(message);
                    if answer.is_none() {
                        return Err(HilError::Unexpected {
                            link: self.link.name().to_owned(),
                            what,
                            found: format!("{message:?}"),
                        });
                    }
                }
            }
        }
        Ok(answer)
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
