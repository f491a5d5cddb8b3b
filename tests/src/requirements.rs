//! docs/REQUIREMENTS.md lists the requirements, and each row names existing tests.

use std::collections::BTreeSet;
use std::path::Path;

use crate::world::FUNCTIONS;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The required rows.
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
fn every_requirement_names_existing_tests() {
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
                    "{letter}{number}: no test is called {name}"
                );
            }
        }
    }
}

/// The diagrams of a page that begin with `kind`, without that word.
fn diagrams<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    page.split("```mermaid\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next()?.strip_prefix(kind))
        .collect()
}

/// The words of a diagram that consist of letters that `is_letter` accepts.
fn words(diagram: &str, is_letter: impl Fn(char) -> bool) -> BTreeSet<&str> {
    let words = diagram.split(|letter: char| !is_letter(letter));
    words.filter(|word| !word.is_empty()).collect()
}

/// The diagrams cover the items, functions and states of the code, and their blocks are closed.
#[test]
fn the_diagrams_show_every_item_function_and_state() {
    let [architecture, model, queue] =
        ["ARCHITECTURE.md", "DATA-MODEL.md", "QUEUE.md"].map(|page| read(&format!("docs/{page}")));
    let is_capital = |letter: char| letter.is_ascii_uppercase() || letter == '_';

    let entities = diagrams(&model, "erDiagram");
    assert_eq!(entities.len(), 1);
    let entities = words(entities[0], is_capital);
    for item in [
        "SETTINGS",
        "EVENT",
        "DATE",
        "QUEUE_HEAD",
        "SESSION",
        "STOCK_SHARD",
        "SEAT_CLAIM",
        "SEAT_MAP",
        "RESERVATION",
        "WALLET",
        "LEDGER_ENTRY",
        "CHARGE_KEY",
        "PROVIDER_CHARGE",
        "WITHDRAWAL",
        "WITHDRAWAL_KEY",
        "DUE_ITEM",
        "DEVICE_LINK",
        "OPEN_LINK",
    ] {
        assert!(entities.contains(item), "{item}: {entities:?}");
    }

    // The states of a session item, and the states that a buyer sees.
    let shown = ["WAITING", "CALLED", "ACTIVE", "EXPIRED"];
    for (page, states) in [
        (&architecture, &["OPEN", "CALLED", "LIVE", "ENDED"]),
        (&queue, &shown),
    ] {
        let transitions = diagrams(page, "stateDiagram-v2");
        assert_eq!(transitions.len(), 1);
        let drawn: BTreeSet<&str> = transitions[0]
            .lines()
            .filter_map(|line| line.split_once("-->"))
            .flat_map(|(from, rest)| [from, rest.split(':').next().unwrap_or_default()])
            .map(str::trim)
            .filter(|state| *state != "[*]")
            .collect();
        assert_eq!(drawn, states.iter().copied().collect());
    }

    let mut functions = BTreeSet::new();
    let sequences = [&architecture, &queue].map(|page| diagrams(page, "sequenceDiagram"));
    for sequence in sequences.concat() {
        let participants = sequence
            .lines()
            .filter_map(|line| line.trim().strip_prefix("participant "))
            .filter_map(|line| line.split_once(" as "));
        let (letters, names): (Vec<&str>, Vec<&str>) = participants.unzip();
        functions.extend(names);
        // Every message goes between participants, and every block ends.
        let mut open = 0;
        for line in sequence.lines().map(str::trim) {
            match line.split_whitespace().next() {
                Some("loop" | "alt" | "opt" | "par") => open += 1,
                Some("end") => open -= 1,
                _ => {}
            }
            let arrow = ["-->>", "->>"].into_iter().find(|it| line.contains(it));
            if let Some((from, rest)) = arrow.and_then(|arrow| line.split_once(arrow)) {
                let (to, _) = rest.split_once(':').expect(line);
                assert!(letters.contains(&from) && letters.contains(&to), "{line}");
            }
        }
        assert_eq!(open, 0, "{sequence}");
    }
    for function in [
        "issue-token",
        "token-status",
        "hold-seat",
        "pay",
        "charge",
        "cancel-reservation",
    ] {
        assert!(FUNCTIONS.iter().any(|known| known.name == function));
        assert!(functions.contains(function), "{function}: {functions:?}");
    }
    assert!(!diagrams(&architecture, "flowchart").is_empty());
}
