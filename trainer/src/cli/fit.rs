//! `trainer fit`

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::env::registry;
use crate::nn::Collective;
use crate::ranks;
use crate::recipe::{Draft, Recipe};
use crate::run::{self, Audience, RunDirectory, Session, Stop};

/// No more than a recipe can say: TOML's numbers are signed.
const MOST_STEPS: u64 = i64::MAX as u64;

/// Learn a policy.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// A recipe file, or the name of a shipped recipe (see `trainer list`)
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "resume")]
    recipe: Option<String>,
    /// Environment, e.g. InvertedPendulum-v5
    #[arg(long, required_unless_present_any = ["recipe", "resume"], conflicts_with = "resume")]
    env: Option<String>,
    /// Algorithm, e.g. sac
    #[arg(long, required_unless_present_any = ["recipe", "resume"], conflicts_with = "resume")]
    algo: Option<String>,
    /// Seed of every random stream
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,
    /// Environment steps, over all environments; with --resume, how far the run goes on
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_STEPS))]
    total_steps: Option<usize>,
    /// Environments stepped together
    #[arg(long, conflicts_with = "resume")]
    n_envs: Option<usize>,
    /// Threads of the update and of stepping
    #[arg(long, conflicts_with = "resume")]
    threads: Option<usize>,
    /// cpu, cuda or cuda:N
    #[arg(long, conflicts_with = "resume")]
    device: Option<String>,
    /// Override a recipe key, e.g. --set gamma=0.98 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,
    /// Folder of the run [default: a free name below runs/]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue a run that was interrupted
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Print what would be done, and stop
    #[arg(long)]
    dry_run: bool,
    /// No progress on screen
    #[arg(long)]
    quiet: bool,
    /// Learn as one with all ranks that mpirun started; needs --out or --resume
    #[arg(long)]
    data_parallel: bool,
    /// For `trainer sweep`: reports on stdout, and stops when stdin ends
    #[arg(long, hide = true, requires = "resume")]
    member: bool,
}

/// Runs `trainer fit`. `Ok(false)`: it was stopped before the end.
///
/// # Errors
/// If the recipe is wrong or the run cannot go on.
pub fn fit(args: &FitArgs) -> anyhow::Result<bool> {
    let (recipe, directory) = match &args.resume {
        Some(root) => {
            let (directory, mut recipe) = RunDirectory::open(root)?;
            match args.total_steps {
                // Processes that learn as one each prolong a folder of their own.
                Some(total_steps) if !args.data_parallel && !args.dry_run => {
                    recipe = directory.prolong(total_steps)?;
                }
                Some(total_steps) => recipe.run.total_steps = total_steps,
                None => (),
            }
            (recipe, Some(directory))
        }
        None => (plan(args)?, None),
    };
    // An unknown environment is told before a folder is made.
    let spec = registry::open(&recipe.run.env)?.spec().clone();
    if args.dry_run {
        let goals = spec.goal.map_or_else(String::new, |goal| {
            format!(", goals of {} numbers within {}", goal.dim, goal.threshold)
        });
        println!(
            "# {}: {} observations, {} actions, period {} µs{goals}",
            spec.id,
            spec.observation_dim(),
            spec.action_dim(),
            spec.period_us
        );
        print!("{}", recipe.to_toml());
        return Ok(true);
    }
    let ranks = ranks::launched();
    match (args.data_parallel, ranks) {
        (true, Some(size)) => together(args, &recipe, size),
        (true, None) => bail!("--data-parallel: start it with `mpirun -n N`, N at least 2"),
        (false, Some(size)) => bail!(
            "mpirun started {size} times the same run; add --data-parallel to make them learn as one"
        ),
        (false, None) => {
            let directory = match directory {
                Some(directory) => directory,
                None => {
                    check_files(&recipe)?;
                    RunDirectory::create(args.out.as_deref(), &recipe)?
                }
            };
            learn(args, &recipe, &directory, None)
        }
    }
}

/// Files to learn from that are not there are told before a folder is made, too.
pub(super) fn check_files(recipe: &Recipe) -> anyhow::Result<()> {
    if let Some((path, _)) = recipe.demonstration_file() {
        std::fs::File::open(path).with_context(|| {
            format!("{path}: demonstrations to learn from (`trainer collect` makes some)")
        })?;
    }
    if let Some(path) = recipe.potential_file() {
        std::fs::File::open(path)
            .with_context(|| format!("{path}: the potential of another run"))?;
    }
    Ok(())
}

#[cfg(not(feature = "mpi"))]
fn together(_: &FitArgs, _: &Recipe, size: usize) -> anyhow::Result<bool> {
    Err(ranks::without_mpi(size))
}

/// Rank 0 has the run's folder, every other one a folder in it.
#[cfg(feature = "mpi")]
fn together(args: &FitArgs, recipe: &Recipe, _: usize) -> anyhow::Result<bool> {
    let ranks = ranks::Ranks::join()?;
    let work = || {
        let root = args.out.as_ref().or(args.resume.as_ref());
        let root = root.context("--data-parallel: needs --out or --resume")?;
        let first = RunDirectory::at(root);
        let root = match ranks.rank() {
            0 => root.clone(),
            rank => first.of_rank(rank),
        };
        let directory = match (&args.resume, args.total_steps) {
            (None, _) => {
                check_files(recipe)?;
                RunDirectory::create(Some(&root), recipe)?
            }
            (Some(_), None) => RunDirectory::open(&root)?.0,
            (Some(_), Some(total_steps)) => {
                let (directory, _) = RunDirectory::open(&root)?;
                directory.prolong(total_steps)?;
                directory
            }
        };
        learn(args, recipe, &directory, Some(ranks.collective()))
    };
    work().or_else(|error: anyhow::Error| {
        // The others wait for this rank and would wait for ever.
        eprintln!("error: rank {}: {error:#}", ranks.rank());
        ranks.abort(2)
    })
}

fn learn(
    args: &FitArgs,
    recipe: &Recipe,
    directory: &RunDirectory,
    peers: Option<Collective>,
) -> anyhow::Result<bool> {
    let root = directory.root().display().to_string();
    let is_first = peers.as_ref().is_none_or(|peers| peers.rank() == 0);
    let audience = match (args.member, args.quiet || !is_first) {
        (true, _) => Audience::Sweep,
        (false, true) => Audience::Nobody,
        (false, false) => Audience::Person,
    };
    if audience != Audience::Nobody {
        eprintln!(
            "{} on {}, {} steps, into {root}",
            recipe.run.algo, recipe.run.env, recipe.run.total_steps
        );
    }
    let stop = Stop::on_signals()?;
    if args.member {
        stop.when_input_ends()?;
    }
    let session = Session {
        audience,
        stop,
        peers,
    };
    let outcome = run::fit(recipe, directory, &session).with_context(|| format!("run {root}"))?;
    let Some(outcome) = outcome else {
        if !args.member && is_first {
            eprintln!("stopped; continue with --resume {root}");
        }
        return Ok(false);
    };
    if args.member || !is_first {
        return Ok(true);
    }
    let best = outcome
        .best_return
        .map_or_else(|| "none".to_owned(), |best| format!("{best:.1}"));
    println!(
        "{} steps in {:.1} s, best mean return {best}",
        outcome.steps, outcome.elapsed_s
    );
    println!("policy          {}", directory.best_policy().display());
    println!("learning curve  {}", directory.learning_curve().display());
    Ok(true)
}

fn plan(args: &FitArgs) -> anyhow::Result<Recipe> {
    let mut draft = match (&args.recipe, &args.env, &args.algo) {
        (Some(recipe), _, _) => Draft::open(recipe)?,
        (None, Some(env), Some(algo)) => Draft::choose(env, algo)?,
        _ => unreachable!("clap requires --recipe or --env and --algo"),
    };
    let text = |value: &Option<String>| value.as_ref().map(|text| format!("{text:?}"));
    let flags = [
        ("algo", text(&args.algo)),
        ("env", text(&args.env)),
        ("seed", args.seed.map(|n| n.to_string())),
        ("total_steps", args.total_steps.map(|n| n.to_string())),
        ("n_envs", args.n_envs.map(|n| n.to_string())),
        ("threads", args.threads.map(|n| n.to_string())),
        ("device", text(&args.device)),
    ];
    for (key, value) in flags {
        if let Some(value) = value {
            draft.set(&format!("--{}", key.replace('_', "-")), key, &value)?;
        }
    }
    set(&mut draft, &args.overrides)?;
    Ok(draft.resolve()?)
}

/// `--set KEY=VALUE`, as often as it was given.
pub(super) fn set(draft: &mut Draft, assignments: &[String]) -> anyhow::Result<()> {
    for assignment in assignments {
        let (key, value) = assignment
            .split_once('=')
            .with_context(|| format!("--set {assignment}: expected KEY=VALUE"))?;
        draft.set("--set", key.trim(), value.trim())?;
    }
    Ok(())
}
