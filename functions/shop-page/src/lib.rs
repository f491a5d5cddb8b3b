//! GET / and GET /e/{eventId}: the shop, with what messengers and search engines read of it, and with the answer of the API
//! that its first view shows. So that view needs no request.

mod event;
mod head;

use domain::refusal::Refusal;
use maud::{Markup, PreEscaped, html};
use serde::de::DeserializeOwned;
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

use event::Event;

pub const FUNCTION: Function = Function {
    name: "shop-page",
    init: Init::Catalog,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

/// Without the store the shop comes without the answer, and says itself what is wrong as soon as it asks the API.
async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let is_front = request.path() == "/";
    let function = if is_front {
        list_events::FUNCTION
    } else {
        get_event::FUNCTION
    };
    let answer = match (function.handler)(app, request).await {
        Ok(answer) => answer.into_body(),
        Err(Refusal::InvalidRequest(_) | Refusal::EventNotFound) => {
            return Ok(plain(request).not_found());
        }
        Err(refusal) => {
            tracing::warn!(?refusal, "the page is sent without data");
            return Ok(plain(request));
        }
    };
    let origin = request.public_origin();
    let head = if is_front {
        let now = request.now().to_string();
        read(&answer).map(|events| {
            html! { (head::of_front_page(&events, &origin, &now)) (data("/events", &answer)) }
        })
    } else {
        read(&answer).map(|event: Event| {
            let path = format!("/events/{}", event.id);
            html! { (head::of_event(&event, &origin)) (data(&path, &answer)) }
        })
    };
    let Some(head) = head else {
        return Ok(plain(request));
    };
    Ok(pages::shop_page(&head.into_string(), request).kept(pages::REVALIDATE))
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Option<T> {
    serde_json::from_slice(answer)
        .inspect_err(|error| tracing::error!(%error, "the answer of the API cannot be read"))
        .ok()
}

fn plain(request: &ApiRequest) -> Answer {
    pages::shop_page(&head::of_no_event().into_string(), request)
}

/// The answer to a request for `path`, for the shop's script.
fn data(path: &str, answer: &[u8]) -> Markup {
    let json = within_script(&String::from_utf8_lossy(answer));
    html! { script #answer type="application/json" data-path=(path) { (json) } }
}

/// JSON that cannot end the element which contains it.
fn within_script(json: &str) -> PreEscaped<String> {
    PreEscaped(json.replace('<', "\\u003c"))
}
