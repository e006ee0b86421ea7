//! `trainer plot`

use std::path::PathBuf;

use clap::Args;

use crate::run;

/// Draw learning curves.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Folders of runs
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// Where the pictures go
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Runs `trainer plot`.
///
/// # Errors
/// If a folder holds no run, or a picture cannot be written.
pub fn plot(args: &PlotArgs) -> anyhow::Result<()> {
    for path in run::plot(&args.runs, &args.out)? {
        println!("{}", path.display());
    }
    Ok(())
}
