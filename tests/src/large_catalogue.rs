//! Events of many dates, and lists of many events.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::event::Programme;
use domain::ids::DateKey;

use crate::world::{EVENT, World, concert};

/// A concert on this many dates, all in the future.
#[must_use]
pub fn concert_on(dates: usize) -> Programme {
    let mut concert = concert();
    let first = concert.dates.values().next().expect("it is there").clone();
    let days = (2030..).flat_map(|year| {
        (1..=12).flat_map(move |month| (1..=28).map(move |day| (year, month, day)))
    });
    concert.dates = days
        .take(dates)
        .map(|(year, month, day)| {
            let mut date = first.clone();
            date.date = DateKey::parse(&format!("{year}-{month:02}-{day:02}")).expect("an answer");
            date.starts_at = date.starts_at.plus_seconds(10 * 365 * 86_400);
            (date.date, date)
        })
        .collect();
    concert
}

/// Adds events to the list, without their own items.
pub async fn list_more_events(world: &World, events: usize) {
    let listed = |event: &str| {
        [
            ("pk".to_owned(), AttributeValue::S("CATALOG".to_owned())),
            ("sk".to_owned(), AttributeValue::S(format!("EVENT#{event}"))),
        ]
    };
    let item = world
        .dynamodb
        .get_item()
        .table_name(&world.tables.main)
        .set_key(Some(listed(EVENT).into()))
        .send()
        .await
        .expect("it is there")
        .item
        .expect("an answer");
    let names: Vec<String> = (0..events).map(|n| format!("listed-{n:06}")).collect();
    for names in names.chunks(25) {
        let puts = names.iter().map(|name| {
            let mut item = item.clone();
            item.extend(listed(name));
            item.insert("eventId".to_owned(), AttributeValue::S(name.clone()));
            let put = PutRequest::builder()
                .set_item(Some(item))
                .build()
                .expect("an answer");
            WriteRequest::builder().put_request(put).build()
        });
        world
            .dynamodb
            .batch_write_item()
            .request_items(&world.tables.main, puts.collect())
            .send()
            .await
            .expect("an answer");
    }
}
