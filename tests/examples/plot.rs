//! Plots the ratio to the bound against the size: a line for each group and distribution of MSMs, for each memory and number of
//! lanes of transforms.
//!
//!     cargo run -p permafrost-tests --example plot -- RUNS.json PLOT.svg
//!
//! RUNS.json is a list of what `permafrost bench msm` or `permafrost bench ntt` prints with `--json`.

use std::collections::BTreeMap;
use std::error::Error;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use serde::Deserialize;

/// The part of a run that is plotted.
#[derive(Deserialize)]
#[serde(tag = "bench", rename_all = "lowercase")]
enum Run {
    Msm { group: String, scalars: String, n: u64, ratio: f64, adders: u32, seed: u64 },
    Ntt { memory: String, lanes: u32, log_n: u32, ratio: f64, seed: u64 },
}

impl Run {
    /// Name of its line.
    fn line(&self) -> String {
        match self {
            Run::Msm { group, scalars, .. } => format!("{} {scalars}", group.to_uppercase()),
            Run::Ntt { memory, lanes: 1, .. } => format!("1 lane, {memory}"),
            Run::Ntt { memory, lanes, .. } => format!("{lanes} lanes, {memory}"),
        }
    }

    /// log2 of the size, and the ratio.
    fn point(&self) -> (f64, f64) {
        match self {
            Run::Msm { n, ratio, .. } => ((*n as f64).log2(), *ratio),
            Run::Ntt { log_n, ratio, .. } => (f64::from(*log_n), *ratio),
        }
    }

    /// Title and names of the axes.
    fn words(&self) -> (String, &'static str, &'static str) {
        match self {
            Run::Msm { adders, seed, .. } => (
                format!("Ratio to the bound: {adders} adder(s), simulated card, seed {seed}"),
                "points",
                "bound / (adders x cycles)",
            ),
            Run::Ntt { seed, .. } => {
                (format!("Ratio to the bound, simulated card, seed {seed}"), "elements", "bound / cycles")
            }
        }
    }
}

/// Numbers of points by their logarithms, written as powers.
struct Log2(std::ops::RangeInclusive<u32>);

impl Ranged for Log2 {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        let (low, high) = (f64::from(*self.0.start()), f64::from(*self.0.end()));
        let part = (value - low) / (high - low).max(1.0);
        pixels.0 + (f64::from(pixels.1 - pixels.0) * part).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.0.clone().map(f64::from).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        f64::from(*self.0.start())..f64::from(*self.0.end())
    }
}

impl ValueFormatter<f64> for Log2 {
    fn format_ext(&self, value: &f64) -> String {
        format!("2^{value}")
    }
}

const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 130, 90),
    RGBColor(230, 140, 0),
    RGBColor(120, 60, 160),
    RGBColor(90, 90, 90),
    RGBColor(0, 160, 190),
    RGBColor(180, 60, 120),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, plot] = &arguments[..] else { return Err("usage: plot RUNS.json PLOT.svg".into()) };
    let runs: Vec<Run> = serde_json::from_str(&std::fs::read_to_string(runs)?)?;
    let (title, x_name, y_name) = runs.first().ok_or("no runs")?.words();

    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for run in &runs {
        lines.entry(run.line()).or_default().push(run.point());
    }
    lines.values_mut().for_each(|line| line.sort_by(|a, b| a.0.total_cmp(&b.0)));
    let sizes = || lines.values().flatten().map(|(n, _)| *n as u32);
    let sizes = sizes().min().ok_or("no runs")?..=sizes().max().ok_or("no runs")?;
    let top = runs.iter().map(|run| run.point().1).fold(1.0, f64::max);

    let area = SVGBackend::new(plot, (900, 540)).into_drawing_area();
    area.fill(&WHITE)?;
    // Names beside the lines' own area, which they would hide.
    let (lines_area, names) = area.split_horizontally(760);
    let mut chart = ChartBuilder::on(&lines_area)
        .caption(title, ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(Log2(sizes), 0.0..(top * 10.0).ceil() / 10.0)?;
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 17))
        .y_label_formatter(&|ratio| format!("{ratio:.1}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (i, ((name, line), colour)) in lines.into_iter().zip(COLOURS.into_iter().cycle()).enumerate() {
        let style = colour.stroke_width(2);
        chart.draw_series(LineSeries::new(line, style).point_size(3))?;
        let y = 60 + 24 * i as i32;
        names.draw(&PathElement::new([(0, y), (20, y)], style))?;
        names.draw(&Text::new(name, (26, y - 7), ("sans-serif", 16)))?;
    }
    area.present()?;
    Ok(())
}
