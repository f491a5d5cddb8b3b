//! Events, their dates and lanes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::apply::ApplyRefused;
use super::client::{Consistency, Query, Store};
use super::error::{Result, StoreError};
use super::expression::IntoAttribute;
use super::item::read_item;
use super::journal::Deed;
use super::keys;
use domain::clock::EpochMs;
use domain::event::{Event, EventDate, Programme};
use domain::ids::{DateKey, EventId, Lane};
use domain::journal::{Act, Author};
use domain::profile::Texts;
use domain::queue::{Control, Draw, Head, Lanes, Order, Secret};
use domain::reservation::Performance;

/// A date of an event, or the event itself for general admission.
pub type PerformanceKey = (EventId, Option<DateKey>);

impl Store {
    /// All events of the catalogue.
    pub async fn events(&self, consistency: Consistency) -> Result<Vec<Event>> {
        let query = Query::new("#pk = :pk", [(":pk", keys::CATALOG.into_attribute())])
            .consistency(consistency);
        self.query_all(&query)
            .await?
            .into_iter()
            .map(read_item)
            .collect()
    }

    /// An event without its dates.
    pub async fn event(&self, id: &EventId, consistency: Consistency) -> Result<Option<Event>> {
        self.get(&keys::event(id), consistency).await
    }

    /// An event and its dates.
    pub async fn programme(
        &self,
        id: &EventId,
        consistency: Consistency,
    ) -> Result<Option<Programme>> {
        let query = Query::new("#pk = :pk", [(":pk", keys::event_pk(id).into_attribute())])
            .consistency(consistency);
        let mut event = None;
        let mut dates = BTreeMap::new();
        for item in self.query_all(&query).await? {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
            match sk.map(String::as_str) {
                Some(keys::META) => event = Some(read_item::<Event>(item)?),
                Some(sk) if sk.starts_with(keys::DATE_PREFIX) => {
                    let date: EventDate = read_item(item)?;
                    dates.insert(date.date, date);
                }
                _ => {}
            }
        }
        Ok(event.map(|event| Programme { event, dates }))
    }

    /// An event's long texts; empty if it has none.
    pub async fn texts(&self, id: &EventId) -> Result<Texts> {
        let texts: Option<Texts> = self.get(&keys::texts(id), Consistency::Strong).await?;
        Ok(texts.unwrap_or_default())
    }

    /// The names of these events, and the performances, as the catalogue describes them now. Those that
    /// it does not have are left out.
    pub async fn performances(
        &self,
        wanted: &HashSet<PerformanceKey>,
    ) -> Result<HashMap<PerformanceKey, (String, Performance)>> {
        let keys: HashSet<_> = wanted
            .iter()
            .flat_map(|(event, date)| {
                let date = date.map(|date| keys::date(event, date));
                std::iter::once(keys::event(event)).chain(date)
            })
            .collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let items = self.items(&keys, Consistency::Eventual).await?;
        let mut found = HashMap::new();
        for (id, date) in wanted {
            let Some(event) = items.get(&keys::event(id)) else {
                continue;
            };
            let mut programme = Programme {
                event: read_item(event.clone())?,
                dates: BTreeMap::new(),
            };
            if let Some(date) = date {
                let Some(item) = items.get(&keys::date(id, *date)) else {
                    continue;
                };
                programme.dates.insert(*date, read_item(item.clone())?);
            }
            let performance = programme.performance(*date);
            found.insert(
                (id.clone(), *date),
                (programme.event.terms.name, performance),
            );
        }
        Ok(found)
    }

    /// Creates a head for each lane, with the draw's secret if the order is drawn. Existing heads
    /// remain. The draw of a lane that somebody has joined cannot change.
    pub(super) async fn prepare_queue(
        &self,
        event: &Event,
    ) -> std::result::Result<(), ApplyRefused> {
        let id = &event.event_id;
        let queue = event.terms.queue;
        let mut heads = Vec::new();
        for lane in queue.lanes.all() {
            heads.push((lane, self.head(id, lane, Consistency::Strong).await?));
        }
        let draw = match queue.order {
            Order::Arrival => None,
            Order::Draw => {
                let known = heads.iter().find_map(|(_, head)| (*head)?.draw);
                Some(Draw {
                    secret: match known {
                        Some(draw) => draw.secret,
                        None => Secret::random()
                            .map_err(|error| StoreError::Unavailable(error.to_string()))?,
                    },
                    count: None,
                    opens_at: event.first_opening(),
                })
            }
        };
        let is_moved = |former: Draw| former.opens_at != event.first_opening();
        let mut draws = heads.iter().filter_map(|(_, head)| (*head)?.draw);
        // A draw from before openings were stored says nothing about its own.
        let is_held =
            |draw: Draw| draw.count.is_some() && draw.opens_at.is_some() && is_moved(draw);
        if draw.is_some() && draws.any(is_held) {
            return Err(ApplyRefused::DrawHeld);
        }
        for (lane, head) in heads {
            let secret = |draw: Option<Draw>| draw.map(|draw| draw.secret);
            let is_prepared = head.is_some_and(|head| secret(head.draw) == secret(draw));
            if !is_prepared {
                if !self.prepare_lane(id, lane, draw).await? {
                    return Err(ApplyRefused::Raced);
                }
            } else if let Some(former) = head.and_then(|head| head.draw)
                && let Some(opens_at) = event.first_opening()
                && former.count.is_none()
                && is_moved(former)
                && !self.move_opening(id, lane, opens_at).await?
            {
                return Err(ApplyRefused::DrawHeld);
            }
        }
        Ok(())
    }

    /// Gives the draws the opening of the event as it is, after a change that was refused.
    pub(super) async fn restore_opening(&self, id: &EventId) -> Result<()> {
        let event = self.event(id, Consistency::Strong).await?;
        let opening = event.as_ref().and_then(Event::first_opening);
        if let (Some(event), Some(opens_at)) = (event, opening)
            && event.terms.queue.order == Order::Draw
        {
            for lane in event.terms.queue.lanes.all() {
                self.move_opening(id, lane, opens_at).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn close_lanes(
        &self,
        former: &Event,
        lanes: Lanes,
    ) -> std::result::Result<(), ApplyRefused> {
        let all = former.terms.queue.lanes.all();
        for lane in all.skip(usize::from(lanes.count())) {
            if !self.close_lane(&former.event_id, lane).await? {
                return Err(ApplyRefused::Raced);
            }
        }
        Ok(())
    }

    /// The heads of all lanes, in order. `None` if the event has no queue (yet).
    pub async fn heads(
        &self,
        event: &Event,
        consistency: Consistency,
    ) -> Result<Option<Vec<Head>>> {
        use futures::stream::{StreamExt, TryStreamExt};
        let lanes = event.terms.queue.lanes.all();
        let heads: Vec<Option<Head>> = futures::stream::iter(lanes)
            .map(|lane| self.head(&event.event_id, lane, consistency))
            .buffered(16)
            .try_collect()
            .await?;
        Ok(heads.into_iter().collect())
    }

    /// Replaces the operators' changes to a queue. The event must not have changed since it was
    /// read.
    pub async fn set_control(
        &self,
        event: &Event,
        control: Control,
        author: &Author,
    ) -> std::result::Result<Event, ApplyRefused> {
        let deed = Deed {
            author,
            acts: Act::of_control(event, &control),
        };
        let changed = Event {
            control,
            ..event.clone()
        };
        self.write_event(&changed, event.revision, &[], &deed).await
    }

    /// When a lane's last promotion began. `None` before the first one.
    pub async fn last_promotion(&self, event: &EventId, lane: Lane) -> Result<Option<EpochMs>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct PromotionClaim {
            began_at: EpochMs,
        }
        let claim: Option<PromotionClaim> = self
            .get(&keys::promotion_claim(event, lane), Consistency::Eventual)
            .await?;
        Ok(claim.map(|claim| claim.began_at))
    }
}
