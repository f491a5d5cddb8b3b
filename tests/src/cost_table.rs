//! The tables of costs in OPERATIONS.md are what `boxoffice plan` computes, with its prices.
//!
//! To write them anew, build the command with `cargo build --release -p boxoffice`, because it simulates a million people,
//! and run what the first line of the tables says.

use std::fmt::Write as _;
use std::path::Path;

use boxoffice::plan::month::{ALARM_METRICS, AUDIT_UNITS_PER_USER};
use serde_json::Value;

use crate::serve::boxoffice;
use crate::template_yaml::{resources_of, template};
use crate::world::{EVENT, World, concert_for};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md");
const BEGIN: &str = "<!-- costs: written by BOXOFFICE_WRITE=1 BOXOFFICE_FUNCTIONS=$PWD/target/release cargo test -p tests --lib cost_table -- --ignored -->\n";
const END: &str = "<!-- end of costs -->\n";

const CROWDS: [u32; 3] = [1_000, 100_000, 1_000_000];
/// People for each ticket.
const PEOPLE_PER_TICKET: u32 = 20;
/// A section has at most this many seats.
const SECTION_SEATS: u32 = 5_000;

/// The catalogue of an event with this many seats, in sections of equal size.
fn catalogue(tickets: u32) -> String {
    let sections = tickets.div_ceil(SECTION_SEATS);
    let seats = tickets / sections;
    let sections: Vec<String> = (1..=sections)
        .map(|number| format!("{{name: S{number}, seats: {seats}, price: 44000}}"))
        .collect();
    format!(
        "currency: KRW
events:
  - eventId: on-sale
    name: On Sale
    venue: Hall
    admission: seated
    dates:
      - date: 2099-12-24
        startsAt: '2099-12-24T19:00:00+09:00'
        sections: [{}]
",
        sections.join(", ")
    )
}

async fn plan(people: u32) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.yaml");
    std::fs::write(&file, catalogue(people / PEOPLE_PER_TICKET)).unwrap();
    let people = people.to_string();
    let arguments = ["plan", file.to_str().unwrap(), "--people", &people];
    let crowd = ["--within", "60s", "--seed", "7", "--json"];
    let output = boxoffice(&[&arguments[..], &crowd].concat()).output().await;
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).expect(&errors)
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// What a line is for, its source and its price.
fn heading(line: &Value) -> String {
    let (what, source) = (
        line["what"].as_str().unwrap(),
        line["source"].as_str().unwrap(),
    );
    let per = match number(&line["per"]) {
        1.0 => String::new(),
        1e6 => " per million".to_owned(),
        other => format!(" per {}", thousands(other)),
    };
    format!("[{what}]({source}) | {}{per}", number(&line["price"]))
}

/// A table of one bill of each plan: a row for each line, and the sum.
fn table(plans: &[Value], bill: &str) -> String {
    let mut text = String::new();
    text.push_str("| what | price |");
    for plan in plans {
        write!(text, " {} people |", thousands(number(&plan["people"]))).unwrap();
    }
    text.push_str("\n|---|---|---|---|---|\n");
    // A line of one plan may be missing in another.
    let mut seen: Vec<&Value> = Vec::new();
    for line in plans.iter().flat_map(|plan| lines(plan, bill)) {
        if !seen.iter().any(|known| known["what"] == line["what"]) {
            seen.push(line);
        }
    }
    for line in seen {
        write!(text, "| {} |", heading(line)).unwrap();
        for plan in plans {
            let own = lines(plan, bill)
                .iter()
                .find(|own| own["what"] == line["what"]);
            write!(text, " {} |", own.map_or_else(String::new, cell)).unwrap();
        }
        text.push('\n');
    }
    text.push_str("| **sum** | |");
    for plan in plans {
        write!(text, " **{:.2}** |", number(&plan[bill]["dollars"])).unwrap();
    }
    text.push('\n');
    text
}

fn lines<'a>(plan: &'a Value, bill: &str) -> &'a [Value] {
    plan[bill]["lines"].as_array().unwrap()
}

fn section(plans: &[Value]) -> String {
    let bill = &plans[0]["bill"];
    format!(
        "US dollars, list prices of {} in {}, without free tiers. In brackets: how many.\n\n\
         **The sale**:\n\n{}\n**Each month without a sale**, with these people in the table:\n\n{}",
        bill["region"].as_str().unwrap(),
        bill["date"].as_str().unwrap(),
        table(plans, "bill"),
        table(plans, "month"),
    )
}

/// The text between the marks.
fn written(guide: &str) -> &str {
    let (_, rest) = guide.split_once(BEGIN).expect(BEGIN);
    rest.split_once(END).expect(END).0
}

#[tokio::test]
#[ignore = "simulates a million people, which takes minutes"]
async fn the_tables_of_costs_are_what_plan_computes() {
    let mut plans = Vec::new();
    for people in CROWDS {
        plans.push(plan(people).await);
    }
    let now = section(&plans);
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let old = written(&guide).trim();
    if std::env::var_os("BOXOFFICE_WRITE").is_some() {
        let new = guide.replace(old, now.trim());
        std::fs::write(Path::new(GUIDE), new).unwrap();
        return;
    }
    assert_eq!(now.trim(), old, "run: {BEGIN}");
}

/// The dollars and the count of a line.
fn cell(line: &Value) -> String {
    format!(
        "{:.2} ({})",
        number(&line["dollars"]),
        thousands(number(&line["count"]))
    )
}

/// Simulates only the smallest crowd. Of the others, it computes each cell from its count and the price.
#[tokio::test]
async fn the_tables_of_costs_have_the_prices_of_plan_and_its_bill_for_the_smallest_crowd() {
    let plan = plan(CROWDS[0]).await;
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let written = written(&guide);
    let date = plan["bill"]["date"].as_str().unwrap();
    assert!(written.contains(&format!(" in {date}, ")), "{date}");
    let (sale, month) = written.split_once("**Each month").unwrap();
    for (bill, table) in [("bill", sale), ("month", month)] {
        for line in lines(&plan, bill) {
            let start = format!("| {} |", heading(line));
            let row = table.lines().find_map(|row| row.strip_prefix(&start));
            let row = row.unwrap_or_else(|| panic!("no row {start}"));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert_eq!(cells[0], cell(line), "{start}");
            for cell in cells.into_iter().filter(|cell| !cell.is_empty()) {
                let (dollars, count) = cell.split_once(" (").unwrap();
                let count: f64 = count
                    .trim_end_matches(')')
                    .replace(',', "")
                    .parse()
                    .unwrap();
                let each = number(&line["price"]) / number(&line["per"]);
                let dollars: f64 = dollars.parse().unwrap();
                // Counts and dollars are rounded.
                let rounding = 0.006 + 0.5 * each;
                assert!((dollars - count * each).abs() < rounding, "{start} {cell}");
            }
        }
    }
}

#[test]
fn the_bill_of_a_month_counts_the_alarms_of_the_template() {
    let template = template();
    let mut metrics = 0;
    for (_, alarm) in resources_of(&template, "AWS::CloudWatch::Alarm") {
        if alarm["Condition"].is_string() {
            continue;
        }
        let queries = alarm["Properties"]["Metrics"].as_array();
        metrics += queries.map_or(1, |queries| {
            queries
                .iter()
                .filter(|query| query["MetricStat"].is_object())
                .count()
        });
    }
    let metrics = f64::from(u32::try_from(metrics).unwrap());
    assert!((metrics - ALARM_METRICS).abs() < 0.5, "{metrics}");
}

/// The read units of an audit.
async fn audit_units(world: &World) -> f64 {
    world.wire.reset_meter();
    let report = shared::audit::run(world.app.store(), None, |_| {})
        .await
        .unwrap();
    assert_eq!(report.findings, []);
    let calls = world.wire.calls();
    // The scan depends on sizes.
    let queries = calls.iter().filter(|call| call.operation != "Scan");
    queries.map(|call| call.read_units).sum()
}

#[tokio::test]
async fn an_audit_costs_two_and_a_half_read_units_for_each_user() {
    let world = World::with(concert_for(1)).await;
    world.joins(EVENT).await;
    let before = audit_units(&world).await;
    for _ in 0..10 {
        world.joins(EVENT).await;
    }
    let more = audit_units(&world).await - before;
    assert!((more / 10.0 - AUDIT_UNITS_PER_USER).abs() < 1e-9, "{more}");
}
