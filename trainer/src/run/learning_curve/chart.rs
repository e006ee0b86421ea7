//! A picture with a panel per measured quantity. Knows no runs.

use std::path::Path;

use anyhow::bail;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::spread::Band;
use crate::run::picture;

const WIDTH: u32 = 900;
pub(super) const PANEL_HEIGHT: u32 = 560;
const CAPTION_HEIGHT: u32 = 52;
/// Of a line of the key.
pub(super) const KEY_HEIGHT: u32 = 24;

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

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
    let bands = || panels.iter().flat_map(|panel| &panel.series);
    let right = bands().flat_map(|(_, bands)| bands).map(|band| band.step);
    let right = right.fold(0.0, f64::max);
    if right <= 0.0 {
        bail!("{caption}: no evaluation after step 0 to draw");
    }
    picture::replace(path, |draft| draw_all(caption, panels, right, draft))
}

fn draw_all(
    caption: &str,
    panels: &[Panel],
    right: f64,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let labels = labels(panels);
    let head_height = CAPTION_HEIGHT + KEY_HEIGHT * labels.len() as u32;
    let size = (WIDTH, head_height + PANEL_HEIGHT * panels.len() as u32);
    let root = BitMapBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(head_height);
    draw_head(caption, &labels, &head)?;
    for (area, panel) in body.split_evenly((panels.len(), 1)).iter().zip(panels) {
        draw(panel, &labels, right, area)?;
    }
    root.present()?;
    Ok(())
}

/// Ten colours that are told apart on white, those of Tableau 10; after them they begin again.
struct Categories;

impl Palette for Categories {
    const COLORS: &'static [(u8, u8, u8)] = &[
        (31, 119, 180),
        (255, 127, 14),
        (44, 160, 44),
        (214, 39, 40),
        (148, 103, 189),
        (140, 86, 75),
        (227, 119, 194),
        (127, 127, 127),
        (188, 189, 34),
        (23, 190, 207),
    ];
}

/// The groups of all panels, each once; a place here is a colour.
fn labels(panels: &[Panel]) -> Vec<&str> {
    let mut labels: Vec<&str> = Vec::new();
    for (label, _) in panels.iter().flat_map(|panel| &panel.series) {
        if !labels.contains(&label.as_str()) {
            labels.push(label);
        }
    }
    labels
}

/// Caption and key, above the panels, where they hide no curve.
fn draw_head(
    caption: &str,
    labels: &[&str],
    area: &Area<'_>,
) -> Result<(), Box<dyn std::error::Error>> {
    let middle = Pos::new(HPos::Center, VPos::Center);
    let style = TextStyle::from((picture::FAMILY, 24).into_font()).pos(middle);
    let place = (WIDTH as i32 / 2, CAPTION_HEIGHT as i32 / 2);
    area.draw(&Text::new(caption, place, style))?;
    let beside = Pos::new(HPos::Left, VPos::Center);
    let style = TextStyle::from((picture::FAMILY, 16).into_font()).pos(beside);
    for (index, label) in labels.iter().enumerate() {
        let y = (CAPTION_HEIGHT + KEY_HEIGHT * index as u32 + KEY_HEIGHT / 2) as i32;
        let line = vec![(88, y), (112, y)];
        let color = Categories::pick(index).stroke_width(2);
        area.draw(&PathElement::new(line, color))?;
        area.draw(&Text::new(*label, (120, y), style.clone()))?;
    }
    Ok(())
}

fn draw(
    panel: &Panel,
    labels: &[&str],
    right: f64,
    area: &Area<'_>,
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
        .label_style((picture::FAMILY, 15))
        .light_line_style(WHITE)
        .draw()?;
    for (label, bands) in &panel.series {
        let index = labels.iter().position(|known| known == label);
        let color = Categories::pick(index.expect("every label is in the key")).to_rgba();
        let upper = bands.iter().map(|band| (band.step, band.high));
        let lower = bands.iter().rev().map(|band| (band.step, band.low));
        chart.draw_series(std::iter::once(Polygon::new(
            upper.chain(lower).collect::<Vec<_>>(),
            color.mix(0.2),
        )))?;
        chart.draw_series(LineSeries::new(
            bands.iter().map(|band| (band.step, band.middle)),
            color.stroke_width(2),
        ))?;
        // No line leads to a single evaluation.
        if let [only] = bands.as_slice() {
            let mark = Circle::new((only.step, only.middle), 4, color.filled());
            chart.draw_series(std::iter::once(mark))?;
        }
    }
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

    /// A group that lacks a quantity must not lend its colour to another in that panel.
    #[test]
    fn a_group_has_one_colour_in_all_panels() {
        let panel = |labels: &[&str]| Panel {
            title: "x",
            series: labels.iter().map(|&l| (l.to_owned(), vec![])).collect(),
        };
        let panels = [panel(&["a", "c"]), panel(&["a", "b", "c"])];
        assert_eq!(labels(&panels), ["a", "c", "b"]);
    }
}
