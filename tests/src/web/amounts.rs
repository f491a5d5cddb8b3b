//! Amounts of money as buyers type them.

use std::path::Path;

use axum::Router;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use domain::money::Currency;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::browser::{Browser, DESKTOP, Eyes, KOREAN, PHONE, browse};
use super::site::{HALL, Site};

/// What each text means, in the minor unit. No reading: it is refused. Two: it is ambiguous, and refused.
const READINGS: &[(&str, &[&str], &str, &[u64])] = &[
    // Two decimals: EUR, USD.
    ("12.50", &["en"], "EUR", &[1250]),
    ("12.5", &["en"], "USD", &[1250]),
    ("12,50", &["en"], "EUR", &[]),
    ("1,250.00", &["en"], "USD", &[125_000]),
    ("1,250", &["ko"], "USD", &[125_000]),
    ("1.250,00", &["en"], "EUR", &[]),
    ("1.250", &["en"], "EUR", &[]),
    ("12,5,0", &["en"], "EUR", &[]),
    ("12,50", &["ko", "de"], "EUR", &[1250]),
    ("12.50", &["en", "de"], "EUR", &[1250]),
    ("1.250,00", &["en", "de"], "EUR", &[125_000]),
    ("1,250.00", &["en", "de"], "EUR", &[125_000]),
    ("1.250", &["en", "de"], "EUR", &[125_000]),
    ("12,5,0", &["en", "de"], "EUR", &[]),
    ("12,5", &["de"], "EUR", &[1250]),
    ("12.50", &["de"], "EUR", &[]),
    ("1 250,50", &["en", "fr"], "EUR", &[125_050]),
    ("1\u{202f}250,50", &["fr"], "EUR", &[125_050]),
    ("1’250.50", &["de-CH"], "EUR", &[125_050]),
    ("1,00,000", &["en-IN"], "USD", &[10_000_000]),
    ("1,00,000", &["en"], "USD", &[]),
    // No decimals: KRW, JPY.
    ("50,000", &["ko"], "KRW", &[50_000]),
    ("50000", &["ko"], "KRW", &[50_000]),
    ("50 000", &["en"], "KRW", &[50_000]),
    ("５０，０００", &["ko"], "JPY", &[50_000]),
    ("50.000", &["en"], "KRW", &[]),
    ("50.000", &["en", "de"], "JPY", &[50_000]),
    ("12.50", &["en", "de"], "KRW", &[]),
    ("12,50", &["en", "de"], "JPY", &[]),
    // Three decimals: KWD.
    ("1.250", &["en"], "KWD", &[1250]),
    ("1,250", &["en"], "KWD", &[1_250_000]),
    ("1.250", &["en", "de"], "KWD", &[1250, 1_250_000]),
    ("1,250", &["ko", "de"], "KWD", &[1_250_000, 1250]),
    ("1,250.500", &["en", "de"], "KWD", &[1_250_500]),
    ("1.2505", &["en"], "KWD", &[]),
    ("١٬٢٥٠٫٥٠٠", &["en", "ar-EG"], "KWD", &[1_250_500]),
    // Not amounts above zero.
    ("", &["en"], "EUR", &[]),
    ("0.00", &["en"], "EUR", &[]),
    ("-5", &["en"], "EUR", &[]),
    ("1e5", &["en"], "EUR", &[]),
    ("5 €", &["en"], "EUR", &[]),
    ("90071992547409.92", &["en"], "EUR", &[]),
    (
        "90071992547409.91",
        &["en"],
        "EUR",
        &[9_007_199_254_740_991],
    ),
];

const CURRENCIES: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF", "XPF", "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "CLF", "UYW",
    "AFN", "CHF", "EUR", "GBP", "HUF", "MGA", "MRU", "RSD", "USD",
];

/// Serves the shop's modules as they are written, so that a test can import one. Returns the address.
pub(super) async fn serve_modules() -> String {
    let modules = Router::new().fallback(async |uri: Uri| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/js");
        match std::fs::read_to_string(folder.join(uri.path().trim_start_matches('/'))) {
            Ok(module) => ([(CONTENT_TYPE, "text/javascript")], module),
            Err(_) => ([(CONTENT_TYPE, "text/html")], "<!doctype html>".to_owned()),
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, modules).await });
    address
}

/// Calls functions of a module.
pub(super) async fn of_module(browser: &Browser, module: &str, body: &str) -> Value {
    let script = format!(
        "const done = arguments[0];
        import('/{module}.js').then(async (module) => done(await (async () => {{ {body} }})()))"
    );
    let given = browser.driver.execute_async(script, Vec::new()).await;
    given.unwrap().json().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_read_by_the_rules_of_the_buyers_languages_and_refused_if_ambiguous() {
    browse([DESKTOP], async |[buyer]| {
        buyer.open(&serve_modules().await).await;
        let texts: Vec<_> = READINGS
            .iter()
            .map(|(text, locales, currency, _)| json!([text, locales, currency]))
            .collect();
        // The server and the page have the same table.
        let body = format!(
            "return Object.fromEntries({}.map((it) => [it, module.decimals(it)]))",
            json!(CURRENCIES)
        );
        let digits = of_module(buyer, "i18n", &body).await;
        for code in CURRENCIES {
            let currency = Currency::try_from((*code).to_owned()).unwrap();
            assert_eq!(digits[code], currency.decimals(), "{code}");
        }
        for (code, decimals) in [("KRW", 0), ("JPY", 0), ("EUR", 2), ("HUF", 2), ("KWD", 3)] {
            assert_eq!(digits[code], decimals, "{code}");
        }
        let body = format!(
            "return {}.map(([text, locales, currency]) => module.readings(text, {digits}[currency], locales))",
            json!(texts)
        );
        let found = of_module(buyer, "amount", &body).await;
        for ((text, locales, currency, expected), found) in
            READINGS.iter().zip(found.as_array().unwrap())
        {
            assert_eq!(found, &json!(expected), "{text} {currency} {locales:?}");
        }
        let body = "return [[1250, 2], [50000, 0], [5, 2], [1234, 3], [5000, 2]].map(([amount, digits]) => module.written(amount, digits, 'en'))";
        let written = of_module(buyer, "amount", body).await;
        assert_eq!(written, json!(["12.50", "50000", "0.05", "1.234", "50"]));
    })
    .await;
}

/// Types an amount and presses the button.
async fn types(buyer: &Browser, text: &str) {
    buyer.shows("#charge-amount:not(:disabled)").await;
    buyer.write("#charge-amount", text).await;
    buyer.click("[data-testid=charge]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decimal_comma_charges_what_its_writer_means_or_nothing() {
    let german = Eyes {
        language: "de-DE,de",
        ..PHONE
    };
    browse([german, KOREAN], async |[german, korean]| {
        let site = Site::in_currency("EUR", &[HALL]).await;
        for buyer in [german, korean] {
            buyer.joins(&site, "hall").await;
            buyer.open(&site.view("wallet")).await;
        }
        let balance = "document.querySelector('[data-testid=balance]').textContent";
        german.shows("#charge-amount").await;
        german.write("#charge-amount", "12,50").await;
        // The button says what will be charged.
        german
            .until("document.querySelector('[data-testid=charge]').textContent === 'Top up €12.50'")
            .await;
        german.click("[data-testid=charge]").await;
        german.until(&format!("{balance} === '€12.50'")).await;
        types(german, "1.250,00").await;
        german.until(&format!("{balance} === '€1,262.50'")).await;
        types(german, "12,5,0").await;
        german.says("written like 1,250.50").await;
        types(korean, "12,50").await;
        korean
            .says("0보다 큰 금액을 1,250.50처럼 입력해 주세요.")
            .await;
        types(korean, "1,250.00").await;
        korean.until(&format!("{balance} === '€1,250.00'")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_with_two_meanings_is_refused_with_both_of_them() {
    let german = Eyes {
        language: "de-DE,de",
        ..PHONE
    };
    browse([german], async |[buyer]| {
        let site = Site::in_currency("KWD", &[HALL]).await;
        buyer.joins(&site, "hall").await;
        buyer.open(&site.view("wallet")).await;
        types(buyer, "1.250").await;
        buyer
            .says("This can be read as KWD\u{a0}1.250 or as KWD\u{a0}1,250.000.")
            .await;
        types(buyer, "50.5").await;
        buyer.says("KWD\u{a0}50.500").await;
    })
    .await;
}
