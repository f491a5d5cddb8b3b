//! The plan for people and programs: text, JSON and an HTML page.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use domain::clock::EpochMs;
use serde::Serialize;

use super::account::{Account, Quota, Source};
use super::bill::Bill;
use super::costs::Units;
use super::observed::{Observed, Refused, Second};
use super::proposal::Proposal;
use super::scenario::{READY_BEFORE, Scenario, Settings, WEB_ACL_REQUESTS};
use super::table::{NEW_TABLE, PARTITION, PLACEMENTS};
use crate::report_page::{Block, Line, LineChart, PageSection, ReportPage, Table};

/// A plan, as JSON shows it.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    event_id: String,
    people: u32,
    tickets: u64,
    /// Whether the settings were searched. Otherwise they are the catalogue's.
    is_proposed: bool,
    simulations: u32,
    settings: PlannedSettings,
    sale: Course,
    /// The most used first: the one that would give way first.
    pressures: Vec<Pressure>,
    quotas: Vec<QuotaRow>,
    bill: Bill,
    /// A month without a sale, with the items of these people in the table.
    month: Bill,
    shortcomings: Vec<String>,
    curves: Vec<Point>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct PlannedSettings {
    lanes: u8,
    max_active: u32,
    session_seconds: u32,
    grace_seconds: u32,
    warm_write_units: u32,
    warm_read_units: u32,
    requests_per_second: u32,
    request_burst: u32,
    ready_environments: u32,
    /// In UTC, as the stack's parameters want it. `None` if nothing is kept ready.
    ready_from: Option<String>,
    ready_until: Option<String>,
    web_acl: bool,
}

/// Seconds after the opening.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Course {
    all_joined_after: Option<u64>,
    last_admitted_after: Option<u64>,
    /// 99 of 100 tickets.
    nearly_sold_after: Option<u64>,
    sold_out_after: Option<u64>,
    sold: u64,
    buyers: u64,
    admitted: usize,
    half_waited: f32,
    longest_waited: f32,
    missed_grace: u64,
    out_of_time: u64,
    left: u64,
    seat_taken: f64,
    refused_by_gateway: f64,
    refused_by_lambda: f64,
    refused_by_table: f64,
    api_requests: f64,
    cdn_requests: f64,
    write_units: f64,
    read_units: f64,
    /// Answered requests by function.
    functions: BTreeMap<&'static str, f64>,
}

/// How much of a limit is used at the peak.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Pressure {
    what: String,
    used: f64,
    limit: f64,
    share: f64,
}

#[derive(Clone, Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct QuotaRow {
    name: &'static str,
    needed: f64,
    account: u32,
    source: Source,
    must_be_raised: bool,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Point {
    second: usize,
    joined: u64,
    waiting: u64,
    admitted: u64,
    inside: u64,
    sold: u64,
    held: u64,
    api_requests: f64,
    cdn_requests: f64,
    /// Of the fullest partition, as a share of its limit.
    partition: f64,
}

/// What a distribution takes by default.
/// Source: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html>
const CDN_REQUESTS_PER_SECOND: f64 = 250_000.0;

/// A curve's name, and its value at a point.
type NamedValue<'a> = (&'a str, fn(&Point) -> f64);

/// The curves have at most this many points.
const MOST_POINTS: usize = 600;

fn whole(value: f64) -> f64 {
    value.round()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units a second, bounded by the number of partitions"
)]
fn warm_parameter(warm: Units, of: fn(Units) -> f64) -> u32 {
    if warm == NEW_TABLE {
        0
    } else {
        of(warm) as u32
    }
}

/// A time as `ReadyFrom` and `ReadyUntil` want it: `2026-12-24T19:00:00`.
fn parameter_time(at: EpochMs) -> String {
    let since_epoch = Duration::from_millis(at.0.unsigned_abs());
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
    time.trim_end_matches('Z').to_owned()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl PlannedSettings {
    fn of(settings: &Settings, opens_at: EpochMs) -> Self {
        let is_ready = settings.ready_environments > 0;
        let from = EpochMs(opens_at.0.saturating_sub(milliseconds(READY_BEFORE)));
        let until = EpochMs(opens_at.0.saturating_add(milliseconds(settings.ready_for)));
        Self {
            ready_environments: settings.ready_environments,
            ready_from: is_ready.then(|| parameter_time(from)),
            ready_until: is_ready.then(|| parameter_time(until)),
            lanes: settings.lanes.count(),
            max_active: settings.max_active,
            session_seconds: settings.session_seconds,
            grace_seconds: settings.grace_seconds,
            warm_write_units: warm_parameter(settings.warm, |units| units.writes),
            warm_read_units: warm_parameter(settings.warm, |units| units.reads),
            requests_per_second: settings.requests_per_second,
            request_burst: settings.request_burst,
            web_acl: settings.web_acl,
        }
    }
}

impl Course {
    fn of(observed: &Observed) -> Self {
        let refused = |why| whole(observed.count_refused(why));
        Self {
            all_joined_after: observed.all_joined_at,
            last_admitted_after: observed.last_in_at,
            nearly_sold_after: observed.nearly_sold_at,
            sold_out_after: observed.sold_out_at,
            sold: observed.sold,
            buyers: observed.buyers,
            admitted: observed.waits.len(),
            half_waited: observed.waits.percentile(0.5),
            longest_waited: observed.waits.percentile(1.0),
            missed_grace: observed.missed_grace,
            out_of_time: observed.out_of_time,
            left: observed.left,
            seat_taken: refused(Refused::SeatTaken),
            refused_by_gateway: refused(Refused::Gateway),
            refused_by_lambda: refused(Refused::Functions),
            refused_by_table: refused(Refused::Table),
            api_requests: whole(observed.all_answered()),
            cdn_requests: whole(observed.cdn_requests),
            write_units: whole(observed.units.writes),
            read_units: whole(observed.units.reads),
            functions: by_function(observed),
        }
    }
}

fn by_function(observed: &Observed) -> BTreeMap<&'static str, f64> {
    let mut functions: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (operation, count) in &observed.answered {
        *functions.entry(operation.function().name()).or_default() += count;
    }
    for count in functions.values_mut() {
        *count = whole(*count);
    }
    functions
}

fn pressures(settings: &Settings, observed: &Observed, account: &Account) -> Vec<Pressure> {
    let pressure = |what: String, used: f64, limit: f64| Pressure {
        what,
        used: whole(used),
        limit,
        share: used / limit.max(1.0),
    };
    let peak = observed.partition_peak;
    let mut pressures = vec![
        pressure(
            format!(
                "write units a second of one partition ({})",
                observed.write_key
            ),
            peak.writes,
            PARTITION.writes,
        ),
        pressure(
            format!(
                "read units a second of one partition ({})",
                observed.read_key
            ),
            peak.reads,
            PARTITION.reads,
        ),
        pressure(
            "requests a second at the gateway (RequestsPerSecond)".to_owned(),
            observed.gateway.0,
            settings.requests_per_second.into(),
        ),
        pressure(
            "concurrent executions of the account".to_owned(),
            observed.most_concurrency,
            account.value(Quota::Concurrency).into(),
        ),
        pressure(
            "write units a second of the table (quota)".to_owned(),
            observed.table_peak.writes,
            account.value(Quota::TableWrites).into(),
        ),
        pressure(
            "read units a second of the table (quota)".to_owned(),
            observed.table_peak.reads,
            account.value(Quota::TableReads).into(),
        ),
        pressure(
            "requests a second at the CDN".to_owned(),
            observed.most_cdn_requests(),
            CDN_REQUESTS_PER_SECOND,
        ),
    ];
    pressures.sort_by(|a, b| b.share.total_cmp(&a.share));
    pressures
}

fn quotas(settings: &Settings, observed: &Observed, account: &Account) -> Vec<QuotaRow> {
    let row = |quota: Quota| {
        let needed = match quota {
            Quota::Concurrency => observed
                .most_concurrency_wanted
                .max(settings.concurrency.into()),
            Quota::GatewayRate => settings.requests_per_second.into(),
            Quota::GatewayBurst => settings.request_burst.into(),
            Quota::TableWrites => observed.table_peak.writes.max(settings.warm.writes),
            Quota::TableReads => observed.table_peak.reads.max(settings.warm.reads),
        };
        let of_account = account.value(quota);
        QuotaRow {
            name: quota.name(),
            needed: whole(needed),
            account: of_account,
            source: account.source(quota),
            must_be_raised: needed > f64::from(of_account),
        }
    };
    Quota::ALL.map(row).to_vec()
}

fn points(seconds: &[Second]) -> Vec<Point> {
    let every = seconds.len().div_ceil(MOST_POINTS).max(1);
    let point = |(second, at): (usize, &Second)| Point {
        second: second + 1,
        joined: at.joined,
        waiting: at.waiting,
        admitted: at.admitted,
        inside: at.inside,
        sold: at.sold,
        held: at.held,
        api_requests: whole(at.requests),
        cdn_requests: whole(at.cdn_requests),
        partition: (at.partition * 1_000.0).round() / 1_000.0,
    };
    seconds
        .iter()
        .enumerate()
        .step_by(every)
        .map(point)
        .collect()
}

impl PlanReport {
    /// `is_proposed`: whether the settings were searched.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        proposal: &Proposal,
        account: &Account,
        is_proposed: bool,
    ) -> Self {
        let Proposal {
            settings,
            observed,
            simulations,
            shortcomings,
        } = proposal;
        Self {
            event_id: scenario.programme.event.event_id.to_string(),
            people: scenario.crowd.people,
            tickets: scenario.seats(),
            is_proposed,
            simulations: *simulations,
            settings: PlannedSettings::of(settings, scenario.opens_at),
            sale: Course::of(observed),
            pressures: pressures(settings, observed, account),
            quotas: quotas(settings, observed, account),
            bill: Bill::of(observed, settings),
            month: Bill::of_month(scenario.crowd.people),
            shortcomings: shortcomings.clone(),
            curves: points(&observed.seconds),
        }
    }

    fn lead(&self) -> String {
        format!(
            "{}: {} people, {} tickets. Simulated, not measured{}",
            self.event_id,
            self.people,
            self.tickets,
            if self.is_proposed {
                format!(
                    "; the settings are the best of {} simulations.",
                    self.simulations
                )
            } else {
                "; the settings are the catalogue's, and the stack's defaults.".to_owned()
            }
        )
    }

    fn catalogue_facts(&self) -> Vec<(String, String)> {
        let settings = &self.settings;
        facts([
            ("queue.lanes", settings.lanes.to_string()),
            ("queue.maxActive", settings.max_active.to_string()),
            ("queue.sessionSeconds", settings.session_seconds.to_string()),
            ("queue.graceSeconds", settings.grace_seconds.to_string()),
        ])
    }

    fn stack_facts(&self) -> Vec<(String, String)> {
        let settings = &self.settings;
        let web_acl = if settings.web_acl {
            format!("infra/web-acl.yaml with RequestsPerAddress {WEB_ACL_REQUESTS}")
        } else {
            "not needed".to_owned()
        };
        let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "not needed".to_owned());
        facts([
            ("WarmWriteUnits", settings.warm_write_units.to_string()),
            ("WarmReadUnits", settings.warm_read_units.to_string()),
            (
                "RequestsPerSecond",
                settings.requests_per_second.to_string(),
            ),
            ("RequestBurst", settings.request_burst.to_string()),
            ("ReadyEnvironments", settings.ready_environments.to_string()),
            ("ReadyFrom", time(&settings.ready_from)),
            ("ReadyUntil", time(&settings.ready_until)),
            ("WebAclArn", web_acl),
        ])
    }

    fn course_facts(&self) -> Vec<(String, String)> {
        let sale = &self.sale;
        let after = |seconds: Option<u64>| {
            seconds.map_or("not within the simulation".to_owned(), |seconds| {
                format!("after {seconds} s")
            })
        };
        facts([
            ("the last person has joined", after(sale.all_joined_after)),
            (
                "the last person is admitted",
                after(sale.last_admitted_after),
            ),
            ("99 % are sold", after(sale.nearly_sold_after)),
            ("sold out", after(sale.sold_out_after)),
            ("tickets sold", format!("{} of {}", sale.sold, self.tickets)),
            ("buyers", sale.buyers.to_string()),
            ("people admitted", sale.admitted.to_string()),
            (
                "wait of those admitted",
                format!(
                    "half up to {:.0} s, the longest {:.0} s",
                    sale.half_waited, sale.longest_waited
                ),
            ),
            (
                "came too late after the call",
                sale.missed_grace.to_string(),
            ),
            ("ran out of time in the turn", sale.out_of_time.to_string()),
            ("left the queue", sale.left.to_string()),
            ("found the seat taken", sale.seat_taken.to_string()),
            (
                "requests told to retry",
                format!(
                    "{} by the gateway, {} by Lambda, {} by the table",
                    sale.refused_by_gateway, sale.refused_by_lambda, sale.refused_by_table
                ),
            ),
            (
                "requests answered by the API",
                sale.api_requests.to_string(),
            ),
            (
                "requests answered by the CDN",
                sale.cdn_requests.to_string(),
            ),
        ])
    }

    fn pressure_rows(&self) -> Vec<Vec<String>> {
        let row = |pressure: &Pressure| {
            vec![
                pressure.what.clone(),
                pressure.used.to_string(),
                pressure.limit.to_string(),
                format!("{:.0} %", pressure.share * 100.0),
            ]
        };
        self.pressures.iter().map(row).collect()
    }

    fn quota_rows(&self) -> Vec<Vec<String>> {
        let row = |quota: &QuotaRow| {
            vec![
                quota.name.to_owned(),
                quota.needed.to_string(),
                format!("{} {}", quota.account, quota.source.text()),
                if quota.must_be_raised {
                    "raise it"
                } else {
                    "enough"
                }
                .to_owned(),
            ]
        };
        self.quotas.iter().map(row).collect()
    }

    fn bill_rows(bill: &Bill) -> Vec<Vec<String>> {
        let row = |line: &super::bill::BillLine| {
            vec![
                line.what.to_owned(),
                format!("{:.0}", line.count),
                format!("{} per {}", line.price, line.per),
                format!("{:.2}", line.dollars),
            ]
        };
        let mut rows: Vec<Vec<String>> = bill.lines.iter().map(row).collect();
        rows.push(vec![
            "sum".to_owned(),
            String::new(),
            String::new(),
            format!("{:.2}", bill.dollars),
        ]);
        rows
    }

    fn bill_title(&self) -> String {
        format!(
            "US dollars, list prices of {} in {}, without free tiers. Warm units are charged once, when they are \
             raised above those of a new table.",
            self.bill.region, self.bill.date
        )
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let mut lines = vec![self.lead()];
        for (title, facts) in [
            ("in the catalogue", self.catalogue_facts()),
            ("of the stack", self.stack_facts()),
            ("the sale", self.course_facts()),
        ] {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(
                facts
                    .iter()
                    .map(|(name, value)| format!("  {name:<30} {value}")),
            );
        }
        for (title, rows) in [
            ("what would give way first", self.pressure_rows()),
            ("quotas: needed, the account's", self.quota_rows()),
            ("the bill", Self::bill_rows(&self.bill)),
            ("a month without a sale", Self::bill_rows(&self.month)),
        ] {
            lines.extend([String::new(), title.to_owned()]);
            lines.extend(rows.iter().map(|row| {
                let [first, rest @ ..] = row.as_slice() else {
                    return String::new();
                };
                let cells: Vec<String> = rest.iter().map(|cell| format!("{cell:>16}")).collect();
                format!("  {first:<70} {}", cells.join(" "))
            }));
        }
        lines.extend([String::new(), self.bill_title()]);
        lines.extend(
            self.shortcomings
                .iter()
                .map(|text| format!("not reached: {text}")),
        );
        lines
    }

    /// The page with curves.
    #[must_use]
    pub fn to_page(&self) -> ReportPage {
        let section = |heading: &str, blocks: Vec<Block>| PageSection {
            heading: heading.to_owned(),
            blocks,
        };
        let head = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let mut verdicts: Vec<Block> = self
            .shortcomings
            .iter()
            .map(|text| Block::Verdict {
                is_good: false,
                text: text.clone(),
            })
            .collect();
        if verdicts.is_empty() {
            verdicts.push(Block::Verdict {
                is_good: true,
                text: format!(
                    "The sale ends in time, and no partition is over its limit in any of {PLACEMENTS} placements of the keys."
                ),
            });
        }
        ReportPage {
            title: format!("Plan for {}", self.event_id),
            lead: self.lead(),
            sections: vec![
                section("Verdict", verdicts),
                section(
                    "In the catalogue",
                    vec![Block::Facts(self.catalogue_facts())],
                ),
                section("Of the stack", vec![Block::Facts(self.stack_facts())]),
                section(
                    "The sale",
                    vec![
                        Block::Facts(self.course_facts()),
                        self.chart(
                            "People",
                            "people",
                            &[
                                ("joined", |point| to_f64(point.joined)),
                                ("waiting", |point| to_f64(point.waiting)),
                                ("admitted", |point| to_f64(point.admitted)),
                                ("slots in use", |point| to_f64(point.inside)),
                            ],
                        ),
                        self.chart(
                            "Tickets",
                            "tickets",
                            &[
                                ("sold", |point| to_f64(point.sold)),
                                ("held", |point| to_f64(point.held)),
                            ],
                        ),
                        self.chart(
                            "Requests answered",
                            "a second",
                            &[
                                ("API", |point| point.api_requests),
                                ("CDN", |point| point.cdn_requests),
                            ],
                        ),
                        self.chart(
                            "The fullest partition",
                            "percent of its limit",
                            &[("load", |point| point.partition * 100.0)],
                        ),
                    ],
                ),
                section(
                    "What would give way first",
                    vec![Block::Table(Table {
                        caption: "At the peak; the most used first".to_owned(),
                        head: head(["limit", "used", "allowed", "share"]),
                        rows: self.pressure_rows(),
                    })],
                ),
                section(
                    "Quotas",
                    vec![Block::Table(Table {
                        caption: "What the settings need, and what the account has".to_owned(),
                        head: head(["quota", "needed", "account", ""]),
                        rows: self.quota_rows(),
                    })],
                ),
                section(
                    "The bill",
                    vec![Block::Table(Table {
                        caption: self.bill_title(),
                        head: head(["what", "count", "price", "dollars"]),
                        rows: Self::bill_rows(&self.bill),
                    })],
                ),
            ],
        }
    }

    fn chart(&self, title: &str, y_label: &str, lines: &[NamedValue<'_>]) -> Block {
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let line = |(name, value): &NamedValue<'_>| Line {
            name: (*name).to_owned(),
            points: self
                .curves
                .iter()
                .map(|point| (point.second as f64, value(point)))
                .collect(),
        };
        Block::Chart(LineChart {
            title: title.to_owned(),
            x_label: "seconds after the opening".to_owned(),
            y_label: y_label.to_owned(),
            lines: lines.iter().map(line).collect(),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of people")]
fn to_f64(count: u64) -> f64 {
    count as f64
}

fn facts<const N: usize>(facts: [(&str, String); N]) -> Vec<(String, String)> {
    facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
