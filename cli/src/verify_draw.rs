//! `boxoffice verify-draw`: proves a draw from what anybody can read, and from nothing else.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use domain::ids::{EventId, Lane};
use domain::queue::{Lanes, Order, PROCEDURE, Permutation, Secret};
use serde::Deserialize;
use shared::http::views::DrawView;
use shared::store::Consistency;

use crate::command::Outcome;
use crate::target::Target;

/// What is to be proved.
#[derive(Args, Debug)]
pub struct Options {
    /// The event whose queue draws
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// What GET /events/{eventId}/queue answered, in a file; - reads it from standard input [default: the table]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The commitment that was published before the opening
    #[arg(long, value_name = "SHA256")]
    commitment: Option<String>,
    /// Tell the rank of this queue number
    #[arg(long, value_name = "N")]
    number: Option<u64>,
    /// The lane of the queue number
    #[arg(long, value_name = "N", default_value_t = 0, requires = "number")]
    lane: u8,
}

/// The public answer of a queue is some hundred bytes.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Above this, only so many numbers of a lane are checked one by one.
const MOST_CHECKED: u64 = 2_000_000;

/// What a queue publishes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    event_id: EventId,
    draw: Option<PublishedDraw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedDraw {
    procedure: String,
    commitment: String,
    beacon: Option<Beacon>,
    count: Option<u64>,
    counts: Option<Vec<u64>>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Beacon {
    source: String,
    value: Option<String>,
}

/// A draw that is as it was promised.
struct Proof {
    /// One for each lane.
    lanes: Vec<Permutation>,
    counts: Vec<u64>,
    told: Vec<String>,
}

/// Verifies, and says what was verified.
pub async fn run(target: &Target, options: &Options) -> Result<Outcome> {
    let published = match &options.from {
        Some(file) => read(file)?,
        None => published_by_table(target, &options.event).await?,
    };
    if published.event_id != options.event {
        bail!(
            "this is the queue of {}, not of {}",
            published.event_id,
            options.event
        );
    }
    match verify(&published, options.commitment.as_deref()) {
        Ok(proof) => {
            for line in &proof.told {
                println!("{line}");
            }
            match options.number {
                Some(number) => tell_rank(&proof, options.lane, number),
                None => Ok(Outcome::Done),
            }
        }
        Err(why_not) => {
            eprintln!("{}: {why_not}", options.event);
            Ok(Outcome::No)
        }
    }
}

fn read(file: &Path) -> Result<Published> {
    let mut text = String::new();
    let name = file.display();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .take(LARGEST_FILE)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file)
            .and_then(|opened| opened.take(LARGEST_FILE).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{name} is not what GET /events/{{eventId}}/queue answers"))
}

/// The same that the API publishes, made by the same code.
async fn published_by_table(target: &Target, id: &EventId) -> Result<Published> {
    let store = target.store().await?;
    let event = store
        .event(id, Consistency::Strong)
        .await?
        .ok_or_else(|| anyhow!("there is no event {id}"))?;
    let draw = match event.terms.queue.order {
        Order::Arrival => None,
        Order::Draw => {
            let heads = store
                .heads(&event, Consistency::Strong)
                .await?
                .with_context(|| format!("the event {id} has no queue"))?;
            let view = serde_json::to_value(DrawView::of(&event, &heads))?;
            serde_json::from_value(view)?
        }
    };
    Ok(Published {
        event_id: id.clone(),
        draw,
    })
}

fn verify(published: &Published, commitment: Option<&str>) -> Result<Proof, String> {
    let draw = published
        .draw
        .as_ref()
        .ok_or("this queue draws no lots: people are called as they came")?;
    if draw.procedure != PROCEDURE {
        return Err(format!(
            "the procedure {} is not known here; this is {PROCEDURE}",
            draw.procedure
        ));
    }
    let (Some(secret), Some(counts)) = (&draw.secret, &draw.counts) else {
        return Err("the draw has not been held yet; it is held at the opening".to_owned());
    };
    let secret = Secret::parse(secret)?;
    if !secret.commitment().eq_ignore_ascii_case(&draw.commitment) {
        return Err(format!(
            "the secret is another: its SHA-256 is {}, published was {}",
            secret.commitment(),
            draw.commitment
        ));
    }
    if let Some(noted) = commitment
        && !noted.eq_ignore_ascii_case(&draw.commitment)
    {
        return Err(format!(
            "the commitment is another than the one that you noted: {}",
            draw.commitment
        ));
    }
    let mut told = vec![format!(
        "the secret is the one committed to: {}",
        draw.commitment
    )];
    let value = match &draw.beacon {
        None => "",
        Some(Beacon {
            source,
            value: None,
        }) => {
            return Err(format!("the draw waits for its random value: {source}"));
        }
        Some(Beacon {
            source,
            value: Some(value),
        }) => {
            told.push(format!("mixed in: {value}, which should be: {source}"));
            value
        }
    };
    if counts.len() > usize::from(Lanes::MOST) {
        return Err(format!("more than {} lanes", Lanes::MOST));
    }
    let sum = counts
        .iter()
        .try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum.is_none() || draw.count != sum {
        return Err("the counts of the lanes are not the count in all".to_owned());
    }
    let lanes: Vec<Permutation> = (0..)
        .zip(counts)
        .map(|(lane, count)| {
            Permutation::new(&secret, &published.event_id, Lane(lane), *count, value)
        })
        .collect();
    for (lane, (permutation, count)) in lanes.iter().zip(counts).enumerate() {
        check_ranks(permutation, *count)
            .map_err(|number| format!("number {number} of lane {lane} has no rank of its own"))?;
        let checked = match *count {
            0 => "nobody took part".to_owned(),
            count if count > MOST_CHECKED => {
                format!("each of the numbers 1 to {MOST_CHECKED} of {count} has a rank of its own")
            }
            count => format!("each of the numbers 1 to {count} has a rank of its own"),
        };
        told.push(format!("lane {lane}: {checked}"));
    }
    Ok(Proof {
        lanes,
        counts: counts.clone(),
        told,
    })
}

/// Whether every number has a rank that leads back to it and to no other; else the first that has not.
fn check_ranks(permutation: &Permutation, count: u64) -> Result<(), u64> {
    for number in 1..=count.min(MOST_CHECKED) {
        let rank = permutation.rank_of(number).ok_or(number)?;
        if !(1..=count).contains(&rank.0) || permutation.number_at(rank) != Some(number) {
            return Err(number);
        }
    }
    Ok(())
}

fn tell_rank(proof: &Proof, lane: u8, number: u64) -> Result<Outcome> {
    let of_lane = proof
        .lanes
        .get(usize::from(lane))
        .with_context(|| format!("there is no lane {lane}"))?;
    let count = proof.counts[usize::from(lane)];
    match of_lane.rank_of(number) {
        Some(rank) => println!("number {number} of lane {lane} drew rank {rank} of {count}"),
        None if number > count => {
            println!("number {number} of lane {lane} came after the draw: its rank is {number}");
        }
        None => bail!("queue numbers begin with 1"),
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(change: impl FnOnce(&mut PublishedDraw)) -> Published {
        let secret = Secret::parse(&"5a".repeat(32)).unwrap();
        let mut draw = PublishedDraw {
            procedure: PROCEDURE.to_owned(),
            commitment: secret.commitment(),
            beacon: None,
            count: Some(300),
            counts: Some(vec![200, 100]),
            secret: Some(secret.reveal()),
        };
        change(&mut draw);
        Published {
            event_id: EventId::parse("winter-live").unwrap(),
            draw: Some(draw),
        }
    }

    #[test]
    fn a_draw_that_is_as_promised_is_proved() {
        let proof = verify(&published(|_| ()), None).ok().unwrap();
        assert_eq!(proof.lanes.len(), 2);
        assert_eq!(proof.told.len(), 3);
    }

    #[test]
    fn whatever_was_changed_afterwards_is_found() {
        let changes: [fn(&mut PublishedDraw); 5] = [
            |draw| draw.secret = Some("00".repeat(32)),
            |draw| draw.commitment = "00".repeat(32),
            |draw| draw.counts = Some(vec![200, 101]),
            |draw| draw.procedure = "boxoffice-draw-0".to_owned(),
            |draw| draw.secret = Some("not a secret".to_owned()),
        ];
        for change in changes {
            assert!(verify(&published(change), None).is_err());
        }
        let noted = "ab".repeat(32);
        assert!(verify(&published(|_| ()), Some(&noted)).is_err());
    }

    #[test]
    fn nothing_is_proved_before_the_draw_is_held() {
        assert!(verify(&published(|draw| draw.secret = None), None).is_err());
        let awaiting = published(|draw| {
            draw.beacon = Some(Beacon {
                source: "tonight's lottery".to_owned(),
                value: None,
            });
        });
        assert!(verify(&awaiting, None).is_err());
    }
}
