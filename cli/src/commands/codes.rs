//! `boxoffice codes`: codes that let their holders join a presale.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use domain::access_code::{AccessCode, CodeHash, CodePrefix, IssuedCode};
use domain::clock::{EpochMs, rfc3339};
use domain::event::Event;
use domain::ids::EventId;
use domain::journal::Author;
use domain::presale::PhaseName;
use serde::Serialize;
use shared::store::{MOST_CODES_AT_ONCE, Store};

use crate::author::{self, WhyOption};
use crate::export::{Format, Line, LineWriter};
use crate::known_event;
use crate::outcome::Outcome;
use crate::output::{Output, csv_text, error_line};
use crate::output_file::OutputFile;
use crate::table_options::TableOptions;
use crate::text_table::{Column, TextTable};
use crate::unknown::Unknown;

const BATCHES: &str = "99 codes are stored at a time, and then printed. Only their hashes are stored: keep what is printed. If the command is \
    interrupted, the printed codes are valid; those that were stored and not printed are nobody's, and can be revoked by their batch.";

#[derive(Subcommand, Clone, Debug)]
pub enum CodesCommand {
    /// Make codes of a presale, and print them: this once
    Make(MakeArgs),
    /// List an event's codes by batch, with how many were used
    List(ListArgs),
    /// Revoke codes: nobody can join with them any more. Who has joined keeps the place
    Revoke(RevokeArgs),
    /// A line for each code, without the code itself: its id, batch and uses
    Export(ExportArgs),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = BATCHES)]
pub struct MakeArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// The presale that the codes open, as the catalogue names it
    #[arg(long, value_name = "NAME", value_parser = PhaseName::parse)]
    phase: PhaseName,
    /// How many codes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// How many users may use each of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    uses: u32,
    /// What the codes begin with: at most 12 letters and digits
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = CodePrefix::parse)]
    prefix: CodePrefix,
    #[command(flatten)]
    to: Destination,
    #[command(flatten)]
    why: WhyOption,
}

#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["batch", "codes"]))]
pub struct RevokeArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    /// The codes
    #[arg(value_name = "CODE", value_parser = AccessCode::parse)]
    codes: Vec<AccessCode>,
    /// All codes of this batch
    #[arg(long, value_name = "BATCH")]
    batch: Option<String>,
    #[command(flatten)]
    why: WhyOption,
}

#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    #[arg(value_parser = EventId::parse)]
    event: EventId,
    #[command(flatten)]
    to: Destination,
}

/// The form of the lines, and where to.
#[derive(Args, Clone, Debug)]
struct Destination {
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Write to this file when everything is done [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub async fn run(
    command: &CodesCommand,
    tables: &TableOptions,
    out: &mut Output,
) -> Result<Outcome> {
    let store = tables.store().await?;
    match command {
        CodesCommand::Make(args) => {
            let author = author::of(&args.why, tables).await?;
            let wanted = WantedCodes {
                event: args.event.clone(),
                phase: args.phase.clone(),
                count: args.count as usize,
                most_users: args.uses,
                prefix: args.prefix.clone(),
            };
            let Some(path) = &args.to.output else {
                return make(&store, &wanted, args.to.format, &author, out).await;
            };
            let (file, mut to) = OutputFile::create(path)?;
            let outcome = make(&store, &wanted, args.to.format, &author, &mut to).await?;
            complete(file, &to)?;
            Ok(outcome)
        }
        CodesCommand::List(args) => list(&store, &args.event, args.json, out).await,
        CodesCommand::Revoke(args) => {
            let author = author::of(&args.why, tables).await?;
            match &args.batch {
                Some(batch) => revoke_batch(&store, &args.event, batch, &author, out).await,
                None => revoke(&store, &args.event, &args.codes, &author, out).await,
            }
        }
        CodesCommand::Export(args) => {
            let Some(path) = &args.to.output else {
                return export(&store, &args.event, args.to.format, out).await;
            };
            let (file, mut to) = OutputFile::create(path)?;
            let outcome = export(&store, &args.event, args.to.format, &mut to).await?;
            complete(file, &to)?;
            Ok(outcome)
        }
    }
}

fn complete(file: OutputFile, to: &Output) -> Result<()> {
    if to.has_failed() {
        bail!("--output: the file could not be written");
    }
    file.complete()
}

/// What codes to make.
#[derive(Clone, Debug)]
pub struct WantedCodes {
    pub event: EventId,
    pub phase: PhaseName,
    pub count: usize,
    pub most_users: u32,
    pub prefix: CodePrefix,
}

/// A code that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeCode {
    code: String,
    id: String,
    batch: String,
    phase: PhaseName,
    most_users: u32,
}

impl Line for MadeCode {
    const COLUMNS: &'static [&'static str] = &["code", "id", "batch", "phase", "mostUsers"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.code.clone(),
            csv_text(&self.id),
            csv_text(&self.batch),
            csv_text(self.phase.as_str()),
            self.most_users.to_string(),
        ]
    }
}

/// Makes codes, a transaction at a time, and prints them.
pub async fn make(
    store: &Store,
    wanted: &WantedCodes,
    format: Format,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let event = known_event::programme(store, &wanted.event).await?.event;
    if let Some(reason) = why_not(&event, &wanted.phase, store.clock().now()) {
        error_line(format_args!("{}: {reason}", wanted.event));
        return Ok(Outcome::Negative);
    }
    let mut issued = IssuedCode {
        batch: format!("{:08x}", fastrand::u32(..)),
        phase: wanted.phase.clone(),
        most_users: wanted.most_users,
        users: 0,
        made_at: store.clock().now(),
        revoked_at: None,
    };
    let mut writer = LineWriter::<MadeCode>::begin(out, format)?;
    let mut left = wanted.count;
    while left > 0 {
        let count = left.min(MOST_CODES_AT_ONCE);
        let codes: Vec<AccessCode> = (0..count)
            .map(|_| AccessCode::random(&wanted.prefix))
            .collect::<Result<_, _>>()
            .map_err(|error| anyhow!("no randomness: {error}"))?;
        let hashes: Vec<CodeHash> = codes.iter().map(|code| code.hash(&wanted.event)).collect();
        issued.made_at = store.clock().now();
        store
            .make_codes(&wanted.event, &hashes, &issued, author)
            .await?;
        let lines: Vec<MadeCode> = codes
            .iter()
            .zip(&hashes)
            .map(|(code, hash)| MadeCode {
                code: code.to_string(),
                id: hash.id().to_owned(),
                batch: issued.batch.clone(),
                phase: issued.phase.clone(),
                most_users: issued.most_users,
            })
            .collect();
        left -= count;
        // Codes that nobody reads are of no use.
        if writer.page(&lines)? == ControlFlow::Break(()) {
            break;
        }
    }
    writer.end();
    Ok(Outcome::Done)
}

/// Why codes of this presale would be of no use.
fn why_not(event: &Event, phase: &PhaseName, now: EpochMs) -> Option<String> {
    let presale = event
        .terms
        .presales
        .iter()
        .find(|presale| presale.name == *phase);
    match presale {
        None => {
            let names = event.terms.presales.iter().map(|it| it.name.as_str());
            let names: Vec<&str> = names.collect();
            Some(if names.is_empty() {
                "the event has no presale".to_owned()
            } else {
                format!(
                    "--phase: there is no presale {phase}, only {}",
                    names.join(", ")
                )
            })
        }
        Some(presale) if presale.is_over(now) => {
            let closes_at = presale.closes_at;
            Some(format!("--phase: the presale has ended at {closes_at}"))
        }
        Some(_) => None,
    }
}

/// Codes that one command made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedCodes {
    batch: String,
    phase: PhaseName,
    #[serde(serialize_with = "rfc3339::serialize")]
    made_at: EpochMs,
    codes: usize,
    /// How many users may use each.
    most_users: u32,
    /// Codes that somebody has used.
    used: usize,
    /// All users of all these codes.
    users: u64,
    revoked: usize,
}

/// Prints the batches of an event's codes, the oldest first.
pub async fn list(
    store: &Store,
    event: &EventId,
    as_json: bool,
    out: &mut Output,
) -> Result<Outcome> {
    known_event::programme(store, event).await?;
    let mut batches: BTreeMap<String, ListedCodes> = BTreeMap::new();
    for code in store.codes(event).await?.into_values() {
        let batch = batches
            .entry(code.batch.clone())
            .or_insert_with(|| ListedCodes {
                batch: code.batch,
                phase: code.phase,
                made_at: code.made_at,
                codes: 0,
                most_users: code.most_users,
                used: 0,
                users: 0,
                revoked: 0,
            });
        batch.made_at = batch.made_at.min(code.made_at);
        batch.codes += 1;
        batch.used += usize::from(code.users > 0);
        batch.users += u64::from(code.users);
        batch.revoked += usize::from(code.revoked_at.is_some());
    }
    let mut batches: Vec<ListedCodes> = batches.into_values().collect();
    batches.sort_by(|a, b| (a.made_at, &a.batch).cmp(&(b.made_at, &b.batch)));
    if as_json {
        out.json(&batches)?;
        return Ok(Outcome::Done);
    }
    if batches.is_empty() {
        out.line("no codes were made");
        return Ok(Outcome::Done);
    }
    let mut table = TextTable::new(&[
        Column::Text("batch"),
        Column::Text("phase"),
        Column::Text("made"),
        Column::Number("codes"),
        Column::Number("uses each"),
        Column::Number("used"),
        Column::Number("users"),
        Column::Number("revoked"),
    ]);
    for batch in &batches {
        table.row([
            batch.batch.clone(),
            batch.phase.to_string(),
            batch.made_at.to_string(),
            batch.codes.to_string(),
            batch.most_users.to_string(),
            batch.used.to_string(),
            batch.users.to_string(),
            batch.revoked.to_string(),
        ]);
    }
    for line in table.lines() {
        out.line(line);
    }
    Ok(Outcome::Done)
}

async fn revoke_batch(
    store: &Store,
    event: &EventId,
    batch: &str,
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    known_event::programme(store, event).await?;
    let codes = store.codes(event).await?;
    let of_batch = codes.into_iter().filter(|(_, code)| code.batch == batch);
    let hashes: Vec<CodeHash> = of_batch.map(|(hash, _)| hash).collect();
    if hashes.is_empty() {
        return Err(Unknown::new(format_args!("batch {batch} of the event {event}")).into());
    }
    revoke_hashes(store, event, &hashes, author, out).await
}

/// Revokes codes. Those that do not exist, or were revoked before, change nothing.
pub async fn revoke(
    store: &Store,
    event: &EventId,
    codes: &[AccessCode],
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    known_event::programme(store, event).await?;
    let hashes: Vec<CodeHash> = codes.iter().map(|code| code.hash(event)).collect();
    revoke_hashes(store, event, &hashes, author, out).await
}

async fn revoke_hashes(
    store: &Store,
    event: &EventId,
    hashes: &[CodeHash],
    author: &Author,
    out: &mut Output,
) -> Result<Outcome> {
    let mut revoked = 0;
    for hashes in hashes.chunks(MOST_CODES_AT_ONCE) {
        match store.revoke_codes(event, hashes, author).await {
            Ok(count) => revoked += count,
            Err(error) => {
                out.line(format_args!("revoked until then: {revoked}"));
                return Err(error.into());
            }
        }
    }
    let others = match hashes.len() - revoked {
        0 => String::new(),
        others => format!("; {others} were not valid before"),
    };
    out.line(format_args!(
        "revoked {revoked} of {}{others}",
        hashes.len()
    ));
    Ok(Outcome::Done)
}

/// A code, without what people type.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedCode {
    id: String,
    batch: String,
    phase: PhaseName,
    most_users: u32,
    users: u32,
    #[serde(serialize_with = "rfc3339::serialize")]
    made_at: EpochMs,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "rfc3339::option::serialize"
    )]
    revoked_at: Option<EpochMs>,
}

impl Line for ExportedCode {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "batch",
        "phase",
        "mostUsers",
        "users",
        "madeAt",
        "revokedAt",
    ];

    fn cells(&self) -> Vec<String> {
        let revoked_at = self.revoked_at.map(|at| at.to_string());
        vec![
            csv_text(&self.id),
            csv_text(&self.batch),
            csv_text(self.phase.as_str()),
            self.most_users.to_string(),
            self.users.to_string(),
            self.made_at.to_string(),
            revoked_at.unwrap_or_default(),
        ]
    }
}

/// Prints a line for each code of the event.
pub async fn export(
    store: &Store,
    event: &EventId,
    format: Format,
    out: &mut Output,
) -> Result<Outcome> {
    known_event::programme(store, event).await?;
    let codes = store.codes(event).await?;
    let lines: Vec<ExportedCode> = codes
        .into_iter()
        .map(|(hash, code)| ExportedCode {
            id: hash.id().to_owned(),
            batch: code.batch,
            phase: code.phase,
            most_users: code.most_users,
            users: code.users,
            made_at: code.made_at,
            revoked_at: code.revoked_at,
        })
        .collect();
    let mut writer = LineWriter::begin(out, format)?;
    // Whether somebody still reads them does not matter any more.
    let _ = writer.page(&lines)?;
    writer.end();
    Ok(Outcome::Done)
}
