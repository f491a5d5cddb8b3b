//! The API documentation, which is third-party code under our content security policy.

use super::browser::{DESKTOP, PHONE, browse};
use super::site::{HALL, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_can_be_tried_out_on_its_documentation_page() {
    browse([DESKTOP], async |[reader]| {
        let site = Site::with(&[HALL]).await;
        reader.open(&format!("{}/docs", site.home)).await;
        reader
            .click("#operations-Events-listEvents .opblock-summary-control")
            .await;
        reader.click("#operations-Events-listEvents .execute").await;
        let status = ".live-responses-table .response-col_status";
        reader
            .until(&format!(
                "document.querySelector('#operations-Events-listEvents {status}:not(.col_header)')?.innerText.startsWith('200')"
            ))
            .await;
        reader.says("Evening at the Hall").await;
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
        reader.is_accessible("errors").await;
    })
    .await;
}
