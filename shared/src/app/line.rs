//! Standing in line: joining, asking, arriving, leaving.

use futures::future::try_join;

use super::App;
use crate::clock::EpochMs;
use crate::event::{Event, Programme, SaleState};
use crate::ids::{EventId, Lane, UserId};
use crate::queue::{Head, Session, Standing, Ticket};
use crate::refusal::Refusal;
use crate::store::{Arrival, Consistency, Place};
use crate::token::Token;

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

fn place_of(token: &Token) -> Place {
    Place {
        event_id: token.event_id.clone(),
        lane: token.lane,
        rank: token.rank(),
    }
}

fn token_for(user: UserId, event: &EventId, ticket: Ticket, now: EpochMs) -> Token {
    Token::new(user, event.clone(), ticket.lane, ticket.number, now)
}

/// Called, but nobody is let in now: as good as the next in line.
fn waiting_first(event: &Event, head: &Head) -> Standing {
    Standing::Waiting {
        position: 1,
        outlook: head.outlook(1, event.terms.queue.grace_seconds),
    }
}

fn waiting(event: &Event, head: &Head, token: &Token) -> Standing {
    let position = head.position(token.rank());
    Standing::Waiting {
        position,
        outlook: head.outlook(position, event.terms.queue.grace_seconds),
    }
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
        let ticket = self
            .store
            .ticket(user, event, Consistency::Eventual)
            .await?;
        let Some(ticket) = ticket else {
            return self.join_anew(user, &programme, None, now).await;
        };
        let token = token_for(user, event, ticket, now);
        match self.standing(&programme, &token, now).await? {
            Standing::Over => {
                self.join_anew(user, &programme, Some(ticket.number), now)
                    .await
            }
            standing => Ok(Joined {
                joining: Joining::Kept,
                token,
                standing,
            }),
        }
    }

    /// Takes a number. Where the same user is faster elsewhere, that number counts, and this one is left.
    async fn join_anew(
        &self,
        user: UserId,
        programme: &Programme,
        replaces: Option<u64>,
        now: EpochMs,
    ) -> Result<Joined, Refusal> {
        let event = &programme.event;
        let lane = Lane::FIRST;
        let head = self
            .store
            .take_number(&event.event_id, lane)
            .await?
            .ok_or(Refusal::EventNotFound)?;
        self.heads.put((event.event_id.clone(), lane), head, now);
        let mine = Ticket {
            lane,
            number: head.issued,
            joined_at: now,
        };
        let ticket = self.store.put_ticket(user, event, mine, replaces).await?;
        let token = token_for(user, &event.event_id, ticket, now);
        if ticket.number != mine.number {
            let lost = token_for(user, &event.event_id, mine, now);
            self.store
                .end_session(&place_of(&lost), event.keep_until(now))
                .await?;
            return Ok(Joined {
                joining: Joining::Kept,
                standing: self.standing(programme, &token, now).await?,
                token,
            });
        }
        let standing = self.standing_of_new(programme, &token, head, now).await?;
        Ok(Joined {
            joining: Joining::New,
            token,
            standing,
        })
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
        if event.sale_state(now) != SaleState::Open {
            return Ok(waiting(event, &head, token));
        }
        let is_next = head.admitted == 0 || token.number == head.admitted + 1;
        if !head.has_called(token.rank())
            && is_next
            && head.promotion_is_due(now)
            && let Some(promoted) = self.promote_in_passing(&event.event_id, token.lane).await
        {
            head = promoted;
        }
        if !head.has_called(token.rank()) {
            return Ok(waiting(event, &head, token));
        }
        match self
            .store
            .arrive(&place_of(token), token.user_id, event)
            .await?
        {
            Arrival::Inside { expires_at } => Ok(Standing::Active { expires_at }),
            Arrival::Missed => Ok(Standing::Over),
        }
    }

    /// Where a token's number stands. A called user who asks has arrived.
    pub async fn standing(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<Standing, Refusal> {
        let head = self.head(programme, token.lane, now).await?;
        if !head.has_called(token.rank()) {
            return Ok(Self::not_called(programme, &head, token, now));
        }
        let session = self
            .store
            .session(&place_of(token), Consistency::Eventual)
            .await?;
        self.called(programme, &head, token, session, now).await
    }

    /// The same for who wants to shop: the session is looked at first, for a living one admits whatever a cached
    /// head says.
    pub async fn admit(
        &self,
        programme: &Programme,
        token: &Token,
        now: EpochMs,
    ) -> Result<(), Refusal> {
        let session = self
            .store
            .session(&place_of(token), Consistency::Eventual)
            .await?;
        match session {
            Some(session) if session.is_live(now) => return Ok(()),
            // The end of every session: an old read is as good as a new one. Also of who left while waiting.
            Some(Session::Ended) => return Err(Refusal::TurnOver),
            Some(_) | None => {}
        }
        let head = self.head(programme, token.lane, now).await?;
        let standing = if head.has_called(token.rank()) {
            self.called(programme, &head, token, session, now).await?
        } else {
            Self::not_called(programme, &head, token, now)
        };
        match standing {
            Standing::Active { .. } => Ok(()),
            Standing::Over => Err(Refusal::TurnOver),
            Standing::Waiting { position, outlook } => Err(Refusal::NotAdmitted {
                position,
                poll_after: outlook.poll_after,
            }),
        }
    }

    /// Nobody is called any more once the sale is closed: waiting must end by itself.
    fn not_called(programme: &Programme, head: &Head, token: &Token, now: EpochMs) -> Standing {
        match programme.event.sale_state(now) {
            SaleState::Closed => Standing::Over,
            SaleState::NotOpen | SaleState::Paused | SaleState::Open => {
                waiting(&programme.event, head, token)
            }
        }
    }

    /// A rank at or under the watermark. `session` is what an eventually consistent read said; only a consistent one
    /// may say that the turn is over.
    async fn called(
        &self,
        programme: &Programme,
        head: &Head,
        token: &Token,
        session: Option<Session>,
        now: EpochMs,
    ) -> Result<Standing, Refusal> {
        let event = &programme.event;
        let grace = event.terms.queue.grace_seconds;
        let may_come = |session: &Session| session.awaits(now, event.control, grace);
        let session = match session {
            Some(Session::Ended) => return Ok(Standing::Over),
            Some(session) if session.is_live(now) || may_come(&session) => Some(session),
            _ => {
                self.store
                    .session(&place_of(token), Consistency::Strong)
                    .await?
            }
        };
        match session {
            Some(Session::Live { expires_at, .. }) if expires_at > now => {
                Ok(Standing::Active { expires_at })
            }
            Some(session) if may_come(&session) => self.arrive(head, token, now).await,
            _ => Ok(Standing::Over),
        }
    }

    /// The first request of a called user: the number must still be the user's, and the queue must move.
    async fn arrive(&self, head: &Head, token: &Token, now: EpochMs) -> Result<Standing, Refusal> {
        let (ticket, event) = try_join(
            self.store
                .ticket(token.user_id, &token.event_id, Consistency::Strong),
            self.store.event(&token.event_id, Consistency::Eventual),
        )
        .await?;
        let event = event.ok_or(Refusal::EventNotFound)?;
        if ticket.is_none_or(|ticket| ticket.number != token.number) {
            return Ok(Standing::Over);
        }
        match event.sale_state(now) {
            SaleState::Closed => return Ok(Standing::Over),
            SaleState::NotOpen | SaleState::Paused => return Ok(waiting_first(&event, head)),
            SaleState::Open => {}
        }
        match self
            .store
            .arrive(&place_of(token), token.user_id, &event)
            .await?
        {
            Arrival::Inside { expires_at } => Ok(Standing::Active { expires_at }),
            Arrival::Missed => Ok(Standing::Over),
        }
    }

    /// Leaves: the place is free for the next, and the token's number is never called (again). What is held stays
    /// payable.
    pub async fn leave(&self, token: &Token, now: EpochMs) -> Result<(), Refusal> {
        let keep_until = match self.programme(&token.event_id, now).await {
            Ok(programme) => programme.event.keep_until(now),
            Err(Refusal::EventNotFound) => now,
            Err(refusal) => return Err(refusal),
        };
        self.store.end_session(&place_of(token), keep_until).await?;
        self.store
            .delete_ticket(token.user_id, &token.event_id, token.number)
            .await?;
        Ok(())
    }
}
