//! `trainer plot`

use std::path::PathBuf;

use clap::Args;

use crate::run::{self, Spread, Style};

/// Draw learning curves.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Folders of runs, or folders that hold such, as that of a sweep does
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// Where the pictures go
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Mean and standard deviation instead of median and quartiles
    #[arg(long)]
    mean: bool,
    /// Average this many evaluations around each, an odd number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = odd)]
    smooth: usize,
    /// Draw what rewards are shaped by instead: the potential, demonstrations and the policy's ways
    #[arg(long, conflicts_with = "mean")]
    potential: bool,
    /// Numbers of the observation that the potential is drawn over
    #[arg(long, value_name = "X,Y", value_delimiter = ',', num_args = 2, default_values_t = [0, 1], requires = "potential")]
    axes: Vec<usize>,
}

/// Runs `trainer plot`.
///
/// # Errors
/// If a folder holds no run, or a picture cannot be written.
pub fn plot(args: &PlotArgs) -> anyhow::Result<()> {
    if args.potential {
        for root in &args.runs {
            let path = run::plot_potential(root, [args.axes[0], args.axes[1]], &args.out)?;
            println!("{}", path.display());
        }
        return Ok(());
    }
    let style = Style {
        spread: if args.mean {
            Spread::Deviation
        } else {
            Spread::Quartiles
        },
        window: args.smooth,
    };
    for path in run::plot(&args.runs, &args.out, style)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn odd(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number % 2 == 1 => Ok(number),
        _ => Err("an odd number is expected".to_owned()),
    }
}
