//! A function: its name, what it needs made ready, and what it does. The same value runs on Lambda and behind the local
//! front.

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Instant;

use futures::future::join;
use lambda_http::{Body, IntoResponse, Request, Response, service_fn};

use crate::app::App;
use crate::config::{self, UserIdentity};
use crate::http::{Answer, ApiRequest, problem};
use crate::metrics::{Count, Metrics};
use crate::store::{Consistency, Store, connect};
use domain::clock::Clock;
use domain::refusal::Refusal;

/// What a handler gives back.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send + 'a>>;

/// A handler that may ask the store.
pub type OverApp = for<'a> fn(&'a App, &'a mut ApiRequest) -> HandlerFuture<'a>;

/// A handler that never does.
pub type Alone = fn(&mut ApiRequest) -> Result<Answer, Refusal>;

enum Handler<'a> {
    OverApp(OverApp, &'a App),
    Alone(Alone),
}

/// What is made ready before the first request, which then finds an open connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Init {
    /// It never asks the store.
    Nothing,
    /// The list of events is read, which opens the connection.
    Catalog,
    /// The signing keys are read, which opens the connection.
    Keys,
    /// The same for what knows users: it must be told how, and reads the keys of their issuer, where there is one.
    Users,
}

/// An endpoint.
#[derive(Clone, Copy)]
pub struct Function {
    /// As in template.yaml and in the logs.
    pub name: &'static str,
    pub init: Init,
    /// Whether its requests may have a body; what others carry is not looked at.
    pub takes_body: bool,
    pub handler: OverApp,
}

impl Function {
    /// Answers one request, and writes its line in the log.
    pub async fn answer(&self, app: &App, request: Request) -> Response<Body> {
        answer(
            self.name,
            self.takes_body,
            (app.clock(), app.metrics()),
            request,
            Handler::OverApp(self.handler, app),
        )
        .await
    }
}

async fn answer(
    name: &'static str,
    takes_body: bool,
    (clock, metrics): (&Clock, &Metrics),
    request: Request,
    handler: Handler<'_>,
) -> Response<Body> {
    let began = Instant::now();
    let mut call = ApiRequest::new(request, clock.now());
    let checked = if takes_body {
        call.check_body()
    } else {
        Ok(())
    };
    let result = match checked {
        Ok(()) => match handler {
            Handler::OverApp(handler, app) => handler(app, &mut call).await,
            Handler::Alone(handler) => handler(&mut call),
        },
        Err(refusal) => Err(refusal),
    };
    let (code, response) = match result {
        Ok(answer) => ("ok", answer.into_response()),
        Err(refusal) => {
            if let Refusal::Busy(cause) = &refusal {
                tracing::error!(function = name, %cause, "the store failed");
            }
            let problem = problem::Problem::of(&refusal);
            (problem.code, problem.into_answer().into_response())
        }
    };
    let refused = (code != "ok").then(|| metrics.refused(code));
    let counts = metrics.take_unreported();
    tracing::info!(
        function = name,
        route = match code {
            "route_not_found" | "method_not_allowed" => format!("{} $default", call.method()),
            _ => call.route(),
        },
        status = response.status().as_u16(),
        code,
        latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        user_id = call.user_id().map(tracing::field::display),
        event_id = call.event_id().map(tracing::field::display),
        request_id = call.request_id(),
        trace_id = call.trace_id(),
        refusals = refused.map(|()| 1_u64),
        joins = counts.some(Count::Joins),
        admissions = counts.some(Count::Admissions),
        arrivals = counts.some(Count::Arrivals),
        seats_held = counts.some(Count::SeatsHeld),
        sales = counts.some(Count::Sales),
        tickets_sold = counts.some(Count::TicketsSold),
        revenue = counts.some(Count::Revenue),
        cancellations = counts.some(Count::Cancellations),
        refunds = counts.some(Count::Refunds),
        refunded = counts.some(Count::Refunded),
        charges = counts.some(Count::Charges),
        conflicts = counts.some(Count::Conflicts),
        "request"
    );
    response
}

/// A response whose body says already whether it is text. The runtime would read a body's encoding off its headers, with
/// tables of all the encodings that there are.
struct AsItIs(Response<Body>);

impl IntoResponse for AsItIs {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Makes ready what the function needs, then runs it until Lambda ends the process.
pub async fn run(function: Function) -> Result<(), lambda_http::Error> {
    crate::telemetry::init_lambda();
    let app = start(function.init).await?;
    let app = &app;
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, lambda_http::Error>(AsItIs(function.answer(app, request).await))
    }))
    .await
}

/// Runs a function that has no App, as it never asks the store: nothing of the store's client is then in its executable.
pub async fn run_alone(name: &'static str, handler: Alone) -> Result<(), lambda_http::Error> {
    crate::telemetry::init_lambda();
    let (clock, metrics) = (&Clock::System, &Metrics::default());
    lambda_http::run(service_fn(move |request: Request| async move {
        let handler = Handler::Alone(handler);
        let answered = answer(name, false, (clock, metrics), request, handler).await;
        Ok::<_, lambda_http::Error>(AsItIs(answered))
    }))
    .await
}

/// The process's view of the tables, with its connection open.
pub async fn start(init: Init) -> Result<App, lambda_http::Error> {
    // First: whoever forgot it should hear of that, in words; a process that ends with an error only shows its fields.
    let identity = match init {
        Init::Users => Some(config::user_identity().map_err(|error| error.to_string())?),
        Init::Nothing | Init::Catalog | Init::Keys => None,
    };
    let store = Store::new(
        connect(config::connection()?),
        config::table_names()?,
        Clock::System,
    );
    let app = match identity {
        Some(UserIdentity::OpenIdConnect(issuer)) => App::new(store).with_issuer(issuer),
        Some(UserIdentity::TrustUserIdInRequest) | None => App::new(store),
    };
    match init {
        Init::Nothing => {}
        Init::Catalog => {
            app.store().events(Consistency::Eventual).await?;
        }
        Init::Keys => {
            app.keys().await?;
        }
        Init::Users => {
            let (keys, ()) = join(app.keys(), app.meet_issuer()).await;
            keys?;
        }
    }
    Ok(app)
}
