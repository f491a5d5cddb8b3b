//! What all people of a rush share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::fees::Fees;
use domain::ids::EventId;
use domain::money::Money;

use super::client::Client;
use crate::crowd::Goods;

/// How people are identified.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The user id in a request is trusted.
    Trusted,
    /// By ID tokens of the deployment's issuer, one for each person.
    IdTokens(Vec<String>),
}

/// What is sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tickets {
    Seated,
    /// Tickets without seats, at one price.
    General {
        price: Money,
        fees: Fees,
    },
}

pub struct Sale {
    pub client: Client,
    pub identity: Identity,
    pub tickets: Tickets,
    /// How long people stay after they have been told that everything is sold.
    pub lingering: Duration,
    path: String,
    /// The longest poll hint that anybody got, in milliseconds. It is at most half of the grace.
    longest_hint_ms: AtomicU64,
}

impl Sale {
    #[must_use]
    pub fn new(
        client: Client,
        event: &EventId,
        identity: Identity,
        tickets: Tickets,
        lingering: Duration,
    ) -> Self {
        Self {
            client,
            identity,
            tickets,
            lingering,
            path: format!("/events/{event}"),
            longest_hint_ms: AtomicU64::new(0),
        }
    }

    #[must_use]
    pub fn goods(&self) -> Goods {
        match self.tickets {
            Tickets::Seated => Goods::Seats,
            Tickets::General { .. } => Goods::Tickets,
        }
    }

    /// What so many tickets of general admission cost, with their fees, in the minor unit. Seats have
    /// prices of their own.
    #[must_use]
    pub fn price_of(&self, tickets: u32) -> i64 {
        match self.tickets {
            Tickets::Seated => 0,
            Tickets::General { price, fees } => {
                let fees = fees.of_order(std::iter::repeat_n(price, tickets as usize));
                (price.times(tickets) + fees.total()).0
            }
        }
    }

    /// A path below the event.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }

    pub fn saw_hint(&self, hint: Duration) {
        let millis = u64::try_from(hint.as_millis()).unwrap_or(0);
        self.longest_hint_ms.fetch_max(millis, Ordering::Relaxed);
    }

    #[must_use]
    pub fn longest_hint(&self) -> Duration {
        Duration::from_millis(self.longest_hint_ms.load(Ordering::Relaxed))
    }
}
