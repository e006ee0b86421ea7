//! [`Manifest`]: `sweep.json`, what became of each member. Replaced whole at every change.
//!
//! It is what a person reads and what a sweep is recognised by; whether a member is finished is asked of its folder, which
//! is right even where the sweep was killed before it could write that down.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use rlfd_models::atomic_file;
use serde::{Deserialize, Serialize};

use super::{Job, Plan, RECIPE};
use crate::recipe::Recipe;
use crate::run::{Curve, Outcome, RunDirectory, Runs, lock};

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun, or interrupted.
    Waiting,
    /// In work, or was when the sweep was killed.
    Running,
    /// Nothing is left to do.
    Finished,
    /// Its process failed; a sweep that is started again tries it again.
    Failed,
}

/// A member and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of its folder.
    pub name: String,
    /// Its value on each axis.
    pub values: BTreeMap<String, String>,
    /// [`Recipe::course_sha256`] of its recipe: it may be prolonged. Before that was so, a digest of all of the recipe stood here under
    /// the other name: such a sweep can be plotted, and is refused where it is to go on.
    #[serde(alias = "recipe_sha256")]
    pub course_sha256: String,
    /// What became of it.
    pub state: State,
    /// Why it failed, with the end of its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Entry {
    /// Its folder below that of the sweep; where the sweep has several recipes, curves are called after them.
    #[must_use]
    pub fn runs(&self, sweep: &Path) -> Runs {
        let recipe = self.values.get(RECIPE);
        Runs {
            name: recipe.map(|name| name.trim_matches('"').to_owned()),
            folder: sweep.join(&self.name),
        }
    }
}

/// The sweep in one folder. Only one process at a time has it.
#[derive(Debug)]
pub struct Manifest {
    folder: PathBuf,
    entries: Vec<Entry>,
    _lock: File,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    members: Vec<Entry>,
}

impl Manifest {
    /// Where a sweep's manifest lies.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("sweep.json")
    }

    /// The members of the sweep in `folder`, without touching it.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn read(folder: &Path) -> anyhow::Result<Vec<Entry>> {
        let path = Self::path(folder);
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "{}: cannot be read; no sweep was begun here",
                path.display()
            )
        })?;
        let document: Document = serde_json::from_slice(&bytes)
            .with_context(|| format!("{}: damaged", path.display()))?;
        Ok(document.members)
    }

    /// The members of the sweep in `folder` that have been evaluated; nothing if no sweep was begun there.
    ///
    /// # Errors
    /// If its manifest is damaged, or a member's files cannot be read.
    pub fn evaluated(folder: &Path) -> anyhow::Result<Option<Vec<Runs>>> {
        if !Self::path(folder).exists() {
            return Ok(None);
        }
        let mut evaluated = Vec::new();
        for entry in Self::read(folder)? {
            let runs = entry.runs(folder);
            if Curve::is_there(&RunDirectory::open(&runs.folder)?.0)? {
                evaluated.push(runs);
            }
        }
        Ok(Some(evaluated))
    }

    /// Begins `plan` in `folder`, or goes on with it: members that are there already keep their folders, new ones get one
    /// each with their recipe.
    ///
    /// # Errors
    /// If the folder holds another sweep, another process works on it, or the file system refuses.
    pub fn create(folder: &Path, plan: &Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot be made", folder.display()))?;
        let lock = lock(folder, "sweep", Duration::ZERO)?;
        if Self::path(folder).exists() {
            for entry in Self::read(folder)? {
                let known = plan.members.iter().any(|member| {
                    member.name == entry.name
                        && member.recipe.course_sha256() == entry.course_sha256
                });
                if !known {
                    bail!(
                        "{}: holds another sweep: its member {} is not the same in this one; choose another --out, or \
                         go on with it by --resume",
                        folder.display(),
                        entry.name
                    );
                }
            }
        }
        for member in &plan.members {
            let root = folder.join(&member.name);
            if root.join("recipe.toml").exists() {
                let (_, recipe) = RunDirectory::open(&root)?;
                if recipe != member.recipe {
                    bail!(
                        "{}: holds another run, or the same one for {} steps; --resume with --total-steps prolongs a sweep",
                        root.display(),
                        recipe.run.total_steps
                    );
                }
            } else {
                RunDirectory::create(Some(&root), &member.recipe)?;
            }
        }
        let entries = plan.members.iter().map(|member| Entry {
            name: member.name.clone(),
            values: member.values.clone(),
            course_sha256: member.recipe.course_sha256(),
            state: State::Waiting,
            error: None,
        });
        Self::settled(folder, entries.collect(), lock)
    }

    /// Goes on with the sweep in `folder`, every member to `total_steps` if that is given.
    ///
    /// # Errors
    /// If there is none, it is damaged, another process works on it, or a member is to go further than `total_steps`.
    pub fn open(folder: &Path, total_steps: Option<usize>) -> anyhow::Result<Self> {
        Self::read(folder)?;
        let lock = lock(folder, "sweep", Duration::ZERO)?;
        // Read again: it may have changed until the lock was had.
        let mut entries = Self::read(folder)?;
        for entry in &mut entries {
            let (_, recipe) = RunDirectory::open(&folder.join(&entry.name))?;
            if recipe.course_sha256() != entry.course_sha256 {
                let root = folder.join(&entry.name);
                bail!(
                    "{}: recipe.toml is not the one that the sweep began with",
                    root.display()
                );
            }
            if let Some(total_steps) = total_steps.filter(|n| *n < recipe.run.total_steps) {
                bail!(
                    "--total-steps {total_steps}: member {} is to go to step {} and can only be prolonged",
                    entry.name,
                    recipe.run.total_steps
                );
            }
            (entry.state, entry.error) = (State::Waiting, None);
        }
        if let Some(total_steps) = total_steps {
            for entry in &entries {
                let (directory, _) = RunDirectory::open(&folder.join(&entry.name))?;
                directory.prolong(total_steps)?;
            }
        }
        Self::settled(folder, entries, lock)
    }

    /// Asks every member's folder whether it is finished.
    fn settled(folder: &Path, mut entries: Vec<Entry>, lock: File) -> anyhow::Result<Self> {
        for entry in &mut entries {
            let (directory, recipe) = RunDirectory::open(&folder.join(&entry.name))?;
            if Outcome::read(&directory, &recipe.sha256())?.is_some() {
                entry.state = State::Finished;
            }
        }
        let manifest = Self {
            folder: folder.to_owned(),
            entries,
            _lock: lock,
        };
        manifest.write()?;
        Ok(manifest)
    }

    /// The sweep's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All members, in the order of the plan.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A member's folder and recipe.
    ///
    /// # Errors
    /// If the folder holds no recipe any more.
    pub fn member(&self, index: usize) -> anyhow::Result<(RunDirectory, Recipe)> {
        RunDirectory::open(&self.folder.join(&self.entries[index].name))
    }

    /// How many members are in `state`.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        let states = self.entries.iter().map(|entry| entry.state);
        states.filter(|found| *found == state).count()
    }

    /// What is left to do.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let waiting = self.entries.iter().enumerate();
        let waiting = waiting.filter(|(_, entry)| entry.state == State::Waiting);
        waiting
            .map(|(index, entry)| Job {
                index,
                folder: self.folder.join(&entry.name),
            })
            .collect()
    }

    /// Writes down what became of a member.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&mut self, index: usize, state: State, error: Option<String>) -> anyhow::Result<()> {
        let entry = &mut self.entries[index];
        (entry.state, entry.error) = (state, error);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let document = Document {
            members: self.entries.clone(),
        };
        let text = serde_json::to_string_pretty(&document).context("plain data")? + "\n";
        let path = Self::path(&self.folder);
        atomic_file::replace(&path, text.as_bytes())
            .with_context(|| format!("{}: cannot be written", path.display()))
    }
}
