//! What must be done is listed in docs/REQUIREMENTS.md, and each row names tests that there are.

use std::collections::BTreeSet;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The rows that there must be.
const ROWS: [(&str, u32); 3] = [("E", 7), ("C", 20), ("P", 10)];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// The names of all tests of this crate.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let names = ["#[test]", "#[tokio::test"]
            .into_iter()
            .flat_map(|mark| source.split(mark).skip(1))
            .filter_map(|rest| rest.split_once("fn "))
            .filter_map(|(_, rest)| rest.split_once('('));
        found.extend(names.map(|(name, _)| name.to_owned()));
    }
}

#[test]
fn every_requirement_names_tests_that_there_are() {
    let mut tests = BTreeSet::new();
    tests_in(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut tests,
    );
    let page = read("docs/REQUIREMENTS.md");
    for (letter, last) in ROWS {
        for number in 1..=last {
            let start = format!("| {letter}{number} | ");
            let row = page.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row {letter}{number}"));
            let named: Vec<&str> = row
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|word| word.contains('_'))
                .collect();
            assert!(!named.is_empty(), "{row}");
            for name in named {
                assert!(
                    tests.contains(name),
                    "{letter}{number}: there is no test {name}"
                );
            }
        }
    }
}

/// Entities, sequences and flows: each kind of diagram is somewhere in the docs.
#[test]
fn the_diagrams_are_there() {
    let pages =
        ["ARCHITECTURE.md", "DATA-MODEL.md", "QUEUE.md"].map(|page| read(&format!("docs/{page}")));
    let diagrams: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.split("```mermaid\n").skip(1))
        .filter_map(|diagram| diagram.split_whitespace().next())
        .collect();
    for kind in [
        "erDiagram",
        "sequenceDiagram",
        "flowchart",
        "stateDiagram-v2",
    ] {
        assert!(diagrams.contains(&kind), "{kind}: {diagrams:?}");
    }
}
