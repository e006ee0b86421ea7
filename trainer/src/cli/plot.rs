//! `trainer plot`

use std::path::PathBuf;

use anyhow::{Context, bail};
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
    /// Draw what rewards are shaped by instead: the potential, demonstrations and the policy's ways, a picture per DIR
    #[arg(long, conflicts_with_all = ["mean", "smooth"])]
    potential: bool,
    /// Numbers of the observation that the potential is drawn over
    #[arg(long, value_name = "X,Y", default_value = "0,1", value_parser = axes, requires = "potential")]
    axes: [usize; 2],
}

/// Runs `trainer plot`.
///
/// # Errors
/// If a folder holds no run, or a picture cannot be written.
pub fn plot(args: &PlotArgs) -> anyhow::Result<()> {
    if args.potential {
        return potentials(args);
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

/// One picture per run, named by its folder.
fn potentials(args: &PlotArgs) -> anyhow::Result<()> {
    let mut pictures: Vec<(&String, PathBuf)> = Vec::new();
    for root in &args.runs {
        // `.` has no name of its own.
        let whole = PathBuf::from(root)
            .canonicalize()
            .with_context(|| root.clone())?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy();
        let path = args.out.join(format!("{name}-potential.png"));
        if let Some((other, _)) = pictures.iter().find(|(_, known)| *known == path) {
            bail!(
                "{root}, {other}: both pictures would be {name}-potential.png; draw them one by one, each with its --out"
            );
        }
        pictures.push((root, path));
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("{}: cannot be made", args.out.display()))?;
    for (root, path) in pictures {
        run::plot_potential(root.as_ref(), args.axes, &path)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn axes(text: &str) -> Result<[usize; 2], String> {
    let numbers = text.split(',').map(|number| number.trim().parse());
    let numbers: Result<Vec<usize>, _> = numbers.collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| "two numbers with a comma between are expected, as in 0,2".to_owned())
}

fn odd(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number % 2 == 1 => Ok(number),
        _ => Err("an odd number is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        plot: PlotArgs,
    }

    #[test]
    fn axes_are_two_numbers_with_a_comma() {
        let parse = |words: &[&str]| {
            Line::try_parse_from([&["plot", "--potential"], words].concat())
                .map(|line| (line.plot.axes, line.plot.runs))
        };
        let run = vec!["run".to_owned()];
        assert_eq!(parse(&["run"]).unwrap(), ([0, 1], run.clone()));
        assert_eq!(parse(&["--axes", "2,5", "run"]).unwrap(), ([2, 5], run));
        for wrong in ["2", "2,", "2,5,7", "a,b"] {
            let message = parse(&["--axes", wrong, "run"]).unwrap_err().to_string();
            assert!(message.contains("as in 0,2"), "{message}");
        }
        assert!(parse(&["--smooth", "5", "run"]).is_err());
    }
}
