//! `trainer sweep`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::env::registry;
use crate::recipe::Draft;
use crate::run;

/// Run a recipe for every combination of the values of its axes.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// A recipe file, or the name of a shipped recipe; a list where one value belongs is an axis
    #[arg(value_name = "FILE|NAME")]
    recipe: String,
    /// Override a recipe key, e.g. --set seed=[0,1,2] (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder of the sweep, with a folder for each of its runs
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Runs at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Print what would be run, and stop
    #[arg(long)]
    dry_run: bool,
}

/// Runs `trainer sweep`; false if a run failed.
///
/// # Errors
/// If the recipe is wrong or a run's folder cannot be used.
pub fn sweep(args: &SweepArgs) -> anyhow::Result<bool> {
    let mut draft = Draft::open(&args.recipe)?;
    for assignment in &args.overrides {
        let (key, value) = assignment
            .split_once('=')
            .with_context(|| format!("--set {assignment}: expected KEY=VALUE"))?;
        draft.set("--set", key.trim(), value.trim())?;
    }
    let members = run::sweep::members(&draft, &args.out)?;
    if args.dry_run {
        for member in &members {
            println!("{}", member.name);
        }
        return Ok(true);
    }
    for env in members.iter().map(|member| member.env()) {
        registry::open(env)?;
    }
    let summary = run::sweep::sweep(&members, args.jobs.into(), |line| eprintln!("{line}"))?;
    println!(
        "{} members: {} finished now, {} before, {} left to others, {} failed",
        members.len(),
        summary.finished.len(),
        summary.known.len(),
        summary.elsewhere.len(),
        summary.failed.len()
    );
    for (name, message) in &summary.failed {
        println!("failed  {name}: {message}");
    }
    Ok(summary.failed.is_empty())
}
