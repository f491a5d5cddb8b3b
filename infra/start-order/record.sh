#!/usr/bin/env bash
# Writes functions.ld anew: the names of all that the functions run from their start to the answer of the first request, over
# plain HTTP and over TLS. Needs valgrind. Without it nothing breaks: a name that is no longer there orders nothing, and what
# is new lies where the linker puts it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=infra/tools.sh
source infra/tools.sh
valgrind=$(command -v valgrind)
setpriv=$(command -v setpriv)
folder=$PWD/target/start-order
rm -rf "$folder"
mkdir -p "$folder/plain" "$folder/tls"

# As they are shipped, but with names.
CARGO_PROFILE_RELEASE_STRIP=none cargo lambda build --release --locked --skip-target-check --lambda-dir "$folder/named" \
    --workspace --exclude boxoffice --exclude shared --exclude tests

# What measures and tests kills the shell, which sends the function a signal on which it tells what it has called.
watched() { # the folder of the watched executables, that of what they tell, and how the executable is to be named
    for function in "$folder"/named/*; do
        name=${function##*/}
        watched=$1/$name$3
        mkdir -p "$(dirname "$watched")"
        cat >"$watched" <<SH
#!/bin/sh
"$setpriv" --pdeathsig TERM "$valgrind" --tool=callgrind --demangle=no --compress-strings=no \\
    --callgrind-out-file="$2/$name.%p" "$function/bootstrap" >/dev/null 2>&1
SH
        chmod +x "$watched"
    done
}
watched "$folder/measured" "$folder/plain" /bootstrap
# Its figures mean nothing, and it complains that these are no executables.
cargo bench --locked -p tests --bench cold_start --profile dev -- --runs 1 --functions "$folder/measured" >/dev/null || true
watched "$folder/tested" "$folder/tls" ""
BOXOFFICE_FUNCTIONS=$folder/tested cargo test --locked -p tests --lib -- \
    lambda::a_first_request_is_answered_over_the_connection_that_was_opened_before_it

for _ in {1..60}; do
    pgrep -f "callgrind-out-file=$folder" >/dev/null || break
    sleep 1
done
python3 infra/start-order/order.py "$folder/named" "$folder/plain" "$folder/tls" >infra/start-order/functions.ld
