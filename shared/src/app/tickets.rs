//! Reserving general-admission tickets.

use std::sync::Arc;

use super::App;
use super::booking::Outcome;
use super::queue::session_key;
use crate::store::{Consistency, StoreError, TicketConflict, TicketRequest, back_off};
use crate::token::Token;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, Programme};
use domain::ids::EventId;
use domain::money::Money;
use domain::refusal::{Limit, Refusal};
use domain::reservation::Reservation;
use domain::stock::{Allocation, allocate};

/// The maximum age of stock counts, both for display and for choosing a shard.
const STOCK_MS: i64 = 1_000;
/// If items have changed since they were read, the reservation is tried again, at most this many
/// times. Many buyers compete for the last tickets.
const ATTEMPTS: u32 = 12;

/// The price and the number of shards of an event's stock.
#[derive(Clone, Copy)]
struct Stock {
    price: Money,
    shards: u32,
}

impl Stock {
    fn of(event: &Event) -> Result<Self, Refusal> {
        match event.terms.admission {
            Admission::General {
                price,
                stock_shards,
                ..
            } => Ok(Self {
                price,
                shards: stock_shards,
            }),
            Admission::Seated => Err(Refusal::WrongAdmission),
        }
    }
}

impl App {
    /// Reserves tickets for an admitted user and pays for them. A user has one reservation per
    /// event. Repeating the request returns the same reservation.
    pub async fn reserve(
        &self,
        programme: &Programme,
        token: &Token,
        quantity: u32,
        now: EpochMs,
    ) -> Result<(Outcome, Reservation), Refusal> {
        match self.try_to_reserve(programme, token, quantity, now).await {
            Ok(reservation) => Ok((Outcome::Done, reservation)),
            // The first request ended the session, and the sale may have closed since.
            Err(refusal @ (Refusal::TurnOver | Refusal::NotOpen(_) | Refusal::EventCancelled)) => {
                self.former_purchase(programme, token, quantity, now)
                    .await?
                    .map(|former| (Outcome::AlreadyDone, former))
                    .ok_or(refusal)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// The reservation that an earlier identical request of the same session made.
    async fn former_purchase(
        &self,
        programme: &Programme,
        token: &Token,
        quantity: u32,
        now: EpochMs,
    ) -> Result<Option<Reservation>, Refusal> {
        let Some(rank) = self.rank(programme, token, now).await? else {
            return Ok(None);
        };
        let former = self
            .store
            .reservation_for(token.user_id, &programme.event.event_id, None)
            .await?;
        Ok(former.filter(|former| former.is_same_purchase(token.lane, rank, quantity)))
    }

    async fn try_to_reserve(
        &self,
        programme: &Programme,
        token: &Token,
        quantity: u32,
        now: EpochMs,
    ) -> Result<Reservation, Refusal> {
        let event = &programme.event;
        let stock = Stock::of(event)?;
        super::check_not_closed(event, now)?;
        let Some(rank) = self.rank(programme, token, now).await? else {
            // Nobody is admitted before the draw.
            self.admit(programme, token, now).await?;
            return Err(StoreError::Conflict.into());
        };
        let most = event.terms.max_seats_per_user;
        if quantity > most {
            self.admit(programme, token, now).await?;
            return Err(Refusal::LimitExceeded(Limit::Seats { most }));
        }
        let prices = std::iter::repeat_n(stock.price, quantity as usize);
        let fees = event.terms.fees.of_order(prices);
        let mut request = TicketRequest {
            user_id: token.user_id,
            event,
            performance: programme.performance(None),
            quantity,
            fees,
            total_price: stock.price.times(quantity) + fees.total(),
            session: session_key(token, rank),
            wallet: None,
            replaced: None,
            allocations: self.guess_allocations(&event.event_id, stock.shards, quantity, now),
        };
        self.read_wallet(programme, token, &mut request, stock, now)
            .await?;
        let mut failure = StoreError::Conflict;
        for attempt in 1..=ATTEMPTS {
            let conflict = match self.store.reserve_tickets(&request).await? {
                Ok(reservation) => {
                    self.count_sale(quantity as usize, reservation.total_price);
                    return Ok(reservation);
                }
                Err(conflict) => conflict,
            };
            failure = if conflict.out_of_stock {
                StoreError::Conflict
            } else {
                StoreError::OwnConflict
            };
            let now = self.clock().now();
            self.resolve(programme, token, &mut request, stock, conflict, now)
                .await?;
            back_off(attempt).await;
        }
        Err(failure.into())
    }

    /// Adapts the request to a conflict, or refuses it, in order of precedence.
    async fn resolve(
        &self,
        programme: &Programme,
        token: &Token,
        request: &mut TicketRequest<'_>,
        stock: Stock,
        conflict: TicketConflict,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        if conflict.session.is_some() {
            // The user has not arrived, has not been called, or the turn is over. Admission decides
            // which.
            self.admit(programme, token, now).await?;
        }
        match conflict.reservation {
            Some(former) if former.is_live(now) => {
                return Err(Refusal::AlreadyReserved(former.reservation_id));
            }
            Some(ended) => request.replaced = Some(ended),
            None => {}
        }
        if conflict.out_of_stock {
            request.allocations = self
                .allocate_from_stock(
                    &programme.event.event_id,
                    stock.shards,
                    request.quantity,
                    now,
                )
                .await?;
        }
        if conflict.wallet_changed {
            self.read_wallet(programme, token, request, stock, now)
                .await?;
        }
        Ok(())
    }

    /// A shard that had enough tickets according to the cached counts.
    fn guess_allocations(
        &self,
        event: &EventId,
        shards: u32,
        quantity: u32,
        now: EpochMs,
    ) -> Vec<Allocation> {
        let random = fastrand::usize(..);
        self.stocks
            .fresh(event, now, STOCK_MS)
            .and_then(|left| allocate(&left, quantity, random))
            .unwrap_or_else(|| {
                let shard = u32::try_from(random % shards.max(1) as usize).unwrap_or(0);
                vec![Allocation { shard, quantity }]
            })
    }

    /// Allocates from the current counts. Only a strongly consistent read of all shards can show
    /// that the event is sold out.
    async fn allocate_from_stock(
        &self,
        event: &EventId,
        shards: u32,
        quantity: u32,
        now: EpochMs,
    ) -> Result<Vec<Allocation>, Refusal> {
        let left = self.store.stock(event, shards, Consistency::Strong).await?;
        let left = self.stocks.put(event.clone(), left, now);
        allocate(&left, quantity, fastrand::usize(..)).ok_or_else(|| Refusal::SoldOut {
            left: left.iter().sum(),
        })
    }

    /// Reads the wallet and computes it after the payment. Insufficient balance is reported only if
    /// no other refusal applies.
    async fn read_wallet(
        &self,
        programme: &Programme,
        token: &Token,
        request: &mut TicketRequest<'_>,
        stock: Stock,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        if request.total_price == Money::ZERO {
            return Ok(());
        }
        let wallet = self
            .store
            .wallet(request.user_id, Consistency::Strong)
            .await?;
        match wallet.paid(request.total_price) {
            Ok(after) => {
                request.wallet = Some((wallet, after));
                Ok(())
            }
            Err(refusal) => {
                self.refuse_before_money(programme, token, request, stock, now)
                    .await?;
                Err(super::booking::insufficient(refusal))
            }
        }
    }

    async fn refuse_before_money(
        &self,
        programme: &Programme,
        token: &Token,
        request: &TicketRequest<'_>,
        stock: Stock,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let event = &programme.event.event_id;
        self.admit(programme, token, now).await?;
        let former = self
            .store
            .reservation_for(request.user_id, event, None)
            .await?
            .filter(|former| former.is_live(now));
        if let Some(former) = former {
            return Err(Refusal::AlreadyReserved(former.reservation_id));
        }
        self.allocate_from_stock(event, stock.shards, request.quantity, now)
            .await?;
        Ok(())
    }

    /// The total of remaining tickets, at most a second old.
    pub(super) async fn stock_left(
        &self,
        event: &EventId,
        shards: u32,
        now: EpochMs,
    ) -> Result<u32, Refusal> {
        let left = if let Some(left) = self.stocks.fresh_or_claim(event, now, STOCK_MS) {
            left
        } else {
            let left = self
                .store
                .stock(event, shards, Consistency::Eventual)
                .await?;
            self.stocks.put(event.clone(), left, now)
        };
        Ok(Arc::unwrap_or_clone(left).into_iter().sum())
    }
}
