//! Checks of template.yaml and the other files in `infra/` that linters do not make.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pages::{ROUTES, Resolved, resolve};
use serde_json::{Value, json};
use shared::http::PAYMENT_PROVIDER;
use shared::http::problem::KINDS;
use shared::lambda::Init;
use shared::origin::ORIGIN_HEADER;
use shared::sign_in::{DEFAULT_SCOPES, SignIn};
use shared::telemetry::METRICS;

use crate::contract;
use crate::template_yaml::{FUNCTION, TEMPLATE, binary, resources_of, template, text, texts};
use crate::world::FUNCTIONS;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const ALARM: &str = "AWS::CloudWatch::Alarm";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|_| panic!("no {path}"))
}

fn names_of(template: &Value, section: &str) -> BTreeSet<String> {
    let section = template[section].as_object().unwrap();
    section.keys().cloned().collect()
}

/// The first word of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    &text[..end.unwrap_or(text.len())]
}

/// The texts after each `mark`, outside of comments.
fn behind<'a>(text: &'a str, mark: &'static str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(move |line| {
            line.match_indices(mark)
                .map(move |(at, _)| &line[at + mark.len()..])
        })
}

/// The parameters and resources, and the conditions, that the template refers to.
fn referred() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let names = ["!Ref ", "!GetAtt ", "${"]
        .into_iter()
        .flat_map(|mark| behind(TEMPLATE, mark).map(word))
        .filter(|name| !name.starts_with("AWS::"))
        .collect();
    let conditions = ["!If [", "!Condition ", "  Condition: "]
        .into_iter()
        .flat_map(|mark| behind(TEMPLATE, mark).map(word))
        // The `Condition` of an IAM statement has no name.
        .filter(|name| !name.is_empty());
    let lines: Vec<&str> = TEMPLATE.lines().map(str::trim).collect();
    let below = lines
        .windows(2)
        .filter(|pair| pair[0].ends_with("!If"))
        .filter_map(|pair| pair[1].strip_prefix("- "));
    (names, conditions.chain(below).collect())
}

#[test]
fn every_reference_in_the_template_resolves_and_every_parameter_is_used() {
    let template = template();
    let parameters = names_of(&template, "Parameters");
    let resources = names_of(&template, "Resources");
    let conditions = names_of(&template, "Conditions");
    let (names, tested) = referred();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !parameters.contains(**name) && !resources.contains(**name))
        .collect();
    assert!(missing.is_empty(), "undefined: {missing:?}");
    assert!(parameters.iter().all(|name| names.contains(name.as_str())));
    let tested: BTreeSet<String> = tested.into_iter().map(str::to_owned).collect();
    assert_eq!(tested, conditions);
    let asked: BTreeSet<String> =
        template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| texts(&group["Parameters"]))
            .map(str::to_owned)
            .collect();
    assert_eq!(asked, parameters);
}

#[test]
fn each_function_is_deployed_with_its_log_and_rollback_alarm() {
    let template = template();
    let mut deployed = BTreeSet::new();
    for (id, function) in resources_of(&template, FUNCTION) {
        let binary = binary(function);
        deployed.insert(binary.to_owned());
        let name = id.strip_suffix("Function").expect("…Function");
        assert_eq!(name.to_ascii_lowercase(), binary.replace('-', ""));

        let properties = &function["Properties"];
        let log = text(&properties["LoggingConfig"]["LogGroup"]);
        assert_eq!(log, format!("{name}Logs"));
        let log = &template["Resources"][log]["Properties"];
        let place = format!("/aws/lambda/${{AWS::StackName}}/{binary}");
        assert_eq!(log["LogGroupName"], place.as_str());

        assert_eq!(properties["AutoPublishAliasAllProperties"], true, "{id}");
        // A fix can be deployed while an alarm is on.
        let rollback = &properties["DeploymentPreference"]["Alarms"];
        assert_eq!(rollback[0], "AlarmsRollBack", "{id}");
        assert!(texts(&rollback[2]).is_empty(), "{id}");
        let own = format!("{name}ErrorsAlarm");
        let mut alarms = vec![own.as_str()];
        // These use no table.
        if !["pages", "check"].contains(&binary) {
            alarms.insert(0, "BusyAlarm");
        }
        assert_eq!(texts(&rollback[1]), alarms);
        let alarm = &template["Resources"][&own]["Properties"];
        assert_eq!(alarm["MetricName"], "Errors");
        let watched: Vec<&str> = alarm["Dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dimension| text(&dimension["Value"]))
            .collect();
        assert_eq!(watched, [id.to_owned(), format!("${{{id}}}:live")]);
    }
    let written: BTreeSet<String> = std::fs::read_dir(Path::new(ROOT).join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(deployed, written);
}

#[test]
fn every_log_has_the_configured_retention() {
    let template = template();
    for (id, log) in resources_of(&template, "AWS::Logs::LogGroup") {
        let days = &log["Properties"]["RetentionInDays"];
        assert_eq!(days, "LogRetentionDays", "{id}");
    }
}

/// The functions of `config`, and the variables that each of them reads.
fn readers() -> BTreeMap<String, BTreeSet<String>> {
    let source = read("shared/src/config.rs");
    let code: Vec<&str> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    code.join("\n")
        .split("\npub fn ")
        .skip(1)
        .map(|function| {
            let variables = function
                .split('"')
                .filter(|text| text.starts_with("BOXOFFICE_"))
                .map(str::to_owned);
            (word(function).to_owned(), variables.collect())
        })
        .collect()
}

/// The environment variables that the code of a function reads.
fn variables_read(binary: &str, readers: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let sources = [
        "shared/src/lambda.rs".to_owned(),
        "shared/src/telemetry.rs".to_owned(),
        format!("functions/{binary}/src/main.rs"),
        format!("functions/{binary}/src/lib.rs"),
    ];
    let begins_with = |inits: &[Init]| {
        FUNCTIONS
            .iter()
            .any(|function| function.name == binary && inits.contains(&function.init))
    };
    let signs = begins_with(&[Init::Keys, Init::Users]);
    let knows_users = begins_with(&[Init::Users]);
    let asks_provider = read(&format!("functions/{binary}/src/main.rs")).contains("_with_provider");
    sources
        .iter()
        .map(|source| read(source))
        .flat_map(|source| {
            readers
                .iter()
                .filter(move |(reader, _)| calls(&source, reader))
                .flat_map(|(_, variables)| variables.clone())
        })
        // Optional variables: a function without keys does not get the table of keys.
        .filter(|variable| signs || variable != "BOXOFFICE_KEYS_TABLE")
        .filter(|variable| knows_users || !readers["user_identity"].contains(variable))
        .filter(|variable| asks_provider || !readers["charging"].contains(variable))
        .collect()
}

fn calls(source: &str, function: &str) -> bool {
    source.contains("config::")
        && source
            .match_indices(&format!("{function}("))
            .any(|(at, _)| !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn variables(properties: &Value) -> BTreeMap<String, Value> {
    let variables = properties["Environment"]["Variables"].as_object();
    variables
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[test]
fn each_function_gets_exactly_the_variables_that_it_reads() {
    let template = template();
    let readers = readers();
    assert_eq!(readers["table_names"].len(), 2, "{readers:?}");
    assert_eq!(readers["user_identity"].len(), 3, "{readers:?}");
    let for_all = variables(&template["Globals"]["Function"]);
    for (id, function) in resources_of(&template, FUNCTION) {
        let told: BTreeSet<String> = for_all
            .keys()
            .cloned()
            .chain(variables(&function["Properties"]).into_keys())
            // The SDK reads it, and only `sam local` sets it.
            .filter(|name| name != "AWS_ENDPOINT_URL_DYNAMODB")
            .collect();
        assert_eq!(told, variables_read(binary(function), &readers), "{id}");
    }
}

/// SAM publishes a version when the text of a function in the template has changed. A reference to a parameter does not
/// change with the parameter's value.
#[test]
fn a_changed_setting_makes_a_new_version() {
    let template = template();
    let parameters = names_of(&template, "Parameters");
    for (id, function) in resources_of(&template, FUNCTION) {
        let properties = &function["Properties"];
        let names = |value: &Value, parameter: &str| {
            let value = value.to_string();
            let forms = [format!("\"{parameter}\""), format!("${{{parameter}}}")];
            forms.iter().any(|form| value.contains(form))
        };
        let description = &properties["VersionDescription"];
        let of_all = variables(&template["Globals"]["Function"]);
        for (name, value) in of_all.into_iter().chain(variables(properties)) {
            for parameter in &parameters {
                assert!(
                    !names(&value, parameter) || names(description, parameter),
                    "{id}: VersionDescription must have {parameter}, for {name}"
                );
            }
        }
    }
}

/// The actions that statements allow, each with its resource.
fn allowed(statements: &Value) -> BTreeSet<(&str, String)> {
    let statements = statements.as_array().unwrap().iter();
    statements
        .flat_map(|statement| {
            let resource = statement["Resource"].to_string();
            texts(&statement["Action"])
                .into_iter()
                .map(move |action| (action, resource.clone()))
        })
        .collect()
}

#[test]
fn the_permissions_boundary_allows_exactly_what_the_policies_allow() {
    let template = template();
    // Without one that the account requires.
    let boundary = text(&template["Globals"]["Function"]["PermissionsBoundary"][2]);
    let boundary = &template["Resources"][boundary]["Properties"]["PolicyDocument"]["Statement"];
    let boundary = allowed(boundary);
    let mut granted = BTreeSet::new();
    for (id, function) in resources_of(&template, FUNCTION) {
        for policy in function["Properties"]["Policies"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let policy = allowed(&policy["Statement"]);
            assert!(policy.is_subset(&boundary), "{id}");
            granted.extend(policy);
        }
    }
    let is_granted = |(action, _): &&(&str, String)| {
        action.starts_with("dynamodb:") || action.starts_with("secretsmanager:")
    };
    let bounds: BTreeSet<_> = boundary.iter().filter(is_granted).collect();
    assert_eq!(bounds, granted.iter().collect());
}

#[test]
fn every_role_gets_the_permissions_boundary_that_the_account_requires() {
    let template = template();
    let globals = &template["Globals"]["Function"];
    // SAM makes a role of each function and schedule, and one for CodeDeploy unless it is given one.
    assert_eq!(globals["DeploymentPreference"]["Role"], "RolloutRole.Arn");
    let mut boundaries = vec![("the functions", &globals["PermissionsBoundary"])];
    for (id, role) in resources_of(&template, "AWS::IAM::Role") {
        boundaries.push((id, &role["Properties"]["PermissionsBoundary"]));
    }
    for (id, function) in resources_of(&template, FUNCTION) {
        let properties = &function["Properties"];
        assert!(properties["DeploymentPreference"]["Role"].is_null(), "{id}");
        let events = properties["Events"].as_object().unwrap().values();
        let schedules = events.filter(|event| event["Type"] == "ScheduleV2");
        boundaries.extend(schedules.map(|event| (id, &event["Properties"]["PermissionsBoundary"])));
    }
    assert!(boundaries.len() >= 5, "{boundaries:?}");
    for (id, boundary) in boundaries {
        assert_eq!(boundary[0], "HasBoundary", "{id}");
        assert_eq!(boundary[1], "PermissionsBoundaryArn", "{id}");
    }
}

#[test]
fn every_alarm_notifies_is_on_the_dashboard_and_is_documented() {
    let template = template();
    let guide = read("docs/OPERATIONS.md");
    let shown: BTreeSet<String> = widgets()
        .iter()
        .flat_map(|widget| texts(&widget["properties"]["alarms"]))
        .map(|alarm| word(&alarm[2..]).to_owned())
        .collect();
    for (id, alarm) in resources_of(&template, ALARM) {
        let properties = &alarm["Properties"];
        assert_eq!(texts(&properties["AlarmActions"]), ["AlarmTopic"], "{id}");
        assert!(properties["TreatMissingData"].is_string(), "{id}");
        // The dashboard cannot name a conditional alarm.
        assert!(
            shown.contains(id) || alarm["Condition"].is_string(),
            "{id} is not on the dashboard"
        );
        let is_of_function = template["Resources"]
            .get(id.replace("ErrorsAlarm", "Function"))
            .is_some_and(|function| function["Type"] == FUNCTION);
        let heading = if is_of_function { "…ErrorsAlarm" } else { id };
        let heading = format!("### `{heading}`");
        assert!(
            guide.contains(&heading),
            "docs/OPERATIONS.md has no {heading}"
        );
    }
}

fn widgets() -> Vec<Value> {
    let template = template();
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"][0];
    let body: Value = serde_json::from_str(text(body)).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

/// A metric of ours and its dimensions, as a widget or an alarm refers to it.
type WatchedMetric = (String, Vec<(String, Option<String>)>);

const NAMESPACE: &str = "Boxoffice/${AWS::StackName}";

/// The metrics of the widgets: by name, and searches over all values of a dimension.
fn on_the_dashboard() -> Vec<WatchedMetric> {
    let mut looked = Vec::new();
    for widget in widgets() {
        for metric in widget["properties"]["metrics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let parts = metric.as_array().unwrap();
            if let Some(expression) = parts[0]["expression"].as_str() {
                looked.extend(searched(expression));
            } else if parts[0] == NAMESPACE {
                let names: Vec<&str> = parts[1..].iter().filter_map(Value::as_str).collect();
                let dimensions = names[1..]
                    .chunks(2)
                    .map(|pair| (pair[0].to_owned(), Some(pair[1].to_owned())))
                    .collect();
                looked.push((names[0].to_owned(), dimensions));
            }
        }
    }
    looked
}

/// `SEARCH('{"namespace",dimension} MetricName="name"', …)`. The quotes are needed for a namespace that has other characters
/// than letters and digits.
fn searched(expression: &str) -> Option<WatchedMetric> {
    let schema = expression
        .strip_prefix("SEARCH('{")?
        .strip_prefix(&format!("\"{NAMESPACE}\""))
        .expect("a search of our namespace, in quotes");
    let (dimensions, rest) = schema.split_once('}')?;
    let dimensions = dimensions
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| (name.to_owned(), None))
        .collect();
    let name = rest
        .trim_start()
        .strip_prefix("MetricName=\"")?
        .split('"')
        .next()?;
    Some((name.to_owned(), dimensions))
}

fn of_alarms(template: &Value) -> Vec<WatchedMetric> {
    resources_of(template, ALARM)
        .flat_map(|(_, alarm)| {
            let properties = &alarm["Properties"];
            let queries = properties["Metrics"].as_array().into_iter().flatten();
            let of_queries = queries.map(|query| &query["MetricStat"]["Metric"]);
            of_queries.chain([properties])
        })
        .filter(|metric| metric["Namespace"] == NAMESPACE)
        .map(|metric| {
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            let dimensions = dimensions
                .map(|dimension| {
                    let of = |part: &str| text(&dimension[part]).to_owned();
                    (of("Name"), Some(of("Value")))
                })
                .collect();
            (text(&metric["MetricName"]).to_owned(), dimensions)
        })
        .collect()
}

#[test]
fn every_metric_of_dashboard_and_alarms_is_emitted() {
    let template = template();
    let namespace = &variables(&template["Globals"]["Function"])["BOXOFFICE_METRICS_NAMESPACE"];
    assert_eq!(namespace, NAMESPACE);
    let on_the_dashboard = on_the_dashboard();
    let of_alarms = of_alarms(&template);
    assert!(on_the_dashboard.len() > 10 && !of_alarms.is_empty());
    for (name, dimensions) in on_the_dashboard.iter().chain(&of_alarms) {
        let counted = METRICS
            .iter()
            .any(|metric| match (&dimensions[..], metric.dimension) {
                _ if metric.field != name => false,
                // This one is also emitted without a dimension.
                ([], by) => by.is_none() || name == "waiting",
                ([(dimension, _)], by) => by == Some(dimension),
                _ => false,
            });
        assert!(counted, "no function emits {name} by {dimensions:?}");
        for (dimension, value) in dimensions {
            match (dimension.as_str(), value) {
                (_, None) => {}
                ("code", Some(code)) => assert!(KINDS.iter().any(|kind| kind.code == code)),
                ("function", Some(function)) => {
                    assert!(FUNCTIONS.iter().any(|known| known.name == function));
                }
                other => panic!("what may be a value of {other:?}?"),
            }
        }
    }
    for name in [
        "joins",
        "admissions",
        "waiting",
        "seats_held",
        "sales",
        "revenue",
        "refunds",
    ] {
        assert!(
            on_the_dashboard.iter().any(|(shown, _)| shown == name),
            "{name}"
        );
    }
}

/// The fields of all log lines and spans of the functions.
fn fields_of_lines() -> BTreeSet<String> {
    let mut sources = vec![
        read("shared/src/lambda.rs"),
        read("shared/src/telemetry.rs"),
    ];
    for (_, function) in resources_of(&template(), FUNCTION) {
        sources.push(read(&format!("functions/{}/src/lib.rs", binary(function))));
    }
    let macros = sources.iter().flat_map(|source| {
        let lines = source.split("tracing::info").skip(1);
        lines.map(|line| line.split(");\n").next().unwrap_or_default())
    });
    macros
        .flat_map(|fields| fields.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_is_a_field_of_a_log_line() {
    let fields = fields_of_lines();
    for metric in METRICS {
        assert!(fields.contains(metric.field), "{metric:?}");
        let by = metric.dimension;
        assert!(by.is_none_or(|by| fields.contains(by)), "{metric:?}");
    }
}

#[test]
fn each_function_and_each_table_is_on_the_dashboard() {
    let template = template();
    // The dashboard cannot name a conditional function.
    let functions: BTreeSet<&str> = resources_of(&template, FUNCTION)
        .filter(|(_, function)| function["Condition"].is_null())
        .map(|(id, _)| id)
        .collect();
    let widgets = widgets();
    let on_show = |metric: &str| -> BTreeSet<String> {
        widgets
            .iter()
            .map(|widget| widget["properties"]["metrics"].as_array())
            .filter(|metrics| metrics.is_some_and(|metrics| metrics.iter().any(|m| m[1] == metric)))
            .flatten()
            .flatten()
            .filter_map(|metric| {
                // `...` repeats the value of the row above.
                let shortened = metric[0] == "...";
                metric[if shortened { 1 } else { 3 }].as_str()
            })
            .filter_map(|name| name.strip_prefix("${")?.strip_suffix('}'))
            .map(str::to_owned)
            .collect()
    };
    for metric in ["Errors", "Throttles", "Duration", "ConcurrentExecutions"] {
        let shown = on_show(metric);
        let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
        assert_eq!(shown, functions, "{metric}");
    }
    let throttled = on_show("WriteThrottleEvents");
    let tables = resources_of(&template, "AWS::DynamoDB::Table").map(|(id, _)| id.to_owned());
    assert_eq!(throttled, tables.collect());
}

/// Path matching of the CDN: a star matches anything, slashes too.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path
            .strip_prefix(start)
            .is_some_and(|path| (0..=path.len()).any(|at| matches(rest, &path[at..]))),
    }
}

/// Routes whose responses are the same for everybody, according to the API document; the shop, and assets.
fn is_public(method: &str, path: &str) -> bool {
    let document = serde_json::to_value(contract::document()).unwrap();
    let success = &document["paths"][path][method.to_ascii_lowercase()]["responses"]["200"];
    let cache = success["headers"]["Cache-Control"]["$ref"].as_str();
    let first = path.split('/').nth(1).unwrap_or_default();
    matches!(first, "" | "e" | "tickets" | "wallet" | "assets" | "images")
        || cache.is_some_and(|cache| cache.ends_with("/Public"))
}

#[test]
fn the_cdn_caches_public_answers_only() {
    const NEVER: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
    const ALL_BUT_HOST: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";
    let template = template();
    let cdn = &template["Resources"]["Distribution"]["Properties"]["DistributionConfig"];
    let behaviors = cdn["CacheBehaviors"].as_array().unwrap();
    let behavior = |path: &str| {
        behaviors
            .iter()
            .find(|behavior| matches(text(&behavior["PathPattern"]), path))
            .unwrap_or(&cdn["DefaultCacheBehavior"])
    };
    let mut cached = 0;
    for route in ROUTES {
        // Ids that look like other parts of a path.
        for id in [
            "x",
            "queue",
            "tokens",
            "dates",
            "holds",
            "reservations",
            "events",
        ] {
            let path: Vec<&str> = route
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { id } else { part })
                .collect();
            let path = path.join("/");
            let behavior = behavior(&path);
            let policy = text(&behavior["CachePolicyId"]);
            let is_cached = policy == "AsTheAnswerSays";
            // The CDN caches GET only, so a path may have other, private methods.
            let has_public = ROUTES
                .iter()
                .any(|other| other.path == route.path && is_public(other.method, other.path));
            assert_eq!(is_cached, has_public, "{} {path}", route.method);
            cached += u32::from(is_cached);
            if !is_cached {
                assert_eq!(policy, NEVER, "{path}");
                assert_eq!(behavior["OriginRequestPolicyId"], ALL_BUT_HOST, "{path}");
            }
            let methods = texts(&behavior["AllowedMethods"]);
            assert!(methods.contains(&route.method), "{path}");
            assert!(
                behavior.get("CachedMethods").is_none(),
                "GET and HEAD by default"
            );
        }
    }
    assert!(cached > 0);
    // The policy sets no time of its own: only the response does.
    let policy = &template["Resources"]["AsTheAnswerSays"]["Properties"]["CachePolicyConfig"];
    assert_eq!(
        (&policy["MinTTL"], &policy["DefaultTTL"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn the_cdn_caches_no_errors_and_has_the_cors_settings_of_the_api() {
    let template = template();
    let resources = &template["Resources"];
    let errors: BTreeMap<u64, &Value> =
        resources["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                (
                    error["ErrorCode"].as_u64().unwrap(),
                    &error["ErrorCachingMinTTL"],
                )
            })
            .collect();
    // "How CloudFront caches HTTP 4xx and 5xx status codes from your origin".
    for status in [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504] {
        assert_eq!(errors.get(&status), Some(&&0.into()), "{status}");
    }
    let api = &resources["Api"]["Properties"]["CorsConfiguration"];
    let cdn = &resources["Guards"]["Properties"]["ResponseHeadersPolicyConfig"]["CorsConfig"];
    for (of_api, of_cdn) in [
        ("AllowOrigins", "AccessControlAllowOrigins"),
        ("AllowMethods", "AccessControlAllowMethods"),
        ("AllowHeaders", "AccessControlAllowHeaders"),
        ("ExposeHeaders", "AccessControlExposeHeaders"),
    ] {
        assert_eq!(api[of_api], cdn[of_cdn]["Items"], "{of_api}");
    }
    assert_eq!(api["MaxAge"], cdn["AccessControlMaxAgeSec"]);
}

#[test]
fn the_cdn_sends_the_secret_whose_hash_the_functions_get() {
    let template = template();
    let origins =
        &template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Origins"];
    let headers = origins[0]["OriginCustomHeaders"].as_array().unwrap();
    assert_eq!(
        (&headers[0], &headers[2]),
        (&json!("HasOriginSecret"), &json!("AWS::NoValue"))
    );
    assert_eq!(headers[1][0]["HeaderName"], ORIGIN_HEADER);
    let sent = text(&headers[1][0]["HeaderValue"]);
    let of_functions =
        &template["Globals"]["Function"]["Environment"]["Variables"]["BOXOFFICE_ORIGIN_SECRETS"];
    assert_eq!(
        (&of_functions[0], &of_functions[2]),
        (&json!("HasOriginSecret"), &json!(""))
    );
    assert_eq!(text(&of_functions[1]), sent.replace(":sent:", ":accepted:"));
}

#[test]
fn without_the_cdn_the_api_serves_the_shop() {
    let template = template();
    let cdn: Vec<&str> = template["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, resource)| text(&resource["Type"]).starts_with("AWS::CloudFront::"))
        .map(|(id, resource)| {
            assert_eq!(resource["Condition"], "HasCdn", "{id}");
            id.as_str()
        })
        .collect();
    assert_eq!(cdn.len(), 3);
    let url = &template["Outputs"]["Url"]["Value"];
    assert_eq!(
        (&url[0], &url[2]),
        (&"HasCdn".into(), &"Api.ApiEndpoint".into())
    );
    assert_eq!(
        template["Outputs"]["DistributionDomain"]["Condition"],
        "HasCdn"
    );
}

#[test]
fn the_tables_are_retained_and_can_be_restored() {
    let template = template();
    let tables: Vec<_> = resources_of(&template, "AWS::DynamoDB::Table").collect();
    assert_eq!(tables.len(), 2);
    for (id, table) in tables {
        assert_eq!(table["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{id}");
        let properties = &table["Properties"];
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{id}");
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{id}");
        // Both with the deployer's key, or both with DynamoDB's.
        let own_key = &properties["SSESpecification"];
        assert_eq!(own_key[0], "HasTableKey", "{id}");
        assert_eq!(own_key[1]["KMSMasterKeyId"], "TableKeyArn", "{id}");
        assert_eq!(
            properties["TimeToLiveSpecification"]["AttributeName"],
            "ttl"
        );
        assert_eq!(properties["TimeToLiveSpecification"]["Enabled"], true);
    }
}

/// CloudFormation refuses circles. cfn-lint cannot look for them here: it does not know that SAM makes the API's stage a
/// resource of its own, on which nothing depends.
#[test]
fn the_resources_depend_on_each_other_without_circles() {
    fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
            Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut template = template();
    let mut stage = template["Resources"]["Api"].clone();
    stage["Properties"] = json!({
        "Api": "Api",
        "Variables": template["Resources"]["Api"]["Properties"]["StageVariables"].take(),
    });
    template["Resources"]["Stage"] = stage;
    let resources = names_of(&template, "Resources");
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let mut properties = resource["Properties"].clone();
        // Only the function's alias needs the alarms of a rollout.
        if let Some(rollout) = properties.get_mut("DeploymentPreference") {
            rollout.take();
        }
        // The API needs the functions of its routes, and they do not need the API.
        if let Some(events) = properties.get_mut("Events") {
            let is_route = events
                .as_object()
                .unwrap()
                .values()
                .any(|it| it["Type"] == "HttpApi");
            events.take();
            if is_route {
                needs.entry("Api").or_default().insert(id);
            }
        }
        let mut found = Vec::new();
        strings(&properties, &mut found);
        strings(&resource["DependsOn"], &mut found);
        for resource in &resources {
            let is_needed = found.iter().any(|text| {
                let attribute = text.strip_prefix(resource.as_str());
                attribute.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    || text.contains(&format!("${{{resource}}}"))
                    || text.contains(&format!("${{{resource}."))
            });
            if is_needed {
                needs.entry(id).or_default().insert(resource);
            }
        }
    }
    // Whatever needs nothing that is left can be made next.
    let mut left: BTreeSet<&str> = resources.iter().map(String::as_str).collect();
    loop {
        let next: Vec<&str> = left
            .iter()
            .copied()
            .filter(|id| needs.get(id).is_none_or(|needs| needs.is_disjoint(&left)))
            .collect();
        if next.is_empty() {
            break;
        }
        left.retain(|id| !next.contains(id));
    }
    assert_eq!(left, BTreeSet::new());
    let path = |from: &str, to: &str| needs[from].contains(to);
    assert!(path("Stage", "UserPoolClient") && path("UserPoolClient", "Distribution"));
    assert!(path("Distribution", "Api") && path("Api", "PagesFunction"));
}

#[test]
fn the_user_pool_is_retained_and_its_client_is_public() {
    let template = template();
    let resources = &template["Resources"];
    let pool = &resources["UserPool"];
    assert_eq!(pool["DeletionPolicy"], "Retain");
    assert_eq!(pool["UpdateReplacePolicy"], "Retain");
    assert_eq!(pool["Properties"]["DeletionProtection"], "ACTIVE");
    let factors = &pool["Properties"]["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"];
    assert!(texts(factors).contains(&"EMAIL_OTP"));
    assert_eq!(pool["Properties"]["UserPoolTier"], "ESSENTIALS");
    let client = &resources["UserPoolClient"]["Properties"];
    assert_eq!(client["GenerateSecret"], false);
    assert_eq!(texts(&client["AllowedOAuthFlows"]), ["code"]);
    assert_eq!(client["CallbackURLs"], client["LogoutURLs"]);
    for id in [
        "UserPool",
        "UserPoolClient",
        "UserPoolDomain",
        "UserPoolStyle",
    ] {
        assert_eq!(resources[id]["Condition"], "HasUserPool", "{id}");
    }
}

/// The names of the variables, as `SignIn` reads them.
#[test]
fn the_stage_tells_the_pages_their_origin_the_payment_provider_and_how_users_sign_in() {
    let template = template();
    let variables = &template["Resources"]["Api"]["Properties"]["StageVariables"];
    let sign_in = SignIn::new(
        "https://id.example.com",
        "client",
        DEFAULT_SCOPES,
        Some("https://token.example.com"),
    );
    let known: BTreeSet<String> = sign_in.unwrap().to_stage_variables().into_keys().collect();
    let mut told: BTreeSet<String> = variables.as_object().unwrap().keys().cloned().collect();
    assert!(told.remove("publicOrigin"), "see ApiRequest::public_origin");
    assert!(told.remove(PAYMENT_PROVIDER));
    assert_eq!(variables[PAYMENT_PROVIDER], "PaymentProvider");
    assert_eq!(told, known);
}

#[test]
fn every_sqs_queue_is_encrypted_and_requires_tls() {
    let template = template();
    let mut guarded = BTreeSet::new();
    for (id, policy) in resources_of(&template, "AWS::SQS::QueuePolicy") {
        let properties = &policy["Properties"];
        let [queue] = texts(&properties["Queues"])[..] else {
            panic!("{id}: SQS takes a policy for one queue alone");
        };
        let statement = &properties["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny", "{id}");
        assert_eq!(statement["Principal"], "*", "{id}");
        assert_eq!(statement["Action"], "sqs:*", "{id}");
        assert_eq!(statement["Resource"], format!("{queue}.Arn"), "{id}");
        let condition = &statement["Condition"]["Bool"];
        assert_eq!(condition["aws:SecureTransport"], "false", "{id}");
        let queue_is_there = &template["Resources"][queue]["Condition"];
        assert_eq!(&policy["Condition"], queue_is_there, "{id}");
        guarded.insert(queue.to_owned());
    }
    let mut queues = BTreeSet::new();
    for (id, queue) in resources_of(&template, "AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{id}");
        queues.insert(id.to_owned());
    }
    assert_eq!(guarded, queues);
}

#[test]
fn sam_local_sets_every_variable_of_the_functions() {
    let template = template();
    let local: Value = serde_json::from_str(&read("infra/env.local.json")).unwrap();
    let local: BTreeSet<String> = local["Parameters"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let of_functions = resources_of(&template, FUNCTION)
        .flat_map(|(_, function)| variables(&function["Properties"]).into_keys());
    let for_all = variables(&template["Globals"]["Function"]).into_keys();
    assert_eq!(local, for_all.chain(of_functions).collect());
}

#[test]
fn each_function_has_a_sample_event_that_reaches_it() {
    let template = template();
    let mut sampled = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join("infra/events")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let sample = read(&format!("infra/events/{name}"));
        let event: Value = serde_json::from_str(&sample).unwrap();
        let function = name.strip_suffix(".json").expect("….json");
        sampled.insert(function.to_owned());
        if event["source"] == "aws.scheduler" {
            continue;
        }
        let request = lambda_http::request::from_str(&sample).unwrap();
        let method = request.method().as_str();
        let key = text(&event["routeKey"]);
        match resolve(method, text(&event["rawPath"])) {
            Resolved::Route {
                function: reached,
                route,
                parameters,
            } => {
                assert_eq!((reached, key), (function, &*format!("{method} {route}")));
                let said: BTreeMap<&str, &str> = event["pathParameters"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.as_str(), text(value)))
                    .collect();
                let resolved = parameters
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()));
                assert_eq!(said, resolved.collect(), "{name}");
            }
            Resolved::Unmatched => panic!("{name} reaches no function"),
        }
    }
    let deployed = resources_of(&template, FUNCTION).map(|(_, function)| binary(function));
    assert_eq!(sampled, deployed.map(str::to_owned).collect());
}
