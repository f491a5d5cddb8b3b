#!/usr/bin/env bash
# Runs `cargo lambda watch` with the routes of template.yaml. Usage: infra/watch.sh [ARGUMENT ...]
# Serves all functions at http://127.0.0.1:9000. Each function is built at its first request and rebuilt when its code changes.
# Uses the tables of a running `cargo run`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

mkdir -p target
python - >target/watch.toml <<'PYTHON'
import json
from samcli.yamlhelper import yaml_parse

with open("template.yaml") as file:
    resources = yaml_parse(file.read())["Resources"].values()
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
paths = {}
for resource in resources:
    if resource["Type"] != "AWS::Serverless::Function":
        continue
    function = resource["Metadata"]["BuildProperties"]["Binary"]
    for event in resource["Properties"].get("Events", {}).values():
        route = event.get("Properties", {})
        if event["Type"] == "HttpApi" and route["Path"] == "$default":
            default = function
        elif event["Type"] == "HttpApi":
            path = route["Path"].replace("{proxy+}", "{*proxy}")
            paths.setdefault(path, {})[route["Method"]] = function
paths["/{*proxy}"] = {}
print("[watch.router]")
for path, functions in paths.items():
    # Methods without a route in the template go to $default.
    routes = ({"method": method, "function": functions.get(method, default)} for method in METHODS)
    tables = ", ".join(f'{{ method = "{one["method"]}", function = "{one["function"]}" }}' for one in routes)
    print(f"{json.dumps(path)} = [{tables}]")
PYTHON

export AWS_REGION=us-east-1 AWS_ENDPOINT_URL_DYNAMODB=${AWS_ENDPOINT_URL_DYNAMODB:-http://127.0.0.1:8000}
# Where `serve` leaves its access keys.
keys=${XDG_CACHE_HOME:-$HOME/.cache}/boxoffice/dynamodb-${AWS_ENDPOINT_URL_DYNAMODB##*:}.ini
if [[ ! -r $keys ]]; then
    echo "no DynamoDB at $AWS_ENDPOINT_URL_DYNAMODB: start \`cargo run\` in another terminal" >&2
    exit 1
fi
AWS_ACCESS_KEY_ID=$(sed -n 's/^aws_access_key_id = //p' "$keys")
AWS_SECRET_ACCESS_KEY=$(sed -n 's/^aws_secret_access_key = //p' "$keys")
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export BOXOFFICE_TABLE=boxoffice BOXOFFICE_KEYS_TABLE=boxoffice-keys BOXOFFICE_USER_IDENTITY=TrustUserIdInRequest BOXOFFICE_PAYMENT_PROVIDER=TrustCharges
exec cargo lambda watch --global target/watch.toml --invoke-address 127.0.0.1 "$@"
