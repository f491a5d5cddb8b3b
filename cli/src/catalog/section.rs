//! Reads a section: its seats and price, and how the seats are arranged, numbered and labelled.

use std::collections::BTreeSet;

use domain::event::Section;
use domain::ids::SeatNumber;
use domain::seating::{Drawing, Numbering, Rows};

use super::check::{Context, Scope, required_price};
use super::raw::{
    MAX_ROW_LABEL_LENGTH, MAX_SEATS, RawDrawing, RawNumbering, RawSection, RowLabel, Values, Whole,
};
use super::yaml::{Field, OneOrList, Scalar};

/// The most rows of a section that has labels or row lengths. They are part of the date's item and of the API's event.
const MOST_ROWS: u32 = 200;
/// The most skipped numbers.
const MOST_SKIPPED: usize = 50;
const MOST_AISLES: usize = 20;

pub(super) fn section(
    scope: &mut Scope<'_>,
    raw: RawSection,
    context: &Context<'_>,
    first_seat: u32,
) -> Option<Section> {
    let name = scope.required_value("name", raw.name);
    let seats = scope.required_value("seats", raw.seats).map(Whole::count);
    let price = required_price(scope, raw.price, context);
    let rows = rows(scope, raw.rows, seats);
    let row_labels = row_labels(scope, raw.row_labels, rows.as_ref());
    let numbering = scope
        .enter("numbering", raw.numbering)
        .map(|(mut scope, raw)| numbering(&mut scope, raw));
    let longest = match &rows {
        None => {
            if !scope.has_error("rows") {
                scope.refuse("aisles", &raw.aisles, "is only for sections with rows");
            }
            None
        }
        Some(Rows::Equal(rows)) => seats.map(|seats| seats.div_ceil(*rows)),
        Some(Rows::Lengths(lengths)) => lengths.iter().copied().max(),
    };
    let aisles = aisles(scope, raw.aisles, longest);
    let drawing = scope
        .enter("drawing", raw.drawing)
        .map(|(mut scope, raw)| drawing(&mut scope, raw));
    Some(Section {
        rows,
        row_labels,
        numbering,
        aisles,
        drawing,
        ..Section::new(name?.0, price?, SeatNumber(first_seat), seats?)
    })
}

fn rows(
    scope: &mut Scope<'_>,
    field: Field<OneOrList<Whole<1, MAX_SEATS>>>,
    seats: Option<u32>,
) -> Option<Rows> {
    let (line, rows) = scope.optional("rows", field)?;
    match rows {
        OneOrList::One(rows) => {
            let rows = rows.count();
            if let Some(seats) = seats.filter(|seats| rows > *seats) {
                let message = format!("cannot be more than the {seats} seats");
                scope.error(line, "rows", message);
                return None;
            }
            Some(Rows::Equal(rows))
        }
        OneOrList::List(list) => {
            let lengths = elements(scope, "rows", line, list, MOST_ROWS as usize)?;
            let lengths: Vec<u32> = lengths.into_iter().map(Whole::count).collect();
            let together: u64 = lengths.iter().copied().map(u64::from).sum();
            if let Some(seats) = seats.filter(|seats| u64::from(*seats) != together) {
                let message = format!("have {together} seats together, but seats is {seats}");
                scope.error(line, "rows", message);
                return None;
            }
            Some(Rows::Lengths(lengths))
        }
    }
}

/// The values of a list that is neither empty nor too long.
fn elements<T>(
    scope: &mut Scope<'_>,
    name: &str,
    line: u64,
    list: Vec<Field<Scalar<T>>>,
    most: usize,
) -> Option<Vec<T>> {
    if list.is_empty() || list.len() > most {
        scope.error(line, name, format!("must have 1 to {most} elements"));
        return None;
    }
    let values = list
        .into_iter()
        .enumerate()
        .map(|(index, element)| scope.value(&format!("{name}[{index}]"), element));
    // Not lazily, so that each wrong element is reported.
    let values: Vec<Option<T>> = values.collect();
    values.into_iter().collect()
}

/// Numbers in ascending order. The list may be absent.
fn ascending<const MIN: i64, const MAX: i64>(
    scope: &mut Scope<'_>,
    name: &str,
    field: Values<Whole<MIN, MAX>>,
    most: usize,
) -> Vec<u32> {
    let Some((line, list)) = scope.optional(name, field) else {
        return Vec::new();
    };
    let values = elements(scope, name, line, list, most).unwrap_or_default();
    let values: Vec<u32> = values.into_iter().map(Whole::count).collect();
    if !values.is_sorted_by(|a, b| a < b) {
        scope.error(line, name, "must be in ascending order");
        return Vec::new();
    }
    values
}

fn numbering(scope: &mut Scope<'_>, raw: RawNumbering) -> Numbering {
    Numbering {
        from: scope.value("from", raw.from).unwrap_or_default(),
        start: scope.count("start", raw.start, 1),
        skip: ascending(scope, "skip", raw.skip, MOST_SKIPPED),
    }
}

fn drawing(scope: &mut Scope<'_>, raw: RawDrawing) -> Drawing {
    Drawing {
        x: scope.value("x", raw.x).map_or(0, Whole::signed),
        y: scope.value("y", raw.y).map_or(0, Whole::signed),
        rotate: scope.value("rotate", raw.rotate).map_or(0, Whole::signed),
        curve: scope.count("curve", raw.curve, 0),
    }
}

fn aisles(
    scope: &mut Scope<'_>,
    field: Values<Whole<1, MAX_SEATS>>,
    longest: Option<u32>,
) -> Vec<u32> {
    let line = field.line();
    let aisles = ascending(scope, "aisles", field, MOST_AISLES);
    if let (Some(last), Some(longest)) = (aisles.last(), longest)
        && *last >= longest
    {
        let message = format!("must be between seats: the longest row has {longest}");
        scope.error(line, "aisles", message);
    }
    aisles
}

fn row_labels(
    scope: &mut Scope<'_>,
    field: Field<OneOrList<RowLabel>>,
    rows: Option<&Rows>,
) -> Vec<String> {
    let has_rows_error = scope.has_error("rows");
    let Some((line, labels)) = scope.optional("rowLabels", field) else {
        return Vec::new();
    };
    let written = match labels {
        OneOrList::One(RowLabel(label)) => Some(vec![label]),
        OneOrList::List(list) => elements(scope, "rowLabels", line, list, MOST_ROWS as usize)
            .map(|labels| labels.into_iter().map(|RowLabel(label)| label).collect()),
    };
    let labels = match (written, rows) {
        (Some(written), Some(rows)) => each_label(&written, rows.count()),
        (Some(_), None) if !has_rows_error => Err("is only for sections with rows".to_owned()),
        _ => return Vec::new(),
    };
    labels.unwrap_or_else(|message| {
        scope.error(line, "rowLabels", message);
        Vec::new()
    })
}

/// The label of each row. `A-H` stands for the labels from A to H, and the last label is counted on for the remaining
/// rows.
fn each_label(written: &[String], rows: u32) -> Result<Vec<String>, String> {
    if rows > MOST_ROWS {
        return Err(format!("are for at most {MOST_ROWS} rows, not {rows}"));
    }
    let rows = rows as usize;
    let mut labels = Vec::new();
    for text in written {
        let range = text
            .split_once('-')
            .and_then(|(from, to)| Some((Counter::read(from)?, Counter::read(to)?)))
            .filter(|(from, to)| from.kind == to.kind);
        match range {
            None => labels.push(text.clone()),
            Some((from, to)) if from.at < to.at => {
                let all = (from.at..=to.at).take(rows + 1);
                labels.extend(all.map(|at| Counter { at, ..from }.label()));
            }
            Some(_) => return Err(format!("must ascend: {text}")),
        }
    }
    let mut last = labels.last().and_then(|last| Counter::read(last));
    while labels.len() < rows {
        let Some(counter) = &mut last else {
            let count = labels.len();
            return Err(format!(
                "name {count} of {rows} rows, and the last label is neither letters nor a number"
            ));
        };
        counter.at += 1;
        labels.push(counter.label());
    }
    if labels.len() > rows {
        return Err(format!("name more rows than the {rows}"));
    }
    let too_long = |label: &&String| label.chars().count() > MAX_ROW_LABEL_LENGTH;
    if let Some(label) = labels.iter().find(too_long) {
        return Err(format!(
            "must have at most {MAX_ROW_LABEL_LENGTH} characters each: {label}"
        ));
    }
    let mut seen = BTreeSet::new();
    match labels.iter().find(|label| !seen.insert(*label)) {
        Some(label) => Err(format!("name two rows {label}")),
        None => Ok(labels),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CounterKind {
    Number,
    Upper,
    Lower,
}

/// A label that can be counted on: 9, 10, 11 … or Y, Z, AA, AB …
#[derive(Clone, Copy)]
struct Counter {
    kind: CounterKind,
    at: u32,
}

impl Counter {
    fn read(text: &str) -> Option<Self> {
        let number = || {
            let at = text.parse::<u32>().ok().filter(|at| *at <= 9_999)?;
            (at.to_string() == text).then_some(at)
        };
        let letters = |first: u8| {
            let is_short = (1..=2).contains(&text.len());
            let is_letter = |byte: u8| (first..first + 26).contains(&byte);
            (is_short && text.bytes().all(is_letter)).then(|| {
                text.bytes()
                    .fold(0, |at, byte| at * 26 + u32::from(byte - first) + 1)
            })
        };
        [
            (CounterKind::Number, number()),
            (CounterKind::Upper, letters(b'A')),
            (CounterKind::Lower, letters(b'a')),
        ]
        .into_iter()
        .find_map(|(kind, at)| Some(Self { kind, at: at? }))
    }

    fn label(self) -> String {
        let first = match self.kind {
            CounterKind::Number => return self.at.to_string(),
            CounterKind::Upper => 'A',
            CounterKind::Lower => 'a',
        };
        let mut letters = Vec::new();
        let mut left = self.at;
        while left > 0 {
            letters.extend((first..).nth(((left - 1) % 26) as usize));
            left = (left - 1) / 26;
        }
        letters.iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(written: &[&str], rows: u32) -> String {
        let written: Vec<String> = written.iter().map(|text| (*text).to_owned()).collect();
        match each_label(&written, rows) {
            Ok(labels) => labels.join(" "),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn a_label_is_counted_on_for_the_remaining_rows() {
        assert_eq!(labels(&["A"], 3), "A B C");
        assert_eq!(labels(&["1"], 3), "1 2 3");
        assert_eq!(labels(&["y"], 4), "y z aa ab");
        assert_eq!(labels(&["AA", "BB", "A"], 4), "AA BB A B");
        assert_eq!(labels(&["가", "나"], 2), "가 나");
    }

    #[test]
    fn a_range_stands_for_its_labels_so_that_labels_can_be_left_out() {
        assert_eq!(labels(&["A-C", "E"], 5), "A B C E F");
        assert_eq!(labels(&["8-10", "12-13"], 5), "8 9 10 12 13");
        // Not a range.
        assert_eq!(labels(&["A-1"], 1), "A-1");
    }

    #[test]
    fn labels_that_do_not_fit_the_rows_are_refused() {
        assert_eq!(labels(&["A-D"], 3), "error: name more rows than the 3");
        assert_eq!(labels(&["B", "A"], 3), "error: name two rows B");
        assert_eq!(labels(&["C-A"], 3), "error: must ascend: C-A");
        assert!(labels(&["Loge"], 2).starts_with("error: name 1 of 2 rows"));
        assert!(labels(&["A"], 201).starts_with("error: are for at most 200 rows"));
        assert!(labels(&["Parterre!"], 1).starts_with("error: must have at most 8"));
    }
}
