#!/usr/bin/env bash
# Runs the release executables of the Lambda functions on this machine: infra/sam-local.sh [--rie | --docker] [COMMAND ...]
#
# Starts the embedded DynamoDB with the example catalogue, and the API with the executables that infra/functions.sh built.
# --docker uses `sam local start-api`, and installs and starts Docker if necessary and allowed. --rie uses only the Runtime
# Interface Emulator, which needs no Docker. The default is Docker if it can run, otherwise the emulator.
# With a command, runs it with the API's URL as its last argument, and exits with it. Without one, serves until interrupted.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

patience_seconds=120
port=${PORT:-3999}

mode=either
case ${1:-} in
    --rie | --docker) mode=${1#--} && shift ;;
    -*) sed -n '2,7s/^# \?//p' "$0" >&2 && exit 2 ;;
esac

work=$(mktemp -d)
processes=()
finish() {
    local status=$?
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    if ((status)); then
        for log in "$work"/*.log; do
            echo "--- end of ${log##*/}" >&2 && tail -20 "$log" >&2
        done
    fi
    if [[ -n ${engine:-} ]]; then
        # This script started the engine.
        kill "$engine" 2>/dev/null && tail --pid="$engine" -f /dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Waits until the output of a process contains a text, and prints the rest of that line.
wait_for_output() {
    local text=$1 file=$2 process=$3 waited found
    for ((waited = 0; waited < patience_seconds * 5; waited++)); do
        found=$(sed -n "s/^.*$text//p" "$file" | head -1)
        [[ -z $found ]] || { echo "$found" && return; }
        kill -0 "$process" 2>/dev/null || break
        sleep 0.2
    done
    echo "the process did not print \"$text\"" >&2
    return 1
}

engine=
bind=127.0.0.1
if [[ $mode != rie ]]; then
    if engine=$(infra/docker.sh 2>"$work/docker.log"); then
        mode=docker
        # Containers reach this machine only through the address of their bridge.
        bind=$(docker network inspect bridge | python -c '
import ipaddress, json, sys

bridge = json.load(sys.stdin)[0]["IPAM"]["Config"][0]
print(bridge.get("Gateway") or next(ipaddress.ip_network(bridge["Subnet"]).hosts()))')
    elif [[ $mode == docker ]]; then
        exit 1
    else
        echo "Docker cannot run here: $(tail -1 "$work/docker.log")" >&2
        mode=rie
    fi
fi

cargo build --locked --quiet --package boxoffice
target/debug/boxoffice serve --in-memory --port 0 --dynamodb-port 0 --dynamodb-bind "$bind" --desk-port 0 \
    --catalog infra/catalog.example.yaml >"$work/serve.out" 2>"$work/serve.log" &
processes+=($!)
endpoint=$(wait_for_output "dynamodb on " "$work/serve.out" $!)
keys=$(wait_for_output "dynamodb keys in " "$work/serve.out" $!)

# The functions' environment: infra/env.local.json with the endpoint of this DynamoDB, and variables that Lambda would set.
python - "$endpoint" "$keys" >"$work/env.json" <<'PYTHON'
import configparser, json, sys

with open("infra/env.local.json") as file:
    environment = json.load(file)
keys = configparser.ConfigParser()
keys.read(sys.argv[2])
environment["Parameters"] |= {
    "AWS_ENDPOINT_URL_DYNAMODB": sys.argv[1],
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": keys["default"]["aws_access_key_id"],
    "AWS_SECRET_ACCESS_KEY": keys["default"]["aws_secret_access_key"],
}
json.dump(environment, sys.stdout)
PYTHON

if [[ $mode == rie ]]; then
    python infra/rie.py "$work/env.json" >"$work/api.out" 2>"$work/api.log" &
    processes+=($!)
    api=$(wait_for_output "listening on " "$work/api.out" $!)
else
    # The template as `sam build` would write it, but with the executables of infra/functions.sh.
    python - >target/template.local.json <<'PYTHON'
import json, sys
from samcli.yamlhelper import yaml_parse

with open("template.yaml") as file:
    template = yaml_parse(file.read())
variables = template["Globals"]["Function"]["Environment"]["Variables"]
# The SAM CLI passes only variables that the template names.
variables.setdefault("AWS_ENDPOINT_URL_DYNAMODB", "")
# It passes their condition instead of their values, which no event of API Gateway has.
del template["Resources"]["Api"]["Properties"]["StageVariables"]
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        binary = resource.pop("Metadata")["BuildProperties"]["Binary"]
        resource["Properties"]["CodeUri"] = f"lambda/{binary}"
json.dump(template, sys.stdout, indent=1)
PYTHON
    env AWS_SHARED_CREDENTIALS_FILE="$keys" AWS_DEFAULT_REGION=us-east-1 AWS_MAX_ATTEMPTS=1 \
        sam local start-api --template target/template.local.json --env-vars "$work/env.json" --skip-pull-image \
        --parameter-overrides UserIdentity=TrustUserIdInRequest PaymentProvider=TrustCharges Architecture=x86_64 \
        --container-host-interface 127.0.0.1 --warm-containers LAZY --port "$port" >"$work/api.log" 2>&1 &
    processes+=($!)
    wait_for_output "Running on " "$work/api.log" $! >/dev/null
    api=http://127.0.0.1:$port
fi

echo "the functions are served at $api ($mode)"
if (($#)); then
    "$@" "$api"
else
    wait "${processes[-1]}"
fi
