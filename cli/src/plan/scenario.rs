//! What is simulated: an event, a crowd, and the settings of event and stack.

use std::time::Duration;

use domain::clock::EpochMs;
use domain::event::{Admission, Programme};
use domain::ids::Lane;
use domain::queue::{Lanes, QueuePolicy};

use super::costs::Units;
use super::lane::LaneTerms;
use super::table::NEW_TABLE;
use crate::crowd::Crowd;

/// How the requests of waiting people reach the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front {
    /// The shop behind the CDN: people ask for the public numbers, which the CDN keeps for a second.
    Cdn,
    /// Each poll reaches the API: there is no CDN, or the clients are not the shop.
    Direct,
}

/// What can be set in a catalogue or in a stack.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    pub lanes: Lanes,
    pub max_active: u32,
    pub session_seconds: u32,
    pub grace_seconds: u32,
    /// `WarmReadUnits` and `WarmWriteUnits`.
    pub warm: Units,
    /// `RequestsPerSecond` and `RequestBurst`.
    pub requests_per_second: u32,
    pub request_burst: u32,
    /// The account's concurrency in Lambda.
    pub concurrency: u32,
    /// `ReadyEnvironments`.
    pub ready_environments: u32,
    /// From the opening to `ReadyUntil`.
    pub ready_for: Duration,
    /// Whether a web ACL with a rule of [`WEB_ACL_REQUESTS`] is in front of the CDN.
    pub web_acl: bool,
}

/// The rate rule of a web ACL (`RequestsPerAddress` of infra/web-acl.yaml): requests of one address in five minutes.
/// Beyond it, the address is blocked. A waiting page sends about 30 in this time.
pub const WEB_ACL_REQUESTS: f64 = 1_000.0;
/// A rate rule acts with a delay. Source:
/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-caveats.html>
pub const WEB_ACL_DELAY_SECONDS: f64 = 30.0;

/// From `ReadyFrom` to the opening: provisioning takes minutes.
pub const READY_BEFORE: Duration = Duration::from_hours(1);
/// From the opening to `ReadyUntil`, unless an option says something else.
pub const READY_FOR: Duration = Duration::from_mins(30);

impl Settings {
    /// The catalogue's settings, and a stack with its defaults.
    #[must_use]
    pub fn of(queue: &QueuePolicy) -> Self {
        Self {
            lanes: queue.lanes,
            max_active: queue.max_active,
            session_seconds: queue.session_seconds,
            grace_seconds: queue.grace_seconds,
            warm: NEW_TABLE,
            requests_per_second: 2_000,
            request_burst: 2_000,
            concurrency: 1_000,
            ready_environments: 0,
            ready_for: READY_FOR,
            web_acl: false,
        }
    }

    /// The queue's policy with these settings.
    #[must_use]
    pub fn applied_to(&self, queue: QueuePolicy) -> QueuePolicy {
        QueuePolicy {
            lanes: self.lanes,
            max_active: self.max_active,
            session_seconds: self.session_seconds,
            grace_seconds: self.grace_seconds,
            ..queue
        }
    }
}

/// An event and its crowd.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub programme: Programme,
    pub crowd: Crowd,
    pub front: Front,
    /// When the first people come: the opening.
    pub opens_at: EpochMs,
    /// The simulation ends at this time after the opening at the latest.
    pub longest_seconds: u32,
}

impl Scenario {
    /// The terms of each lane.
    #[must_use]
    pub fn lane_terms(&self, settings: &Settings) -> Vec<LaneTerms> {
        let policy = settings.applied_to(self.programme.event.queue());
        let terms = |lane: Lane| LaneTerms {
            limits: policy.limits(lane),
            session_seconds: policy.session_seconds,
            grace_seconds: policy.grace_seconds,
        };
        policy.lanes.all().map(terms).collect()
    }

    /// The number of seats or tickets.
    #[must_use]
    pub fn seats(&self) -> u64 {
        match self.programme.event.terms.admission {
            Admission::General { total_tickets, .. } => total_tickets.into(),
            Admission::Seated => self
                .programme
                .dates
                .values()
                .map(|date| u64::from(date.total_seats()))
                .sum(),
        }
    }
}
