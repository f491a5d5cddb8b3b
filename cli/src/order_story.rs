//! The whole story of one reservation, in the order in which it happened.

use anyhow::Result;
use domain::charge::{Charge, ChargeState};
use domain::clock::{EpochMs, rfc3339};
use domain::ids::{EntryId, Lane, Rank, ReservationId, SeatNumber};
use domain::money::{Currency, Money};
use domain::queue::{QueueEntry, Session};
use domain::reservation::{Reservation, State, Status};
use domain::seats::Claim;
use domain::wallet::{EntryKind, LedgerEntry};
use domain::withdrawal::{Withdrawal, WithdrawalStatus};
use serde::Serialize;
use shared::store::{SessionKey, Store};

use crate::money_view::{ChargeView, EntryView, WithdrawalView, amount_text};
use crate::order_view::OrderView;
use crate::user_records::UserRecords;

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OrderStory {
    reservation: OrderView,
    /// What happened, the first first.
    story: Vec<Step>,
    /// What the claims of its seats say now.
    claims: Vec<SeatClaim>,
    /// The session that made it. Omitted once it has been swept, a day after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'static str>,
}

#[derive(Serialize, Debug)]
struct Step {
    #[serde(serialize_with = "rfc3339::serialize")]
    at: EpochMs,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Debug)]
#[serde(
    tag = "what",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
enum What {
    /// The user's number for the event, if it is not a later one.
    Joined {
        lane: Lane,
        number: u64,
    },
    /// The promotion came to the rank.
    Called {
        lane: Lane,
        rank: Rank,
    },
    Held,
    /// The first checkout extends the hold.
    HoldExtended {
        charge_id: EntryId,
    },
    ChargeBegun(ChargeView),
    /// The provider has the money, and the wallet got it.
    ChargeDone(ChargeView),
    Confirmed {
        #[serde(skip_serializing_if = "Option::is_none")]
        payment_id: Option<EntryId>,
    },
    LedgerEntry(EntryView),
    /// The hold ended without a payment.
    Expired,
    /// The user gave the hold up.
    Released,
    Cancelled {
        refunded: Money,
        /// The part of `refunded` that went on to where the money came from.
        refunded_to_source: Money,
        /// What the organiser keeps.
        kept: Money,
    },
    /// Tickets were given back, at times that their ledger entries tell, while the others stayed.
    Returned {
        quantity: u32,
        refunded: Money,
        /// What the organiser keeps of them.
        kept: Money,
    },
    WithdrawalBegun(WithdrawalView),
    /// The provider has given the money back, or could not.
    WithdrawalEnded(WithdrawalView),
    LeftQueue,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct SeatClaim {
    seat_number: SeatNumber,
    claim: ClaimState,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ClaimState {
    Held,
    Sold,
    /// Held or sold by another reservation.
    OfAnother,
    Free,
    Withdrawn,
    Blocked,
}

impl ClaimState {
    fn of(claim: Option<&Claim>, reservation: &Reservation, now: EpochMs) -> Self {
        let is_own = |id: &ReservationId| *id == reservation.reservation_id;
        match claim {
            Some(claim) if claim.block_at(now).is_some() => Self::Blocked,
            None | Some(Claim::Blocked(_)) => Self::Free,
            Some(Claim::Withdrawn { until }) => {
                if *until > now {
                    Self::Withdrawn
                } else {
                    Self::Free
                }
            }
            Some(Claim::Held { held_until, .. }) if *held_until <= now => Self::Free,
            Some(Claim::Held { reservation_id, .. }) if is_own(reservation_id) => Self::Held,
            Some(Claim::Sold { reservation_id, .. }) if is_own(reservation_id) => Self::Sold,
            Some(Claim::Held { .. } | Claim::Sold { .. }) => Self::OfAnother,
        }
    }

    fn to_text(self) -> &'static str {
        match self {
            Self::Held => "held for it",
            Self::Sold => "sold to it",
            Self::OfAnother => "another reservation's",
            Self::Free => "free",
            Self::Withdrawn => "not on sale: an operator moves it",
            Self::Blocked => "blocked: not on sale",
        }
    }
}

impl OrderStory {
    /// Reads what belongs to a reservation of the user.
    pub async fn read(
        store: &Store,
        user: &UserRecords,
        reservation: &Reservation,
        currency: &Currency,
        now: EpochMs,
    ) -> Result<Self> {
        let session = store.opened_session(&SessionKey::of(reservation)).await?;
        let mut steps = Vec::new();
        if let Some(entry) = user.queue_entry(reservation.event_id()) {
            steps.extend(queue_steps(entry, reservation));
        }
        if let Some(opening) = session.and_then(|session| session.opening) {
            steps.push(Step {
                at: opening.at,
                what: What::Called {
                    lane: reservation.lane,
                    rank: reservation.rank,
                },
            });
        }
        let charges: Vec<&Charge> = user.charges_for(reservation);
        steps.extend(reservation_steps(reservation, now));
        steps.extend(charge_steps(&charges));
        let withdrawals = user.withdrawals_for(reservation);
        steps.extend(withdrawal_steps(&withdrawals));
        steps.extend(
            user.ledger
                .iter()
                .filter(|(_, entry)| belongs_to(entry, reservation, &charges, &withdrawals))
                .map(|(seq, entry)| Step {
                    at: entry.at,
                    what: What::LedgerEntry(EntryView::of(*seq, entry)),
                }),
        );
        steps.sort_by_key(|step| (step.at, step.what.place()));
        let claims = store.claims_of(reservation).await?;
        let claims = claims.iter().map(|(seat, claim)| SeatClaim {
            seat_number: *seat,
            claim: ClaimState::of(claim.as_ref(), reservation, now),
        });
        Ok(Self {
            reservation: OrderView::of(reservation, currency, now),
            story: steps,
            claims: claims.collect(),
            session: session.map(|session| session_state(&session.session)),
        })
    }

    /// The lines for a terminal.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let order = &self.reservation;
        let mut lines = vec![
            format!("reservation  {}", order.reservation_id),
            format!("status       {}", order.status.as_str()),
            format!("event        {} ({})", order.event_name, order.event_id),
        ];
        lines.extend(order.date.map(|date| format!("date         {date}")));
        lines.extend([
            format!("user         {}", order.user_id),
            format!("tickets      {}", order.tickets()),
            format!(
                "total        {}, of which fees {}",
                order.total(),
                amount_text(order.fees, &order.currency)
            ),
            String::new(),
        ]);
        lines.extend(self.story.iter().map(|step| {
            let what = step.what.to_text(&order.currency);
            format!("{}  {what}", step.at)
        }));
        lines.push(String::new());
        lines.extend(self.claims.iter().map(|claim| {
            let state = claim.claim.to_text();
            format!("seat {} is {state} now", claim.seat_number)
        }));
        lines.push(match self.session {
            Some(state) => format!("the session of rank {} is {state}", order.rank),
            None => format!("the session of rank {} has been swept", order.rank),
        });
        lines
    }
}

impl What {
    /// Its place among steps of the same millisecond: what one transaction does, and what the next
    /// may do at once.
    fn place(&self) -> u8 {
        match self {
            Self::Joined { .. } => 0,
            Self::Called { .. } => 1,
            Self::Held => 2,
            Self::HoldExtended { .. } => 3,
            Self::ChargeBegun(_) => 4,
            Self::ChargeDone(_) => 5,
            Self::Confirmed { .. } => 7,
            Self::Expired => 9,
            Self::Released => 10,
            Self::Cancelled { .. } => 11,
            Self::WithdrawalBegun(_) => 13,
            Self::WithdrawalEnded(_) => 15,
            Self::LedgerEntry(entry) => match entry.kind {
                EntryKind::Charge => 6,
                EntryKind::Payment => 8,
                EntryKind::Refund => 12,
                EntryKind::Withdrawal => 14,
                EntryKind::Reversal => 16,
            },
            // After the refund of the last of them.
            Self::Returned { .. } => 12,
            Self::LeftQueue => 17,
        }
    }

    fn to_text(&self, currency: &Currency) -> String {
        match self {
            Self::Joined { lane, number } => {
                format!("the user joined the queue: number {number} in lane {lane}")
            }
            Self::Called { lane, rank } => {
                format!("the queue opened the session of rank {rank} in lane {lane}")
            }
            Self::Held => "the reservation was made".to_owned(),
            Self::HoldExtended { charge_id } => {
                format!("the hold was extended for the checkout of charge {charge_id}")
            }
            Self::ChargeBegun(charge) => charge.to_text(),
            Self::ChargeDone(charge) => {
                format!(
                    "charge {} was paid at {}",
                    charge.charge_id, charge.provider
                )
            }
            Self::Confirmed {
                payment_id: Some(id),
            } => format!("confirmed: paid from the wallet by payment {id}"),
            Self::Confirmed { payment_id: None } => "confirmed, free of charge".to_owned(),
            Self::LedgerEntry(entry) => entry.to_text(currency),
            Self::Expired => "the hold ended without a payment".to_owned(),
            Self::Released => "the user gave the hold up".to_owned(),
            Self::WithdrawalBegun(withdrawal) => withdrawal.to_text(),
            Self::WithdrawalEnded(withdrawal) => {
                let id = withdrawal.withdrawal_id;
                match withdrawal.status {
                    WithdrawalStatus::Pending => format!("withdrawal {id} is on its way"),
                    WithdrawalStatus::Done => format!("withdrawal {id} was given back"),
                    WithdrawalStatus::Reversed => {
                        format!("withdrawal {id} failed: the money is in the wallet again")
                    }
                }
            }
            Self::Cancelled {
                refunded,
                refunded_to_source,
                kept,
            } => format!(
                "cancelled: {} refunded, of which {} to the source, {} kept",
                amount_text(*refunded, currency),
                amount_text(*refunded_to_source, currency),
                amount_text(*kept, currency)
            ),
            Self::Returned {
                quantity,
                refunded,
                kept,
            } => format!(
                "{quantity} tickets were given back, the last of them now: {} refunded, {} kept",
                amount_text(*refunded, currency),
                amount_text(*kept, currency)
            ),
            Self::LeftQueue => "the user left the queue".to_owned(),
        }
    }
}

/// A number that the user took after the reservation is of another turn.
fn queue_steps(entry: &QueueEntry, reservation: &Reservation) -> Vec<Step> {
    if entry.lane != reservation.lane || entry.joined_at > reservation.created_at {
        return Vec::new();
    }
    let joined = Step {
        at: entry.joined_at,
        what: What::Joined {
            lane: entry.lane,
            number: entry.number,
        },
    };
    let left = entry.left_at.map(|at| Step {
        at,
        what: What::LeftQueue,
    });
    std::iter::once(joined).chain(left).collect()
}

fn reservation_steps(reservation: &Reservation, now: EpochMs) -> Vec<Step> {
    let mut steps = vec![Step {
        at: reservation.created_at,
        what: What::Held,
    }];
    let payment = match &reservation.state {
        State::Held { .. } => None,
        State::Confirmed { payment } | State::Cancelled { payment, .. } => payment.as_ref(),
    };
    if reservation.was_bought() {
        steps.push(Step {
            at: payment.map_or(reservation.created_at, |payment| payment.paid_at),
            what: What::Confirmed {
                payment_id: payment.map(|payment| payment.payment_id),
            },
        });
    }
    match (&reservation.state, reservation.status(now)) {
        (State::Held { held_until }, Status::Expired) => steps.push(Step {
            at: *held_until,
            what: What::Expired,
        }),
        (
            State::Cancelled {
                refunded,
                to_source,
                ..
            },
            _,
        ) => steps.push(Step {
            at: reservation.modified_at,
            what: if reservation.was_bought() {
                What::Cancelled {
                    refunded: *refunded,
                    refunded_to_source: *to_source,
                    kept: reservation.kept(),
                }
            } else {
                What::Released
            },
        }),
        (State::Confirmed { .. }, _) if reservation.returned.quantity > 0 => steps.push(Step {
            at: reservation.modified_at,
            what: What::Returned {
                quantity: reservation.returned.quantity,
                refunded: reservation.returned.refunded,
                kept: reservation.returned.kept,
            },
        }),
        (State::Held { .. } | State::Confirmed { .. }, _) => {}
    }
    steps
}

/// The charges are in the order in which they were begun.
fn charge_steps(charges: &[&Charge]) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(first) = charges.first() {
        steps.push(Step {
            at: first.created_at,
            what: What::HoldExtended {
                charge_id: first.charge_id,
            },
        });
    }
    for charge in charges {
        steps.push(Step {
            at: charge.created_at,
            what: What::ChargeBegun(ChargeView::from(*charge)),
        });
        match &charge.state {
            ChargeState::Done { at, .. } => steps.push(Step {
                at: *at,
                what: What::ChargeDone(ChargeView::from(*charge)),
            }),
            ChargeState::Pending | ChargeState::Failed(_) | ChargeState::Expired => {}
        }
    }
    steps
}

fn withdrawal_steps(withdrawals: &[&Withdrawal]) -> Vec<Step> {
    let mut steps = Vec::new();
    for withdrawal in withdrawals {
        steps.push(Step {
            at: withdrawal.created_at,
            what: What::WithdrawalBegun(WithdrawalView::from(*withdrawal)),
        });
        steps.extend(withdrawal.ended_at().map(|at| Step {
            at,
            what: What::WithdrawalEnded(WithdrawalView::from(*withdrawal)),
        }));
    }
    steps
}

/// Whether an entry moved money for the reservation.
fn belongs_to(
    entry: &LedgerEntry,
    reservation: &Reservation,
    charges: &[&Charge],
    withdrawals: &[&Withdrawal],
) -> bool {
    match entry.kind {
        EntryKind::Charge => charges
            .iter()
            .any(|charge| charge.charge_id == entry.entry_id),
        EntryKind::Payment | EntryKind::Refund => {
            entry.reservation_id() == Some(&reservation.reservation_id)
        }
        EntryKind::Withdrawal | EntryKind::Reversal => withdrawals
            .iter()
            .any(|withdrawal| entry.withdrawal_id == Some(withdrawal.key.withdrawal_id())),
    }
}

fn session_state(session: &Session) -> &'static str {
    match session {
        Session::Open => "OPEN",
        Session::Called { .. } => "CALLED",
        Session::Live { .. } => "LIVE",
        Session::Ended { .. } => "ENDED",
    }
}
