//! `trainer plot`

use std::path::PathBuf;

use clap::Args;

use crate::run::{self, Spread};

/// Draw learning curves.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Folders of runs, or folders that hold such, e.g. of a sweep
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// Where the pictures go
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Mean and one standard deviation instead of median and quartiles
    #[arg(long)]
    mean: bool,
}

/// Runs `trainer plot`.
///
/// # Errors
/// If a folder holds no run, or a picture cannot be written.
pub fn plot(args: &PlotArgs) -> anyhow::Result<()> {
    let spread = match args.mean {
        true => Spread::Deviation,
        false => Spread::Quartiles,
    };
    for path in run::plot(&args.runs, &args.out, spread)? {
        println!("{}", path.display());
    }
    Ok(())
}
