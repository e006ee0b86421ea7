//! [`RunDirectory`]: the names of everything a run leaves behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::lock;
use crate::data::Demonstrations;
use crate::recipe::{Draft, Recipe};

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    root: PathBuf,
}

impl RunDirectory {
    /// Makes a folder for a new run and writes its resolved recipe. Without `chosen`, a free name below `runs/`.
    ///
    /// # Errors
    /// If the chosen folder already holds a run, or cannot be made.
    pub fn create(chosen: Option<&Path>, recipe: &Recipe) -> anyhow::Result<Self> {
        let root = match chosen {
            Some(path) => path.to_owned(),
            None => free_folder(recipe)?,
        };
        let run = Self { root };
        if run.recipe().exists() {
            bail!(
                "{}: already holds a run; continue it with --resume, or choose another --out",
                run.root.display()
            );
        }
        for folder in [run.root.clone(), run.replay(), run.tensorboard()] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{}: cannot be made", folder.display()))?;
        }
        run.write_recipe(recipe)?;
        Ok(run)
    }

    /// A folder made by [`RunDirectory::create`], and its recipe.
    ///
    /// # Errors
    /// If it holds no recipe, or a damaged one.
    pub fn open(root: &Path) -> anyhow::Result<(Self, Recipe)> {
        let run = Self {
            root: root.to_owned(),
        };
        let path = run.recipe();
        if !path.is_file() {
            bail!(
                "{}: no run here (it would hold a recipe.toml)",
                root.display()
            );
        }
        let recipe = Draft::open(&path.to_string_lossy())?.resolve()?;
        Ok((run, recipe))
    }

    /// Lets the run go on to `total_steps`, whether it has ended or not. Answers its recipe from now on.
    ///
    /// # Errors
    /// If that is not further than it was to go, another process works on it, or its recipe cannot be replaced.
    pub fn prolong(&self, total_steps: usize) -> anyhow::Result<Recipe> {
        let _lock = self.lock(Duration::ZERO)?;
        let (_, mut recipe) = Self::open(&self.root)?;
        let before = recipe.run.total_steps;
        if total_steps < before {
            bail!(
                "--total-steps {total_steps}: {} is to go to step {before} and can only be prolonged",
                self.root.display()
            );
        }
        if total_steps > before {
            recipe.run.total_steps = total_steps;
            // Killed in between, the run ends anew where it was to end before.
            match std::fs::remove_file(self.outcome()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| self.outcome().display().to_string());
                }
                Ok(()) | Err(_) => (),
            }
            self.write_recipe(&recipe)?;
        }
        Ok(recipe)
    }

    fn write_recipe(&self, recipe: &Recipe) -> anyhow::Result<()> {
        rlfd_models::atomic_file::replace(&self.recipe(), recipe.to_toml().as_bytes())
            .with_context(|| format!("{}: cannot be written", self.recipe().display()))
    }

    /// Keeps every other process from working on this run until the answer is dropped or this process ends, however it
    /// ends. Waits for at most `patience` for one that does.
    ///
    /// # Errors
    /// If another process still works on it, or the file system has no locks.
    pub fn lock(&self, patience: Duration) -> anyhow::Result<File> {
        lock(&self.root, "run", patience)
    }

    /// The demonstrations in `file`, of which a copy stays here: the run goes on with it, wherever the file went.
    ///
    /// # Errors
    /// If it cannot be read or copied.
    pub fn keep_demonstrations(&self, file: &Path) -> anyhow::Result<Demonstrations> {
        let kept = self.demonstrations();
        if kept.exists() {
            return Ok(Demonstrations::read(&kept)?);
        }
        let demonstrations = Demonstrations::read(file)?;
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        rlfd_models::atomic_file::replace(&kept, &bytes)
            .with_context(|| format!("{}: cannot be written", kept.display()))?;
        Ok(demonstrations)
    }

    /// What is learned from besides experience.
    #[must_use]
    pub fn demonstrations(&self) -> PathBuf {
        self.root.join("demonstrations.npz")
    }

    /// What `potential.pt` was made from.
    #[must_use]
    pub fn potential_origin(&self) -> PathBuf {
        self.root.join("potential-origin.bin")
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved recipe.
    #[must_use]
    pub fn recipe(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    /// One row per `log_interval`.
    #[must_use]
    pub fn progress(&self) -> PathBuf {
        self.root.join("progress.csv")
    }

    /// One row per evaluation.
    #[must_use]
    pub fn evaluations(&self) -> PathBuf {
        self.root.join("evaluations.csv")
    }

    /// Event files.
    #[must_use]
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// The policy of the best evaluation so far.
    #[must_use]
    pub fn best_policy(&self) -> PathBuf {
        self.root.join("policy.pt")
    }

    /// The policy of the last evaluation.
    #[must_use]
    pub fn last_policy(&self) -> PathBuf {
        self.root.join("policy-last.pt")
    }

    /// What was said on stderr, where a sweep started it.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("fit.log")
    }

    /// How the run ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> PathBuf {
        self.root.join("outcome.json")
    }

    /// Mean return by environment step.
    #[must_use]
    pub fn learning_curve(&self) -> PathBuf {
        self.root.join("learning-curve.png")
    }

    /// Everything needed to continue, except what is in [`RunDirectory::replay`].
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint.bin")
    }

    /// Φ, where rewards are shaped.
    #[must_use]
    pub fn potential(&self) -> PathBuf {
        self.root.join("potential.pt")
    }

    /// Its values along the demonstrations it was fitted to.
    #[must_use]
    pub fn potential_on_demonstrations(&self) -> PathBuf {
        self.root.join("potential-on-demonstrations.csv")
    }

    /// A member of the ensemble that Φ is to become, while it is fitted.
    #[must_use]
    pub fn potential_member(&self, number: usize) -> PathBuf {
        self.root.join(format!("potential-member-{number}.bin"))
    }

    /// What becomes [`RunDirectory::checkpoint`] once all processes that learn as one have theirs.
    #[must_use]
    pub fn next_checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint-next.bin")
    }

    /// The folder at `root`, whatever is in it.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The folder of another process that learns with the one of this folder.
    #[must_use]
    pub fn of_rank(&self, rank: usize) -> PathBuf {
        self.root.join(format!("rank-{rank}"))
    }

    /// The replay buffer, in segments.
    #[must_use]
    pub fn replay(&self) -> PathBuf {
        self.root.join("replay")
    }
}

/// Makes it, so that of two processes that begin at the same time each has its own.
fn free_folder(recipe: &Recipe) -> anyhow::Result<PathBuf> {
    let run = &recipe.run;
    let stem = format!("{}-{}-seed{}", run.env, run.algo, run.seed);
    let numbered = |n: usize| {
        Path::new("runs").join(if n == 1 {
            stem.clone()
        } else {
            format!("{stem}-{n}")
        })
    };
    std::fs::create_dir_all("runs").context("runs: cannot be made")?;
    for path in (1..).map(numbered) {
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => (),
            Err(error) => {
                return Err(error).with_context(|| format!("{}: cannot be made", path.display()));
            }
        }
    }
    unreachable!("numbers do not run out")
}
