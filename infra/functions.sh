#!/usr/bin/env bash
# Builds what is shipped, for this machine's processor: target/lambda/<function>/bootstrap for each function, and hello, to
# which cold starts are compared. Fetches cargo-lambda itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

# The target is there already, and no other is fetched. Together with the tools and the tests the functions would get
# features that are for these.
cargo lambda build --release --locked --skip-target-check \
    --workspace --exclude boxoffice --exclude shared --exclude tests
