//! [`Fleet`]: members over the ranks of `mpirun`. Rank 0 hands them out, one to a free place at a time, so that none is run
//! twice and fast ranks do more; every rank, rank 0 too, runs its own as a [`Crew`]. All ranks see the same file system.

use std::collections::HashMap;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Crew, Ending, Event, Job, Workers};
use crate::ranks::Ranks;
use crate::run::Stop;

/// How often a rank looks after its members.
const INTERVAL: Duration = Duration::from_millis(20);

/// What rank 0 says. Short enough that sending never waits for the receiver.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Run this member.
    Run(Job),
    /// Ask all members to stop.
    Stop,
    /// There is nothing more to do.
    Leave,
}

/// What the others say.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// First of all: how many cores this rank may use.
    Cores(usize),
    /// Heard from a member.
    Event(Event),
}

/// Rank 0's view of all ranks.
#[derive(Debug)]
pub struct Fleet<'a> {
    ranks: &'a Ranks,
    crew: Crew,
    /// By rank; rank 0's own are in the crew.
    places: Vec<usize>,
    /// Which rank runs a member.
    at_work: HashMap<usize, usize>,
    stopping: bool,
}

impl<'a> Fleet<'a> {
    /// Waits for all ranks to say how many cores they have; `places` turns that into members at a time.
    ///
    /// # Errors
    /// If a rank says something else.
    pub fn new(
        ranks: &'a Ranks,
        crew: Crew,
        places: impl Fn(usize) -> usize,
    ) -> anyhow::Result<Self> {
        let mut fleet = Self {
            ranks,
            crew,
            places: vec![0; ranks.size()],
            at_work: HashMap::new(),
            stopping: false,
        };
        let mut silent = ranks.size() - 1;
        while silent > 0 {
            match ranks.receive()? {
                Some((rank, Word::Cores(cores))) => {
                    fleet.places[rank] = places(cores);
                    silent -= 1;
                }
                Some((rank, word)) => anyhow::bail!("rank {rank} said {word:?} before its cores"),
                None => std::thread::sleep(INTERVAL),
            }
        }
        Ok(fleet)
    }

    fn free(&self, rank: usize) -> usize {
        let busy = self.at_work.values().filter(|at| **at == rank).count();
        let places = match rank {
            0 => self.crew.places(),
            _ => self.places[rank],
        };
        places.saturating_sub(busy)
    }
}

impl Workers for Fleet<'_> {
    fn places(&self) -> usize {
        self.crew.places() + self.places.iter().sum::<usize>()
    }

    fn start(&mut self, job: &Job) -> anyhow::Result<bool> {
        let freest = (0..self.places.len()).max_by_key(|rank| self.free(*rank));
        let Some(rank) = freest.filter(|rank| !self.stopping && self.free(*rank) > 0) else {
            return Ok(false);
        };
        if rank == 0 {
            self.crew.start(job)?;
        } else {
            self.ranks.send(rank, &Order::Run(job.clone()))?;
        }
        self.at_work.insert(job.index, rank);
        Ok(true)
    }

    fn poll(&mut self) -> anyhow::Result<Vec<Event>> {
        let mut events = self.crew.poll()?;
        while let Some((rank, word)) = self.ranks.receive()? {
            match word {
                Word::Event(event) => events.push(event),
                Word::Cores(_) => anyhow::bail!("rank {rank} told its cores twice"),
            }
        }
        for event in &events {
            if let Event::Ended(index, _) = event {
                self.at_work.remove(index);
            }
        }
        Ok(events)
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.stopping = true;
        for rank in 1..self.ranks.size() {
            self.ranks.send(rank, &Order::Stop)?;
        }
        self.crew.stop()
    }
}

/// Lets the other ranks go, whatever became of the sweep.
pub fn dismiss(ranks: &Ranks) -> anyhow::Result<()> {
    (1..ranks.size()).try_for_each(|rank| ranks.send(rank, &Order::Leave))
}

/// What every rank but 0 does: obeys until it may leave.
///
/// # Errors
/// If rank 0 says what cannot be understood.
pub fn serve(ranks: &Ranks, stop: &Stop) -> anyhow::Result<()> {
    let cores = available_parallelism().context("the number of cores")?;
    ranks.send(0, &Word::Cores(cores.get()))?;
    // Rank 0 keeps account of the places.
    let mut crew = Crew::new(usize::MAX)?;
    let mut leaving = false;
    loop {
        while let Some((_, order)) = ranks.receive()? {
            match order {
                Order::Run(job) => {
                    if !crew.start(&job)? {
                        let ended = Event::Ended(job.index, Ending::Stopped);
                        ranks.send(0, &Word::Event(ended))?;
                    }
                }
                Order::Stop => crew.stop()?,
                Order::Leave => {
                    crew.stop()?;
                    leaving = true;
                }
            }
        }
        if stop.is_asked() {
            crew.stop()?;
        }
        for event in crew.poll()? {
            if !leaving {
                ranks.send(0, &Word::Event(event))?;
            }
        }
        if leaving && crew.is_idle() {
            return Ok(());
        }
        std::thread::sleep(INTERVAL);
    }
}
