//! A picture of a recording: returns, lengths, last distances and actions as histograms.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::data::{Demonstration, Demonstrations};
use crate::run::picture;

const SIZE: (u32, u32) = (1000, 700);
const N_BINS: usize = 30;

/// A histogram's numbers, several series of which share the axes.
struct Panel {
    title: &'static str,
    axis: &'static str,
    series: Vec<Vec<f64>>,
}

/// Draws `path` whole or not at all.
///
/// # Errors
/// If the picture cannot be written.
pub fn draw(demonstrations: &Demonstrations, path: &Path) -> anyhow::Result<()> {
    picture::replace(path, |draft| chart(demonstrations, draft))
}

fn panels(demonstrations: &Demonstrations) -> Vec<Panel> {
    let all = |of: fn(&Demonstration) -> f64| -> Vec<f64> {
        demonstrations.episodes.iter().map(of).collect()
    };
    let width = demonstrations.shape.action;
    let column = |index: usize| -> Vec<f64> {
        let rows = demonstrations.episodes.iter();
        rows.flat_map(|one| one.action.iter().skip(index).step_by(width).copied())
            .collect()
    };
    let mut panels = vec![
        Panel {
            title: "return",
            axis: "sum of rewards",
            series: vec![all(Demonstration::ret)],
        },
        Panel {
            title: "length",
            axis: "steps",
            series: vec![all(|one| one.len() as f64)],
        },
    ];
    let distances = demonstrations.final_distances();
    if !distances.is_empty() {
        panels.push(Panel {
            title: "distance at the end",
            axis: "m",
            series: vec![distances],
        });
    }
    panels.push(Panel {
        title: "actions, one colour per number",
        axis: "environment's units",
        series: (0..width).map(column).collect(),
    });
    panels
}

fn chart(demonstrations: &Demonstrations, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = BitMapBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let env = match demonstrations.env.as_str() {
        "" => "demonstrations",
        env => env,
    };
    let title = format!("{env}: {} episodes", demonstrations.episodes.len());
    let areas = root
        .titled(&title, (picture::FAMILY, 24))?
        .split_evenly((2, 2));
    for (panel, area) in panels(demonstrations).iter().zip(&areas) {
        histogram(panel, area)?;
    }
    root.present()?;
    Ok(())
}

fn histogram(
    panel: &Panel,
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
) -> Result<(), Box<dyn std::error::Error>> {
    let numbers = || panel.series.iter().flatten().copied();
    let low = numbers().fold(f64::INFINITY, f64::min);
    let high = numbers().fold(f64::NEG_INFINITY, f64::max);
    let margin = if high > low { (high - low) * 0.02 } else { 0.5 };
    let (low, high) = (low - margin, high + margin);
    let bin = (high - low) / N_BINS as f64;
    let counts: Vec<Vec<usize>> = panel
        .series
        .iter()
        .map(|series| counts(series, low, bin))
        .collect();
    let tallest = counts.iter().flatten().copied().max().unwrap_or(1);
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, (picture::FAMILY, 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(low..high, 0.0..tallest as f64 * 1.05)?;
    chart
        .configure_mesh()
        .x_desc(panel.axis)
        .y_desc("count")
        .label_style((picture::FAMILY, 14))
        .light_line_style(WHITE)
        .draw()?;
    for (index, counts) in counts.iter().enumerate() {
        let color = Palette99::pick(index).mix(0.5);
        chart.draw_series(counts.iter().enumerate().map(|(place, count)| {
            let left = low + bin * place as f64;
            Rectangle::new([(left, 0.0), (left + bin, *count as f64)], color.filled())
        }))?;
    }
    Ok(())
}

fn counts(series: &[f64], low: f64, bin: f64) -> Vec<usize> {
    let mut counts = vec![0; N_BINS];
    for number in series {
        let place = ((number - low) / bin) as usize;
        counts[place.min(N_BINS - 1)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_one_bin() {
        let series = [0.0, 0.1, 0.999, 1.0];
        let counts = counts(&series, 0.0, 1.0 / N_BINS as f64);
        assert_eq!(counts.iter().sum::<usize>(), 4);
        assert_eq!((counts[0], counts[3], counts[N_BINS - 1]), (1, 1, 2));
    }
}
