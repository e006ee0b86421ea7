//! A picture with a panel per measured quantity. Knows no runs.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::spread::Band;
use crate::run::fonts;

const WIDTH: u32 = 900;
const PANEL_HEIGHT: u32 = 560;

/// One quantity of all groups of runs.
#[derive(Debug)]
pub(super) struct Panel {
    /// What the vertical axis says.
    pub title: &'static str,
    /// Label and curve of each group.
    pub series: Vec<(String, Vec<Band>)>,
}

/// Draws the panels one below the other; the picture replaces an old one only when it is whole.
pub(super) fn write(caption: &str, panels: &[Panel], path: &Path) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new()
        .prefix(".")
        .suffix(".png")
        .tempfile_in(folder)?
        .into_temp_path();
    let bands = || panels.iter().flat_map(|panel| &panel.series);
    let right = bands().flat_map(|(_, bands)| bands).map(|band| band.step);
    let right = right.fold(0.0, f64::max);
    if right <= 0.0 {
        bail!("{caption}: no evaluation after step 0 to draw");
    }
    picture(caption, panels, right, &draft)
        .map_err(|error| anyhow!("{}: cannot be drawn: {error}", path.display()))?;
    let bytes = std::fs::read(&draft)?;
    rlfd_models::atomic_file::replace(path, &bytes)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn picture(
    caption: &str,
    panels: &[Panel],
    right: f64,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    fonts::install();
    let size = (WIDTH, PANEL_HEIGHT * panels.len() as u32);
    let root = BitMapBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly((panels.len(), 1)).iter().zip(panels) {
        draw(caption, panel, right, area)?;
    }
    root.present()?;
    Ok(())
}

fn draw(
    caption: &str,
    panel: &Panel,
    right: f64,
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
) -> Result<(), Box<dyn std::error::Error>> {
    let bands = || panel.series.iter().flat_map(|(_, bands)| bands);
    let low = bands().map(|band| band.low).fold(f64::INFINITY, f64::min);
    let high = bands()
        .map(|band| band.high)
        .fold(f64::NEG_INFINITY, f64::max);
    let margin = match high - low {
        flat if flat < 1e-9 * high.abs().max(1.0) => 0.5,
        height => height * 0.05,
    };
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (fonts::FAMILY, 24))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..right, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .x_desc("environment steps")
        .y_desc(panel.title)
        .x_label_formatter(&|step| thousands(*step))
        .y_label_formatter(&|value| {
            if high - low < 10.0 {
                format!("{value:.2}")
            } else {
                thousands(*value)
            }
        })
        .label_style((fonts::FAMILY, 15))
        .light_line_style(WHITE)
        .draw()?;
    for (index, (label, bands)) in panel.series.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let upper = bands.iter().map(|band| (band.step, band.high));
        let lower = bands.iter().rev().map(|band| (band.step, band.low));
        chart.draw_series(std::iter::once(Polygon::new(
            upper.chain(lower).collect::<Vec<_>>(),
            color.mix(0.2),
        )))?;
        chart
            .draw_series(LineSeries::new(
                bands.iter().map(|band| (band.step, band.middle)),
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
        .label_font((fonts::FAMILY, 16))
        .draw()?;
    Ok(())
}

fn thousands(value: f64) -> String {
    if value.abs() >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else {
        format!("{value:.0}")
    }
}
