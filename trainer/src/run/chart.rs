//! Panels of curves with a band around each, side by side in one picture. It refuses to know what is drawn.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::fonts::{self, FAMILY as FONT};

const PANEL: (u32, u32) = (900, 560);

/// One diagram over environment steps.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Of the vertical axis.
    pub title: &'static str,
    pub series: Vec<Series>,
}

/// One curve.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub label: String,
    /// (step, low, middle, high)
    pub rows: Vec<[f64; 4]>,
}

/// Draws `panels` side by side under `caption`; the picture replaces an old one only when it is whole.
pub(super) fn draw(caption: &str, panels: &[Panel], path: &Path) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    for panel in panels {
        let numbers = panel
            .series
            .iter()
            .flat_map(|series| &series.rows)
            .flatten();
        if !numbers.copied().all(f64::is_finite) {
            bail!("{caption}: a number of `{}` is not finite", panel.title);
        }
    }
    let draft = tempfile::Builder::new()
        .prefix(".")
        .suffix(".png")
        .tempfile_in(folder)?
        .into_temp_path();
    picture(caption, panels, &draft)
        .map_err(|error| anyhow!("{}: cannot be drawn: {error}", path.display()))?;
    let bytes = std::fs::read(&draft)?;
    rlfd_models::atomic_file::replace(path, &bytes)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn picture(caption: &str, panels: &[Panel], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fonts::install();
    let size = (PANEL.0 * panels.len() as u32, PANEL.1);
    let root = BitMapBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        diagram(area, caption, panel)?;
    }
    root.present()?;
    Ok(())
}

fn diagram(
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
    caption: &str,
    panel: &Panel,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || panel.series.iter().flat_map(|series| &series.rows);
    let right = all().map(|row| row[0]).fold(1.0, f64::max);
    let low = all().map(|row| row[1]).fold(f64::INFINITY, f64::min);
    let high = all().map(|row| row[3]).fold(f64::NEG_INFINITY, f64::max);
    let margin = match high - low {
        range if range > 0.0 => range * 0.05,
        _ => 0.5,
    };
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 24))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..right, low - margin..high + margin)?;
    let digits = if high - low < 10.0 { 1 } else { 0 };
    chart
        .configure_mesh()
        .x_desc("environment steps")
        .y_desc(panel.title)
        .x_label_formatter(&|step| number(*step, 0))
        .y_label_formatter(&|value| number(*value, digits))
        .label_style((FONT, 15))
        .light_line_style(WHITE)
        .draw()?;
    for (index, series) in panel.series.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let upper = series.rows.iter().map(|row| (row[0], row[3]));
        let lower = series.rows.iter().rev().map(|row| (row[0], row[1]));
        let band: Vec<_> = upper.chain(lower).collect();
        chart.draw_series(std::iter::once(Polygon::new(band, color.mix(0.2))))?;
        let line = series.rows.iter().map(|row| (row[0], row[2]));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(&series.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 16))
        .draw()?;
    Ok(())
}

fn number(value: f64, digits: usize) -> String {
    if value.abs() >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else {
        format!("{value:.digits$}")
    }
}
