//! `trainer sweep`

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::Context;
use clap::Args;

use super::fit::{check_files, set};
use crate::env::registry;
use crate::ranks;
#[cfg(feature = "mpi")]
use crate::ranks::Ranks;
use crate::recipe::Draft;
use crate::run::{self, Runs, Stop, Style};
#[cfg(feature = "mpi")]
use crate::sweep::Fleet;
use crate::sweep::{self, Crew, Manifest, Plan, Results, Screen, State, Workers};

/// Run every combination of the lists in recipes.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Recipe files, or names of shipped recipes, to be compared; a list where one value is needed is an axis
    #[arg(
        value_name = "RECIPE",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    recipes: Vec<String>,
    /// Override a key of every recipe or make it an axis, e.g. --set seed=[0,1,2] (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,
    /// Environment steps of every member; with --resume, how far they go on
    #[arg(long)]
    total_steps: Option<usize>,
    /// Folder of the sweep, with one folder per member; goes on with the same sweep if it is there
    #[arg(long, value_name = "DIR", required_unless_present_any = ["resume", "dry_run"], conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Go on with the sweep in a folder
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Members run at a time, here or on each rank [default: cores / threads of a member]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Print the members, and stop
    #[arg(long)]
    dry_run: bool,
    /// No progress on screen
    #[arg(long)]
    quiet: bool,
}

/// Runs `trainer sweep`. `Ok(false)`: a member failed, or it was stopped before the end.
///
/// # Errors
/// If the recipe is wrong, the folder holds something else, or the sweep cannot go on.
pub fn sweep(args: &SweepArgs) -> anyhow::Result<bool> {
    let plan = match args.resume {
        None => Some(plan(args)?),
        Some(_) => None,
    };
    if args.dry_run {
        let names = match (&plan, &args.resume) {
            (Some(plan), _) => plan
                .members
                .iter()
                .map(|member| member.name.clone())
                .collect(),
            (None, Some(folder)) => {
                let members = Manifest::read(folder)?;
                members
                    .into_iter()
                    .map(|member| member.name)
                    .collect::<Vec<_>>()
            }
            (None, None) => unreachable!("clap requires RECIPE or --resume"),
        };
        names.iter().for_each(|name| println!("{name}"));
        return Ok(true);
    }
    for member in plan.iter().flat_map(|plan| &plan.members) {
        let problem = || format!("member {}", member.name);
        check_files(&member.recipe).with_context(problem)?;
    }
    match ranks::launched() {
        None => alone(args, plan.as_ref()),
        Some(size) => together(args, plan.as_ref(), size),
    }
}

fn open(args: &SweepArgs, plan: Option<&Plan>) -> anyhow::Result<Manifest> {
    match (plan, &args.out, &args.resume) {
        (Some(plan), Some(folder), _) => Manifest::create(folder, plan),
        (_, _, Some(folder)) => Manifest::open(folder, args.total_steps),
        _ => unreachable!("clap requires --out or --resume"),
    }
}

fn alone(args: &SweepArgs, plan: Option<&Plan>) -> anyhow::Result<bool> {
    let mut manifest = open(args, plan)?;
    let stop = Stop::on_signals()?;
    let places = places(args, &manifest)?(cores()?);
    let whole = session(&mut manifest, &mut Crew::new(places)?, args.quiet, &stop)?;
    report(&manifest, whole)
}

#[cfg(not(feature = "mpi"))]
fn together(_: &SweepArgs, _: Option<&Plan>, size: usize) -> anyhow::Result<bool> {
    Err(ranks::without_mpi(size))
}

#[cfg(feature = "mpi")]
fn together(args: &SweepArgs, plan: Option<&Plan>, _: usize) -> anyhow::Result<bool> {
    let stop = Stop::on_signals()?;
    let ranks = Ranks::join()?;
    if ranks.rank() > 0 {
        if let Err(error) = sweep::serve(&ranks, &stop) {
            eprintln!("error: rank {}: {error:#}", ranks.rank());
            ranks.abort(2);
        }
        return Ok(true);
    }
    let lead = || {
        let mut manifest = open(args, plan)?;
        let places = places(args, &manifest)?;
        let crew = Crew::new(places(cores()?))?;
        let mut fleet = Fleet::new(&ranks, crew, places)?;
        let whole = session(&mut manifest, &mut fleet, args.quiet, &stop)?;
        report(&manifest, whole)
    };
    let led = lead();
    sweep::dismiss(&ranks)?;
    led
}

fn plan(args: &SweepArgs) -> anyhow::Result<Plan> {
    let mut drafts = Vec::new();
    for recipe in &args.recipes {
        let mut draft = Draft::open(recipe)?;
        set(&mut draft, &args.overrides)?;
        if let Some(total_steps) = args.total_steps {
            draft.set("--total-steps", "total_steps", &total_steps.to_string())?;
        }
        let name = Path::new(recipe).file_stem().unwrap_or(recipe.as_ref());
        drafts.push((name.to_string_lossy().into_owned(), draft));
    }
    let plan = Plan::new(&drafts)?;
    // An unknown environment is told before a folder is made.
    let mut known: Vec<&str> = Vec::new();
    for member in &plan.members {
        let env = member.recipe.run.env.as_str();
        if !known.contains(&env) {
            registry::open(env).with_context(|| format!("member {}", member.name))?;
            known.push(env);
        }
    }
    Ok(plan)
}

/// Members at a time by the number of cores.
fn places(args: &SweepArgs, manifest: &Manifest) -> anyhow::Result<impl Fn(usize) -> usize + Copy> {
    let mut threads = 1;
    for index in 0..manifest.entries().len() {
        threads = threads.max(manifest.member(index)?.1.run.threads);
    }
    let jobs = args.jobs;
    Ok(move |cores: usize| jobs.map_or((cores / threads).max(1), |jobs| jobs as usize))
}

fn cores() -> anyhow::Result<usize> {
    Ok(available_parallelism()
        .context("the number of cores")?
        .get())
}

fn session(
    manifest: &mut Manifest,
    workers: &mut dyn Workers,
    quiet: bool,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let (done, total) = (manifest.count(State::Finished), manifest.entries().len());
    if !quiet {
        eprintln!(
            "{total} members, {done} of them finished, {} at a time, in {}",
            workers.places(),
            manifest.folder().display()
        );
    }
    let mut screen = Screen::new(done, total, quiet);
    let whole = sweep::run(manifest, workers, &mut screen, stop);
    screen.finish();
    whole
}

/// Table and pictures; who failed, and why.
fn report(manifest: &Manifest, whole: bool) -> anyhow::Result<bool> {
    let results = Results::read(manifest)?;
    results.write(manifest)?;
    print!("{}", results.table());
    let entries = || manifest.entries().iter();
    let finished = entries().filter(|entry| entry.state == State::Finished);
    let at: &Path = manifest.folder();
    let runs: Vec<Runs> = finished.map(|entry| entry.runs(at)).collect();
    if !runs.is_empty() {
        for path in run::plot(&runs, at, Style::default())? {
            println!("learning curves  {}", path.display());
        }
    }
    for entry in entries() {
        if let Some(error) = &entry.error {
            eprintln!("{} failed: {error}", entry.name);
        }
    }
    if !whole {
        let total = manifest.entries().len();
        eprintln!(
            "stopped with {} of {total} members finished; continue with `trainer sweep --resume {}`",
            runs.len(),
            at.display()
        );
    }
    Ok(runs.len() == manifest.entries().len())
}
