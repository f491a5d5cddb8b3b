//! `boxoffice export`.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::process::Stdio;

use serde_json::Value;

use super::{DATE, EVENT, Shop};
use crate::serve::boxoffice;

type Row = HashMap<String, String>;

/// The lines of a file as a spreadsheet reads them, by the names of their columns.
fn rows(csv: &str) -> Vec<Row> {
    // Excel takes a file without the mark for another encoding than UTF-8.
    let csv = csv.strip_prefix('\u{feff}').unwrap();
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count());
    csv::Reader::from_reader(csv.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn column<'a>(rows: &'a [Row], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attendees_have_a_line_for_each_ticket_in_the_order_of_the_seats() {
    let shop = Shop::new().await;
    let late = shop.buys(DATE, &[3, 6]).await;
    let early = shop.buys(DATE, &[1]).await;
    shop.buys("2099-12-25", &[7]).await;
    let gone = shop.buys(DATE, &[2]).await;
    shop.cancels(&gone).await;
    shop.holds(DATE, &[4]).await;

    let lines = rows(&shop.prints(&["export", "attendees", EVENT]).await);
    assert_eq!(column(&lines, "seatNumber"), ["1", "3", "6", "7"]);
    assert_eq!(column(&lines, "date"), [DATE, DATE, DATE, "2099-12-25"]);
    assert_eq!(
        column(&lines, "price"),
        ["12.50", "12.50", "10.00", "20.00"]
    );
    assert_eq!(column(&lines, "ticket"), ["1", "1", "2", "1"]);
    let first = &lines[0];
    for (name, value) in [
        ("eventId", EVENT),
        // Neither is a formula.
        ("eventName", "'=1+1, \"live\""),
        ("section", "'-1-2"),
        ("row", "1"),
        ("seat", "1"),
        ("startsAt", "2099-12-24T18:00:00.000Z"),
        ("currency", "EUR"),
        ("reservationId", &early.reservation),
        ("userId", &early.user),
        ("status", "CONFIRMED"),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!(lines[1]["userId"], late.user);

    // The same by a reading of the whole table.
    let all = rows(&shop.prints(&["export", "attendees", "--all"]).await);
    let sorted = |rows: &[Row]| {
        let mut seats: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["date"].clone(),
                    row["seatNumber"].clone(),
                    row["reservationId"].clone(),
                )
            })
            .collect();
        seats.sort();
        seats
    };
    assert_eq!(sorted(&all), sorted(&lines));

    let other = [
        "export",
        "attendees",
        EVENT,
        "--date",
        DATE,
        "--status",
        "cancelled,held",
    ];
    let lines = rows(&shop.prints(&other).await);
    let mut seats = column(&lines, "seatNumber");
    seats.sort_unstable();
    assert_eq!(seats, ["2", "4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attendees_without_seats_have_a_line_for_each_ticket_too() {
    let shop = Shop::new().await;
    let bought = shop.buys_tickets("open-air", 3, 1_500).await;
    let lines = rows(&shop.prints(&["export", "attendees", "open-air"]).await);
    assert_eq!(column(&lines, "ticket"), ["1", "2", "3"]);
    assert_eq!(column(&lines, "price"), ["5.00"; 3]);
    assert_eq!(
        column(&lines, "reservationId"),
        [bought.reservation.as_str(); 3]
    );
    assert_eq!(
        (lines[0]["date"].as_str(), lines[0]["seat"].as_str()),
        ("", "")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_sales_add_up_to_the_report() {
    let shop = Shop::new().await;
    shop.buys(DATE, &[1, 5]).await;
    let gone = shop.buys(DATE, &[2]).await;
    shop.cancels(&gone).await;
    shop.holds(DATE, &[3]).await;
    shop.buys_tickets("open-air", 1, 500).await;

    let sales = shop
        .prints_json(&["export", "sales", EVENT, "--format", "json"])
        .await;
    let report = shop.prints_json(&["report", EVENT, "--json"]).await;
    let sum = |field: &str| {
        let sales = sales.as_array().unwrap();
        sales
            .iter()
            .map(|sale| sale[field].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(sum("received"), report["received"], "{sales}");
    assert_eq!(sum("refunded"), report["refunded"]);
    assert_eq!(sum("tax"), report["containedTax"]);

    let lines = rows(&shop.prints(&["export", "sales", EVENT]).await);
    assert_eq!(lines.len(), 2, "a hold is no sale");
    let cancelled = lines
        .iter()
        .find(|line| line["status"] == "CANCELLED")
        .unwrap();
    for (name, value) in [
        ("reservationId", gone.reservation.as_str()),
        ("price", "12.50"),
        ("fees", "0.30"),
        ("total", "12.80"),
        ("paid", "12.80"),
        ("refunded", "12.50"),
        ("received", "0.30"),
        ("tax", "0.03"),
        ("chargeId", &gone.charge),
    ] {
        assert_eq!(cancelled[name], value, "{name}");
    }
    for time in ["createdAt", "paidAt", "cancelledAt"] {
        assert!(cancelled[time].ends_with('Z'), "{time}");
    }
    let confirmed = shop
        .prints(&["export", "sales", EVENT, "--status", "confirmed"])
        .await;
    assert_eq!(column(&rows(&confirmed), "status"), ["CONFIRMED"]);
    let all = shop.prints(&["export", "sales", "--all"]).await;
    assert_eq!(rows(&all).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exported_ledger_has_numbers_that_add_up_and_the_providers_ids() {
    let shop = Shop::new().await;
    let bought = shop.buys(DATE, &[1]).await;
    shop.cancels(&bought).await;
    let csv = shop.prints(&["export", "ledger", "--all"]).await;
    // A negative amount is a number, and no text.
    assert!(csv.contains(",PAYMENT,-12.80,0.00,EUR,"), "{csv}");
    let lines = rows(&csv);
    assert_eq!(column(&lines, "seq"), ["1", "2", "3"]);
    assert_eq!(column(&lines, "kind"), ["CHARGE", "PAYMENT", "REFUND"]);
    assert_eq!(column(&lines, "amount"), ["12.80", "-12.80", "12.50"]);
    assert_eq!(column(&lines, "balanceAfter"), ["12.80", "0.00", "12.50"]);
    assert_eq!(column(&lines, "userId"), [bought.user.as_str(); 3]);
    assert_eq!(column(&lines, "provider"), ["demo", "", ""]);
    assert_eq!(lines[0]["entryId"], bought.charge);
    assert!(lines[0]["providerPaymentId"].starts_with("demo_"));
    assert_eq!(lines[1]["reservationId"], bought.reservation);
    let of_event = shop.prints(&["export", "ledger", EVENT]).await;
    assert_eq!(column(&rows(&of_event), "kind"), ["PAYMENT", "REFUND"]);
    let other = shop
        .prints_json(&["export", "ledger", "open-air", "--format", "json"])
        .await;
    assert_eq!(other, Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exported_file_is_whole_or_is_not_there() {
    let shop = Shop::new().await;
    shop.buys(DATE, &[1]).await;
    let file = shop.folder().join("sales.csv");
    let name = file.to_str().unwrap();
    let export = ["export", "sales", EVENT, "--output", name];
    assert_eq!(shop.prints(&export).await, format!("1 line in {name}\n"));
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(rows(&written).len(), 1);

    let (code, said) = shop
        .refuses(&["export", "sales", "nowhere", "--output", name])
        .await;
    assert_eq!(
        (code, said.as_str()),
        (1, "boxoffice: there is no event nowhere\n")
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    assert_eq!(
        fs::read_dir(shop.folder()).unwrap().count(),
        2,
        "nothing partial is left"
    );

    for (path, reason) in [
        ("/dev/full", "is not a file"),
        ("/nowhere/x", "cannot write"),
    ] {
        let (code, said) = shop
            .refuses(&["export", "ledger", "--all", "--output", path])
            .await;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("--output") && said.contains(reason), "{said}");
    }
    for (arguments, option) in [
        (&["export", "ledger"][..], "<EVENT|--all>"),
        (&["export", "ledger", EVENT, "--all"], "--all"),
        (
            &["export", "sales", "--all", "--date", DATE],
            "--date <DATE>",
        ),
        (
            &["export", "sales", EVENT, "--status", "held"],
            "--status <STATUS>",
        ),
        (
            &["export", "ledger", EVENT, "--format", "xlsx"],
            "--format <FORMAT>",
        ),
        (&["export", "ledger", EVENT, "--status", "held"], "--status"),
    ] {
        let (code, said) = shop.refuses(arguments).await;
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(option), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_whose_reader_goes_away_ends_silently_and_one_on_a_full_disk_fails() {
    let shop = Shop::new().await;
    shop.buys(DATE, &[1]).await;
    for (disk_is_full, code) in [(false, 0), (true, 1)] {
        for what in ["attendees", "sales", "ledger"] {
            let endpoint = shop.server.dynamodb.as_str();
            let mut command = boxoffice(&["export", what, "--all", "--endpoint-url", endpoint]);
            command.stderr(Stdio::piped());
            if disk_is_full {
                command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
            } else {
                command.stdout(Stdio::piped());
            }
            let mut process = command.spawn().unwrap();
            drop(process.stdout.take());
            let ended = process.wait_with_output().await.unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(code), "{what}: {said}");
            assert_eq!(
                said.contains("cannot write the output"),
                disk_is_full,
                "{said}"
            );
        }
    }
}
