//! What `serve` keeps safe: its data from other programs and pages on the machine, and its ports from clients that hold on
//! to connections.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use aws_sdk_dynamodb::Client;
use axum::Router;
use axum::routing::{get, post};
use boxoffice::access_keys::AccessKeys;
use boxoffice::http_server::HttpServer;
use boxoffice::table_options::local_connection;
use domain::clock::Clock;
use serde_json::json;
use shared::store::connect;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::serve::{Server, run, something_on_sale};

async fn on_disk(folder: &Path, arguments: &[&str]) -> Server {
    let data = ["--data", folder.to_str().unwrap()];
    Server::start(&[&data, arguments].concat()).await
}

fn client(server: &Server, keys: &AccessKeys) -> Client {
    connect(local_connection(&server.dynamodb, Some(keys)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_dynamodb_answers_only_signed_requests_of_programs() {
    let server = Server::start(&["--in-memory"]).await;
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let mut request = reqwest::Client::new()
            .request(method.parse().unwrap(), &server.dynamodb)
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("content-type", "application/x-amz-json-1.0")
            .body("{}");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let allows = response
            .headers()
            .contains_key("access-control-allow-origin");
        assert!(!allows, "{method} {headers:?}");
        let status = response.status().as_u16();
        (status, response.text().await.unwrap())
    };
    let origin = ("origin", "http://evil.example");
    for (method, headers, status) in [
        ("OPTIONS", vec![origin], 403),
        (
            "OPTIONS",
            vec![origin, ("access-control-request-method", "POST")],
            403,
        ),
        ("POST", vec![origin], 403),
        ("POST", vec![("origin", "null")], 403),
        ("GET", vec![origin], 403),
        ("POST", vec![("host", "evil.example")], 403),
        ("GET", vec![], 405),
        ("POST", vec![], 400),
        (
            "POST",
            vec![(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20261224/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=00",
            )],
            400,
        ),
    ] {
        let (seen, body) = ask(method, &headers).await;
        assert_eq!(seen, status, "{method} {headers:?}: {body}");
        assert!(!body.contains("TableNames"), "{method} {headers:?}: {body}");
    }
    let keys = AccessKeys::read(&server.keys).unwrap().unwrap();
    let tables = client(&server, &keys).list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["boxoffice", "boxoffice-keys"]);
    let others = AccessKeys::random().unwrap();
    assert!(client(&server, &others).list_tables().send().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_user_can_read_the_data_folder_and_its_keys_stay() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut server = on_disk(&folder, &[]).await;
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        keys.push(fs::read_to_string(&server.keys).unwrap());
        assert!(server.signal("-TERM").await.success());
        // As an earlier version left them.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let database = folder.join("boxoffice.db");
        fs::set_permissions(database, fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_lost_its_data_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("boxoffice.db");
    let serve = async || {
        let data = folder.path().to_str().unwrap();
        let ports = ["--port", "0", "--dynamodb-port", "0", "--desk-port", "0"];
        run(&[&["serve", "--data", data], &ports[..]].concat()).await
    };
    fs::write(&database, "").unwrap();
    let refused = serve().await;
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("is empty: its data are lost"), "{said}");
    assert_eq!(fs::metadata(&database).unwrap().len(), 0, "nothing changed");

    fs::remove_file(&database).unwrap();
    fs::write(folder.path().join("boxoffice.db-wal"), "data").unwrap();
    let refused = serve().await;
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("is missing, but its log"), "{said}");
}

const SHOP: &str = "currency: EUR
events:
  - eventId: my-concert
    name: My Concert
    venue: Club
    admission: seated
    dates: [{date: 2099-12-24, startsAt: '2099-12-24T19:00:00+01:00', price: 1000}]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_catalogue_is_applied_only_where_none_has_been() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.yaml");
    fs::write(&catalog, SHOP).unwrap();
    let data = folder.path().join("data");
    let mut server = on_disk(&data, &["--catalog", catalog.to_str().unwrap()]).await;
    assert!(server.signal("-TERM").await.success());
    let server = on_disk(&data, &[]).await;
    let (_, list) = server.call("GET", "/events", "", json!({})).await.unwrap();
    let ids: Vec<_> = list["events"].as_array().unwrap().iter().collect();
    assert_eq!(ids.len(), 1, "{list}");
    assert_eq!(ids[0]["eventId"], "my-concert");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_leaves_all_data_in_the_database_file() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = on_disk(folder.path(), &[]).await;
        let (event, _) = something_on_sale(&server).await;
        let path = format!("/events/{event}/tokens");
        let (status, joined) = server.call("POST", &path, "", json!({})).await.unwrap();
        assert_eq!(status, 201);
        assert!(server.signal(signal).await.success());
        let log = folder.path().join("boxoffice.db-wal");
        let length = fs::metadata(log).map(|metadata| metadata.len());
        assert!(
            length.as_ref().is_ok_and(|length| *length == 0)
                || length.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        );
        // What a backup of that one file has.
        let copy = tempfile::tempdir().unwrap();
        let database = folder.path().join("boxoffice.db");
        fs::copy(database, copy.path().join("boxoffice.db")).unwrap();
        let server = on_disk(copy.path(), &[]).await;
        let path = format!("/events/{event}/tokens/me");
        let token = joined["token"].as_str().unwrap();
        let (status, seen) = server.call("GET", &path, token, json!({})).await.unwrap();
        assert_eq!((status, &seen["userId"]), (200, &joined["userId"]));
    }
}

/// A server with a limit of four connections.
fn small_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = HttpServer {
        listener,
        max_connections: 4,
        clock: Clock::System,
    };
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/large", get(async || "x".repeat(16 * 1024 * 1024)))
        .route("/body", post(async |body: String| body.len().to_string()));
    tokio::spawn(server.serve(router, std::future::pending()));
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_keep_connections_open_do_not_shut_others_out() {
    for sent in [
        "",
        "GET / HTTP/1.1\r\nhost: x\r\nx-half:",
        "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf",
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        // The client never reads the response.
        "GET /large HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let address = small_server();
        let mut held = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            // The server may have closed it already.
            let _ = stream.write_all(sent.as_bytes()).await;
            held.push(stream);
        }
        let response = reqwest::get(format!("http://{address}/")).await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello", "{sent:?}");
    }
}
