//! The potential of a run: read from its folder if it is there, else from another run's or fitted to the run's
//! demonstrations, and left there, so that a resumed run goes on with the very same.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};

use super::mentor::Mentor;
use super::{Audience, Progress, RunDirectory};
use crate::algo::Dimensions;
use crate::potential::{Demonstrated, Potential, PotentialSettings};
use crate::recipe::Recipe;

/// Of the streams that potentials are fitted with, apart from all others of a run.
const POTENTIAL_SEED: u64 = 0x706f_7465;

/// The potential that `recipe` asks for; nothing if it asks for none.
pub(super) fn open(
    recipe: &Recipe,
    directory: &RunDirectory,
    mentor: Option<&Mentor>,
    dimensions: Dimensions,
    audience: Audience,
) -> anyhow::Result<Option<Potential>> {
    let Some(settings) = &recipe.shaping else {
        return Ok(None);
    };
    let read = |path: &Path| {
        let potential = Potential::read(path, dimensions, settings, recipe.device());
        potential.with_context(|| path.display().to_string())
    };
    let path = directory.potential();
    if path.exists() {
        return Ok(Some(read(&path)?));
    }
    let Some(mentor) = mentor else {
        bail!("`potential`: there are no demonstrations to fit it to");
    };
    let data = mentor.demonstrated();
    let started = Instant::now();
    let (potential, origin) = match recipe.potential_file() {
        Some(file) => (read(Path::new(file))?, format!("of {file}")),
        None => {
            let potential = fit(recipe, settings, &data, dimensions, audience);
            let seconds = started.elapsed().as_secs_f64();
            (potential, format!("fitted in {seconds:.1} s"))
        }
    };
    let values = potential.values(&data.observation, &data.action);
    if audience == Audience::Person {
        let (mean, std) = mean_and_std(&values);
        let count = values.len();
        eprintln!("potential {origin}: {mean:.2} ± {std:.2} on {count} demonstrated steps");
    }
    write_values(&directory.potential_on_demonstrations(), mentor, &values)?;
    // Last, for it is what a resumed run looks for.
    potential.write(&path)?;
    Ok(Some(potential))
}

fn fit(
    recipe: &Recipe,
    settings: &PotentialSettings,
    data: &Demonstrated,
    dimensions: Dimensions,
    audience: Audience,
) -> Potential {
    let passes = settings.potential_epochs * settings.potential_ensemble;
    let done = AtomicUsize::new(0);
    // A sweep counts environment steps, and these are none.
    let audience = match audience {
        Audience::Person => Audience::Person,
        Audience::Nobody | Audience::Sweep => Audience::Nobody,
    };
    let progress = Mutex::new(Progress::new(0, passes, audience));
    let tell = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Whoever comes while it is drawn need not draw it again.
        if let Ok(mut progress) = progress.try_lock() {
            progress.advance(done);
        }
    };
    let run = &recipe.run;
    let seeds = (run.seed ^ POTENTIAL_SEED, run.threads);
    let potential = Potential::fit(data, dimensions, settings, seeds, recipe.device(), &tell);
    if let Ok(progress) = progress.lock() {
        progress.finish();
    }
    potential
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
