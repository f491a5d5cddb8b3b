#!/usr/bin/env python3
"""Creates, updates and deletes the stack in an AWS emulator, and buys tickets through it. Called by emulator.sh.

Usage: emulator.py TOOLS BOXOFFICE: the folder of ministack and the AWS CLI, and the boxoffice executable. Needs the SAM
CLI's Python, and the functions that infra/functions.sh built. emulator.yaml lists what the emulator does not have.
"""

import io
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError
from translate import translate

ROOT = Path(__file__).resolve().parent.parent
STACK = "boxoffice"
BUCKET = "code"
# The region that the boxoffice command uses on loopback.
REGION = "us-east-1"
START_SECONDS = 60
STACK_SECONDS = 120
BUY_SECONDS = 300
# Before the first release, updates start from this commit's template, the first one with the CDN and alarms.
FIRST_TEMPLATE = "be2881d"
REQUIRED = {"UserIdentity": "TrustUserIdInRequest", "PaymentProvider": "TrustCharges"}
# Every option, so that every conditional resource is created once.
EVERY_OPTION = REQUIRED | {
    "AlarmEmail": "operator@example.com",
    "CheckEvent": "maru-trio",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000",
    "DomainName": "tickets.example.com",
    "MonthlyBudget": "100",
    "PromotionConcurrency": "2",
    "ReadyEnvironments": "5",
    "ReadyFrom": "2030-12-24T19:00:00",
    "ReadyUntil": "2030-12-24T20:30:00",
    "SaleEvents": "On",
    "WarmReadUnits": "12000",
    "WarmWriteUnits": "4000",
}
# What a Rule of the template must refuse, and a part of its message.
REFUSED = [
    (REQUIRED | {"OidcAudience": "shop"}, "UserIdentity must be OpenIdConnect"),
    (REQUIRED | {"DomainName": "tickets.example.com"}, "DomainName requires CertificateArn"),
    (EVERY_OPTION | {"Cdn": "Off"}, "DomainName requires Cdn On"),
    (REQUIRED | {"Cdn": "Off", "OriginSecret": "first"}, "OriginSecret requires Cdn On"),
    (REQUIRED | {"ReadyEnvironments": "5"}, "ReadyEnvironments requires ReadyFrom"),
    (REQUIRED | {"MonthlyBudget": "5"}, "MonthlyBudget requires AlarmEmail"),
    (REQUIRED | {"WarmReadUnits": "12000"}, "Set both WarmReadUnits and WarmWriteUnits"),
]


def git(*arguments):
    """The output of a git command, or None if it failed."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def released_template():
    """The name and text of the template to update from: the last release's, if there is one."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    name = tag.strip() if tag else FIRST_TEMPLATE
    text = git("show", f"{name}:template.yaml")
    if text is None and (git("rev-parse", "--is-shallow-repository") or "").strip() == "true":
        print(f"NOT CHECKED: an update from {name}, because this clone has no history")
        return "this commit", (ROOT / "template.yaml").read_text()
    if text is None:
        sys.exit(f"there is no commit {name} in this repository")
    return name, text


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Exceptions:
    """The contents of emulator.yaml."""

    def __init__(self):
        self.entries = yaml.safe_load((ROOT / "infra/emulator.yaml").read_text())
        self.used = set()

    def remove_from(self, resources):
        for index, entry in enumerate(self.entries):
            for name, resource in list(resources.items()):
                if entry.get("type", resource["Type"]) != resource["Type"] or entry.get("resource", name) != name:
                    continue
                if "property" not in entry:
                    del resources[name]
                elif not any(found.pop(entry["property"], None) for found in (resource, resource.get("Properties", {}))):
                    continue
                self.used.add(index)

    def check_used(self):
        unused = [entry for index, entry in enumerate(self.entries) if index not in self.used]
        if unused:
            sys.exit(f"infra/emulator.yaml: these entries match nothing: {unused}")


def routes_from_body(resources):
    """Replaces the OpenAPI body of the API by routes and integrations: the emulator ignores the body."""
    (api,) = (name for name, one in resources.items() if one["Type"] == "AWS::ApiGatewayV2::Api")
    body = resources[api]["Properties"].pop("Body")
    resources[api]["Properties"] |= {"Name": STACK, "ProtocolType": "HTTP"}
    cors = body.pop("x-amazon-apigateway-cors")
    resources[api]["Properties"]["CorsConfiguration"] = {key[0].upper() + key[1:]: value for key, value in cors.items()}
    routes = [(path, method, one) for path, methods in body["paths"].items() for method, one in methods.items()]
    for number, (path, method, operation) in enumerate(routes):
        integration = operation["x-amazon-apigateway-integration"]
        resources[f"Integration{number}"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        }
        method = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
        resources[f"Route{number}"] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteKey": path if path == "$default" else f"{method} {path}",
                "Target": {"Fn::Sub": f"integrations/${{Integration{number}}}"},
            },
        }


class Emulator:
    def __init__(self, tools, work):
        self.tools = tools
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(f"{work}/ministack.log", "w+")
        self.process = subprocess.Popen(
            [f"{tools}/ministack"],
            # All functions get this environment, too. AWS_ENDPOINT_URL sends them to the emulator's DynamoDB.
            env={
                "PATH": os.environ["PATH"],
                "HOME": work,
                "TMPDIR": work,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "MINISTACK_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": self.url,
                # Checks the permissions of every call.
                "AUTH": "true",
            },
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.exceptions = Exceptions()
        self.archives = {}
        self.cloudformation = self.client("cloudformation")
        self.s3 = self.client("s3")
        self.dynamodb = self.client("dynamodb")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )

    def wait_until_started(self):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                self.s3.create_bucket(Bucket=BUCKET)
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def end(self):
        self.process.terminate()
        self.process.wait(20)

    def upload(self, binary, folder):
        if binary not in self.archives:
            archive = io.BytesIO()
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
                file.write(ROOT / "target/lambda" / binary / "bootstrap", "bootstrap")
            self.archives[binary] = archive.getvalue()
        key = f"{folder}/{binary}.zip"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=self.archives[binary])
        return f"s3://{BUCKET}/{key}"

    def template(self, name, text):
        """Uploads the translated template with the code of its functions. Returns its URL."""
        template = translate(text, lambda binary: self.upload(binary, name))
        routes_from_body(template["Resources"])
        self.exceptions.remove_from(template["Resources"])
        key = f"{name}/template.json"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(template).encode())
        return f"{self.url}/{BUCKET}/{key}"

    def change(self, call, expected, url, parameters):
        """Creates or updates the stack, and returns its outputs."""
        stack_id = call(
            StackName=STACK,
            TemplateURL=url,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )["StackId"]
        stack = self.finished(stack_id, expected)
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def finished(self, stack_id, expected):
        began = time.monotonic()
        while True:
            (stack,) = self.cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                break
            if time.monotonic() > began + STACK_SECONDS:
                sys.exit(f"the stack is {stack['StackStatus']} after {STACK_SECONDS} s")
            time.sleep(0.1)
        if stack["StackStatus"] != expected:
            for event in self.events(stack_id):
                if event["ResourceStatus"].endswith("FAILED"):
                    print(event["LogicalResourceId"], event["ResourceType"], event.get("ResourceStatusReason"), file=sys.stderr)
            sys.exit(f"expected {expected}, got {stack['StackStatus']}: {stack.get('StackStatusReason')}")
        print(f"{expected} in {time.monotonic() - began:.1f} s", flush=True)
        return stack

    def events(self, stack_id):
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return pages.build_full_result()["StackEvents"]

    def create(self, url, parameters):
        return self.change(self.cloudformation.create_stack, "CREATE_COMPLETE", url, parameters)

    def update(self, url, parameters):
        return self.change(self.cloudformation.update_stack, "UPDATE_COMPLETE", url, parameters)

    def make_origin_secret(self, label):
        """Runs origin-secret.sh. Returns the secret that the CDN will send."""
        environment = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        subprocess.run([ROOT / "infra/origin-secret.sh", STACK, label], env=environment, timeout=60, check=True)
        secrets = self.client("secretsmanager")
        found = secrets.get_secret_value(SecretId=f"{STACK}/origin", VersionStage=label)["SecretString"]
        return json.loads(found)["sent"]

    def api(self, outputs):
        """The URL of the stack's API. The host name of ApiUrl does not resolve everywhere; this path is the same API."""
        api = outputs["ApiUrl"].removeprefix("http://").partition(".")[0]
        return f"{self.url}/_aws/execute-api/{api}/$default"

    def refuses(self, url, parameters, message):
        try:
            self.create(url, parameters)
        except ClientError as error:
            if message in str(error):
                return
            raise
        sys.exit(f"these parameters were not refused with {message!r}: {parameters}")

    def delete(self, outputs):
        """Deletes the stack, and then the tables that it leaves, as docs/OPERATIONS.md says."""
        stack_id = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
        self.cloudformation.delete_stack(StackName=STACK)
        self.finished(stack_id, "DELETE_COMPLETE")
        for table in (outputs["TableName"], outputs["KeysTableName"]):
            try:
                self.dynamodb.delete_table(TableName=table)
                sys.exit(f"deletion protection does not keep {table}")
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationException":
                    raise
            self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            self.dynamodb.delete_table(TableName=table)
        tables = self.dynamodb.list_tables()["TableNames"]
        if tables:
            sys.exit(f"these tables are left: {tables}")


def buy(emulator, boxoffice, outputs):
    """Applies the example catalogue, and buys tickets of it."""
    subprocess.run(
        [
            boxoffice,
            *("--endpoint-url", emulator.url),
            *("--table", outputs["TableName"]),
            *("--keys-table", outputs["KeysTableName"]),
            *("apply", ROOT / "infra/catalog.example.yaml"),
        ],
        env={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        stdout=subprocess.DEVNULL,
        timeout=BUY_SECONDS,
        check=True,
    )
    subprocess.run([sys.executable, ROOT / "infra/buying_flow.py", emulator.api(outputs)], timeout=BUY_SECONDS, check=True)


def check_origin(emulator, outputs, secrets):
    """Checks that the CDN sends the last secret, and that the API is closed to requests without one of the last two.

    The first secret does not close it.
    """
    for path in ("/events", "/"):
        closed = 403 if secrets[1:] else 200
        answers = {"": closed, "forged": closed} | dict.fromkeys(secrets[:-2], 403) | dict.fromkeys(secrets[-2:], 200)
        for secret, expected in answers.items():
            request = urllib.request.Request(emulator.api(outputs) + path, headers={"x-boxoffice-origin": secret})
            try:
                status = urllib.request.urlopen(request, timeout=BUY_SECONDS).status
            except urllib.error.HTTPError as error:
                status = error.code
            if status != expected:
                sys.exit(f"{path} with the origin secret {secret!r}: expected {expected}, got {status}")
    (distribution,) = emulator.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    headers = distribution["Origins"]["Items"][0]["CustomHeaders"]["Items"]
    if headers != [{"HeaderName": "x-boxoffice-origin", "HeaderValue": secrets[-1]}]:
        sys.exit(f"the CDN sends {headers}")
    print(f"the CDN sends origin secret {len(secrets)}")


def main():
    logging.disable(logging.WARNING)
    tools, boxoffice = sys.argv[1:]
    name, released = released_template()
    with tempfile.TemporaryDirectory() as work:
        emulator = Emulator(tools, work)
        try:
            emulator.wait_until_started()
            current = emulator.template("current", (ROOT / "template.yaml").read_text())
            for parameters, message in REFUSED:
                emulator.refuses(current, parameters, message)
            print(f"create the stack of {name}, and update it")
            # A later version may require more parameters.
            known = {key: value for key, value in REQUIRED.items() if f"\n  {key}:\n" in released}
            emulator.create(emulator.template("released", released), known)
            outputs = emulator.update(current, REQUIRED)
            buy(emulator, boxoffice, outputs)
            print("delete the stack, and create it with every option")
            emulator.delete(outputs)
            outputs = emulator.create(current, EVERY_OPTION)
            buy(emulator, boxoffice, outputs)
            print("close the API to requests that bypass the CDN, and rotate the secret")
            secrets = []
            for label in ("first", "second", "third"):
                secrets.append(emulator.make_origin_secret(label))
                outputs = emulator.update(current, EVERY_OPTION | {"OriginSecret": label})
                check_origin(emulator, outputs, secrets)
            emulator.delete(outputs)
            emulator.exceptions.check_used()
        except BaseException:
            emulator.log.seek(0)
            print("--- end of ministack.log\n", *emulator.log.readlines()[-20:], sep="", file=sys.stderr)
            raise
        finally:
            emulator.end()


if __name__ == "__main__":
    main()
