#!/usr/bin/env bash
# Builds the release executables for this machine's processor: target/lambda/<function>/bootstrap for each function, and
# hello, the baseline for cold starts. Installs cargo-lambda itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

# --skip-target-check: the target is already installed. The tools and the tests are excluded because Cargo would otherwise
# unify features, and the functions would be built with features that only tools and tests need.
cargo lambda build --release --locked --skip-target-check \
    --workspace --exclude boxoffice --exclude shared --exclude tests
