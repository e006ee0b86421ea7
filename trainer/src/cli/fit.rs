//! `trainer fit`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::env::registry;
use crate::recipe::{Draft, Recipe};
use crate::run::{self, RunDirectory};

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
    /// Environment steps, over all environments
    #[arg(long, conflicts_with = "resume")]
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
    /// End as soon as standard input does, as a sweep wants it of its members
    #[arg(long, hide = true)]
    leashed: bool,
}

/// Runs `trainer fit`.
///
/// # Errors
/// If the recipe is wrong or the run cannot go on.
pub fn fit(args: &FitArgs) -> anyhow::Result<()> {
    if args.leashed {
        end_with_standard_input();
    }
    let (recipe, directory) = match &args.resume {
        Some(root) => {
            let (directory, recipe) = RunDirectory::open(root)?;
            (recipe, Some(directory))
        }
        None => (plan(args)?, None),
    };
    // An unknown environment is told before a folder is made.
    let spec = registry::open(&recipe.run.env)?.spec().clone();
    if args.dry_run {
        println!(
            "# {}: {} observations, {} actions, period {} µs",
            spec.id,
            spec.observation_dim(),
            spec.action_dim(),
            spec.period_us
        );
        print!("{}", recipe.to_toml());
        return Ok(());
    }
    let directory = match directory {
        Some(directory) => directory,
        None => RunDirectory::create(args.out.as_deref(), &recipe)?,
    };
    let root = directory.root().display().to_string();
    if !args.quiet {
        eprintln!(
            "{} on {}, {} steps, into {root}",
            recipe.run.algo, recipe.run.env, recipe.run.total_steps
        );
    }
    let outcome =
        run::fit(&recipe, &directory, args.quiet).with_context(|| format!("run {root}"))?;
    let best = outcome
        .best_return
        .map_or_else(|| "none".to_owned(), |best| format!("{best:.1}"));
    println!(
        "{} steps in {:.1} s, best mean return {best}",
        outcome.steps, outcome.elapsed_s
    );
    println!("policy          {}", directory.best_policy().display());
    println!("learning curve  {}", directory.learning_curve().display());
    Ok(())
}

/// Whoever holds the other end of the pipe is gone when it closes. A run may be killed at any instant.
fn end_with_standard_input() {
    std::thread::spawn(|| {
        // Nothing is ever written there.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(2);
    });
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
    for assignment in &args.overrides {
        let (key, value) = assignment
            .split_once('=')
            .with_context(|| format!("--set {assignment}: expected KEY=VALUE"))?;
        draft.set("--set", key.trim(), value.trim())?;
    }
    Ok(draft.resolve()?)
}
