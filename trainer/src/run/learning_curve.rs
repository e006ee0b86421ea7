//! Learning curves by environment step, from the `evaluations.csv` of one or more runs: success rate and mean Q where
//! the environment has goals, mean return elsewhere. Runs whose recipes differ in nothing but the seed are one curve.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::RunDirectory;
use super::chart::{self, Panel, Series};

/// What a curve over several seeds shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// The median, between the first and the third quartile.
    #[default]
    Quartiles,
    /// The mean, between one standard deviation below and above.
    Deviation,
}

/// The evaluations of one run.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    env: String,
    /// The recipe's keys and values, without the seed and what only says where and how often.
    settings: BTreeMap<String, String>,
    /// Columns of `evaluations.csv` by name; a cell may be empty.
    columns: BTreeMap<String, Vec<Option<f64>>>,
}

/// Keys of a recipe that do not tell one experiment from another.
const NOT_COMPARED: [&str; 8] = [
    "seed",
    "env",
    "threads",
    "device",
    "log_interval",
    "eval_interval",
    "eval_episodes",
    "checkpoint_interval",
];

/// Draws one picture per environment into `folder`. A folder of `runs` is that of a run, or holds such at any depth.
/// Answers what was written.
///
/// # Errors
/// If a folder holds no run, a run no evaluation yet, or a picture cannot be written.
pub fn plot(runs: &[PathBuf], folder: &Path, spread: Spread) -> anyhow::Result<Vec<PathBuf>> {
    let mut by_env: BTreeMap<String, Vec<Curve>> = BTreeMap::new();
    for root in runs {
        let mut found = Vec::new();
        find_runs(root, &mut found)?;
        if found.is_empty() {
            bail!(
                "{}: no run here (it would hold a recipe.toml)",
                root.display()
            );
        }
        for run in found {
            let curve = read(&run)?;
            by_env.entry(curve.env.clone()).or_default().push(curve);
        }
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let mut written = Vec::new();
    for (env, curves) in by_env {
        let path = folder.join(format!("{env}.png"));
        draw(&env, &curves, spread, &path)?;
        written.push(path);
    }
    Ok(written)
}

/// Draws a run's own curve into its folder.
pub(super) fn plot_run(directory: &RunDirectory) -> anyhow::Result<()> {
    let curve = read(directory.root())?;
    let env = curve.env.clone();
    draw(
        &env,
        &[curve],
        Spread::default(),
        &directory.learning_curve(),
    )
}

fn find_runs(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if folder.join("recipe.toml").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{}: no run here", folder.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    folders
        .iter()
        .try_for_each(|folder| find_runs(folder, found))
}

fn read(root: &Path) -> anyhow::Result<Curve> {
    let (directory, recipe) = RunDirectory::open(root)?;
    let path = directory.evaluations();
    let mut reader = csv::Reader::from_path(&path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("{}: damaged", path.display()))?;
        for (name, cell) in names.iter().zip(row.iter()) {
            let number = match cell {
                "" => None,
                _ => Some(cell.parse::<f64>().with_context(|| {
                    format!("{}: `{name}` is `{cell}`, not a number", path.display())
                })?),
            };
            columns.entry(name.clone()).or_default().push(number);
        }
    }
    for name in ["step", "return_mean"] {
        if !names.iter().any(|known| known == name) {
            bail!("{}: no column `{name}`", path.display());
        }
    }
    if columns.is_empty() {
        bail!("{}: no evaluation yet", path.display());
    }
    let table: toml::Table = recipe.to_toml().parse().context("a recipe is TOML")?;
    let compared = table
        .into_iter()
        .filter(|(key, _)| !NOT_COMPARED.contains(&key.as_str()));
    Ok(Curve {
        env: recipe.run.env.clone(),
        settings: compared
            .map(|(key, value)| (key, value.to_string()))
            .collect(),
        columns,
    })
}

impl Curve {
    /// (step, value) where the column has one.
    fn points(&self, column: &str) -> Vec<(f64, f64)> {
        let empty = Vec::new();
        let values = self.columns.get(column).unwrap_or(&empty);
        let steps = self.columns.get("step").unwrap_or(&empty);
        steps
            .iter()
            .zip(values)
            .filter_map(|(step, value)| Some(((*step)?, (*value)?)))
            .collect()
    }
}

/// Curves by what their recipes differ in, e.g. `her = "none"`; by the algorithm where they differ in nothing.
fn group(curves: &[Curve]) -> BTreeMap<String, Vec<&Curve>> {
    let keys: BTreeSet<&String> = curves.iter().flat_map(|c| c.settings.keys()).collect();
    let differ = |key: &&String| {
        curves
            .iter()
            .any(|c| c.settings.get(*key) != curves[0].settings.get(*key))
    };
    let mut keys: Vec<&String> = keys.into_iter().filter(differ).collect();
    // Another algorithm has other keys, which say nothing more.
    if keys.iter().any(|key| *key == "algo") {
        let shared = |key: &&String| curves.iter().all(|c| c.settings.contains_key(*key));
        keys.retain(shared);
    }
    // Of a group of keys that some recipes lack, the first says so for all that are there and alike where it is there.
    for lead in ["her", "demonstrations"] {
        let has = |curve: &Curve, key: &str| curve.settings.contains_key(key);
        let with: Vec<&Curve> = curves.iter().filter(|curve| has(curve, lead)).collect();
        if with.is_empty() || with.len() == curves.len() {
            continue;
        }
        keys.retain(|key| {
            let goes_with_it = curves.iter().all(|c| has(c, key) == has(c, lead));
            let alike = || {
                with.iter()
                    .all(|curve| curve.settings.get(*key) == with[0].settings.get(*key))
            };
            *key == lead || !goes_with_it || !alike()
        });
    }
    let mut groups: BTreeMap<String, Vec<&Curve>> = BTreeMap::new();
    for curve in curves {
        let value = |key: &&String| {
            curve
                .settings
                .get(*key)
                .map(|value| format!("{key} = {value}"))
        };
        let parts: Vec<String> = keys
            .iter()
            .map(|key| value(key).unwrap_or_else(|| format!("no {key}")))
            .collect();
        let label = match parts.is_empty() {
            true => curve.settings["algo"].trim_matches('"').to_owned(),
            false => parts.join(", "),
        };
        groups.entry(label).or_default().push(curve);
    }
    groups
}

/// (step, low, middle, high) at the steps every curve has.
fn spread(curves: &[Vec<(f64, f64)>], spread: Spread) -> Vec<[f64; 4]> {
    let Some((first, rest)) = curves.split_first() else {
        return Vec::new();
    };
    let at = |curve: &[(f64, f64)], step: f64| {
        let found = curve.iter().find(|point| point.0 == step);
        found.map(|point| point.1)
    };
    let mut rows = Vec::new();
    for &(step, value) in first {
        let others: Option<Vec<f64>> = rest.iter().map(|curve| at(curve, step)).collect();
        let Some(mut values) = others else { continue };
        values.push(value);
        let [low, middle, high] = match spread {
            Spread::Quartiles => {
                values.sort_by(f64::total_cmp);
                [0.25, 0.5, 0.75].map(|fraction| quantile(&values, fraction))
            }
            Spread::Deviation => {
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                [mean - square.sqrt(), mean, mean + square.sqrt()]
            }
        };
        rows.push([step, low, middle, high]);
    }
    rows
}

/// Of sorted values, with linear interpolation between neighbours, as numpy's default is.
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let place = fraction * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

fn draw(env: &str, curves: &[Curve], how: Spread, path: &Path) -> anyhow::Result<()> {
    let groups = group(curves);
    let panel = |title: &'static str, column: &str| {
        let series = groups.iter().filter_map(|(label, curves)| {
            let points: Vec<_> = curves.iter().map(|curve| curve.points(column)).collect();
            let rows = spread(&points, how);
            let seeds = match curves.len() {
                1 => "1 run".to_owned(),
                n => format!("{n} runs"),
            };
            (!rows.is_empty()).then(|| Series {
                label: format!("{label} ({seeds})"),
                rows,
            })
        });
        Panel {
            title,
            series: series.collect(),
        }
    };
    let success = panel("success rate of an evaluation", "success_rate");
    let mut panels = match success.series.is_empty() {
        true => vec![panel("mean return of an evaluation", "return_mean")],
        false => vec![success, panel("mean Q of an evaluation", "q_mean")],
    };
    panels.retain(|panel| !panel.series.is_empty());
    if panels.is_empty() {
        bail!("{env}: the runs share no evaluation to draw");
    }
    chart::draw(env, &panels, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(settings: &[(&str, &str)]) -> Curve {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Curve {
            env: "E".into(),
            settings: settings.iter().map(pair).collect(),
            columns: [
                ("step".to_owned(), vec![Some(0.0), Some(10.0)]),
                ("return_mean".to_owned(), vec![Some(1.0), Some(5.0)]),
                ("success_rate".to_owned(), vec![None, Some(0.5)]),
            ]
            .into(),
        }
    }

    #[test]
    fn spread_is_over_the_steps_all_runs_share() {
        let runs = [
            vec![(1.0, 2.0), (2.0, 4.0)],
            vec![(2.0, 8.0)],
            vec![(2.0, 5.0), (3.0, 0.0)],
        ];
        assert_eq!(spread(&runs, Spread::Quartiles), [[2.0, 4.5, 5.0, 6.5]]);
        let two = spread(&runs[..2], Spread::Deviation);
        assert_eq!(two, [[2.0, 4.0, 6.0, 8.0]]);
    }

    #[test]
    fn groups_are_named_by_what_differs() {
        let sac = |tau| curve(&[("algo", "\"sac\""), ("tau", tau), ("entropy", "1")]);
        let labels = |curves: &[Curve]| group(curves).into_keys().collect::<Vec<_>>();
        assert_eq!(labels(&[sac("1"), sac("1")]), ["sac"]);
        assert_eq!(labels(&[sac("1"), sac("2")]), ["tau = 1", "tau = 2"]);
        let td3 = curve(&[("algo", "\"td3\""), ("tau", "1"), ("delay", "2")]);
        assert_eq!(
            labels(&[sac("1"), td3]),
            ["algo = \"sac\"", "algo = \"td3\""]
        );
        let plain = curve(&[("algo", "\"sac\"")]);
        let her = curve(&[("algo", "\"sac\""), ("her", "\"future\""), ("her_k", "4.0")]);
        assert_eq!(labels(&[plain, her]), ["her = \"future\"", "no her"]);
    }

    #[test]
    fn empty_cells_are_left_out() {
        assert_eq!(curve(&[]).points("success_rate"), [(10.0, 0.5)]);
        assert_eq!(curve(&[]).points("q_mean"), []);
    }

    #[test]
    fn a_picture_is_a_png_with_more_than_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("E.png");
        let curves = [curve(&[("algo", "\"sac\"")])];
        draw("E", &curves, Spread::Quartiles, &path).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 5_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
