use super::*;
use domain::event::Admission;
use domain::fees::{Fees, TaxRate};
use domain::ids::{DateKey, SeatNumber};
use domain::money::{Currency, Money};
use domain::presale::Presale;
use domain::queue::{Order, Reissue, Strategy, TokenEndsOn};
use domain::seating::{From, Rows};
use proptest::prelude::*;

const VALID: &str = "
currency: KRW
events:
  - eventId: winter-live
    name: Winter Live 2026
    venue: Olympic Hall
    admission: seated
    queue: {strategy: slots, maxActive: 10, lanes: 1, order: arrival, reissue: keep, tokenEndsOn: payment, overbookPercent: 0}
    dates:
      - date: 2026-12-24
        startsAt: 2026-12-24T19:00:00+09:00
        sections:
          - {name: R, seats: 30, price: 99000, rows: 3}
          - {name: S, seats: 20, price: 77000}
      - {date: +30d, startsAt: '19:00:00+09:00', price: 50000}
  - {eventId: fair, name: Fair, venue: Park, admission: general, totalTickets: 5}
";

fn now() -> EpochMs {
    EpochMs::parse("2026-11-20T16:00:00Z").unwrap()
}

fn read(text: &str) -> Result<Catalog, Vec<CatalogError>> {
    parse(text, &Known::default(), now())
}

#[test]
fn a_valid_catalogue_gets_defaults() {
    let catalog = read(VALID).unwrap();
    assert_eq!(catalog.currency.to_string(), "KRW");
    assert_eq!(catalog.wallet_ceiling, None);
    assert_eq!(catalog.doubts, []);
    let concert = &catalog.events[0].programme;
    assert_eq!(concert.event.terms.queue.max_active, 10);
    assert_eq!(concert.event.terms.queue.grace_seconds, 120);
    assert_eq!(concert.event.terms.hold_seconds, 300);
    let eve = &concert.dates[&DateKey::parse("2026-12-24").unwrap()];
    assert_eq!(eve.sections[1].first_seat, SeatNumber(31));
    assert_eq!(eve.total_seats(), 50);
    let Admission::General {
        total_tickets,
        price,
        stock_shards,
    } = catalog.events[1].programme.event.terms.admission
    else {
        panic!("not general");
    };
    assert_eq!((total_tickets, price, stock_shards), (5, Money::ZERO, 5));
}

#[test]
fn a_relative_date_counts_from_the_first_apply_in_the_offset_of_its_start() {
    // 16:00 UTC on the 20th is the 21st in Seoul.
    let date = DateKey::parse("2026-12-21").unwrap();
    let catalog = read(VALID).unwrap();
    let found = &catalog.events[0].programme.dates[&date];
    assert_eq!(found.starts_at.to_string(), "2026-12-21T10:00:00.000Z");
    assert_eq!(found.total_seats(), 50);
    let first = EpochMs::parse("2026-10-01T00:00:00Z").unwrap();
    let known = Known {
        first_applied: BTreeMap::from([(EventId::parse("winter-live").unwrap(), first)]),
        settings: None,
    };
    let again = parse(VALID, &known, now()).unwrap();
    let date = DateKey::parse("2026-10-31").unwrap();
    assert!(again.events[0].programme.dates.contains_key(&date));
}

#[test]
fn rows_have_labels_and_their_chairs_have_numbers() {
    let section = |text: &str| {
        let catalog = read(&VALID.replace("rows: 3", text)).unwrap();
        let eve = &catalog.events[0].programme.dates[&DateKey::parse("2026-12-24").unwrap()];
        eve.sections[0].clone()
    };
    let plain = section("rows: 3");
    assert_eq!(plain.rows, Some(Rows::Equal(3)));
    assert!(plain.row_labels.is_empty() && plain.numbering.is_none() && plain.aisles.is_empty());
    let labelled = section(
        "rows: [8, 10, 12], rowLabels: [A, C], numbering: {from: oddLeft, skip: [13]}, aisles: [6], drawing: {x: -12, rotate: 30}",
    );
    assert_eq!(labelled.rows, Some(Rows::Lengths(vec![8, 10, 12])));
    assert_eq!(labelled.row_labels, ["A", "C", "D"]);
    let numbering = labelled.numbering.unwrap();
    assert_eq!((numbering.from, numbering.start), (From::OddLeft, 1));
    assert_eq!((numbering.skip, labelled.aisles), (vec![13], vec![6]));
    let drawing = labelled.drawing.unwrap();
    assert_eq!(
        (drawing.x, drawing.y, drawing.rotate, drawing.curve),
        (-12, 0, 30, 0)
    );
    // Labels that YAML could take for something else.
    assert_eq!(
        section("rows: 3, rowLabels: [N, Y, 7]").row_labels,
        ["N", "Y", "7"]
    );
    assert_eq!(section("rows: 3, rowLabels: 5").row_labels, ["5", "6", "7"]);
}

#[test]
fn rows_labels_and_numbers_that_do_not_fit_are_refused_with_their_fields() {
    for (text, field) in [
        ("rows: [10, 10, 11]", "rows"),
        ("rows: [10, 20, 0]", "rows[2]"),
        ("rows: []", "rows"),
        ("rows: {a: 1}", "rows"),
        ("rows: 3, rowLabels: [A-D]", "rowLabels"),
        ("rows: 3, rowLabels: [A, true, C]", "rowLabels[1]"),
        ("rowLabels: A", "rowLabels"),
        ("rows: 3, numbering: left", "numbering"),
        ("rows: 3, numbering: {from: middle}", "numbering.from"),
        ("rows: 3, numbering: {start: 0}", "numbering.start"),
        ("rows: 3, numbering: {skip: [13, 4]}", "numbering.skip"),
        ("rows: 3, numbering: {odd: left}", "numbering.odd"),
        ("rows: 3, aisles: [5, 10]", "aisles"),
        ("rows: 3, aisles: [5, 5]", "aisles"),
        ("rows: 3, aisles: 5", "aisles"),
        ("aisles: [5]", "aisles"),
        ("drawing: left", "drawing"),
        ("drawing: {rotate: 181}", "drawing.rotate"),
        ("drawing: {curve: -1}", "drawing.curve"),
        ("drawing: {x: 1001}", "drawing.x"),
    ] {
        let field = format!("events[0].dates[0].sections[0].{field}");
        check("rows: 3", text, 13, &field);
    }
}

#[test]
fn json_is_a_catalogue_too() {
    let json = r#"{"currency":"KRW","events":[{"eventId":"a","name":"A","venue":"V","admission":"seated",
        "dates":[{"date":"2026-12-24","startsAt":"2026-12-24T19:00:00+09:00","seats":9,"price":1}]}]}"#;
    assert_eq!(read(json).unwrap().events[0].programme.dates.len(), 1);
}

/// Replaces `from` by `to`, and expects exactly one error.
#[track_caller]
fn check(from: &str, to: &str, line: u64, field: &str) {
    let text = VALID.replacen(from, to, 1);
    assert_ne!(text, VALID, "nothing was replaced");
    let errors = read(&text).unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.line, e.field.as_str())).collect();
    assert_eq!(places, [(line, field)], "{errors:?}");
    assert!(!errors[0].message.is_empty());
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_field() {
    let queue = |name: &str| format!("events[0].queue.{name}");
    check("maxActive: 10", "maxActive: 0", 8, &queue("maxActive"));
    check("maxActive: 10", "maxActive: 100001", 8, &queue("maxActive"));
    check("maxActive: 10", "maxActive: ten", 8, &queue("maxActive"));
    check("maxActive: 10", "maxActive: 1.5", 8, &queue("maxActive"));
    check("winter-live", "Winter", 4, "events[0].eventId");
    check(
        "eventId: fair",
        "eventId: winter-live",
        16,
        "events[1].eventId",
    );
    check("Winter Live 2026", "''", 5, "events[0].name");
    check("venue: Olympic Hall", "venue: 12", 6, "events[0].venue");
    check(
        "admission: seated",
        "admission: standing",
        7,
        "events[0].admission",
    );
    check(
        "date: 2026-12-24",
        "date: 2026-13-24",
        10,
        "events[0].dates[0].date",
    );
    check(
        "date: +30d",
        "date: 2026-12-24",
        15,
        "events[0].dates[1].date",
    );
    check("+30d", "+9999d", 15, "events[0].dates[1].date");
    check(
        "'19:00:00+09:00'",
        "'19:00'",
        15,
        "events[0].dates[1].startsAt",
    );
    check(
        "T19:00:00+09:00",
        " evening",
        11,
        "events[0].dates[0].startsAt",
    );
    check(
        "name: S,",
        "name: R,",
        14,
        "events[0].dates[0].sections[1].name",
    );
    check(
        "name: S,",
        "name: \"S\\u202e1\",",
        14,
        "events[0].dates[0].sections[1].name",
    );
    check(
        "rows: 3",
        "rows: 31",
        13,
        "events[0].dates[0].sections[0].rows",
    );
    check(
        "seats: 20",
        "seats: 60000",
        14,
        "events[0].dates[0].sections[1].seats",
    );
    check(
        "seats: 20",
        "seats: 49980",
        14,
        "events[0].dates[0].sections[1].seats",
    );
    check(
        "price: 77000",
        "price: -1",
        14,
        "events[0].dates[0].sections[1].price",
    );
    check(
        "totalTickets: 5",
        "totalTickets: 0",
        16,
        "events[1].totalTickets",
    );
    check("currency: KRW", "currency: won", 2, "currency");
    check(
        "currency: KRW",
        "walletCeiling: 0\ncurrency: KRW",
        2,
        "walletCeiling",
    );
}

#[test]
fn a_missing_or_unknown_field_is_refused_with_its_line_and_name() {
    check("    venue: Olympic Hall\n", "", 4, "events[0].venue");
    check(
        ", price: 77000",
        "",
        14,
        "events[0].dates[0].sections[1].price",
    );
    check(", totalTickets: 5", "", 16, "events[1].totalTickets");
    check("currency: KRW\n", "", 2, "currency");
    check(
        "venue: Olympic Hall",
        "venu: X\n    venue: Y",
        6,
        "events[0].venu",
    );
    check("lanes: 1", "lane: 1", 8, "events[0].queue.lane");
    check(
        "totalTickets: 5",
        "totalTickets: 5, dates: []",
        16,
        "events[1].dates",
    );
    check(
        "totalTickets: 5",
        "totalTickets: 5, totalTickets: 6",
        16,
        "events[1].totalTickets",
    );
    check(
        "    venue: Olympic Hall\n",
        "    venue: V\n    venue: W\n",
        7,
        "events[0].venue",
    );
    check(
        "currency: KRW",
        "currency: KRW\ncurrency: KRW",
        3,
        "currency",
    );
    check(
        "maxActive: 10",
        "maxActive: 10, maxActive: 10",
        8,
        "events[0].queue.maxActive",
    );
    check(
        "    dates:\n",
        "    price: 5\n    dates:\n",
        9,
        "events[0].price",
    );
    check(
        "        sections:",
        "        seats: 5\n        sections:",
        12,
        "events[0].dates[0].seats",
    );
}

#[test]
fn every_queue_option_is_read() {
    let text = VALID
        .replacen(
            "strategy: slots",
            "strategy: batch, batchSize: 8, batchSeconds: 30",
            1,
        )
        .replacen("lanes: 1", "lanes: 4", 1)
        .replacen("reissue: keep", "reissue: requeue", 1)
        .replacen("tokenEndsOn: payment", "tokenEndsOn: hold", 1)
        .replacen("overbookPercent: 0", "overbookPercent: 10", 1);
    let queue = read(&text).unwrap().events[0].programme.event.terms.queue;
    let batch = Strategy::Batch {
        batch_size: 8,
        batch_seconds: 30,
    };
    assert_eq!(queue.strategy, batch);
    assert_eq!(queue.lanes.count(), 4);
    assert_eq!(queue.reissue, Reissue::Requeue);
    assert_eq!(queue.token_ends_on, TokenEndsOn::Hold);
    assert_eq!(queue.overbook_percent, 10);
}

#[test]
fn a_queue_that_contradicts_itself_is_refused() {
    for (from, to, field) in [
        ("lanes: 1", "lanes: 11", "lanes"),
        ("lanes: 1", "lanes: 65", "lanes"),
        ("lanes: 1", "batchSize: 10", "batchSize"),
        (
            "strategy: slots",
            "strategy: batch, batchSize: 3",
            "batchSeconds",
        ),
        ("strategy: slots", "strategy: crowd", "strategy"),
        ("lanes: 1", "beacon: drand", "beacon"),
        ("order: arrival", "order: alphabet", "order"),
        (
            "overbookPercent: 0",
            "overbookPercent: 101",
            "overbookPercent",
        ),
    ] {
        check(from, to, 8, &format!("events[0].queue.{field}"));
    }
}

#[test]
fn an_opening_can_be_relative_to_the_first_apply() {
    let opening = |text: &str| {
        let line = format!("    opensAt: {text}\n    venue:");
        read(&VALID.replacen("    venue:", &line, 1))
            .map(|catalog| catalog.events[0].programme.event.terms.opens_at.unwrap())
    };
    assert_eq!(opening("+10m").unwrap(), now().plus_seconds(600));
    assert_eq!(opening("+2h").unwrap(), now().plus_seconds(7_200));
    for wrong in ["+10", "+m", "+1w", "+99999d", "+-5m", "soon"] {
        assert_eq!(opening(wrong).unwrap_err()[0].field, "events[0].opensAt");
    }
}

/// The presales of the catalogue with these lines.
fn presales(opening: &str, presales: &str) -> Result<Vec<Presale>, Vec<CatalogError>> {
    let lines = format!("{opening}    presales: {presales}\n    venue:");
    read(&VALID.replacen("    venue:", &lines, 1))
        .map(|catalog| catalog.events[0].programme.event.terms.presales.clone())
}

#[test]
fn a_presale_lasts_until_the_general_opening_unless_it_ends_before() {
    let opening = "    opensAt: +2d\n";
    let both = "[{name: Fans, opensAt: +1h, closesAt: +1d}, {name: 카드, opensAt: +25h}]";
    let both = presales(opening, both).unwrap();
    let times = |presale: &Presale| {
        let after = |at: EpochMs| at.ms_since(now()) / 3_600_000;
        (after(presale.opens_at), after(presale.closes_at))
    };
    assert_eq!(
        both.iter().map(times).collect::<Vec<_>>(),
        [(1, 24), (25, 48)]
    );
    assert_eq!(both[1].name.as_str(), "카드");
}

#[test]
fn a_presale_is_refused_if_its_times_or_its_name_do_not_fit() {
    let opening = "    opensAt: +2d\n";
    let refused = |opening: &str, list: &str| presales(opening, list).unwrap_err()[0].field.clone();
    for (list, field) in [
        ("[{name: Fans}]", "presales[0].opensAt"),
        ("[{opensAt: +1h}]", "presales[0].name"),
        ("[{name: Fans, opensAt: +2d}]", "presales[0].opensAt"),
        (
            "[{name: Fans, opensAt: +1h, closesAt: +1h}]",
            "presales[0].closesAt",
        ),
        (
            "[{name: Fans, opensAt: +1h, closesAt: +3d}]",
            "presales[0].closesAt",
        ),
        (
            "[{name: Fans, opensAt: +1h}, {name: Fans, opensAt: +2h}]",
            "presales[1].name",
        ),
        (
            "[{name: Fans, opensAt: +1h, until: +2h}]",
            "presales[0].until",
        ),
        ("[]", "presales"),
    ] {
        assert_eq!(
            refused(opening, list),
            format!("events[0].{field}"),
            "{list}"
        );
    }
    let list = "[{name: Fans, opensAt: +1h}]";
    assert_eq!(refused("", list), "events[0].presales");
}

#[test]
fn a_draw_needs_an_opening_time() {
    check("order: arrival", "order: draw", 8, "events[0].queue.order");
    let text = VALID
        .replacen("order: arrival", "order: draw, beacon: drand 5", 1)
        .replacen(
            "    venue:",
            "    opensAt: 2026-12-01T11:00:00+09:00\n    venue:",
            1,
        );
    let terms = read(&text).unwrap().events[0].programme.event.terms.clone();
    assert_eq!(terms.queue.order, Order::Draw);
    assert_eq!(terms.beacon.as_deref(), Some("drand 5"));
}

#[test]
fn times_that_exclude_each_other_are_refused_with_their_lines() {
    let with = |field: &str, at: &str| {
        let line = format!("    {field}: {at}\n    venue:");
        VALID.replacen("    venue:", &line, 1).replacen(
            "+30d, startsAt: '19:00:00+09:00'",
            "2026-12-25, startsAt: 2026-12-25T19:00:00+09:00",
            1,
        )
    };
    for (field, at, fits) in [
        ("opensAt", "2026-12-25T18:59:59+09:00", true),
        ("opensAt", "2026-12-25T19:00:00+09:00", false),
        ("opensAt", "+40d", false),
        ("closesAt", "2026-12-25T19:00:00+09:00", true),
        ("closesAt", "2026-12-25T19:00:01+09:00", false),
    ] {
        match (read(&with(field, at)), fits) {
            (Ok(_), true) => {}
            (Err(errors), false) => {
                let places: Vec<_> = errors.iter().map(|e| (e.line, e.field.as_str())).collect();
                assert_eq!(places, [(6, &*format!("events[0].{field}"))], "{errors:?}");
            }
            odd => panic!("{field} {at}: {odd:?}"),
        }
    }
    check(
        "totalTickets: 5",
        "startsAt: 2027-01-01T10:00:00Z, closesAt: 2027-01-02T10:00:00Z, totalTickets: 5",
        16,
        "events[1].closesAt",
    );
}

fn doubts(text: &str) -> Vec<(u64, String, DoubtReason)> {
    let doubts = read(text).unwrap().doubts.into_iter();
    doubts
        .map(|doubt| (doubt.message.line, doubt.message.field, doubt.reason))
        .collect()
}

#[test]
fn a_date_that_is_not_the_day_of_its_start_is_doubted() {
    let name = "events[0].dates[0].date".to_owned();
    let doubted = [(10, name, DoubtReason::OtherDay)];
    for (from, to) in [
        ("T19:00:00+09:00", "T19:00:00+09:00"),
        // The day counts in the offset of the start: this is still the 24th in Seoul.
        ("2026-12-24T19:00:00+09:00", "2026-12-24T00:30:00+09:00"),
        ("date: 2026-12-24", "date: 2026-12-24T19:00"),
    ] {
        assert_eq!(doubts(&VALID.replacen(from, to, 1)), []);
    }
    for (from, to) in [
        ("2026-12-24T19:00:00+09:00", "2026-12-26T19:00:00+09:00"),
        ("2026-12-24T19:00:00+09:00", "2026-12-23T19:00:00-05:00"),
        ("date: 2026-12-24", "date: 2026-12-24T19:30"),
    ] {
        assert_eq!(doubts(&VALID.replacen(from, to, 1)), doubted);
    }
}

#[test]
fn times_that_have_passed_are_doubted() {
    let past = |line, field: &str| [(line, field.to_owned(), DoubtReason::Past)];
    assert_eq!(
        doubts(&VALID.replace("2026-12-24", "2019-12-24")),
        past(11, "events[0].dates[0].startsAt")
    );
    let fair = |time: &str| {
        let fields = format!("{time}, totalTickets: 5");
        VALID.replacen("totalTickets: 5", &fields, 1)
    };
    assert_eq!(
        doubts(&fair("startsAt: 2026-01-01T10:00:00Z")),
        past(16, "events[1].startsAt")
    );
    assert_eq!(
        doubts(&fair("closesAt: 2026-01-01T10:00:00Z")),
        past(16, "events[1].closesAt")
    );
}

#[test]
fn a_price_that_no_wallet_can_pay_is_refused() {
    check(
        "price: 77000",
        "price: 10000001",
        14,
        "events[0].dates[0].sections[1].price",
    );
    check(
        "price: 50000",
        "price: 10000001",
        15,
        "events[0].dates[1].price",
    );
    check(
        "totalTickets: 5",
        "totalTickets: 5, price: 10000001",
        16,
        "events[1].price",
    );
    // The table's ceiling counts if the catalogue names none.
    let known = |ceiling| Known {
        settings: Some(Settings {
            currency: Currency::try_from("KRW".to_owned()).unwrap(),
            wallet_ceiling: Money(ceiling),
        }),
        ..Known::default()
    };
    assert!(parse(VALID, &known(99_000), now()).is_ok());
    assert_eq!(parse(VALID, &known(98_999), now()).unwrap_err().len(), 1);
    let own = VALID.replacen("currency: KRW", "currency: KRW\nwalletCeiling: 99000", 1);
    assert!(parse(&own, &known(1), now()).is_ok());
}

/// The valid catalogue with these fields in its first event.
fn with_fields(fields: &str) -> Result<Catalog, Vec<CatalogError>> {
    let venue = format!("venue: Olympic Hall\n    {fields}");
    read(&VALID.replacen("venue: Olympic Hall", &venue, 1))
}

#[test]
fn an_event_has_fees_and_a_tax_rate_and_by_default_neither() {
    let terms = |catalog: Catalog| catalog.events[0].programme.event.terms.clone();
    let plain = terms(read(VALID).unwrap());
    assert!(plain.fees.is_none() && plain.tax_rate.is_none());

    let fields = "fees: {perTicket: 2000, perOrder: 500, refundable: true}\n    taxRatePercent: 10";
    let terms = terms(with_fields(fields).unwrap());
    let fees = Fees {
        per_ticket: Money(2_000),
        per_order: Money(500),
        refundable: true,
    };
    assert_eq!(terms.fees, fees);
    assert_eq!(terms.tax_rate, TaxRate::of_basis_points(1_000));
    let partly = with_fields("fees: {perTicket: 2000}").unwrap();
    let fees = partly.events[0].programme.event.terms.fees;
    assert_eq!(fees.per_order, Money::ZERO);
    assert!(!fees.refundable, "fees stay unless the catalogue says so");
}

#[test]
fn a_tax_rate_has_at_most_two_decimals_and_is_at_most_one_hundred_percent() {
    for (written, basis_points) in [
        ("0", 0),
        ("7.5", 750),
        ("8.25", 825),
        ("19.99", 1_999),
        ("0.29", 29),
        ("100", 10_000),
    ] {
        let catalog = with_fields(&format!("taxRatePercent: {written}")).unwrap();
        let rate = catalog.events[0].programme.event.terms.tax_rate;
        assert_eq!(rate, TaxRate::of_basis_points(basis_points), "{written}");
    }
    for written in [
        "8.255", "100.01", "101", "-1", "-0.5", "ten", "1e-9", "1e30",
    ] {
        let errors = with_fields(&format!("taxRatePercent: {written}")).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["events[0].taxRatePercent"], "{written}");
    }
}

#[test]
fn wrong_fees_are_refused_with_their_field() {
    for (fees, field) in [
        ("{perTicket: -1}", "events[0].fees.perTicket"),
        ("{perTicket: 1.5}", "events[0].fees.perTicket"),
        ("{perOrder: none}", "events[0].fees.perOrder"),
        ("{refundable: 1}", "events[0].fees.refundable"),
        ("{perSeat: 1}", "events[0].fees.perSeat"),
        // A wallet holds 10 million, and the dearest seat costs 99,000.
        ("{perTicket: 9901000, perOrder: 1}", "events[0].fees"),
    ] {
        let errors = with_fields(&format!("fees: {fees}")).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, [field], "{fees}");
    }
    assert!(with_fields("fees: {perTicket: 9901000}").is_ok());
}

#[test]
fn the_organizer_of_the_file_is_that_of_events_that_name_none() {
    let of_file = "currency: KRW\norganizer: Han River\norganizerTaxNumber: 123-45-67890";
    let text = VALID.replacen("currency: KRW", of_file, 1);
    let own = text.replacen(
        "venue: Olympic Hall",
        "venue: Olympic Hall\n    organizer: Moonjar",
        1,
    );
    let catalog = read(&own).unwrap();
    let profile = |event: usize| &catalog.events[event].programme.event.terms.profile;
    assert_eq!(profile(0).organizer.as_deref(), Some("Moonjar"));
    assert_eq!(profile(0).organizer_tax_number, None);
    assert_eq!(profile(1).organizer.as_deref(), Some("Han River"));
    let number = profile(1).organizer_tax_number.as_deref();
    assert_eq!(number, Some("123-45-67890"));

    let errors = with_fields("organizerTaxNumber: 123-45-67890").unwrap_err();
    assert_eq!(errors[0].field, "events[0].organizerTaxNumber");
}

#[test]
fn names_can_be_in_any_script_and_have_any_visible_character() {
    for name in [
        "R&S",
        "1. Rang",
        "O'Brien",
        "Block A/1",
        "Block #3",
        "ที่นั่ง",
        "सामने",
        "क्\u{200d}ष",
        "-1-2",
        "Łódź – Ænima 🎸 (Zugabe)",
        "=SUM(A1)",
        "القاعة",
    ] {
        let quoted = serde_json::to_string(name).unwrap();
        let text = VALID
            .replacen("name: S,", &format!("name: {quoted},"), 1)
            .replacen("Winter Live 2026", &quoted, 1);
        let catalog = read(&text).unwrap();
        let programme = &catalog.events[0].programme;
        assert_eq!(programme.event.terms.name, name);
        let eve = &programme.dates[&DateKey::parse("2026-12-24").unwrap()];
        assert_eq!(eve.sections[1].name, name);
    }
}

#[test]
fn names_with_hidden_characters_or_nothing_visible_are_refused() {
    for name in [
        "\\e[31m",
        "a\\nb",
        "a\\u202eb",
        "a\\u2066b",
        "\\u200b",
        " ",
        "a\\u2028b",
        "a\\0b",
    ] {
        let quoted = format!("name: \"{name}\",");
        check(
            "name: S,",
            &quoted,
            14,
            "events[0].dates[0].sections[1].name",
        );
        let quoted = format!("name: \"{name}\"");
        check("name: Winter Live 2026", &quoted, 5, "events[0].name");
    }
}

#[test]
fn an_event_can_be_called_yes() {
    let catalog = read(&VALID.replacen("Winter Live 2026", "Yes", 1)).unwrap();
    assert_eq!(catalog.events[0].programme.event.terms.name, "Yes");
}

#[test]
fn events_of_two_currencies_are_refused() {
    check(
        "totalTickets: 5",
        "currency: USD, totalTickets: 5",
        16,
        "events[1].currency",
    );
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = VALID
        .replacen("winter-live", "Winter", 1)
        .replacen("venue: Olympic Hall", "venu: Olympic Hall", 1)
        .replacen("maxActive: 10", "maxActive: ten, maxActive: 5", 1)
        .replacen("name: R,", "name: [R],", 1)
        .replacen("price: 77000", "price: -1", 1)
        .replacen("totalTickets: 5", "dates: 5", 1);
    let errors = read(&text).unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.line, e.field.as_str())).collect();
    assert_eq!(
        places,
        [
            (4, "events[0].eventId"),
            (4, "events[0].venue"),
            (6, "events[0].venu"),
            (8, "events[0].queue.maxActive"),
            (8, "events[0].queue.maxActive"),
            (13, "events[0].dates[0].sections[0].name"),
            (14, "events[0].dates[0].sections[1].price"),
            (16, "events[1].dates"),
            (16, "events[1].totalTickets"),
        ]
    );
}

#[test]
fn text_that_is_not_yaml_is_refused_with_its_line() {
    for (text, line) in [
        ("currency: [KRW\nevents: 1\n", 2),
        ("a: 1\na: 2\n", 2),
        ("", 1),
        ("- 1", 1),
    ] {
        let errors = read(text).unwrap_err();
        assert!(
            errors[0].line >= 1 && errors[0].line <= line + 1,
            "{errors:?}"
        );
    }
}

#[test]
fn the_example_catalogue_is_valid() {
    let example = include_str!("../../../infra/catalog.example.yaml");
    let catalog = read(example).unwrap();
    assert!(catalog.events.len() >= 3);
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in "[ -~\n]{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn a_catalogue_with_a_line_lost_or_doubled_is_read_or_refused(line in 0..17_usize, doubled: bool) {
        let mut lines: Vec<_> = VALID.lines().collect();
        let line = line.min(lines.len() - 1);
        if doubled {
            lines.insert(line, lines[line]);
        } else {
            lines.remove(line);
        }
        if let Err(errors) = read(&lines.join("\n")) {
            prop_assert!(errors.iter().all(|error| error.line >= 1));
        }
    }
}

/// The first start of a concert in a time zone.
fn start_in(zone: &str, date: &str, start: &str) -> Result<String, String> {
    let text = VALID
        .replacen(
            "    venue:",
            &format!("    timeZone: {zone}\n    venue:"),
            1,
        )
        .replacen("date: 2026-12-24", &format!("date: {date}"), 1)
        .replacen("2026-12-24T19:00:00+09:00", &format!("'{start}'"), 1);
    let only_first = text
        .lines()
        .filter(|line| !line.contains("date: +30d"))
        .collect::<Vec<_>>()
        .join("\n");
    match read(&only_first) {
        Ok(catalog) => {
            let programme = &catalog.events[0].programme;
            let first = programme.dates.values().next().unwrap();
            Ok(first.starts_at.to_string())
        }
        Err(errors) => Err(format!("{}: {}", errors[0].field, errors[0].message)),
    }
}

#[test]
fn times_without_an_offset_are_those_of_the_venue() {
    for (zone, date, start, expected) in [
        (
            "Asia/Seoul",
            "2026-12-24",
            "2026-12-24T20:00:00",
            "2026-12-24T11:00:00.000Z",
        ),
        (
            "Asia/Seoul",
            "2026-12-24",
            "2026-12-24T20:00",
            "2026-12-24T11:00:00.000Z",
        ),
        // Winter and summer.
        (
            "Europe/Berlin",
            "2026-12-24",
            "20:00",
            "2026-12-24T19:00:00.000Z",
        ),
        (
            "Europe/Berlin",
            "2027-07-01",
            "20:00:00",
            "2027-07-01T18:00:00.000Z",
        ),
        // With an offset, as ever.
        (
            "Asia/Seoul",
            "2026-12-24",
            "2026-12-24T20:00:00+09:00",
            "2026-12-24T11:00:00.000Z",
        ),
        // The day counts at the venue.
        (
            "Asia/Seoul",
            "2026-12-25",
            "2026-12-24T20:00:00Z",
            "2026-12-24T20:00:00.000Z",
        ),
        // Of two equal times, the offset says which.
        (
            "Europe/Berlin",
            "2027-10-31",
            "2027-10-31T02:30:00+01:00",
            "2027-10-31T01:30:00.000Z",
        ),
        // A relative date counts from the 21st in Seoul and the 20th in New York.
        ("Asia/Seoul", "+1d", "20:00:00", "2026-11-22T11:00:00.000Z"),
        (
            "America/New_York",
            "+1d",
            "20:00:00",
            "2026-11-22T01:00:00.000Z",
        ),
    ] {
        assert_eq!(
            start_in(zone, date, start).as_deref(),
            Ok(expected),
            "{zone} {date} {start}"
        );
    }
}

#[test]
fn times_that_the_venues_clocks_skip_or_repeat_are_refused() {
    for (zone, date, start, message) in [
        (
            "Europe/Berlin",
            "2027-03-28",
            "2027-03-28T02:30:00",
            "does not exist in Europe/Berlin",
        ),
        (
            "Europe/Berlin",
            "2027-10-31",
            "02:30",
            "occurs twice in Europe/Berlin",
        ),
        (
            "Europe/Berlin",
            "+1d",
            "2027-10-31T20:00:00",
            "must be a time of day",
        ),
        (
            "Europe/Atlantis",
            "2026-12-24",
            "20:00:00+01:00",
            "is not a time zone",
        ),
    ] {
        let error = start_in(zone, date, start).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    check(
        "startsAt: 2026-12-24T19:00:00+09:00",
        "startsAt: 2026-12-24T19:00:00",
        11,
        "events[0].dates[0].startsAt",
    );
}

#[test]
fn general_admission_can_have_a_date_a_start_and_doors() {
    let fair = |fields: &str| {
        let text = VALID.replacen("totalTickets: 5", &format!("totalTickets: 5, {fields}"), 1);
        read(&text).map(|catalog| catalog.events[1].programme.event.terms.clone())
    };
    let terms =
        fair("timeZone: asia/seoul, date: +7d, startsAt: '11:00', doorsOpenAt: '10:30'").unwrap();
    assert_eq!(
        terms.last_start.unwrap().to_string(),
        "2026-11-28T02:00:00.000Z"
    );
    assert_eq!(
        terms.doors_open_at.unwrap().to_string(),
        "2026-11-28T01:30:00.000Z"
    );
    assert_eq!(terms.profile.time_zone.unwrap().0, "Asia/Seoul");
    assert_eq!(terms.overview.start_times, [terms.last_start.unwrap()]);
    for (fields, field) in [
        ("date: +7d", "startsAt"),
        ("doorsOpenAt: 2027-01-01T10:00:00Z", "startsAt"),
        ("startsAt: '11:00:00Z'", "startsAt"),
        (
            "startsAt: 2027-01-01T10:00:00Z, doorsOpenAt: 2027-01-01T10:00:01Z",
            "doorsOpenAt",
        ),
        (
            "startsAt: 2027-01-02T10:00:01Z, doorsOpenAt: 2027-01-01T10:00:00Z",
            "doorsOpenAt",
        ),
    ] {
        let errors = fair(fields).unwrap_err();
        assert_eq!(errors[0].field, format!("events[1].{field}"), "{errors:?}");
    }
    check(
        "    admission: seated",
        "    doorsOpenAt: '18:00'\n    admission: seated",
        7,
        "events[0].doorsOpenAt",
    );
}

#[test]
fn facts_and_texts_of_an_event_are_read_and_checked() {
    let with = |fields: &str| {
        let lines = fields.replace('\n', "\n    ");
        read(&VALID.replacen("    venue:", &format!("    {lines}\n    venue:"), 1))
            .map(|catalog| catalog.events[0].clone())
    };
    let described = with("artists: [One, Two]\ncity: Seoul\nageLimit: 8").unwrap();
    let profile = &described.programme.event.terms.profile;
    assert_eq!((profile.artists.len(), profile.age_limit), (2, Some(8)));
    assert!(described.texts.is_empty());
    let overview = &described.programme.event.terms.overview;
    assert_eq!(
        (overview.lowest_price, overview.highest_price),
        (Some(Money(50_000)), Some(Money(99_000)))
    );
    for (fields, field) in [
        ("artists: []", "artists"),
        ("artists: One", "artists"),
        ("artists: [One, '']", "artists[1]"),
        ("city: ''", "city"),
        ("ageLimit: 100", "ageLimit"),
        ("durationMinutes: 0", "durationMinutes"),
        ("timeZone: KST", "timeZone"),
        ("description: {}", "description"),
        ("description: [a]", "description"),
        ("description: '<b>a</b>'", "description"),
        ("description: {EN: a}", "description"),
        ("description: {en: ''}", "description"),
        ("description: {en: a, en: b}", "description"),
        ("terms: '[a](http://example.com)'", "terms"),
    ] {
        let errors = with(fields).unwrap_err();
        assert_eq!(errors[0].field, format!("events[0].{field}"), "{errors:?}");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
    let long = "가".repeat(9_000);
    let many =
        format!("description: {{en: {long}, ko: {long}, ja: {long}}}\nterms: {{en: {long}}}");
    assert_eq!(with(&many).unwrap_err()[0].field, "events[0].description");
}
