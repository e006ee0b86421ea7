//! A sweep: one run per combination of a recipe's axes, each in a process and a folder of its own.
//!
//! A member belongs to whoever holds the lock on its folder, so that any number of sweeps, on this machine or on others
//! that share the file system, may work through the same folder together (`mpirun -n N trainer sweep …` starts N). A
//! member that has an outcome is never run again; one that was interrupted goes on from its last checkpoint.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::RunDirectory;
use crate::recipe::{Draft, Recipe};

const POLL: Duration = Duration::from_millis(100);

/// One run of a sweep.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its values, e.g. `her=none_seed=3`; also the name of its folder.
    pub name: String,
    recipe: Recipe,
    folder: PathBuf,
}

/// What became of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Finished before this sweep began.
    pub known: Vec<String>,
    /// Finished by this sweep.
    pub finished: Vec<String>,
    /// Left to another sweep that is at work on them.
    pub elsewhere: Vec<String>,
    /// Failed, each with what it said last.
    pub failed: Vec<(String, String)>,
}

/// A member at work.
#[derive(Debug)]
struct Worker {
    member: Member,
    child: Child,
    /// Ours as long as it lives.
    _claim: File,
}

/// The members of `draft` below `folder`, in the order they are begun in.
///
/// # Errors
/// If a member's recipe is wrong, or two have the same name.
pub fn members(draft: &Draft, folder: &Path) -> anyhow::Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for (values, draft) in draft.members()? {
        let parts: Vec<String> = values
            .iter()
            .map(|(key, value)| file_name(&format!("{key}={value}")))
            .collect();
        let name = match parts.is_empty() {
            true => "run".to_owned(),
            false => parts.join("_"),
        };
        if members.iter().any(|other| other.name == name) {
            bail!("two members of the sweep are `{name}`");
        }
        let recipe = draft
            .resolve()
            .with_context(|| format!("member `{name}`"))?;
        members.push(Member {
            folder: folder.join(&name),
            recipe,
            name,
        });
    }
    Ok(members)
}

/// Runs all `members` that are not finished, `jobs` at a time, and tells of each by `say`.
///
/// # Errors
/// If a folder holds another recipe than its member's, or processes cannot be started.
pub fn sweep(
    members: &[Member],
    jobs: usize,
    mut say: impl FnMut(&str),
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut waiting = Vec::new();
    for member in members {
        if member.prepare()?.outcome().is_file() {
            summary.known.push(member.name.clone());
        } else {
            waiting.push(member.clone());
        }
    }
    waiting.reverse();
    let mut workers: Vec<Worker> = Vec::new();
    while !(waiting.is_empty() && workers.is_empty()) {
        while workers.len() < jobs {
            let Some(member) = waiting.pop() else { break };
            match member.claim()? {
                None => {
                    say(&format!("{}: another sweep is at work on it", member.name));
                    summary.elsewhere.push(member.name);
                }
                // Another sweep may have brought it to its end since we looked.
                Some(_) if member.directory()?.outcome().is_file() => {
                    summary.elsewhere.push(member.name);
                }
                Some(claim) => {
                    say(&format!("{}: begins", member.name));
                    workers.push(Worker::start(member, claim)?);
                }
            }
        }
        std::thread::sleep(POLL);
        let mut index = 0;
        while index < workers.len() {
            match workers[index].child.try_wait()? {
                None => index += 1,
                Some(status) => {
                    let worker = workers.swap_remove(index);
                    worker.end(status, &mut summary, &mut say);
                }
            }
        }
    }
    Ok(summary)
}

impl Member {
    /// Its environment.
    #[must_use]
    pub fn env(&self) -> &str {
        &self.recipe.run.env
    }

    /// Makes the folder, or checks that what is there is of the same recipe.
    fn prepare(&self) -> anyhow::Result<RunDirectory> {
        if !self.folder.join("recipe.toml").exists() {
            return match RunDirectory::create(Some(&self.folder), &self.recipe) {
                // Another sweep may have made it in the meantime.
                Err(_) if self.folder.join("recipe.toml").exists() => self.directory(),
                other => other,
            };
        }
        self.directory()
    }

    fn directory(&self) -> anyhow::Result<RunDirectory> {
        let (directory, recipe) = RunDirectory::open(&self.folder)?;
        if recipe != self.recipe {
            bail!(
                "{}: holds a run of another recipe than this sweep's; choose another --out",
                self.folder.display()
            );
        }
        Ok(directory)
    }

    /// The lock that says who works on it; nothing if somebody else does.
    fn claim(&self) -> anyhow::Result<Option<File>> {
        let path = self.folder.join("claim.lock");
        let context = || format!("{}: cannot be locked", path.display());
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(context)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(context),
        }
    }
}

impl Worker {
    fn start(member: Member, claim: File) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program lies")?;
        let said = member.folder.join("messages.txt");
        let messages =
            File::create(&said).with_context(|| format!("{}: cannot be made", said.display()))?;
        // The pipe to its standard input closes with us, and it ends when that closes: a killed sweep leaves nothing
        // running that the next one would meet.
        let child = Command::new(&program)
            .args(["fit", "--quiet", "--leashed", "--resume"])
            .arg(&member.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(messages)
            .spawn()
            .with_context(|| format!("{}: cannot be started", program.display()))?;
        Ok(Self {
            member,
            child,
            _claim: claim,
        })
    }

    fn end(self, status: ExitStatus, summary: &mut Summary, say: &mut impl FnMut(&str)) {
        let name = self.member.name;
        if status.success() && self.member.folder.join("outcome.json").is_file() {
            say(&format!("{name}: finished"));
            summary.finished.push(name);
            return;
        }
        let said = std::fs::read_to_string(self.member.folder.join("messages.txt"));
        let said = said.unwrap_or_default();
        let last = said.lines().last().unwrap_or("it said nothing");
        let message = format!("{status}: {last}");
        say(&format!("{name}: failed, {message}"));
        summary.failed.push((name, message));
    }
}

/// Letters, digits and `= . - +` stay, the rest becomes one `-` each; quotes go.
fn file_name(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '"' | ' '))
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '=' | '.' | '-' | '+' | '_' => c,
            _ => '-',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_named_by_their_values() {
        let mut draft = Draft::open("sac").unwrap();
        draft.set("test", "seed", "[0, 7]").unwrap();
        draft.set("test", "env", "[\"Ant-v5\", \"a b/c\"]").unwrap();
        let members = members(&draft, Path::new("out")).unwrap();
        let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
        assert_eq!(
            names,
            [
                "env=Ant-v5_seed=0",
                "env=Ant-v5_seed=7",
                "env=ab-c_seed=0",
                "env=ab-c_seed=7"
            ]
        );
        assert_eq!(members[3].recipe.run.seed, 7);
    }

    #[test]
    fn a_member_is_claimed_by_one_and_of_one_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::open("sac").unwrap();
        let [member] = &members(&draft, folder.path()).unwrap()[..] else {
            panic!("one member");
        };
        member.prepare().unwrap();
        let claim = member.claim().unwrap();
        assert!(claim.is_some() && member.claim().unwrap().is_none());
        drop(claim);
        assert!(member.claim().unwrap().is_some());
        draft.set("test", "gamma", "0.5").unwrap();
        let [other] = &members(&draft, folder.path()).unwrap()[..] else {
            panic!("one member");
        };
        let message = other.prepare().unwrap_err().to_string();
        assert!(message.contains("another recipe"), "{message}");
    }
}
