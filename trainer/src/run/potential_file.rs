//! The potential of a run: read from its folder if it is there, else from another run's or fitted to the run's
//! demonstrations, and left there, so that a resumed run goes on with the very same.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::mentor::Mentor;
use super::{Audience, RunDirectory, Session, potential_fit, sealed};
use crate::algo::Dimensions;
use crate::potential::Potential;
use crate::recipe::Recipe;

const MARK: &sealed::Mark = b"RLFDPOT1";

/// What a potential was made from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    course_sha256: String,
    demonstrations_crc32: u32,
}

/// The potential that `recipe` asks for; nothing if it asks for none. Breaks off if the session was stopped while it was fitted.
pub(super) fn open(
    recipe: &Recipe,
    directory: &RunDirectory,
    mentor: Option<&Mentor>,
    dimensions: Dimensions,
    session: &Session,
) -> anyhow::Result<ControlFlow<(), Option<Potential>>> {
    let Some(settings) = &recipe.shaping else {
        return Ok(ControlFlow::Continue(None));
    };
    let read = |path: &Path| {
        let potential = Potential::read(path, dimensions, settings, recipe.device());
        potential.with_context(|| path.display().to_string())
    };
    let Some(mentor) = mentor else {
        bail!("`potential`: there are no demonstrations to fit it to");
    };
    let path = directory.potential();
    let origin = Origin {
        course_sha256: recipe.course_sha256(),
        demonstrations_crc32: mentor.crc32,
    };
    let found = match path.exists() {
        true => {
            let kept = sealed::read::<Origin>(&directory.potential_origin(), MARK)?;
            if kept.as_ref() != Some(&origin) {
                bail!(
                    "{}: made from other demonstrations than {}, or by another recipe; remove it to make it anew",
                    path.display(),
                    recipe.demonstration_file().map_or("", |(file, _)| file)
                );
            }
            Some(read(&path)?)
        }
        false => {
            let started = Instant::now();
            let made = match recipe.potential_file() {
                Some(file) => Some((read(Path::new(file))?, format!("of {file}"))),
                None => {
                    let fitted = potential_fit::fit(
                        recipe, settings, directory, mentor, dimensions, session,
                    )?;
                    let seconds = started.elapsed().as_secs_f64();
                    fitted.map(|potential| (potential, format!("fitted in {seconds:.1} s")))
                }
            };
            if let Some((potential, how)) = &made {
                leave(potential, how, directory, mentor, session.audience)?;
                sealed::write(&directory.potential_origin(), MARK, &origin)?;
                // Last, for it is what a resumed run looks for.
                potential.write(&path)?;
            }
            made.map(|(potential, _)| potential)
        }
    };
    // Of several processes, all go on or none.
    let peers = session.peers.as_ref();
    if peers.map_or(found.is_none(), |peers| peers.any(found.is_none())) {
        return Ok(ControlFlow::Break(()));
    }
    potential_fit::clear(settings, directory)?;
    Ok(ControlFlow::Continue(found))
}

/// Writes the values of a new potential where it was fitted, and tells of them.
fn leave(
    potential: &Potential,
    how: &str,
    directory: &RunDirectory,
    mentor: &Mentor,
    audience: Audience,
) -> anyhow::Result<()> {
    let data = mentor.demonstrated();
    let values = potential.values(&data.observation, &data.action);
    if let Some(step) = values.iter().position(|value| !value.is_finite()) {
        bail!(
            "the potential is {} at demonstrated step {step}: fitting it diverged; a smaller `potential_learning_rate` may help",
            values[step]
        );
    }
    if audience == Audience::Person {
        let (mean, std) = mean_and_std(&values);
        let count = values.len();
        eprintln!("potential {how}: {mean:.2} ± {std:.2} on {count} demonstrated steps");
    }
    write_values(&directory.potential_on_demonstrations(), mentor, &values)
}

/// One row per demonstrated step.
fn write_values(path: &Path, mentor: &Mentor, values: &[f32]) -> anyhow::Result<()> {
    let mut text = "episode,step,potential\n".to_owned();
    let mut rest = values.iter();
    for episode in 0..mentor.episodes.len() {
        let length = mentor.episodes.episode(episode).len();
        for (step, value) in rest.by_ref().take(length).enumerate() {
            text += &format!("{episode},{step},{value}\n");
        }
    }
    rlfd_models::atomic_file::replace(path, text.as_bytes())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn mean_and_std(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|&x| (f64::from(x) - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean, variance.sqrt())
}
