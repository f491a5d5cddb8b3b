//! The store: the only layer that knows table keys, expressions and the AWS SDK.
//!
//! It is one concrete type over DynamoDB. Reads return domain types. Writes state their
//! requirements in a condition, and a failed condition returns the item that made it fail, so that
//! no second read is needed.

mod apply;
mod blocks;
mod charges;
mod client;
mod codes;
mod connect;
mod device_links;
mod due;
mod error;
mod events;
mod expression;
mod history;
mod images;
mod inspection;
mod issuer_keys;
mod item;
mod journal;
mod keys;
mod lookup;
mod notices;
mod off_sale;
mod plans;
mod queue;
mod refused;
mod reservations;
mod seats;
mod signing_keys;
mod stock;
mod tables;
mod wallets;
mod withdrawals;

pub use apply::{ApplyRefused, Change, Described};
pub use blocks::{BlockRefused, MOST_BLOCKED_AT_ONCE};
pub use charges::ChargeConflict;
pub use client::{Consistency, PageStart, Store, TableNames, back_off};
pub use codes::{CodeUse, MOST_CODES_AT_ONCE};
pub use connect::{Connection, connect};
pub use due::Due;
pub use error::StoreError;
pub use events::PerformanceKey;
pub use images::Picture;
pub use inspection::{
    InspectedClaim, InspectedUser, READABLE, SessionPage, Subject, SubjectPage, UNKNOWN,
    charge_key, code_key, codes_key, event_key, first_stock_key, head_key, sessions_key,
};
pub use issuer_keys::{PublishedKeys, ReadingState, SharedIssuerKeys};
pub use lookup::{ClaimPage, NumberedEntry, OwnedThing, TablePage};
pub use off_sale::TakenSeat;
pub use plans::ReplanRefused;
pub use queue::{Arrival, Entered, Progress, SessionKey, TurnEnd};
pub use reservations::{
    FormerHolds, GivenBack, HoldConflict, HoldExtension, HoldRequest, TicketConflict,
    TicketRequest, TransactionLost,
};
pub use signing_keys::Rotation;
pub use tables::create_tables;
pub use wallets::{ChargeRecord, ChargeRefused, Charged, Settings};
pub use withdrawals::{WithdrawalConflict, WithdrawalRequest};
