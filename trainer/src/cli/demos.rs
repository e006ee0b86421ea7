//! `trainer demos`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use rlfd_models::npz::Npz;

use crate::collect::plot;
use crate::data::{Demonstrations, OlderLayout};
use crate::env::registry;
use crate::python;

/// Begins the name of a dataset of Minari.
const MINARI: &str = "minari:";

/// Look at recordings and change them.
#[derive(Debug, Args)]
pub struct DemosArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a recording holds
    Info(InfoArgs),
    /// Put the episodes of several recordings into one
    Merge(MergeArgs),
    /// Put actions beyond their bounds back onto them
    Clip(ClipArgs),
    /// Draw returns, lengths, last distances and actions
    Plot(PlotArgs),
    /// Turn other layouts into ours, and ours into a dataset of Minari
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
struct InfoArgs {
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct MergeArgs {
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Args)]
struct ClipArgs {
    file: PathBuf,
    /// Whose bounds [default: those of the environment that the file names]
    #[arg(long)]
    env: Option<String>,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Args)]
struct PlotArgs {
    file: PathBuf,
    /// The picture [default: FILE with .png]
    #[arg(long, short, value_name = "FILE.png")]
    out: Option<PathBuf>,
}

/// Turn a recording into another.
///
/// IN is an .npz file in our layout, or with pickled objects `acs`, `obs`, `info` (which are read without running
/// anything in them), or with arrays `o`, `u`, `r`, or `minari:ID`, a dataset of Minari. OUT is an .npz file in our
/// layout, or `minari:ID`. Minari's datasets lie below MINARI_DATASETS_PATH, or in ~/.minari/datasets.
#[derive(Debug, Args)]
struct ConvertArgs {
    #[arg(value_name = "IN")]
    input: String,
    #[arg(long, short, value_name = "OUT")]
    out: String,
    /// The environment, where IN does not say it; actions are clipped to its bounds
    #[arg(long)]
    env: Option<String>,
    /// Replace OUT if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct OutArgs {
    /// The new recording
    #[arg(long, short, value_name = "FILE.npz")]
    out: PathBuf,
    /// Replace it if it is there
    #[arg(long)]
    force: bool,
}

impl OutArgs {
    fn write(&self, demonstrations: &Demonstrations) -> anyhow::Result<()> {
        write(&self.out, demonstrations, self.force)
    }
}

/// Runs `trainer demos`.
///
/// # Errors
/// If a file is missing or wrong, files do not fit each other, or one cannot be written.
pub fn demos(args: &DemosArgs) -> anyhow::Result<()> {
    match &args.command {
        Command::Info(args) => info(args),
        Command::Merge(args) => merge(args),
        Command::Clip(args) => clip(args),
        Command::Plot(args) => draw(args),
        Command::Convert(args) => convert(args),
    }
}

fn info(args: &InfoArgs) -> anyhow::Result<()> {
    let demonstrations = Demonstrations::read(&args.file)?;
    let summary = demonstrations.summary();
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    println!("{summary}");
    if !demonstrations.env.is_empty()
        && let Ok(env) = registry::open(&demonstrations.env)
    {
        let spec = env.spec();
        demonstrations
            .fits(spec)
            .map_err(|flaw| flaw.in_file(&args.file))?;
        let clipping = demonstrations
            .clone()
            .clip(&spec.action_low(), &spec.action_high());
        if clipping.steps > 0 {
            println!("bounds          {clipping} by `trainer demos clip`");
        }
    }
    Ok(())
}

fn merge(args: &MergeArgs) -> anyhow::Result<()> {
    let (first, rest) = args.files.split_first().context("no file")?;
    let mut all = Demonstrations::read(first)?;
    for file in rest {
        let more = Demonstrations::read(file)?;
        all.append(more).map_err(|flaw| flaw.in_file(file))?;
    }
    args.out.write(&all)
}

fn clip(args: &ClipArgs) -> anyhow::Result<()> {
    let mut demonstrations = Demonstrations::read(&args.file)?;
    let env = match (&args.env, demonstrations.env.as_str()) {
        (Some(env), _) => env.clone(),
        (None, "") => bail!(
            "{}: does not say which environment it is of; give --env",
            args.file.display()
        ),
        (None, env) => env.to_owned(),
    };
    println!("{}", bound(&mut demonstrations, &env, &args.file)?);
    args.out.write(&demonstrations)
}

/// Clips to an environment's bounds.
fn bound(
    demonstrations: &mut Demonstrations,
    env: &str,
    file: &Path,
) -> anyhow::Result<crate::data::Clipping> {
    let env = registry::open(env)?;
    let spec = env.spec();
    demonstrations
        .fits(spec)
        .map_err(|flaw| flaw.in_file(file))?;
    Ok(demonstrations.clip(&spec.action_low(), &spec.action_high()))
}

fn draw(args: &PlotArgs) -> anyhow::Result<()> {
    let demonstrations = Demonstrations::read(&args.file)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.file.with_extension("png"));
    plot::draw(&demonstrations, &out)?;
    println!("{}", out.display());
    Ok(())
}

fn convert(args: &ConvertArgs) -> anyhow::Result<()> {
    let mut demonstrations = read_any(&args.input, args.env.as_deref().unwrap_or_default())?;
    if let Some(env) = &args.env {
        let goal = demonstrations.shape.goal;
        // Some recordings have goals that their task hides.
        if goal > 0 && registry::open(env)?.spec().goal.is_none() {
            println!("goals of {goal} numbers left out: {env} has none");
            demonstrations.drop_goals();
        }
        let clipping = bound(&mut demonstrations, env, Path::new(&args.input))?;
        demonstrations.env.clone_from(env);
        println!("{clipping}");
    } else if demonstrations.env.is_empty() {
        eprintln!(
            "{}: does not say which environment it is of, so no bounds are known and nothing is clipped; give --env",
            args.input
        );
    }
    let Some(id) = args.out.strip_prefix(MINARI) else {
        return write(Path::new(&args.out), &demonstrations, args.force);
    };
    if args.force {
        bail!("--force: Minari replaces nothing; delete the dataset, or give it another version");
    }
    let (low, high) = bounds(&demonstrations)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ours.npz");
    demonstrations.write(&file)?;
    let written = python::write_minari(&file, id, &low, &high).with_context(|| args.out.clone())?;
    println!("{written}: {} episodes", demonstrations.episodes.len());
    Ok(())
}

/// Bounds of the environment's actions, or of those that were recorded.
fn bounds(demonstrations: &Demonstrations) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    if demonstrations.env.is_empty() {
        return Ok(demonstrations.summary().action.into_iter().unzip());
    }
    let env = registry::open(&demonstrations.env)?;
    let wide = |bounds: Vec<f32>| bounds.into_iter().map(f64::from).collect();
    Ok((
        wide(env.spec().action_low()),
        wide(env.spec().action_high()),
    ))
}

/// Reads a recording in any layout.
fn read_any(input: &str, env: &str) -> anyhow::Result<Demonstrations> {
    let path = Path::new(input);
    let through_python = |convert: &dyn Fn(&Path) -> Result<(), python::PythonError>| {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("ours.npz");
        convert(&file).with_context(|| input.to_owned())?;
        let read = Demonstrations::read(&file);
        // What is wrong is wrong in IN; the file between has no name of its own.
        read.map_err(|error| {
            let words = error.to_string();
            let own = format!("{}: ", file.display());
            anyhow::anyhow!("{input}: {}", words.trim_start_matches(&own))
        })
    };
    if let Some(id) = input.strip_prefix(MINARI) {
        return through_python(&|file| python::read_minari(id, file));
    }
    match OlderLayout::of(&Npz::open(path)?) {
        Some(OlderLayout::Objects) => through_python(&|file| python::convert_objects(path, file)),
        Some(OlderLayout::Letters) => Ok(Demonstrations::read_letters(path, env)?),
        None => Ok(Demonstrations::read(path)?),
    }
}

fn write(path: &Path, demonstrations: &Demonstrations, force: bool) -> anyhow::Result<()> {
    if path.exists() && !force {
        bail!("{}: exists; --force replaces it", path.display());
    }
    demonstrations.write(path)?;
    println!(
        "{}: {} episodes",
        path.display(),
        demonstrations.episodes.len()
    );
    Ok(())
}
