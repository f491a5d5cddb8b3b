//! The functions: name, initialization and handler. The same value runs on Lambda and in the local
//! server.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use lambda_http::http::Method;
use lambda_http::http::header::CONTENT_LENGTH;
use lambda_http::{Body, Request, RequestExt, Response, service_fn};
use tracing::Instrument;

use crate::app::App;
use crate::config::{self, Charging, UserIdentity};
use crate::http::{Answer, ApiRequest, problem};
use crate::metrics::{Count, Metrics};
use crate::origin::{ORIGIN_HEADER, OriginSecrets};
use crate::store::{Consistency, Store, connect};
use crate::{secrets, telemetry};
use domain::clock::Clock;
use domain::refusal::Refusal;

/// The future returned by a handler.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send + 'a>>;

/// A handler that uses the application state.
pub type Handler = for<'a> fn(&'a App, &'a mut ApiRequest) -> HandlerFuture<'a>;

/// A handler that never uses the store.
pub type StatelessHandler = fn(&mut ApiRequest) -> Result<Answer, Refusal>;

/// What is prepared before the first request, which then finds an open connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Init {
    /// Nothing: the function never uses the store, or only for requests that the CDN rarely passes on.
    Nothing,
    /// Reads the list of events, which opens the connection.
    Catalog,
    /// Reads the signing keys, which opens the connection.
    Keys,
    /// Like `Keys`, for functions that identify users: their configuration must say how, and the
    /// keys of the OpenID Connect issuer, if any, are read as well.
    Users,
}

/// An endpoint of the API.
#[derive(Clone, Copy)]
pub struct Function {
    /// As in template.yaml and in the logs.
    pub name: &'static str,
    pub init: Init,
    /// Whether its requests may have a body. Bodies of other requests are ignored.
    pub takes_body: bool,
    pub handler: Handler,
}

impl Function {
    /// Answers one request, from wherever it comes, and logs it.
    pub async fn answer(&self, app: &App, request: Request) -> Response<Body> {
        self.answer_cdn(&OriginSecrets::default(), app, request)
            .await
    }

    /// Answers one request if it came through the CDN, and logs it.
    async fn answer_cdn(
        &self,
        secrets: &OriginSecrets,
        app: &App,
        request: Request,
    ) -> Response<Body> {
        let handler = async |request: &mut ApiRequest| {
            check_origin(secrets, request)?;
            if self.takes_body {
                request.check_body()?;
            }
            (self.handler)(app, request).await
        };
        answer(self.name, (app.clock(), app.metrics()), request, handler).await
    }
}

fn check_origin(secrets: &OriginSecrets, request: &ApiRequest) -> Result<(), Refusal> {
    if secrets.accept(request.header(ORIGIN_HEADER)) {
        Ok(())
    } else {
        Err(Refusal::NotThroughCdn)
    }
}

async fn answer(
    name: &'static str,
    (clock, metrics): (&Clock, &Metrics),
    request: Request,
    handler: impl AsyncFnOnce(&mut ApiRequest) -> Result<Answer, Refusal>,
) -> Response<Body> {
    let invocation = telemetry::invocation(name, request.lambda_context_ref());
    answer_within_span((clock, metrics), request, handler)
        .instrument(invocation)
        .await
}

async fn answer_within_span(
    (clock, metrics): (&Clock, &Metrics),
    request: Request,
    handler: impl AsyncFnOnce(&mut ApiRequest) -> Result<Answer, Refusal>,
) -> Response<Body> {
    let began = Instant::now();
    let mut request = ApiRequest::new(request, clock.now());
    let result = handler(&mut request).await;
    let (code, response) = match result {
        Ok(answer) => ("ok", answer.into_response()),
        Err(refusal) => {
            if let Refusal::Busy(cause) = &refusal {
                tracing::error!(%cause, "the store failed");
            }
            let problem = problem::Problem::of(&refusal);
            (problem.code, problem.into_answer().into_response())
        }
    };
    let response = if request.method() == Method::HEAD {
        without_body(response)
    } else {
        response
    };
    let refused = (code != "ok").then(|| metrics.refused(code));
    let counts = metrics.take_unreported();
    tracing::info!(
        route = match code {
            "route_not_found" | "method_not_allowed" => format!("{} $default", request.method()),
            _ => request.route(),
        },
        status = response.status().as_u16(),
        code,
        latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        user_id = request.user_id().map(tracing::field::display),
        event_id = request.event_id().map(tracing::field::display),
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
        reversals = counts.some(Count::Reversals),
        conflicts = counts.some(Count::Conflicts),
        "request"
    );
    response
}

/// The response to HEAD: that to GET, without its body.
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let length = match &body {
        Body::Text(text) => text.len(),
        Body::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    if length > 0 {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::Empty)
}

/// Prepares what the function needs, then runs it until Lambda ends the process.
pub async fn run(function: Function) -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    run_over(function, start(function.init).await?).await
}

/// The same for a function that asks the payment provider. Only the executables of such functions
/// contain the providers.
pub async fn run_with_provider(function: Function) -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    run_over(function, start_with_provider(function.init).await?).await
}

async fn run_over(function: Function, app: App) -> Result<(), lambda_http::Error> {
    let secrets = &origin_secrets()?;
    let app = &app;
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, lambda_http::Error>(function.answer_cdn(secrets, app, request).await)
    }))
    .await
}

/// Runs a function that never uses the store, without an [`App`]. Its executable then does not
/// contain the SDK. For `pages` this saves a third of the size.
pub async fn run_stateless(
    name: &'static str,
    handler: StatelessHandler,
) -> Result<(), lambda_http::Error> {
    telemetry::init_lambda();
    let secrets = &origin_secrets()?;
    let (clock, metrics) = (&Clock::System, &Metrics::default());
    lambda_http::run(service_fn(move |request: Request| async move {
        let handler = async |request: &mut ApiRequest| {
            check_origin(secrets, request)?;
            handler(request)
        };
        Ok::<_, lambda_http::Error>(answer(name, (clock, metrics), request, handler).await)
    }))
    .await
}

/// Reported as text, for the same reason as in [`start`].
fn origin_secrets() -> Result<OriginSecrets, String> {
    config::origin_secrets().map_err(|error| error.to_string())
}

/// Creates the application state with an open connection, and with the payment provider, if there
/// is one. Its keys are read once: a new key needs new processes.
pub async fn start_with_provider(init: Init) -> Result<App, lambda_http::Error> {
    let charging = config::charging().map_err(|error| error.to_string())?;
    let app = start(init).await?;
    let Charging::Provider { provider, secret } = charging else {
        return Ok(app);
    };
    let connection = config::connection()?;
    let text = secrets::read(&connection, config::secrets_endpoint(), &secret)
        .await
        .map_err(|error| error.to_string())?;
    let provider = provider
        .with(&text, None)
        .map_err(|error| error.to_string())?;
    Ok(app.with_provider(provider))
}

/// Creates the application state with an open connection.
pub async fn start(init: Init) -> Result<App, lambda_http::Error> {
    // Checked first and reported as text: Lambda's log of a failed init shows only the fields of an
    // error.
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
            // One after the other, on the one connection that is open.
            app.keys().await?;
            app.preload_issuer_keys().await;
        }
    }
    Ok(app)
}
