//! Fitting a run's potential: progress on screen, and a file per member of the ensemble, from which a run goes on that was stopped or
//! killed while it fitted.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::mentor::Mentor;
use super::{Progress, RunDirectory, Session, sealed};
use crate::algo::Dimensions;
use crate::potential::{Fitting, Member, MemberState, Potential, PotentialSettings};
use crate::recipe::Recipe;

const MARK: &sealed::Mark = b"RLFDFIT1";
/// Of the streams that potentials are fitted with, apart from all others of a run.
const POTENTIAL_SEED: u64 = 0x706f_7465;
/// How often a member's state is kept.
const KEEP_INTERVAL: Duration = Duration::from_secs(10);

/// A member in a file, with what it was fitted by and to.
#[derive(Serialize, Deserialize)]
struct Kept {
    course_sha256: String,
    demonstrations_crc32: u32,
    state: MemberState,
}

/// Fits the potential that `settings` describe from where it was left; nothing if the session was stopped before the end.
pub(super) fn fit(
    recipe: &Recipe,
    settings: &PotentialSettings,
    directory: &RunDirectory,
    mentor: &Mentor,
    dimensions: Dimensions,
    session: &Session,
) -> anyhow::Result<Option<Potential>> {
    let keeper = Keeper::new(recipe, settings, directory, mentor);
    let states = keeper.read()?;
    let done = states.iter().flatten().map(|state| state.passes).sum();
    let passes = settings.potential_epochs * settings.potential_ensemble;
    let progress = Progress::of_passes("potential", done, passes, session.audience);
    let (progress, done) = (Mutex::new(progress), AtomicUsize::new(done));
    let watch = |number: usize, member: &Member| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Whoever comes while it is drawn need not draw it again.
        if let Ok(mut progress) = progress.try_lock() {
            progress.advance(done);
        }
        keeper.watch(number, member, session.stop.is_asked())
    };
    let fitting = Fitting {
        seed: recipe.run.seed ^ POTENTIAL_SEED,
        threads: recipe.run.threads,
        states,
        watch: &watch,
    };
    let data = mentor.demonstrated();
    let potential = Potential::fit(&data, dimensions, settings, recipe.device(), &fitting);
    if let Ok(mut progress) = progress.lock() {
        if potential.is_none() {
            let done = done.load(Ordering::Relaxed);
            progress.say(&format!("stopped at pass {done} of {passes}"));
        }
        progress.finish();
    }
    match keeper.failure.into_inner() {
        Ok(Some(error)) => Err(error),
        Ok(None) | Err(_) => Ok(potential),
    }
}

/// Removes what members have left, once it is no longer needed.
pub(super) fn clear(settings: &PotentialSettings, directory: &RunDirectory) -> anyhow::Result<()> {
    for number in 0..settings.potential_ensemble {
        let path = directory.potential_member(number);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("{}: cannot be removed", path.display()));
            }
            Ok(()) | Err(_) => (),
        }
    }
    Ok(())
}

struct Keeper {
    course_sha256: String,
    demonstrations_crc32: u32,
    demonstrations: String,
    /// Of each member.
    passes: usize,
    /// File of each member, and when it was written last.
    files: Vec<(PathBuf, Mutex<Instant>)>,
    /// Why a file could not be written.
    failure: Mutex<Option<anyhow::Error>>,
}

impl Keeper {
    fn new(
        recipe: &Recipe,
        settings: &PotentialSettings,
        directory: &RunDirectory,
        mentor: &Mentor,
    ) -> Self {
        let file = |number| {
            let path = directory.potential_member(number);
            (path, Mutex::new(Instant::now()))
        };
        let demonstrations = recipe.demonstration_file();
        Self {
            course_sha256: recipe.course_sha256(),
            demonstrations_crc32: mentor.crc32,
            demonstrations: demonstrations.map_or_else(String::new, |(path, _)| path.to_owned()),
            passes: settings.potential_epochs,
            files: (0..settings.potential_ensemble).map(file).collect(),
            failure: Mutex::new(None),
        }
    }

    /// What each member goes on from.
    fn read(&self) -> anyhow::Result<Vec<Option<MemberState>>> {
        let read = |(path, _): &(PathBuf, _)| {
            let Some(kept) = sealed::read::<Kept>(path, MARK)? else {
                return Ok(None);
            };
            if kept.demonstrations_crc32 != self.demonstrations_crc32 {
                bail!(
                    "{}: other demonstrations than those that {} was fitted to",
                    self.demonstrations,
                    path.display()
                );
            }
            if kept.course_sha256 != self.course_sha256 {
                bail!(
                    "{}: belongs to a recipe with SHA-256 {}, but recipe.toml has {}; remove it to fit the potential anew",
                    path.display(),
                    kept.course_sha256,
                    self.course_sha256
                );
            }
            Ok(Some(kept.state))
        };
        self.files.iter().map(read).collect()
    }

    /// Keeps `member` if it is time to, or to stop.
    fn watch(&self, number: usize, member: &Member, is_stopped: bool) -> ControlFlow<()> {
        let (path, written) = &self.files[number];
        let Ok(mut written) = written.lock() else {
            return ControlFlow::Break(());
        };
        // One that is done waits for others on the same thread.
        let is_done = member.passes() >= self.passes;
        if is_stopped || is_done || written.elapsed() >= KEEP_INTERVAL {
            *written = Instant::now();
            let kept = Kept {
                course_sha256: self.course_sha256.clone(),
                demonstrations_crc32: self.demonstrations_crc32,
                state: member.save(),
            };
            if let Err(error) = sealed::write(path, MARK, &kept) {
                if let Ok(mut failure) = self.failure.lock() {
                    failure.get_or_insert(error);
                }
                return ControlFlow::Break(());
            }
        }
        // Of one that cannot be kept, the others need not be fitted.
        let has_failed = self.failure.lock().is_ok_and(|failure| failure.is_some());
        if is_stopped || has_failed {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
