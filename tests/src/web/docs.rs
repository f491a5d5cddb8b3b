//! The API documentation, which is third-party code under our content security policy.

use super::accessible::by_day_and_night;
use super::browser::{Browser, DESKTOP, Eyes, PHONE, browse};
use super::site::{HALL, Site};

/// The operation in the page.
fn operation(id: &str) -> String {
    format!("#operations-{id}")
}

/// Opens an operation, and executes it with what is filled in. Returns its status.
async fn executes(reader: &Browser, id: &str) -> String {
    let operation = operation(id);
    reader
        .click(&format!("{operation} .opblock-summary-control"))
        .await;
    reader.click(&format!("{operation} .execute")).await;
    let status = format!("{operation} .live-responses-table .response-col_status:not(.col_header)");
    let found = reader
        .until(&format!(
            "document.querySelector({status:?})?.innerText.match(/^[0-9]+/)?.[0]"
        ))
        .await;
    found.as_str().unwrap().to_owned()
}

async fn opens_the_documentation(reader: &Browser, site: &Site) {
    reader.open(&format!("{}/docs", site.home)).await;
    reader
        .shows(&operation("Wallet-charge .opblock-summary-control"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_can_be_bought_on_the_documentation_page_with_the_examples_as_they_are() {
    browse([DESKTOP], async |[reader]| {
        let site = Site::with(&[HALL]).await;
        opens_the_documentation(reader, &site).await;
        for (id, status) in [
            ("Events-listEvents", "200"),
            ("Events-getEvent", "200"),
            ("Queue-issueToken", "201"),
            ("Queue-tokenStatus", "200"),
            ("Seats-listSeats", "200"),
            ("Seats-holdSeat", "201"),
            ("Wallet-charge", "201"),
            ("Reservations-pay", "201"),
            ("Reservations-getReservation", "200"),
            ("Reservations-listReservations", "200"),
        ] {
            assert_eq!(executes(reader, id).await, status, "{id}");
        }
        reader.says("CONFIRMED").await;
        reader.says("Evening at the Hall").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_is_accessible_by_day_and_night_on_a_desktop_and_on_a_phone() {
    let still = |eyes| Eyes {
        still: true,
        ..eyes
    };
    let phone = Eyes {
        width: 390,
        height: 844,
        ..PHONE
    };
    browse([still(DESKTOP), still(phone)], async |readers| {
        let site = Site::with(&[HALL]).await;
        for reader in readers {
            opens_the_documentation(reader, &site).await;
            by_day_and_night(reader, "documentation").await;
            for id in ["Queue-issueToken", "Seats-holdSeat", "Wallet-charge"] {
                executes(reader, id).await;
            }
            by_day_and_night(reader, "operations").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_type_links_to_its_section_of_the_errors_page() {
    browse([PHONE], async |[reader]| {
        let site = Site::with(&[HALL]).await;
        reader
            .open(&format!("{}/docs/errors#seat_taken", site.home))
            .await;
        reader
            .until("document.querySelector(':target').getBoundingClientRect().top < innerHeight")
            .await;
        by_day_and_night(reader, "errors").await;
    })
    .await;
}
