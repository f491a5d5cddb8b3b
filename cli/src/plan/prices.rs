//! The prices, all in this file.
//!
//! List prices in US dollars, without free tiers and taxes. Look them up again before you rely on a total: they change,
//! and they differ by region.

/// When the prices were looked up.
pub const DATE: &str = "November 2026";
pub const REGION: &str = "us-east-1";

/// The price of something.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Price {
    pub dollars: f64,
    /// For this many.
    pub per: f64,
    pub unit: &'static str,
    pub source: &'static str,
}

const MILLION: f64 = 1_000_000.0;
const DYNAMODB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const WAF: &str = "https://aws.amazon.com/waf/pricing/";
const CLOUDWATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";
const CLOUDFRONT: &str = "https://aws.amazon.com/cloudfront/pricing/";

pub const WRITE_UNITS: Price = price(0.625, MILLION, "write units", DYNAMODB);
pub const READ_UNITS: Price = price(0.125, MILLION, "read units", DYNAMODB);
/// Charged once, for what exceeds the throughput that the table has: as much as an hour of provisioned capacity.
pub const WARM_WRITE_UNITS: Price = price(0.000_65, 1.0, "warm write units, once", DYNAMODB);
pub const WARM_READ_UNITS: Price = price(0.000_13, 1.0, "warm read units, once", DYNAMODB);
pub const INVOCATIONS: Price = price(0.20, MILLION, "Lambda requests", LAMBDA);
/// arm64.
pub const GIGABYTE_SECONDS: Price = price(0.000_013_333_4, 1.0, "GB-seconds", LAMBDA);
/// Provisioned concurrency, arm64.
pub const READY_GIGABYTE_SECONDS: Price = price(0.000_003_333_4, 1.0, "GB-seconds ready", LAMBDA);
pub const API_REQUESTS: Price = price(
    1.00,
    MILLION,
    "API requests",
    "https://aws.amazon.com/api-gateway/pricing/",
);
pub const CDN_REQUESTS: Price = price(1.00, MILLION, "CDN requests", CLOUDFRONT);
pub const CDN_GIGABYTES: Price = price(0.085, 1.0, "GB from the CDN", CLOUDFRONT);
pub const LOG_GIGABYTES: Price = price(0.50, 1.0, "GB of logs", CLOUDWATCH);
pub const TRACES: Price = price(
    5.00,
    MILLION,
    "traces",
    "https://aws.amazon.com/xray/pricing/",
);
pub const ALARM_METRICS: Price = price(0.10, 1.0, "alarm metrics, a month", CLOUDWATCH);
pub const CUSTOM_METRICS: Price = price(0.30, 1.0, "custom metrics, a month", CLOUDWATCH);
pub const DASHBOARDS: Price = price(3.00, 1.0, "dashboards, a month", CLOUDWATCH);
pub const TABLE_GIGABYTES: Price = price(0.25, 1.0, "GB of the table, a month", DYNAMODB);
pub const RECOVERY_GIGABYTES: Price =
    price(0.20, 1.0, "GB of point-in-time recovery, a month", DYNAMODB);
pub const WEB_ACL_MONTH: Price = price(5.00, 1.0, "web ACL, a month", WAF);
pub const WEB_ACL_RULE_MONTH: Price = price(1.00, 1.0, "rules, a month", WAF);
pub const WEB_ACL_REQUESTS: Price = price(0.60, MILLION, "requests inspected", WAF);

const fn price(dollars: f64, per: f64, unit: &'static str, source: &'static str) -> Price {
    Price {
        dollars,
        per,
        unit,
        source,
    }
}
