//! `trainer plot`

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::run::{self, Runs, Spread, Style};
use crate::sweep::Manifest;

/// Draw learning curves.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Folders of runs, or folders that hold such, as that of a sweep does; NAME=DIR names their curve
    #[arg(required = true, value_name = "[NAME=]DIR")]
    runs: Vec<String>,
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
            let path = run::plot_potential(root.as_ref(), [args.axes[0], args.axes[1]], &args.out)?;
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
    let mut runs = Vec::new();
    for given in &args.runs {
        runs.extend(open(given)?);
    }
    for path in run::plot(&runs, &args.out, style)? {
        println!("{}", path.display());
    }
    Ok(())
}

/// What `[NAME=]DIR` says. A folder may have `=` in its name, as those of a sweep's members do; one that exists is meant.
fn open(given: &str) -> anyhow::Result<Vec<Runs>> {
    let whole = PathBuf::from(given);
    if whole.exists() {
        let members = Manifest::evaluated(&whole)?;
        return Ok(members.unwrap_or_else(|| {
            vec![Runs {
                name: None,
                folder: whole,
            }]
        }));
    }
    let folders = given.match_indices('=').map(|(at, _)| given.split_at(at));
    let folders = folders.map(|(name, folder)| (name, PathBuf::from(&folder[1..])));
    let mut folders = folders.filter(|(name, folder)| !name.is_empty() && folder.exists());
    let Some((name, folder)) = folders.next() else {
        bail!("{given}: no such folder");
    };
    Ok(vec![Runs {
        name: Some(name.to_owned()),
        folder,
    }])
}

fn odd(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number % 2 == 1 => Ok(number),
        _ => Err("an odd number is expected".to_owned()),
    }
}
