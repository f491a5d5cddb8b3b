//! The quotas of an account.

use serde::Serialize;

/// A quota that a sale may need to be raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quota {
    /// Lambda: concurrent executions.
    Concurrency,
    /// API Gateway: requests a second.
    GatewayRate,
    /// API Gateway: requests at once.
    GatewayBurst,
    /// DynamoDB: write units a second of a table.
    TableWrites,
    /// DynamoDB: read units a second of a table.
    TableReads,
}

impl Quota {
    pub const ALL: [Self; 5] = [
        Self::Concurrency,
        Self::GatewayRate,
        Self::GatewayBurst,
        Self::TableWrites,
        Self::TableReads,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "Lambda: concurrent executions",
            Self::GatewayRate => "API Gateway: requests a second",
            Self::GatewayBurst => "API Gateway: burst",
            Self::TableWrites => "DynamoDB: write units a second of a table",
            Self::TableReads => "DynamoDB: read units a second of a table",
        }
    }

    /// AWS's default in most regions. A new account may have less.
    #[must_use]
    pub const fn default_value(self) -> u32 {
        match self {
            Self::Concurrency => 1_000,
            Self::GatewayRate => 10_000,
            Self::GatewayBurst => 5_000,
            Self::TableWrites | Self::TableReads => 40_000,
        }
    }
}

/// Where a value comes from. A later one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// AWS's default.
    Default,
    /// Read from the account.
    Account,
    /// Given as an option.
    Option,
}

impl Source {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Default => "AWS's default",
            Self::Account => "of the account",
            Self::Option => "as given",
        }
    }
}

/// What an account allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    values: [(u32, Source); Quota::ALL.len()],
}

impl Default for Account {
    fn default() -> Self {
        Self {
            values: Quota::ALL.map(|quota| (quota.default_value(), Source::Default)),
        }
    }
}

impl Account {
    /// Sets a value, unless there is one of a source that wins.
    pub fn set(&mut self, quota: Quota, value: u32, source: Source) {
        let of = &mut self.values[quota as usize];
        if source >= of.1 {
            *of = (value, source);
        }
    }

    #[must_use]
    pub fn value(&self, quota: Quota) -> u32 {
        self.values[quota as usize].0
    }

    #[must_use]
    pub fn source(&self, quota: Quota) -> Source {
        self.values[quota as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_wins_over_the_account_and_the_account_over_the_default() {
        let mut account = Account::default();
        assert_eq!(account.value(Quota::GatewayRate), 10_000);
        account.set(Quota::Concurrency, 3_000, Source::Option);
        for quota in [Quota::Concurrency, Quota::TableReads] {
            account.set(quota, 10, Source::Account);
        }
        assert_eq!(account.value(Quota::Concurrency), 3_000);
        assert_eq!(account.value(Quota::TableReads), 10);
        assert_eq!(account.source(Quota::TableReads), Source::Account);
        assert_eq!(account.source(Quota::TableWrites), Source::Default);
    }
}
