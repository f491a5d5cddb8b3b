//! `boxoffice desk`: serves the operator's page.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use shared::app::App;
use tokio::signal::unix::{SignalKind, signal};

use crate::author;
use crate::desk::{DEFAULT_PORT, Desk, RefusalSource};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::ports;
use crate::table_options::TableOptions;

#[derive(Args, Clone, Debug)]
pub struct DeskArgs {
    /// The page's port; 0 picks a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// The CloudWatch namespace of the stack's metrics: `Boxoffice/` and the stack's name. Without it, the page shows no refusals
    #[arg(long, env = "BOXOFFICE_METRICS_NAMESPACE", value_name = "NAMESPACE")]
    metrics_namespace: Option<String>,
}

/// Serves the desk until a signal stops it.
pub async fn run(args: &DeskArgs, tables: &TableOptions, out: &mut Output) -> Result<Outcome> {
    let listener = ports::bind(IpAddr::V4(Ipv4Addr::LOCALHOST), args.port, "--port")?;
    let refusals = match &args.metrics_namespace {
        Some(namespace) => RefusalSource::cloud_watch(namespace).await,
        None => RefusalSource::None,
    };
    let app = Arc::new(App::new(tables.store().await?));
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let who = author::who(tables).await?;
    let desk = Desk::new(app, refusals, who)?;
    for line in desk.announcement(listener.local_addr()?) {
        out.line(line);
    }
    desk.serve(listener, async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
    .await?;
    Ok(Outcome::Done)
}
