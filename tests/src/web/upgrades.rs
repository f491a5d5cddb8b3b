//! A visitor of the shop while a new version replaces the old one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;

use super::browser::{DESKTOP, browse};
use super::site::{HALL, Site};

/// The number of loads of the shop.
const LOADS: u64 = 100;
/// The mark of the new version's page.
const MARK: &str = "<meta name=\"version\" content=\"new\">";

/// Sends nine of ten requests to the old version and one to the new one, like the weights of an alias.
struct TwoVersions {
    origin: String,
    client: reqwest::Client,
    requests: AtomicU64,
    asset_requests: AtomicU64,
}

impl TwoVersions {
    async fn open(origin: String) -> (Arc<Self>, String) {
        let versions = Arc::new(Self {
            origin,
            client: reqwest::Client::new(),
            requests: AtomicU64::new(0),
            asset_requests: AtomicU64::new(0),
        });
        let router = Router::new()
            .fallback(
                async |State(versions): State<Arc<Self>>, request: Request| {
                    versions.answer(request).await
                },
            )
            .with_state(Arc::clone(&versions));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (versions, address)
    }

    async fn answer(&self, request: Request) -> (StatusCode, HeaderMap, Bytes) {
        let is_new = self.requests.fetch_add(1, Ordering::Relaxed) % 10 == 9;
        let (parts, body) = request.into_parts();
        let path = parts.uri.to_string();
        // Every version answers how users sign in.
        if path.starts_with("/assets/") && path != "/assets/sign-in.json" {
            self.asset_requests.fetch_add(1, Ordering::Relaxed);
        }
        let mut headers = parts.headers;
        headers.remove(header::HOST);
        headers.remove(header::ACCEPT_ENCODING);
        let body = to_bytes(body, 1_000_000).await.unwrap();
        let address = format!("{}{path}", self.origin);
        let forwarded = self.client.request(parts.method, address);
        let answer = forwarded.headers(headers).body(body).send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let mut body = answer.bytes().await.unwrap();
        if is_new && path.starts_with("/?") && status == StatusCode::OK {
            let page = String::from_utf8(body.to_vec()).unwrap();
            body = page.replace("</head>", &format!("{MARK}</head>")).into();
            headers.insert(header::ETAG, "W/\"new\"".parse().unwrap());
        }
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::TRANSFER_ENCODING);
        (status, headers, body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_loads_a_hundred_times_while_a_new_version_gets_a_tenth_of_the_requests() {
    browse([DESKTOP], async |[buyer]| {
        let site = Site::with(&[HALL]).await;
        let (versions, address) = TwoVersions::open(site.server.api.clone()).await;
        let mut new = 0;
        for load in 0..LOADS {
            buyer.open(&format!("{address}/?load={load}")).await;
            buyer.says("Evening at the Hall").await;
            let is_new = "return !!document.querySelector('meta[name=version]')";
            new += u64::from(buyer.run(is_new).await == true);
        }
        assert!(new > 0 && new < LOADS, "{new}");
        // A tab of either version needs nothing else, whichever view it shows later.
        for view in ["e/hall", "wallet", "tickets"] {
            buyer
                .run(&format!(
                    "history.pushState(null, '', '/{view}'); dispatchEvent(new Event('popstate'))"
                ))
                .await;
            buyer.shows("#main .view:not(:has(.skeleton)) h1").await;
        }
        assert_eq!(versions.asset_requests.load(Ordering::Relaxed), 0);
    })
    .await;
}
