//! A potential as a picture: Φ over two numbers of the observation, with the demonstrations it was fitted to and the ways
//! of the run's policy.
//!
//! The other numbers of the observation are at their mean over the demonstrations, and of the action the best of some
//! demonstrated ones is taken: `max_a Φ(s, a)`.

use std::path::Path;

use anyhow::{Context, bail};
use plotters::prelude::*;
use rlfd_models::checkpoint::Checkpoint;
use tch::Device;

use super::mentor::Mentor;
use super::picture::{self, FAMILY};
use super::{Deployment, Recording, RunDirectory, TorchPolicy};
use crate::algo::Dimensions;
use crate::env::registry;
use crate::potential::{Demonstrated, Potential};
use crate::recipe::Recipe;

const SIZE: (u32, u32) = (900, 820);
/// Cells along each axis.
const CELLS: usize = 100;
/// Demonstrated actions of which the best is taken.
const ACTIONS: usize = 48;
/// Episodes of the policy.
const EPISODES: usize = 10;
/// The policy's episodes begin where no training episode does.
const SEED: u64 = 0x6865_6174;

/// Points of one episode, in the two chosen numbers.
type Way = Vec<(f64, f64)>;

/// Everything that is drawn.
struct Scene {
    env: String,
    names: [String; 2],
    /// Least and greatest of each axis.
    range: [(f64, f64); 2],
    /// `[CELLS * CELLS]`, the second axis slowest.
    values: Vec<f32>,
    demonstrations: Vec<Way>,
    rollouts: Vec<Way>,
}

/// Draws the potential of the run in `root` over the numbers `axes` of its observation to `path`.
///
/// # Errors
/// If the run has no potential or no policy yet, an axis is not there, or the picture cannot be written.
pub fn plot_potential(root: &Path, axes: [usize; 2], path: &Path) -> anyhow::Result<()> {
    let (directory, recipe) = RunDirectory::open(root)?;
    let scene = scene(&directory, &recipe, axes)?;
    picture::replace(path, |draft| draw(&scene, draft))
}

fn scene(directory: &RunDirectory, recipe: &Recipe, axes: [usize; 2]) -> anyhow::Result<Scene> {
    let root = directory.root().display();
    let Some(settings) = &recipe.shaping else {
        bail!("{root}: its recipe has no `potential`");
    };
    let mut env = registry::open(&recipe.run.env)?;
    let spec = env.spec().clone();
    let dimensions = Dimensions {
        observation: spec.observation_dim(),
        action: spec.action_dim(),
    };
    let names: Vec<String> = spec
        .observation
        .iter()
        .flat_map(|term| {
            (0..term.dim * term.history).map(|n| format!("{} {n} ({})", term.name, term.unit))
        })
        .collect();
    if axes[0] == axes[1] || axes.iter().any(|axis| *axis >= names.len()) {
        let last = names.len() - 1;
        bail!(
            "--axes {},{}: expected two different numbers of 0 to {last}",
            axes[0],
            axes[1]
        );
    }
    // Wherever it learned, a picture needs no more than this.
    let file = directory.potential();
    let potential = Potential::read(&file, dimensions, settings, Device::Cpu)
        .with_context(|| format!("{root}: no potential"))?;
    let Some((file, count)) = recipe.demonstration_file() else {
        bail!("{root}: its recipe has no `demonstrations`");
    };
    let demonstrations = directory.keep_demonstrations(Path::new(file))?;
    let mentor = Mentor::new(
        Path::new(file),
        &demonstrations,
        count,
        &spec,
        recipe.ends_on_success(),
    )?;
    let data = mentor.demonstrated();

    let checkpoint = Checkpoint::read(&directory.best_policy())?;
    let mut policy = TorchPolicy::new(&checkpoint)?;
    let mut recording = Recording::new(&mut policy);
    let terms = (spec.observation.clone(), spec.action.clone());
    let played = Deployment::new(&mut recording, terms.0, terms.1, env.as_ref())?
        .ending_on_success(recipe.ends_on_success())
        .play(env.as_mut(), EPISODES, SEED, |_, _| Ok(()))?;
    let lengths = played.lengths.iter().map(|&length| length as usize);
    let rollouts = ways(
        recording.observations(),
        lengths,
        dimensions.observation,
        axes,
    );
    let lengths = (0..mentor.episodes.len()).map(|n| mentor.episodes.episode(n).len());
    let shown = ways(&data.observation, lengths, dimensions.observation, axes);

    let range = [0, 1].map(|axis| {
        let points = rollouts.iter().chain(&shown).flatten();
        let numbers = points.map(|&(x, y)| if axis == 0 { x } else { y });
        let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        let margin = ((high - low) * 0.15).max(1e-3);
        (low - margin, high + margin)
    });
    Ok(Scene {
        env: spec.id,
        names: axes.map(|axis| names[axis].clone()),
        values: surface(&potential, &data, dimensions, axes, range),
        range,
        demonstrations: shown,
        rollouts,
    })
}

/// Cuts `[rows * width]` observations into episodes.
fn ways(
    observations: &[f32],
    lengths: impl Iterator<Item = usize>,
    width: usize,
    axes: [usize; 2],
) -> Vec<Way> {
    let mut rows = observations.chunks_exact(width);
    let point = |row: &[f32]| (f64::from(row[axes[0]]), f64::from(row[axes[1]]));
    lengths
        .map(|length| rows.by_ref().take(length).map(point).collect())
        .collect()
}

/// `max_a Φ` in the middle of each cell.
fn surface(
    potential: &Potential,
    data: &Demonstrated,
    dimensions: Dimensions,
    axes: [usize; 2],
    range: [(f64, f64); 2],
) -> Vec<f32> {
    let rows = data.action.len() / dimensions.action;
    let mut observation = vec![0.0_f32; dimensions.observation];
    for row in data.observation.chunks_exact(dimensions.observation) {
        for (mean, x) in observation.iter_mut().zip(row) {
            *mean += x / rows as f32;
        }
    }
    let mut states = Vec::new();
    for cell in 0..CELLS * CELLS {
        for (axis, place) in axes.into_iter().zip([cell % CELLS, cell / CELLS]) {
            let (low, high) = range[usize::from(axis != axes[0])];
            let share = (place as f64 + 0.5) / CELLS as f64;
            observation[axis] = (low + (high - low) * share) as f32;
        }
        states.extend_from_slice(&observation);
    }
    let mut best = vec![f32::NEG_INFINITY; CELLS * CELLS];
    for index in 0..ACTIONS.min(rows) {
        let chosen = index * rows / ACTIONS.min(rows);
        let action = &data.action[chosen * dimensions.action..][..dimensions.action];
        let values = potential.values(&states, &action.repeat(CELLS * CELLS));
        for (best, value) in best.iter_mut().zip(values) {
            *best = best.max(value);
        }
    }
    best
}

fn draw(scene: &Scene, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = BitMapBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let [(left, right), (low, high)] = scene.range;
    let greatest = scene.values.iter().copied().fold(f32::MIN, f32::max);
    let least = scene.values.iter().copied().fold(f32::MAX, f32::min);
    let caption = format!("{}: Φ from {least:.2} to {greatest:.2}", scene.env);
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, (FAMILY, 24))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(&scene.names[0])
        .y_desc(&scene.names[1])
        .label_style((FAMILY, 15))
        .draw()?;
    let (width, height) = ((right - left) / CELLS as f64, (high - low) / CELLS as f64);
    let span = (greatest - least).max(f32::MIN_POSITIVE);
    chart.draw_series(scene.values.iter().enumerate().map(|(cell, value)| {
        let x = left + (cell % CELLS) as f64 * width;
        let y = low + (cell / CELLS) as f64 * height;
        let color = color((value - least) / span);
        Rectangle::new([(x, y), (x + width, y + height)], color.filled())
    }))?;
    let groups = [
        ("demonstrations", &scene.demonstrations, WHITE.mix(0.6)),
        ("policy", &scene.rollouts, RED.mix(0.9)),
    ];
    for (label, ways, color) in groups {
        for (index, way) in ways.iter().enumerate() {
            let line = LineSeries::new(way.iter().copied(), color.stroke_width(2)).point_size(2);
            let drawn = chart.draw_series(line)?;
            if index == 0 {
                drawn.label(label).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3))
                });
            }
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(BLACK.mix(0.5))
        .label_font((FAMILY, 16, &WHITE))
        .draw()?;
    root.present()?;
    Ok(())
}

/// From dark blue over green to yellow, as even to the eye as a few points allow.
fn color(share: f32) -> RGBColor {
    const POINTS: [[f32; 3]; 5] = [
        [68.0, 1.0, 84.0],
        [59.0, 82.0, 139.0],
        [33.0, 145.0, 140.0],
        [94.0, 201.0, 98.0],
        [253.0, 231.0, 37.0],
    ];
    let place = share.clamp(0.0, 1.0) * (POINTS.len() - 1) as f32;
    let below = (place as usize).min(POINTS.len() - 2);
    let mix = |index: usize| {
        let (a, b) = (POINTS[below][index], POINTS[below + 1][index]);
        (a + (b - a) * (place - below as f32)) as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}
