//! The tree, read field by field.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme, Section, Terms};
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::{Currency, Money};
use domain::queue::{Control, Lanes, Order, QueuePolicy, Reissue, Strategy, TokenEndsOn};
use serde_saphyr::Spanned;
use shared::store::Settings;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::tree::{Node, Value};
use super::{Catalog, Fault};

/// What a wallet holds at most where the catalogue does not say it.
pub const DEFAULT_WALLET_CEILING: Money = Money(10_000_000);

/// A catalogue with more faults than this is told these.
const MOST_FAULTS: usize = 50;
/// Seats of one date: their numbers are stored with five digits, and a reservation is one transaction.
const MOST_SEATS: u32 = 50_000;
/// Tickets of one event.
const MOST_TICKETS: i64 = 10_000_000;
/// Where a date says neither seats nor sections.
const DEFAULT_SEATS: u32 = 50;
/// The section of a date that names none.
const ONLY_SECTION: &str = "A";
/// General-admission stock is kept in so many parts: enough for the sales of one second to miss each other.
const STOCK_SHARDS: u32 = 16;
/// `+Nd`: ten years.
const MOST_DAYS_AHEAD: i64 = 3650;
const LONGEST_NAME: usize = 200;
/// `maxActive` and `batchSize`.
pub(crate) const MOST_ACTIVE: (u32, u32) = (1, 100_000);
const LONGEST_SECTION_NAME: usize = 40;

struct Reader<'a> {
    known: &'a BTreeMap<EventId, EpochMs>,
    now: EpochMs,
    faults: &'a mut Vec<Fault>,
}

/// A map's fields. Each is taken once; what is left over is unknown.
struct Fields<'a> {
    line: u64,
    path: String,
    rest: Vec<&'a (Spanned<String>, Node)>,
}

/// A field that was found, and where.
struct Found<'a> {
    path: String,
    node: &'a Node,
}

impl Found<'_> {
    fn line(&self) -> u64 {
        self.node.referenced.line()
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str) -> Option<Found<'a>> {
        let index = self.rest.iter().position(|(key, _)| key.value == name)?;
        let (_, node) = self.rest.remove(index);
        Some(Found {
            path: self.path(name),
            node,
        })
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

pub(super) fn catalog(
    tree: &Node,
    known: &BTreeMap<EventId, EpochMs>,
    now: EpochMs,
    faults: &mut Vec<Fault>,
) -> Option<Catalog> {
    Reader { known, now, faults }.catalog(tree)
}

impl Reader<'_> {
    fn fault(&mut self, line: u64, field: impl Into<String>, message: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault {
                line: line.max(1),
                field: field.into(),
                message: message.into(),
            });
        }
    }

    fn wrong(&mut self, found: &Found<'_>, message: impl Into<String>) {
        self.fault(found.line(), found.path.clone(), message);
    }

    fn missing(&mut self, fields: &Fields<'_>, name: &str) {
        self.fault(fields.line, fields.path(name), "is required");
    }

    fn fields<'n>(&mut self, node: &'n Node, path: String) -> Option<Fields<'n>> {
        let line = node.referenced.line();
        let Value::Map(map) = &node.value else {
            let message = format!("must be a map, not {}", node.value.kind());
            self.fault(line, path, message);
            return None;
        };
        let mut fields = Fields {
            line,
            path,
            rest: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for entry in map {
            let (key, _) = entry;
            if seen.insert(&key.value) {
                fields.rest.push(entry);
            } else {
                let path = fields.path(&key.value);
                self.fault(key.referenced.line(), path, "stands twice");
            }
        }
        Some(fields)
    }

    /// What was not taken is unknown.
    fn finish(&mut self, fields: &Fields<'_>) {
        for (key, _) in &fields.rest {
            self.fault(
                key.referenced.line(),
                fields.path(&key.value),
                "is not a field of a catalogue",
            );
        }
    }

    fn text(&mut self, found: &Found<'_>) -> Option<String> {
        if let Value::Text(text) = &found.node.value {
            return Some(text.clone());
        }
        let message = format!("must be a text, not {}", found.node.value.kind());
        self.wrong(found, message);
        None
    }

    fn parsed<T>(
        &mut self,
        found: &Found<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(found)?;
        match parse(&text) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.wrong(found, message);
                None
            }
        }
    }

    fn required<'n>(&mut self, fields: &mut Fields<'n>, name: &str) -> Option<Found<'n>> {
        let found = fields.take(name);
        if found.is_none() {
            self.missing(fields, name);
        }
        found
    }

    fn number(&mut self, found: &Found<'_>, least: i64, most: i64) -> Option<i64> {
        match found.node.value {
            Value::Integer(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("must be a whole number from {least} to {most}");
                self.wrong(found, message);
                None
            }
        }
    }

    /// An optional number; the default also where it is wrong, which has been noted.
    fn number_or(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
        default: u32,
        range: (u32, u32),
    ) -> u32 {
        fields
            .take(name)
            .and_then(|found| self.number(&found, i64::from(range.0), i64::from(range.1)))
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(default)
    }

    fn catalog(mut self, tree: &Node) -> Option<Catalog> {
        let mut fields = self.fields(tree, String::new())?;
        let mut currencies = Vec::new();
        if let Some(found) = fields.take("currency") {
            let currency = self.parsed(&found, |text| Currency::try_from(text.to_owned()));
            currencies.extend(currency.map(|currency| (found.line(), found.path, currency)));
        }
        let wallet_ceiling = fields
            .take("walletCeiling")
            .and_then(|found| self.number(&found, 1, Money::MAX.0))
            .map_or(DEFAULT_WALLET_CEILING, Money);
        let events = self.required(&mut fields, "events");
        self.finish(&fields);
        let mut drafts = Vec::new();
        if let Some(found) = events {
            if let Value::List(list) = &found.node.value {
                for (index, node) in list.iter().enumerate() {
                    let path = format!("events[{index}]");
                    drafts.extend(self.event(node, path, &mut currencies));
                }
                if list.is_empty() {
                    self.wrong(&found, "must have at least one event");
                }
            } else {
                self.wrong(&found, "must be a list of events");
            }
        }
        let Some((_, _, currency)) = currencies.first().cloned() else {
            // Where one was wrong, that has been said.
            if !self
                .faults
                .iter()
                .any(|fault| fault.field.ends_with("currency"))
            {
                self.fault(tree.referenced.line(), "currency", "is required");
            }
            return None;
        };
        for (line, path, other) in currencies {
            if other != currency {
                let message =
                    format!("must be {currency} like the others: a table has one currency");
                self.fault(line, path, message);
            }
        }
        let mut seen = BTreeSet::new();
        for draft in &drafts {
            if !seen.insert(draft.event_id.clone()) {
                let message = format!("another event is called {} too", draft.event_id);
                self.fault(draft.line, format!("{}.eventId", draft.path), message);
            }
        }
        Some(Catalog {
            settings: Settings {
                currency: currency.clone(),
                wallet_ceiling,
            },
            programmes: drafts
                .into_iter()
                .map(|draft| draft.programme(&currency))
                .collect(),
        })
    }

    fn event(
        &mut self,
        node: &Node,
        path: String,
        currencies: &mut Vec<(u64, String, Currency)>,
    ) -> Option<Draft> {
        let mut fields = self.fields(node, path.clone())?;
        let event_id = self
            .required(&mut fields, "eventId")
            .and_then(|found| Some((found.line(), self.parsed(&found, EventId::parse)?)));
        let name = self.name(&mut fields, "name");
        let venue = self.name(&mut fields, "venue");
        if let Some(found) = fields.take("currency") {
            let currency = self.parsed(&found, |text| Currency::try_from(text.to_owned()));
            currencies.extend(currency.map(|currency| (found.line(), found.path, currency)));
        }
        let max_seats_per_user = self.number_or(&mut fields, "maxSeatsPerUser", 1, (1, 20));
        let hold_seconds = self.seconds(&mut fields, "holdSeconds", 300);
        let cancel_until_hours = self.number_or(&mut fields, "cancelUntilHours", 24, (0, 8760));
        let first_applied_at = event_id
            .as_ref()
            .and_then(|(_, id)| self.known.get(id).copied())
            .unwrap_or(self.now);
        let opens_at = fields
            .take("opensAt")
            .and_then(|found| self.parsed(&found, |text| moment_after(first_applied_at, text)));
        let closes_found = fields.take("closesAt");
        let closes_at = closes_found
            .as_ref()
            .and_then(|found| self.parsed(found, EpochMs::parse));
        if let (Some(opens), Some(closes), Some(found)) = (opens_at, closes_at, &closes_found)
            && closes <= opens
        {
            self.wrong(found, "must be later than opensAt");
        }
        let queue_found = fields.take("queue");
        let queue_line = queue_found.as_ref().map_or(0, Found::line);
        let queue = match queue_found {
            Some(found) => self.queue(found.node, found.path),
            None => (QueuePolicy::default(), None),
        };
        if queue.0.order == Order::Draw && opens_at.is_none() {
            self.fault(
                queue_line,
                format!("{path}.queue.order"),
                "a draw needs opensAt: it is held among those who joined before".to_owned(),
            );
        }
        let (queue, beacon) = queue;
        let sale = self.sale(&mut fields, first_applied_at);
        self.finish(&fields);
        let (line, event_id) = event_id?;
        let (admission, dates, last_start) = sale?;
        Some(Draft {
            line,
            path,
            event_id,
            name: name?,
            venue: venue?,
            admission,
            dates,
            max_seats_per_user,
            hold_seconds,
            cancel_until_hours,
            opens_at,
            closes_at,
            last_start,
            queue,
            beacon,
            first_applied_at,
        })
    }

    fn name(&mut self, fields: &mut Fields<'_>, name: &str) -> Option<String> {
        let found = self.required(fields, name)?;
        self.parsed(&found, |text| {
            let text = text.trim();
            if (1..=LONGEST_NAME).contains(&text.chars().count()) {
                Ok(text.to_owned())
            } else {
                Err(format!("must have 1 to {LONGEST_NAME} characters"))
            }
        })
    }

    fn seconds(&mut self, fields: &mut Fields<'_>, name: &str, default: u32) -> u32 {
        self.number_or(fields, name, default, (1, 86_400))
    }

    fn moment(&mut self, fields: &mut Fields<'_>, name: &str) -> Option<EpochMs> {
        let found = fields.take(name)?;
        self.parsed(&found, EpochMs::parse)
    }

    fn queue(&mut self, node: &Node, path: String) -> (QueuePolicy, Option<String>) {
        let default = QueuePolicy::default();
        let Some(mut fields) = self.fields(node, path) else {
            return (default, None);
        };
        let max_active = self.number_or(&mut fields, "maxActive", default.max_active, MOST_ACTIVE);
        let lanes = self.lanes(&mut fields, max_active);
        let order = self.word(
            &mut fields,
            "order",
            &[("arrival", Order::Arrival), ("draw", Order::Draw)],
        );
        let policy = QueuePolicy {
            strategy: self.strategy(&mut fields, lanes),
            max_active,
            session_seconds: self.seconds(&mut fields, "sessionSeconds", default.session_seconds),
            grace_seconds: self.seconds(&mut fields, "graceSeconds", default.grace_seconds),
            reissue: self.word(
                &mut fields,
                "reissue",
                &[("keep", Reissue::Keep), ("requeue", Reissue::Requeue)],
            ),
            token_ends_on: self.word(
                &mut fields,
                "tokenEndsOn",
                &[
                    ("payment", TokenEndsOn::Payment),
                    ("hold", TokenEndsOn::Hold),
                ],
            ),
            order,
            lanes,
            overbook_percent: self.number_or(&mut fields, "overbookPercent", 0, (0, 100)),
        };
        let beacon = self.beacon(&mut fields, order);
        self.finish(&fields);
        (policy, beacon)
    }

    fn lanes(&mut self, fields: &mut Fields<'_>, max_active: u32) -> Lanes {
        let Some(found) = fields.take("lanes") else {
            return Lanes::ONE;
        };
        let count = self.number(&found, 1, Lanes::MOST.into());
        let lanes = count
            .and_then(|count| u8::try_from(count).ok())
            .and_then(Lanes::new)
            .unwrap_or(Lanes::ONE);
        if u32::from(lanes.count()) > max_active {
            self.wrong(
                &found,
                "cannot be more than maxActive: each lane needs a place",
            );
        }
        lanes
    }

    fn strategy(&mut self, fields: &mut Fields<'_>, lanes: Lanes) -> Strategy {
        let is_batch = self.word(fields, "strategy", &[("slots", false), ("batch", true)]);
        if !is_batch {
            for name in ["batchSize", "batchSeconds"] {
                if let Some(found) = fields.take(name) {
                    self.wrong(&found, "is only for the strategy batch");
                }
            }
            return Strategy::Slots;
        }
        let size = self.required(fields, "batchSize");
        let seconds = self.required(fields, "batchSeconds");
        let mut number = |found: Option<Found<'_>>, (least, most): (i64, i64)| {
            found
                .and_then(|found| self.number(&found, least, most))
                .and_then(|number| u32::try_from(number).ok())
        };
        // Each lane needs one of each batch.
        let batch_size = number(size, (lanes.count().into(), MOST_ACTIVE.1.into()));
        let batch_seconds = number(seconds, (1, 86_400));
        Strategy::Batch {
            batch_size: batch_size.unwrap_or(1),
            batch_seconds: batch_seconds.unwrap_or(1),
        }
    }

    fn beacon(&mut self, fields: &mut Fields<'_>, order: Order) -> Option<String> {
        let found = fields.take("beacon")?;
        if order != Order::Draw {
            self.wrong(&found, "is only for the order draw");
            return None;
        }
        self.parsed(&found, |text| {
            let text = text.trim();
            if (1..=LONGEST_NAME).contains(&text.chars().count()) {
                Ok(text.to_owned())
            } else {
                Err(format!("must have 1 to {LONGEST_NAME} characters"))
            }
        })
    }

    /// One of some words; the first where nothing is said.
    fn word<T: Copy>(&mut self, fields: &mut Fields<'_>, name: &str, words: &[(&str, T)]) -> T {
        let said = fields.take(name).and_then(|found| {
            self.parsed(&found, |text| {
                words
                    .iter()
                    .find(|(word, _)| *word == text)
                    .map(|(_, meaning)| *meaning)
                    .ok_or_else(|| {
                        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                        format!("must be {}", words.join(" or "))
                    })
            })
        });
        said.unwrap_or(words[0].1)
    }

    fn sale(
        &mut self,
        fields: &mut Fields<'_>,
        first_applied_at: EpochMs,
    ) -> Option<(Admission, Vec<EventDate>, Option<EpochMs>)> {
        let found = self.required(fields, "admission");
        let admission = found.and_then(|found| {
            self.parsed(&found, |word| match word {
                "seated" => Ok(true),
                "general" => Ok(false),
                _ => Err("must be seated or general".to_owned()),
            })
        });
        match admission {
            Some(true) => {
                self.only_where(fields, &["totalTickets", "price", "startsAt"], "general");
                let dates = self.dates(fields, first_applied_at)?;
                let last_start = dates.iter().map(|date| date.starts_at).max();
                Some((Admission::Seated, dates, last_start))
            }
            Some(false) => {
                self.only_where(fields, &["dates"], "seated");
                self.general(fields)
            }
            None => {
                // Whatever it is, these are known fields.
                for name in ["dates", "totalTickets", "price", "startsAt"] {
                    fields.take(name);
                }
                None
            }
        }
    }

    fn only_where(&mut self, fields: &mut Fields<'_>, names: &[&str], admission: &str) {
        for name in names {
            if let Some(found) = fields.take(name) {
                self.wrong(
                    &found,
                    format!("is only for events of admission {admission}"),
                );
            }
        }
    }

    fn general(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Option<(Admission, Vec<EventDate>, Option<EpochMs>)> {
        let total = self
            .required(fields, "totalTickets")
            .and_then(|found| self.number(&found, 1, MOST_TICKETS))
            .and_then(|number| u32::try_from(number).ok());
        let price = fields
            .take("price")
            .map(|found| self.number(&found, 0, Money::MAX.0).map(Money));
        let starts_at = self.moment(fields, "startsAt");
        let total_tickets = total?;
        let admission = Admission::General {
            total_tickets,
            price: price.unwrap_or(Some(Money::ZERO))?,
            stock_shards: STOCK_SHARDS.min(total_tickets),
        };
        Some((admission, Vec::new(), starts_at))
    }

    fn dates(
        &mut self,
        fields: &mut Fields<'_>,
        first_applied_at: EpochMs,
    ) -> Option<Vec<EventDate>> {
        let found = self.required(fields, "dates")?;
        let Value::List(list) = &found.node.value else {
            self.wrong(&found, "must be a list of dates");
            return None;
        };
        if list.is_empty() {
            self.wrong(&found, "must have at least one date");
            return None;
        }
        let mut dates: Vec<EventDate> = Vec::new();
        let mut is_whole = true;
        for (index, node) in list.iter().enumerate() {
            let path = format!("{}[{index}]", found.path);
            match self.date(node, path.clone(), first_applied_at) {
                Some(date) if dates.iter().any(|other| other.date == date.date) => {
                    let message = format!("{} stands twice", date.date);
                    self.fault(node.referenced.line(), format!("{path}.date"), message);
                }
                Some(date) => dates.push(date),
                None => is_whole = false,
            }
        }
        is_whole.then_some(dates)
    }

    fn date(&mut self, node: &Node, path: String, first_applied_at: EpochMs) -> Option<EventDate> {
        let mut fields = self.fields(node, path)?;
        let day = self
            .required(&mut fields, "date")
            .and_then(|found| self.parsed(&found, Day::parse));
        let starts = self.required(&mut fields, "startsAt");
        let when = match (day, starts) {
            (Some(Day::On(date)), Some(found)) => self
                .parsed(&found, EpochMs::parse)
                .map(|starts_at| (date, starts_at)),
            (Some(Day::After(days)), Some(found)) => {
                self.parsed(&found, |time| days_after(first_applied_at, days, time))
            }
            (None, _) | (_, None) => None,
        };
        let sections = self.sections(&mut fields);
        self.finish(&fields);
        let (date, starts_at) = when?;
        Some(EventDate {
            date,
            starts_at,
            sections: sections?,
        })
    }

    fn sections(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Section>> {
        let Some(found) = fields.take("sections") else {
            let seats = match fields.take("seats") {
                Some(found) => self.seats(&found),
                None => Some(DEFAULT_SEATS),
            };
            let price = self.price(fields);
            return Some(vec![Section {
                name: ONLY_SECTION.to_owned(),
                price: price?,
                first_seat: SeatNumber(1),
                seats: seats?,
                rows: None,
            }]);
        };
        for name in ["seats", "price"] {
            if let Some(beside) = fields.take(name) {
                self.wrong(
                    &beside,
                    "cannot stand beside sections, which have their own",
                );
            }
        }
        let Value::List(list) = &found.node.value else {
            self.wrong(&found, "must be a list of sections");
            return None;
        };
        let mut sections: Vec<Section> = Vec::new();
        let mut next_seat = 1;
        let mut is_whole = !list.is_empty();
        if list.is_empty() {
            self.wrong(&found, "must have at least one section");
        }
        for (index, node) in list.iter().enumerate() {
            let path = format!("{}[{index}]", found.path);
            let Some(section) = self.section(node, path.clone(), next_seat) else {
                is_whole = false;
                continue;
            };
            if sections.iter().any(|other| other.name == section.name) {
                let message = format!("another section is called {} too", section.name);
                self.fault(node.referenced.line(), format!("{path}.name"), message);
            }
            next_seat += section.seats;
            if next_seat - 1 > MOST_SEATS {
                let message = format!("a date has at most {MOST_SEATS} seats");
                self.fault(node.referenced.line(), format!("{path}.seats"), message);
                return None;
            }
            sections.push(section);
        }
        is_whole.then_some(sections)
    }

    fn section(&mut self, node: &Node, path: String, first_seat: u32) -> Option<Section> {
        let mut fields = self.fields(node, path)?;
        let name = self.required(&mut fields, "name").and_then(|found| {
            self.parsed(&found, |text| {
                let fits = (1..=LONGEST_SECTION_NAME).contains(&text.chars().count())
                    && text.trim() == text
                    && text
                        .chars()
                        .all(|c| c.is_alphanumeric() || c == ' ' || c == '-');
                if fits {
                    Ok(text.to_owned())
                } else {
                    Err(format!(
                        "must be 1 to {LONGEST_SECTION_NAME} letters, digits, spaces and -"
                    ))
                }
            })
        });
        let seats = self
            .required(&mut fields, "seats")
            .and_then(|found| self.seats(&found));
        let price = self.price(&mut fields);
        let rows = fields.take("rows").map(|found| {
            let most = i64::from(seats.unwrap_or(MOST_SEATS));
            self.number(&found, 1, most)
                .and_then(|rows| u32::try_from(rows).ok())
        });
        self.finish(&fields);
        Some(Section {
            name: name?,
            price: price?,
            first_seat: SeatNumber(first_seat),
            seats: seats?,
            rows: match rows {
                Some(rows) => Some(rows?),
                None => None,
            },
        })
    }

    fn seats(&mut self, found: &Found<'_>) -> Option<u32> {
        self.number(found, 1, i64::from(MOST_SEATS))
            .and_then(|seats| u32::try_from(seats).ok())
    }

    fn price(&mut self, fields: &mut Fields<'_>) -> Option<Money> {
        let found = self.required(fields, "price")?;
        self.number(&found, 0, Money::MAX.0).map(Money)
    }
}

/// When a date is.
enum Day {
    On(DateKey),
    /// So many days after the event was first applied.
    After(i64),
}

impl Day {
    fn parse(text: &str) -> Result<Self, String> {
        let relative = text
            .strip_prefix('+')
            .and_then(|rest| rest.strip_suffix('d'));
        let Some(days) = relative else {
            return DateKey::parse(text)
                .map(Self::On)
                .map_err(|message| format!("{message}; or +30d: so many days from now"));
        };
        days.parse()
            .ok()
            .filter(|days| (0..=MOST_DAYS_AHEAD).contains(days))
            .map(Self::After)
            .ok_or_else(|| format!("must be +0d to +{MOST_DAYS_AHEAD}d"))
    }
}

/// A moment; or `+10m`: so long after the event was first applied.
fn moment_after(first_applied_at: EpochMs, text: &str) -> Result<EpochMs, String> {
    let Some(relative) = text.strip_prefix('+') else {
        return EpochMs::parse(text);
    };
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    units
        .into_iter()
        .find_map(|(unit, seconds)| Some((relative.strip_suffix(unit)?, seconds)))
        .and_then(|(count, seconds)| count.parse::<u32>().ok()?.checked_mul(seconds))
        .filter(|seconds| i64::from(*seconds) <= MOST_DAYS_AHEAD * 86_400)
        .map(|seconds| first_applied_at.plus_seconds(seconds))
        .ok_or_else(|| {
            "must be a time, or +10m: so many seconds (s), minutes (m), hours (h) or days (d) after the event was first applied".to_owned()
        })
}

/// A day counted in the offset of the start's time: `+1d` at `19:00:00+09:00` is tomorrow evening in Seoul.
fn days_after(
    first_applied_at: EpochMs,
    days: i64,
    time: &str,
) -> Result<(DateKey, EpochMs), String> {
    // Any day will do: only its time and offset are read.
    let clock = OffsetDateTime::parse(&format!("2000-01-01T{time}"), &Rfc3339).map_err(|_| {
        "must be a time with an offset, such as 19:00:00+09:00, where the date is relative"
            .to_owned()
    })?;
    let day = first_applied_at
        .to_utc()
        .to_offset(clock.offset())
        .date()
        .checked_add(Duration::days(days))
        .ok_or_else(|| "is too far away".to_owned())?;
    let starts_at = clock.replace_date(day);
    let starts_at = i64::try_from(starts_at.unix_timestamp_nanos() / 1_000_000)
        .map_err(|_| "is too far away".to_owned())?;
    Ok((DateKey::on_day(day), EpochMs(starts_at)))
}

/// An event but for the currency, which is known only at the end of the file.
struct Draft {
    line: u64,
    path: String,
    event_id: EventId,
    name: String,
    venue: String,
    admission: Admission,
    dates: Vec<EventDate>,
    max_seats_per_user: u32,
    hold_seconds: u32,
    cancel_until_hours: u32,
    opens_at: Option<EpochMs>,
    closes_at: Option<EpochMs>,
    last_start: Option<EpochMs>,
    queue: QueuePolicy,
    beacon: Option<String>,
    first_applied_at: EpochMs,
}

impl Draft {
    fn programme(self, currency: &Currency) -> Programme {
        Programme {
            event: Event {
                event_id: self.event_id,
                terms: Terms {
                    name: self.name,
                    venue: self.venue,
                    admission: self.admission,
                    currency: currency.clone(),
                    max_seats_per_user: self.max_seats_per_user,
                    hold_seconds: self.hold_seconds,
                    cancel_until_hours: self.cancel_until_hours,
                    opens_at: self.opens_at,
                    closes_at: self.closes_at,
                    last_start: self.last_start,
                    queue: self.queue,
                    beacon: self.beacon,
                },
                control: Control::default(),
                first_applied_at: self.first_applied_at,
            },
            dates: self
                .dates
                .into_iter()
                .map(|date| (date.date, date))
                .collect(),
        }
    }
}
