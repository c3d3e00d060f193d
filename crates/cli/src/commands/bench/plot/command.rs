//! From a bench's JSON to a file with the picture.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::picture;
use super::series;
use crate::commands::Surroundings;
use crate::commands::bench::saved::Saved;
use crate::failure::Failure;

/// Draw latency over load from a bench with rates, as SVG
#[derive(Args, Debug)]
pub(in crate::commands::bench) struct Plot {
    /// What `sealane bench --rate … -o json` printed
    #[arg(value_name = "FILE")]
    report: PathBuf,
    /// The picture to write; what is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What was drawn.
#[derive(Debug, Serialize)]
struct Drawn {
    file: String,
    series: usize,
    points: usize,
}

pub(in crate::commands::bench) fn run(at: &Surroundings, command: &Plot) -> Result<(), Failure> {
    let saved = Saved::read(&command.report)?;
    let series = series::of(&saved)?;
    let picture = picture::draw(&saved, &series);
    fs::write(&command.out, picture)
        .map_err(|error| Failure::stream(&command.out.display().to_string(), &error))?;
    let drawn = Drawn {
        file: command.out.display().to_string(),
        series: series.len(),
        points: series.iter().map(|series| series.points.len()).sum(),
    };
    let rows = [
        ("file", drawn.file.clone()),
        ("series", drawn.series.to_string()),
        ("points", drawn.points.to_string()),
    ];
    at.output.one(&drawn, &rows)
}
