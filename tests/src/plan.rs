//! `boxoffice plan` as a user runs it, and its agreement with `rush` against a server.

use axum::http::{HeaderMap, StatusCode};
use boxoffice::plan::costs::Function;
use boxoffice::plan::functions::{KEPT_READY, is_kept_ready};
use serde_json::{Value, json};

use crate::serve::{Server, boxoffice, run};

const CATALOGUE: &str = "currency: KRW
events:
  - eventId: on-sale
    name: On Sale
    venue: Hall
    admission: seated
    maxSeatsPerUser: 4
    holdSeconds: 60
    queue: {maxActive: 15, sessionSeconds: 120, graceSeconds: 60}
    dates:
      - date: 2099-12-24
        startsAt: '2099-12-24T19:00:00+09:00'
        sections: [{name: A, seats: 60, price: 44000}, {name: B, seats: 40, price: 33000}]
";

/// So few people, with pauses so long, that the speed of the server does not matter. Nobody loses the network or reloads, and
/// there are no bots: chance decides little.
const CROWD: [&str; 24] = [
    "--people",
    "150",
    "--within",
    "5s",
    "--seed",
    "7",
    "--choosing",
    "2s",
    "--paying",
    "2s",
    "--lingering",
    "15s",
    "--no-shows",
    "10%",
    "--leavers",
    "0%",
    "--lost-networks",
    "0%",
    "--reloaders",
    "0%",
    "--changes-of-mind",
    "0%",
    "--bots",
    "0%",
];

fn catalogue() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.yaml");
    std::fs::write(&file, CATALOGUE).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

async fn report(arguments: &[&str]) -> Value {
    let output = boxoffice(arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect(&said)
}

fn number(report: &Value, path: &str) -> f64 {
    let found = report.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{path} in {report}"))
}

/// Whether both are equal within this share of the larger one, or within five.
#[track_caller]
fn assert_agree(what: &str, planned: f64, real: f64, margin: f64) {
    println!("{what}: {planned} planned, {real} in the rush");
    let allowed = (planned.max(real) * margin).max(5.0);
    assert!(
        (planned - real).abs() <= allowed,
        "{what}: {planned} planned, {real} in the rush"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_and_a_rush_against_a_server_agree_on_the_same_crowd() {
    let (_folder, file) = catalogue();
    let server = Server::start(&["--in-memory", "--catalog", &file]).await;
    let at = ["--url", &server.api, "--endpoint-url", &server.dynamodb];
    let rush = report(&[&["rush", "on-sale", "--json"], &at[..], &CROWD].concat()).await;
    let planned = ["plan", &file, "--as-is", "--direct", "--json"];
    let plan = report(&[&planned[..], &CROWD].concat()).await;

    assert_eq!(rush["broken"], serde_json::json!([]));
    // Every ticket is sold, in both, and never more people are inside than may be.
    assert_agree(
        "tickets",
        number(&plan, "/sale/sold"),
        number(&rush, "/tickets/sold"),
        0.0,
    );
    assert!((number(&plan, "/sale/sold") - 100.0).abs() < f64::EPSILON);
    let points = plan["curves"].as_array().unwrap();
    assert!(
        points
            .iter()
            .all(|point| point["inside"].as_u64().unwrap() <= 15)
    );
    assert_agree(
        "joined",
        number(&plan, "/people"),
        number(&rush, "/admission/joined"),
        0.1,
    );
    let answered = |function: &str| {
        let endpoints = rush["endpoints"].as_array().unwrap();
        let of = endpoints.iter().find(|of| of["endpoint"] == function);
        of.map_or(0.0, |of| number(of, "/answered"))
    };
    for (function, margin) in [
        ("get-event", 0.1),
        ("issue-token", 0.15),
        ("charge", 0.2),
        ("pay", 0.2),
        ("get-reservation", 0.2),
        ("hold-seat", 0.35),
        ("list-seats", 0.4),
    ] {
        let planned = number(&plan, &format!("/sale/functions/{function}"));
        assert_agree(function, planned, answered(function), margin);
    }
    // How many people were admitted until everything was sold.
    let admitted = (
        number(&plan, "/sale/admitted"),
        number(&rush, "/admission/gotIn"),
    );
    assert_agree("admitted", admitted.0, admitted.1, 0.35);
    // The shape of the sale: what is sold when a quarter, half and three quarters of those people are in.
    let planned: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (number(point, "/admitted"), number(point, "/sold")))
        .collect();
    let seconds = rush["timeline"].as_array().unwrap().iter();
    let real: Vec<(f64, f64)> = seconds
        .scan((0.0, 0.0), |(admitted, sold), second| {
            *admitted += number(second, "/gotIn");
            *sold += number(second, "/ticketsSold");
            Some((*admitted, *sold))
        })
        .collect();
    for share in [0.25, 0.5, 0.75] {
        let sold = (
            sold_when(&planned, admitted.0 * share),
            sold_when(&real, admitted.1 * share),
        );
        println!("sold when {share} are in: {sold:?}");
        assert!((sold.0 - sold.1).abs() <= 25.0, "{share}: {sold:?}");
    }
}

/// How many tickets were sold when this many people had been admitted.
fn sold_when(course: &[(f64, f64)], admitted: f64) -> f64 {
    let then = course.iter().find(|(so_far, _)| *so_far >= admitted);
    then.map_or(0.0, |(_, sold)| *sold)
}

#[tokio::test]
async fn a_plan_is_text_json_and_a_page_that_loads_nothing() {
    let (folder, file) = catalogue();
    let page = folder.path().join("plan.html");
    let page_name = page.to_str().unwrap();
    let arguments = [
        "plan", &file, "--as-is", "--people", "500", "--html", page_name,
    ];
    let output = run(&arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "queue.maxActive",
        "RequestsPerSecond",
        "what would give way first",
        "write units",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && !page.contains("<script") && !page.contains("src="));
    let report = report(&["plan", &file, "--as-is", "--people", "500", "--json"]).await;
    assert_eq!(report["tickets"], 100);
    let lines = report["bill"]["lines"].as_array().unwrap().iter();
    let sum: f64 = lines.map(|line| number(line, "/dollars")).sum();
    assert!((sum - number(&report, "/bill/dollars")).abs() < 1e-6);
    let quotas = report["quotas"].as_array().unwrap();
    assert!(
        quotas.iter().all(|quota| quota["mustBeRaised"] == false),
        "{quotas:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_plan_is_named() {
    let (folder, file) = catalogue();
    let two = folder.path().join("two.yaml");
    let second = CATALOGUE
        .split_once("events:\n")
        .unwrap()
        .1
        .replace("on-sale", "other");
    std::fs::write(&two, format!("{CATALOGUE}{second}")).unwrap();
    let two = two.to_str().unwrap();
    for (arguments, code, named) in [
        (vec!["plan", two], 3, "--event"),
        (vec!["plan", two, "--event", "third"], 3, "--event"),
        (vec!["plan", &file, "--within", "soon"], 2, "--within"),
        (vec!["plan", &file, "--people", "0"], 2, "--people"),
        (
            vec!["plan", &file, "--sold-within", "5m", "--as-is"],
            2,
            "--as-is",
        ),
        (vec!["plan", "missing.yaml"], 3, "missing.yaml"),
    ] {
        let output = run(&arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

/// Stands in for Service Quotas: it knows these codes, and refuses the others as it does without permission.
async fn service_quotas(values: &'static [(&'static str, f64)]) -> String {
    let answer = move |headers: HeaderMap, body: String| async move {
        assert_eq!(
            headers["x-amz-target"],
            "ServiceQuotasV20190624.GetServiceQuota"
        );
        let asked: Value = serde_json::from_str(&body).unwrap();
        let code = asked["QuotaCode"].as_str().unwrap().to_owned();
        let known = values.iter().find(|(of, _)| *of == code);
        match known {
            Some((_, value)) => (
                StatusCode::OK,
                json!({"Quota": {"QuotaCode": code, "Value": value}}).to_string(),
            ),
            None if code == NOT_CHANGED => (
                StatusCode::BAD_REQUEST,
                json!({"__type": "NoSuchResourceException", "Message": "none"}).to_string(),
            ),
            None => (
                StatusCode::BAD_REQUEST,
                json!({"__type": "AccessDeniedException", "Message": "not allowed"}).to_string(),
            ),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// The burst of API Gateway, of which this account has no value of its own.
const NOT_CHANGED: &str = "L-CDF5615A";

async fn plan_of_account(arguments: &[&str], region: &str) -> std::process::Output {
    let values = &[("L-B99A9384", 10.0), ("L-8A5B8E43", 300.0)];
    let url = service_quotas(values).await;
    let (_folder, file) = catalogue();
    let planned = ["plan", &file, "--as-is", "--people", "50", "--json"];
    let mut command = boxoffice(&[&planned[..], arguments].concat());
    command
        .env("AWS_ENDPOINT_URL_SERVICE_QUOTAS", url)
        .env("AWS_REGION", region)
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_plan_compares_with_the_quotas_of_the_account_and_says_which_it_may_not_read() {
    let output = plan_of_account(&["--account", "--gateway-rate", "900"], "eu-west-1").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let quotas = report["quotas"].as_array().unwrap().iter();
    let quotas: Vec<_> = quotas
        .map(|quota| {
            (
                quota["account"].as_u64().unwrap(),
                quota["source"].as_str().unwrap(),
                quota["mustBeRaised"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        quotas,
        [
            (10, "account", false),
            (900, "option", true),
            (5_000, "default", false),
            (40_000, "default", false),
            (40_000, "default", false),
        ]
    );
    for (part, times) in [
        ("servicequotas:GetServiceQuota", 2),
        ("write units a second of a table is assumed", 1),
        ("read units a second of a table is assumed", 1),
    ] {
        assert_eq!(said.matches(part).count(), times, "{part}: {said}");
    }
}

#[tokio::test]
async fn without_its_option_a_plan_asks_no_account() {
    let output = plan_of_account(&[], "eu-west-1").await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let quotas = report["quotas"].as_array().unwrap();
    assert!(quotas.iter().all(|quota| quota["source"] == "default"));
    let output = plan_of_account(&["--account"], "").await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("--account") && said.contains("region"),
        "{said}"
    );
}

#[tokio::test]
async fn environments_that_are_kept_ready_are_settings_with_times_and_a_price() {
    let (_folder, file) = catalogue();
    let planned = ["plan", &file, "--as-is", "--people", "50", "--json"];
    let ready = ["--ready-environments", "50", "--ready-for", "30m"];
    let report = report(&[&planned[..], &ready].concat()).await;
    assert_eq!(report["settings"]["readyEnvironments"], 50);
    for time in ["readyFrom", "readyUntil"] {
        let text = report["settings"][time].as_str().unwrap();
        assert_eq!((text.len(), &text[10..11]), (19, "T"), "{text}");
    }
    let lines = report["bill"]["lines"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["what"] == "GB-seconds ready")
        .unwrap();
    assert!((number(line, "/dollars") - 2.025).abs() < 0.001, "{line}");
}

/// The functions that a plan takes as ready are those of the template.
#[test]
fn a_plan_and_the_template_keep_the_same_functions_ready() {
    let template =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"));
    let template = template.unwrap();
    let ready: Vec<String> = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ResourceId: !Sub function:${"))
        .filter_map(|line| line.strip_suffix("Function}:live"))
        .map(str::to_lowercase)
        .collect();
    assert_eq!(ready.len(), usize::try_from(KEPT_READY).unwrap());
    for function in Function::ALL {
        let name = function.name().replace('-', "");
        assert_eq!(is_kept_ready(function), ready.contains(&name), "{name}");
    }
}
