//! [`Event`]s and where they go: a [`Telemetry`] sink, of which [`EventLog`] is the one with a memory. Telemetry watches; it
//! never changes what the loop does.

use heapless::{Deque, Vec};
use serde::{Deserialize, Serialize};

use crate::control::{Cycle, Outcome, Phase};
use crate::fault::Fault;
use crate::time::Micros;

/// Something worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The loop entered a phase.
    Entered {
        /// Which.
        phase: Phase,
        /// When.
        at: Micros,
    },
    /// One step was done.
    Stepped(Cycle),
}

/// A sink for events; `()` is the silent one.
pub trait Telemetry {
    /// Takes note.
    fn record(&mut self, event: Event);
}

impl Telemetry for () {
    fn record(&mut self, _event: Event) {}
}

impl<T: Telemetry + ?Sized> Telemetry for &mut T {
    fn record(&mut self, event: Event) {
        (**self).record(event);
    }
}

/// What happened how often since the log was made; outlives the events themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps that reached the actuators.
    pub acted: u32,
    /// Steps that were refused.
    pub refused: u32,
    /// Steps in which the fallback law acted.
    pub held: u32,
    /// Commands moved into their limits.
    pub clamped: u32,
    /// Commands whose change was limited.
    pub slew_limited: u32,
    /// Times a fault was latched, by [`Fault::code`] less 1.
    pub faults: [u32; Fault::ALL.len()],
    /// Events that fell out of the ring.
    pub forgotten: u32,
    /// The fault that is latched now: one that leads to the fallback law and then to a safe machine counts once.
    latched: Option<Fault>,
}

impl Counters {
    /// Nothing has happened.
    pub const NONE: Self = Self {
        acted: 0,
        refused: 0,
        held: 0,
        clamped: 0,
        slew_limited: 0,
        faults: [0; Fault::ALL.len()],
        forgotten: 0,
        latched: None,
    };

    /// Times this fault was latched.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u32 {
        let mut counts = Fault::ALL.into_iter().zip(self.faults);
        counts
            .find_map(|(other, count)| (other == fault).then_some(count))
            .unwrap_or_default()
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Stepped(cycle) => {
                match cycle.outcome {
                    Outcome::Acted => self.acted = self.acted.wrapping_add(1),
                    Outcome::Refused(_) => self.refused = self.refused.wrapping_add(1),
                    Outcome::Held(_) => self.held = self.held.wrapping_add(1),
                    Outcome::NotRunning => {}
                }
                self.clamped = self.clamped.wrapping_add(u32::from(cycle.clamped));
                self.slew_limited = self
                    .slew_limited
                    .wrapping_add(u32::from(cycle.slew_limited));
            }
            Event::Entered {
                phase: Phase::Faulted { fault, .. } | Phase::Fallback { fault, .. },
                ..
            } if self.latched != Some(*fault) => {
                self.latched = Some(*fault);
                for (other, count) in Fault::ALL.into_iter().zip(&mut self.faults) {
                    if other == *fault {
                        *count = count.wrapping_add(1);
                    }
                }
            }
            Event::Entered {
                phase: Phase::Idle, ..
            } => self.latched = None,
            Event::Entered { .. } => {}
        }
    }
}

/// The last `N` events and the counters of all.
#[derive(Clone, Debug, Default)]
pub struct EventLog<const N: usize> {
    ring: Deque<Event, N>,
    counters: Counters,
}

impl<const N: usize> EventLog<N> {
    /// An empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self::counting_on(Counters::NONE)
    }

    /// An empty log that goes on counting where another stopped.
    #[must_use]
    pub const fn counting_on(counters: Counters) -> Self {
        Self {
            ring: Deque::new(),
            counters,
        }
    }

    /// Counts an event without remembering it.
    pub fn count(&mut self, event: &Event) {
        self.counters.count(event);
    }

    /// The events still remembered, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.ring.iter()
    }

    /// Takes the oldest event out.
    pub fn pop(&mut self) -> Option<Event> {
        self.ring.pop_front()
    }

    /// The counters since the log was made.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

impl<const N: usize> Telemetry for EventLog<N> {
    fn record(&mut self, event: Event) {
        self.counters.count(&event);
        if self.ring.is_full() {
            self.ring.pop_front();
            self.counters.forgotten = self.counters.forgotten.wrapping_add(1);
        }
        // Cannot be full here; with N = 0 nothing is ever remembered.
        let _ = self.ring.push_back(event);
    }
}

/// Keeps every event up to `N` and nothing afterwards: the beginning of a story, where [`EventLog`] keeps its end.
impl<const N: usize> Telemetry for Vec<Event, N> {
    fn record(&mut self, event: Event) {
        let _ = self.push(event);
    }
}
