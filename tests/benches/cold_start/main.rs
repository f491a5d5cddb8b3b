//! Cold starts and sizes of what is shipped: `infra/functions.sh && cargo bench -p tests --bench cold_start`.
//!
//! `-- --functions FOLDER` measures the executables in another folder than target/lambda. Given several times, the folders
//! take turns. `-- --runs N` sets the number of starts. `-- --smoke` starts each function a few times, for CI: this only
//! checks that they start and answer.
//!
//! An executable `plain` in such a folder is measured too: see docs/adr/0026.
//!
//! The program fails if an executable is too large or needs a newer C library than Lambda has. Times and memory are
//! only printed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on should stop"
)]

mod flow;
mod message;
mod process;
mod report;
mod server;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use flow::{Flow, world};
use process::Start;

struct Options {
    folders: Vec<PathBuf>,
    runs: usize,
}

/// None where the program runs as a test: then there is nothing to do.
fn options() -> Option<Options> {
    let mut options = Options {
        folders: Vec::new(),
        runs: 30,
    };
    let mut is_benchmark = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => is_benchmark = true,
            "--smoke" => options.runs = 3,
            "--runs" => {
                let runs = arguments.next().and_then(|runs| runs.parse().ok());
                options.runs = runs.expect("--runs takes a number");
            }
            "--functions" => {
                let folder = arguments.next().expect("--functions takes a folder");
                options.folders.push(folder.into());
            }
            _ => {}
        }
    }
    if options.folders.is_empty() {
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/lambda");
        options.folders.push(built.into());
    }
    is_benchmark.then_some(options)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        return ExitCode::SUCCESS;
    };
    for folder in &options.folders {
        assert!(
            folder.join("hello/bootstrap").exists(),
            "nothing in {}: build with infra/functions.sh",
            folder.display()
        );
    }
    let world = world().await;
    let mut flows: Vec<Flow<'_>> = options
        .folders
        .iter()
        .map(|folder| Flow {
            folder,
            world: &world,
            starts: Vec::new(),
        })
        .collect();
    // What the disk's cache and the seat map cost at first is nobody's cold start.
    for run in 0..=options.runs {
        for flow in &mut flows {
            flow.run();
            if run == 0 {
                flow.starts.clear();
            }
        }
    }
    let mut over = Vec::new();
    for flow in &flows {
        over.extend(report::print(flow.folder, &flow.starts, options.runs));
    }
    for complaint in &over {
        eprintln!("{complaint}");
    }
    if over.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
