//! `boxoffice verify-draw`: verifies a draw from published data alone.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use domain::ids::EventId;
use domain::queue::Order;
use shared::http::views::DrawView;
use shared::store::Consistency;

use crate::draw_proof::{DrawProof, PublishedQueue, verify};
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, error_line};
use crate::table_options::TableOptions;

#[derive(Args, Debug)]
pub struct VerifyDrawArgs {
    /// The event whose queue draws
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// A file with the answer of GET /events/{eventId}/queue; - reads it from standard input [default: the table]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The commitment that was published before the opening
    #[arg(long, value_name = "SHA256")]
    commitment: Option<String>,
    /// Print the rank of this queue number
    #[arg(long, value_name = "N")]
    number: Option<u64>,
    /// The lane of the queue number
    #[arg(long, value_name = "N", default_value_t = 0, requires = "number")]
    lane: u8,
}

/// The answer has some hundred bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

pub async fn run(
    args: &VerifyDrawArgs,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    let published = match &args.from {
        Some(file) => read_from_file(file)?,
        None => read_from_table(tables, &args.event).await?,
    };
    if published.event_id != args.event {
        bail!(
            "this is the queue of {}, not of {}",
            published.event_id,
            args.event
        );
    }
    match verify(&published, args.commitment.as_deref()) {
        Ok(proof) => {
            for line in &proof.verified {
                out.line(line);
            }
            match args.number {
                Some(number) => print_rank(&proof, args.lane, number, out),
                None => Ok(Outcome::Done),
            }
        }
        Err(reason) => {
            error_line(format_args!("{}: {reason}", args.event));
            Ok(Outcome::Negative)
        }
    }
}

fn read_from_file(file: &Path) -> Result<PublishedQueue> {
    let mut text = String::new();
    let name = file.display();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file)
            .and_then(|opened| opened.take(MAX_FILE_BYTES).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{name} is not an answer of GET /events/{{eventId}}/queue"))
}

/// Makes what the API publishes, with the same code.
async fn read_from_table(tables: &TableOptions, id: &EventId) -> Result<PublishedQueue> {
    let store = tables.store().await?;
    let event = known_event::event(&store, id).await?;
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
    Ok(PublishedQueue {
        event_id: id.clone(),
        draw,
    })
}

fn print_rank(proof: &DrawProof, lane: u8, number: u64, out: &mut Output) -> Result<Outcome> {
    let permutation = proof
        .permutations
        .get(usize::from(lane))
        .with_context(|| format!("there is no lane {lane}"))?;
    let count = proof.counts[usize::from(lane)];
    match permutation.rank_of(number) {
        Some(rank) => out.line(format_args!(
            "number {number} of lane {lane} drew rank {rank} of {count}"
        )),
        None if number > count => {
            out.line(format_args!(
                "number {number} of lane {lane} joined after the draw: its rank is {number}"
            ));
        }
        None => bail!("queue numbers start at 1"),
    }
    Ok(Outcome::Done)
}
