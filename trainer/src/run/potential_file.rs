//! The potential of a run: read from its folder if it is there, else fitted to the run's demonstrations and left there,
//! so that a resumed run goes on with the very same.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};

use super::mentor::Mentor;
use super::{Progress, RunDirectory};
use crate::algo::Dimensions;
use crate::potential::{Potential, PotentialSettings};
use crate::recipe::Recipe;

/// Of the streams that potentials are fitted with, apart from all others of a run.
const POTENTIAL_SEED: u64 = 0x706f_7465;

/// The potential that `recipe` asks for; nothing if it asks for none.
pub(super) fn open(
    recipe: &Recipe,
    directory: &RunDirectory,
    mentor: Option<&Mentor>,
    dimensions: Dimensions,
    quiet: bool,
) -> anyhow::Result<Option<Potential>> {
    let Some(settings) = &recipe.shaping else {
        return Ok(None);
    };
    let path = directory.potential();
    if path.exists() {
        let potential = Potential::read(&path, dimensions, settings, recipe.device());
        return Ok(Some(potential.with_context(|| path.display().to_string())?));
    }
    let Some(mentor) = mentor else {
        bail!("`potential`: there are no demonstrations to fit it to");
    };
    let potential = fit(recipe, settings, mentor, dimensions, quiet);
    potential.write(&path)?;
    Ok(Some(potential))
}

fn fit(
    recipe: &Recipe,
    settings: &PotentialSettings,
    mentor: &Mentor,
    dimensions: Dimensions,
    quiet: bool,
) -> Potential {
    let data = mentor.demonstrated();
    let passes = settings.potential_epochs * settings.potential_ensemble;
    let (done, started) = (AtomicUsize::new(0), Instant::now());
    let progress = Mutex::new(Progress::new(0, passes, quiet));
    let tell = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Whoever comes while it is drawn need not draw it again.
        if let Ok(mut progress) = progress.try_lock() {
            progress.advance(done);
        }
    };
    let run = &recipe.run;
    let seeds = (run.seed ^ POTENTIAL_SEED, run.threads);
    let potential = Potential::fit(&data, dimensions, settings, seeds, recipe.device(), &tell);
    if let Ok(progress) = progress.lock() {
        progress.finish();
    }
    if !quiet {
        let (mean, std) = mean_and_std(&potential.values(&data.observation, &data.action));
        eprintln!(
            "potential fitted in {:.1} s: {mean:.2} ± {std:.2} on {} demonstrated steps",
            started.elapsed().as_secs_f64(),
            data.action.len() / dimensions.action,
        );
    }
    potential
}

fn mean_and_std(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
