//! Seat claims, and the seat maps built from them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Key, Write};
use super::item::{Item, read_item, text};
use super::keys;
use domain::block::{Block, BlockKind, Channel};
use domain::clock::{EpochMs, SKEW_MS};
use domain::event::Section;
use domain::ids::{DateKey, EventId, ReservationId, SeatNumber, UserId};
use domain::journal::Why;
use domain::money::Money;
use domain::seats::{Claim, ContinuedHold, OpenedSeat, SeatMap};

/// A claim as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(
    tag = "state",
    rename_all = "UPPERCASE",
    rename_all_fields = "camelCase"
)]
enum ClaimRecord {
    Held {
        user_id: UserId,
        reservation_id: ReservationId,
        held_until: EpochMs,
        /// Only if this hold continues a released one. Otherwise it began with its reservation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_since: Option<EpochMs>,
        /// Kept when the claim becomes SOLD. Missing in claims of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Money>,
        /// What the seat is blocked by again when the hold has lapsed. Kept when the claim becomes SOLD.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Block>,
    },
    Sold {
        user_id: UserId,
        reservation_id: ReservationId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        price: Option<Money>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Block>,
    },
    Withdrawn {
        held_until: EpochMs,
    },
    Blocked {
        kind: BlockKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Why>,
        /// When the seat is on sale again. Without it, [`IS_FREE`] never holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_until: Option<EpochMs>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Channel>,
    },
}

impl From<ClaimRecord> for Claim {
    fn from(record: ClaimRecord) -> Self {
        match record {
            ClaimRecord::Held {
                user_id,
                reservation_id,
                held_until,
                held_since,
                price: _,
                block,
            } => Self::Held {
                kept: block,
                user_id,
                held_until,
                held_since: held_since.unwrap_or_else(|| reservation_id.created_at()),
                reservation_id,
            },
            ClaimRecord::Sold {
                user_id,
                reservation_id,
                price,
                block,
            } => Self::Sold {
                kept: block,
                user_id,
                reservation_id,
                price,
            },
            ClaimRecord::Withdrawn { held_until } => Self::Withdrawn { until: held_until },
            ClaimRecord::Blocked {
                kind,
                reason,
                held_until,
                channel,
            } => Self::Blocked(Block {
                kind,
                reason,
                until: held_until,
                channel,
            }),
        }
    }
}

pub(super) fn read_claim(item: Item) -> Result<Claim> {
    read_item::<ClaimRecord>(item).map(Claim::from)
}

/// A claim and its seat.
pub(super) fn read_seat_claim(item: Item) -> Result<(SeatNumber, Claim)> {
    let seat = keys::seat_of_sk(text(&item, "sk"))
        .ok_or_else(|| StoreError::Unreadable("a claim without seat".to_owned()))?;
    Ok((seat, read_claim(item)?))
}

/// The condition that a seat is free: it has no claim, or one that has lapsed, and no block that a hold has kept. The claim of a
/// sold seat, and that of a block without an end, have no `heldUntil`; a kept block without an end has no `until`.
const IS_FREE: &str = "attribute_not_exists(#pk) OR (#state <> :sold AND #heldUntil <= :now \
     AND (attribute_not_exists(#block) OR #block.#until <= :now))";

/// The condition that a seat is free for a user: as above, but the user's own hold has lapsed
/// before the cool-off.
const IS_FREE_FOR_USER: &str = "attribute_not_exists(#pk) OR (#state <> :sold AND #heldUntil <= :now \
     AND (attribute_not_exists(#block) OR #block.#until <= :now) \
     AND (attribute_not_exists(#userId) OR #userId <> :user OR #heldUntil <= :cooled))";

/// A hold of seats, as their claims store it.
pub(super) struct ClaimedHold<'a> {
    pub(super) user_id: UserId,
    pub(super) reservation_id: &'a ReservationId,
    pub(super) held_until: EpochMs,
    /// For how long after the hold others come first.
    pub(super) cool_off_seconds: u32,
}

/// Holds a seat that is free for the user. A `continued` hold must be the one that was read.
pub(super) fn hold_claim(
    key: Key,
    hold: &ClaimedHold<'_>,
    price: Money,
    continued: Option<&ContinuedHold>,
    now: EpochMs,
) -> Write {
    let cool_off = i64::from(hold.cool_off_seconds) * 1_000;
    let record = ClaimRecord::Held {
        user_id: hold.user_id,
        reservation_id: hold.reservation_id.clone(),
        held_until: hold.held_until,
        price: Some(price),
        held_since: continued.map(|former| former.held_since),
        block: None,
    };
    let put = Write::put(key, super::item::write_item(&record))
        .bind(":now", now)
        .with_ttl(hold.held_until.plus_ms(cool_off));
    match continued {
        None => put
            .when(IS_FREE_FOR_USER)
            .bind(":sold", "SOLD")
            .bind(":user", hold.user_id)
            .bind(":cooled", now.plus_ms(-cool_off)),
        Some(former) => put
            .when("#reservationId = :former AND #heldUntil <= :now")
            .bind(":former", &former.reservation_id),
    }
}

/// Holds a blocked seat that the user's channel opens. The claim must be what was read. It keeps the block, and is never swept: when the hold lapses or is given up, the seat is blocked again, without a write.
pub(super) fn hold_opened_claim(
    key: Key,
    hold: &ClaimedHold<'_>,
    price: Money,
    seat: &OpenedSeat,
    now: EpochMs,
) -> Write {
    let OpenedSeat { block, lapsed } = seat;
    let record = ClaimRecord::Held {
        user_id: hold.user_id,
        reservation_id: hold.reservation_id.clone(),
        held_until: hold.held_until,
        price: Some(price),
        held_since: lapsed.as_ref().map(|former| former.held_since),
        block: Some(block.clone()),
    };
    let put = Write::put(key, super::item::write_item(&record));
    match lapsed {
        Some(former) => put
            .when("#reservationId = :former AND #state = :held AND #heldUntil <= :now")
            .bind(":former", &former.reservation_id)
            .bind(":held", "HELD")
            .bind(":now", now),
        None => is_blocked_by(put, block, now),
    }
}

/// The condition that the claim is this very block, and lasts.
fn is_blocked_by(write: Write, block: &Block, now: EpochMs) -> Write {
    let mut condition = "#state = :blocked AND #kind = :kind".to_owned();
    let mut write = write
        .bind(":blocked", "BLOCKED")
        .bind(":kind", block.kind.name());
    match block.until {
        Some(until) => {
            condition.push_str(" AND #heldUntil = :until AND #heldUntil > :now");
            write = write.bind(":until", until).bind(":now", now);
        }
        None => condition.push_str(" AND attribute_not_exists(#heldUntil)"),
    }
    match &block.channel {
        Some(channel) => {
            condition.push_str(" AND #channel = :channel");
            write = write.bind(":channel", channel.as_str());
        }
        None => condition.push_str(" AND attribute_not_exists(#channel)"),
    }
    match &block.reason {
        Some(reason) => {
            condition.push_str(" AND #reason = :reason");
            write = write.bind(":reason", reason.to_string());
        }
        None => condition.push_str(" AND attribute_not_exists(#reason)"),
    }
    write.when(condition)
}

/// Takes a free seat off sale.
pub(super) fn withdraw_claim(key: Key, until: EpochMs, now: EpochMs) -> Write {
    let record = ClaimRecord::Withdrawn { held_until: until };
    Write::put(key, super::item::write_item(&record))
        .when(IS_FREE)
        .bind(":sold", "SOLD")
        .bind(":now", now)
        .with_ttl(until)
}

/// Puts a seat on sale again that was withdrawn until then.
pub(super) fn restore_claim(key: Key, until: EpochMs) -> Write {
    Write::delete(key)
        .when("#state = :withdrawn AND #heldUntil = :until")
        .bind(":withdrawn", "WITHDRAWN")
        .bind(":until", until)
}

/// Keeps a free seat off sale.
pub(super) fn block_claim(key: Key, block: &Block, now: EpochMs) -> Write {
    let record = ClaimRecord::Blocked {
        kind: block.kind,
        reason: block.reason.clone(),
        held_until: block.until,
        channel: block.channel.clone(),
    };
    let put = Write::put(key, super::item::write_item(&record))
        .when(IS_FREE)
        .bind(":sold", "SOLD")
        .bind(":now", now);
    match block.until {
        Some(until) => put.with_ttl(until),
        None => put,
    }
}

/// Puts a blocked seat on sale again.
pub(super) fn unblock_claim(key: Key) -> Write {
    Write::delete(key)
        .when("#state = :blocked")
        .bind(":blocked", "BLOCKED")
}

/// Puts a seat on sale again whose lapsed hold has kept a block.
pub(super) fn unblock_lapsed_claim(key: Key, reservation: &ReservationId, now: EpochMs) -> Write {
    Write::delete(key)
        .when("#reservationId = :reservation AND #state = :held AND #heldUntil <= :now")
        .bind(":reservation", reservation)
        .bind(":held", "HELD")
        .bind(":now", now)
}

/// Marks a held seat as sold. The claim must belong to this reservation and must not have lapsed.
pub(super) fn sell_claim(key: Key, reservation: &ReservationId, now: EpochMs) -> Write {
    Write::update(
        key,
        "SET #state = :sold REMOVE #ttl, #heldUntil, #heldSince",
    )
    .when("#reservationId = :reservation AND #state = :held AND #heldUntil > :now")
    .bind(":sold", "SOLD")
    .bind(":held", "HELD")
    .bind(":reservation", reservation)
    .bind(":now", now)
}

/// Extends the hold of a seat. The claim must belong to this reservation and must not have lapsed. `cool_off_seconds`: for how long
/// after the hold the claim stays; `None`: it keeps a block, and is never swept.
pub(super) fn extend_claim(
    key: Key,
    reservation: &ReservationId,
    end: EpochMs,
    cool_off_seconds: Option<u32>,
    now: EpochMs,
) -> Write {
    let write = match cool_off_seconds {
        Some(cool_off) => Write::update(key, "SET #heldUntil = :end, #ttl = :ttl")
            .bind(":ttl", end.plus_seconds(cool_off).ttl_seconds()),
        None => Write::update(key, "SET #heldUntil = :end"),
    };
    write
        .when("#reservationId = :reservation AND #state = :held AND #heldUntil > :now")
        .bind(":end", end)
        .bind(":held", "HELD")
        .bind(":reservation", reservation)
        .bind(":now", now)
}

/// Sells a seat that is free, whoever held it last.
pub(super) fn sell_free_claim(
    key: Key,
    user: UserId,
    reservation: &ReservationId,
    price: Money,
    now: EpochMs,
) -> Write {
    let record = ClaimRecord::Sold {
        user_id: user,
        reservation_id: reservation.clone(),
        price: Some(price),
        block: None,
    };
    Write::put(key, super::item::write_item(&record))
        .when(IS_FREE)
        .bind(":sold", "SOLD")
        .bind(":now", now)
}

/// Sells a seat that its channel opened, after the hold has lapsed, if nobody has taken it since.
pub(super) fn sell_lapsed_claim(key: Key, reservation: &ReservationId) -> Write {
    Write::update(
        key,
        "SET #state = :sold REMOVE #ttl, #heldUntil, #heldSince",
    )
    .when("#reservationId = :reservation AND #state = :held")
    .bind(":sold", "SOLD")
    .bind(":held", "HELD")
    .bind(":reservation", reservation)
}

/// Gives a sold seat back that its channel opened: the claim becomes a hold that has lapsed, and so the seat is blocked again.
pub(super) fn return_opened_claim(key: Key, reservation: &ReservationId, now: EpochMs) -> Write {
    Write::update(key, "SET #state = :held, #heldUntil = :end")
        .when("#reservationId = :reservation AND #state = :sold")
        .bind(":reservation", reservation)
        .bind(":held", "HELD")
        .bind(":sold", "SOLD")
        .bind(":end", now.plus_ms(-SKEW_MS))
}

/// Releases a held seat if its claim belongs to this reservation. The claim stays until its `ttl`,
/// so that others come first. It ends before the skew of clocks, so that it has ended by every
/// clock.
pub(super) fn release_claim(key: Key, reservation: &ReservationId, now: EpochMs) -> Write {
    Write::update(key, "SET #heldUntil = :end")
        .when("#reservationId = :reservation AND #state = :held")
        .bind(":reservation", reservation)
        .bind(":held", "HELD")
        .bind(":end", now.plus_ms(-SKEW_MS))
}

/// Frees a sold seat if its claim belongs to this reservation.
pub(super) fn delete_claim(key: Key, reservation: &ReservationId) -> Write {
    Write::delete(key)
        .when("#reservationId = :reservation")
        .bind(":reservation", reservation)
}

/// Claims the right to rebuild a section's seat map, at most once per second.
fn claim_seat_map(key: Key, stale: EpochMs, now: EpochMs) -> Write {
    Write::update(key, "SET #claimedAt = :now")
        .when("attribute_not_exists(#claimedAt) OR #claimedAt <= :stale OR #claimedAt > :skewed")
        .bind(":now", now)
        .bind(":stale", stale)
        .bind(":skewed", now.plus_ms(SKEW_MS))
}

fn put_seat_map(key: Key, map: &SeatMap) -> Write {
    Write::update(
        key,
        "SET #seats = :seats, #available = :available, #revenue = :revenue, #builtAt = :at",
    )
    .bind(":seats", AttributeValue::B(map.bits().to_vec().into()))
    .bind(":available", map.available())
    .bind(":revenue", map.revenue())
    .bind(":at", map.built_at)
}

/// While one process rebuilds a seat map, others use one that is older than allowed by up to this
/// much.
const REBUILDING_MS: i64 = 2_000;

impl Store {
    /// The claims of a section. Seats without a claim are free.
    pub async fn claims(
        &self,
        event: &EventId,
        date: DateKey,
        section: &str,
    ) -> Result<BTreeMap<SeatNumber, Claim>> {
        let query = Query::new(
            "#pk = :pk",
            [(":pk", keys::seats_pk(event, date, section).into_attribute())],
        );
        self.query_all(&query)
            .await?
            .into_iter()
            .map(read_seat_claim)
            .collect()
    }

    /// The stored seat maps of these sections, in order. `None` if there is none or if it has
    /// another size.
    pub async fn seat_maps(
        &self,
        event: &EventId,
        sections: &[(DateKey, &Section)],
    ) -> Result<Vec<Option<SeatMap>>> {
        let keys: Vec<Key> = sections
            .iter()
            .map(|(date, section)| keys::seat_map(event, *date, &section.name))
            .collect();
        let found = self.items(&keys, Consistency::Eventual).await?;
        Ok(sections
            .iter()
            .zip(&keys)
            .map(|((_, section), key)| read_seat_map(found.get(key)?, section.seats))
            .collect())
    }

    /// Builds a section's seat map from its claims and stores it. If another process is rebuilding
    /// it, `former` is used if it is not too old, so that concurrent requests do not all read the
    /// claims of a large section. Reads go on while writes fail: then the map is not stored.
    pub async fn rebuild_seat_map(
        &self,
        event: &EventId,
        date: DateKey,
        section: &Section,
        max_age_ms: i64,
        former: Option<SeatMap>,
    ) -> Result<SeatMap> {
        let key = keys::seat_map(event, date, &section.name);
        let claimed = self
            .write_if_allowed(|now| claim_seat_map(key.clone(), now.plus_ms(-max_age_ms), now))
            .await
            .unwrap_or_else(|error| {
                tracing::debug!(%error, "a seat map cannot be claimed");
                false
            });
        // The clock is read before the claims, so the map is never older than it says.
        let now = self.clock.now();
        if let (false, Some(former)) = (claimed, former)
            && let Some(age) = former.built_at.age_at(now)
            && age < max_age_ms + REBUILDING_MS
        {
            return Ok(former);
        }
        let claims = self.claims(event, date, &section.name).await?;
        let map = SeatMap::build(section, &claims, now);
        if claimed
            && let Err(error) = self
                .write_if_allowed(|_| put_seat_map(key.clone(), &map))
                .await
        {
            tracing::debug!(%error, "a seat map cannot be stored");
        }
        Ok(map)
    }
}

fn read_seat_map(item: &Item, seats: u32) -> Option<SeatMap> {
    let bits = item.get("seats")?.as_b().ok()?.as_ref().to_vec();
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
    let (revenue, built_at) = (Money(number("revenue")?), EpochMs(number("builtAt")?));
    SeatMap::from_stored(bits, seats, revenue, built_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_bound() {
        let event = EventId::parse("e").unwrap();
        let date = DateKey::parse("2026-12-24").unwrap();
        let at = EpochMs(1_000_000);
        let seat = || keys::seat(&event, date, "R", SeatNumber(7));
        let id = ReservationId::new(event.clone(), Some(date), at);
        let section = Section::new("R", Money(5), SeatNumber(1), 50);
        let map = SeatMap::build(&section, &BTreeMap::new(), at);
        let hold = ClaimedHold {
            user_id: UserId::random(),
            reservation_id: &id,
            held_until: at,
            cool_off_seconds: 60,
        };
        let continued = ContinuedHold {
            reservation_id: id.clone(),
            held_since: at,
        };
        let block = Block {
            kind: BlockKind::House,
            reason: None,
            until: Some(at),
            channel: None,
        };
        let opened = |block: &Block, lapsed| OpenedSeat {
            block: block.clone(),
            lapsed,
        };
        let lasting = Block {
            reason: Why::parse("Kim").ok(),
            until: None,
            channel: Channel::parse("kim").ok(),
            ..block.clone()
        };
        for write in [
            hold_opened_claim(seat(), &hold, Money(5), &opened(&block, None), at),
            hold_opened_claim(seat(), &hold, Money(5), &opened(&lasting, None), at),
            hold_opened_claim(
                seat(),
                &hold,
                Money(5),
                &opened(&block, Some(continued.clone())),
                at,
            ),
            extend_claim(seat(), &id, at, Some(60), at),
            extend_claim(seat(), &id, at, None, at),
            unblock_lapsed_claim(seat(), &id, at),
            sell_lapsed_claim(seat(), &id),
            return_opened_claim(seat(), &id, at),
            hold_claim(seat(), &hold, Money(5), None, at),
            hold_claim(seat(), &hold, Money(5), Some(&continued), at),
            withdraw_claim(seat(), at, at),
            restore_claim(seat(), at),
            block_claim(seat(), &block, at),
            unblock_claim(seat()),
            sell_claim(seat(), &id, at),
            release_claim(seat(), &id, at),
            delete_claim(seat(), &id),
            claim_seat_map(keys::seat_map(&event, date, "R"), at, at),
            put_seat_map(keys::seat_map(&event, date, "R"), &map),
        ] {
            write.check().unwrap();
        }
    }
}
