//! Standing in line: joining, asking, arriving, leaving.

use futures::future::try_join;

use super::App;
use super::promotion::has_work;
use crate::metrics::Count;
use crate::store::{Arrival, Consistency, SessionKey, StoreError, TurnEnd};
use crate::token::Token;
use domain::clock::EpochMs;
use domain::event::{Event, Programme, SaleState};
use domain::ids::{EventId, Lane, Rank, UserId};
use domain::queue::{Head, Order, Outlook, QueueEntry, Reissue, Session, Standing, Turn};
use domain::refusal::Refusal;

/// So often a place is given up for a new one while the same user does so elsewhere: each time another tab was faster.
const ATTEMPTS: usize = 25;

/// Whether a place in line is a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Joining {
    /// A number was taken.
    New,
    /// The user was in line already, and keeps the place.
    Kept,
}

/// A user in line.
#[derive(Clone, PartialEq, Debug)]
pub struct Joined {
    pub joining: Joining,
    pub token: Token,
    pub standing: Standing,
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

/// What ends a number's turn: with what is known of the draw by now.
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

/// Who is not called, or not let in now although called: then as good as the next in line.
fn waiting(event: &Event, head: &Head, rank: Option<Rank>, now: EpochMs) -> Turn {
    let queue = event.queue();
    let in_lane = rank.map(|rank| head.position(rank));
    let outlook = match event.terms.opens_at {
        Some(opens_at) if opens_at > now => Outlook::before(opens_at, now, queue.grace_seconds),
        Some(_) | None => head.outlook(in_lane, queue.grace_seconds),
    };
    Turn::Waiting {
        // The lanes move alike, so those ahead in all of them are about as many times more.
        position: in_lane.map(|position| position.saturating_mul(queue.lanes.count().into())),
        outlook,
    }
}

fn event_draws(event: &Event) -> bool {
    event.terms.queue.order == Order::Draw
}

impl App {
    /// Joins the queue: the place that the user has, or a new one at the end.
    pub async fn join(
        &self,
        user: UserId,
        event: &EventId,
        now: EpochMs,
    ) -> Result<Joined, Refusal> {
        let programme = self.programme(event, now).await?;
        if programme.event.sale_state(now) == SaleState::Closed {
            return Err(Refusal::NotOpen("the sale is closed"));
        }
        let entry = self
            .store
            .queue_entry(user, event, Consistency::Eventual)
            .await?;
        let Some(entry) = entry else {
            return self.join_anew(user, &programme, None, now).await;
        };
        if programme.event.terms.queue.reissue == Reissue::Requeue {
            return self.join_anew(user, &programme, Some(entry), now).await;
        }
        let token = token_for(user, event, entry, now);
        let standing = self.standing(&programme, &token, now).await?;
        if standing.turn == Turn::Over {
            return self.join_anew(user, &programme, Some(entry), now).await;
        }
        Ok(Joined {
            joining: Joining::Kept,
            token,
            standing,
        })
    }

    /// Takes a number. Where the same user is faster elsewhere, that number counts, and this one is left.
    async fn join_anew(
        &self,
        user: UserId,
        programme: &Programme,
        former: Option<QueueEntry>,
        now: EpochMs,
    ) -> Result<Joined, Refusal> {
        let event = &programme.event;
        let lane = event.terms.queue.lanes.of(user);
        let Some(head) = self.store.take_number(event, lane).await? else {
            // The lane was closed: the policies that this process knows are of before that.
            self.programmes.forget(&event.event_id);
            return Err(StoreError::Conflict.into());
        };
        self.heads.put((event.event_id.clone(), lane), head, now);
        let mine = QueueEntry {
            lane,
            number: head.issued,
            joined_at: now,
        };
        let entry = self.stand_in_line(user, event, mine, former, &head).await?;
        let token = token_for(user, &event.event_id, entry, now);
        if entry.number != mine.number {
            self.end_turn(event, mine.lane, mine.number, &head, now)
                .await?;
            return Ok(Joined {
                joining: Joining::Kept,
                standing: self.standing(programme, &token, now).await?,
                token,
            });
        }
        self.metrics().add(Count::Joins, 1);
        if mine.number <= head.admitted {
            // A place was kept; no promotion calls this number.
            self.metrics().add(Count::Admissions, 1);
        }
        let standing = self.standing_of_new(programme, &token, head, now).await?;
        Ok(Joined {
            joining: Joining::New,
            token,
            standing,
        })
    }

    /// Puts the user's entry, and where that gives up a place, ends that turn with it. Of several numbers that the same
    /// user takes at the same time the first entry counts; where each replaces the last, the highest number.
    async fn stand_in_line(
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
        Err(StoreError::Conflict.into())
    }

    /// A number that was just handed out: inside at once where a place was kept for it. Where nobody has been called
    /// yet, or nobody waits ahead, the newcomer promotes, so that an idle event lets in by the first answer.
    async fn standing_of_new(
        &self,
        programme: &Programme,
        token: &Token,
        mut head: Head,
        now: EpochMs,
    ) -> Result<Standing, Refusal> {
        let event = &programme.event;
        let rank = event.ranking(token.lane, &head).rank_of(token.number);
        let standing = |turn| Ok(Standing { rank, turn });
        let Some(known) = rank.filter(|_| event.sale_state(now) == SaleState::Open) else {
            return standing(waiting(event, &head, rank, now));
        };
        let is_next = head.admitted == 0 || known.0 == head.admitted + 1;
        if !head.has_called(known)
            && is_next
            && has_work(event, &head, now)
            && head.promotion_is_due(now)
            && let Some(promoted) = self.try_promote(&event.event_id, token.lane).await
        {
            head = promoted;
        }
        if !head.has_called(known) {
            return standing(waiting(event, &head, rank, now));
        }
        match self
            .store
            .arrive(&session_key(token, known), token.user_id, event)
            .await?
        {
            Arrival::Inside { expires_at } => standing(Turn::Active { expires_at }),
            Arrival::Missed => standing(Turn::Over),
        }
    }

    /// A token's rank; none before the draw.
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
        // A draw is held once: a head of whatever age that knows it will do.
        let known = self.heads.any(&(token.event_id.clone(), token.lane));
        if let Some(rank) =
            known.and_then(|head| event.ranking(token.lane, &head).rank_of(token.number))
        {
            return Ok(Some(rank));
        }
        let head = self.head(programme, token.lane, now).await?;
        Ok(event.ranking(token.lane, &head).rank_of(token.number))
    }

    /// The head by which it is told whether a number has been called. One that was cached before the number was handed out
    /// may have kept a place for it that has been taken back since; one that knows the number may not.
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

    /// Where a token's number stands. A called user who asks has arrived.
    pub async fn standing(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<Standing, Refusal> {
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
        Ok(Standing { rank, turn })
    }

    /// The same for who wants to shop: the session is looked at first, for a living one admits whatever a cached
    /// head says.
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
                // The end of every session: an old read is as good as a new one. Also of who left while waiting.
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
            // Who left before the draw left no tombstone, only no entry.
            Turn::Waiting { .. }
                if event_draws(&programme.event) && !self.is_in_force(token).await? =>
            {
                Err(Refusal::TurnOver)
            }
            Turn::Waiting { position, outlook } => Err(Refusal::NotAdmitted {
                position,
                poll_after: outlook.poll_after,
            }),
        }
    }

    /// Nobody is called any more once the sale is closed: waiting must end by itself. And where a new token ends the old
    /// one's place, that one is dead at once; only there does a poll of who waits read anything.
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

    /// Whether the token's number is still its user's. Only a consistent read may say that it is not.
    async fn is_in_force(&self, token: &Token) -> Result<bool, Refusal> {
        for consistency in [Consistency::Eventual, Consistency::Strong] {
            let entry = self
                .store
                .queue_entry(token.user_id, &token.event_id, consistency)
                .await?;
            if entry.is_some_and(|entry| entry.number == token.number) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A rank at or under the watermark. `session` is what an eventually consistent read said; only a consistent one
    /// may say that the turn is over.
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
        let grace = event.terms.queue.grace_seconds;
        let may_come = |session: &Session| session.awaits(now, event.control.pause, grace);
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
            Some(session) if may_come(&session) => self.arrive(head, token, rank, now).await,
            _ => Ok(Turn::Over),
        }
    }

    /// The first request of a called user: the number must still be the user's, and the queue must move.
    async fn arrive(
        &self,
        head: &Head,
        token: &Token,
        rank: Rank,
        now: EpochMs,
    ) -> Result<Turn, Refusal> {
        let (entry, event) = try_join(
            self.store
                .queue_entry(token.user_id, &token.event_id, Consistency::Strong),
            self.store.event(&token.event_id, Consistency::Eventual),
        )
        .await?;
        let event = event.ok_or(Refusal::EventNotFound)?;
        if entry.is_none_or(|entry| entry.number != token.number) {
            return Ok(Turn::Over);
        }
        match event.sale_state(now) {
            SaleState::Closed => return Ok(Turn::Over),
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

    /// Leaves: the place is free for the next, and the token's number is never called (again). What is held stays
    /// payable.
    pub async fn leave(&self, token: &Token, now: EpochMs) -> Result<(), Refusal> {
        let programme = match self.programme(&token.event_id, now).await {
            Ok(programme) => programme,
            // Then there is nothing to leave.
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
            .delete_queue_entry(token.user_id, &token.event_id, token.number)
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

    /// Who left before the draw left a mark, which promotions look for. One that looked just before it was made has called
    /// the rank: then the draw has been held by now, and the rank can be ended.
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
