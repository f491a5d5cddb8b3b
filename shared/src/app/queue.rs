//! The queue operations: join, poll, arrive, leave.

use futures::future::try_join;

use super::App;
use super::promotion::has_work;
use crate::metrics::Count;
use crate::store::{Arrival, CodeUse, Consistency, Entered, SessionKey, StoreError, TurnEnd};
use crate::token::Token;
use domain::access_code::AccessCode;
use domain::clock::EpochMs;
use domain::event::{Event, Programme, SaleState};
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::presale::Joining;
use domain::queue::{
    Head, OUTDATED_MS, Order, QueueEntry, Reissue, Session, TokenStatus, Turn, WaitEstimate,
};
use domain::refusal::Refusal;

/// How often a requeueing user's entry is replaced again because a parallel request of the same
/// user was faster.
const ATTEMPTS: usize = 25;

/// Whether joining issued a new number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinOutcome {
    /// A number was issued.
    New,
    /// The user already had a number and keeps it.
    Kept,
}

/// The result of joining.
#[derive(Clone, PartialEq, Debug)]
pub struct Joined {
    pub outcome: JoinOutcome,
    pub token: Token,
    pub status: TokenStatus,
}

pub(super) fn session_key(token: &Token, rank: Rank) -> SessionKey {
    SessionKey {
        event_id: token.event_id.clone(),
        lane: token.lane,
        rank,
    }
}

fn token_for(user: UserId, event: &EventId, entry: QueueEntry, now: EpochMs) -> Token {
    Token::new(user, event.clone(), entry.lane, entry.number, now)
}

/// How to end a number's turn, depending on whether its rank is known.
fn turn_end(event: &Event, lane: Lane, number: u64, head: &Head) -> TurnEnd {
    match event.ranking(lane, head).rank_of(number) {
        Some(rank) => TurnEnd::At(SessionKey {
            event_id: event.event_id.clone(),
            lane,
            rank,
        }),
        None => TurnEnd::BeforeDraw {
            event_id: event.event_id.clone(),
            lane,
            number,
        },
    }
}

/// The state of a number that has not been called, or that was called but cannot be admitted now.
/// The latter counts as next in line.
fn waiting(event: &Event, head: &Head, rank: Option<Rank>, now: EpochMs) -> Turn {
    let queue = event.queue();
    let in_lane = rank.map(|rank| head.position(rank));
    let shortage = head.shortage_at(now);
    let estimate = if let Some(opens_at) = event.next_opening(now) {
        WaitEstimate::before(opens_at, now, queue.grace_seconds)
    } else {
        let estimate = head.wait_estimate(in_lane, queue.grace_seconds);
        if event.sale_state(now) == SaleState::Open && shortage.is_none() {
            estimate
        } else {
            estimate.without_time()
        }
    };
    Turn::Waiting {
        // All lanes move at the same speed, so about as many users are ahead in each of them.
        position: in_lane.map(|position| position.saturating_mul(queue.lanes.count().into())),
        estimate,
        shortage,
    }
}

/// Whether a refusal means that nothing was written, so that a number that was taken is nobody's.
fn is_final(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::CodeInvalid | Refusal::CodeUsedUp)
}

fn event_draws(event: &Event) -> bool {
    event.terms.queue.order == Order::Draw
}

impl App {
    /// Joins the queue. The user keeps an existing number, or gets a new one at the end. Before the general sale, a new number
    /// needs a code of a presale, as people type it.
    pub async fn join(
        &self,
        user: UserId,
        event: &EventId,
        code: Option<&str>,
        now: EpochMs,
    ) -> Result<Joined, Refusal> {
        let programme = self.programme(event, now).await?;
        super::check_not_closed(&programme.event, now)?;
        let mut entry = self
            .store
            .queue_entry(user, event, Consistency::Eventual)
            .await?;
        if let Some(left) = entry.filter(|entry| entry.can_come_back(now)) {
            self.come_back(user, &programme.event, &left).await?;
            // Another request of the same user may have been faster.
            entry = self
                .store
                .queue_entry(user, event, Consistency::Strong)
                .await?;
        }
        let in_line = entry.filter(|entry| {
            // Who brings a code for the seats during the turn does not give the turn up.
            let keeps = programme.event.terms.queue.reissue == Reissue::Keep || code.is_some();
            entry.left_at.is_none() && (keeps || entry.is_new(now))
        });
        let Some(entry) = in_line else {
            return self
                .join_with_new_number(user, &programme, entry, code, now)
                .await;
        };
        let token = token_for(user, event, entry, now);
        let status = self.token_status(&programme, &token, now).await?;
        if status.turn == Turn::Over {
            return self
                .join_with_new_number(user, &programme, Some(entry), code, now)
                .await;
        }
        if let Some(code) = code {
            Box::pin(self.add_code(user, event, code)).await?;
        }
        Ok(Joined {
            outcome: JoinOutcome::Kept,
            token,
            status,
        })
    }

    /// A user in line adds a code, which may open a channel.
    async fn add_code(&self, user: UserId, event: &EventId, code: &str) -> Result<(), Refusal> {
        let code = AccessCode::parse(code).map_err(|_| Refusal::CodeInvalid)?;
        let hash = code.hash(event);
        for _ in 0..ATTEMPTS {
            let (issued, is_known) = self.store.code_for(user, event, &hash).await?;
            let issued = issued.ok_or(Refusal::CodeInvalid)?;
            if is_known {
                return Ok(());
            }
            issued.check(&Joining::Free, is_known)?;
            let first = CodeUse {
                hash: hash.clone(),
                channel: issued.channel,
            };
            // Who is in line needs no code of a presale.
            if first.channel.is_none() || self.store.use_code(user, event, &first).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Takes a departure back, unless a promotion has passed the rank: the user waits again, with
    /// the same number.
    async fn come_back(
        &self,
        user: UserId,
        event: &Event,
        left: &QueueEntry,
    ) -> Result<(), Refusal> {
        let id = &event.event_id;
        let (head, drew) = match event.terms.queue.order {
            Order::Arrival => (Head::default(), false),
            Order::Draw => {
                let head = self.store.head(id, left.lane, Consistency::Strong).await?;
                let head = head.ok_or(Refusal::EventNotFound)?;
                let count = head.draw.and_then(|draw| draw.count);
                (head, count.is_none_or(|count| left.number <= count))
            }
        };
        let rank = event.ranking(left.lane, &head).rank_of(left.number);
        let session = rank.map(|rank| SessionKey {
            event_id: id.clone(),
            lane: left.lane,
            rank,
        });
        // Refused or not: the caller reads the entry again.
        self.store
            .return_to_line(user, event, left, session.as_ref(), drew)
            .await?;
        Ok(())
    }

    /// Issues a number. If a parallel request of the same user was faster, its number is used and
    /// this one is abandoned.
    async fn join_with_new_number(
        &self,
        user: UserId,
        programme: &Programme,
        former: Option<QueueEntry>,
        code: Option<&str>,
        now: EpochMs,
    ) -> Result<Joined, Refusal> {
        let event = &programme.event;
        // Before a number is taken: who guesses codes takes none.
        let code = self.check_code(user, event, code, now).await?;
        let lane = event.terms.queue.lanes.of(user);
        let Some(head) = self.store.take_number(event, lane).await? else {
            // The lane was closed, so the cached policies are out of date.
            self.programmes.forget(&event.event_id);
            return Err(StoreError::Conflict.into());
        };
        self.remember_head(&event.event_id, lane, &head, now);
        let mine = QueueEntry {
            lane,
            number: head.issued,
            joined_at: now,
            left_at: None,
        };
        let stored = match code {
            None => self.store_entry(user, event, mine, former, &head).await,
            // Boxed, because a number without a code must not be slower.
            Some(code) => {
                Box::pin(self.store_entry_with_code(user, event, mine, former, &head, code)).await
            }
        };
        let entry = match stored {
            Ok(entry) => entry,
            Err(refusal) => {
                if is_final(&refusal) {
                    self.end_turn(event, mine.lane, mine.number, &head, now)
                        .await?;
                }
                return Err(refusal);
            }
        };
        let token = token_for(user, &event.event_id, entry, now);
        if entry.number != mine.number {
            self.end_turn(event, mine.lane, mine.number, &head, now)
                .await?;
            return Ok(Joined {
                outcome: JoinOutcome::Kept,
                status: self.token_status(programme, &token, now).await?,
                token,
            });
        }
        self.metrics().add(Count::Joins, 1);
        if mine.number <= head.admitted {
            // A slot is open for this number, so no promotion will count its admission.
            self.metrics().add(Count::Admissions, 1);
        }
        let status = self
            .status_of_new_number(programme, &token, &head, now)
            .await?;
        Ok(Joined {
            outcome: JoinOutcome::New,
            token,
            status,
        })
    }

    /// Stores the user's entry. If it replaces another one, that number's turn ends in the same
    /// step. If parallel requests of the same user issue several numbers, the first stored entry is
    /// used; if the event requeues, the highest number.
    async fn store_entry(
        &self,
        user: UserId,
        event: &Event,
        mine: QueueEntry,
        former: Option<QueueEntry>,
        head: &Head,
    ) -> Result<QueueEntry, Refusal> {
        if event.terms.queue.reissue == Reissue::Keep {
            let replaces = former.map(|former| former.number);
            return Ok(self
                .store
                .put_queue_entry(user, event, mine, replaces)
                .await?);
        }
        let mut former = former;
        for _ in 0..ATTEMPTS {
            let in_force = match former {
                None => self.store.put_queue_entry(user, event, mine, None).await?,
                Some(former) => {
                    let end = turn_end(event, former.lane, former.number, head);
                    let in_force = self
                        .store
                        .replace_queue_entry(user, event, mine, former.number, &end)
                        .await?;
                    if in_force.number == mine.number {
                        self.complete_departure(event, &end, mine.joined_at).await?;
                    }
                    in_force
                }
            };
            if in_force.number >= mine.number {
                return Ok(in_force);
            }
            former = Some(in_force);
        }
        Err(StoreError::OwnConflict.into())
    }

    /// Checks the user's code, and whether one is needed. Returns the code if its use has to be counted: this user's first one.
    async fn check_code(
        &self,
        user: UserId,
        event: &Event,
        code: Option<&str>,
        now: EpochMs,
    ) -> Result<Option<CodeUse>, Refusal> {
        let joining = event.joining(now);
        let code = match code {
            Some(code) => code,
            None if joining.needs_code() => return Err(Refusal::CodeRequired),
            None => return Ok(None),
        };
        // Most typing errors, and most guesses, cost no read.
        let code = AccessCode::parse(code).map_err(|_| Refusal::CodeInvalid)?;
        let hash = code.hash(&event.event_id);
        // Boxed, because joining without a code must not be slower.
        let found = Box::pin(self.store.code_for(user, &event.event_id, &hash));
        let (issued, is_known) = found.await?;
        let issued = issued.ok_or(Refusal::CodeInvalid)?;
        issued.check(&joining, is_known)?;
        // In the general sale, a code of a presale changes nothing, so it does not count.
        let counts = joining.needs_code() || issued.channel.is_some();
        Ok((!is_known && counts).then_some(CodeUse {
            hash,
            channel: issued.channel,
        }))
    }

    /// The same as [`App::store_entry`], and counts the use of a code in the same step. A code that has changed since it was read
    /// is read again.
    async fn store_entry_with_code(
        &self,
        user: UserId,
        event: &Event,
        mine: QueueEntry,
        former: Option<QueueEntry>,
        head: &Head,
        code: CodeUse,
    ) -> Result<QueueEntry, Refusal> {
        let requeues = event.terms.queue.reissue == Reissue::Requeue;
        let mut former = former;
        for _ in 0..ATTEMPTS {
            let replaces = former.map(|former| former.number);
            let end = former
                .filter(|_| requeues)
                .map(|former| turn_end(event, former.lane, former.number, head));
            let entered = self
                .store
                .enter_with_code(user, event, mine, replaces, end.as_ref(), &code)
                .await?;
            match entered {
                Entered::InForce(entry) if entry.number == mine.number => {
                    if let Some(end) = &end {
                        self.complete_departure(event, end, mine.joined_at).await?;
                    }
                    return Ok(entry);
                }
                Entered::InForce(entry) if !requeues || entry.number > mine.number => {
                    return Ok(entry);
                }
                Entered::InForce(entry) => former = Some(entry),
                Entered::CodeChanged => {
                    let id = &event.event_id;
                    let (issued, is_known) = self.store.code_for(user, id, &code.hash).await?;
                    let issued = issued.ok_or(Refusal::CodeInvalid)?;
                    issued.check(&Joining::Free, is_known)?;
                    if is_known {
                        // A parallel request has counted it.
                        return self.store_entry(user, event, mine, former, head).await;
                    }
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The status of a number that was just issued. The user is admitted at once if a slot is open
    /// for it. If nobody has been called yet or nobody is waiting ahead, this request runs a
    /// promotion, so that a user who joins an idle queue is admitted in the first response. So it
    /// does if nobody has polled for some seconds: users ahead may have left.
    async fn status_of_new_number(
        &self,
        programme: &Programme,
        token: &Token,
        head: &Head,
        now: EpochMs,
    ) -> Result<TokenStatus, Refusal> {
        let event = &programme.event;
        let mut head = *head;
        let rank = event.ranking(token.lane, &head).rank_of(token.number);
        let status = |turn| {
            Ok(TokenStatus {
                cancelled_at: event.cancelled_at(None),
                rank,
                turn,
            })
        };
        let Some(known) = rank.filter(|_| event.sale_state(now) == SaleState::Open) else {
            return status(waiting(event, &head, rank, now));
        };
        let is_next = head.admitted == 0 || head.position(known) == 1;
        let age = head.promoted_at.and_then(|at| at.age_at(now));
        let is_outdated = age.is_none_or(|age| age >= OUTDATED_MS);
        if !head.has_called(known)
            && (is_next || is_outdated)
            && has_work(event, &head, now)
            && head.promotion_is_due(now)
            && let Some(promoted) = self.try_promote(&event.event_id, token.lane).await
        {
            head = promoted;
        }
        if !head.has_called(known) {
            return status(waiting(event, &head, rank, now));
        }
        match self
            .store
            .arrive(&session_key(token, known), token.user_id, event)
            .await?
        {
            Arrival::Inside { expires_at } => status(Turn::Active { expires_at }),
            Arrival::Missed => status(Turn::Over),
        }
    }

    /// A token's rank. `None` before the draw.
    pub(super) async fn rank(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<Option<Rank>, Refusal> {
        let event = &programme.event;
        if event.terms.queue.order == Order::Arrival {
            return Ok(Some(Rank(token.number)));
        }
        // A draw is held once, so a head of any age that has it is good enough.
        let known = self.heads.any(&(token.event_id.clone(), token.lane));
        if let Some(rank) =
            known.and_then(|head| event.ranking(token.lane, &head).rank_of(token.number))
        {
            return Ok(Some(rank));
        }
        let head = self.head(programme, token.lane, now).await?;
        Ok(event.ranking(token.lane, &head).rank_of(token.number))
    }

    /// The head that decides whether a number has been called. A head that was cached before the
    /// number was issued may have an open slot for it that has been withdrawn since. A head that
    /// includes the number cannot.
    async fn head_for(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<Head, Refusal> {
        let head = self.head(programme, token.lane, now).await?;
        if token.number <= head.issued {
            return Ok(head);
        }
        self.read_head(
            &programme.event.event_id,
            token.lane,
            Consistency::Strong,
            now,
        )
        .await
    }

    /// The status of a token's number. If the user has been called, this request is the arrival.
    pub async fn token_status(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<TokenStatus, Refusal> {
        let head = self.head_for(programme, token, now).await?;
        let rank = programme
            .event
            .ranking(token.lane, &head)
            .rank_of(token.number);
        let turn = match rank.filter(|rank| head.has_called(*rank)) {
            None => self.not_called(programme, &head, token, rank, now).await?,
            Some(rank) => {
                let session = self
                    .store
                    .session(&session_key(token, rank), Consistency::Eventual)
                    .await?;
                self.called(programme, &head, token, rank, session, now)
                    .await?
            }
        };
        Ok(TokenStatus {
            cancelled_at: programme.event.cancelled_at(None),
            rank,
            turn,
        })
    }

    /// Checks that the user is admitted. The session is read first, because a live session admits
    /// whatever a cached head says.
    pub async fn admit(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let rank = self.rank(programme, token, now).await?;
        let mut session = None;
        if let Some(rank) = rank {
            session = self
                .store
                .session(&session_key(token, rank), Consistency::Eventual)
                .await?;
            match session {
                Some(session) if session.is_live(now) => return Ok(()),
                // This is final, so an eventually consistent read is enough. It includes users who
                // left while waiting.
                Some(Session::Ended { .. }) => return Err(Refusal::TurnOver),
                Some(_) | None => {}
            }
        }
        let head = self.head_for(programme, token, now).await?;
        let turn = match rank.filter(|rank| head.has_called(*rank)) {
            Some(rank) => {
                self.called(programme, &head, token, rank, session, now)
                    .await?
            }
            None => self.not_called(programme, &head, token, rank, now).await?,
        };
        match turn {
            Turn::Active { .. } => Ok(()),
            Turn::Over => Err(Refusal::TurnOver),
            // A user who left before the draw has no tombstone, only no entry.
            Turn::Waiting { .. }
                if event_draws(&programme.event) && !self.is_in_force(token).await? =>
            {
                Err(Refusal::TurnOver)
            }
            Turn::Waiting {
                position, estimate, ..
            } => Err(Refusal::NotAdmitted {
                position,
                poll_after: estimate.poll_after,
            }),
        }
    }

    /// The state of a rank that has not been called. Once the sale has closed, nobody is called any
    /// more, so waiting ends. If the event requeues, a replaced number is over at once; only then
    /// does a waiting user's poll read an item.
    async fn not_called(
        &self,
        programme: &Programme,
        head: &Head,
        token: &Token,
        rank: Option<Rank>,
        now: EpochMs,
    ) -> Result<Turn, Refusal> {
        let event = &programme.event;
        if event.sale_state(now) == SaleState::Closed {
            return Ok(Turn::Over);
        }
        if event.terms.queue.reissue == Reissue::Requeue && !self.is_in_force(token).await? {
            return Ok(Turn::Over);
        }
        Ok(waiting(event, head, rank, now))
    }

    /// Whether the number still belongs to its user. Only a strongly consistent read can deny it.
    async fn is_in_force(&self, token: &Token) -> Result<bool, Refusal> {
        for consistency in [Consistency::Eventual, Consistency::Strong] {
            let entry = self
                .store
                .queue_entry(token.user_id, &token.event_id, consistency)
                .await?;
            if entry.is_some_and(|entry| entry.is_in_force(token.number)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The state of a called rank. `session` comes from an eventually consistent read; only a
    /// strongly consistent one can show that the turn is over.
    async fn called(
        &self,
        programme: &Programme,
        head: &Head,
        token: &Token,
        rank: Rank,
        session: Option<Session>,
        now: EpochMs,
    ) -> Result<Turn, Refusal> {
        let event = &programme.event;
        let may_come = |session: &Session| session.awaits(now, event.control.pause);
        let session = match session {
            Some(Session::Ended { .. }) => return Ok(Turn::Over),
            Some(session) if session.is_live(now) || may_come(&session) => Some(session),
            _ => {
                self.store
                    .session(&session_key(token, rank), Consistency::Strong)
                    .await?
            }
        };
        match session {
            Some(Session::Live { expires_at, .. }) if expires_at > now => {
                Ok(Turn::Active { expires_at })
            }
            Some(session) if may_come(&session) => {
                self.arrive(head, token, rank, session, now).await
            }
            _ => Ok(Turn::Over),
        }
    }

    /// The first request of a called user. The number must still belong to the user, and the queue
    /// must not be paused.
    async fn arrive(
        &self,
        head: &Head,
        token: &Token,
        rank: Rank,
        session: Session,
        now: EpochMs,
    ) -> Result<Turn, Refusal> {
        let (entry, event) = try_join(
            self.store
                .queue_entry(token.user_id, &token.event_id, Consistency::Strong),
            self.store.event(&token.event_id, Consistency::Eventual),
        )
        .await?;
        let event = event.ok_or(Refusal::EventNotFound)?;
        if !entry.is_some_and(|entry| entry.is_in_force(token.number)) {
            return Ok(Turn::Over);
        }
        match event.sale_state(now) {
            SaleState::Closed => return Ok(Turn::Over),
            // Called in a presale that has ended since: the grace is theirs.
            SaleState::NotOpen
                if event.has_opened(now) && matches!(session, Session::Called { .. }) => {}
            SaleState::NotOpen | SaleState::Paused => {
                return Ok(waiting(&event, head, Some(rank), now));
            }
            SaleState::Open => {}
        }
        match self
            .store
            .arrive(&session_key(token, rank), token.user_id, &event)
            .await?
        {
            Arrival::Inside { expires_at } => Ok(Turn::Active { expires_at }),
            Arrival::Missed => Ok(Turn::Over),
        }
    }

    /// Leaves the queue: the slot becomes free, and the number is never called (again). A hold
    /// remains payable.
    pub async fn leave(&self, token: &Token, now: EpochMs) -> Result<(), Refusal> {
        let programme = match self.programme(&token.event_id, now).await {
            Ok(programme) => programme,
            // Nothing to leave.
            Err(Refusal::EventNotFound) => return Ok(()),
            Err(refusal) => return Err(refusal),
        };
        let event = &programme.event;
        let head = match event.terms.queue.order {
            Order::Arrival => Head::default(),
            Order::Draw => self.head(&programme, token.lane, now).await?,
        };
        self.end_turn(event, token.lane, token.number, &head, now)
            .await?;
        self.store
            .mark_as_left(token.user_id, &token.event_id, token.number)
            .await?;
        Ok(())
    }

    async fn end_turn(
        &self,
        event: &Event,
        lane: Lane,
        number: u64,
        head: &Head,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let end = turn_end(event, lane, number, head);
        self.store.end_turn(&end, event.keep_until(now)).await?;
        self.complete_departure(event, &end, now).await
    }

    /// Completes a departure before the draw. Promotions look for its mark. A promotion that looked
    /// just before the mark was written may have called the rank. In that case the draw has been
    /// held by now, and the session at the rank is ended.
    async fn complete_departure(
        &self,
        event: &Event,
        end: &TurnEnd,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let TurnEnd::BeforeDraw { lane, number, .. } = end else {
            return Ok(());
        };
        let (head, current) = self.store.head_and_event(&event.event_id, *lane).await?;
        let (Some(head), Some(current)) = (head, current) else {
            return Ok(());
        };
        let end = turn_end(&current, *lane, *number, &head);
        if matches!(end, TurnEnd::At(_)) {
            self.store.end_turn(&end, event.keep_until(now)).await?;
        }
        Ok(())
    }
}
