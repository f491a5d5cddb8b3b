//! Blocking and unblocking seats that were chosen on the desk's map.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use domain::block::{Block, BlockKind, Channel};
use domain::clock::EpochMs;
use domain::ids::{DateKey, SeatNumber};
use domain::journal::Why;
use serde::{Deserialize, Serialize};

use super::answer::{ApiError, ApiResult, valid};
use super::api::{DeskState, event_id};
use crate::block_list::BlockList;
use crate::blocking::{self, Blocking, Stopped, WantedSeats};

/// More seats are not chosen on a map.
const MOST_SEATS: usize = 10_000;

/// The options of `boxoffice block`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockRequest {
    section: String,
    seats: Vec<u32>,
    kind: String,
    until: Option<String>,
    channel: Option<String>,
    why: Option<String>,
}

/// The options of `boxoffice unblock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnblockRequest {
    section: String,
    seats: Vec<u32>,
    why: Option<String>,
}

/// How far it came.
#[derive(Serialize)]
pub(super) struct Blocked {
    done: usize,
    changed: usize,
    /// Why it ended before the last seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

fn wanted(event: &str, date: &str, section: String, seats: &[u32]) -> ApiResult<WantedSeats> {
    if !(1..=MOST_SEATS).contains(&seats.len()) {
        return Err(ApiError::field(
            "seats",
            format_args!("must be 1 to {MOST_SEATS}"),
        ));
    }
    let mut seats: Vec<SeatNumber> = seats.iter().copied().map(SeatNumber).collect();
    seats.sort_unstable();
    seats.dedup();
    Ok(WantedSeats {
        event: event_id(event)?,
        date: valid("date", DateKey::parse(date))?,
        section,
        seats,
    })
}

fn why(text: Option<&str>) -> ApiResult<Option<Why>> {
    valid("why", text.map(Why::parse).transpose())
}

/// What was done is told; an error is one only if nothing was.
fn answer(blocking: Blocking) -> ApiResult<Json<Blocked>> {
    let stopped = match blocking.stopped {
        None => None,
        Some(Stopped::Taken(taken)) => {
            let reasons = blocking::reasons(&taken);
            if blocking.done == 0 {
                return Err(ApiError::conflict(format!("nothing was done: {reasons}")));
            }
            Some(reasons)
        }
        Some(Stopped::Failed(error)) if blocking.done == 0 => return Err(error.into()),
        Some(Stopped::Failed(error)) => Some(format!("{error:#}")),
    };
    Ok(Json(Blocked {
        done: blocking.done,
        changed: blocking.changed,
        stopped,
    }))
}

pub(super) async fn block(
    State(desk): State<Arc<DeskState>>,
    Path((event, date)): Path<(String, String)>,
    request: Result<Json<BlockRequest>, JsonRejection>,
) -> ApiResult<Json<Blocked>> {
    let Json(request) = request?;
    let wanted = wanted(&event, &date, request.section, &request.seats)?;
    let until = request.until.as_deref().map(EpochMs::parse).transpose();
    let channel = request.channel.as_deref().map(Channel::parse).transpose();
    let author = desk.author(why(request.why.as_deref())?);
    let block = Block {
        kind: valid("kind", BlockKind::parse(&request.kind))?,
        reason: author.why.clone(),
        until: valid("until", until)?,
        channel: valid("channel", channel)?,
    };
    if !block.lasts(desk.app().clock().now()) {
        return Err(ApiError::field("until", "must be in the future"));
    }
    let store = desk.app().store();
    answer(Box::pin(blocking::block(store, &wanted, &block, &author)).await)
}

pub(super) async fn unblock(
    State(desk): State<Arc<DeskState>>,
    Path((event, date)): Path<(String, String)>,
    request: Result<Json<UnblockRequest>, JsonRejection>,
) -> ApiResult<Json<Blocked>> {
    let Json(request) = request?;
    let wanted = wanted(&event, &date, request.section, &request.seats)?;
    let author = desk.author(why(request.why.as_deref())?);
    let store = desk.app().store();
    answer(Box::pin(blocking::unblock(store, &wanted, &author)).await)
}

pub(super) async fn blocks(
    State(desk): State<Arc<DeskState>>,
    Path((event, date)): Path<(String, String)>,
) -> ApiResult<Json<BlockList>> {
    let id = event_id(&event)?;
    let date = valid("date", DateKey::parse(&date))?;
    Ok(Json(
        BlockList::read(desk.app().store(), &id, Some(date)).await?,
    ))
}
