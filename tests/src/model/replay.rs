//! Replays the same random schedules on the model and on the real code. After every step the items must be equal, so that
//! what the checker proves about the model also holds for the code.
//!
//! Each process of the real code runs behind a call gate; a step of the model lets one of its calls through.

use std::time::Duration;

use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId, Lane, Rank, SeatNumber, UserId};
use domain::queue::{Head, Session};
use domain::reservation::State as ReservationState;
use domain::seats::{Claim, SeatChoice, SeatSelection};
use proptest::prelude::*;
use shared::store::Consistency;
use shared::token::Token;
use stateright::Model;
use tokio::task::JoinHandle;

use super::clients::{Call, Errand};
use super::items::Hold;
use super::promoter::Fate;
use super::run::{Run, Stage};
use super::state::{START, user_id};
use super::steps::{self, Action};
use super::{Config, State};
use crate::call_gate::{CallGate, PATIENCE, Pass};
use crate::wire::{Fault, Rule};
use crate::world::{DATE, EVENT, PRICE, World, concert_for};

/// Only calls on items of the model wait.
const KEYS: &[&str] = &["QUEUE#", "SESSIONS#", "ENTRY#", "RESERVATION#", "SEATS#"];

/// An operation of the real code in progress.
struct Process {
    gate: CallGate,
    task: JoinHandle<()>,
}

impl Process {
    /// Waits until a call waits at the gate. None if the operation has ended.
    async fn next(&self) -> Option<(String, String)> {
        let next = async {
            loop {
                if let Some(next) = self.gate.next() {
                    return Some(next);
                }
                if self.task.is_finished() {
                    return None;
                }
                self.something_happens().await;
            }
        };
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("something happens at the gate")
    }

    /// Lets the first call through whose body contains `key`, and waits until it has ended.
    async fn pass(&self, key: &str, pass: Pass) -> Result<(), String> {
        let passes = async {
            loop {
                if self.gate.release_where(key, pass) {
                    self.next().await;
                    return Ok(());
                }
                if self.task.is_finished() {
                    return Err(format!("the code has ended without a call on {key}"));
                }
                self.something_happens().await;
            }
        };
        let passes = tokio::time::timeout(PATIENCE, passes).await;
        passes.unwrap_or_else(|_| Err(format!("no call on {key} comes")))
    }

    /// Waits for a change at the gate. Wakes up regularly, because the gate does not notice the end of the operation.
    async fn something_happens(&self) {
        let _ = tokio::time::timeout(Duration::from_millis(5), self.gate.changed()).await;
    }

    /// Lets reads through that the model leaves out: those that confirm a refusal.
    async fn pass_reads(&self) {
        while let Some((operation, _)) = self.next().await {
            if !["GetItem", "BatchGetItem", "Query"].contains(&operation.as_str()) {
                return;
            }
            let _ = self.gate.release_where("", Pass::Whole);
        }
    }

    /// Nothing but such reads may be left.
    async fn ends(&self) -> Result<(), String> {
        self.pass_reads().await;
        match self.next().await {
            None => Ok(()),
            Some(next) => Err(format!(
                "the model has ended, the code goes on with {next:?}"
            )),
        }
    }
}

/// The head that a client got with its number. Where another request of the same user was faster, the code looks at this
/// head again with the number that is in force. The model reads a newer head, which may have called that number meanwhile.
#[derive(Clone, Copy)]
struct KnownHead {
    issued: u64,
    admitted: u64,
}

struct RealCode {
    world: World,
    event: EventId,
    date: DateKey,
    clients: Vec<Option<Process>>,
    known: Vec<Option<KnownHead>>,
    promoters: Vec<Option<Process>>,
}

impl RealCode {
    async fn new(config: &Config) -> Self {
        let mut concert = concert_for(config.max_active);
        let terms = &mut concert.event.terms;
        terms.hold_seconds = config.hold_seconds;
        terms.queue.grace_seconds = config.grace_seconds;
        terms.queue.session_seconds = config.session_seconds;
        let date = DateKey::parse(DATE).unwrap();
        concert.dates.get_mut(&date).unwrap().sections[0].seats = 1;
        let world = World::with(concert).await;
        for person in 0..config.persons() {
            let user = user_id(person);
            let key = domain::wallet::IdempotencyKey::parse("first").unwrap();
            let amount = domain::money::Money(9 * PRICE);
            let now = world.clock.now();
            world.app.charge(user, &key, amount, now).await.unwrap();
        }
        Self {
            world,
            event: EventId::parse(EVENT).unwrap(),
            date,
            clients: config.clients.iter().map(|_| None).collect(),
            known: config.clients.iter().map(|_| None).collect(),
            promoters: config.promoters.iter().map(|_| None).collect(),
        }
    }

    /// A process of its own with empty caches, whose calls wait.
    async fn process(&self) -> (World, CallGate) {
        let gate = CallGate::of(KEYS);
        let process = self.world.process_behind(gate.clone());
        // Reads in advance what is not an item of the model.
        let now = self.world.clock.now();
        process.app.programme(&self.event, now).await.unwrap();
        (process, gate)
    }

    async fn begin(
        &mut self,
        config: &Config,
        before: &State,
        client: usize,
        errand: Errand,
    ) -> Result<(), String> {
        let user = user_id(config.clients[client]);
        let number = before.clients[client].token;
        let (process, gate) = self.process().await;
        // Only promoters promote here.
        let refused = Rule::every("UpdateItem", "PROMOTE#", Fault::CutOff);
        process.wire.inject(refused);
        let (event, date, now) = (self.event.clone(), self.date, self.world.clock.now());
        let token = Token::new(user, event.clone(), Lane(0), number.unwrap_or(0), now);
        let held = self
            .world
            .app
            .store()
            .reservation_for(user, &event, Some(date))
            .await
            .unwrap();
        let task = tokio::spawn(async move {
            let app = &process.app;
            let programme = app.programme(&event, now).await.unwrap();
            match errand {
                Errand::Join => drop(app.join(user, &event, None, now).await),
                Errand::Poll => drop(app.token_status(&programme, &token, now).await),
                Errand::Leave => drop(app.leave(&token, now).await),
                Errand::Hold => {
                    let seat = SeatSelection::new(&[SeatNumber(1)]).unwrap();
                    let wanted = SeatChoice::Seats(seat);
                    drop(app.hold(&programme, &token, date, &wanted, now).await);
                }
                Errand::Pay => {
                    if let Some(held) = held {
                        drop(app.pay(user, &held.reservation_id, now).await);
                    }
                }
            }
        });
        let process = Process { gate, task };
        if errand == Errand::Join {
            self.forget_departure(user).await;
        }
        match errand {
            Errand::Join => process.pass("ENTRY#", Pass::Whole).await?,
            Errand::Poll => process.pass("QUEUE#", Pass::Whole).await?,
            Errand::Pay => process.pass("RESERVATION#", Pass::Whole).await?,
            Errand::Leave | Errand::Hold => {}
        }
        self.clients[client] = Some(process);
        self.known[client] = None;
        Ok(())
    }

    /// In the model nobody comes back within the cool-down: a user who left is like one who never joined.
    async fn forget_departure(&self, user: UserId) {
        let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
        let long_ago = aws_sdk_dynamodb::types::AttributeValue::N("0".to_owned());
        let update = self
            .world
            .dynamodb
            .update_item()
            .table_name(&self.world.tables.main)
            .key("pk", text(format!("USER#{user}")))
            .key("sk", text(format!("ENTRY#{EVENT}")))
            .update_expression("SET leftAt = :ago")
            .condition_expression("attribute_exists(leftAt)")
            .expression_attribute_values(":ago", long_ago);
        // Refused if the user has not left.
        drop(update.send().await);
    }

    /// After a step of the model the code waits before the same call.
    async fn client_stands_as(&mut self, after: &State, client: usize) -> Result<(), String> {
        let Some(process) = &self.clients[client] else {
            return Ok(());
        };
        match after.clients[client].call {
            None => {
                process.ends().await?;
                self.clients[client] = None;
            }
            Some(call) if call.is_write() => process.pass_reads().await,
            Some(_) => {}
        }
        Ok(())
    }

    async fn promoter_stands_as(&mut self, after: &State, promoter: usize) -> Result<(), String> {
        if after.runs[promoter].is_none()
            && let Some(process) = self.promoters[promoter].take()
        {
            process.ends().await?;
        }
        Ok(())
    }

    async fn promote(&mut self, promoter: usize) -> Result<(), String> {
        let (process, gate) = self.process().await;
        // The model lets a promotion begin at any time, not once a second.
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        self.world
            .dynamodb
            .delete_item()
            .table_name(&self.world.tables.main)
            .key("pk", text(&format!("PROMOTE#{EVENT}#0")))
            .key("sk", text("CLAIM"))
            .send()
            .await
            .unwrap();
        let event = self.event.clone();
        let task = tokio::spawn(async move {
            drop(process.app.promote(&event, Lane(0)).await);
        });
        let process = Process { gate, task };
        process.pass("QUEUE#", Pass::Whole).await?;
        self.promoters[promoter] = Some(process);
        Ok(())
    }

    /// The head that the code uses instead of reading it, and the number that it looks for.
    fn known_head_of(&self, client: usize, call: Call) -> Option<(KnownHead, u64)> {
        let Call::ReadHead { number, .. } = call else {
            return None;
        };
        let head = self.known[client].filter(|head| number <= head.issued)?;
        Some((head, number))
    }

    /// Whether the code has told a client by the known head that it still waits.
    async fn has_been_told_to_wait(
        &mut self,
        state: &mut State,
        action: Action,
    ) -> Result<bool, String> {
        let Action::Client { client, .. } = action else {
            return Ok(false);
        };
        let call = state.clients[client].call.expect("a call");
        let Some((head, number)) = self.known_head_of(client, call) else {
            return Ok(false);
        };
        if number <= head.admitted {
            return Ok(false);
        }
        state.clients[client].call = None;
        state.clients[client].token = Some(number);
        self.client_stands_as(state, client).await?;
        Ok(true)
    }

    async fn step(
        &mut self,
        config: &Config,
        before: &State,
        after: &State,
        action: Action,
    ) -> Result<(), String> {
        match action {
            Action::Time => self.world.clock.advance_ms(config.tick_ms),
            Action::Begin { client, errand } => {
                self.begin(config, before, client, errand).await?;
                self.client_stands_as(after, client).await?;
            }
            Action::Client {
                client,
                is_answer_lost,
                ..
            } => {
                let call = before.clients[client].call.expect("a call");
                if let Call::TakeNumber { .. } = call {
                    let head = &after.items.head(0);
                    self.known[client] = Some(KnownHead {
                        issued: head.issued,
                        admitted: head.admitted,
                    });
                }
                // A number that the known head has already called needs no other head.
                if self.known_head_of(client, call).is_none() {
                    let process = self.clients[client].as_ref().expect("an errand");
                    process.pass(key_of(call), pass_of(is_answer_lost)).await?;
                }
                self.client_stands_as(after, client).await?;
            }
            Action::Promote { promoter, .. } => {
                self.promote(promoter).await?;
                self.promoter_stands_as(after, promoter).await?;
            }
            Action::Promoter {
                promoter,
                call,
                fate,
                ..
            } => {
                let run = before.runs[promoter].as_ref().expect("a run");
                let process = self.promoters[promoter].as_ref().expect("a run");
                let pass = pass_of(fate == Fate::Repeated);
                match run.stage {
                    // If the floor is at the watermark, there is nothing to read.
                    Stage::ReadSessions => {
                        let next = process.next().await;
                        let is_session_query = |(operation, body): (String, String)| {
                            operation == "Query" && body.contains("SESSIONS#")
                        };
                        if next.is_some_and(is_session_query) {
                            process.pass("SESSIONS#", pass).await?;
                        }
                    }
                    Stage::Move => {
                        process.pass_reads().await;
                        process.pass("QUEUE#", pass).await?;
                    }
                    Stage::Call | Stage::Keep | Stage::CallPassed => {
                        process.pass_reads().await;
                        let rank = format!("\"{:012}\"", run.pending[call]);
                        process.pass(&rank, pass).await?;
                    }
                }
                self.promoter_stands_as(after, promoter).await?;
            }
            Action::ClientCrashes { client } => crash(self.clients[client].take()),
            Action::PromoterCrashes { promoter } => crash(self.promoters[promoter].take()),
            Action::Sweep(_) => unreachable!("nothing is swept here"),
        }
        Ok(())
    }
}

fn crash(process: Option<Process>) {
    if let Some(process) = process {
        process.task.abort();
    }
}

fn pass_of(is_answer_lost: bool) -> Pass {
    if is_answer_lost {
        Pass::AnswerLost
    } else {
        Pass::Whole
    }
}

/// The key that identifies a call of the real code.
fn key_of(call: Call) -> &'static str {
    match call {
        Call::ReadEntry
        | Call::CheckEntry { .. }
        | Call::PutEntry { .. }
        | Call::DeleteEntry { .. } => "ENTRY#",
        Call::ReadHead { .. } | Call::TakeNumber { .. } => "QUEUE#",
        Call::ReadSession { .. }
        | Call::Arrive { .. }
        | Call::EndMine { .. }
        | Call::EndTurn { .. } => "SESSIONS#",
        Call::Hold { .. } | Call::Pay { .. } => "SEATS#",
        Call::ReadReservation => "RESERVATION#",
    }
}

/// The items that both have, in a form that can be compared.
#[derive(PartialEq, Debug)]
struct TableView {
    head: (u64, u64, u64),
    sessions: Vec<(u64, String)>,
    entries: Vec<Option<u64>>,
    reservations: Vec<Option<String>>,
    claim: Option<String>,
}

fn session_in_words(session: Session, began: EpochMs) -> String {
    let at = |time: EpochMs| time.ms_since(began);
    match session {
        Session::Open => "open".to_owned(),
        Session::Called { expires_at } => format!("called until {}", at(expires_at)),
        Session::Live {
            user_id,
            expires_at,
            hold_by,
        } => format!(
            "{user_id} until {}, holds until {}",
            at(expires_at),
            at(hold_by)
        ),
        Session::Ended { arrived } => format!("ended, arrived: {arrived}"),
    }
}

fn hold_in_words(until: Option<EpochMs>, began: EpochMs) -> String {
    match until {
        Some(until) => format!("until {}", until.ms_since(began)),
        None => "for good".to_owned(),
    }
}

fn of_model(state: &State) -> TableView {
    let lane = &state.items.lanes[0];
    let words = |hold: Hold| match hold {
        Hold::Until(until) => hold_in_words(Some(until), START),
        Hold::ForGood => hold_in_words(None, START),
    };
    TableView {
        head: (lane.head.0.issued, lane.head.0.admitted, lane.head.0.floor),
        sessions: lane
            .sessions
            .iter()
            .map(|(rank, session)| (*rank, session_in_words(*session, START)))
            .collect(),
        entries: state.items.entries.clone(),
        reservations: state
            .items
            .reservations
            .iter()
            .map(|reservation| reservation.map(|r| format!("{} {}", r.rank, words(r.hold))))
            .collect(),
        claim: state
            .items
            .claim
            .map(|claim| format!("{} {}", user_id(claim.by.person), words(claim.hold))),
    }
}

async fn of_table(real: &RealCode, config: &Config, began: EpochMs) -> TableView {
    let store = real.world.app.store();
    let strong = Consistency::Strong;
    let head = store
        .head(&real.event, Lane(0), strong)
        .await
        .unwrap()
        .unwrap();
    let everything = Head {
        admitted: 999_999,
        ..Head::default()
    };
    let sessions = store
        .sessions(&real.event, Lane(0), &everything)
        .await
        .unwrap();
    let mut entries = Vec::new();
    let mut reservations = Vec::new();
    for person in 0..config.persons() {
        let user: UserId = user_id(person);
        let entry = store.queue_entry(user, &real.event, strong).await.unwrap();
        let in_line = entry.filter(|entry| entry.left_at.is_none());
        entries.push(in_line.map(|entry| entry.number));
        let reservation = store
            .reservation_for(user, &real.event, Some(real.date))
            .await
            .unwrap();
        reservations.push(reservation.map(|reservation| {
            let until = match reservation.state {
                ReservationState::Held { held_until } => Some(held_until),
                ReservationState::Confirmed { .. } => None,
                ReservationState::Cancelled { .. } => unreachable!("nobody cancels"),
            };
            let Rank(rank) = reservation.rank;
            format!("{rank} {}", hold_in_words(until, began))
        }));
    }
    let claims = store.claims(&real.event, real.date, "A").await.unwrap();
    let claim = claims.into_values().next().map(|claim| match claim {
        Claim::Held {
            user_id,
            held_until,
            ..
        } => format!("{user_id} {}", hold_in_words(Some(held_until), began)),
        Claim::Sold { user_id, .. } => format!("{user_id} {}", hold_in_words(None, began)),
        Claim::Withdrawn { .. } | Claim::Blocked(_) => {
            unreachable!("no operator changes the seats")
        }
    });
    TableView {
        head: (head.issued, head.admitted, head.floor),
        sessions: sessions
            .into_iter()
            .map(|(Rank(rank), session)| (rank, session_in_words(session, began)))
            .collect(),
        entries,
        reservations,
        claim,
    }
}

/// No promotion gets so old that it checks the clock: the code checks before a group of writes, the model before each.
const OLDEST_RUN_MS: i64 = 15_000;

/// Whether time makes no difference to a client's next call. For reads, the code decides by the time of the request and the
/// model by the time of the read. For writes, both state when they were decided.
fn may_take_long(config: &Config, state: &State, client: usize) -> bool {
    let person = config.clients[client];
    let is_alone = config.clients.iter().filter(|of| **of == person).count() == 1;
    match state.clients[client].call {
        None | Some(Call::EndTurn { .. } | Call::DeleteEntry { .. }) => true,
        // If another request of the same user may be faster, the number in force is read next.
        Some(Call::TakeNumber { .. }) => is_alone,
        Some(Call::PutEntry { is_called, .. }) => is_alone && !is_called,
        Some(_) => false,
    }
}

/// The steps that are possible in both.
fn possible(config: &Config, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    config.actions(state, &mut actions);
    let is_old =
        |run: &Run| state.now.plus_ms(config.tick_ms).ms_since(run.began_at) >= OLDEST_RUN_MS;
    // A write states when it was decided, and ends within less than a tick.
    let calls_now = |run: &Run| matches!(run.stage, Stage::Call | Stage::CallPassed);
    let runs_on = |run: &Run| !is_old(run) && !calls_now(run);
    let time_passes = state.runs.iter().flatten().all(runs_on)
        && (0..config.clients.len()).all(|client| may_take_long(config, state, client));
    actions.retain(|action| match action {
        Action::Time => time_passes,
        // A call without an answer ends in a time-out; `every_fault` covers that.
        Action::Promoter { fate, .. } => matches!(fate, Fate::Answered | Fate::Repeated),
        Action::Begin { .. }
        | Action::Client { .. }
        | Action::Promote { .. }
        | Action::ClientCrashes { .. }
        | Action::PromoterCrashes { .. }
        | Action::Sweep(_) => true,
    });
    actions
}

/// Chooses ticks, crashes and leaving less often than the rest, or no user would get as far as paying.
fn chosen(actions: &[Action], choice: u16) -> Option<Action> {
    let is_rare = |action: &Action| {
        matches!(
            action,
            Action::Time
                | Action::ClientCrashes { .. }
                | Action::PromoterCrashes { .. }
                | Action::Begin {
                    errand: Errand::Leave,
                    ..
                }
        )
    };
    let (rare, common): (Vec<Action>, Vec<Action>) =
        actions.iter().partition(|action| is_rare(action));
    let among = if (choice.is_multiple_of(8) && !rare.is_empty()) || common.is_empty() {
        rare
    } else {
        common
    };
    among
        .get(usize::from(choice / 8) % among.len().max(1))
        .copied()
}

async fn both(
    config: &Config,
    state: &mut State,
    real: &mut RealCode,
    action: Action,
) -> Result<(), String> {
    if real.has_been_told_to_wait(state, action).await? {
        return Ok(());
    }
    let before = state.clone();
    steps::apply(config, state, action);
    real.step(config, &before, state, action).await
}

/// Takes the chosen steps in both, one by one.
async fn replay(config: &Config, choices: &[u16]) -> Result<(), TestCaseError> {
    let mut state = State::first(config);
    let mut real = RealCode::new(config).await;
    let began = real.world.clock.now();
    let mut past = Vec::new();
    for choice in choices {
        let Some(action) = chosen(&possible(config, &state), *choice) else {
            break;
        };
        past.push(action);
        let step = both(config, &mut state, &mut real, action).await;
        if let Err(difference) = step {
            return Err(TestCaseError::fail(format!("{difference}: after {past:?}")));
        }
        let (model, table) = (of_model(&state), of_table(&real, config, began).await);
        prop_assert_eq!(model, table, "after {:?}", past);
    }
    Ok(())
}

fn check(config: &Config, choices: &[u16]) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(replay(config, choices))
}

const ONE_SLOT: Config = Config {
    clients: &[0, 1, 1],
    promoters: &[0, 0],
    grace_seconds: 10,
    session_seconds: 15,
    hold_seconds: 10,
    joins: 3,
    leaves: true,
    seat: true,
    crashes: 4,
    lost_answers: 2,
    ..Config::SMALLEST
};

const THREE_SLOTS: Config = Config {
    clients: &[0, 1, 2, 3, 3],
    max_active: 3,
    ..ONE_SLOT
};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_code_does_what_the_model_does_step_by_step(
        choices in proptest::collection::vec(any::<u16>(), 20..90),
    ) {
        check(&ONE_SLOT, &choices)?;
    }

    #[test]
    fn the_code_does_what_the_model_does_with_more_slots(
        choices in proptest::collection::vec(any::<u16>(), 20..90),
    ) {
        check(&THREE_SLOTS, &choices)?;
    }
}

#[test]
fn a_model_that_differs_from_the_code_is_detected() {
    let flawed = Config {
        flaw: Some(super::Flaw::SessionsDeletedWhenTheyEnd),
        ..ONE_SLOT
    };
    let mut random = fastrand::Rng::with_seed(7);
    let is_found = (0..30).any(|_| {
        let choices: Vec<u16> = (0..80).map(|_| random.u16(..)).collect();
        check(&flawed, &choices).is_err()
    });
    assert!(is_found);
}
