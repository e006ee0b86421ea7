//! One session of a sweep: hands members out and writes down what became of them, until none is left or it is stopped.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Ending, Event, Job, Manifest, Screen, State, Workers};
use crate::run::Stop;

/// How often members are looked after.
const INTERVAL: Duration = Duration::from_millis(20);

/// Runs what is left of a sweep. A member that fails does not keep the others from being run. Answers whether all members
/// had their turn; not so if `stop` was asked for.
///
/// # Errors
/// If the manifest cannot be written or those who run members are out of reach.
pub fn run(
    manifest: &mut Manifest,
    workers: &mut dyn Workers,
    screen: &mut Screen,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let mut waiting: VecDeque<Job> = manifest.jobs().into();
    let mut stopping = false;
    loop {
        if stop.is_asked() && !stopping {
            stopping = true;
            screen.say("stopping");
            workers.stop()?;
        }
        while !stopping && let Some(job) = waiting.front() {
            if !workers.start(job)? {
                break;
            }
            let total = manifest.member(job.index)?.1.run.total_steps;
            screen.begin(job.index, &manifest.entries()[job.index].name, total);
            manifest.set(job.index, State::Running, None)?;
            waiting.pop_front();
        }
        for event in workers.poll()? {
            let (index, ending) = match event {
                Event::Report(index, report) => {
                    screen.report(index, &report);
                    continue;
                }
                Event::Ended(index, ending) => (index, ending),
            };
            let word = match ending {
                Ending::Finished => {
                    manifest.set(index, State::Finished, None)?;
                    "finished"
                }
                Ending::Failed(why) => {
                    manifest.set(index, State::Failed, Some(why))?;
                    "failed"
                }
                Ending::Stopped => {
                    manifest.set(index, State::Waiting, None)?;
                    // Whoever was asked to stop, the sweep is to stop.
                    stop.ask();
                    "stopped"
                }
            };
            let counts = (
                manifest.count(State::Finished),
                manifest.count(State::Failed),
            );
            screen.end(index, word, counts);
        }
        if manifest.count(State::Running) == 0 && (stopping || waiting.is_empty()) {
            return Ok(waiting.is_empty() && manifest.count(State::Waiting) == 0);
        }
        std::thread::sleep(INTERVAL);
    }
}
