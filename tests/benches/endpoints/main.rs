//! Benchmarks: `cargo bench -p tests`. `-- --json FILE` also writes a file, `-- pay charge` selects endpoints, `-- growth` shows
//! only how requests grow, and `-- --in-memory` keeps no data on disk. `-- --smoke` sends only a few requests to each endpoint,
//! so that CI knows that all of them can be measured.
//!
//! No time is asserted: the figures are for people, and include the machine's other load.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on should stop"
)]

mod calls;
mod endpoints;
mod growth;
mod measure;
mod memory;
mod names;
mod report;
mod server;
mod stage;
mod table;
mod waiting_units;
mod work;

use std::path::PathBuf;
use std::time::Instant;

use endpoints::{ENDPOINTS, JOINS};
use server::Storage;
use stage::Stage;

const CALLERS: [usize; 3] = [1, 16, 64];

/// The command line options.
struct Options {
    json: Option<PathBuf>,
    /// Only endpoints whose names contain one of these.
    only: Vec<String>,
    rounds: usize,
    storage: Storage,
}

/// None if the program runs as a test: then there is nothing to do.
fn options() -> Option<Options> {
    let mut options = Options {
        json: None,
        only: Vec::new(),
        rounds: measure::ROUNDS,
        storage: Storage::Disk,
    };
    let mut is_benchmark = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => is_benchmark = true,
            "--smoke" => options.rounds = 1,
            "--in-memory" => options.storage = Storage::Memory,
            "--json" => options.json = arguments.next().map(PathBuf::from),
            // Cargo passes flags that only its own harness knows.
            flag if flag.starts_with('-') => {}
            name => options.only.push(name.to_owned()),
        }
    }
    is_benchmark.then_some(options)
}

#[tokio::main]
async fn main() {
    let Some(options) = options() else {
        return;
    };
    let began = Instant::now();
    let resident = memory::measure().await;
    println!("{}\n", report::memory(&resident));
    // CI has no time for it.
    let is_whole = options.only.is_empty() && options.rounds > 1;
    let mut grown = Vec::new();
    if is_whole || options.only.iter().any(|name| name == "growth") {
        grown = growth::measure(options.storage).await;
        println!("{}\n", report::growth(&grown));
    }
    println!(
        "{}\n",
        report::waiting_units(&waiting_units::measure().await)
    );
    println!("{}\n{}", report::PREAMBLE, report::header());
    let mut measurements = Vec::new();
    for endpoint in ENDPOINTS.into_iter().chain([JOINS]) {
        let is_wanted = |name: &String| endpoint.name.contains(name.as_str());
        if !options.only.is_empty() && !options.only.iter().any(is_wanted) {
            continue;
        }
        let stage = Stage::new(endpoint, options.storage).await;
        for callers in CALLERS {
            let measured = measure::measure(&stage, callers, options.rounds).await;
            println!("{}", report::line(&measured));
            measurements.push(measured);
        }
    }
    println!("\nmeasured in {:.0} s", began.elapsed().as_secs_f64());
    if let Some(path) = options.json {
        let text = format!("{:#}\n", report::to_json(&measurements, &resident, &grown));
        std::fs::write(&path, text).expect("a file that can be written");
    }
}
