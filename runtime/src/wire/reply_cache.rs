//! [`ReplyCache`]: the board's memory of its last answer, so that a question asked twice is acted on once.

use serde::Serialize;

use super::{Frame, WireError};

/// What to do with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Act on it and [`answer`](ReplyCache::answer).
    New,
    /// It was answered: send [`ReplyCache::reply`] again and do nothing else.
    Repeated,
    /// It is older than the last one, a latecomer: ignore it.
    Stale,
    /// It belongs to no open session: refuse it, and send the refusal without storing it.
    Stranger,
}

/// The number of the last question and the bytes of its answer, up to `N`.
#[derive(Debug)]
pub struct ReplyCache<const N: usize> {
    /// Session and sequence of the last question.
    last: Option<(u32, u32)>,
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for ReplyCache<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> ReplyCache<N> {
    /// No session is open.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last: None,
            bytes: [0; N],
            len: 0,
        }
    }

    /// Judges a question by its numbers. `opens` says that it is a `Hello`, which alone may open a session.
    ///
    /// Numbers grow within a session and wrap around; half of their range counts as older.
    #[must_use]
    pub fn judge<M>(&self, frame: &Frame<M>, opens: bool) -> Judgement {
        match self.last {
            Some((session, sequence)) if session == frame.session => {
                match frame.sequence.wrapping_sub(sequence).cast_signed() {
                    0 => Judgement::Repeated,
                    1.. => Judgement::New,
                    _ => Judgement::Stale,
                }
            }
            _ if opens => Judgement::New,
            _ => Judgement::Stranger,
        }
    }

    /// Encodes the answer to a new question, remembers it and lends its bytes.
    ///
    /// # Errors
    /// [`WireError::TooLong`] where it does not fit `N` bytes; the question then counts as not asked.
    pub fn answer<M: Serialize>(&mut self, frame: &Frame<M>) -> Result<&[u8], WireError> {
        self.len = 0;
        self.last = None;
        self.len = frame.encode(&mut self.bytes)?.len();
        self.last = Some((frame.session, frame.sequence));
        Ok(self.reply())
    }

    /// The bytes of the last answer.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HostMessage;

    fn question(session: u32, sequence: u32) -> Frame<HostMessage<'static>> {
        Frame {
            session,
            sequence,
            message: HostMessage::Bye,
        }
    }

    #[test]
    fn a_question_is_new_once() {
        let mut cache = ReplyCache::<64>::new();
        assert_eq!(cache.judge(&question(5, 1), false), Judgement::Stranger);
        assert_eq!(cache.judge(&question(5, 1), true), Judgement::New);
        let sent = cache.answer(&question(5, 1)).unwrap().to_vec();
        assert_eq!(cache.judge(&question(5, 1), true), Judgement::Repeated);
        assert_eq!(cache.reply(), sent);
        assert_eq!(cache.judge(&question(5, 2), false), Judgement::New);
        cache.answer(&question(5, 2)).unwrap();
        assert_eq!(cache.judge(&question(5, 1), true), Judgement::Stale);
        assert_eq!(cache.judge(&question(6, 9), false), Judgement::Stranger);
        assert_eq!(cache.judge(&question(6, 9), true), Judgement::New);
    }

    #[test]
    fn numbers_wrap_around() {
        let mut cache = ReplyCache::<64>::new();
        cache.answer(&question(1, u32::MAX)).unwrap();
        assert_eq!(cache.judge(&question(1, 0), false), Judgement::New);
        assert_eq!(
            cache.judge(&question(1, u32::MAX - 1), false),
            Judgement::Stale
        );
    }

    #[test]
    fn an_answer_that_does_not_fit_leaves_nothing_behind() {
        let mut cache = ReplyCache::<8>::new();
        assert_eq!(
            cache.answer(&question(1, 1)),
            Err(WireError::TooLong { capacity: 8 })
        );
        assert!(cache.reply().is_empty());
    }
}
