# Sourced by checks that need a running system. start_server builds and starts `boxoffice serve` with the example catalogue,
# and sets `api` to its address and `work` to a temporary folder. Both end with the script that sources this.

patience_seconds=60

work=$(mktemp -d)
server=
finish() {
    [[ -z $server ]] || { kill "$server" 2>/dev/null && wait "$server"; } || true
    rm -rf "$work"
}
trap finish EXIT

start_server() {
    local waited
    cargo build --locked --package boxoffice
    target/debug/boxoffice serve --in-memory --port 0 --dynamodb-port 0 --desk-port 0 --catalog infra/catalog.example.yaml \
        >"$work/out" 2>"$work/log" &
    server=$!
    api=
    for ((waited = 0; waited < patience_seconds; waited++)); do
        api=$(sed -n 's/^listening on //p' "$work/out")
        [[ -z $api ]] || return 0
        sleep 1
    done
    echo "the server did not start:" >&2
    tail -20 "$work/log" >&2
    return 1
}
