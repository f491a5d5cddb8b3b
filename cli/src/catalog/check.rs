//! From the catalogue as it is written to events: defaults, relative times, and rules that concern several fields.

use std::collections::{BTreeMap, BTreeSet};

use domain::clock::EpochMs;
use domain::event::{
    Admission, DEFAULT_PAYMENT_SECONDS, Event, EventDate, Programme, RefundTo, Section, Terms,
};
use domain::fees::Fees;
use domain::ids::{DateKey, EventId, SeatNumber};
use domain::money::{Currency, Money};
use domain::presale::Presale;
use domain::profile::Overview;
use domain::queue::{Control, Lanes, Order, QueuePolicy, Strategy};
use shared::store::Described;

use super::Known;
use super::error::CatalogError;
use super::fees::{self, Organizer, Percent};
use super::presales::presales;
use super::profile::{self, WantedPicture};
use super::raw::{
    AdmissionWord, Amount, Day, List, MAX_SEATS, MAX_TICKETS, Opening, RawCatalog, RawDate,
    RawEvent, RawFees, RawPresale, RawQueue, RawSection, StrategyWord, Value, Whole,
};
use super::section::section;
use super::times::{DayOfTime, ResolvedTime, WrittenTime, Zone};
use super::yaml::{Field, Map, Scalar};

/// A catalogue without errors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalog {
    pub currency: Currency,
    /// `None`: the table keeps its own, or the default if it is new.
    pub wallet_ceiling: Option<Money>,
    pub events: Vec<Described>,
    /// Loaded by what applies the catalogue.
    pub pictures: Vec<WantedPicture>,
    pub doubts: Vec<Doubt>,
}

/// A time that cannot be meant, or is odd, depending on whether the table has the event or the date already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubt {
    pub event: EventId,
    /// `None`: it concerns the event as a whole.
    pub date: Option<DateKey>,
    pub reason: DoubtReason,
    pub message: CatalogError,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DoubtReason {
    /// The start is not on the day that names the date. A new date is refused. A date that is on sale may have been
    /// postponed: then it is odd.
    OtherDay,
    /// The time has passed. That is odd for a new event or date, and usual for one that was on sale.
    Past,
}

/// The most that a wallet of a new table holds if the catalogue does not say.
pub const DEFAULT_WALLET_CEILING: Money = Money(10_000_000);

/// The seats of a date that names neither seats nor sections.
const DEFAULT_SEATS: u32 = 50;
/// The section of a date that names none.
const DEFAULT_SECTION: &str = "A";
/// Parts of a general-admission event's stock: enough that the sales of one second rarely meet in one part.
const STOCK_SHARDS: u32 = 16;
/// Doors open at most a day before the start.
const MAX_DOORS_MS: i64 = 86_400_000;
/// Further errors of a catalogue are not reported.
const MAX_ERRORS: usize = 50;

/// Reads the fields of one map, and collects their errors.
pub(super) struct Scope<'a> {
    errors: &'a mut Vec<CatalogError>,
    /// Where the map begins.
    line: u64,
    /// `events[0].queue`; empty for the whole file.
    path: String,
}

impl Scope<'_> {
    pub(super) fn error(&mut self, line: u64, name: &str, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            let error = CatalogError {
                line,
                field: self.path_of(name),
                message: message.into(),
            };
            self.errors.push(error);
        }
    }

    /// Whether this field of the map has an error.
    pub(super) fn has_error(&self, name: &str) -> bool {
        let path = self.path_of(name);
        self.errors
            .iter()
            .any(|error| error.field.starts_with(&path))
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        let dot = if self.path.is_empty() { "" } else { "." };
        format!("{}{dot}{name}", self.path)
    }

    /// A field's line and value, if it is there and can be read.
    pub(super) fn optional<T>(&mut self, name: &str, field: Field<T>) -> Option<(u64, T)> {
        let Field::Present { line, value } = field else {
            return None;
        };
        self.accept((line, name), value).map(|value| (line, value))
    }

    /// The value of a field. If it cannot be used, its message is an error of the field.
    pub(super) fn accept<T>(
        &mut self,
        (line, name): (u64, &str),
        value: Result<T, String>,
    ) -> Option<T> {
        value
            .map_err(|message| self.error(line, name, message))
            .ok()
    }

    pub(super) fn required<T>(&mut self, name: &str, field: Field<T>) -> Option<(u64, T)> {
        if !field.is_present() {
            self.error(self.line, name, "is required");
        }
        self.optional(name, field)
    }

    pub(super) fn value<T>(&mut self, name: &str, field: Value<T>) -> Option<T> {
        self.optional(name, field).map(|(_, Scalar(value))| value)
    }

    pub(super) fn required_value<T>(&mut self, name: &str, field: Value<T>) -> Option<T> {
        self.required(name, field).map(|(_, Scalar(value))| value)
    }

    pub(super) fn count<const MIN: i64, const MAX: i64>(
        &mut self,
        name: &str,
        field: Value<Whole<MIN, MAX>>,
        default: u32,
    ) -> u32 {
        self.value(name, field).map_or(default, Whole::count)
    }

    /// Reads each map of a required list, which must not be empty.
    pub(super) fn each<T>(
        &mut self,
        name: &str,
        field: List<T>,
        mut read: impl FnMut(&mut Scope<'_>, T),
    ) {
        let Some((line, list)) = self.required(name, field) else {
            return;
        };
        if list.is_empty() {
            self.error(line, name, "must not be empty");
        }
        for (index, element) in list.into_iter().enumerate() {
            if let Some((mut scope, raw)) = self.enter(&format!("{name}[{index}]"), element) {
                read(&mut scope, raw);
            }
        }
    }

    /// Enters a map. Unknown and repeated keys are errors.
    pub(super) fn enter<T>(&mut self, name: &str, field: Field<Map<T>>) -> Option<(Scope<'_>, T)> {
        let (line, map) = self.optional(name, field)?;
        let mut scope = Scope {
            line,
            path: self.path_of(name),
            errors: self.errors,
        };
        for error in map.errors {
            scope.error(error.line, &error.field, error.message);
        }
        Some((scope, map.fields))
    }

    pub(super) fn refuse<T>(&mut self, name: &str, field: &Field<T>, message: &str) {
        if field.is_present() {
            self.error(field.line(), name, message);
        }
    }
}

/// What the events of a catalogue have in common.
pub(super) struct Context<'a> {
    currency: Option<Currency>,
    known: &'a Known,
    /// Of events that name none.
    organizer: Organizer,
    /// The highest price that a wallet can pay.
    wallet_ceiling: Money,
    now: EpochMs,
}

impl Context<'_> {
    fn first_applied_at(&self, event: Option<&EventId>) -> EpochMs {
        let known = event.and_then(|event| self.known.first_applied.get(event));
        known.copied().unwrap_or(self.now)
    }
}

/// A doubt about an event or date whose key may not be known yet.
struct RawDoubt {
    date: Option<DateKey>,
    reason: DoubtReason,
    message: CatalogError,
}

fn doubt(
    scope: &Scope<'_>,
    (line, name): (u64, &str),
    date: Option<DateKey>,
    reason: DoubtReason,
    message: &str,
) -> RawDoubt {
    RawDoubt {
        date,
        reason,
        message: CatalogError {
            line,
            field: scope.path_of(name),
            message: message.to_owned(),
        },
    }
}

/// Every error is added to `errors`. The catalogue is only good if there is none.
pub(super) fn catalog(
    root: Field<Map<RawCatalog>>,
    known: &Known,
    now: EpochMs,
    errors: &mut Vec<CatalogError>,
) -> Option<Catalog> {
    let mut file = Scope {
        errors,
        line: 1,
        path: String::new(),
    };
    let (mut scope, raw) = file.enter("", root)?;
    let wallet_ceiling = scope
        .value("walletCeiling", raw.wallet_ceiling)
        .map(Whole::money);
    let organizer = fees::organizer(
        &mut scope,
        raw.organizer,
        raw.organizer_tax_number,
        raw.organizer_address,
    );
    let known_ceiling = known.settings.as_ref().map(|known| known.wallet_ceiling);
    let context = Context {
        currency: table_currency(&raw.currency, &raw.events).cloned(),
        known,
        organizer,
        wallet_ceiling: wallet_ceiling
            .or(known_ceiling)
            .unwrap_or(DEFAULT_WALLET_CEILING),
        now,
    };
    scope.value("currency", raw.currency);
    let mut doubts = Vec::new();
    let mut ids = BTreeSet::new();
    let mut events = Vec::new();
    let mut pictures = Vec::new();
    scope.each("events", raw.events, |scope, raw| {
        let id_line = raw.event_id.line();
        let mut of_event = Vec::new();
        if let Some((described, picture)) = event(scope, raw, &context, &mut of_event) {
            pictures.extend(picture);
            let id = &described.programme.event.event_id;
            doubts.extend(of_event.into_iter().map(|doubt| Doubt {
                event: id.clone(),
                date: doubt.date,
                reason: doubt.reason,
                message: doubt.message,
            }));
            if !ids.insert(id.clone()) {
                scope.error(id_line, "eventId", format!("is already used: {id}"));
            }
            events.push(described);
        }
    });
    let has_currency_error = |error: &CatalogError| error.field.ends_with("currency");
    if context.currency.is_none() && !scope.errors.iter().any(has_currency_error) {
        scope.error(scope.line, "currency", "is required");
    }
    Some(Catalog {
        currency: context.currency?,
        wallet_ceiling,
        events,
        pictures,
        doubts,
    })
}

/// The first that the catalogue names, for the whole file or for an event.
fn table_currency<'a>(
    of_file: &'a Value<Currency>,
    events: &'a List<RawEvent>,
) -> Option<&'a Currency> {
    let events = events.value().into_iter().flatten();
    let of_events = events.filter_map(|event| Some(&event.value()?.fields.currency));
    std::iter::once(of_file)
        .chain(of_events)
        .find_map(|field| field.value())
        .map(|Scalar(currency)| currency)
}

fn event(
    scope: &mut Scope<'_>,
    mut raw: RawEvent,
    context: &Context<'_>,
    doubts: &mut Vec<RawDoubt>,
) -> Option<(Described, Option<WantedPicture>)> {
    refuse_general_fields(scope, &raw);
    let zone = time_zone(scope, std::mem::take(&mut raw.time_zone));
    let zone = zone.as_ref();
    let profile = profile::profile(scope, &mut raw, zone, &context.organizer);
    let texts = profile::texts(scope, &mut raw);
    let event_id = scope.required_value("eventId", std::mem::take(&mut raw.event_id));
    let returns = returns(scope, &mut raw);
    let picture = profile::picture(scope, &mut raw, event_id.as_ref());
    let name = scope.required_value("name", raw.name);
    let venue = scope.required_value("venue", raw.venue);
    check_currency(scope, raw.currency, context);
    let tax_rate = scope.value("taxRatePercent", std::mem::take(&mut raw.tax_rate_percent));
    let max_seats_per_user = scope.count("maxSeatsPerUser", raw.max_seats_per_user, 1);
    let hold_seconds = scope.count("holdSeconds", raw.hold_seconds, 300);
    let payment_seconds = payment_seconds(scope, raw.payment_seconds);
    let first_applied_at = context.first_applied_at(event_id.as_ref());
    let has_opening = raw.opens_at.is_present();
    let opening_line = raw.opens_at.line();
    let (opens_at, presales) = openings(scope, raw.opens_at, raw.presales, first_applied_at, zone);
    let closing_line = raw.closes_at.line();
    let closes_at = scope
        .value("closesAt", raw.closes_at)
        .and_then(|time| moment(scope, (closing_line, "closesAt"), time, zone));
    let (queue, beacon) = match scope.enter("queue", raw.queue) {
        Some((mut scope, raw)) => queue(&mut scope, raw, has_opening),
        None => (QueuePolicy::default(), None),
    };
    let calendar = Calendar {
        now: context.now,
        first_applied_at,
        zone,
    };
    let mut dates = BTreeMap::new();
    let mut last_start = None;
    let mut doors_open_at = None;
    let admission = match scope.required_value("admission", raw.admission)? {
        AdmissionWord::Seated => {
            dates = self::dates(scope, raw.dates, context, &calendar, doubts);
            last_start = dates.values().map(|date| date.starts_at).max();
            Admission::Seated
        }
        AdmissionWord::General => {
            let message = "is only for events of admission seated";
            scope.refuse("dates", &raw.dates, message);
            let times = RawTimes {
                date: raw.date,
                starts_at: raw.starts_at,
                doors_open_at: raw.doors_open_at,
            };
            let admission = general_admission(scope, raw.total_tickets, raw.price, context);
            if times.is_present() {
                let times = times.read(scope, &calendar, doubts)?;
                last_start = Some(times.starts_at);
                doors_open_at = times.doors_open_at;
            }
            admission?
        }
    };
    let times = SaleTimes {
        opens_at,
        closes_at,
        last_start,
    };
    let lines = (opening_line, closing_line);
    check_times(scope, &times, lines, context.now, doubts);
    let event = Event {
        event_id: event_id?,
        terms: Terms {
            name: name?.0,
            venue: venue?.0,
            admission,
            currency: context.currency.clone()?,
            // The prices decide what they may be.
            fees: Fees::default(),
            tax_rate: tax_rate.map(|Percent(rate)| rate),
            max_seats_per_user,
            hold_seconds,
            payment_seconds,
            cancel_until_hours: returns.until_hours,
            refund_to: returns.refund_to,
            partial_returns: returns.partial,
            opens_at,
            presales,
            closes_at,
            last_start,
            doors_open_at,
            hidden: scope.value("hidden", raw.hidden).unwrap_or_default(),
            profile,
            overview: Overview::default(),
            queue,
            beacon,
        },
        control: Control::default(),
        first_applied_at,
        revision: 0,
    };
    let programme = priced(scope, Programme { event, dates }, raw.fees, context);
    Some((Described { programme, texts }, picture))
}

/// The programme with its fees, which its prices limit, and its overview.
fn priced(
    scope: &mut Scope<'_>,
    mut programme: Programme,
    fees: Field<Map<RawFees>>,
    context: &Context<'_>,
) -> Programme {
    let overview = programme.overview();
    let dearest = overview.highest_price;
    programme.event.terms.fees = fees::fees(scope, fees, dearest, context.wallet_ceiling);
    programme.event.terms.overview = overview;
    programme
}

/// How buyers give tickets back.
struct Returns {
    until_hours: u32,
    refund_to: RefundTo,
    partial: bool,
}

fn returns(scope: &mut Scope<'_>, raw: &mut RawEvent) -> Returns {
    let hours = std::mem::take(&mut raw.cancel_until_hours);
    let refund_to = scope.value("refundTo", std::mem::take(&mut raw.refund_to));
    let partial = scope.value("partialReturns", std::mem::take(&mut raw.partial_returns));
    Returns {
        until_hours: scope.count("cancelUntilHours", hours, 24),
        refund_to: refund_to.unwrap_or_default(),
        partial: partial.unwrap_or_default(),
    }
}

fn payment_seconds(scope: &mut Scope<'_>, field: Value<Whole<60, 3600>>) -> u32 {
    scope.count("paymentSeconds", field, DEFAULT_PAYMENT_SECONDS)
}

/// A seated event has prices and starts in its dates.
fn refuse_general_fields(scope: &mut Scope<'_>, raw: &RawEvent) {
    let Some(Scalar(AdmissionWord::Seated)) = raw.admission.value() else {
        return;
    };
    let message = "is only for events of admission general";
    scope.refuse("totalTickets", &raw.total_tickets, message);
    scope.refuse("price", &raw.price, message);
    scope.refuse("date", &raw.date, message);
    scope.refuse("startsAt", &raw.starts_at, message);
    scope.refuse("doorsOpenAt", &raw.doors_open_at, message);
}

fn check_currency(scope: &mut Scope<'_>, field: Value<Currency>, context: &Context<'_>) {
    if let Some((line, Scalar(own))) = scope.optional("currency", field)
        && let Some(currency) = &context.currency
        && own != *currency
    {
        let message = format!("must be {currency} like the others: a table has one currency");
        scope.error(line, "currency", message);
    }
}

fn general_admission(
    scope: &mut Scope<'_>,
    total_tickets: Value<Whole<1, MAX_TICKETS>>,
    price: Value<Amount<0>>,
    context: &Context<'_>,
) -> Option<Admission> {
    let total_tickets = scope.required_value("totalTickets", total_tickets);
    let price = self::price(scope, price, context);
    let total_tickets = total_tickets?.count();
    Some(Admission::General {
        total_tickets,
        price: price.unwrap_or(Money::ZERO),
        stock_shards: STOCK_SHARDS.min(total_tickets),
    })
}

fn time_zone(scope: &mut Scope<'_>, field: Value<String>) -> Option<Zone> {
    let line = field.line();
    let name = scope.value("timeZone", field)?;
    scope.accept((line, "timeZone"), Zone::named(&name))
}

/// The general opening, and the presales before it.
fn openings(
    scope: &mut Scope<'_>,
    opens_at: Value<Opening>,
    before: List<RawPresale>,
    first_applied_at: EpochMs,
    zone: Option<&Zone>,
) -> (Option<EpochMs>, Vec<Presale>) {
    let has_opening = opens_at.is_present();
    let opens_at = opening(scope, "opensAt", opens_at, first_applied_at, zone);
    let context = (first_applied_at, zone);
    let presales = presales(scope, before, opens_at, has_opening, context);
    (opens_at, presales)
}

pub(super) fn opening(
    scope: &mut Scope<'_>,
    name: &str,
    field: Value<Opening>,
    first_applied_at: EpochMs,
    zone: Option<&Zone>,
) -> Option<EpochMs> {
    let line = field.line();
    match scope.value(name, field)? {
        Opening::After(seconds) => Some(first_applied_at.plus_ms(seconds * 1000)),
        Opening::At(time) => moment(scope, (line, name), time, zone),
    }
}

/// A time with its own day.
fn moment(
    scope: &mut Scope<'_>,
    field: (u64, &str),
    time: WrittenTime,
    zone: Option<&Zone>,
) -> Option<EpochMs> {
    let time = scope.accept(field, time.resolve(DayOfTime::Own, zone))?;
    Some(time.at)
}

/// The times of an event's sale.
struct SaleTimes {
    opens_at: Option<EpochMs>,
    closes_at: Option<EpochMs>,
    last_start: Option<EpochMs>,
}

fn check_times(
    scope: &mut Scope<'_>,
    times: &SaleTimes,
    (opening_line, closing_line): (u64, u64),
    now: EpochMs,
    doubts: &mut Vec<RawDoubt>,
) {
    let SaleTimes {
        opens_at,
        closes_at,
        last_start,
    } = *times;
    if let (Some(opens_at), Some(start)) = (opens_at, last_start)
        && opens_at >= start
    {
        let message = format!("must be earlier than the last start, {start}");
        scope.error(opening_line, "opensAt", message);
    }
    let Some(closes_at) = closes_at else {
        return;
    };
    if opens_at.is_some_and(|opens_at| closes_at <= opens_at) {
        scope.error(closing_line, "closesAt", "must be later than opensAt");
    }
    if let Some(start) = last_start
        && closes_at > start
    {
        let message =
            format!("must not be later than the last start, {start}: nothing is sold after it");
        scope.error(closing_line, "closesAt", message);
    }
    if closes_at <= now {
        let message = "has passed: nothing is on sale";
        let at = (closing_line, "closesAt");
        doubts.push(doubt(scope, at, None, DoubtReason::Past, message));
    }
}

/// A price that a wallet can pay.
fn price(scope: &mut Scope<'_>, field: Value<Amount<0>>, context: &Context<'_>) -> Option<Money> {
    let line = field.line();
    let price = scope.value("price", field)?.money();
    let ceiling = context.wallet_ceiling;
    if price > ceiling {
        let message = format!("is more than a wallet can hold: walletCeiling is {ceiling}");
        scope.error(line, "price", message);
    }
    Some(price)
}

/// The policy, and the source of the random value for a draw.
fn queue(scope: &mut Scope<'_>, raw: RawQueue, has_opening: bool) -> (QueuePolicy, Option<String>) {
    let default = QueuePolicy::default();
    let max_active = scope.count("maxActive", raw.max_active, default.max_active);
    let lanes_line = raw.lanes.line();
    let lanes = scope.count("lanes", raw.lanes, 1);
    if lanes > max_active {
        let message = "cannot be more than maxActive: each lane needs a slot";
        scope.error(lanes_line, "lanes", message);
    }
    let order_line = raw.order.line();
    let order = scope.value("order", raw.order).unwrap_or(default.order);
    if order == Order::Draw && !has_opening {
        let message = "a draw needs opensAt: it is held among those who joined before";
        scope.error(order_line, "order", message);
    }
    if order != Order::Draw {
        scope.refuse("beacon", &raw.beacon, "is only for the order draw");
    }
    let strategy = match scope.value("strategy", raw.strategy) {
        None | Some(StrategyWord::Slots) => {
            let message = "is only for the strategy batch";
            scope.refuse("batchSize", &raw.batch_size, message);
            scope.refuse("batchSeconds", &raw.batch_seconds, message);
            Strategy::Slots
        }
        Some(StrategyWord::Batch) => {
            let size = scope.required("batchSize", raw.batch_size);
            let seconds = scope.required_value("batchSeconds", raw.batch_seconds);
            if let Some((line, Scalar(size))) = size
                && size.count() < lanes
            {
                let message = format!("must be at least {lanes}: one for each lane");
                scope.error(line, "batchSize", message);
            }
            Strategy::Batch {
                batch_size: size.map_or(1, |(_, Scalar(size))| size.count()),
                batch_seconds: seconds.map_or(1, Whole::count),
            }
        }
    };
    let session_seconds = default.session_seconds;
    let grace_seconds = default.grace_seconds;
    let policy = QueuePolicy {
        strategy,
        max_active,
        session_seconds: scope.count("sessionSeconds", raw.session_seconds, session_seconds),
        grace_seconds: scope.count("graceSeconds", raw.grace_seconds, grace_seconds),
        reissue: scope
            .value("reissue", raw.reissue)
            .unwrap_or(default.reissue),
        token_ends_on: scope
            .value("tokenEndsOn", raw.token_ends_on)
            .unwrap_or(default.token_ends_on),
        order,
        lanes: u8::try_from(lanes)
            .ok()
            .and_then(Lanes::new)
            .unwrap_or(default.lanes),
        overbook_percent: scope.count("overbookPercent", raw.overbook_percent, 0),
    };
    let beacon = scope.value("beacon", raw.beacon).map(|source| source.0);
    (policy, beacon)
}

/// What turns the times of an event's dates into moments.
struct Calendar<'a> {
    now: EpochMs,
    first_applied_at: EpochMs,
    zone: Option<&'a Zone>,
}

fn dates(
    scope: &mut Scope<'_>,
    field: List<RawDate>,
    context: &Context<'_>,
    calendar: &Calendar<'_>,
    doubts: &mut Vec<RawDoubt>,
) -> BTreeMap<DateKey, EventDate> {
    let mut dates = BTreeMap::new();
    scope.each("dates", field, |scope, raw| {
        let line = raw.date.line();
        if let Some(date) = date(scope, raw, context, calendar, doubts) {
            let key = date.date;
            if dates.insert(key, date).is_some() {
                scope.error(line, "date", format!("appears more than once: {key}"));
            }
        }
    });
    dates
}

fn date(
    scope: &mut Scope<'_>,
    raw: RawDate,
    context: &Context<'_>,
    calendar: &Calendar<'_>,
    doubts: &mut Vec<RawDoubt>,
) -> Option<EventDate> {
    if !raw.date.is_present() {
        scope.error(scope.line, "date", "is required");
    }
    let times = RawTimes {
        date: raw.date,
        starts_at: raw.starts_at,
        doors_open_at: raw.doors_open_at,
    };
    let times = times.read(scope, calendar, doubts);
    let sections = if raw.sections.is_present() {
        let message = "is not allowed beside sections, which have their own";
        scope.refuse("seats", &raw.seats, message);
        scope.refuse("price", &raw.price, message);
        sections(scope, raw.sections, context)
    } else {
        let seats = scope.count("seats", raw.seats, DEFAULT_SEATS);
        let only = required_price(scope, raw.price, context)
            .map(|price| Section::new(DEFAULT_SECTION, price, SeatNumber(1), seats));
        only.into_iter().collect()
    };
    let times = times?;
    Some(EventDate {
        date: times.date?,
        starts_at: times.starts_at,
        doors_open_at: times.doors_open_at,
        sections,
    })
}

/// The times of a date, or of a general-admission event, as they are written.
struct RawTimes {
    date: Value<Day>,
    starts_at: Value<WrittenTime>,
    doors_open_at: Value<WrittenTime>,
}

struct Times {
    /// `None` for general admission without a date.
    date: Option<DateKey>,
    starts_at: EpochMs,
    doors_open_at: Option<EpochMs>,
}

impl RawTimes {
    fn is_present(&self) -> bool {
        self.date.is_present() || self.starts_at.is_present() || self.doors_open_at.is_present()
    }

    fn read(
        self,
        scope: &mut Scope<'_>,
        calendar: &Calendar<'_>,
        doubts: &mut Vec<RawDoubt>,
    ) -> Option<Times> {
        let has_date = self.date.is_present();
        let date_line = self.date.line();
        let date = scope.value("date", self.date);
        let start = scope.required("startsAt", self.starts_at);
        let doors = scope.optional("doorsOpenAt", self.doors_open_at);
        let day = match date {
            None if has_date => return None,
            None => DayOfTime::Own,
            Some(Day::On(date)) => DayOfTime::On(date.day()),
            Some(Day::After(days)) => DayOfTime::After {
                days,
                first_applied_at: calendar.first_applied_at,
            },
        };
        let (line, Scalar(start)) = start?;
        let start = scope.accept((line, "startsAt"), start.resolve(day, calendar.zone))?;
        let key = match date {
            None => None,
            Some(Day::On(date)) => {
                if !start.is_on(date) {
                    let message = match calendar.zone {
                        None => "is not the day and time of startsAt, in the offset of startsAt",
                        Some(_) => "is not the day and time of startsAt at the venue",
                    };
                    let at = (date_line, "date");
                    doubts.push(doubt(scope, at, Some(date), DoubtReason::OtherDay, message));
                }
                Some(date)
            }
            Some(Day::After(_)) => Some(DateKey::on_day(start.local.date())),
        };
        if start.at <= calendar.now {
            let message = "has passed: nothing can be sold for this start";
            let at = (line, "startsAt");
            doubts.push(doubt(scope, at, key, DoubtReason::Past, message));
        }
        Some(Times {
            date: key,
            starts_at: start.at,
            doors_open_at: doors
                .and_then(|(line, Scalar(time))| doors_open_at(scope, line, time, start, calendar)),
        })
    }
}

/// A time of day is on the day of the start.
fn doors_open_at(
    scope: &mut Scope<'_>,
    line: u64,
    time: WrittenTime,
    start: ResolvedTime,
    calendar: &Calendar<'_>,
) -> Option<EpochMs> {
    let opening = time
        .resolve(DayOfTime::On(start.local.date()), calendar.zone)
        .and_then(|opening| {
            let before = start.at.ms_since(opening.at);
            (0..=MAX_DOORS_MS)
                .contains(&before)
                .then_some(opening.at)
                .ok_or_else(|| "must be at most a day before startsAt, and not after it".to_owned())
        });
    scope.accept((line, "doorsOpenAt"), opening)
}

pub(super) fn required_price(
    scope: &mut Scope<'_>,
    field: Value<Amount<0>>,
    context: &Context<'_>,
) -> Option<Money> {
    if !field.is_present() {
        scope.error(scope.line, "price", "is required");
    }
    price(scope, field, context)
}

fn sections(scope: &mut Scope<'_>, field: List<RawSection>, context: &Context<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut first_seat = 1;
    scope.each("sections", field, |scope, raw| {
        let (name_line, seats_line) = (raw.name.line(), raw.seats.line());
        let Some(section) = section(scope, raw, context, first_seat) else {
            return;
        };
        if sections.iter().any(|other| other.name == section.name) {
            let message = format!("is already used: {}", section.name);
            scope.error(name_line, "name", message);
        }
        // Not past the limit, so that each section that exceeds it is reported.
        let next_seat = first_seat + section.seats;
        if i64::from(next_seat) - 1 > MAX_SEATS {
            let message = format!("a date has at most {MAX_SEATS} seats");
            scope.error(seats_line, "seats", message);
        } else {
            first_seat = next_seat;
        }
        sections.push(section);
    });
    sections
}
