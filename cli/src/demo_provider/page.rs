//! The page on which a buyer pays at the demo provider.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use domain::money::Money;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;
use shared::app::App;
use shared::provider::Notification;

use super::{DemoProvider, DemoRefundState, DemoState};

/// Where the pages of orders are.
pub(super) const PATH: &str = "/demo-payments";

/// How long a slow payment takes.
const SLOW: Duration = Duration::from_secs(8);

const STYLE: &str = include_str!("page.css");

/// What the buyer chooses.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    Pay,
    /// The provider knows of the payment only after some seconds.
    PaySlowly,
    /// Two notifications.
    PayTwiceNotified,
    /// No notification, and the browser does not come back.
    PayUnnoticed,
    /// The provider takes half of what was asked for.
    PayHalf,
    Fail,
    /// Comes back without paying.
    GoBack,
}

/// What becomes of refunds, those that were made and those to come.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Refunds {
    Succeed,
    /// They are on their way until another choice.
    Wait,
    Fail,
}

#[derive(Deserialize)]
struct Chosen {
    choice: Option<Choice>,
    refunds: Option<Refunds>,
}

#[derive(Clone)]
struct Page {
    provider: DemoProvider,
    app: Arc<App>,
}

/// The pages of all orders.
pub fn router(provider: DemoProvider, app: Arc<App>) -> Router {
    Router::new()
        .route(&format!("{PATH}/{{order}}"), get(show).post(choose))
        .with_state(Page { provider, app })
}

async fn show(State(page): State<Page>, Path(order): Path<String>) -> Response {
    let Some(known) = page.provider.order(&order) else {
        return (StatusCode::NOT_FOUND, "There is no such order.").into_response();
    };
    let amount = format!(
        "{} {}",
        known.amount.in_major_units(&known.currency),
        known.currency
    );
    let content = match known.state {
        DemoState::Open => html! {
            form method="post" {
                button name="choice" value="pay" { "Pay " (amount) }
                button name="choice" value="pay-slowly" { "Pay, confirmed after 8 seconds" }
                button name="choice" value="pay-twice-notified" { "Pay, notified twice" }
                button name="choice" value="pay-unnoticed" { "Pay, then neither notify nor come back" }
                button name="choice" value="pay-half" { "Pay half of it, which the shop does not accept" }
                button name="choice" value="fail" { "Be refused" }
                button name="choice" value="go-back" { "Go back without paying" }
            }
        },
        DemoState::Paid(_) => html! {
            p role="status" { "Paid." }
            form method="post" {
                button name="refunds" value="succeed" { "Give refunds back at once" }
                button name="refunds" value="wait" { "Keep refunds on their way" }
                button name="refunds" value="fail" { "Let refunds fail" }
            }
            (link_back(&known.return_url))
        },
        DemoState::Failed | DemoState::Ended => html! {
            p role="status" { "This order cannot be paid any more." }
            (link_back(&known.return_url))
        },
    };
    Html(frame(&known.description, &amount, &content).into_string()).into_response()
}

fn link_back(url: &str) -> Markup {
    html! { p { a href=(url) { "Back to the shop" } } }
}

fn frame(description: &str, amount: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Demo payment" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Demo payment" }
                    p { "No money moves here. " (description) ": " strong { (amount) } }
                    (content)
                }
            }
        }
    }
}

async fn choose(
    State(page): State<Page>,
    Path(order): Path<String>,
    Form(chosen): Form<Chosen>,
) -> Response {
    if let Some(refunds) = chosen.refunds {
        page.provider.set_refunds(match refunds {
            Refunds::Succeed => DemoRefundState::Done,
            Refunds::Wait => DemoRefundState::Pending,
            Refunds::Fail => DemoRefundState::Failed,
        });
        notify(&page, &order).await;
        return Redirect::to(&format!("{PATH}/{order}")).into_response();
    }
    let Some(choice) = chosen.choice else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let now = page.app.clock().now();
    let state = match choice {
        Choice::Pay | Choice::PayTwiceNotified | Choice::PayUnnoticed | Choice::PayHalf => {
            DemoState::Paid(now)
        }
        Choice::PaySlowly => {
            DemoState::Paid(now.plus_ms(i64::try_from(SLOW.as_millis()).unwrap_or_default()))
        }
        Choice::Fail => DemoState::Failed,
        Choice::GoBack => DemoState::Open,
    };
    if let Some(known) = page.provider.order(&order)
        && (choice, known.state) == (Choice::PayHalf, DemoState::Open)
    {
        page.provider.set_amount(&order, Money(known.amount.0 / 2));
    }
    // A second click decides nothing.
    let _ = page.provider.decide(&order, state);
    match choice {
        Choice::Pay | Choice::PayHalf => notify(&page, &order).await,
        Choice::PayTwiceNotified => {
            notify(&page, &order).await;
            notify(&page, &order).await;
        }
        Choice::PaySlowly => {
            let page = page.clone();
            let order = order.clone();
            tokio::spawn(async move {
                tokio::time::sleep(SLOW).await;
                notify(&page, &order).await;
            });
        }
        Choice::PayUnnoticed => return Redirect::to(&format!("{PATH}/{order}")).into_response(),
        Choice::Fail | Choice::GoBack => {}
    }
    match page.provider.order(&order) {
        Some(order) => Redirect::to(&order.return_url).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Notifies the shop, as a provider does from its own servers.
async fn notify(page: &Page, order: &str) {
    let (headers, body) = page.provider.notification(order);
    let notification = Notification {
        headers: &headers,
        body: &body,
        received_at: page.app.clock().now(),
    };
    if let Err(refusal) = page.app.notified(notification).await {
        tracing::warn!(?refusal, "a demo notification was not accepted");
    }
}
