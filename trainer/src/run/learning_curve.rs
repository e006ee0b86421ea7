//! Learning curves: mean evaluation return by environment step, from the `evaluations.csv` of one or more runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use plotters::prelude::*;

use super::RunDirectory;
use super::fonts::{self, FAMILY as FONT};

const SIZE: (u32, u32) = (900, 560);

/// The evaluations of one run.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    env: String,
    algo: String,
    /// (environment step, mean return)
    points: Vec<(f64, f64)>,
}

/// Draws one picture per environment into `folder`, runs of the same algorithm as mean and spread (one standard
/// deviation) over seeds. Answers what was written.
///
/// # Errors
/// If a folder holds no run, a run no evaluation yet, or a picture cannot be written.
pub fn plot(runs: &[PathBuf], folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut by_env: BTreeMap<String, Vec<Curve>> = BTreeMap::new();
    for root in runs {
        let curve = read(&RunDirectory::open(root)?)?;
        by_env.entry(curve.env.clone()).or_default().push(curve);
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let mut written = Vec::new();
    for (env, curves) in by_env {
        let path = folder.join(format!("{env}.png"));
        draw(&env, &curves, &path)?;
        written.push(path);
    }
    Ok(written)
}

/// Draws a run's own curve into its folder.
pub(super) fn plot_run(directory: &RunDirectory) -> anyhow::Result<()> {
    let (directory, recipe) = RunDirectory::open(directory.root())?;
    let curve = read(&(directory.clone(), recipe))?;
    draw(&curve.env.clone(), &[curve], &directory.learning_curve())
}

fn read((directory, recipe): &(RunDirectory, crate::recipe::Recipe)) -> anyhow::Result<Curve> {
    let path = directory.evaluations();
    let mut reader = csv::Reader::from_path(&path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut points = Vec::new();
    for row in reader.records() {
        let row = row.with_context(|| format!("{}: damaged", path.display()))?;
        let number = |column: usize, name: &str| {
            let cell = row.get(column).unwrap_or_default();
            cell.parse::<f64>()
                .with_context(|| format!("{}: `{name}` is `{cell}`, not a number", path.display()))
        };
        points.push((number(0, "step")?, number(1, "return_mean")?));
    }
    if points.is_empty() {
        bail!("{}: no evaluation yet", path.display());
    }
    Ok(Curve {
        env: recipe.run.env.clone(),
        algo: recipe.run.algo.clone(),
        points,
    })
}

/// A label, and (step, mean, standard deviation) of its runs.
type Series = (String, Vec<(f64, f64, f64)>);

/// (step, mean, standard deviation) at the steps every curve has.
fn spread(curves: &[&Curve]) -> Vec<(f64, f64, f64)> {
    let Some((first, rest)) = curves.split_first() else {
        return Vec::new();
    };
    let at = |curve: &Curve, step: f64| {
        curve
            .points
            .iter()
            .find(|point| point.0 == step)
            .map(|point| point.1)
    };
    let mut rows = Vec::new();
    for &(step, value) in &first.points {
        let others: Option<Vec<f64>> = rest.iter().map(|curve| at(curve, step)).collect();
        let Some(mut values) = others else { continue };
        values.push(value);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / values.len() as f64;
        rows.push((step, mean, variance.sqrt()));
    }
    rows
}

fn draw(env: &str, curves: &[Curve], path: &Path) -> anyhow::Result<()> {
    let mut by_algo: BTreeMap<&str, Vec<&Curve>> = BTreeMap::new();
    for curve in curves {
        by_algo.entry(&curve.algo).or_default().push(curve);
    }
    let rows: Vec<Series> = by_algo
        .into_iter()
        .map(|(algo, curves)| {
            (
                format!(
                    "{algo} ({} seed{})",
                    curves.len(),
                    if curves.len() == 1 { "" } else { "s" }
                ),
                spread(&curves),
            )
        })
        .collect();
    let all = || rows.iter().flat_map(|(_, rows)| rows);
    let right = all().map(|row| row.0).fold(0.0, f64::max);
    let low = all().map(|row| row.1 - row.2).fold(f64::INFINITY, f64::min);
    let high = all()
        .map(|row| row.1 + row.2)
        .fold(f64::NEG_INFINITY, f64::max);
    if !(right > 0.0 && low.is_finite() && high.is_finite()) {
        bail!("{env}: the runs share no finite evaluation to draw");
    }
    let margin = (high - low).max(1.0) * 0.05;
    // The picture replaces the old one only when it is whole.
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new()
        .prefix(".")
        .suffix(".png")
        .tempfile_in(folder)?
        .into_temp_path();
    chart(env, &rows, right, low - margin..high + margin, &draft)
        .map_err(|error| anyhow!("{}: cannot be drawn: {error}", path.display()))?;
    let bytes = std::fs::read(&draft)?;
    rlfd_models::atomic_file::replace(path, &bytes)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn chart(
    env: &str,
    rows: &[Series],
    right: f64,
    range: std::ops::Range<f64>,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    fonts::install();
    let root = BitMapBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(env, (FONT, 24))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..right, range)?;
    chart
        .configure_mesh()
        .x_desc("environment steps")
        .y_desc("mean return of an evaluation")
        .x_label_formatter(&|step| thousands(*step))
        .y_label_formatter(&|value| thousands(*value))
        .label_style((FONT, 15))
        .light_line_style(WHITE)
        .draw()?;
    for (index, (label, rows)) in rows.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let upper = rows.iter().map(|&(step, mean, std)| (step, mean + std));
        let lower = rows
            .iter()
            .rev()
            .map(|&(step, mean, std)| (step, mean - std));
        chart.draw_series(std::iter::once(Polygon::new(
            upper.chain(lower).collect::<Vec<_>>(),
            color.mix(0.2),
        )))?;
        chart
            .draw_series(LineSeries::new(
                rows.iter().map(|&(step, mean, _)| (step, mean)),
                color.stroke_width(2),
            ))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 16))
        .draw()?;
    root.present()?;
    Ok(())
}

fn thousands(value: f64) -> String {
    if value.abs() >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve {
            env: "E".into(),
            algo: "a".into(),
            points: points.to_vec(),
        }
    }

    #[test]
    fn spread_is_over_the_steps_all_runs_share() {
        let (a, b) = (curve(&[(1.0, 2.0), (2.0, 4.0)]), curve(&[(2.0, 8.0)]));
        assert_eq!(spread(&[&a, &b]), [(2.0, 6.0, 2.0)]);
    }

    #[test]
    fn a_picture_is_a_png_with_more_than_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("E.png");
        draw("E", &[curve(&[(0.0, 0.0), (10.0, 5.0)])], &path).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 5_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
