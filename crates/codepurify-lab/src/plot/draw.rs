//! Figures as SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use thiserror::Error;

use super::figures::{Figure, Kind, Series};

/// A figure that cannot be drawn.
#[derive(Debug, Error)]
#[error("cannot draw {figure}: {message}")]
pub struct DrawError {
    /// Its name.
    pub figure: String,
    /// Why.
    pub message: String,
}

/// Pixels.
const SIZE: (u32, u32) = (900, 480);

/// Pixels to the right that the names of the series take.
const LEGEND: u32 = 190;

/// Of series in turn; told apart by people who do not see all colours (the first six: Okabe & Ito).
const COLOURS: [RGBColor; 12] = [
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
];

type Drawn<'b> = Result<(), DrawingAreaErrorKind<<SVGBackend<'b> as DrawingBackend>::ErrorType>>;

/// `figure` as an SVG document.
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
    figure.series.iter().zip(COLOURS.into_iter().cycle())
}

fn draw_chart<'b>(figure: &Figure, area: &DrawingArea<SVGBackend<'b>, Shift>) -> Drawn<'b> {
    let (x, y) = ranges(figure);
    let mut chart = ChartBuilder::on(area)
        .caption(&figure.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).x_desc(&figure.x).y_desc(&figure.y);
    if figure.kind == Kind::Bars {
        mesh.x_labels(0).disable_x_mesh();
    }
    mesh.draw()?;
    for (series, colour) in coloured(figure) {
        let points = series.points.iter().copied();
        match figure.kind {
            Kind::Lines | Kind::Distribution => {
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            }
            Kind::Points => chart.draw_series(points.map(|point| Circle::new(point, 5, colour.filled())))?,
            Kind::Bars => chart.draw_series(
                points.map(|(x, y)| Rectangle::new([(x - 0.35, 0.0), (x + 0.35, y)], colour.filled())),
            )?,
        };
    }
    Ok(())
}

/// What the axes span. Vertical ones go to 1 at least, but for distributions, whose shares may all be small.
fn ranges(figure: &Figure) -> (Range<f64>, Range<f64>) {
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    let top = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let x = match figure.kind {
        Kind::Lines | Kind::Distribution => 0.0..right,
        Kind::Points => 0.0..right * 1.05,
        Kind::Bars => -0.5..right + 0.5,
    };
    (x, 0.0..if figure.kind == Kind::Distribution { top * 1.05 } else { top.max(1.0) })
}
