//! Events, their dates, lanes and stock.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::{Consistency, Query, Returning, Store};
use super::error::{Result, StoreError};
use super::expression::{IntoAttribute, Write};
use super::item::{Item, read_item, write_item};
use super::keys;
use super::refused::{TransactionError, WriteError};
use super::stock::StockRecord;
use domain::clock::EpochMs;
use domain::event::{Admission, Event, EventDate, Programme};
use domain::ids::{DateKey, EventId, Lane};
use domain::queue::{Control, Draw, Head, Lanes, Order, Secret};

/// What applying a catalogue writes for one event.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new event.
    Create(Programme),
    /// New terms and dates for an existing event. Operators' changes to its queue remain.
    Update {
        programme: Programme,
        /// The event as it was read. If it has changed since, the update is refused.
        former: Box<Event>,
        /// Dates that are to be deleted.
        removed: Vec<DateKey>,
    },
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyRefused {
    #[error("the event was changed by somebody else at the same time; try again")]
    Raced,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for ApplyRefused {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(_) => Self::Raced,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

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

    /// Creates or updates an event. The event itself is written last, so a reader who sees the
    /// event sees all its dates. Repeating an interrupted call completes it.
    pub async fn apply(&self, change: &Change) -> std::result::Result<(), ApplyRefused> {
        match change {
            Change::Create(programme) => {
                self.put_dates(programme).await?;
                self.prepare_queue(&programme.event).await?;
                self.create_stock(&programme.event).await?;
                self.put_event(&programme.event, None).await
            }
            Change::Update {
                programme,
                former,
                removed,
            } => {
                self.put_dates(programme).await?;
                self.prepare_queue(&programme.event).await?;
                self.close_lanes(former, programme.event.terms.queue.lanes)
                    .await?;
                self.create_stock(&programme.event).await?;
                let id = &programme.event.event_id;
                self.put_event(&programme.event, Some(&former.control))
                    .await?;
                for date in removed {
                    self.write(Returning::Nothing, |_| Write::delete(keys::date(id, *date)))
                        .await?;
                }
                Ok(())
            }
        }
    }

    async fn put_dates(&self, programme: &Programme) -> std::result::Result<(), ApplyRefused> {
        for date in programme.dates.values() {
            let key = keys::date(&programme.event.event_id, date.date);
            self.write(Returning::Nothing, |_| {
                Write::put(key.clone(), write_item(date))
            })
            .await?;
        }
        Ok(())
    }

    /// Creates a head for each lane, with the draw's secret if the order is drawn. Existing heads
    /// remain. The draw of a lane that somebody has joined cannot change.
    async fn prepare_queue(&self, event: &Event) -> std::result::Result<(), ApplyRefused> {
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
                })
            }
        };
        for (lane, head) in heads {
            let secret = |draw: Option<Draw>| draw.map(|draw| draw.secret);
            let is_prepared = head.is_some_and(|head| secret(head.draw) == secret(draw));
            if !is_prepared && !self.prepare_lane(id, lane, draw).await? {
                return Err(ApplyRefused::Raced);
            }
        }
        Ok(())
    }

    async fn close_lanes(
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

    async fn create_stock(&self, event: &Event) -> std::result::Result<(), ApplyRefused> {
        let Admission::General {
            total_tickets,
            stock_shards,
            ..
        } = event.terms.admission
        else {
            return Ok(());
        };
        for shard in 0..stock_shards {
            // The first shards get the remainder.
            let left =
                total_tickets / stock_shards + u32::from(shard < total_tickets % stock_shards);
            self.create(
                keys::stock(&event.event_id, shard),
                write_item(&StockRecord::new(left)),
            )
            .await?;
        }
        Ok(())
    }

    /// Writes an item unless it exists.
    async fn create(
        &self,
        key: super::expression::Key,
        item: Item,
    ) -> std::result::Result<(), ApplyRefused> {
        let put = self
            .write(Returning::Nothing, |_| {
                Write::put(key.clone(), item.clone()).when_absent()
            })
            .await;
        match put {
            Ok(_) | Err(WriteError::Refused(_)) => Ok(()),
            Err(WriteError::Store(error)) => Err(error.into()),
        }
    }

    /// Writes the event and its catalogue entry together. Its control must still be `expected`;
    /// `None` means that the event must not exist.
    async fn put_event(
        &self,
        event: &Event,
        expected: Option<&Control>,
    ) -> std::result::Result<(), ApplyRefused> {
        let item = write_item(event);
        let written = self
            .transact(|_| {
                let meta = Write::put(keys::event(&event.event_id), item.clone());
                let meta = match expected {
                    None => meta.when_absent(),
                    Some(control) => meta
                        .when("#control = :control")
                        .bind(":control", control_attribute(control)),
                };
                let listed = Write::put(keys::catalog_entry(&event.event_id), item.clone());
                vec![meta, listed]
            })
            .await;
        match written {
            Ok(()) => Ok(()),
            Err(TransactionError::Refused(_)) => Err(ApplyRefused::Raced),
            Err(TransactionError::Store(error)) => Err(error.into()),
        }
    }

    /// Replaces the operators' changes to a queue. They must not have changed since the event was
    /// read.
    pub async fn set_control(
        &self,
        event: &Event,
        control: Control,
    ) -> std::result::Result<Event, ApplyRefused> {
        let changed = Event {
            control,
            ..event.clone()
        };
        self.put_event(&changed, Some(&event.control)).await?;
        Ok(changed)
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

fn control_attribute(control: &Control) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::M(write_item(control))
}
