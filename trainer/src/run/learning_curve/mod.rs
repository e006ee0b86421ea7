//! Learning curves: what evaluations measured by environment step, one picture per environment, runs that differ in
//! nothing but their seed drawn as one curve with its spread.

mod chart;
mod curve;
mod groups;
mod spread;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

pub use curve::Curve;
pub use spread::Spread;

use super::RunDirectory;
use chart::Panel;

/// Columns of `evaluations.csv` that are drawn, where they hold numbers, and what the axis says.
const PANELS: [(&str, &str); 3] = [
    ("return_mean", "mean return of an evaluation"),
    ("success_rate", "success rate of an evaluation"),
    ("q_mean", "mean value the critics expect"),
];

/// How curves are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// What a curve and its band are.
    pub spread: Spread,
    /// Evaluations averaged around each, an odd number; 1 leaves curves as they are.
    pub window: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            spread: Spread::Quartiles,
            window: 1,
        }
    }
}

/// The folder of a run, or one that holds such at any depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// What their curve is called; without it, after what tells them from other curves.
    pub name: Option<String>,
    /// Where they are.
    pub folder: PathBuf,
}

/// Draws one picture per environment into `folder`. Runs without an evaluation are left out, unless they are named
/// themselves. Answers what was written.
///
/// # Errors
/// If a folder holds no run, nothing was evaluated yet, or a picture cannot be written.
pub fn plot(roots: &[Runs], folder: &Path, style: Style) -> anyhow::Result<Vec<PathBuf>> {
    let mut by_env: BTreeMap<String, Vec<Curve>> = BTreeMap::new();
    for Runs { name, folder: root } in roots {
        let mut runs = Vec::new();
        find_runs(root, &mut runs)?;
        if runs.is_empty() {
            bail!(
                "{}: no run here (it would hold a recipe.toml)",
                root.display()
            );
        }
        for run in runs {
            let (directory, recipe) = RunDirectory::open(&run)?;
            if run == *root || Curve::is_there(&directory)? {
                let mut curve = Curve::read(&directory, &recipe)?;
                curve.name.clone_from(name);
                by_env.entry(recipe.run.env).or_default().push(curve);
            }
        }
    }
    if by_env.is_empty() {
        bail!("none of the runs has been evaluated yet");
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;
    let mut written = Vec::new();
    for (env, curves) in by_env {
        // A slash in the name of an environment is none of a path.
        let path = folder.join(format!("{}.png", env.replace('/', "-")));
        draw(&env, &curves, style, &path)?;
        written.push(path);
    }
    Ok(written)
}

fn find_runs(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if folder.join("recipe.toml").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    let unreadable = || format!("{}: cannot be searched for runs", folder.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        // Links are not followed: they may lead in circles.
        if entry.file_type().with_context(unreadable)?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    folders
        .iter()
        .try_for_each(|folder| find_runs(folder, found))
}

/// Draws a run's own curve into its folder.
pub(super) fn plot_run(directory: &RunDirectory) -> anyhow::Result<()> {
    let (directory, recipe) = RunDirectory::open(directory.root())?;
    let curve = Curve::read(&directory, &recipe)?;
    let path = directory.learning_curve();
    draw(&recipe.run.env, &[curve], Style::default(), &path)
}

fn draw(env: &str, curves: &[Curve], style: Style, path: &Path) -> anyhow::Result<()> {
    let groups = groups::split(curves);
    let mut panels = Vec::new();
    for (column, title) in PANELS {
        let series = groups.iter().map(|(label, members)| {
            let points: Vec<_> = members
                .iter()
                .map(|curve| spread::smooth(&curve.points(column), style.window))
                .collect();
            (label.clone(), style.spread.of(&points))
        });
        let series: Vec<_> = series.filter(|(_, bands)| !bands.is_empty()).collect();
        if !series.is_empty() {
            panels.push(Panel { title, series });
        }
    }
    if panels.is_empty() {
        bail!("{env}: the runs share no finite evaluation to draw");
    }
    chart::write(env, &panels, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_png_with_a_panel_for_each_column_that_holds_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("E.png");
        let height = |text: &str| {
            let curve = Curve::parse("evaluations.csv", text, Vec::new()).unwrap();
            draw("E", &[curve], Style::default(), &path).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert!(bytes.len() > 5_000);
            u32::from_be_bytes(bytes[20..24].try_into().unwrap())
        };
        let one = height("step,return_mean\n0,0\n10,5\n");
        let two = height("step,return_mean,success_rate,q_mean\n0,0,0.1,\n10,5,0.8,\n");
        assert_eq!(two, one + chart::PANEL_HEIGHT);
        assert!(one > chart::PANEL_HEIGHT + chart::KEY_HEIGHT);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// There is no line to a single evaluation, and yet it must be seen.
    #[test]
    fn a_single_evaluation_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("E.png");
        let curve = Curve::parse("e.csv", "step,return_mean\n10,5\n", Vec::new()).unwrap();
        draw("E", &[curve], Style::default(), &path).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut picture = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; picture.output_buffer_size().unwrap()];
        let frame = picture.next_frame(&mut bytes).unwrap();
        let below_the_key = &bytes[80 * frame.line_size..];
        let is_coloured = |pixel: &&[u8]| pixel.iter().any(|c| *c != pixel[0]);
        let coloured = below_the_key.chunks_exact(3).filter(is_coloured).count();
        assert!(coloured > 30, "{coloured} coloured pixels");
    }
}
