//! Finds reservations, and tells the whole story of one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Result, bail};
use domain::clock::{EpochMs, rfc3339};
use domain::event::Programme;
use domain::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use domain::money::Currency;
use domain::reservation::{Reservation, Status};
use serde::Serialize;
use shared::store::{OwnedThing, Store};

use crate::known_event;
use crate::money_view::{ChargeView, EntryView, WithdrawalView};
use crate::order_story::OrderStory;
use crate::order_view::{OrderView, orders_text};
use crate::unknown::Unknown;
use crate::user_records::{self, UserRecords};
use crate::wanted_reservations::Wanted;

/// What is looked for: a user's orders, or an event's.
#[derive(Clone, Debug, Default)]
pub struct OrderQuery {
    pub user: Option<UserId>,
    pub event: Option<EventId>,
    pub date: Option<DateKey>,
    /// Without statuses and a user, who holds or owns it now.
    pub seat: Option<SeatNumber>,
    /// Empty: any.
    pub statuses: Vec<Status>,
    /// At most this many are returned, the newest.
    pub limit: u16,
}

/// Reads a seat's number.
pub fn parse_seat(text: &str) -> Result<SeatNumber, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number
        .map(SeatNumber)
        .ok_or_else(|| "a seat is a whole number from 1".to_owned())
}

/// A status in lower or upper case.
pub fn parse_status(text: &str) -> Result<Status, String> {
    Status::parse(&text.to_ascii_uppercase())
}

/// The longest id that a provider has given so far has 66 characters.
const LONGEST_ID: usize = 200;

/// Any id of a payment, as it is stored.
pub fn parse_payment(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "an id has 1 to {LONGEST_ID} visible ASCII characters"
        ));
    }
    // Ours are stored in lower case.
    Ok(EntryId::parse(text).map_or_else(|_| text.to_owned(), |id| id.to_string()))
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct FoundOrders {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    /// How many there are; more than `orders` if there are more than the limit.
    found: u64,
    orders: Vec<OrderView>,
}

impl FoundOrders {
    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        if self.orders.is_empty() {
            return vec!["no reservation found".to_owned()];
        }
        let mut lines = orders_text(&self.orders);
        let shown = self.orders.len();
        if self.found > shown as u64 {
            lines.push(format!("the newest {shown} of {}: see --limit", self.found));
        }
        lines
    }
}

/// What a payment's id names.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct FoundPayment {
    user_id: UserId,
    charges: Vec<ChargeView>,
    withdrawals: Vec<WithdrawalView>,
    ledger_entries: Vec<EntryView>,
    #[serde(flatten)]
    orders: FoundOrders,
}

/// The newest reservations of those that were found.
struct Newest {
    most: usize,
    found: u64,
    kept: BTreeMap<(EpochMs, String), Reservation>,
}

impl Newest {
    fn of(query: &OrderQuery) -> Self {
        Self {
            most: query.limit.into(),
            found: 0,
            kept: BTreeMap::new(),
        }
    }

    fn add(&mut self, reservation: Reservation) {
        self.found += 1;
        let id = reservation.reservation_id.to_string();
        self.kept.insert((reservation.created_at, id), reservation);
        if self.kept.len() > self.most {
            self.kept.pop_first();
        }
    }
}

/// Searches of one table at one moment.
pub struct OrderSearch {
    store: Store,
    currency: Currency,
    now: EpochMs,
}

impl OrderSearch {
    /// # Errors
    /// If the table has no catalogue yet, or cannot be read.
    pub async fn new(store: Store) -> Result<Self> {
        let Some(settings) = store.settings().await? else {
            bail!("the table has no catalogue yet: see `boxoffice apply`");
        };
        Ok(Self {
            currency: settings.currency,
            now: store.clock().now(),
            store,
        })
    }

    /// The story of a reservation. `user` is its user, if that is known.
    pub async fn story(&self, id: &ReservationId, user: Option<UserId>) -> Result<OrderStory> {
        let what = match user {
            Some(user) => format!("reservation {id} of the user {user}"),
            None => format!("reservation {id}"),
        };
        let thing = OwnedThing::Reservation(id.clone());
        let user = self.owner(thing, user, &what).await?;
        let records = UserRecords::read(&self.store, user).await?;
        let reservation = records.reservation(id).ok_or_else(|| Unknown::new(what))?;
        OrderStory::read(&self.store, &records, reservation, &self.currency, self.now).await
    }

    /// What an id of a payment names. Of the query, the user, the statuses and the limit count.
    pub async fn by_payment(&self, id: &str, query: &OrderQuery) -> Result<FoundPayment> {
        let what = match query.user {
            Some(user) => format!("payment {id} of the user {user}"),
            None => format!("payment {id}"),
        };
        let thing = OwnedThing::Payment(id.to_owned());
        let user_id = self.owner(thing, query.user, &what).await?;
        let records = UserRecords::read(&self.store, user_id).await?;
        let charges: Vec<ChargeView> = records.charges_named(id).map(ChargeView::from).collect();
        let withdrawals = records.withdrawals_named(id);
        let withdrawals: Vec<_> = withdrawals.map(WithdrawalView::from).collect();
        let entries = records.entries_named(id);
        let entries: Vec<EntryView> = entries
            .map(|(seq, entry)| EntryView::of(*seq, entry))
            .collect();
        let paid = records.reservations_paid_by(id);
        // Every withdrawal has an entry.
        if charges.is_empty() && entries.is_empty() && paid.is_empty() {
            return Err(Unknown::new(what).into());
        }
        let wanted = Wanted {
            statuses: query.statuses.clone(),
            ..Wanted::default()
        };
        let mut newest = Newest::of(query);
        for reservation in paid {
            if wanted.includes(reservation, self.now) {
                newest.add(reservation.clone());
            }
        }
        Ok(FoundPayment {
            user_id,
            charges,
            withdrawals,
            ledger_entries: entries,
            orders: self.found(&newest),
        })
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn payment_text(&self, found: &FoundPayment) -> Vec<String> {
        let mut lines = vec![format!("of the user {}:", found.user_id)];
        lines.extend(found.charges.iter().map(ChargeView::to_text));
        lines.extend(found.withdrawals.iter().map(WithdrawalView::to_text));
        let entries = found.ledger_entries.iter();
        lines.extend(entries.map(|entry| entry.to_text(&self.currency)));
        lines.push(String::new());
        lines.extend(found.orders.to_text());
        lines
    }

    /// How many items a search reads, if it has to read the whole table.
    pub async fn items_to_read(&self, query: &OrderQuery) -> Result<Option<u64>> {
        if query.user.is_some() || !self.wanted(query).await?.needs_whole_table() {
            return Ok(None);
        }
        Ok(Some(self.store.item_count().await.unwrap_or(0)))
    }

    /// The orders of the user or the event. `progress` gets the number of items read of the whole table.
    pub async fn find(
        &self,
        query: &OrderQuery,
        mut progress: impl FnMut(u64),
    ) -> Result<FoundOrders> {
        let wanted = self.wanted(query).await?;
        let mut newest = Newest::of(query);
        if let Some(user) = query.user {
            let records = UserRecords::read(&self.store, user).await?;
            for reservation in records.reservations {
                if wanted.includes(&reservation, self.now) {
                    newest.add(reservation);
                }
            }
            return Ok(self.found(&newest));
        }
        wanted
            .read(&self.store, self.now, &mut progress, |reservations| {
                for reservation in reservations {
                    newest.add(reservation);
                }
                Ok(ControlFlow::Continue(()))
            })
            .await?;
        Ok(self.found(&newest))
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
    async fn owner(&self, thing: OwnedThing, user: Option<UserId>, what: &str) -> Result<UserId> {
        if let Some(user) = user {
            return Ok(user);
        }
        let owner = user_records::owner(&self.store, &thing).await?;
        Ok(owner.ok_or_else(|| Unknown::new(what))?)
    }

    async fn wanted(&self, query: &OrderQuery) -> Result<Wanted> {
        let mut statuses = query.statuses.clone();
        if query.user.is_none() && query.seat.is_some() && statuses.is_empty() {
            statuses = vec![Status::Held, Status::Confirmed];
        }
        Ok(Wanted {
            event: self.programme(query).await?,
            date: query.date,
            seat: query.seat,
            statuses,
        })
    }

    /// The event that is given, which must have the date and the seat.
    async fn programme(&self, query: &OrderQuery) -> Result<Option<Programme>> {
        let Some(event) = &query.event else {
            return Ok(None);
        };
        let programme = known_event::programme(&self.store, event).await?;
        if let Some(date) = query.date {
            let on_sale = known_event::date(&programme, date)?;
            if let Some(seat) = query.seat
                && on_sale.section_of(seat).is_none()
            {
                let what = format_args!("seat {seat} on {date} of the event {event}");
                return Err(Unknown::new(what).into());
            }
        }
        Ok(Some(programme))
    }
}
