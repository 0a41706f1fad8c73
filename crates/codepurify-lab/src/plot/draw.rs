//! Figures as SVG.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
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
const SIZE: (u32, u32) = (760, 480);

/// Of series in turn; told apart by people who do not see all colours, and in print (Okabe & Ito).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(160, 140, 0),
];

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
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
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let bars = figure.kind == Kind::Bars;
    let right = points().map(|point| point.0).fold(0.0, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    // A share's axis ends at 1, others a little above what they show.
    let above = |most: f64| if most > 0.0 { most * 1.05 } else { 1.0 };
    let x = if bars {
        -0.5..right + 0.5
    } else {
        0.0..if figure.kind == Kind::Points { above(right) } else { right.max(1e-9) }
    };
    let y = 0.0..if figure.y.starts_with("share") { above(top) } else { top.max(1.0) };
    let mut chart = ChartBuilder::on(root)
        .caption(&figure.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).x_desc(&figure.x).y_desc(&figure.y);
    if bars {
        mesh.x_labels(0).disable_x_mesh();
    }
    mesh.draw()?;
    for (series, colour) in figure.series.iter().zip(COLOURS.iter().cycle()) {
        draw_series(&mut chart, figure.kind, series, *colour)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()
}

fn draw_series<'b>(chart: &mut Chart<'_, 'b>, kind: Kind, series: &Series, colour: RGBColor) -> Drawn<'b> {
    let points = series.points.iter().copied();
    let drawn = match kind {
        Kind::Lines => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
        Kind::Points => chart.draw_series(points.map(|point| Circle::new(point, 5, colour.filled())))?,
        Kind::Bars => chart.draw_series(
            points.map(|(x, y)| Rectangle::new([(x - 0.35, 0.0), (x + 0.35, y)], colour.filled())),
        )?,
    };
    drawn
        .label(&series.name)
        .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 12, y + 4)], colour.filled()));
    Ok(())
}
