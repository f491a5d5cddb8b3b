//! `boxoffice serve`: everything on this machine.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use domain::clock::Clock;
use shared::app::App;
use shared::oidc::Issuer;
use shared::store::{Store, connect, create_tables};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::apply::{self, Mode};
use crate::command::Outcome;
use crate::desk::{self, Desk, Refusals};
use crate::embedded::{Embedded, Storage};
use crate::target::{Target, local_connection};
use crate::{front, listen};

/// What `serve` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The API's port; 0 takes a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The address to listen on
    #[arg(long, default_value_t = LOOPBACK)]
    bind: IpAddr,
    /// The folder of the data
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    data: PathBuf,
    /// Forget everything at the end
    #[arg(long, conflicts_with = "data")]
    in_memory: bool,
    /// The events to sell [default: the example catalogue]
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// The embedded DynamoDB's port; 0 takes a free one
    #[arg(long, default_value_t = DEFAULT_DYNAMODB_PORT)]
    dynamodb_port: u16,
    /// The address where the embedded DynamoDB listens: whoever reaches it may do everything
    #[arg(long, default_value_t = LOOPBACK)]
    dynamodb_bind: IpAddr,
    /// The operator's desk's port; 0 takes a free one [default: 3001, or a free one where that is taken]
    #[arg(long)]
    desk_port: Option<u16>,
    /// Users sign in with this OpenID Connect issuer [default: the userId in a request is believed]
    #[arg(long, value_name = "URL", requires = "oidc_audience")]
    oidc_issuer: Option<String>,
    /// Whom the issuer's tokens must be for: the client id there
    #[arg(long, value_name = "AUD", requires = "oidc_issuer")]
    oidc_audience: Option<String>,
}

const DEFAULT_PORT: u16 = 3000;
const DEFAULT_DYNAMODB_PORT: u16 = 8000;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_DATA: &str = ".boxoffice";

impl Default for Options {
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
            oidc_audience: None,
        }
    }
}

/// The season that a newcomer finds on sale.
const EXAMPLE_CATALOG: &str = include_str!("../../infra/catalog.example.yaml");

/// The schedule of template.yaml.
const PROMOTE_EVERY: Duration = Duration::from_mins(1);
/// What runs at the end has so long to finish.
const PATIENCE: Duration = Duration::from_secs(10);

impl Options {
    /// The command line lets neither stand alone.
    fn issuer(&self) -> Result<Option<Issuer>> {
        match (&self.oidc_issuer, &self.oidc_audience) {
            (Some(url), Some(audience)) => Issuer::new(url, audience)
                .map(Some)
                .context("--oidc-issuer, --oidc-audience"),
            _ => Ok(None),
        }
    }
}

/// Serves until a signal says to stop.
pub async fn run(options: &Options, target: &Target) -> Result<Outcome> {
    let issuer = options.issuer()?;
    // All ports first: who finds one taken has changed nothing.
    let listener = listen::bind(options.bind, options.port, "--port")?;
    let dynamodb = listen::bind(
        options.dynamodb_bind,
        options.dynamodb_port,
        "--dynamodb-port",
    )?;
    let desk_listener = match options.desk_port {
        Some(port) => listen::bind(LOOPBACK, port, "--desk-port")?,
        None => listen::bind(LOOPBACK, desk::DEFAULT_PORT, "--desk-port")
            .or_else(|_| listen::bind(LOOPBACK, 0, "--desk-port"))?,
    };
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let storage = if options.in_memory {
        Storage::Memory
    } else {
        Storage::Folder(options.data.clone())
    };
    let engine = Embedded::start(&storage, dynamodb)?;
    let client = connect(local_connection(&engine.endpoint_url()));
    let tables = target.tables();
    create_tables(&client, &tables).await?;
    let store = Store::new(client, tables, Clock::System);
    let outcome = apply_catalog(&store, options).await?;
    if outcome == Outcome::No {
        engine.stop(PATIENCE).await;
        return Ok(outcome);
    }
    let app = App::new(store);
    let app = Arc::new(match issuer {
        Some(issuer) => app.with_issuer(issuer),
        None => app,
    });
    app.keys().await?;
    app.meet_issuer().await;
    // Who comes as soon as it is ready finds places kept, and does not wait for the first run to end.
    promote_once(&app).await;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let schedule = tokio::spawn(promote(app.clone(), stopped.clone()));
    listener.set_nonblocking(true)?;
    let server = tokio::spawn(front::serve(
        tokio::net::TcpListener::from_std(listener)?,
        app.clone(),
        until(stopped.clone()),
    ));
    let desk = Desk::new(app, Refusals::OfThisProcess)?;
    let desk_at = desk.announcement(desk_listener.local_addr()?);
    let desk = tokio::spawn(desk.serve(desk_listener, until(stopped)));
    announce(address, &engine, &desk_at)?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    let finished = async {
        let answered = server.await;
        let promoted = schedule.await;
        // A page that is open holds a connection, and nothing of worth.
        desk.abort();
        (answered, promoted)
    };
    match tokio::time::timeout(PATIENCE, finished).await {
        Ok((Ok(Ok(())), Ok(()))) => {}
        Ok((answered, promoted)) => tracing::error!(?answered, ?promoted, "while stopping"),
        Err(_) => tracing::warn!("some requests did not finish in time"),
    }
    engine.stop(Duration::from_secs(1)).await;
    Ok(Outcome::Done)
}

async fn apply_catalog(store: &Store, options: &Options) -> Result<Outcome> {
    match &options.catalog {
        Some(file) => apply::run(store, file, Mode::Serve).await,
        None => apply::apply(store, "the example catalogue", EXAMPLE_CATALOG, Mode::Serve).await,
    }
}

/// What scripts wait for.
fn announce(address: SocketAddr, engine: &Embedded, desk: &str) -> Result<()> {
    // At once: a script may close the pipe when it has read what it wants.
    let lines = format!(
        "listening on http://{address}\ndynamodb on {}\n{desk}\n",
        engine.endpoint_url()
    );
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()?;
    Ok(())
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error is a sender that is gone: stop as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn promote(app: Arc<App>, stopped: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval_at(Instant::now() + PROMOTE_EVERY, PROMOTE_EVERY);
    let stopped = until(stopped);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = &mut stopped => return,
        }
        promote_once(&app).await;
    }
}

/// What fails is tried again a minute later.
async fn promote_once(app: &App) {
    if let Err(error) = promote::handle(app).await {
        tracing::error!(%error, "the schedule");
    }
}
