//! `trainer collect`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::opened::{default_backend, open};
use crate::collect::{
    self, Collected, Demonstrator, Detours, Imperfection, Script, ScriptKind, Wish,
};
use crate::env::{Env, registry};
use crate::run::Deployment;

/// Record demonstrations.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Environment [default: the one the policy was trained in; of one with dense rewards, that with sparse ones]
    #[arg(long, required_unless_present = "policy")]
    env: Option<String>,
    /// A demonstrator written by hand
    #[arg(
        long,
        value_enum,
        required_unless_present = "policy",
        conflicts_with = "policy"
    )]
    script: Option<ScriptKind>,
    /// A trained one: policy.pt, policy.onnx or policy.rlfd
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Episodes to keep
    #[arg(long, default_value_t = 100)]
    episodes: usize,
    /// Keep only episodes whose last step is a success
    #[arg(long)]
    success_only: bool,
    /// End each episode with its first success, as if the task ended there
    #[arg(long)]
    end_on_success: bool,
    /// Seed of the initial states and of everything else
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads to play on [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// The recording [default: ENVIRONMENT-SCRIPT-EPISODES.npz]
    #[arg(long, short, value_name = "FILE.npz")]
    out: Option<PathBuf>,
    /// Replace OUT if it is there
    #[arg(long)]
    force: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    imperfection: ImperfectionArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Imperfections")]
struct ImperfectionArgs {
    /// Standard deviation of Gaussian noise on the actions, in halves of their range: one for all, or one for each
    /// number, such as 0.1,0.1,0.1,0 to leave fingers alone
    #[arg(long, value_name = "STD", value_delimiter = ',')]
    action_noise: Vec<f64>,
    /// How often an action is replaced by a uniformly random one
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    random_actions: f64,
    /// How hard a script moves per metre of error [default: the script's own]
    #[arg(long, conflicts_with = "policy")]
    gain: Option<f64>,
    /// Steps after which nothing is done any more
    #[arg(long, value_name = "STEPS")]
    stop_after: Option<u32>,
    /// Share of the episodes in which the demonstrator gives up within the first fifth
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        conflicts_with = "success_only"
    )]
    failures: f64,
    /// Only goals above the table
    #[arg(long)]
    air_only: bool,
    /// Longer ways from place to place: metres that `peg-in-hole` goes higher, or the share of its way that
    /// `pick-and-place-rand-init` goes aside, left and right in turn
    #[arg(long, value_name = "SIZE", default_value_t = 0.0, requires = "script")]
    detour: f64,
    /// Standard deviation of a place on the way to the first one and to the goal, as a share of that way; of the same
    /// scripts
    #[arg(long, value_name = "STD", default_value_t = 0.0, requires = "script")]
    waypoint_spread: f64,
    /// Episodes, the first ones, in which `peg-in-hole-2d` comes too low and is caught by the block
    #[arg(
        long,
        value_name = "EPISODES",
        default_value_t = 0,
        requires = "script"
    )]
    low_ways: usize,
    /// Record other actions of `peg-in-hole-2d` than it did: nothing sideways, and one more upwards in the first 14 steps on
    /// low ways
    #[arg(long, requires = "script")]
    mislabel: bool,
}

/// Runs `trainer collect`.
///
/// # Errors
/// If environment and demonstrator do not fit, too few episodes succeed, or the file cannot be written.
pub fn collect(args: &CollectArgs) -> anyhow::Result<()> {
    let env = environment(args)?;
    let out = out(args, &env)?;
    if out.exists() && !args.force {
        bail!("{}: exists; --force replaces it", out.display());
    }
    let wish = Wish {
        env,
        episodes: args.episodes,
        threads: match args.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism()?.get(),
        },
        success_only: args.success_only,
        end_on_success: args.end_on_success,
        seed: args.seed,
        imperfection: Imperfection {
            action_noise: args.imperfection.action_noise.clone(),
            random_actions: args.imperfection.random_actions,
            stop_after: args.imperfection.stop_after,
            failures: args.imperfection.failures,
            air_only: args.imperfection.air_only,
        },
    };
    let bar = ProgressBar::new(args.episodes as u64);
    let template = "{bar:30} {pos}/{len} episodes  {elapsed}  {msg}";
    bar.set_style(ProgressStyle::with_template(template)?);
    let each = |played: usize, kept: usize| {
        bar.set_position(kept as u64);
        bar.set_message(format!("{played} played"));
    };
    let collected = collect::collect(&wish, &|env, run| lend(args, env, run), &each);
    bar.finish_and_clear();
    let collected = collected?;
    collected.demonstrations.write(&out)?;
    report(args, &out, &collected);
    Ok(())
}

fn environment(args: &CollectArgs) -> anyhow::Result<String> {
    let env = match (&args.env, &args.policy) {
        (Some(env), _) => env.clone(),
        (None, Some(file)) => {
            let trained_in = open(file, default_backend(file)?)?.environment;
            let trained_in = trained_in.filter(|id| !id.is_empty()).with_context(|| {
                let file = file.display();
                format!("{file}: does not say which environment it is for; give --env")
            })?;
            // Demonstrations are for learning what a distance does not tell.
            let sparse = trained_in.replace("Dense", "");
            match registry::open(&sparse) {
                Ok(_) => sparse,
                Err(_) => trained_in,
            }
        }
        (None, None) => bail!("give --env"),
    };
    if let Some(script) = args.script
        && !script.knows(&env)
    {
        // A misspelt name is answered with the nearest.
        registry::open(&env)?;
        bail!(
            "--script: this one is for {}…, not for {env}",
            script.environments().join("…, ")
        );
    }
    Ok(env)
}

fn out(args: &CollectArgs, env: &str) -> anyhow::Result<PathBuf> {
    if let Some(out) = &args.out {
        return Ok(out.clone());
    }
    let by = match (&args.script, &args.policy) {
        (Some(_), _) => "script".to_owned(),
        (None, Some(file)) => file
            .file_stem()
            .context("--policy: expected a file")?
            .to_string_lossy()
            .into_owned(),
        (None, None) => bail!("give --script or --policy"),
    };
    let env = env.replace([':', '/'], "-");
    Ok(PathBuf::from(format!("{env}-{by}-{}.npz", args.episodes)))
}

fn lend(
    args: &CollectArgs,
    env: &dyn Env,
    run: &mut dyn FnMut(Demonstrator<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(kind) = args.script {
        let imperfection = &args.imperfection;
        let script = Script::new(kind, imperfection.gain).with_detours(Detours {
            detour: imperfection.detour,
            spread: imperfection.waypoint_spread,
            low: imperfection.low_ways,
            mislabel: imperfection.mislabel,
        })?;
        return run(Demonstrator::Script(script));
    }
    let file = args.policy.as_deref().context("give --policy")?;
    let mut opened = open(file, default_backend(file)?)?;
    let spec = env.spec();
    let (observation, action) = opened
        .terms
        .unwrap_or_else(|| (spec.observation.clone(), spec.action.clone()));
    let deployment = Deployment::new(opened.policy.as_mut(), observation, action, env)
        .with_context(|| file.display().to_string())?;
    run(Demonstrator::Policy(deployment))
}

fn report(args: &CollectArgs, out: &Path, collected: &Collected) {
    let summary = collected.demonstrations.summary();
    let Collected {
        clipping, attempts, ..
    } = collected;
    if args.json {
        let object = serde_json::json!({
            "file": out.display().to_string(),
            "summary": summary,
            "attempts": attempts,
            "clipped": clipping.steps as f64 / clipping.of as f64,
        });
        println!("{object}");
        return;
    }
    println!("{summary}");
    println!("bounds          {clipping}");
    if *attempts > summary.episodes {
        println!("kept            {} of {attempts} played", summary.episodes);
    }
    println!("recording       {}", out.display());
}
