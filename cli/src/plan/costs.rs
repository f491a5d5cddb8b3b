//! What each request costs: the DynamoDB units by kind of key, and the chain of calls.
//!
//! This is the only table of costs. A test compares every row with the units that the real handlers use.

/// A kind of partition key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyKind {
    /// A lane's counters.
    Head,
    /// The right to promote a lane.
    PromotionClaim,
    /// A lane's sessions.
    Sessions,
    /// The event and its dates.
    Event,
    /// The claims of a section.
    Claims,
    /// The seat map of a section.
    SeatMap,
    /// A part of the stock of general admission.
    Stock,
    /// A user's own items: queue entry, reservation, wallet, ledger. They are spread over the whole table.
    Own,
}

impl KeyKind {
    /// The prefixes of the partition keys.
    #[must_use]
    pub fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Head => &["QUEUE"],
            Self::PromotionClaim => &["PROMOTE"],
            Self::Sessions => &["SESSIONS"],
            Self::Event => &["EVENT"],
            Self::Claims => &["SEATS"],
            Self::SeatMap => &["SEATMAP"],
            Self::Stock => &["STOCK"],
            Self::Own => &["USER", "WALLET"],
        }
    }
}

/// DynamoDB's units.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Units {
    pub writes: f64,
    pub reads: f64,
}

impl Units {
    #[must_use]
    pub fn times(self, count: f64) -> Self {
        Self {
            writes: self.writes * count,
            reads: self.reads * count,
        }
    }
}

impl Units {
    /// The higher of both, for writes and for reads.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        Self {
            writes: self.writes.max(other.writes),
            reads: self.reads.max(other.reads),
        }
    }
}

impl std::ops::AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.reads += other.reads;
    }
}

/// A Lambda function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Function {
    IssueToken,
    TokenStatus,
    QueueStatus,
    LeaveQueue,
    ListDates,
    ListSeats,
    HoldSeat,
    ReserveTicket,
    CancelReservation,
    Charge,
    Pay,
    GetEvent,
    GetReservation,
}

impl Function {
    pub const ALL: [Self; 13] = [
        Self::IssueToken,
        Self::TokenStatus,
        Self::QueueStatus,
        Self::LeaveQueue,
        Self::ListDates,
        Self::ListSeats,
        Self::HoldSeat,
        Self::ReserveTicket,
        Self::CancelReservation,
        Self::Charge,
        Self::Pay,
        Self::GetEvent,
        Self::GetReservation,
    ];

    /// The name, as in `functions/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IssueToken => "issue-token",
            Self::TokenStatus => "token-status",
            Self::QueueStatus => "queue-status",
            Self::LeaveQueue => "leave-queue",
            Self::ListDates => "list-dates",
            Self::ListSeats => "list-seats",
            Self::HoldSeat => "hold-seat",
            Self::ReserveTicket => "reserve-ticket",
            Self::CancelReservation => "cancel-reservation",
            Self::Charge => "charge",
            Self::Pay => "pay",
            Self::GetEvent => "get-event",
            Self::GetReservation => "get-reservation",
        }
    }
}

/// A request, by what it makes the handler do. Caches are warm: what fills them depends on the number of processes, and is
/// counted apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// Shows the event, which is public. The process knows it.
    ViewEvent,
    /// Takes a number and waits.
    Join,
    /// Takes a number for which a slot is open.
    JoinAdmitted,
    /// Joins again while waiting, as after a reload: the same number.
    JoinAgain,
    /// Asks for the status of a waiting token.
    WaitingPoll,
    /// Asks for the public numbers.
    PublicPoll,
    /// The first request of a called user.
    Arrival,
    /// Asks for the status of a token with a live session.
    ActivePoll,
    /// Leaves the queue.
    Leave,
    /// Lists the dates. The process knows the seat maps.
    Dates,
    /// Lists the at most 500 seats of a date that has this many claims.
    Seats { claims: u32 },
    /// Lists the seats of a larger section. The process knows the seat map.
    SeatsOfMap,
    /// Holds this many seats.
    Hold { seats: u32 },
    /// A hold that is refused because a seat is taken.
    HoldRefused { seats: u32 },
    /// Buys tickets of general admission.
    Reserve,
    /// Releases a hold of this many seats.
    Release { seats: u32 },
    /// Returns this many paid seats.
    Refund { seats: u32 },
    /// Charges the wallet.
    Charge,
    /// Pays a hold of this many seats.
    Pay { seats: u32 },
    /// Shows the ticket.
    ViewTicket,
}

/// The units under one kind of key.
pub type Touch = (KeyKind, Units);

fn writes(kind: KeyKind, writes: f64) -> Touch {
    (kind, Units { writes, reads: 0.0 })
}

fn reads(kind: KeyKind, reads: f64) -> Touch {
    (kind, Units { writes: 0.0, reads })
}

/// The units of an item of up to 1 KB in a transaction.
pub const TRANSACTED: f64 = 2.0;
/// About 200 bytes each, so an eventually consistent read of 4 KB covers this many.
pub const CLAIMS_PER_HALF_UNIT: u32 = 20;
/// About 180 bytes each, so a strongly consistent read of 4 KB covers this many.
pub const SESSIONS_PER_UNIT: u64 = 23;

/// The eventually consistent read units of a section's claims.
#[must_use]
pub fn read_of_claims(claims: u32) -> f64 {
    0.5 * f64::from(claims.div_ceil(CLAIMS_PER_HALF_UNIT).max(1))
}

impl Operation {
    /// The same kind of request, whatever its size: for counts.
    #[must_use]
    pub fn kind(self) -> Self {
        match self {
            Self::Seats { .. } | Self::SeatsOfMap => Self::Seats { claims: 0 },
            Self::Hold { .. } => Self::Hold { seats: 1 },
            Self::HoldRefused { .. } => Self::HoldRefused { seats: 1 },
            Self::Release { .. } => Self::Release { seats: 1 },
            Self::Refund { .. } => Self::Refund { seats: 1 },
            Self::Pay { .. } => Self::Pay { seats: 1 },
            other => other,
        }
    }

    /// The function that answers it.
    #[must_use]
    pub fn function(self) -> Function {
        match self {
            Self::Join | Self::JoinAdmitted | Self::JoinAgain => Function::IssueToken,
            Self::WaitingPoll | Self::Arrival | Self::ActivePoll => Function::TokenStatus,
            Self::PublicPoll => Function::QueueStatus,
            Self::Leave => Function::LeaveQueue,
            Self::Dates => Function::ListDates,
            Self::Seats { .. } | Self::SeatsOfMap => Function::ListSeats,
            Self::Hold { .. } | Self::HoldRefused { .. } => Function::HoldSeat,
            Self::Reserve => Function::ReserveTicket,
            Self::Release { .. } | Self::Refund { .. } => Function::CancelReservation,
            Self::Charge => Function::Charge,
            Self::Pay { .. } => Function::Pay,
            Self::ViewEvent => Function::GetEvent,
            Self::ViewTicket => Function::GetReservation,
        }
    }

    /// The longest chain of calls to DynamoDB that wait for each other.
    #[must_use]
    pub fn calls(self) -> u32 {
        match self {
            Self::WaitingPoll | Self::PublicPoll | Self::ViewEvent => 0,
            Self::JoinAgain
            | Self::ActivePoll
            | Self::Dates
            | Self::SeatsOfMap
            | Self::Hold { .. }
            | Self::HoldRefused { .. } => 1,
            Self::Leave
            | Self::ViewTicket
            | Self::Seats { .. }
            | Self::Reserve
            | Self::Release { .. }
            | Self::Charge
            | Self::Pay { .. } => 2,
            Self::Join | Self::Arrival | Self::Refund { .. } => 3,
            Self::JoinAdmitted => 4,
        }
    }

    /// The units by kind of key.
    #[must_use]
    pub fn touches(self) -> Vec<Touch> {
        use KeyKind::{Claims, Event, Head, Own, Sessions, Stock};
        let of_seats = |seats: u32| TRANSACTED * f64::from(seats);
        match self {
            Self::Join => vec![reads(Own, 0.5), writes(Head, 1.0), writes(Own, 1.0)],
            Self::JoinAdmitted => vec![
                reads(Own, 0.5),
                writes(Head, 1.0),
                writes(Own, 1.0),
                writes(Sessions, 1.0),
            ],
            Self::JoinAgain => vec![reads(Own, 0.5)],
            Self::WaitingPoll | Self::PublicPoll | Self::ViewEvent => vec![],
            // The event and the date, by eventually consistent reads.
            Self::ViewTicket => vec![reads(Own, 1.0), reads(Event, 1.0)],
            Self::Arrival => vec![
                reads(Sessions, 0.5),
                reads(Own, 1.0),
                reads(Event, 0.5),
                writes(Sessions, 1.0),
            ],
            Self::ActivePoll | Self::Dates | Self::SeatsOfMap => vec![reads(Sessions, 0.5)],
            Self::Leave => vec![writes(Sessions, 1.0), writes(Own, 1.0)],
            Self::Seats { claims } => {
                vec![reads(Sessions, 0.5), reads(Claims, read_of_claims(claims))]
            }
            Self::Hold { seats } | Self::HoldRefused { seats } => vec![
                writes(Own, TRANSACTED),
                writes(Sessions, TRANSACTED),
                writes(Claims, of_seats(seats)),
            ],
            Self::Reserve => vec![
                reads(Own, 1.0),
                writes(Own, 3.0 * TRANSACTED),
                writes(Sessions, TRANSACTED),
                writes(Stock, TRANSACTED),
            ],
            Self::Release { seats } => vec![
                reads(Own, 1.0),
                writes(Own, TRANSACTED),
                writes(Claims, of_seats(seats)),
            ],
            Self::Refund { seats } => vec![
                reads(Own, 2.0),
                writes(Own, 3.0 * TRANSACTED),
                writes(Claims, of_seats(seats)),
            ],
            Self::Charge => vec![reads(Own, 0.5), writes(Own, 3.0 * TRANSACTED)],
            Self::Pay { seats } => vec![
                reads(Own, 2.0),
                writes(Own, 3.0 * TRANSACTED),
                writes(Sessions, TRANSACTED),
                writes(Claims, of_seats(seats)),
            ],
        }
    }
}

/// What a promotion does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PromotionWork {
    /// The sessions that it opens.
    pub opened: u64,
    /// The ranks whose grace it starts.
    pub called: u64,
    /// The sessions above the floor, which it reads.
    pub sessions: u64,
    /// Whether it reads the tombstones above the watermark, because users still wait.
    pub reads_departures: bool,
    /// The tombstones above the watermark.
    pub departures: u64,
}

impl PromotionWork {
    /// The units by kind of key, without the look at what is left to buy.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn touches(self) -> Vec<Touch> {
        let pages = |items: u64| items.div_ceil(SESSIONS_PER_UNIT).max(1) as f64;
        let mut session_reads = pages(self.sessions);
        if self.reads_departures {
            session_reads += 0.5 * pages(self.departures);
        }
        vec![
            writes(KeyKind::PromotionClaim, 1.0),
            reads(KeyKind::Event, 1.0),
            reads(KeyKind::Head, 1.0),
            reads(KeyKind::Sessions, session_reads),
            writes(KeyKind::Sessions, (self.opened + self.called) as f64),
            writes(KeyKind::Head, 1.0),
        ]
    }

    /// The chain of calls: writes of sessions are made 20 at a time.
    #[must_use]
    pub fn calls(self) -> u64 {
        6 + self.opened.div_ceil(20) + self.called.div_ceil(20)
    }
}
