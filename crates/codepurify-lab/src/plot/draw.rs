//! Rendering of figures as SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use thiserror::Error;

use super::figures::{Figure, FigureKind, Series};

/// Figure that cannot be drawn.
#[derive(Debug, Error)]
#[error("cannot draw {figure}: {message}")]
pub struct DrawError {
    /// Name of the figure.
    pub figure: String,
    /// Cause.
    pub message: String,
}

/// Size in pixels.
const SIZE: (u32, u32) = (1180, 500);

/// Width in pixels of the legend on the right.
const LEGEND: u32 = 240;

/// Colours of series by rank; the first six are distinguishable for colour-blind readers (Okabe &
/// Ito).
const COLOURS: [RGBColor; 16] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(160, 140, 0),
    RGBColor(0, 0, 0),
    RGBColor(120, 60, 20),
    RGBColor(130, 0, 70),
    RGBColor(0, 90, 60),
    RGBColor(200, 30, 30),
    RGBColor(60, 60, 160),
    RGBColor(150, 200, 60),
    RGBColor(180, 180, 180),
];

type Drawn<'b> = Result<(), DrawingAreaErrorKind<<SVGBackend<'b> as DrawingBackend>::ErrorType>>;

/// Renders `figure` as an SVG document.
///
/// # Errors
/// [`DrawError`].
pub fn svg(figure: &Figure) -> Result<String, DrawError> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    draw(figure, &root)
        .map_err(|error| DrawError { figure: figure.name.clone(), message: error.to_string() })?;
    drop(root);
    Ok(text)
}

fn draw<'b>(figure: &Figure, root: &DrawingArea<SVGBackend<'b>, Shift>) -> Drawn<'b> {
    root.fill(&WHITE)?;
    let (left, legend) = root.split_horizontally(SIZE.0 - LEGEND);
    draw_chart(figure, &left)?;
    let text = ("sans-serif", 13).into_text_style(&legend);
    for (at, (series, colour)) in (0_i32..).zip(coloured(figure)) {
        let top = 48 + 20 * at;
        legend.draw(&Rectangle::new([(0, top), (12, top + 12)], colour.filled()))?;
        legend.draw_text(&series.name, &text, (18, top))?;
    }
    root.present()
}

fn coloured(figure: &Figure) -> impl Iterator<Item = (&Series, RGBColor)> {
    figure.series.iter().map(|series| (series, COLOURS[series.rank % COLOURS.len()]))
}

fn draw_chart<'b>(figure: &Figure, area: &DrawingArea<SVGBackend<'b>, Shift>) -> Drawn<'b> {
    let (x, y) = ranges(figure);
    let mut chart = ChartBuilder::on(area)
        .caption(&figure.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    let bar = GROUP / figure.series.len().max(1) as f64;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).x_desc(&figure.x).y_desc(&figure.y);
    if figure.kind == FigureKind::Bars {
        mesh.x_labels(0).disable_x_mesh();
    }
    mesh.draw()?;
    for (at, (series, colour)) in coloured(figure).enumerate() {
        let points = series.points.iter().copied();
        match figure.kind {
            FigureKind::Lines | FigureKind::Distribution => {
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            }
            // Transparent, so that overlapping shapes stay visible.
            FigureKind::Points => {
                chart.draw_series(points.map(|point| Circle::new(point, 6, colour.mix(0.7).filled())))?
            }
            FigureKind::Bars => chart.draw_series(points.map(|(x, y)| {
                let left = x - GROUP / 2.0 + bar * at as f64;
                Rectangle::new([(left, 0.0), (left + bar * 0.9, y)], colour.filled())
            }))?,
        };
    }
    let text = ("sans-serif", 11).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Top));
    for (at, name) in (0_i32..).zip(&figure.groups) {
        let (x, y) = chart.backend_coord(&(f64::from(at), 0.0));
        // Long names of neighbours alternate between two heights.
        area.draw_text(name, &text, (x, y + 6 + 14 * (at % 2)))?;
    }
    Ok(())
}

/// Width of a group of bars; groups are 1 apart.
const GROUP: f64 = 0.8;

/// Returns the ranges of the axes.
///
/// Vertical axes reach at least to 1, except those of distributions, whose shares may all be small.
fn ranges(figure: &Figure) -> (Range<f64>, Range<f64>) {
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    let top = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let x = match figure.kind {
        FigureKind::Lines | FigureKind::Distribution => 0.0..right,
        FigureKind::Points => 0.0..right * 1.05,
        FigureKind::Bars => -0.5..figure.groups.len() as f64 - 0.5,
    };
    (x, 0.0..if figure.kind == FigureKind::Distribution { top * 1.05 } else { top.max(1.0) })
}
