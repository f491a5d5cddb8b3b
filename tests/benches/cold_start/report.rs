//! The table of the figures, and what is over its goal.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Start;

/// The largest executable that may be shipped, in bytes zipped.
const LARGEST_ZIP: usize = 3_000_000;
/// The C library of Amazon Linux 2023, on which `provided.al2023` runs.
const GLIBC: (u32, u32) = (2, 34);

/// The figures of one function, medians of its starts.
struct Figures {
    ready: f64,
    answered: f64,
    cpu: f64,
    peak_kib: f64,
}

impl Figures {
    fn of(starts: &[Start]) -> Self {
        let times = |figure: fn(&Start) -> Duration| {
            median(starts.iter().map(|start| figure(start).as_secs_f64() * 1e3))
        };
        #[expect(clippy::cast_precision_loss, reason = "nothing has so many KiB")]
        let peak_kib = median(starts.iter().map(|start| start.peak_kib as f64));
        Self {
            ready: times(|start| start.ready),
            answered: times(|start| start.answered),
            cpu: times(|start| start.cpu),
            peak_kib,
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the table; gives what may not be shipped so.
pub(crate) fn print(folder: &Path, starts: &[(&'static str, Start)], runs: usize) -> Vec<String> {
    let mut by_function: BTreeMap<&str, Vec<Start>> = BTreeMap::new();
    for (function, start) in starts {
        by_function.entry(function).or_default().push(*start);
    }
    let hello = Figures::of(&by_function["hello"]);
    println!(
        "{}: medians of {runs} starts; in brackets, times hello\n\n\
         | function | first event asked, ms | first answer, ms | processor, ms | peak, MiB | zipped, kB | glibc |\n\
         |---|---|---|---|---|---|---|",
        folder.display()
    );
    let mut over = Vec::new();
    for (function, starts) in &by_function {
        let figures = Figures::of(starts);
        let executable = std::fs::read(folder.join(function).join("bootstrap")).expect("a file");
        let zipped = zipped(&executable);
        let glibc = needed_glibc(&executable);
        println!(
            "| {function} | {:.1} ({:.2}) | {:.1} ({:.2}) | {:.1} ({:.2}) | {:.1} ({:.2}) | {} | {}.{} |",
            figures.ready,
            figures.ready / hello.ready,
            figures.answered,
            figures.answered / hello.answered,
            figures.cpu,
            figures.cpu / hello.cpu,
            figures.peak_kib / 1024.0,
            figures.peak_kib / hello.peak_kib,
            zipped / 1000,
            glibc.0,
            glibc.1,
        );
        if zipped > LARGEST_ZIP {
            over.push(format!(
                "{function}: {zipped} bytes zipped, more than {LARGEST_ZIP}"
            ));
        }
        if glibc > GLIBC {
            over.push(format!("{function}: needs glibc {}.{}", glibc.0, glibc.1));
        }
    }
    println!();
    over
}

fn zipped(executable: &[u8]) -> usize {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(executable).expect("memory");
    encoder.finish().expect("memory").len()
}

/// The newest version of the C library that the executable names.
fn needed_glibc(executable: &[u8]) -> (u32, u32) {
    const NAME: &[u8] = b"GLIBC_2.";
    executable
        .windows(NAME.len() + 2)
        .filter_map(|window| window.strip_prefix(NAME))
        .filter_map(|minor| {
            let digits: Vec<u8> = minor
                .iter()
                .copied()
                .take_while(u8::is_ascii_digit)
                .collect();
            std::str::from_utf8(&digits).ok()?.parse().ok()
        })
        .max()
        .map_or((0, 0), |minor| (2, minor))
}
