//! What several processes that learn as one have to agree upon: where they go on from, that their parameters are equal, and
//! what the log says. Each has environments, experience and random streams of its own.

use anyhow::{Context, bail};

use super::run_state::RunState;
use super::{RunDirectory, sealed};
use crate::algo::Algorithm;
use crate::nn::Collective;
use crate::recipe::Recipe;

/// Updates between two comparisons of all parameters.
pub(super) const CHECK_INTERVAL: usize = 100;
/// Between the seeds of two processes.
const SEED_STRIDE: u64 = 1_000_000;

/// Of this process's environments, exploration and batches; of the first, the recipe's own.
pub(super) fn seed(recipe: u64, peers: Option<&Collective>) -> u64 {
    let rank = peers.map_or(0, Collective::rank) as u64;
    recipe.wrapping_add(SEED_STRIDE.wrapping_mul(rank))
}

/// The last state that all processes have; nothing if one of them has none. A process that was killed after writing a state
/// that others had not written yet goes back to the one before.
pub(super) fn last_common_state(
    recipe: &Recipe,
    directory: &RunDirectory,
    peers: &Collective,
) -> anyhow::Result<Option<RunState>> {
    let sha256 = recipe.course_sha256();
    let current = RunState::read(directory, &sha256)?;
    let next = RunState::read_next(directory, &sha256)?;
    let step = |state: &Option<RunState>| state.as_ref().map_or(0, |state| state.step);
    let last = step(&next).max(step(&current));
    let steps = peers.gather(&[last as f64]);
    let common = steps
        .iter()
        .map(|step| step[0])
        .fold(f64::INFINITY, f64::min) as usize;
    if common == 0 {
        if peers.any(current.is_some()) {
            bail!(
                "{}: another process of this run has lost its checkpoint",
                directory.root().display()
            );
        }
        return Ok(None);
    }
    let (found, is_next) = match (current, next) {
        (_, Some(next)) if next.step == common => (next, true),
        (Some(current), _) if current.step == common => (current, false),
        _ => bail!(
            "{}: no state of step {common}, where another process can go on from",
            directory.root().display()
        ),
    };
    if is_next {
        found.become_current(directory)?;
    } else if directory.next_checkpoint().exists() {
        let path = directory.next_checkpoint();
        std::fs::remove_file(&path)
            .with_context(|| format!("{}: cannot be removed", path.display()))?;
    }
    Ok(Some(found))
}

/// Compares all parameters.
pub(super) fn check_equal(
    algorithm: &dyn Algorithm,
    peers: &Collective,
    step: usize,
) -> anyhow::Result<()> {
    let state = algorithm.save();
    let mut digest = sealed::CRC.digest();
    for value in state.parameters.iter().flatten() {
        digest.update(&value.to_le_bytes());
    }
    let found = peers.gather(&[f64::from(digest.finalize())]);
    match found.iter().position(|other| other != &found[0]) {
        None => Ok(()),
        Some(rank) => bail!(
            "at step {step} the parameters of process {rank} are not those of process 0: is it the same machine and the \
             same program?"
        ),
    }
}

/// Replaces each number of a row of the log by its mean over the processes that have one.
pub(super) fn average(row: &mut [(&str, Option<f64>)], peers: &Collective) {
    let own: Vec<f64> = row
        .iter()
        .flat_map(|(_, value)| [value.unwrap_or(0.0), f64::from(u8::from(value.is_some()))])
        .collect();
    let all = peers.gather(&own);
    for (index, (name, value)) in row.iter_mut().enumerate() {
        let sum = |column: usize| all.iter().map(|row| row[column]).sum::<f64>();
        let (total, count) = (sum(2 * index), sum(2 * index + 1));
        // What is counted is counted everywhere.
        *value = match *name {
            "episodes" => Some(total),
            _ => (count > 0.0).then(|| total / count),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::threads::together;

    #[test]
    fn rows_are_averaged_over_those_who_have_a_number() {
        let rows = together(2, |peers| {
            let here = peers.rank() == 0;
            let mut row = [
                ("episodes", Some(3.0)),
                ("episode_return", here.then_some(8.0)),
                ("updates", Some(5.0)),
                ("q", None),
            ];
            average(&mut row, &peers);
            row.map(|(_, value)| value)
        });
        assert_eq!(rows, [[Some(6.0), Some(8.0), Some(5.0), None]; 2]);
    }

    #[test]
    fn seeds_are_far_apart() {
        let seeds = together(3, |peers| seed(7, Some(&peers)));
        assert_eq!(seeds, [7, 1_000_007, 2_000_007]);
        assert_eq!(seed(7, None), 7);
    }
}
