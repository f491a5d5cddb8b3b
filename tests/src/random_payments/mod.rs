//! The random run in a shop that a payment provider takes money for: buyers pay, pay late, pay something else, or never;
//! notifications come twice, late or not at all; calls fail, answers are lost, processes crash; tickets and money go back.
//! Afterwards all invariants must hold, that of the provider's books too, and no money is lost or made.

mod afterwards;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use boxoffice::demo_provider::{DemoProvider, DemoState};
use domain::event::Programme;
use domain::fees::Fees;
use domain::money::Money;
use fastrand::Rng;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::random::fault;
use crate::unreliable::{Trouble, Unreliable};
use crate::world::{DATE, EVENT, LATER_DATE, PRICE, Reply, World, concert_for};

const WORKERS: usize = 6;
const SEATS: u32 = 50;

/// Holds lapse soon, and so do the checkouts that extend them.
fn programme() -> Programme {
    let mut concert = concert_for(1_000);
    let terms = &mut concert.event.terms;
    terms.hold_seconds = 120;
    terms.payment_seconds = 240;
    terms.max_seats_per_user = 2;
    terms.partial_returns = true;
    terms.queue.session_seconds = 6 * 60 * 60;
    terms.fees = Fees {
        per_ticket: Money(700),
        per_order: Money(300),
        refundable: false,
    };
    concert
}

/// What a buyer remembers.
#[derive(Default)]
struct Buyer {
    id: String,
    token: String,
    /// Reservations and their prices.
    reservations: Vec<(String, i64)>,
    /// Charges with a checkout: the charge and its order.
    charges: Vec<(String, String)>,
    /// The last request to charge or to withdraw: key and body.
    requests: BTreeMap<&'static str, (String, Value)>,
    made: u32,
}

struct Shop {
    world: World,
    demo: DemoProvider,
    buyers: Vec<Mutex<Buyer>>,
    actions_left: AtomicUsize,
    /// Answers by function and status or code.
    answers: Mutex<BTreeMap<String, u32>>,
}

/// A process with its own connections, which fail on their own.
struct Process {
    world: World,
    provider: Unreliable<DemoProvider>,
}

/// One of the last, mostly.
fn choose<'a, T>(random: &mut Rng, of: &'a [T]) -> Option<&'a T> {
    let last = of.len().checked_sub(1)?;
    let back = random.usize(..3).min(last);
    let at = if random.bool() {
        last - back
    } else {
        random.usize(..=last)
    };
    of.get(at)
}

impl Shop {
    async fn open(buyers: usize, actions: usize) -> Arc<Self> {
        let world = World::with(programme()).await;
        let mut all = Vec::new();
        for _ in 0..buyers {
            let joined = world.joins(EVENT).await;
            all.push(Mutex::new(Buyer {
                id: joined.user_id,
                token: joined.token,
                ..Buyer::default()
            }));
        }
        Arc::new(Self {
            world,
            demo: DemoProvider::default(),
            buyers: all,
            actions_left: AtomicUsize::new(actions),
            answers: Mutex::default(),
        })
    }

    fn process(&self) -> Process {
        let provider = Unreliable::over(self.demo.clone());
        Process {
            world: self.world.process_with_provider(provider.clone()),
            provider,
        }
    }

    /// Workers act until no action is left.
    async fn act(self: &Arc<Self>, seed: u64) {
        let workers = (0..WORKERS).map(|worker| {
            let mut random = Rng::with_seed(seed ^ ((worker as u64) << 32));
            let this = self.clone();
            tokio::spawn(async move {
                let mut process = this.process();
                let left = || {
                    let less = |left: usize| left.checked_sub(1);
                    let order = Ordering::Relaxed;
                    this.actions_left.fetch_update(order, order, less).is_ok()
                };
                while left() {
                    if random.u8(..) < 20 {
                        process.world.wire.heal();
                        process.world.wire.inject(fault(&mut random));
                    }
                    if random.u8(..) < 20 {
                        let trouble = [Trouble::Down, Trouble::AnswerLost][random.usize(..2)];
                        process.provider.trouble(random.usize(..3), trouble);
                    }
                    let crashes = random.u8(..) < 12;
                    if crashes {
                        process.world.wire.crash_after(random.u32(..3));
                    }
                    if random.u8(..) < 40 {
                        this.world.clock.advance_ms(random.i64(1..15_000));
                    }
                    this.action(&process, &mut random).await;
                    process.world.wire.reset_meter();
                    if crashes {
                        // Another process replaces it.
                        process = this.process();
                    }
                }
            })
        });
        for worker in join_all(workers).await {
            worker.expect("a worker that does not panic");
        }
    }

    async fn action(&self, process: &Process, random: &mut Rng) {
        let at = random.usize(..self.buyers.len());
        let world = &process.world;
        let done = match random.u8(..26) {
            0..=4 => {
                let reply = self.hold(world, random, at).await;
                self.note("hold-seat", &reply);
                if reply.status != 201 || random.bool() {
                    return;
                }
                // Most go on to pay at once.
                self.charge(world, random, at, true).await
            }
            5..=6 => self.charge(world, random, at, true).await,
            7..=9 => self.charge(world, random, at, false).await,
            10..=13 => {
                self.decide(random, at);
                None
            }
            14..=15 => self.look(world, random, at).await,
            16..=17 => self.notify(world, random, at).await,
            18 => {
                let _ = settle::handle(&world.app).await;
                let _ = world.app.promote_all().await;
                None
            }
            19..=20 => self.pay(world, random, at).await,
            21..=23 => self.cancel(world, random, at).await,
            _ => self.withdraw(world, random, at).await,
        };
        let Some((function, reply)) = done else {
            return;
        };
        self.note(function, &reply);
        if reply.body["status"] == "PENDING" && random.bool() {
            self.decide(random, at);
        }
    }

    fn note(&self, function: &str, reply: &Reply) {
        let what = reply.body["code"]
            .as_str()
            .map_or_else(|| reply.status.to_string(), str::to_owned);
        let mut answers = self.answers.lock().unwrap();
        *answers.entry(format!("{function} {what}")).or_default() += 1;
    }

    fn known(&self, at: usize) -> (String, String) {
        let buyer = self.buyers[at].lock().unwrap();
        (buyer.id.clone(), buyer.token.clone())
    }

    fn reservation(&self, random: &mut Rng, at: usize) -> Option<(String, i64)> {
        choose(random, &self.buyers[at].lock().unwrap().reservations).cloned()
    }

    /// A charge, and its order.
    fn charged(&self, random: &mut Rng, at: usize) -> Option<(String, String)> {
        choose(random, &self.buyers[at].lock().unwrap().charges).cloned()
    }

    async fn hold(&self, world: &World, random: &mut Rng, at: usize) -> Reply {
        let (_, token) = self.known(at);
        let date = [DATE, LATER_DATE][random.usize(..2)];
        let seat = random.u32(1..SEATS);
        let seats = if random.bool() {
            json!({"date": date, "seatNumber": seat})
        } else {
            json!({"date": date, "seatNumbers": [seat, seat + 1]})
        };
        let path = format!("/events/{EVENT}/holds");
        let reply = world.post(&path, &token, seats).await;
        if reply.body["code"] == "turn_over" {
            self.join_again(world, at).await;
        }
        if let (Some(id), Some(price)) = (
            reply.body["reservationId"].as_str(),
            reply.body["totalPrice"].as_i64(),
        ) {
            let mut buyer = self.buyers[at].lock().unwrap();
            buyer.reservations.push((id.to_owned(), price));
        }
        reply
    }

    async fn join_again(&self, world: &World, at: usize) {
        let path = format!("/events/{EVENT}/tokens");
        let body = json!({"userId": self.known(at).0});
        let reply = world.post(&path, "", body).await;
        if let Some(token) = reply.body["token"].as_str() {
            token.clone_into(&mut self.buyers[at].lock().unwrap().token);
        }
    }

    /// A request under a new key, or the last one again.
    async fn once(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
        (function, path): (&'static str, &str),
        body: Value,
    ) -> Reply {
        let (bearer, key, body) = {
            let mut buyer = self.buyers[at].lock().unwrap();
            buyer.made += 1;
            let new = (format!("{function}-{}", buyer.made), body);
            let request = match buyer.requests.get(function) {
                Some(last) if random.u8(..4) == 0 => last.clone(),
                Some(_) | None => new,
            };
            buyer.requests.insert(function, request.clone());
            (format!("Bearer {}", buyer.token), request.0, request.1)
        };
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = body.to_string();
        world.send("POST", path, &headers, Some(&body)).await
    }

    async fn charge(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
        pays: bool,
    ) -> Option<(&'static str, Reply)> {
        let body = if pays {
            let (id, price) = self.reservation(random, at)?;
            json!({"amount": price, "payFor": id})
        } else {
            json!({"amount": random.i64(1..4) * PRICE})
        };
        let function = if pays { "pay-for" } else { "top-up" };
        let path = format!("/users/{}/wallet/charges", self.known(at).0);
        let reply = self.once(world, random, at, (function, &path), body).await;
        let url = reply.body["checkout"]["url"].as_str();
        if let Some(order) = url.and_then(|url| url.rsplit('/').next()) {
            let charge = (reply.text_of("chargeId").to_owned(), order.to_owned());
            let mut buyer = self.buyers[at].lock().unwrap();
            if !buyer.charges.contains(&charge) {
                buyer.charges.push(charge);
            }
        }
        Some((function, reply))
    }

    /// The buyer does something on the provider's page, if it is still open.
    fn decide(&self, random: &mut Rng, at: usize) {
        let Some((_, order)) = self.charged(random, at) else {
            return;
        };
        let now = self.world.clock.now();
        let state = match random.u8(..16) {
            0 => DemoState::Failed,
            // The provider is slow to say so.
            1..=2 => DemoState::Paid(now.plus_ms(random.i64(0..120_000))),
            _ => DemoState::Paid(now),
        };
        let is_open = |order: &str| {
            let order = self.demo.order(order);
            order.is_some_and(|order| order.state == DemoState::Open)
        };
        if random.u8(..16) == 0 && is_open(&order) {
            self.demo.set_amount(&order, Money(random.i64(1..PRICE)));
        }
        let _ = self.demo.decide(&order, state);
    }

    async fn look(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
    ) -> Option<(&'static str, Reply)> {
        let (id, token) = self.known(at);
        let (charge, _) = self.charged(random, at)?;
        let path = format!("/users/{id}/wallet/charges/{charge}");
        let reply = world.get(&path, &token).await;
        if reply.status == 200 {
            self.note_state(&reply.body);
        }
        Some(("get-charge", reply))
    }

    /// What has become of a charge counts as an answer, too.
    fn note_state(&self, charge: &Value) {
        let part = |name: &str| charge[name].as_str().unwrap_or_default();
        let state = format!("{} {}", part("status"), part("purchase"));
        let mut answers = self.answers.lock().unwrap();
        *answers.entry(state.trim().to_owned()).or_default() += 1;
    }

    /// The provider notifies, once or twice.
    async fn notify(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
    ) -> Option<(&'static str, Reply)> {
        let (_, order) = self.charged(random, at)?;
        let (headers, body) = self.demo.notification(&order);
        let mut sent = vec![("content-type", "application/json")];
        let headers = headers.iter();
        sent.extend(headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())));
        let body = String::from_utf8(body).unwrap();
        if random.bool() {
            let path = "/webhooks/demo";
            world.send("POST", path, &sent, Some(&body)).await;
        }
        let reply = world
            .send("POST", "/webhooks/demo", &sent, Some(&body))
            .await;
        Some(("payment-webhook", reply))
    }

    async fn pay(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
    ) -> Option<(&'static str, Reply)> {
        let (id, _) = self.reservation(random, at)?;
        let path = format!("/reservations/{id}/payment");
        let reply = world.post(&path, &self.known(at).1, json!({})).await;
        Some(("pay", reply))
    }

    async fn cancel(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
    ) -> Option<(&'static str, Reply)> {
        let (id, _) = self.reservation(random, at)?;
        let to = ["source", "wallet"][random.usize(..2)];
        let path = format!("/reservations/{id}");
        let seen = world.get(&path, &self.known(at).1).await;
        // One of the seats, or everything.
        let seat = seen.body["seats"][0]["seatNumber"].as_u64();
        let part = match seat.filter(|_| random.bool()) {
            Some(seat) => format!("&seats={seat}"),
            None => String::new(),
        };
        let path = format!("{path}?refundTo={to}{part}");
        let reply = world.delete(&path, &self.known(at).1).await;
        Some(("cancel-reservation", reply))
    }

    async fn withdraw(
        &self,
        world: &World,
        random: &mut Rng,
        at: usize,
    ) -> Option<(&'static str, Reply)> {
        let path = format!("/users/{}/wallet/withdrawals", self.known(at).0);
        let most = if random.bool() { PRICE } else { 3 * PRICE };
        let body = json!({"amount": random.i64(1..=most)});
        let reply = self
            .once(world, random, at, ("withdraw", &path), body)
            .await;
        Some(("withdraw", reply))
    }
}
