//! `boxoffice rush`: plays an on-sale against a running system.
//!
//! Arrivals follow the crowd's curve, whatever the server answers. Each person is a task that makes real requests, from the
//! moment of coming until the person has a ticket or goes away. People, time and connections are bounded.
//!
//! Only a system whose operator allows it is loaded: [`preflight`] checks that before anything else is sent.

mod client;
mod person;
pub mod preflight;
mod report;
mod sale;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::progress::Progress;

pub use client::{Client, Faults, Target};
pub use report::{Audited, Report, Setting, Stock};
pub use sale::{Identity, Sale};
pub use tally::{Ending, Tally};

const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Plays the crowd until everybody has gone, at most this long or until `stop` is true.
pub async fn play(
    sale: &Arc<Sale>,
    crowd: &Crowd,
    at_most: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let began = Instant::now();
    let progress = tokio::spawn(show_progress(sale.clone(), crowd.people));
    let mut people = JoinSet::new();
    let everybody = async {
        for person in crowd.all() {
            let comes_at = began + person.comes_after;
            loop {
                tokio::select! {
                    // Forgets the people who have gone.
                    Some(_) = people.join_next() => {}
                    () = tokio::time::sleep_until(comes_at) => break,
                }
            }
            let sale = sale.clone();
            people.spawn(async move {
                let ending = person::play(&sale, person).await;
                sale.client.tally.ended(ending);
            });
        }
        while people.join_next().await.is_some() {}
    };
    tokio::select! {
        () = everybody => {}
        () = tokio::time::sleep_until(began + at_most) => {}
        // An error means that nobody can stop it any more: the other branches go on.
        Ok(_) = stop.wait_for(|stop| *stop) => {}
    }
    people.shutdown().await;
    progress.abort();
    if let Ok(progress) = progress.await {
        progress.finish();
    }
}

/// Shows where people are, until it is aborted.
async fn show_progress(sale: Arc<Sale>, people: u32) -> Progress {
    let mut progress = Progress::of(u64::from(people));
    let mut tick = tokio::time::interval(REPORT_EVERY);
    let mut former = 0;
    let mut since = std::time::Instant::now();
    loop {
        tick.tick().await;
        let gone: u32 = sale.client.tally.counts().endings.values().sum();
        progress.report(u64::from(gone), || {
            let (present, latencies) = sale.client.tally.take_present();
            let seconds = since.elapsed().as_secs_f64().max(0.001);
            let requests = u32::try_from(present.requests - former).unwrap_or(u32::MAX);
            former = present.requests;
            since = std::time::Instant::now();
            format!(
                "{} of {people} have come, {} wait, {} are in, {} tickets sold, {:.0} requests/s, p50 {:.0} ms, p99 {:.0} ms, {} troubles",
                present.come,
                present.waiting,
                present.inside,
                present.tickets_sold,
                f64::from(requests) / seconds,
                latencies.percentile_ms(50.0),
                latencies.percentile_ms(99.0),
                present.troubles,
            )
        });
    }
}
