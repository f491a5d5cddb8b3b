//! The report: a table for people, JSON for machines.

use serde_json::{Value, json};

use crate::growth::Growth;
use crate::measure::{Bare, Figures, Measurement};
use crate::memory::Resident;
use crate::waiting_units::WaitingUnits;

/// The meaning of the figures.
pub(crate) const PREAMBLE: &str = "\
Every endpoint through the HTTP server of `serve`, through its handler alone, and the DynamoDB calls that it makes, made
directly through the SDK. Callers, server, handlers, SDK and engine share this process and this machine's cores. Caches are
warm.
ratio = time of a request / time of its bare calls, median of alternating slices.
CPU = processor time of the whole process for a request, caller and engine included.
";

pub(crate) fn header() -> String {
    format!(
        "{:<24}{:>8}{:>6} |{COLUMNS}{:>7} |{COLUMNS}{:>7} |{COLUMNS}",
        "endpoint", "callers", "calls", "ratio", "ratio"
    ) + "\n"
        + &format!(
            "{:<38} | {:<50} | {:<50} | {}",
            "", "served", "handler", "bare calls"
        )
}

const COLUMNS: &str = "  requests     mean      p50      p99      CPU";

/// A line of the table.
pub(crate) fn line(m: &Measurement) -> String {
    let ratio = |of: fn(&Bare) -> f64| match &m.bare {
        Some(bare) => format!("{:>7.2}", of(bare)),
        None => format!("{:>7}", "-"),
    };
    let bare = match &m.bare {
        Some(bare) => figures(&bare.figures),
        None => " none needed".to_owned(),
    };
    format!(
        "{:<24}{:>8}{:>6} |{}{} |{}{} |{bare}",
        m.name,
        m.callers,
        m.calls,
        figures(&m.served),
        ratio(|bare| bare.served_ratio),
        figures(&m.handler),
        ratio(|bare| bare.handler_ratio),
    )
}

fn figures(f: &Figures) -> String {
    format!(
        "{:>8}/s{}{}{}{}",
        format!("{:.0}", f.per_second),
        time(f.mean_us),
        time(f.p50_us),
        time(f.p99_us),
        time(f.cpu_us)
    )
}

fn time(us: f64) -> String {
    if us < 1000.0 {
        format!("{:>9}", format!("{us:.1}us"))
    } else {
        format!("{:>9}", format!("{:.2}ms", us / 1000.0))
    }
}

/// The lines about the units of waiting users.
pub(crate) fn waiting_units(measured: &[WaitingUnits]) -> String {
    let lines = measured.iter().map(|of| {
        format!(
            "{:>9} waiting: a join {} write and {} read units; ten seconds of 40 polls a second {} and {}",
            of.waiting, of.join.0, of.join.1, of.ten_seconds.0, of.ten_seconds.1
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The lines about memory.
pub(crate) fn memory(resident: &[Resident]) -> String {
    let kib = |r: &Resident| match r.kib {
        Some(kib) => format!("{kib} KiB"),
        None => "unknown".to_owned(),
    };
    let mut lines: Vec<String> = resident
        .iter()
        .map(|r| format!("{:>9} waiting: {:>12} resident", r.waiting, kib(r)))
        .collect();
    if let Some(growth) = growth_kib(resident) {
        lines.push(format!("from the fewest to the most: {growth:+} KiB"));
    }
    lines.insert(
        0,
        "Memory of the process, with the embedded engine in it, after 10,000 distinct waiting users have polled and a \
         promotion has run:"
            .to_owned(),
    );
    lines.join("\n")
}

fn growth_kib(resident: &[Resident]) -> Option<i64> {
    let kib = |r: Option<&Resident>| i64::try_from(r?.kib?).ok();
    Some(kib(resident.last())? - kib(resident.first())?)
}

/// How requests grow.
pub(crate) fn growth(grown: &[Growth]) -> String {
    let mut lines = vec![
        "Growth: the median of a request over HTTP, one caller, with warm and with expired caches:"
            .to_owned(),
    ];
    lines.extend(grown.iter().map(|g| {
        format!(
            "{:>9} {:<15} {:<24}{}{}",
            g.size,
            g.of,
            g.request,
            time(g.warm_us),
            time(g.expired_us)
        )
    }));
    lines.join("\n")
}

/// All figures as JSON; every field names its unit.
pub(crate) fn to_json(
    measurements: &[Measurement],
    resident: &[Resident],
    grown: &[Growth],
) -> Value {
    let measurements: Vec<Value> = measurements
        .iter()
        .map(|m| {
            json!({
                "endpoint": m.name,
                "callers": m.callers,
                "calls": m.calls,
                "served": figures_json(&m.served),
                "handler": figures_json(&m.handler),
                "bare": m.bare.map(|bare| figures_json(&bare.figures)),
                "servedRatio": m.bare.map(|bare| bare.served_ratio),
                "handlerRatio": m.bare.map(|bare| bare.handler_ratio),
            })
        })
        .collect();
    let memory: Vec<Value> = resident
        .iter()
        .map(|r| json!({ "waiting": r.waiting, "residentKiB": r.kib }))
        .collect();
    let growth: Vec<Value> = grown
        .iter()
        .map(|g| {
            json!({
                "of": g.of,
                "size": g.size,
                "request": g.request,
                "warmMicroseconds": g.warm_us,
                "expiredMicroseconds": g.expired_us,
            })
        })
        .collect();
    json!({
        "endpoints": measurements,
        "growth": growth,
        "memory": { "levels": memory, "growthKiB": growth_kib(resident) },
    })
}

fn figures_json(f: &Figures) -> Value {
    json!({
        "requests": f.requests,
        "perSecond": f.per_second,
        "meanMicroseconds": f.mean_us,
        "p50Microseconds": f.p50_us,
        "p99Microseconds": f.p99_us,
        "cpuMicroseconds": f.cpu_us,
    })
}
