//! Pictures of events, from a catalogue's folder to the pages.

use boxoffice::Outcome;
use boxoffice::catalog_update::{self, Files, Mode, Source};
use boxoffice::output::Output;
use domain::ids::EventId;
use domain::image::ImageName;
use serde_json::{Value, json};

use crate::invariants;
use crate::world::{Reply, World, author};

const CELLAR: &[u8] = include_bytes!("../../../infra/pictures/maru-trio.jpg");
const HARBOUR: &[u8] = include_bytes!("../../../infra/pictures/harbour-jazz.jpg");
const FILES: Files<'static> = Files::Embedded(&[
    ("cellar.jpg", CELLAR),
    ("harbour.jpg", HARBOUR),
    ("notes.txt", b"No picture."),
]);

fn concert(image: &str) -> String {
    format!(
        "
currency: KRW
events:
  - eventId: jazz
    name: Jazz
    venue: Basement Hall
    {image}
    admission: seated
    dates:
      - {{date: 2026-12-24, startsAt: '2026-12-24T20:00:00+09:00', seats: 5, price: 50000}}
"
    )
}

async fn apply(world: &World, image: &str) -> Outcome {
    let text = concert(image);
    let source = Source {
        name: "catalogue.yaml",
        text: &text,
        files: FILES,
    };
    let mut out = Output::log();
    let outcome =
        catalog_update::apply(world.app.store(), source, Mode::Apply(&author()), &mut out).await;
    world.clock.advance_seconds(3);
    outcome.unwrap()
}

async fn shown(world: &World) -> Value {
    world.get("/events/jazz", "").await.body["image"].take()
}

async fn get(world: &World, url: &str) -> Reply {
    world.get(url, "").await
}

const SHOWN: &str = "image: {file: cellar.jpg, alt: {en: A cellar, ko: 지하 공연장}}";

#[tokio::test]
async fn a_picture_is_served_in_sizes_that_are_cached_for_ever() {
    let world = World::new().await;
    assert_eq!(apply(&world, SHOWN).await, Outcome::Done);
    let image = shown(&world).await;
    assert_eq!(image["alt"], json!({"en": "A cellar", "ko": "지하 공연장"}));
    let sources = image["sources"].as_array().unwrap();
    let sizes: Vec<_> = sources
        .iter()
        .map(|size| {
            (
                size["width"].as_u64().unwrap(),
                size["height"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(sizes, [(480, 320), (800, 533), (1200, 800)]);
    for source in sources {
        let url = source["url"].as_str().unwrap();
        let reply = get(&world, url).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "image/jpeg")
        );
        assert_eq!(
            reply.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        let name = url.rsplit('/').next().unwrap();
        let id = EventId::parse("jazz").unwrap();
        let name = ImageName::parse(name).unwrap();
        let jpeg = world
            .app
            .store()
            .picture(&id, &name)
            .await
            .unwrap()
            .unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.len() <= 350_000);
        let tag = reply.header("etag").to_owned();
        let again = world
            .send("GET", url, &[("if-none-match", &tag)], None)
            .await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        let head = world.send("HEAD", url, &[], None).await;
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, &*jpeg.len().to_string())
        );
    }
    let listed = get(&world, "/events").await.body["events"].take();
    let listed = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["eventId"] == "jazz");
    assert_eq!(listed.unwrap()["image"], image);
}

#[tokio::test]
async fn an_address_without_a_picture_is_not_found() {
    let world = World::new().await;
    apply(&world, SHOWN).await;
    let image = shown(&world).await;
    let url = image["sources"][0]["url"].as_str().unwrap();
    for wrong in [
        url.replace("-480", "-481"),
        url.replace("-480", "-0480"),
        url.replace("/jazz/", "/winter-live/"),
        url.replace("/jazz/", "/Jazz/"),
        url.replace(".jpg", ".png"),
        "/images/jazz/x.jpg".to_owned(),
    ] {
        get(&world, &wrong).await.is_problem(404, "route_not_found");
    }
}

#[tokio::test]
async fn a_replaced_picture_stays_for_some_weeks() {
    let world = World::new().await;
    apply(&world, SHOWN).await;
    let former = shown(&world).await["sources"][0]["url"].take();
    let former = former.as_str().unwrap();
    apply(&world, "image: {file: harbour.jpg, alt: A harbour}").await;
    let image = shown(&world).await;
    assert_eq!(image["alt"], json!({"und": "A harbour"}));
    let url = image["sources"][0]["url"].as_str().unwrap();
    assert_ne!(url, former);
    assert_eq!(get(&world, url).await.status, 200);
    assert_eq!(get(&world, former).await.status, 200);
    let expires = async |url: &str| {
        let sk = url
            .rsplit('/')
            .next()
            .unwrap()
            .trim_end_matches(".jpg")
            .to_owned();
        let items = invariants::items(&world).await;
        let item = items
            .into_values()
            .find(|item| item["sk"].as_s() == Ok(&sk))
            .unwrap();
        item.get("ttl")
            .map(|ttl| ttl.as_n().unwrap().parse::<i64>().unwrap())
    };
    let thirty_days = 30 * 24 * 3_600;
    let ttl = expires(former).await.unwrap();
    assert!((ttl - thirty_days - world.clock.now().0 / 1000).abs() < 10);
    assert_eq!(expires(url).await, None);
    // Shown again, it is kept again.
    apply(&world, SHOWN).await;
    assert_eq!(expires(former).await, None);
    // No picture at all: the page draws a poster.
    apply(&world, "").await;
    assert_eq!(shown(&world).await, Value::Null);
}

#[tokio::test]
async fn a_picture_that_has_not_changed_is_not_written_again() {
    let world = World::new().await;
    apply(&world, SHOWN).await;
    world.wire.reset_meter();
    assert_eq!(apply(&world, SHOWN).await, Outcome::Done);
    assert!(
        world.wire.cost().write_units < 3.0,
        "{:?}",
        world.wire.cost()
    );
}

#[tokio::test]
async fn a_picture_that_cannot_be_read_changes_nothing() {
    let world = World::new().await;
    for image in [
        "image: {file: missing.jpg, alt: A cellar}",
        "image: {file: notes.txt, alt: A cellar}",
        "image: {file: cellar.jpg}",
        "image: {alt: A cellar}",
        "image: {file: 'http://127.0.0.1/cellar.jpg', alt: A cellar}",
        // Nobody answers there.
        "image: {file: 'https://127.0.0.1:9/cellar.jpg', alt: A cellar}",
    ] {
        assert_eq!(apply(&world, image).await, Outcome::Negative, "{image}");
        assert_eq!(get(&world, "/events/jazz").await.status, 404, "{image}");
    }
}

#[tokio::test]
async fn the_example_catalogue_has_pictures_and_texts() {
    let world = World::new().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/catalog.example.yaml");
    let mut out = Output::log();
    let store = world.app.store();
    let applied =
        catalog_update::apply_file(store, file.as_ref(), Mode::Apply(&author()), &mut out).await;
    assert_eq!(applied.unwrap(), Outcome::Done);
    world.clock.advance_seconds(3);
    let events = get(&world, "/events").await.body["events"].take();
    let mut shown = 0;
    for event in events.as_array().unwrap() {
        let id = event["eventId"].as_str().unwrap();
        let details = get(&world, &format!("/events/{id}")).await.body;
        for source in event["image"]["sources"].as_array().into_iter().flatten() {
            let url = source["url"].as_str().unwrap();
            assert_eq!(get(&world, url).await.status, 200, "{url}");
            assert!(details["description"]["ko"].is_string(), "{id}");
            shown += 1;
        }
    }
    // Seven pictures in three sizes. Two events show the page's own poster.
    assert_eq!(shown, 21);
    let fair = get(&world, "/events/river-sound-festival").await.body;
    assert!(fair["startsAt"].is_string() && fair["doorsOpenAt"].is_string());
}
