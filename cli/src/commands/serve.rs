//! `boxoffice serve`: the whole system on this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use domain::clock::Clock;
use domain::journal::Author;
use shared::app::App;
use shared::oidc::Issuer;
use shared::sign_in::{DEFAULT_SCOPES, SignIn};
use shared::store::{Store, create_tables};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::author;
use crate::catalog_update::{self, Files, Mode, Source};
use crate::demo_provider::{self, DemoProvider};
use crate::desk::{self, Desk, RefusalSource};
use crate::embedded_dynamodb::{EmbeddedDynamoDb, Storage};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::table_options::TableOptions;
use crate::{gateway, ports};

#[derive(Args, Clone, Debug)]
#[command(group(
    ArgGroup::new("oidc_for").args(["oidc_client_id", "oidc_audience"]).multiple(true)
))]
pub struct ServeArgs {
    /// The API's port; 0 picks a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The address that the API listens on
    #[arg(long, default_value_t = LOOPBACK)]
    bind: IpAddr,
    /// The folder for the data
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    data: PathBuf,
    /// Keep the data in memory, and lose it at the end
    #[arg(long, conflicts_with = "data")]
    in_memory: bool,
    /// The events to sell [default: those in the data folder; in a new one, the example catalogue]
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// The embedded DynamoDB's port; 0 picks a free one
    #[arg(long, default_value_t = DEFAULT_DYNAMODB_PORT)]
    dynamodb_port: u16,
    /// The address that the embedded DynamoDB listens on; whoever has its access keys has full access
    #[arg(long, default_value_t = LOOPBACK)]
    dynamodb_bind: IpAddr,
    /// The desk's port; 0 picks a free one [default: 3001, or a free one if 3001 is taken]
    #[arg(long)]
    desk_port: Option<u16>,
    /// The OpenID Connect issuer that users sign in with [default: the userId of a request is trusted]
    #[arg(long, value_name = "URL", requires = "oidc_for")]
    oidc_issuer: Option<String>,
    /// The shop's client id at the issuer; without it, the shop does not sign users in
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// The audience of the issuer's tokens [default: the client id]
    #[arg(long, value_name = "AUD", requires = "oidc_issuer")]
    oidc_audience: Option<String>,
    /// The scopes that the shop asks for, separated by commas [default: openid]
    #[arg(long, value_name = "SCOPES", requires = "oidc_client_id")]
    oidc_scopes: Option<String>,
    /// The origin of the issuer's token endpoint, if it differs from the issuer's
    #[arg(long, value_name = "ORIGIN", requires = "oidc_client_id")]
    oidc_token_origin: Option<String>,
    /// The payment provider that confirms charges [default: whoever charges a wallet is trusted]
    #[arg(long, value_name = "PROVIDER")]
    payment_provider: Option<PaymentProvider>,
}

/// The payment providers of the local server.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum PaymentProvider {
    /// A page of this server, on which no money moves
    Demo,
}

const DEFAULT_PORT: u16 = 3000;
const DEFAULT_DYNAMODB_PORT: u16 = 8000;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_DATA: &str = ".boxoffice";

impl Default for ServeArgs {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            bind: LOOPBACK,
            data: DEFAULT_DATA.into(),
            in_memory: false,
            catalog: None,
            dynamodb_port: DEFAULT_DYNAMODB_PORT,
            dynamodb_bind: LOOPBACK,
            desk_port: None,
            oidc_issuer: None,
            oidc_client_id: None,
            oidc_audience: None,
            oidc_scopes: None,
            oidc_token_origin: None,
            payment_provider: None,
        }
    }
}

const EXAMPLE_CATALOG: &str = include_str!("../../../infra/catalog.example.yaml");

macro_rules! example_pictures {
    ($($file:literal)+) => {
        /// The files beside the example catalogue.
        const EXAMPLE_PICTURES: &[(&str, &[u8])] =
            &[$(($file, include_bytes!(concat!("../../../infra/", $file)))),+];
    };
}

example_pictures! {
    "pictures/harbour-jazz.jpg"
    "pictures/maru-trio.jpg"
    "pictures/resurrection.jpg"
    "pictures/river-sound.jpg"
    "pictures/tigers-and-persimmons.jpg"
    "pictures/winter-light.jpg"
    "pictures/zephyr-choir.jpg"
}

/// The schedule of template.yaml.
const EVERY: Duration = Duration::from_mins(1);
/// Settlement is more frequent than in template.yaml: who tries the shop does not wait a minute for
/// a refund.
const SETTLE_EVERY: Duration = Duration::from_secs(5);
/// How long running requests may take to finish at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

impl ServeArgs {
    /// The issuer, and how the shop signs users in with it.
    fn issuer(&self) -> Result<Option<(Issuer, Option<SignIn>)>> {
        let client_id = self.oidc_client_id.as_deref();
        let audience = self.oidc_audience.as_deref().or(client_id);
        // The command line requires both or neither.
        let (Some(url), Some(audience)) = (self.oidc_issuer.as_deref(), audience) else {
            return Ok(None);
        };
        let issuer = Issuer::new(url, audience)
            .context("--oidc-issuer, --oidc-audience, --oidc-client-id")?;
        let sign_in = client_id.map(|client_id| {
            let scopes = self.oidc_scopes.as_deref().unwrap_or(DEFAULT_SCOPES);
            SignIn::new(url, client_id, scopes, self.oidc_token_origin.as_deref())
        });
        let sign_in = sign_in
            .transpose()
            .context("--oidc-client-id, --oidc-scopes, --oidc-token-origin")?;
        Ok(Some((issuer, sign_in)))
    }
}

/// Serves until a signal stops it.
pub async fn run(args: &ServeArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let issuer = args.issuer()?;
    // Ports come first, so that a taken port leaves everything unchanged.
    let listener = ports::bind(args.bind, args.port, "--port")?;
    let dynamodb = ports::bind(args.dynamodb_bind, args.dynamodb_port, "--dynamodb-port")?;
    let desk_listener = match args.desk_port {
        Some(port) => ports::bind(LOOPBACK, port, "--desk-port")?,
        None => ports::bind(LOOPBACK, desk::DEFAULT_PORT, "--desk-port")
            .or_else(|_| ports::bind(LOOPBACK, 0, "--desk-port"))?,
    };
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let storage = if args.in_memory {
        Storage::Memory
    } else {
        Storage::Folder(args.data.clone())
    };
    let engine = EmbeddedDynamoDb::start(&storage, dynamodb)?;
    let client = engine.client();
    let names = tables.names();
    create_tables(&client, &names).await?;
    let store = Store::new(client, names, Clock::System);
    let outcome = apply_catalog(&store, args).await?;
    if outcome == Outcome::Negative {
        engine.stop(SHUTDOWN_TIMEOUT).await;
        return Ok(outcome);
    }
    let app = App::new(store);
    let (app, sign_in) = match issuer {
        Some((issuer, sign_in)) => (app.with_issuer(issuer), sign_in),
        None => (app, None),
    };
    let demo = args
        .payment_provider
        .map(|PaymentProvider::Demo| DemoProvider::default());
    let app = match &demo {
        Some(demo) => app.with_provider(Box::new(demo.clone())),
        None => app,
    };
    let app = Arc::new(app);
    app.keys().await?;
    app.preload_issuer_keys().await;
    // So that the first users find slots without waiting for the first scheduled promotion.
    promote_once(&app).await;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let schedule = tokio::spawn(run_schedule(app.clone(), stopped.clone()));
    let server = tokio::spawn(gateway::serve(
        listener,
        app.clone(),
        sign_in,
        demo.map(|demo| demo_provider::router(demo, app.clone())),
        stopped_signal(stopped.clone()),
    ));
    let desk = Desk::new(app, RefusalSource::ThisProcess, author::local())?;
    let desk_lines = desk.announcement(desk_listener.local_addr()?);
    let desk = tokio::spawn(desk.serve(desk_listener, stopped_signal(stopped)));
    out.line(format_args!("listening on http://{address}"));
    out.line(format_args!("dynamodb on {}", engine.endpoint_url()));
    for line in desk_lines {
        out.line(line);
    }
    if let Some(file) = engine.keys_file() {
        let file = std::path::absolute(&file).unwrap_or(file);
        out.line(format_args!("dynamodb keys in {}", file.display()));
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    let finished = async {
        let answered = server.await;
        let promoted = schedule.await;
        // An open page keeps its connection, and has nothing to lose.
        desk.abort();
        (answered, promoted)
    };
    match tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await {
        Ok((Ok(Ok(())), Ok(()))) => {}
        Ok((answered, promoted)) => {
            tracing::error!(?answered, ?promoted, "a task failed while stopping");
        }
        Err(_) => tracing::warn!("some requests did not finish in time"),
    }
    engine.stop(Duration::from_secs(1)).await;
    Ok(Outcome::Done)
}

async fn apply_catalog(store: &Store, args: &ServeArgs) -> Result<Outcome> {
    let mut log = Output::log();
    let author = Author {
        who: author::local(),
        why: None,
    };
    let mode = Mode::Apply(&author);
    if let Some(file) = &args.catalog {
        return catalog_update::apply_file(store, file, mode, &mut log).await;
    }
    if store.settings().await?.is_some() {
        // A catalogue has been applied before.
        return Ok(Outcome::Done);
    }
    let example = Source {
        name: "the example catalogue",
        text: EXAMPLE_CATALOG,
        files: Files::Embedded(EXAMPLE_PICTURES),
    };
    catalog_update::apply(store, example, mode, &mut log).await
}

async fn stopped_signal(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn run_schedule(app: Arc<App>, stopped: watch::Receiver<bool>) {
    let mut promotion = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
    let mut settlement = tokio::time::interval_at(Instant::now() + SETTLE_EVERY, SETTLE_EVERY);
    let stopped = stopped_signal(stopped);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            _ = promotion.tick() => promote_once(&app).await,
            _ = settlement.tick(), if app.provider_name().is_some() => settle_once(&app).await,
            () = &mut stopped => return,
        }
    }
}

/// Charges that could not be settled stay due for the next run.
async fn settle_once(app: &App) {
    if let Err(error) = settle::handle(app).await {
        tracing::error!(%error, "the scheduled settlement failed");
    }
}

/// A failed promotion is repeated by the next run, a minute later.
async fn promote_once(app: &App) {
    if let Err(error) = promote::handle(app).await {
        tracing::error!(%error, "the scheduled promotion failed");
    }
}
