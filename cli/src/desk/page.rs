//! The files of the desk's page, which are part of the program.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

macro_rules! scripts {
    ($($name:literal)+) => {
        /// The modules of the page, by their names.
        pub(super) const SCRIPTS: &[(&str, &str)] =
            &[$((concat!("/", $name), include_str!(concat!("page/", $name)))),+];
    };
}

scripts! {
    "api.js"
    "blocking.js"
    "cancelling.js"
    "chart.js"
    "charts.js"
    "confirm.js"
    "desk.js"
    "dom.js"
    "event.js"
    "events.js"
    "journal.js"
    "orders.js"
    "queue.js"
    "refusals.js"
    "sales.js"
    "seat-layout.js"
    "seating.js"
    "seats.js"
    "story-steps.js"
    "withdrawals.js"
    "words.en.js"
    "words.js"
    "words.ko.js"
}

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/desk.css");

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = |content_type: &'static str, text: &'static str| {
        get(async move || ([(CONTENT_TYPE, content_type)], text))
    };
    let page = Router::new()
        .route("/", file("text/html; charset=utf-8", PAGE))
        .route("/desk.css", file("text/css; charset=utf-8", STYLE));
    SCRIPTS.iter().fold(page, |page, (path, text)| {
        page.route(path, file("text/javascript; charset=utf-8", text))
    })
}
