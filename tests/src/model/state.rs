//! A state: the items, what each process does next, and a memory that only the properties use.

use domain::clock::EpochMs;
use domain::ids::UserId;
use domain::queue::Session;
use uuid::Uuid;

use super::Config;
use super::clients::Client;
use super::items::{Items, LaneItems, SessionKey};
use super::run::Run;

/// When the model begins.
pub(crate) const START: EpochMs = EpochMs(1_000_000);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) now: EpochMs,
    pub(crate) items: Items,
    pub(crate) clients: Vec<Client>,
    /// By promoter: the promotion in progress.
    pub(crate) runs: Vec<Option<Run>>,
    pub(crate) crashes_left: u8,
    pub(crate) lost_answers_left: u8,
    /// By lane.
    pub(crate) past: Vec<Past>,
}

/// Past events that the items may no longer show. Only the properties depend on it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Past {
    /// Ranks whose holder arrived, left, or let the turn pass.
    pub(crate) used: Ranks,
    /// Ranks whose holder was admitted.
    pub(crate) entered: Ranks,
    /// Ranks whose holder gave them up.
    pub(crate) left: Ranks,
    /// The highest number that has been called.
    pub(crate) called: u64,
}

/// A set of ranks below 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Ranks(u64);

impl Ranks {
    pub(crate) fn add(&mut self, rank: u64) {
        self.0 |= 1 << rank;
    }

    pub(crate) fn has(self, rank: u64) -> bool {
        self.0 >> rank & 1 == 1
    }
}

/// A user's id.
pub(crate) fn user_id(person: usize) -> UserId {
    UserId::from(Uuid::from_u128(person as u128 + 1))
}

impl State {
    /// An open event that nobody has joined.
    pub(crate) fn first(config: &Config) -> Self {
        let lanes = usize::from(config.lanes);
        Self {
            now: START,
            items: Items {
                lanes: vec![LaneItems::default(); lanes],
                entries: vec![None; config.persons()],
                reservations: vec![None; config.persons()],
                claim: None,
            },
            clients: config
                .clients
                .iter()
                .map(|_| Client::new(config.joins, START))
                .collect(),
            runs: vec![None; config.promoters.len()],
            crashes_left: config.crashes,
            lost_answers_left: config.lost_answers,
            past: vec![Past::default(); lanes],
        }
    }

    /// No process is in the middle of anything.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.runs.iter().all(Option::is_none)
            && self.clients.iter().all(|client| client.call.is_none())
    }

    /// Ends a session, and remembers it.
    pub(crate) fn end_session(&mut self, config: &Config, key: SessionKey, swept: Option<EpochMs>) {
        self.past[key.lane].used.add(key.rank);
        if config.has(super::Flaw::SessionsDeletedWhenTheyEnd) {
            self.items.remove_session(key);
        } else {
            let swept = swept.filter(|_| config.swept_after_ms().is_some());
            self.items.end_session(key, swept);
        }
    }

    /// Remembers what is visible now.
    pub(crate) fn remember(&mut self) {
        for (lane, past) in self.items.lanes.iter().zip(&mut self.past) {
            for (rank, session) in &lane.sessions {
                match session {
                    Session::Live { .. } => {
                        past.used.add(*rank);
                        past.entered.add(*rank);
                    }
                    Session::Ended { .. } => past.used.add(*rank),
                    Session::Called { expires_at } if *expires_at <= self.now => {
                        past.used.add(*rank);
                    }
                    Session::Called { .. } | Session::Open => {}
                }
            }
            past.called = past.called.max(lane.head.0.called());
        }
    }
}
