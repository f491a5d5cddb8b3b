//! An operator who changes running sales at random: applies catalogues, blocks and unblocks seats, postpones and cancels dates,
//! pauses, resumes, steers, and is interrupted.

use std::collections::BTreeMap;

use boxoffice::Outcome;
use boxoffice::cancelling::{self, Scope};
use boxoffice::catalog_update::{Mode, apply_text};
use boxoffice::commands::blocks::{SeatsArgs, block_seats, unblock_seats};
use boxoffice::commands::codes::{self, WantedCodes};
use boxoffice::export::Format;
use boxoffice::output::Output;
use boxoffice::postponing::{self, NewTime, Wanted};
use boxoffice::seat_list::SeatList;
use boxoffice::steering::{self, SaleAction, Steering};
use domain::access_code::{CodeHash, CodePrefix};
use domain::block::{Block, BlockKind, Channel};
use domain::ids::{DateKey, EventId};
use domain::presale::PhaseName;
use fastrand::Rng;

use crate::random::{MARKET_OPENS, MARKET_PRESALE};
use crate::wire::{Fault, Rule};
use crate::world::{DATE, EVENT, FESTIVAL, LATER_DATE, PRICE, START, World, author};

/// A date that the operator adds and removes, with so few seats that its buyers meet the operator.
pub(crate) const EXTRA_DATE: &str = "2026-12-26";

/// Changes of the operator, and how often each had which outcome.
pub(crate) type Changes = BTreeMap<String, u32>;

/// A random catalogue of the three events of the random run.
fn catalogue(random: &mut Rng, seated: [&str; 2]) -> String {
    let mut text = "currency: KRW\nevents:\n".to_owned();
    for id in seated {
        let queue = if id == EVENT {
            format!("{{maxActive: {}, ", random.u32(20..60))
        } else {
            format!(
                "{{strategy: batch, batchSize: {}, batchSeconds: 10, reissue: requeue, maxActive: 40, ",
                random.u32(10..30)
            )
        };
        let price = PRICE + i64::from(random.u32(0..3)) * 1000;
        let seats = random.u32(48..=52);
        let rows = ["", ", rows: 5", ", rows: 4"][random.usize(..3)];
        let mut dates = vec![
            (
                DATE,
                format!("[{{name: A, seats: {seats}, price: {price}{rows}}}]"),
            ),
            (
                LATER_DATE,
                format!("[{{name: A, seats: 50, price: {price}}}]"),
            ),
        ];
        if random.bool() {
            let seats = random.u32(2..=6);
            dates.push((
                EXTRA_DATE,
                format!("[{{name: A, seats: {seats}, price: {PRICE}}}]"),
            ));
        }
        let dates = dates
            .into_iter()
            .map(|(date, sections)| {
                format!("      - {{date: {date}, startsAt: '{date}T19:00:00+09:00', sections: {sections}}}\n")
            });
        let parts = [
            format!("  - eventId: {id}\n    name: {id}\n    venue: Hall\n    admission: seated\n"),
            "    maxSeatsPerUser: 3\n    holdSeconds: 45\n".to_owned(),
            if id == EVENT {
                String::new()
            } else {
                format!(
                    "    opensAt: {MARKET_OPENS}\n    presales: [{{name: {MARKET_PRESALE}, opensAt: {START}}}]\n"
                )
            },
            format!("    queue: {queue}graceSeconds: 20, sessionSeconds: 60}}\n    dates:\n"),
        ];
        text.extend(parts);
        text.extend(dates);
    }
    let festival = format!(
        "  - {{eventId: {FESTIVAL}, name: Festival, venue: Park, admission: general, totalTickets: {}, price: {PRICE}, \
         maxSeatsPerUser: 4, queue: {{maxActive: 40, graceSeconds: 20, sessionSeconds: 60}}}}\n",
        random.u32(4..14)
    );
    text.push_str(&festival);
    text
}

/// Opened by half of the market's codes.
pub(crate) fn market_channel() -> Channel {
    Channel::parse("neighbours").expect("a channel")
}

/// Blocks a few seats for some time or for ever, or unblocks them and most others.
async fn change_blocks(process: &World, random: &mut Rng, seated: [&str; 2]) -> &'static str {
    // Every catalogue has these dates, and the section with at least 48 seats.
    let date = [DATE, LATER_DATE][random.usize(..2)];
    let first = random.u32(1..=45);
    let is_block = random.u8(..3) > 0;
    let seats = if is_block {
        format!("{first}-{}", first + random.u32(..4))
    } else {
        format!("1-{}", first + 3)
    };
    let seats = SeatsArgs {
        event: EventId::parse(seated[random.usize(..2)]).expect("an event id"),
        date: DateKey::parse(date).expect("a date"),
        section: "A".to_owned(),
        seats: SeatList::parse(&seats).expect("seats"),
    };
    let store = process.app.store();
    let mut out = Output::to(Box::new(std::io::sink()));
    if !is_block {
        let unblocked = unblock_seats(store, &seats, &author(), &mut out).await;
        return unblocked.map_or("unblock failed", |_| "unblock done");
    }
    let lasts = random.u8(..4) > 0;
    let block = Block {
        kind: BlockKind::ALL[random.usize(..BlockKind::ALL.len())],
        until: lasts.then(|| process.clock.now().plus_seconds(random.u32(20..120))),
        reason: None,
        channel: (random.u8(..3) == 0).then(market_channel),
    };
    match block_seats(store, &seats, &block, &author(), &mut out).await {
        Ok(Outcome::Done) => "block done",
        Ok(Outcome::Negative) => "block refused",
        Err(_) => "block failed",
    }
}

/// Postpones a date to a time that no catalogue knows, mostly with returns, or cancels the date that comes and goes.
async fn change_plans(process: &World, random: &mut Rng, seated: [&str; 2]) -> &'static str {
    let event = EventId::parse(seated[random.usize(..2)]).expect("an event id");
    let store = process.app.store();
    if random.u8(..8) == 0 {
        let scope = Scope {
            event,
            date: DateKey::parse(EXTRA_DATE).ok(),
        };
        let cancelled = cancelling::cancel(store, &scope, &author()).await;
        return match cancelled {
            Ok(Ok(_)) => "cancel date done",
            Ok(Err(_)) => "cancel date refused",
            Err(_) => "cancel date failed",
        };
    }
    let to = format!("2027-01-{:02}T19:00:00+09:00", random.u8(1..=28));
    let lasts = random.bool();
    let wanted = Wanted {
        event,
        date: DateKey::parse([DATE, LATER_DATE][random.usize(..2)]).ok(),
        to: NewTime::parse(&to).expect("a time"),
        returns_until: lasts.then(|| process.clock.now().plus_seconds(random.u32(20..120))),
    };
    match postponing::postpone(store, &wanted, &author()).await {
        Ok(Ok(_)) => "postpone done",
        Ok(Err(_)) => "postpone refused",
        Err(_) => "postpone failed",
    }
}

/// Makes codes, or revokes one of any age.
async fn change_codes(process: &World, random: &mut Rng, market: &str) -> &'static str {
    let store = process.app.store();
    let event = EventId::parse(market).expect("an event id");
    if random.bool() {
        let wanted = WantedCodes {
            event,
            phase: PhaseName::parse(MARKET_PRESALE).ok(),
            channel: None,
            count: random.usize(1..4),
            most_users: 1,
            prefix: CodePrefix::default(),
        };
        let mut out = Output::to(Box::new(std::io::sink()));
        let made = codes::make(store, &wanted, Format::Csv, &author(), &mut out).await;
        return made.map_or("codes failed", |_| "codes done");
    }
    let Ok(known) = store.codes(&event).await else {
        return "revoking failed";
    };
    let hashes: Vec<CodeHash> = known.into_keys().collect();
    let hash = hashes[random.usize(..hashes.len())].clone();
    let revoked = store.revoke_codes(&event, &[hash], &author()).await;
    revoked.map_or("revoking failed", |_| "revoking done")
}

/// One change by a new process, which may be interrupted. A failure is an outcome too: the operator tries again later.
pub(crate) async fn operate(
    world: &World,
    random: &mut Rng,
    seated: [&str; 2],
    changes: &mut Changes,
) {
    let process = world.another_process();
    let store = process.app.store();
    let is_interrupted = random.u8(..4) == 0;
    if is_interrupted {
        process.wire.inject(Rule {
            after: random.u32(..12),
            ..Rule::every("", "", Fault::CutOff)
        });
    }
    let what = if random.bool() {
        change_blocks(&process, random, seated).await
    } else if random.u8(..5) == 0 {
        change_plans(&process, random, seated).await
    } else if random.u8(..8) == 0 {
        change_codes(&process, random, seated[1]).await
    } else if random.u8(..3) > 0 {
        let text = catalogue(random, seated);
        let mut out = Output::to(Box::new(std::io::sink()));
        match apply_text(
            store,
            "random.yaml",
            &text,
            Mode::Apply(&author()),
            &mut out,
        )
        .await
        {
            Ok(Outcome::Done) => "apply done",
            Ok(Outcome::Negative) => "apply refused",
            Err(_) => "apply failed",
        }
    } else {
        let events = [seated[0], seated[1], FESTIVAL];
        let id = EventId::parse(events[random.usize(..3)]).expect("an event id");
        let change = Steering {
            action: [None, Some(SaleAction::Pause), Some(SaleAction::Close)][random.usize(..3)],
            max_active: random.bool().then(|| random.u32(10..60)),
            ..Steering::default()
        };
        let steered = steering::steer(store, &id, &change, &author()).await;
        // Nothing can be sold during a pause, so it ends soon.
        let resume = Steering {
            action: Some(SaleAction::Resume),
            ..Steering::default()
        };
        let resumed =
            steering::steer(world.another_process().app.store(), &id, &resume, &author()).await;
        assert!(matches!(resumed, Ok(Ok(_))), "{resumed:?}");
        match steered {
            Ok(Ok(_)) => "steering done",
            Ok(Err(_)) => "steering refused",
            Err(_) => "steering failed",
        }
    };
    *changes.entry(what.to_owned()).or_default() += 1;
}
