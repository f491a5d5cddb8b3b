//! Plays a person against a server, from opening the page to the ticket. What a person does follows from [`crate::crowd`].
//! Waiting follows the shop (web/js/queue.js): it polls the queue's public numbers by their hints, and asks about its own
//! place when these say that it has been called.

use std::time::{Duration, Instant};

use domain::ids::UserId;
use fastrand::Rng;
use serde::Deserialize;
use serde_json::json;

use super::client::{Answer, Call, Endpoint, Unanswered};
use super::sale::{Identity, Sale};
use super::tally::{Ending, Promise, Wait};
use crate::crowd::{
    Act, BOT_PAUSE, MOST_REJOINS, Outcome, Parting, Person, PollHints, Turn, TurnEnd, Waiting,
};

/// A step that may end the person's part.
type Step<T> = Result<T, Ending>;

/// A request is sent at most this many times. With the pauses between them, this takes about seven minutes.
const MOST_ATTEMPTS: u32 = 32;
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);
/// Numbers may be this old: a head is cached for a second, and a CDN keeps the answer for another.
const STALENESS: Duration = Duration::from_secs(2);
/// Within this time after taking a number, every event keeps it when its user joins again.
const NUMBER_IS_KEPT: Duration = Duration::from_secs(50);
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceView {
    token: Option<String>,
    user_id: String,
    queue_number: u64,
    lane: u8,
    rank: Option<u64>,
    status: Status,
    estimated_wait_seconds: Option<f64>,
    #[serde(default)]
    sold_out: bool,
    poll_after_seconds: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Waiting,
    Active,
    Expired,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueView {
    state: String,
    lanes: Vec<LaneView>,
    admitted_per_minute: Option<f64>,
    #[serde(default)]
    sold_out: bool,
    poll_after_seconds: f64,
    draw: Option<DrawView>,
}

#[derive(Deserialize)]
struct LaneView {
    admitted: u64,
    #[serde(default)]
    departed: Vec<[u64; 3]>,
}

#[derive(Deserialize)]
struct DrawView {
    counts: Option<Vec<u64>>,
}

#[derive(Deserialize)]
struct DatesView {
    dates: Vec<DateView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DateView {
    date: String,
    available_seats: u32,
}

#[derive(Deserialize)]
struct SeatsView {
    seats: Vec<SeatView>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeatView {
    seat_number: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReservationView {
    reservation_id: String,
    #[serde(default)]
    date: String,
    seats: Vec<SeatView>,
    quantity: u32,
    total_price: i64,
    status: String,
    payment_id: Option<String>,
    refunded: Option<i64>,
}

impl ReservationView {
    fn seat_numbers(&self) -> Vec<u32> {
        self.seats.iter().map(|seat| seat.seat_number).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentView {
    payment_id: String,
}

#[derive(Deserialize)]
struct BalanceView {
    balance: i64,
}

/// Plays a person to the end.
pub(super) async fn play(sale: &Sale, person: Person) -> Ending {
    Visitor::new(sale, person).visit().await
}

struct Visitor<'a> {
    sale: &'a Sale,
    person: Person,
    rng: Rng,
    user_id: String,
    token: String,
    /// What the wallet must have.
    balance: i64,
    has_charged: bool,
    charges: u32,
}

/// A place in line as far as it is known.
struct Place {
    lane: u8,
    number: u64,
    rank: Option<u64>,
    status: Status,
    taken_at: Instant,
    joined: f32,
    told: Option<(f32, f32)>,
    /// The hint of the last answer about the token.
    hint: Option<f64>,
    sold_out_since: Option<Instant>,
    /// When the person asked for the last time and was still waiting.
    waited_at: Instant,
}

impl<'a> Visitor<'a> {
    fn new(sale: &'a Sale, person: Person) -> Self {
        Self {
            sale,
            person,
            rng: Rng::with_seed(person.seed),
            user_id: UserId::random().to_string(),
            token: String::new(),
            balance: 0,
            has_charged: false,
            charges: 0,
        }
    }

    async fn visit(&mut self) -> Ending {
        let tally = &self.sale.client.tally;
        tally.come();
        let mut ending = Ending::Failed;
        for _ in 0..=MOST_REJOINS {
            ending = match self.once().await {
                Ok(ending) | Err(ending) => ending,
            };
            if ending != Ending::TurnOver {
                break;
            }
        }
        // After a failure, nobody knows what the last request did.
        if self.has_charged
            && ending != Ending::Failed
            && let Err(failed) = self.check_balance().await
        {
            return failed;
        }
        ending
    }

    /// Joins, waits, and shops.
    async fn once(&mut self) -> Step<Ending> {
        let sale = self.sale;
        let tally = &sale.client.tally;
        self.show_event().await?;
        let mut place = self.join().await?;
        tally.joined(self.person.index, (place.lane, place.number));
        let waited = self.wait(&mut place).await;
        tally.stopped_waiting();
        waited?;
        tally.got_in(Wait {
            joined: place.joined,
            got_in: tally.seconds(),
            told: place.told,
        });
        let ending = self.shop().await;
        tally.came_out();
        ending
    }

    async fn show_event(&mut self) -> Step<()> {
        let call = Call::new(Endpoint::GetEvent, self.sale.path(""));
        self.until_answered(&call).await.map(|_| ())
    }

    // Requests.

    /// Sends a request until it is answered with something else than "try again".
    async fn until_answered(&mut self, call: &Call) -> Step<Answer> {
        for attempt in 0..MOST_ATTEMPTS {
            // In a box: so the futures of people who wait are small.
            let sent = Box::pin(self.sale.client.send(call, &mut self.rng));
            let hint = match sent.await {
                Ok(answer) if matches!(answer.status, 429 | 500..) => {
                    answer.problem().retry_after_seconds.unwrap_or(0.0)
                }
                Ok(answer) => return Ok(answer),
                Err(Unanswered) => 0.0,
            };
            let longest = Duration::from_secs(1)
                .saturating_mul(1 << attempt.min(4))
                .min(LONGEST_BACKOFF);
            let least = (longest / 2).max(seconds(hint));
            let pause = least + longest.mul_f64(self.rng.f64() / 2.0);
            tokio::time::sleep(pause).await;
        }
        Err(Ending::Failed)
    }

    /// The body of a success. Otherwise the code of the refusal.
    async fn ask<T: for<'de> Deserialize<'de>>(
        &mut self,
        call: &Call,
    ) -> Step<Result<T, (Answer, String)>> {
        let answer = self.until_answered(call).await?;
        if answer.is_success() {
            let body = answer.read().map_err(|_| self.unknown(call, &answer))?;
            return Ok(Ok(body));
        }
        let code = answer.problem().code;
        Ok(Err((answer, code)))
    }

    /// The ending for an answer that the API does not give to such a request.
    fn unknown(&self, call: &Call, answer: &Answer) -> Ending {
        let code = answer.problem().code;
        // API Gateway and a firewall before it have answers of their own.
        if answer.is_success() || !code.starts_with("http_") {
            let name = call.endpoint.name();
            let example = format!("{name} answered {} {code}", answer.status);
            let tally = &self.sale.client.tally;
            tally.broken(Promise::AnswersAreKnown, example);
        }
        Ending::Failed
    }

    fn call(&self, endpoint: Endpoint, path: &str) -> Call {
        Call::new(endpoint, self.sale.path(path)).with_token(&self.token)
    }

    // The queue.

    fn join_call(&self) -> Call {
        let call = Call::new(Endpoint::IssueToken, self.sale.path("/tokens"));
        match &self.sale.identity {
            Identity::Trusted => call.with_body(&json!({"userId": self.user_id})),
            Identity::IdTokens(tokens) => {
                let index = usize::try_from(self.person.index).unwrap_or_default();
                // There are at least as many tokens as people.
                call.with_token(tokens.get(index).map_or("", String::as_str))
            }
        }
    }

    /// Joins on each device. All must get the same place.
    async fn join(&mut self) -> Step<Place> {
        let call = self.join_call();
        let mut of_devices = Vec::new();
        let devices_asked_at = Instant::now();
        if self.person.devices > 1 {
            // At the same moment. If both answers are lost, a device asks again below.
            let (mut one, mut other) = (self.rng.fork(), self.rng.fork());
            let client = &self.sale.client;
            let both = async {
                tokio::join!(client.send(&call, &mut one), client.send(&call, &mut other))
            };
            let (one, other) = Box::pin(both).await;
            let answers = [one, other].into_iter().flatten();
            let answers = answers.filter(Answer::is_success);
            of_devices.extend(answers.filter_map(|answer| answer.read::<PlaceView>().ok()));
        }
        let joined = self.sale.client.tally.seconds();
        let (view, asked_at) = if let Some(view) = of_devices.pop() {
            (view, devices_asked_at)
        } else {
            let asked_at = Instant::now();
            match self.ask::<PlaceView>(&call).await? {
                Ok(view) => (view, asked_at),
                Err((_, code)) if code == "not_open" => return Err(Ending::Closed),
                Err((answer, _)) => return Err(self.unknown(&call, &answer)),
            }
        };
        let Some(token) = view.token.clone() else {
            return Err(Ending::Failed);
        };
        self.token = token;
        self.user_id.clone_from(&view.user_id);
        let first = of_devices.first().unwrap_or(&view);
        let mut place = Place {
            lane: first.lane,
            number: first.queue_number,
            rank: None,
            status: first.status,
            taken_at: Instant::now(),
            joined,
            told: None,
            hint: None,
            sold_out_since: None,
            waited_at: devices_asked_at,
        };
        for of_device in &of_devices {
            self.learn(&mut place, of_device, devices_asked_at);
        }
        self.learn(&mut place, &view, asked_at);
        for _ in 2..self.person.devices {
            self.join_again(&mut place).await?;
        }
        Ok(place)
    }

    /// Joins with another device, or after the page has lost its storage.
    async fn join_again(&mut self, place: &mut Place) -> Step<()> {
        if place.taken_at.elapsed() > NUMBER_IS_KEPT {
            return Ok(());
        }
        let call = self.join_call();
        let asked_at = Instant::now();
        match self.ask::<PlaceView>(&call).await? {
            Ok(view) => {
                if let Some(token) = &view.token {
                    self.token.clone_from(token);
                }
                self.learn(place, &view, asked_at);
            }
            Err((_, code)) if code == "not_open" => return Err(Ending::Closed),
            Err((answer, _)) => return Err(self.unknown(&call, &answer)),
        }
        Ok(())
    }

    /// Asks about the place. A called person arrives with this request.
    async fn refresh(&mut self, place: &mut Place) -> Step<()> {
        let call = self.call(Endpoint::TokenStatus, "/tokens/me");
        let asked_at = Instant::now();
        match self.ask::<PlaceView>(&call).await? {
            Ok(view) => self.learn(place, &view, asked_at),
            Err((answer, _)) => return Err(self.unknown(&call, &answer)),
        }
        Ok(())
    }

    /// Takes in an answer about the place to a question of `asked_at`.
    fn learn(&self, place: &mut Place, view: &PlaceView, asked_at: Instant) {
        let tally = &self.sale.client.tally;
        if (place.lane, place.number) != (view.lane, view.queue_number) {
            if self.still_has_place(place) {
                let example = format!(
                    "number {} of lane {} became number {} of lane {}",
                    place.number, place.lane, view.queue_number, view.lane
                );
                tally.broken(Promise::PlaceIsKept, example);
            }
            (place.lane, place.number, place.rank) = (view.lane, view.queue_number, None);
        } else if view.status == Status::Expired && self.still_has_place(place) {
            let example = format!(
                "number {} of lane {} lost the turn {:?} after it was waiting",
                place.number,
                place.lane,
                place.waited_at.elapsed()
            );
            tally.broken(Promise::TurnIsGiven, example);
        }
        if view.status == Status::Waiting {
            place.waited_at = asked_at;
        }
        place.rank = view.rank.or(place.rank);
        place.status = view.status;
        place.hint = view.poll_after_seconds;
        if let Some(hint) = view.poll_after_seconds {
            self.sale.saw_hint(seconds(hint));
        }
        self.tell(place, view.estimated_wait_seconds);
        note_sold_out(place, view.sold_out);
    }

    /// Whether the person cannot have lost the place by staying away. Every hint is at most half of the grace, and somebody
    /// who is called has the grace to come. It is counted from before the question whose answer was WAITING, because an
    /// answer may take long.
    fn still_has_place(&self, place: &Place) -> bool {
        let away = place.waited_at.elapsed() + STALENESS;
        place.status == Status::Waiting && away < self.sale.longest_hint() * 2
    }

    /// Keeps the first estimate.
    fn tell(&self, place: &mut Place, wait_seconds: Option<f64>) {
        if place.told.is_none()
            && let Some(wait) = wait_seconds
        {
            let now = self.sale.client.tally.seconds();
            place.told = Some((now, seconds(wait).as_secs_f32()));
        }
    }

    /// Waits until the turn has come.
    async fn wait(&mut self, place: &mut Place) -> Step<()> {
        let mut delay = seconds(PollHints::first_poll_seconds(self.rng.f64()));
        let mut reloaded_at = Instant::now();
        let mut outage = match self.person.waits {
            Waiting::LosesNetwork { after, lasts } => Some((after, lasts)),
            _ => None,
        };
        loop {
            match place.status {
                Status::Active => return Ok(()),
                Status::Expired => return Err(Ending::TurnOver),
                Status::Waiting => {}
            }
            let waited = place.taken_at.elapsed();
            self.stop_waiting(place, waited).await?;
            if let Some((after, lasts)) = outage
                && waited >= after
            {
                outage = None;
                tokio::time::sleep(lasts).await;
            } else {
                tokio::time::sleep(delay.min(self.until_stop(place, waited))).await;
            }
            delay = if self.person.is_bot {
                self.refresh(place).await?;
                BOT_PAUSE
            } else if let Some(every) = self.person.reloads_every
                && reloaded_at.elapsed() >= every
            {
                reloaded_at = Instant::now();
                self.show_event().await?;
                self.refresh(place).await?;
                self.person.reloads_every.unwrap_or(delay).min(delay)
            } else {
                self.poll(place).await?
            };
        }
    }

    /// Stops waiting if the person does not want to wait any longer.
    async fn stop_waiting(&mut self, place: &Place, waited: Duration) -> Step<()> {
        let (after, parting) = self.person.stops_waiting();
        if waited >= after {
            return Err(match parting {
                Parting::Vanishes => Ending::Vanished,
                Parting::GivesUp => Ending::GaveUp,
                Parting::Leaves => {
                    self.leave().await?;
                    Ending::Left
                }
            });
        }
        let has_lingered = |since: Instant| since.elapsed() >= self.sale.lingering;
        if place.sold_out_since.is_some_and(has_lingered) {
            return Err(Ending::SoldOut);
        }
        Ok(())
    }

    /// How long until the person stops waiting.
    fn until_stop(&self, place: &Place, waited: Duration) -> Duration {
        let (after, _) = self.person.stops_waiting();
        let left = after.saturating_sub(waited);
        match place.sold_out_since {
            Some(since) => left.min(self.sale.lingering.saturating_sub(since.elapsed())),
            None => left,
        }
    }

    async fn leave(&mut self) -> Step<()> {
        let call = self.call(Endpoint::LeaveQueue, "/tokens/me");
        let answer = self.until_answered(&call).await?;
        if answer.is_success() {
            Ok(())
        } else {
            Err(self.unknown(&call, &answer))
        }
    }

    /// Polls the public numbers, and the token if they say that the person has been called. Returns when to poll again.
    async fn poll(&mut self, place: &mut Place) -> Step<Duration> {
        let call = Call::new(Endpoint::QueueStatus, self.sale.path("/queue"));
        let asked_at = Instant::now();
        let queue: QueueView = match self.ask(&call).await? {
            Ok(queue) => queue,
            Err((answer, _)) => return Err(self.unknown(&call, &answer)),
        };
        self.sale.saw_hint(seconds(queue.poll_after_seconds));
        let Some(lane) = queue.lanes.get(usize::from(place.lane)) else {
            return Err(Ending::Failed);
        };
        let is_drawn = queue
            .draw
            .as_ref()
            .is_some_and(|draw| draw.counts.is_some());
        let is_called = match place.rank {
            Some(rank) => rank <= lane.admitted,
            None => is_drawn,
        };
        let is_closed = queue.state == "CLOSED";
        if is_closed || (is_called && queue.state == "OPEN") {
            self.refresh(place).await?;
            if is_closed && place.status != Status::Active {
                return Err(Ending::Closed);
            }
        } else if !is_called {
            place.waited_at = asked_at;
        }
        note_sold_out(place, queue.sold_out);
        let lanes = queue.lanes.len();
        let ahead = place.rank.map(|rank| position(lane, rank, lanes));
        let wait = match (ahead, queue.admitted_per_minute) {
            (Some(ahead), Some(rate)) if rate > 0.0 => Some(ahead * 60.0 / rate),
            _ => None,
        };
        self.tell(place, wait);
        let hints = PollHints {
            public: queue.poll_after_seconds,
            own: place.hint,
            wait,
        };
        Ok(seconds(hints.seconds(self.rng.f64())))
    }

    // The turn.

    /// Does what the crowd's rules say, until the turn ends.
    async fn shop(&mut self) -> Step<Ending> {
        let sale = self.sale;
        let (mut turn, mut act) = Turn::begin(&self.person, sale.goods(), sale.lingering);
        let mut basket = Basket::default();
        loop {
            let outcome = match act {
                Act::End(end) => return Ok(end.into()),
                Act::Pause(time) => {
                    tokio::time::sleep(time).await;
                    Outcome::Done
                }
                act => self.carry_out(act, &mut basket).await?,
            };
            act = turn.next(&self.person, outcome);
        }
    }

    async fn carry_out(&mut self, act: Act, basket: &mut Basket) -> Step<Outcome> {
        match act {
            Act::ViewDates => self.view_dates(basket).await,
            Act::ViewSeats => self.view_seats(basket).await,
            Act::Hold { tickets, on_map } => self.hold(basket, tickets, on_map).await,
            Act::Release => self.release(basket).await,
            Act::Charge { tickets } => {
                let price = match basket.reservation() {
                    Ok(held) => held.total_price,
                    // Tickets of general admission are charged for before they are reserved.
                    Err(_) => self.sale.price_of(tickets),
                };
                self.charge(price).await
            }
            Act::Pay => self.pay(basket).await,
            Act::Reserve { tickets } => self.reserve(basket, tickets).await,
            Act::ViewTicket => self.view_ticket(basket).await,
            Act::Return => self.return_tickets(basket).await,
            Act::Leave => self.leave().await.map(|()| Outcome::Done),
            Act::Pause(_) | Act::End(_) => Ok(Outcome::Done),
        }
    }

    /// The outcome of a refusal that every request of a turn may get.
    fn refused(&self, call: &Call, answer: &Answer, code: &str) -> Step<Outcome> {
        match code {
            "turn_over" | "not_admitted" | "hold_expired" => Ok(Outcome::TurnOver),
            "not_open" => Err(Ending::Closed),
            _ => Err(self.unknown(call, answer)),
        }
    }

    /// Chooses a date with free seats.
    async fn view_dates(&mut self, basket: &mut Basket) -> Step<Outcome> {
        let call = self.call(Endpoint::ListDates, "/dates");
        let mut free: Vec<DateView> = match self.ask::<DatesView>(&call).await? {
            Ok(view) => view.dates,
            Err((answer, code)) => return self.refused(&call, &answer, &code),
        };
        free.retain(|date| date.available_seats > 0);
        if free.is_empty() {
            return Ok(Outcome::Left(0));
        }
        let date = free.swap_remove(self.rng.usize(..free.len()));
        basket.date = date.date;
        Ok(Outcome::Left(date.available_seats))
    }

    async fn view_seats(&mut self, basket: &mut Basket) -> Step<Outcome> {
        let path = format!("/dates/{}/seats", basket.date);
        let call = self.call(Endpoint::ListSeats, &path);
        let seats = match self.ask::<SeatsView>(&call).await? {
            Ok(view) => view.seats,
            Err((answer, code)) => return self.refused(&call, &answer, &code),
        };
        basket.seen = seats.iter().map(|seat| seat.seat_number).collect();
        let left = u32::try_from(basket.seen.len()).unwrap_or(u32::MAX);
        Ok(Outcome::Left(left))
    }

    /// Holds neighbours on the seat map, or the best seats.
    async fn hold(&mut self, basket: &mut Basket, tickets: u32, on_map: bool) -> Step<Outcome> {
        let date = &basket.date;
        let body = if on_map {
            let seen = &basket.seen;
            let wanted = usize::try_from(tickets).unwrap_or(1).min(seen.len());
            let first = self.rng.usize(..=seen.len() - wanted);
            json!({"date": date, "seatNumbers": seen[first..first + wanted]})
        } else {
            json!({"date": date, "bestAvailable": {"count": tickets}})
        };
        let call = self.call(Endpoint::HoldSeat, "/holds").with_body(&body);
        let (answer, code) = match self.ask::<ReservationView>(&call).await? {
            Ok(held) => {
                basket.reservation = Some(held);
                return Ok(Outcome::Done);
            }
            Err(refused) => refused,
        };
        let problem = answer.problem();
        match code.as_str() {
            "seat_taken" | "recently_held" => Ok(Outcome::Taken),
            "sold_out" => Ok(Outcome::Left(problem.available_tickets.unwrap_or(0))),
            "already_reserved" => {
                let id = problem.reservation_id.unwrap_or_default();
                basket.reservation = Some(self.reservation(&id).await?);
                Ok(Outcome::Done)
            }
            "too_many_holds" => Ok(Outcome::TurnOver),
            code => self.refused(&call, &answer, code),
        }
    }

    async fn release(&mut self, basket: &mut Basket) -> Step<Outcome> {
        let id = &basket.reservation()?.reservation_id;
        let call = Call::new(Endpoint::CancelReservation, format!("/reservations/{id}"));
        let call = call.with_token(&self.token);
        match self.ask::<ReservationView>(&call).await? {
            Ok(_) => {
                basket.reservation = None;
                Ok(Outcome::Done)
            }
            Err((_, code)) if code == "not_cancellable" => Ok(Outcome::TurnOver),
            Err((answer, _)) => Err(self.unknown(&call, &answer)),
        }
    }

    async fn reservation(&mut self, id: &str) -> Step<ReservationView> {
        let call = Call::new(Endpoint::GetReservation, format!("/reservations/{id}"));
        let call = call.with_token(&self.token);
        match self.ask(&call).await? {
            Ok(reservation) => Ok(reservation),
            Err((answer, _)) => Err(self.unknown(&call, &answer)),
        }
    }

    async fn charge(&mut self, amount: i64) -> Step<Outcome> {
        // Only what is missing, such as after a return.
        let missing = amount - self.balance;
        if missing <= 0 {
            return Ok(Outcome::Done);
        }
        self.charges += 1;
        let path = format!("/users/{}/wallet/charges", self.user_id);
        let call = Call {
            idempotency_key: Some(format!("rush-{}-{}", self.person.index, self.charges)),
            ..Call::new(Endpoint::Charge, path)
                .with_token(&self.token)
                .with_body(&json!({"amount": missing}))
        };
        match self.ask::<BalanceView>(&call).await? {
            Ok(_) => {
                self.balance += missing;
                self.has_charged = true;
                Ok(Outcome::Done)
            }
            Err((answer, _)) => Err(self.unknown(&call, &answer)),
        }
    }

    async fn pay(&mut self, basket: &mut Basket) -> Step<Outcome> {
        let held = basket.reservation()?;
        let path = format!("/reservations/{}/payment", held.reservation_id);
        let call = Call::new(Endpoint::Pay, path).with_token(&self.token);
        let paid: PaymentView = match self.ask(&call).await? {
            Ok(paid) => paid,
            Err((_, code)) if code == "hold_expired" => return Ok(Outcome::TurnOver),
            Err((answer, _)) => return Err(self.unknown(&call, &answer)),
        };
        self.balance -= held.total_price;
        self.count_purchase(held);
        basket.payment_id = Some(paid.payment_id);
        Ok(Outcome::Done)
    }

    async fn reserve(&mut self, basket: &mut Basket, tickets: u32) -> Step<Outcome> {
        let call = self.call(Endpoint::ReserveTicket, "/reservations");
        let call = call.with_body(&json!({"quantity": tickets}));
        match self.ask::<ReservationView>(&call).await? {
            Ok(bought) => {
                self.balance -= bought.total_price;
                self.count_purchase(&bought);
                basket.reservation = Some(bought);
                Ok(Outcome::Done)
            }
            Err((answer, code)) => match code.as_str() {
                "sold_out" => Ok(Outcome::Left(
                    answer.problem().available_tickets.unwrap_or(0),
                )),
                "already_reserved" => Err(Ending::ChangedMind),
                code => self.refused(&call, &answer, code),
            },
        }
    }

    fn count_purchase(&self, bought: &ReservationView) {
        let tally = &self.sale.client.tally;
        let seats = bought.seat_numbers();
        tally.sold(self.person.index, bought.quantity, &bought.date, &seats);
    }

    /// Looks whether the server has the ticket.
    async fn view_ticket(&mut self, basket: &Basket) -> Step<Outcome> {
        let bought = basket.reservation()?;
        let found = self.reservation(&bought.reservation_id).await?;
        let is_same = found.status == "CONFIRMED"
            && found.seat_numbers() == bought.seat_numbers()
            && (basket.payment_id.is_none() || found.payment_id == basket.payment_id);
        if !is_same {
            let example = format!("reservation {} is {}", found.reservation_id, found.status);
            let tally = &self.sale.client.tally;
            tally.broken(Promise::TicketIsKept, example);
        }
        Ok(Outcome::Done)
    }

    async fn return_tickets(&mut self, basket: &Basket) -> Step<Outcome> {
        let bought = basket.reservation()?;
        let tally = &self.sale.client.tally;
        // As soon as the server gets the request, others can have the seats.
        tally.gives_back(&bought.date, &bought.seat_numbers());
        let path = format!("/reservations/{}", bought.reservation_id);
        let call = Call::new(Endpoint::CancelReservation, path).with_token(&self.token);
        match self.ask::<ReservationView>(&call).await? {
            Ok(returned) => {
                self.balance += returned.refunded.unwrap_or(0);
                let tally = &self.sale.client.tally;
                tally.returned(bought.quantity);
                Ok(Outcome::Done)
            }
            Err((_, code)) if code == "not_cancellable" => Ok(Outcome::TurnOver),
            Err((answer, _)) => Err(self.unknown(&call, &answer)),
        }
    }

    /// The wallet must have what the answers said.
    async fn check_balance(&mut self) -> Step<()> {
        let path = format!("/users/{}/wallet", self.user_id);
        let call = Call::new(Endpoint::Balance, path).with_token(&self.token);
        match self.ask::<BalanceView>(&call).await? {
            Ok(BalanceView { balance }) if balance == self.balance => Ok(()),
            Ok(BalanceView { balance }) => {
                let example = format!("a wallet has {balance} instead of {}", self.balance);
                let tally = &self.sale.client.tally;
                tally.broken(Promise::MoneyMovesOnce, example);
                Ok(())
            }
            Err((answer, _)) => Err(self.unknown(&call, &answer)),
        }
    }
}

/// What a person has found and bought during a turn.
#[derive(Default)]
struct Basket {
    date: String,
    /// The free seats of the map that the person saw last.
    seen: Vec<u32>,
    /// What is held or bought.
    reservation: Option<ReservationView>,
    payment_id: Option<String>,
}

impl Basket {
    /// What is held or bought. There is something whenever the crowd's rules ask for it.
    fn reservation(&self) -> Step<&ReservationView> {
        self.reservation.as_ref().ok_or(Ending::Failed)
    }
}

impl From<TurnEnd> for Ending {
    fn from(end: TurnEnd) -> Self {
        match end {
            TurnEnd::Bought => Self::Bought,
            TurnEnd::Returned => Self::Returned,
            TurnEnd::SoldOut => Self::SoldOut,
            TurnEnd::ChangedMind => Self::ChangedMind,
            TurnEnd::TurnOver => Self::TurnOver,
        }
    }
}

fn note_sold_out(place: &mut Place, is_sold_out: bool) {
    place.sold_out_since = match (is_sold_out, place.sold_out_since) {
        (false, _) => None,
        (true, since) => Some(since.unwrap_or_else(Instant::now)),
    };
}

/// The position that the shop shows: the rank above the watermark without those who left, times the number of lanes.
fn position(lane: &LaneView, rank: u64, lanes: usize) -> f64 {
    let left: u64 = lane
        .departed
        .iter()
        .map(|[first, last, count]| {
            let behind = (last + 1).saturating_sub(rank.max(*first));
            count.saturating_sub(behind)
        })
        .sum();
    let position = rank
        .saturating_sub(lane.admitted)
        .saturating_sub(left)
        .max(1);
    // Exact up to 2^32, which is more than the people of any rush.
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    f64::from(position) * f64::from(u32::try_from(lanes).unwrap_or(1))
}

/// A server's number of seconds. Nonsense counts as zero, and an hour is the most.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.min(3_600.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_that_of_the_shop() {
        let lane = LaneView {
            admitted: 10,
            departed: vec![[12, 20, 4]],
        };
        // Of the nine ranks 12 to 20, four have left; at least one of them is before rank 18.
        for (rank, shown) in [(11, 1.0), (12, 2.0), (18, 7.0), (30, 16.0), (5, 1.0)] {
            assert!((position(&lane, rank, 1) - shown).abs() < 0.1, "{rank}");
        }
        assert!((position(&lane, 30, 4) - 64.0).abs() < 0.1);
    }

    #[test]
    fn the_seconds_of_a_foreign_server_are_bounded() {
        for (number, read) in [
            (2.5, 2_500),
            (-1.0, 0),
            (f64::NAN, 3_600_000),
            (1e300, 3_600_000),
        ] {
            assert_eq!(seconds(number), Duration::from_millis(read), "{number}");
        }
    }
}
