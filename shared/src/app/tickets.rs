//! Reserving tickets of general admission.

use std::sync::Arc;

use super::App;
use super::line::session_key;
use crate::store::{Consistency, StoreError, TicketConflict, TicketRequest};
use crate::token::Token;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, Programme};
use domain::ids::{EventId, ReservationId};
use domain::money::Money;
use domain::refusal::{Limit, Refusal};
use domain::reservation::Reservation;
use domain::stock::{Take, plan};

/// What is left is at most so old where it is shown, or where it decides from which shard to take.
const STOCK_MS: i64 = 1_000;
/// A reservation that found something changed since it was read is tried again, so many times at most. The last tickets are
/// taken from under each other's hands.
const ATTEMPTS: usize = 12;

/// An event's stock, as its terms have it.
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
    /// Reserves tickets for a user who is inside, and pays for them. One reservation for a user and event.
    pub async fn reserve(
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
            // Before the draw nobody is inside.
            self.admit(programme, token, now).await?;
            return Err(StoreError::Conflict.into());
        };
        let most = event.terms.max_seats_per_user;
        if quantity > most {
            self.admit(programme, token, now).await?;
            return Err(Refusal::LimitExceeded(Limit::Seats { most }));
        }
        let mut request = TicketRequest {
            reservation_id: ReservationId::new(event.event_id.clone(), None, now),
            user_id: token.user_id,
            event,
            quantity,
            total_price: stock.price.times(quantity),
            session: session_key(token, rank),
            wallet: None,
            replaced: None,
            takes: self.first_takes(&event.event_id, stock.shards, quantity, now),
        };
        self.read_wallet(programme, token, &mut request, stock, now)
            .await?;
        for _ in 0..ATTEMPTS {
            let conflict = match self.store.reserve_tickets(&request).await? {
                Ok(reservation) => {
                    self.count_sale(quantity as usize, reservation.total_price);
                    return Ok(reservation);
                }
                Err(conflict) => conflict,
            };
            let now = self.clock().now();
            if let Some(mine) = &conflict.reservation
                && mine.reservation_id == request.reservation_id
            {
                // It was made; only its answer was lost.
                return Ok(mine.clone());
            }
            self.resolve(programme, token, &mut request, stock, conflict, now)
                .await?;
        }
        Err(StoreError::Conflict.into())
    }

    /// Mends what stood in the way, or says no: in the order in which refusals answer.
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
            // Not seen yet, or not called yet, or over: arriving tells.
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
            request.takes = self
                .takes_for_sure(
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

    /// Any shard will do that seemed to have enough a moment ago.
    fn first_takes(&self, event: &EventId, shards: u32, quantity: u32, now: EpochMs) -> Vec<Take> {
        let random = fastrand::usize(..);
        self.stocks
            .fresh(event, now, STOCK_MS)
            .and_then(|left| plan(&left, quantity, random))
            .unwrap_or_else(|| {
                let shard = u32::try_from(random % shards.max(1) as usize).unwrap_or(0);
                vec![Take { shard, quantity }]
            })
    }

    /// Only a consistent read of all shards may say that the event is sold out.
    async fn takes_for_sure(
        &self,
        event: &EventId,
        shards: u32,
        quantity: u32,
        now: EpochMs,
    ) -> Result<Vec<Take>, Refusal> {
        let left = self.store.stock(event, shards, Consistency::Strong).await?;
        let left = self.stocks.put(event.clone(), left, now);
        plan(&left, quantity, fastrand::usize(..)).ok_or(Refusal::SoldOut)
    }

    /// The wallet before and after. Too little money is said only where nothing else says no.
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
        self.takes_for_sure(event, stock.shards, request.quantity, now)
            .await?;
        Ok(())
    }

    /// Tickets left in all, at most a second old.
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
