//! [`Conversation`]: questions and their answers over a link that may lose, damage, repeat and delay them. It knows frames
//! and their numbers, but not what is asked.
//!
//! One question is open at a time. It is sent again until it is answered, and the board acts on it once, so the host
//! sees what it would see over a perfect link, only later.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use rlfd_runtime::Event;
use rlfd_runtime::wire::{BoardMessage, Frame, FrameReader, HostMessage, MAX_FRAME_LEN};

use super::injector::{Disturbance, Injector, InjectorCounters};
use super::{HilError, Link};

/// What to do about a board that runs something else.
pub(super) const REBUILD: &str =
    "build the firmware with this image (`cargo xtask firmware build --image FILE`) and flash it";

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

/// The host's side of a link.
#[derive(Debug)]
pub(super) struct Conversation {
    link: Link,
    patience: Patience,
    to_board: Injector,
    from_board: Injector,
    /// Bytes of the frame that is arriving.
    arriving: Vec<u8>,
    reader: FrameReader<MAX_FRAME_LEN>,
    session: u32,
    sequence: u32,
    counters: LinkCounters,
    events: Vec<Event>,
}

impl Conversation {
    pub(super) fn new(link: Link, patience: Patience, disturbance: Disturbance) -> Self {
        Self {
            link,
            patience,
            to_board: Injector::new(disturbance, 0),
            from_board: Injector::new(disturbance, 1),
            arriving: Vec::new(),
            reader: FrameReader::new(),
            // Another number than that of a session a board may still remember.
            session: RandomState::new().build_hasher().finish() as u32,
            sequence: 0,
            counters: LinkCounters::default(),
            events: Vec::new(),
        }
    }

    /// Of the link, for people.
    pub(super) fn name(&self) -> String {
        self.link.name().to_owned()
    }

    /// Goes on over another link; the frame that was arriving is lost.
    pub(super) fn replace_link(&mut self, link: Link) {
        self.link = link;
        self.arriving.clear();
        self.reader = FrameReader::new();
    }

    pub(super) fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// What the injector did so far, to the board and from it.
    pub(super) fn disturbed(&self) -> [InjectorCounters; 2] {
        [self.to_board.counters(), self.from_board.counters()]
    }

    /// Takes the events that the board sent since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Asks until `take` finds the answer in what comes back.
    pub(super) fn ask<T>(
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

    /// Asks once and waits for the answer until `deadline`; `None` if it did not come by then.
    pub(super) fn ask_until<T>(
        &mut self,
        what: &'static str,
        message: HostMessage<'_>,
        deadline: Instant,
        mut take: impl FnMut(BoardMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, HilError> {
        let question = self.number(message);
        self.send(&question)?;
        let answer = self.await_answer(what, deadline, &mut take)?;
        if answer.is_none() {
            self.counters.missed_deadlines += 1;
        }
        Ok(answer)
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
                        advice: REBUILD.to_owned(),
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
