//! The history of sales: a sample of each event and minute.

use super::client::{Query, Store};
use super::error::Result;
use super::expression::{IntoAttribute, Write};
use super::item::{read_item, write_item};
use super::keys;
use domain::clock::EpochMs;
use domain::history::{KEPT_SECONDS, Sample};
use domain::ids::EventId;

/// A later run in the same minute does not write again.
fn put_sample(event: &EventId, sample: &Sample) -> Write {
    Write::put(keys::sample(event, sample.at), write_item(sample))
        .when_absent()
        .with_ttl(sample.at.plus_seconds(KEPT_SECONDS))
}

impl Store {
    /// Writes the sample of its minute; `false` if there is one.
    pub async fn record_sample(&self, event: &EventId, sample: &Sample) -> Result<bool> {
        self.write_if_allowed(|_| put_sample(event, sample)).await
    }

    /// The samples of an event from the minute of `since` on, in the order of their times.
    pub async fn samples(&self, event: &EventId, since: EpochMs) -> Result<Vec<Sample>> {
        let pk = keys::history_pk(event).into_attribute();
        let from = keys::sample(event, since).sk.into_attribute();
        let query = Query::new("#pk = :pk AND #sk >= :from", [(":pk", pk), (":from", from)]);
        let mut samples = Vec::new();
        let mut start = None;
        // A month has about eight pages of a megabyte. As samples they are a tenth of that.
        loop {
            let page = self.query(&query, start).await?;
            for item in page.items {
                samples.push(read_item(item)?);
            }
            start = page.next;
            if start.is_none() {
                return Ok(samples);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::money::Money;

    #[test]
    fn every_placeholder_is_bound() {
        let sample = Sample {
            at: EpochMs(61_000),
            waiting: 0,
            inside: 0,
            called: 0,
            admitted_per_minute: Some(1.5),
            arrived: 0,
            missed: 0,
            sold: 0,
            held: 0,
            blocked: 0,
            revenue: Money::ZERO,
        };
        put_sample(&EventId::parse("e").unwrap(), &sample)
            .check()
            .unwrap();
    }
}
