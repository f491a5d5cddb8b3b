//! `boxoffice orders`: finds reservations, and tells the whole story of one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Result, bail};
use clap::Args;
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use domain::money::Currency;
use domain::reservation::{Reservation, Status};
use serde::Serialize;
use shared::store::{OwnedThing, Store};

use crate::known_event;
use crate::money_view::{ChargeView, EntryView, WithdrawalView};
use crate::order_story::OrderStory;
use crate::order_view::{OrderView, orders_text};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::progress::Progress;
use crate::table_options::TableOptions;
use crate::unknown::Unknown;
use crate::user_records::{self, UserRecords};
use crate::wanted_reservations::Wanted;

const READS: &str = "The whole table is read for a payment without --user, for an event except for --status held,confirmed of one \
    with seats, and for a reservation without --user whose seats are free again. A bar shows how far it is.";

#[derive(Args, Clone, Debug)]
#[command(
    after_help = READS,
    group = clap::ArgGroup::new("what")
        .required(true)
        .multiple(true)
        .args(["reservation", "user", "event", "payment"]),
)]
pub struct OrdersArgs {
    /// Tell the whole story of this reservation
    #[arg(value_parser = ReservationId::parse, conflicts_with_all = ["event", "date", "seat", "payment", "status", "limit"])]
    reservation: Option<ReservationId>,
    /// Find the reservations of this user
    #[arg(long, value_name = "USER", value_parser = UserId::parse)]
    user: Option<UserId>,
    /// Find the reservations of this event
    #[arg(long, value_name = "EVENT", value_parser = EventId::parse)]
    event: Option<EventId>,
    /// Only of this date of the event
    #[arg(long, value_name = "DATE", requires = "event", value_parser = DateKey::parse)]
    date: Option<DateKey>,
    /// Only of this seat of the date; without --status, who holds or owns it now
    #[arg(long, value_name = "SEAT", requires = "date", value_parser = parse_seat)]
    seat: Option<SeatNumber>,
    /// Find what a payment is for: the id of a ledger entry, a charge or a withdrawal, or the provider's id of the
    /// payment, the refund or the checkout
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "date", "seat"], value_parser = parse_payment)]
    payment: Option<String>,
    /// Only reservations in these states: held, confirmed, cancelled, expired
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = parse_status)]
    status: Vec<Status>,
    /// Show at most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn parse_seat(text: &str) -> Result<SeatNumber, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number
        .map(SeatNumber)
        .ok_or_else(|| "a seat is a whole number from 1".to_owned())
}

/// A status in lower or upper case.
pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    Status::parse(&text.to_ascii_uppercase())
}

/// The longest id that a provider has given so far has 66 characters.
const LONGEST_ID: usize = 200;

fn parse_payment(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "an id has 1 to {LONGEST_ID} visible ASCII characters"
        ));
    }
    // Ours are stored in lower case.
    Ok(EntryId::parse(text).map_or_else(|_| text.to_owned(), |id| id.to_string()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FoundOrders {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    /// How many there are; more than `orders` if there are more than `--limit`.
    found: u64,
    orders: Vec<OrderView>,
}

/// What a payment's id names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FoundPayment {
    user_id: UserId,
    charges: Vec<ChargeView>,
    withdrawals: Vec<WithdrawalView>,
    ledger_entries: Vec<EntryView>,
    #[serde(flatten)]
    orders: FoundOrders,
}

pub async fn run(args: &OrdersArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let store = tables.store().await?;
    let Some(settings) = store.settings().await? else {
        bail!("the table has no catalogue yet: see `boxoffice apply`");
    };
    let search = Search {
        args,
        currency: settings.currency,
        now: store.clock().now(),
        store,
    };
    match (&args.reservation, &args.payment, args.user) {
        (Some(id), ..) => search.story(id, out).await?,
        (None, Some(id), _) => search.by_payment(id, out).await?,
        (None, None, Some(user)) => search.by_user(user, out).await?,
        (None, None, None) => search.by_event(out).await?,
    }
    Ok(Outcome::Done)
}

struct Search<'a> {
    args: &'a OrdersArgs,
    currency: Currency,
    now: EpochMs,
    store: Store,
}

/// The newest reservations of those that were found.
struct Newest {
    most: usize,
    found: u64,
    kept: BTreeMap<(EpochMs, String), Reservation>,
}

impl Newest {
    fn add(&mut self, reservation: Reservation) {
        self.found += 1;
        let id = reservation.reservation_id.to_string();
        self.kept.insert((reservation.created_at, id), reservation);
        if self.kept.len() > self.most {
            self.kept.pop_first();
        }
    }
}

impl Search<'_> {
    fn newest(&self) -> Newest {
        Newest {
            most: self.args.limit.into(),
            found: 0,
            kept: BTreeMap::new(),
        }
    }

    fn found(&self, newest: &Newest) -> FoundOrders {
        let orders = newest.kept.values().rev();
        FoundOrders {
            at: self.now,
            found: newest.found,
            orders: orders
                .map(|reservation| OrderView::of(reservation, &self.currency, self.now))
                .collect(),
        }
    }

    /// The user of a thing: the one who is given, or the one whose it is.
    async fn owner(&self, thing: OwnedThing, what: &str) -> Result<UserId> {
        if let Some(user) = self.args.user {
            return Ok(user);
        }
        let owner = user_records::owner(&self.store, &thing).await?;
        Ok(owner.ok_or_else(|| Unknown::new(what))?)
    }

    async fn story(&self, id: &ReservationId, out: &mut Output) -> Result<()> {
        let what = match self.args.user {
            Some(user) => format!("reservation {id} of the user {user}"),
            None => format!("reservation {id}"),
        };
        let thing = OwnedThing::Reservation(id.clone());
        let user = self.owner(thing, &what).await?;
        let records = UserRecords::read(&self.store, user).await?;
        let reservation = records.reservation(id).ok_or_else(|| Unknown::new(what))?;
        let story =
            OrderStory::read(&self.store, &records, reservation, &self.currency, self.now).await?;
        if self.args.json {
            return out.json(&story);
        }
        for line in story.to_text() {
            out.line(line);
        }
        Ok(())
    }

    async fn by_payment(&self, id: &str, out: &mut Output) -> Result<()> {
        let what = match self.args.user {
            Some(user) => format!("payment {id} of the user {user}"),
            None => format!("payment {id}"),
        };
        let thing = OwnedThing::Payment(id.to_owned());
        let user_id = self.owner(thing, &what).await?;
        let records = UserRecords::read(&self.store, user_id).await?;
        let charges: Vec<ChargeView> = records.charges_named(id).map(ChargeView::from).collect();
        let withdrawals = records.withdrawals_named(id);
        let withdrawals: Vec<_> = withdrawals.map(WithdrawalView::from).collect();
        let entries = records.entries_named(id);
        let entries: Vec<EntryView> = entries
            .map(|(seq, entry)| EntryView::of(*seq, entry))
            .collect();
        let wanted = self.wanted_statuses();
        let paid = records.reservations_paid_by(id);
        // Every withdrawal has an entry.
        if charges.is_empty() && entries.is_empty() && paid.is_empty() {
            return Err(Unknown::new(what).into());
        }
        let mut newest = self.newest();
        for reservation in paid {
            if wanted.includes(reservation, self.now) {
                newest.add(reservation.clone());
            }
        }
        let found = FoundPayment {
            user_id,
            charges,
            withdrawals,
            ledger_entries: entries,
            orders: self.found(&newest),
        };
        if self.args.json {
            return out.json(&found);
        }
        out.line(format_args!("of the user {user_id}:"));
        for charge in &found.charges {
            out.line(charge.to_text());
        }
        for withdrawal in &found.withdrawals {
            out.line(withdrawal.to_text());
        }
        for entry in &found.ledger_entries {
            out.line(entry.to_text(&self.currency));
        }
        out.line("");
        self.show(&found.orders, out)
    }

    async fn by_user(&self, user: UserId, out: &mut Output) -> Result<()> {
        let wanted = Wanted {
            event: self.programme().await?,
            date: self.args.date,
            seat: self.args.seat,
            ..self.wanted_statuses()
        };
        let records = UserRecords::read(&self.store, user).await?;
        let mut newest = self.newest();
        for reservation in records.reservations {
            if wanted.includes(&reservation, self.now) {
                newest.add(reservation);
            }
        }
        self.show(&self.found(&newest), out)
    }

    async fn by_event(&self, out: &mut Output) -> Result<()> {
        let mut wanted = Wanted {
            event: self.programme().await?,
            date: self.args.date,
            seat: self.args.seat,
            ..self.wanted_statuses()
        };
        if wanted.seat.is_some() && wanted.statuses.is_empty() {
            wanted.statuses = vec![Status::Held, Status::Confirmed];
        }
        let mut progress = if wanted.needs_whole_table() {
            Progress::of_items(self.store.item_count().await.unwrap_or(0))
        } else {
            Progress::hidden()
        };
        let mut newest = self.newest();
        let read = wanted
            .read(
                &self.store,
                self.now,
                |items| progress.set(items),
                |reservations| {
                    for reservation in reservations {
                        newest.add(reservation);
                    }
                    Ok(ControlFlow::Continue(()))
                },
            )
            .await;
        progress.finish();
        read?;
        self.show(&self.found(&newest), out)
    }

    /// The event that is given, which must have the date and the seat.
    async fn programme(&self) -> Result<Option<domain::event::Programme>> {
        let Some(event) = &self.args.event else {
            return Ok(None);
        };
        let programme = known_event::programme(&self.store, event).await?;
        if let Some(date) = self.args.date {
            let on_sale = known_event::date(&programme, date)?;
            if let Some(seat) = self.args.seat
                && on_sale.section_of(seat).is_none()
            {
                let what = format_args!("seat {seat} on {date} of the event {event}");
                return Err(Unknown::new(what).into());
            }
        }
        Ok(Some(programme))
    }

    fn wanted_statuses(&self) -> Wanted {
        Wanted {
            statuses: self.args.status.clone(),
            ..Wanted::default()
        }
    }

    fn show(&self, found: &FoundOrders, out: &mut Output) -> Result<()> {
        if self.args.json {
            return out.json(found);
        }
        if found.orders.is_empty() {
            out.line("no reservation found");
            return Ok(());
        }
        for line in orders_text(&found.orders) {
            out.line(line);
        }
        let shown = found.orders.len();
        if found.found > shown as u64 {
            out.line(format_args!(
                "the newest {shown} of {}: see --limit",
                found.found
            ));
        }
        Ok(())
    }
}
