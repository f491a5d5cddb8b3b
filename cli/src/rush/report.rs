//! What a rush has shown, as text, JSON and a page.

use std::collections::BTreeMap;

use domain::invariants::Finding;
use serde::Serialize;

use super::client::Endpoint;
use super::tally::{Broken, Counts, Ending, Second, Trouble, Troubled, Wait};
use crate::report_page::{Block, Line, LineChart, PageSection, ReportPage, Table};

/// What was played.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    pub event_id: String,
    pub event_name: String,
    pub target: String,
    pub people: u32,
    pub arrivals_last_seconds: f64,
    pub seed: u64,
    pub most_connections: usize,
}

/// The tickets by the event's public numbers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    pub total: u32,
    pub available_before: u32,
    pub available_after: u32,
}

/// The verdict of the audit.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Audited {
    /// The rush had no access to the table.
    NotChecked,
    Clean {
        items: u64,
    },
    Broken {
        items: u64,
        findings: Vec<Finding>,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub setting: Setting,
    pub seconds: f64,
    /// How the rush ended for people. The sum is the number of people.
    pub endings: BTreeMap<Ending, u32>,
    pub admission: Admission,
    pub estimates: Estimates,
    pub tickets: TicketCounts,
    pub requests: u64,
    pub injected: Injected,
    pub endpoints: Vec<EndpointReport>,
    /// Refused requests by code.
    pub refusals: BTreeMap<String, u64>,
    /// Signs of overload in the order of their first appearance.
    pub troubles: Vec<TroubleReport>,
    /// Promises that were not kept.
    pub broken: Vec<Broken>,
    pub audit: Audited,
    pub timeline: Vec<Second>,
    #[serde(skip)]
    waits: Vec<Wait>,
}

/// Who got in, and after how long.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Admission {
    pub joined: u32,
    pub got_in: u32,
    /// After the beginning of the rush.
    pub last_in_after_seconds: f64,
    pub wait_p50_seconds: f64,
    pub wait_p95_seconds: f64,
    pub wait_longest_seconds: f64,
}

/// The first estimate of each person, against the time that it really took from then on.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimates {
    /// People who got an estimate, and got in.
    pub compared: usize,
    pub told_p50_seconds: f64,
    pub true_p50_seconds: f64,
    /// The share of people who got in at most a quarter later than told, or five seconds.
    pub kept: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketCounts {
    #[serde(flatten)]
    pub stock: Stock,
    /// Bought by the crowd, and not returned.
    pub sold: u32,
    pub returned: u32,
}

/// Faults that the rush added.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    pub lost_answers: u64,
    pub duplicates: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointReport {
    pub endpoint: &'static str,
    pub answered: u64,
    pub unanswered: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TroubleReport {
    pub trouble: Trouble,
    pub text: &'static str,
    #[serde(flatten)]
    pub troubled: Troubled,
}

/// Somebody who got in this much later than told was told well enough.
const TOLERANCE: f32 = 1.25;
const TOLERANCE_SECONDS: f32 = 5.0;
/// The lines of findings and promises in a text.
const MOST_LINES: usize = 20;

impl Report {
    /// `counts`: at the end. People without an ending had not finished.
    #[must_use]
    pub fn new(
        setting: Setting,
        seconds: f64,
        counts: &Counts,
        stock: Stock,
        audit: Audited,
    ) -> Self {
        let mut endings = counts.endings.clone();
        let ended: u32 = endings.values().sum();
        let unfinished = setting.people.saturating_sub(ended);
        if unfinished > 0 {
            endings.insert(Ending::Unfinished, unfinished);
        }
        let endpoints = Endpoint::ALL.iter().zip(&counts.latencies);
        let endpoints = endpoints
            .filter(|(_, latencies)| latencies.answered() + latencies.unanswered > 0)
            .map(|(endpoint, latencies)| EndpointReport {
                endpoint: endpoint.name(),
                answered: latencies.answered(),
                unanswered: latencies.unanswered,
                p50_ms: latencies.percentile_ms(50.0),
                p95_ms: latencies.percentile_ms(95.0),
                p99_ms: latencies.percentile_ms(99.0),
                longest_ms: latencies.most_ms(),
            })
            .collect();
        let mut troubles: Vec<TroubleReport> = counts
            .troubles
            .iter()
            .map(|(trouble, troubled)| TroubleReport {
                trouble: *trouble,
                text: trouble.text(),
                troubled: *troubled,
            })
            .collect();
        troubles.sort_by(|one, other| {
            let first = |report: &TroubleReport| report.troubled.first_after_seconds;
            first(one).total_cmp(&first(other))
        });
        let sum = |of: fn(&Second) -> u32| counts.timeline.iter().map(of).sum::<u32>();
        let returned = sum(|second| second.tickets_returned);
        Self {
            seconds,
            endings,
            admission: admission(sum(|second| second.joined), &counts.waits),
            estimates: estimates(&counts.waits),
            tickets: TicketCounts {
                stock,
                sold: sum(|second| second.tickets_sold).saturating_sub(returned),
                returned,
            },
            requests: counts.present.requests,
            injected: Injected {
                lost_answers: counts.lost_answers,
                duplicates: counts.duplicates,
            },
            endpoints,
            refusals: counts.refusals.clone(),
            troubles,
            broken: counts.broken.values().cloned().collect(),
            audit,
            timeline: counts.timeline.clone(),
            waits: counts.waits.clone(),
            setting,
        }
    }

    /// Whether every promise was kept, as far as was checked.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.broken.is_empty() && !matches!(self.audit, Audited::Broken { .. })
    }

    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let setting = &self.setting;
        lines.push(format!("event      {}", setting.event_id));
        lines.push(format!(
            "people     {}, within {:.0} s",
            setting.people, setting.arrivals_last_seconds
        ));
        lines.push(format!("took       {:.1} s", self.seconds));
        for (ending, people) in &self.endings {
            lines.push(format!("{:<10} {people}", name_of(*ending)));
        }
        for (name, value) in self.facts() {
            lines.push(format!("{name}: {value}"));
        }
        lines.push(String::new());
        lines.push(format!(
            "{:<20} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "answered", "no answer", "p50 ms", "p95 ms", "p99 ms"
        ));
        for of in &self.endpoints {
            lines.push(format!(
                "{:<20} {:>9} {:>9} {:>9.1} {:>9.1} {:>9.1}",
                of.endpoint, of.answered, of.unanswered, of.p50_ms, of.p95_ms, of.p99_ms
            ));
        }
        lines.push(String::new());
        for (code, count) in &self.refusals {
            lines.push(format!("refused {code}: {count}"));
        }
        lines.extend(self.trouble_lines());
        for (is_good, text) in self.verdicts() {
            lines.push(format!("{}{text}", if is_good { "" } else { "BROKEN: " }));
        }
        lines
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let (admission, estimates, tickets) = (&self.admission, &self.estimates, &self.tickets);
        let mut facts = vec![
            (
                "got in",
                format!("{} of {} who joined", admission.got_in, admission.joined),
            ),
            (
                "last one in after",
                format!("{:.1} s", admission.last_in_after_seconds),
            ),
            (
                "waited",
                format!(
                    "p50 {:.1} s, p95 {:.1} s, longest {:.1} s",
                    admission.wait_p50_seconds,
                    admission.wait_p95_seconds,
                    admission.wait_longest_seconds
                ),
            ),
        ];
        if estimates.compared > 0 {
            facts.push((
                "waiting told and true",
                format!(
                    "p50 {:.1} s told, {:.1} s true; {:.0} % of {} in as told",
                    estimates.told_p50_seconds,
                    estimates.true_p50_seconds,
                    estimates.kept * 100.0,
                    estimates.compared
                ),
            ));
        }
        facts.push((
            "tickets",
            format!(
                "{} sold, {} returned, {} of {} left",
                tickets.sold, tickets.returned, tickets.stock.available_after, tickets.stock.total
            ),
        ));
        let rate =
            f64::from(u32::try_from(self.requests).unwrap_or(u32::MAX)) / self.seconds.max(0.1);
        facts.push((
            "requests",
            format!("{}, {rate:.0} per second", self.requests),
        ));
        facts.push((
            "faults added",
            format!(
                "{} lost answers, {} duplicates",
                self.injected.lost_answers, self.injected.duplicates
            ),
        ));
        facts
    }

    fn trouble_lines(&self) -> Vec<String> {
        let order = ["first", "then"]
            .into_iter()
            .chain(std::iter::repeat("then"));
        let lines = order.zip(&self.troubles).map(|(word, of)| {
            let Troubled {
                first_after_seconds,
                count,
            } = of.troubled;
            format!(
                "{word}, after {first_after_seconds:.1} s: {} ({count} times)",
                of.text
            )
        });
        lines.collect()
    }

    /// Sentences about what was checked, and whether it holds.
    fn verdicts(&self) -> Vec<(bool, String)> {
        let mut verdicts: Vec<(bool, String)> = self
            .broken
            .iter()
            .map(|broken| {
                let Broken {
                    text,
                    count,
                    example,
                    ..
                } = broken;
                (
                    false,
                    format!("{text}: {count} times not, such as: {example}"),
                )
            })
            .collect();
        if verdicts.is_empty() {
            let text = "every promise that the crowd could see was kept".to_owned();
            verdicts.push((true, text));
        }
        match &self.audit {
            Audited::NotChecked => verdicts.push((
                true,
                "the table was not audited: run `boxoffice audit`".to_owned(),
            )),
            Audited::Clean { items } => {
                verdicts.push((true, format!("audit: {items} items, all invariants hold")));
            }
            Audited::Broken { items, findings } => {
                let count = findings.len();
                verdicts.push((false, format!("audit: {items} items, {count} findings")));
                verdicts.extend(findings.iter().take(MOST_LINES).map(|finding| {
                    let Finding {
                        invariant,
                        key,
                        expected,
                        found,
                    } = finding;
                    let number = invariant.number();
                    (
                        false,
                        format!("{number} {key}: expected {expected}; found {found}"),
                    )
                }));
            }
        }
        verdicts
    }

    #[must_use]
    pub fn to_page(&self) -> ReportPage {
        let setting = &self.setting;
        let verdicts = self
            .verdicts()
            .into_iter()
            .map(|(is_good, text)| Block::Verdict { is_good, text });
        let mut facts = vec![("took".to_owned(), format!("{:.1} s", self.seconds))];
        facts.extend(
            self.facts()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let lead = format!(
            "{} people within {:.0} s on {} at {}, seed {}.",
            setting.people,
            setting.arrivals_last_seconds,
            setting.event_id,
            setting.target,
            setting.seed
        );
        let trouble = if self.troubles.is_empty() {
            vec![Block::Text("Nothing gave way.".to_owned())]
        } else {
            self.trouble_lines().into_iter().map(Block::Text).collect()
        };
        ReportPage {
            title: format!("Rush: {}", setting.event_name),
            lead,
            sections: vec![
                section("Verdict", verdicts.collect()),
                section(
                    "Result",
                    vec![Block::Facts(facts), Block::Table(self.endings_table())],
                ),
                section(
                    "Who got in when",
                    vec![
                        Block::Chart(self.admission_chart()),
                        Block::Chart(self.estimate_chart()),
                    ],
                ),
                section("Tickets", vec![Block::Chart(self.tickets_chart())]),
                section("What broke first", trouble),
                section(
                    "Requests",
                    vec![
                        Block::Table(self.latency_table()),
                        Block::Chart(self.requests_chart()),
                        Block::Table(self.refusals_table()),
                    ],
                ),
            ],
        }
    }

    fn endings_table(&self) -> Table {
        let rows = self.endings.iter();
        Table {
            caption: "How it ended".to_owned(),
            head: vec!["people who".to_owned(), "number".to_owned()],
            rows: rows
                .map(|(ending, people)| vec![name_of(*ending).to_owned(), people.to_string()])
                .collect(),
        }
    }

    fn latency_table(&self) -> Table {
        let head = [
            "",
            "answered",
            "no answer",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "longest ms",
        ];
        let rows = self.endpoints.iter().map(|of| {
            vec![
                of.endpoint.to_owned(),
                of.answered.to_string(),
                of.unanswered.to_string(),
                format!("{:.1}", of.p50_ms),
                format!("{:.1}", of.p95_ms),
                format!("{:.1}", of.p99_ms),
                format!("{:.1}", of.longest_ms),
            ]
        });
        Table {
            caption: "Latency by endpoint, with the wait for a connection".to_owned(),
            head: head.map(str::to_owned).into(),
            rows: rows.collect(),
        }
    }

    fn refusals_table(&self) -> Table {
        let rows = self.refusals.iter();
        Table {
            caption: "Refused requests by code".to_owned(),
            head: vec!["code".to_owned(), "number".to_owned()],
            rows: rows
                .map(|(code, count)| vec![code.clone(), count.to_string()])
                .collect(),
        }
    }

    /// Who came and who got in, against when people were told that they would.
    fn admission_chart(&self) -> LineChart {
        let mut promised: Vec<f32> = self
            .waits
            .iter()
            .map(|wait| match wait.told {
                Some((at, seconds)) => at + seconds,
                // Somebody who was let in at once was told nothing.
                None => wait.got_in,
            })
            .collect();
        promised.sort_by(f32::total_cmp);
        let promised = promised.into_iter().zip(1_u32..);
        LineChart {
            title: "People who have joined and who have got in".to_owned(),
            x_label: "seconds since the beginning".to_owned(),
            y_label: "people".to_owned(),
            lines: vec![
                Line {
                    name: "joined".to_owned(),
                    points: self.running(|second| second.joined),
                },
                Line {
                    name: "got in".to_owned(),
                    points: self.running(|second| second.got_in),
                },
                Line {
                    name: "got in, as first told".to_owned(),
                    points: promised
                        .map(|(seconds, people)| (f64::from(seconds), f64::from(people)))
                        .collect(),
                },
            ],
        }
    }

    fn estimate_chart(&self) -> LineChart {
        let mut told: Vec<(f32, f32, f32)> = self
            .waits
            .iter()
            .filter_map(|wait| {
                let (at, told) = wait.told?;
                Some((at, told, (wait.got_in - at).max(0.0)))
            })
            .collect();
        told.sort_by(|one, other| one.0.total_cmp(&other.0));
        let line = |name: &str, of: fn(&(f32, f32, f32)) -> f32| Line {
            name: name.to_owned(),
            points: told
                .iter()
                .map(|point| (f64::from(point.0), f64::from(of(point))))
                .collect(),
        };
        LineChart {
            title: "Waiting told and waiting true".to_owned(),
            x_label: "seconds since the beginning, when it was told".to_owned(),
            y_label: "seconds".to_owned(),
            lines: vec![line("told", |point| point.1), line("true", |point| point.2)],
        }
    }

    fn tickets_chart(&self) -> LineChart {
        LineChart {
            title: "Tickets sold and returned".to_owned(),
            x_label: "seconds since the beginning".to_owned(),
            y_label: "tickets".to_owned(),
            lines: vec![
                Line {
                    name: "sold".to_owned(),
                    points: self.running(|second| second.tickets_sold),
                },
                Line {
                    name: "returned".to_owned(),
                    points: self.running(|second| second.tickets_returned),
                },
            ],
        }
    }

    fn requests_chart(&self) -> LineChart {
        let line = |name: &str, of: fn(&Second) -> u32| Line {
            name: name.to_owned(),
            points: (0_u32..)
                .zip(&self.timeline)
                .map(|(second, counts)| (f64::from(second), f64::from(of(counts))))
                .collect(),
        };
        LineChart {
            title: "Requests per second".to_owned(),
            x_label: "seconds since the beginning".to_owned(),
            y_label: "requests".to_owned(),
            lines: vec![
                line("requests", |second| second.requests),
                line("refused", |second| second.refused),
            ],
        }
    }

    /// A running sum at the end of each second.
    fn running(&self, of: fn(&Second) -> u32) -> Vec<(f64, f64)> {
        let mut sum = 0;
        let points = (1_u32..).zip(&self.timeline).map(|(second, counts)| {
            sum += of(counts);
            (f64::from(second), f64::from(sum))
        });
        std::iter::once((0.0, 0.0)).chain(points).collect()
    }
}

fn section(heading: &str, blocks: Vec<Block>) -> PageSection {
    PageSection {
        heading: heading.to_owned(),
        blocks,
    }
}

fn name_of(ending: Ending) -> &'static str {
    match ending {
        Ending::Bought => "bought",
        Ending::Returned => "returned",
        Ending::SoldOut => "sold out",
        Ending::GaveUp => "gave up",
        Ending::Left => "left",
        Ending::Vanished => "vanished",
        Ending::ChangedMind => "changed",
        Ending::TurnOver => "turn over",
        Ending::Closed => "closed",
        Ending::Failed => "failed",
        Ending::Unfinished => "unfinished",
    }
}

fn admission(joined: u32, waits: &[Wait]) -> Admission {
    let mut seconds: Vec<f32> = waits.iter().map(|wait| wait.got_in - wait.joined).collect();
    seconds.sort_by(f32::total_cmp);
    let last = waits.iter().map(|wait| wait.got_in).fold(0.0, f32::max);
    Admission {
        joined,
        got_in: u32::try_from(waits.len()).unwrap_or(u32::MAX),
        last_in_after_seconds: f64::from(last),
        wait_p50_seconds: quantile(&seconds, 50),
        wait_p95_seconds: quantile(&seconds, 95),
        wait_longest_seconds: quantile(&seconds, 100),
    }
}

fn estimates(waits: &[Wait]) -> Estimates {
    let mut told = Vec::new();
    let mut really = Vec::new();
    let mut kept = 0_u32;
    for wait in waits {
        let Some((at, seconds)) = wait.told else {
            continue;
        };
        let true_seconds = (wait.got_in - at).max(0.0);
        let latest = (seconds * TOLERANCE).max(seconds + TOLERANCE_SECONDS);
        kept += u32::from(true_seconds <= latest);
        told.push(seconds);
        really.push(true_seconds);
    }
    told.sort_by(f32::total_cmp);
    really.sort_by(f32::total_cmp);
    let compared = u32::try_from(told.len()).unwrap_or(u32::MAX);
    Estimates {
        compared: told.len(),
        told_p50_seconds: quantile(&told, 50),
        true_p50_seconds: quantile(&really, 50),
        kept: f64::from(kept) / f64::from(compared.max(1)),
    }
}

/// Of sorted values, the smallest that this many percent do not exceed; 0 of none.
fn quantile(sorted: &[f32], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    f64::from(sorted.get(index).copied().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rush::tally::{Promise, Tally};
    use std::time::Duration;

    fn setting() -> Setting {
        Setting {
            event_id: "winter-live".to_owned(),
            event_name: "<b>Winter</b> Live".to_owned(),
            target: "http://127.0.0.1:3000".to_owned(),
            people: 5,
            arrivals_last_seconds: 60.0,
            seed: 1,
            most_connections: 64,
        }
    }

    fn report(tally: &Tally, audit: Audited) -> Report {
        let stock = Stock {
            total: 10,
            available_before: 10,
            available_after: 8,
        };
        Report::new(setting(), 12.5, &tally.counts(), stock, audit)
    }

    #[test]
    fn people_requests_and_tickets_add_up() {
        let tally = Tally::default();
        tally.ended(Ending::Bought);
        tally.ended(Ending::SoldOut);
        for person in 0..4 {
            tally.joined(person, (0, u64::from(person)));
        }
        tally.sold(0, 2, "2026-12-24", &[1, 2]);
        tally.sold(1, 1, "2026-12-24", &[3]);
        tally.returned(1);
        tally.count_answer(Endpoint::Pay, Duration::from_millis(4), None);
        tally.count_answer(
            Endpoint::Pay,
            Duration::from_millis(4),
            Some("hold_expired"),
        );
        tally.count_unanswered(Endpoint::HoldSeat, false);
        let report = report(&tally, Audited::Clean { items: 9 });
        assert_eq!(report.endings.values().sum::<u32>(), report.setting.people);
        assert_eq!(report.endings[&Ending::Unfinished], 3);
        assert_eq!((report.tickets.sold, report.tickets.returned), (2, 1));
        let by_endpoint = report
            .endpoints
            .iter()
            .map(|of| of.answered + of.unanswered);
        assert_eq!(by_endpoint.sum::<u64>(), report.requests);
        assert_eq!(report.admission.joined, 4);
        assert!(report.is_good());
    }

    #[test]
    fn a_broken_promise_or_a_finding_is_no_good() {
        let tally = Tally::default();
        let finding = Finding {
            invariant: domain::invariants::Invariant::OneOwner,
            key: "SEATS#e#d 7".to_owned(),
            expected: "one".to_owned(),
            found: "two".to_owned(),
        };
        let audit = Audited::Broken {
            items: 9,
            findings: vec![finding],
        };
        assert!(!report(&tally, audit).is_good());
        assert!(report(&tally, Audited::NotChecked).is_good());
        tally.broken(Promise::PlaceIsKept, "number 1 became 2".to_owned());
        let report = report(&tally, Audited::NotChecked);
        assert!(!report.is_good());
        let text = report.to_text().join("\n");
        assert!(
            text.contains("BROKEN: ") && text.contains("number 1 became 2"),
            "{text}"
        );
    }

    #[test]
    fn the_page_escapes_names_and_loads_nothing() {
        let page = report(&Tally::default(), Audited::NotChecked)
            .to_page()
            .to_html();
        assert!(page.contains("&lt;b&gt;Winter") && !page.contains("<b>Winter"));
        for reference in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn an_estimate_is_kept_if_the_person_got_in_about_then() {
        let wait = |got_in: f32, told: f32| Wait {
            joined: 0.0,
            got_in,
            told: Some((1.0, told)),
        };
        let of = estimates(&[
            wait(41.0, 40.0),
            wait(71.0, 40.0),
            wait(5.0, 1.0),
            wait(11.0, 40.0),
        ]);
        assert_eq!(of.compared, 4);
        assert!((of.kept - 0.75).abs() < 1e-9, "{of:?}");
        assert!((of.told_p50_seconds - 40.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values = [1.0, 2.0, 3.0, 4.0];
        for (percent, value) in [(50, 2.0), (95, 4.0), (100, 4.0), (1, 1.0)] {
            assert!(
                (quantile(&values, percent) - value).abs() < 1e-9,
                "{percent}"
            );
        }
        assert!(quantile(&[], 50).abs() < 1e-9);
    }
}
