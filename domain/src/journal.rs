//! The journal: what operators did, who did it, and why.
//!
//! An entry is written in the same transaction as what it tells, so there is no act without its entry, and no entry without
//! its act. It is kept as text, so that later versions can read what earlier ones wrote, whatever acts they know.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::block::{Block, Channel, Ranges};
use crate::clock::EpochMs;
use crate::event::Event;
use crate::ids::{DateKey, EventId, Malformed, ReservationId, SeatNumber, one_line};
use crate::money::{Currency, Money};
use crate::plans::{Postponement, Postponements};
use crate::presale::PhaseName;
use crate::queue::{Control, Strategy};

/// Who acts: a principal of AWS by its ARN, an access key, or a user of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Who(String);

impl Who {
    /// The longest ARN of a principal, in characters.
    const MOST: usize = 2_048;

    fn new(text: &str) -> Self {
        Self(text.chars().take(Self::MOST).collect())
    }

    /// A principal of AWS.
    #[must_use]
    pub fn principal(arn: &str) -> Self {
        Self::new(arn)
    }

    /// Somebody of whom only the id of the access key is known.
    #[must_use]
    pub fn access_key(id: &str) -> Self {
        Self::new(&format!("access key {id}"))
    }

    /// A user of a machine.
    #[must_use]
    pub fn local(user: &str, host: &str) -> Self {
        Self::new(&format!("{user}@{host}"))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why somebody acts, in their own words: 1 to 500 characters, without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Why(String);

impl Why {
    const MOST: usize = 500;

    /// Parses a reason. Spaces around it are removed.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        one_line(text, Self::MOST).map(Self)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who acts, and why. Every write of an operator needs one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    pub who: Who,
    pub why: Option<Why>,
}

/// Seats of a section of a date, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SomeSeats {
    pub date: DateKey,
    pub section: String,
    pub seats: Vec<SeatNumber>,
}

impl fmt::Display for SomeSeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            date,
            section,
            seats,
        } = self;
        write!(f, "{date}, section {section}: {}", Ranges(seats))
    }
}

/// Something that an operator does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// A catalogue named an event for the first time.
    CreateEvent {
        /// What was written, a line each.
        changes: Vec<String>,
    },
    /// A catalogue changed an event.
    ChangeEvent {
        /// A line for each changed field, with its old and its new value.
        changes: Vec<String>,
    },
    /// Dates of an event that is created or changed by several transactions.
    WriteDates {
        dates: Vec<DateKey>,
    },
    /// A catalogue set the currency of a new table, or changed the ceiling of its wallets.
    ChangeSettings {
        currency: Currency,
        /// None in a new table.
        former_ceiling: Option<Money>,
        ceiling: Money,
    },
    /// The event does not take place.
    CancelEvent,
    /// A date of it does not take place.
    CancelDate {
        date: DateKey,
    },
    /// Everybody has their money back, of the event or of a date.
    FinishRefunds {
        date: Option<DateKey>,
    },
    /// A date was moved to another time, or a general-admission event.
    Postpone {
        date: Option<DateKey>,
        postponement: Postponement,
    },
    PauseSale,
    ResumeSale,
    CloseSale,
    /// The number of sessions that may be open at once.
    SetMaxActive {
        from: u32,
        to: u32,
    },
    /// The number of users who are called in a batch.
    SetBatchSize {
        from: u32,
        to: u32,
    },
    /// The random value that a draw waited for.
    GiveBeacon {
        value: String,
    },
    /// A permit to load the event with `boxoffice rush`. Its secret is told to nobody.
    AllowRush {
        until: EpochMs,
    },
    /// The permit was taken back.
    DisallowRush,
    /// Seats were taken off sale.
    BlockSeats {
        seats: SomeSeats,
        block: Block,
    },
    /// Blocked seats were put on sale again.
    UnblockSeats {
        seats: SomeSeats,
    },
    /// Tickets of a reservation were given back by hand.
    ReturnTickets {
        reservation: ReservationId,
        /// Empty for general admission.
        seats: Vec<SeatNumber>,
        quantity: u32,
        refunded: Money,
    },
    /// Codes of a presale were made. They are told to nobody.
    MakeCodes {
        count: usize,
        batch: String,
        phase: Option<PhaseName>,
        channel: Option<Channel>,
        most_users: u32,
    },
    /// Codes were revoked.
    RevokeCodes {
        ids: Vec<String>,
    },
    /// A new signing key.
    RotateKeys {
        kid: String,
        /// The keys that it replaces.
        retired: Vec<String>,
    },
}

impl Act {
    /// What these changes of an event's control are.
    #[must_use]
    pub fn of_control(event: &Event, control: &Control) -> Vec<Self> {
        let former = &event.control;
        let policy = event.terms.queue;
        let (was, is) = (former.applied_to(policy), control.applied_to(policy));
        let mut acts = Vec::new();
        acts.extend(Self::of_plans(former, control));
        if control.closed && !former.closed {
            acts.push(Self::CloseSale);
        } else if control.pause.is_on() && !former.pause.is_on() {
            acts.push(Self::PauseSale);
        } else if former.pause.is_on() && !control.pause.is_on() {
            acts.push(Self::ResumeSale);
        }
        if control.max_active != former.max_active {
            acts.push(Self::SetMaxActive {
                from: was.max_active,
                to: is.max_active,
            });
        }
        if control.batch_size != former.batch_size {
            let size = |strategy| match strategy {
                Strategy::Batch { batch_size, .. } => batch_size,
                Strategy::Slots => 0,
            };
            acts.push(Self::SetBatchSize {
                from: size(was.strategy),
                to: size(is.strategy),
            });
        }
        if let Some(value) = &control.beacon
            && former.beacon.as_ref() != Some(value)
        {
            acts.push(Self::GiveBeacon {
                value: value.clone(),
            });
        }
        match (&former.rehearsal, &control.rehearsal) {
            (was, Some(permit)) if was.as_ref() != Some(permit) => acts.push(Self::AllowRush {
                until: permit.until,
            }),
            (Some(_), None) => acts.push(Self::DisallowRush),
            (_, Some(_)) | (None, None) => {}
        }
        acts
    }

    /// What these changes of plans are, of the event and of its dates.
    fn of_plans(former: &Control, control: &Control) -> Vec<Self> {
        let mut acts = Vec::new();
        for date in std::iter::once(None).chain(control.dates.keys().copied().map(Some)) {
            match (former.cancellation_of(date), control.cancellation_of(date)) {
                (None, Some(_)) => {
                    acts.push(date.map_or(Self::CancelEvent, |date| Self::CancelDate { date }));
                }
                (Some(was), Some(is)) if was.refunded_at != is.refunded_at => {
                    acts.push(Self::FinishRefunds { date });
                }
                _ => {}
            }
            let was = former.postponements(date).and_then(Postponements::last);
            match control.postponements(date).and_then(Postponements::last) {
                Some(is) if was != Some(is) => acts.push(Self::Postpone {
                    date,
                    postponement: *is,
                }),
                Some(_) | None => {}
            }
        }
        acts
    }

    /// Its name in the journal.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateEvent { .. } => "create event",
            Self::ChangeEvent { .. } => "change event",
            Self::WriteDates { .. } => "write dates",
            Self::ChangeSettings { .. } => "change settings",
            Self::CancelEvent => "cancel event",
            Self::CancelDate { .. } => "cancel date",
            Self::FinishRefunds { .. } => "finish refunds",
            Self::Postpone { .. } => "postpone",
            Self::PauseSale => "pause sale",
            Self::ResumeSale => "resume sale",
            Self::CloseSale => "close sale",
            Self::SetMaxActive { .. } => "set max active",
            Self::SetBatchSize { .. } => "set batch size",
            Self::GiveBeacon { .. } => "give beacon",
            Self::AllowRush { .. } => "allow rush",
            Self::DisallowRush => "disallow rush",
            Self::BlockSeats { .. } => "block seats",
            Self::UnblockSeats { .. } => "unblock seats",
            Self::ReturnTickets { .. } => "return tickets",
            Self::MakeCodes { .. } => "make codes",
            Self::RevokeCodes { .. } => "revoke codes",
            Self::RotateKeys { .. } => "rotate keys",
        }
    }

    /// What belongs to it, a line each, as the journal keeps it: at most 200 lines of 300 characters.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let all = match self {
            Self::CreateEvent { changes } | Self::ChangeEvent { changes } => changes.clone(),
            Self::WriteDates { dates } => dates.iter().map(DateKey::to_string).collect(),
            Self::ChangeSettings {
                currency,
                former_ceiling,
                ceiling,
            } => match former_ceiling {
                Some(former) => vec![format!("walletCeiling: {former} -> {ceiling}")],
                None => vec![
                    format!("currency: {currency}"),
                    format!("walletCeiling: {ceiling}"),
                ],
            },
            Self::SetMaxActive { from, to } | Self::SetBatchSize { from, to } => {
                vec![format!("{from} -> {to}")]
            }
            Self::GiveBeacon { value } => vec![value.clone()],
            Self::AllowRush { until } => vec![format!("until {until}")],
            Self::BlockSeats { seats, block } => vec![seats.to_string(), format!("as {block}")],
            Self::UnblockSeats { seats } => vec![seats.to_string()],
            Self::ReturnTickets {
                reservation,
                seats,
                quantity,
                refunded,
            } => {
                let tickets = match seats.as_slice() {
                    [] => format!("{quantity} tickets"),
                    seats => format!("seats {}", Ranges(seats)),
                };
                vec![
                    format!("reservation {reservation}"),
                    tickets,
                    format!("refunded: {refunded}"),
                ]
            }
            Self::MakeCodes {
                count,
                batch,
                phase,
                channel,
                most_users,
            } => {
                let phase = phase.as_ref().map(|phase| format!("phase: {phase}"));
                let channel = channel.as_ref().map(|name| format!("channel: {name}"));
                std::iter::once(format!("{count} of batch {batch}"))
                    .chain(phase)
                    .chain(channel)
                    .chain([format!("uses of each: {most_users}")])
                    .collect()
            }
            Self::RevokeCodes { ids } => ids.clone(),
            Self::RotateKeys { kid, retired } => std::iter::once(format!("new key: {kid}"))
                .chain(retired.iter().map(|kid| format!("retired: {kid}")))
                .collect(),
            Self::CancelDate { date } => vec![date.to_string()],
            Self::FinishRefunds { date } => date.iter().map(DateKey::to_string).collect(),
            Self::Postpone { date, postponement } => {
                let Postponement { from, to, .. } = postponement;
                let returns = postponement.returns_until;
                date.iter()
                    .map(DateKey::to_string)
                    .chain([format!("startsAt: {from} -> {to}")])
                    .chain(returns.map(|until| format!("returns until {until}")))
                    .collect()
            }
            Self::CancelEvent
            | Self::PauseSale
            | Self::ResumeSale
            | Self::CloseSale
            | Self::DisallowRush => Vec::new(),
        };
        bounded(all)
    }
}

/// An item has at most 400 KB, and a catalogue may change thousands of fields.
const MOST_DETAILS: usize = 200;
const LONGEST_DETAIL: usize = 300;

fn bounded(details: Vec<String>) -> Vec<String> {
    let left_out = details.len().saturating_sub(MOST_DETAILS);
    let mut kept: Vec<String> = details
        .into_iter()
        .take(MOST_DETAILS)
        .map(|line| line.chars().take(LONGEST_DETAIL).collect())
        .collect();
    if left_out > 0 {
        kept.push(format!("and {left_out} more"));
    }
    kept
}

/// What the journal tells of one act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalEntry {
    /// None if the act was on the whole table.
    pub event_id: Option<EventId>,
    pub at: EpochMs,
    pub who: Who,
    pub why: Option<Why>,
    /// The act's name.
    pub act: String,
    pub details: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_at_most_500_characters() {
        assert_eq!(Why::parse("  rain  ").unwrap().to_string(), "rain");
        assert!(Why::parse(&"비".repeat(500)).is_ok());
        for bad in ["", "   ", "two\nlines", "\u{1b}[2J", &"x".repeat(501)] {
            assert!(Why::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_entry_stays_far_below_the_size_of_an_item() {
        let changes = vec!["좌".repeat(1_000); 5_000];
        let details = Act::ChangeEvent { changes }.details();
        assert_eq!(details.len(), 201);
        assert_eq!(details[200], "and 4800 more");
        let bytes: usize = details.iter().map(String::len).sum();
        assert!(bytes < 200_000, "{bytes}");
    }
}
